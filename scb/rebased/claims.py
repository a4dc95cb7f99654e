"""The second paper's claims, K1 to K3, and the bars that decide them.

Bars were written before any result was judged, but for one thing: that the test split had a part
in K3, by which of the linear kernels counts, was mended later. Each claim is about test accuracies
on recall, of every kernel at the learning rate selected by validation, compared in pairs: runs of
one index see the same sequences and start from the same draws, but for queries and keys of
another width. The statistic is the mean over runs with Student's interval. With the 3 runs of
the default this has two degrees of freedom, so the interval is wide: an effect must be several
times its spread to be shown, and what is *undecided* may well be true. It also takes differences
for normal, which nobody can check on 3 of them.

- K1, *at least as good*: ReBased is no more than two points of accuracy behind Based wherever
  the state is small for the task. Elsewhere the difference is reported only.
- K2, *matter*: with gamma and beta ReBased is ahead of the same kernel without them, by two
  points, in every setting. What they do without the norm is reported only.
- K3, *beat at equal state size*: both the bare square and ReBased are ahead of the linear kernels
  with as many features, by two points, in every setting; of the linear two the one with the
  better validation accuracy counts.
"""

from collections.abc import Sequence

from scb.claims.markdown import INTERVALS
from scb.claims.samples import Mean
from scb.claims.verdict import FAMILY, Bar, Claim, Part
from scb.rebased.language_claims import NOTE as LANGUAGE_NOTE
from scb.rebased.results import Array, Recalled

NOT_WORSE = Bar(-0.02, "above")
AHEAD = Bar(0.02, "above", none=0)
LINEAR = ("identity", "elu")

NOTE = f"""\
K1 to K3 are judged by test accuracies on multi-query associative recall, of every kernel at the
learning rate selected by validation, over runs (seeds of data and of initial weights) that are
paired across kernels. An estimate is a mean over runs with Student's interval. **With few runs
it is wide**: with 3, about eight standard deviations each way. What is undecided may be true.

{INTERVALS}

A false verdict is among K1 to K3 with a probability of at most {FAMILY:.0%}, by Holm's
levels across the three. Of the two linear kernels the one with the better validation
accuracy counts.

{LANGUAGE_NOTE}"""
"""How the claims are judged, for `scb.claims.markdown.render`."""


def claims(recalled: dict[str, Recalled], limited: Sequence[str]) -> list[Claim]:
    """K1 to K3 with their statistics.

    Parameters
    ----------
    recalled : dict of Recalled
        By setting.
    limited : sequence of str
        The settings in which the state is small for the task.

    Raises
    ------
    ValueError
        If one of ``limited`` is not a setting.
    """
    unknown = [name for name in limited if name not in recalled]
    if unknown:
        raise ValueError(f"no tables of {', '.join(unknown)}")
    return [_k1(recalled, limited), _k2(recalled), _k3(recalled)]


def _part(name: str, said: str, bar: Bar | None, left: Array, right: Array) -> Part:
    return Part(f"test accuracy, {said}, {name.replace('_', ' ')}", bar, Mean(left - right))


def _difference(name: str, found: Recalled, pair: tuple[str, str], bar: Bar | None) -> Part:
    left, right = pair
    said = f"{SAID[left]} − {SAID[right]}"
    return _part(name, said, bar, found.accuracies(left), found.accuracies(right))


SAID = {
    "based": "Based",
    "rebased": "ReBased",
    "square": "x²",
    "square_affine": "(γx+β)²",
    "square_norm": "norm(x)²",
}


def _k1(recalled: dict[str, Recalled], limited: Sequence[str]) -> Claim:
    ordered = [*limited, *(name for name in recalled if name not in limited)]
    return Claim(
        "K1",
        "ReBased is at least as good as Based in capacity-limited settings.",
        "rebased",
        tuple(
            _difference(
                name,
                recalled[name],
                ("rebased", "based"),
                NOT_WORSE if name in limited else None,
            )
            for name in ordered
        ),
    )


def _k2(recalled: dict[str, Recalled]) -> Claim:
    pairs = {("rebased", "square_norm"): AHEAD, ("square_affine", "square"): None}
    return Claim(
        "K2",
        "The affine parameters γ and β matter.",
        "rebased",
        tuple(
            _difference(name, found, pair, bar)
            for pair, bar in pairs.items()
            for name, found in recalled.items()
        ),
    )


def _k3(recalled: dict[str, Recalled]) -> Claim:
    parts = []
    for kernel in ("square", "rebased"):
        for name, found in recalled.items():
            linear = found.accuracies(found.better(LINEAR))
            said = f"{SAID[kernel]} − the better linear"
            parts.append(_part(name, said, AHEAD, found.accuracies(kernel), linear))
    return Claim(
        "K3", "Quadratic kernels beat linear features at equal state size.", "rebased", tuple(parts)
    )
