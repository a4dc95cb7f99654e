"""The second paper's claims, K1 to K3, and the bars that decide them.

Each claim is about test accuracies on recall, every kernel at the learning rate that was chosen for
it on the tuning seed. Kernels are compared in pairs: runs of one index see the same sequences and
start from the same draws, but for queries and keys of another width. A statistic is the median
over runs of such a difference, with its exact interval. K1 and K2 are judged where the state is
small for the task: where every kernel solves it there is no difference. K3 is judged along the
curve of accuracy against the size of the state.

- K1, *at least as good*: ReBased is no more than two points of accuracy behind Based.
- K2, *matter*: with gamma and beta ReBased is ahead of the same kernel without them, by two
  points. What they do without the norm is not judged.
- K3, *beat at equal state size*: both the bare square and ReBased are ahead of linear kernels with
  as many features, by two points in the mean over the sizes of the state. Of two linear kernels the
  one with the better validation accuracy counts.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from scb.claims.markdown import INTERVALS, fixed_at
from scb.claims.samples import Median
from scb.claims.verdict import FAMILY, Bar, Claim, Part
from scb.rebased.results import Array, Recalled

NOT_WORSE = Bar(-0.02, "above")
AHEAD = Bar(0.02, "above", none=0)

NOTE = f"""\
K1 to K3 are judged by test accuracies on multi-query associative recall, of every kernel at the
learning rate that was chosen for it by validation on another seed. Runs (seeds of data and of
initial weights) are paired across kernels. An estimate is a median over runs of the difference,
with the exact interval between order statistics.

{INTERVALS}

A false verdict is among K1 to K3 with a probability of at most {FAMILY:.0%}, by Holm's
levels across the three. K1 and K2 are judged where the kernels have fewer features than the
task has pairs. K3 is judged by the mean difference over all sizes of the state. What single
sizes show is reported only."""
"""How the claims are judged, for `scb.claims.markdown.render`."""


def note_of(fixed: str | None) -> str:
    """How the claims are judged, and at which commit that was fixed, if it was."""
    return f"{NOTE}\n\n{fixed_at('Rules, rates and the number of runs', fixed, 'used for them')}"


def claims(recalled: Mapping[str, Recalled], limited: Sequence[str]) -> list[Claim]:
    """K1 to K3 with their statistics.

    Parameters
    ----------
    recalled : mapping of Recalled
        By setting, each kernel at one rate.
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
    ordered = [*limited, *(name for name in recalled if name not in limited)]
    found = {name: recalled[name] for name in ordered}
    barred = dict.fromkeys(limited)
    return [_k1(found, barred), _k2(found, barred), _k3(found)]


def _part(said: str, where: str, bar: Bar | None, differences: Array) -> Part:
    statistic = f"test accuracy, {said}, {where}"
    return Part(statistic, bar, Median(differences), section="rebased")


def _size(name: str, recalled: Recalled) -> str:
    return f"{name.replace('_', ' ')}, $f = {recalled.features}$"


def _k1(found: Mapping[str, Recalled], limited: Mapping[str, None]) -> Claim:
    return Claim(
        "K1",
        "ReBased is at least as good as Based in capacity-limited settings.",
        "rebased",
        tuple(
            _part(
                "ReBased − Based",
                _size(name, one),
                NOT_WORSE if name in limited else None,
                one.ahead("rebased", "based"),
            )
            for name, one in found.items()
        ),
    )


def _k2(found: Mapping[str, Recalled], limited: Mapping[str, None]) -> Claim:
    return Claim(
        "K2",
        "The affine parameters γ and β matter.",
        "rebased",
        tuple(
            _part(
                "ReBased − norm(x)²",
                _size(name, one),
                AHEAD if name in limited else None,
                one.ahead("rebased", "square_norm"),
            )
            for name, one in found.items()
            if "square_norm" in one.kernels
        ),
    )


def _k3(found: Mapping[str, Recalled]) -> Claim:
    said = {"square": "x² − linear", "rebased": "ReBased − linear"}
    ahead = {
        kernel: {name: one.ahead(kernel, one.linear) for name, one in found.items()}
        for kernel in said
    }
    along = [
        _part(words, "mean over sizes", AHEAD, np.mean([*ahead[kernel].values()], axis=0))
        for kernel, words in said.items()
    ]
    alone = [
        _part(words, _size(name, found[name]), None, differences)
        for kernel, words in said.items()
        for name, differences in ahead[kernel].items()
    ]
    sentence = "Quadratic kernels beat linear features at equal state size."
    return Claim("K3", sentence, "rebased", (*along, *alone))
