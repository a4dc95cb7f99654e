"""The second paper's claims on language, K4 and K5, and the bars that decide them.

They were written before any run of the judging seed. Both are about bits per byte of the test
split, in pairs of runs: runs of one index see the same text and start from the same draws. A
statistic is the median over runs with its exact interval, so nothing is taken for granted of the
law of the differences. The test text is one and the same for all runs: a verdict is about it.

- K4, *at least as well*: ReBased needs less than 1% more bits than Based.
- K5, *the gain sits in recall*: on repeated bigrams ReBased needs at least 1% fewer bits than
  Based, and what it gains there is more, in bits of the whole text, than what it gains on all
  other tokens.
"""

import numpy as np

from scb.claims.markdown import INTERVALS, fixed_at
from scb.claims.operating import binomial
from scb.claims.parts import ratio
from scb.claims.samples import Median
from scb.claims.verdict import FAMILY, Bar, Claim, Part
from scb.rebased.language_results import SLICES, Array, Modelled

NOT_WORSE = Bar(1.01, "below")
"""*At least as well*: a hundredth is less than what another learning rate changes."""
FEWER = Bar(0.99, "below", none=1)
MORE = Bar(0, "above", none=0)

SAID = {
    "softmax": "softmax",
    "elu": "linear",
    "based": "Based",
    "square": "x²",
    "rebased": "ReBased",
}

NOTE = f"""\
K4 and K5 are judged by bits per byte on held-out text, of every kernel at the learning rate that
was chosen for it by validation on another seed. Runs (seeds of the order of the text and of
initial weights) are paired across kernels. An estimate is a median over runs, with the exact
interval between order statistics.

{INTERVALS}

A false verdict is among these two with a probability of at most {FAMILY:.0%}, by Holm's levels,
apart from the claims on recall."""
"""How they are judged, for `scb.claims.markdown.render`."""


def note_of(fixed: str | None) -> str:
    """How the claims are judged, and at which commit that was fixed, if it was."""
    return f"{NOTE}\n\n{fixed_at('Rules, rates and the number of runs', fixed, 'used for them')}"


def claims(found: Modelled) -> list[Claim]:
    """K4 and K5 with their statistics.

    Raises
    ------
    ValueError
        If Based and ReBased have other numbers of runs: those are paired.
    """
    based, rebased = (len(found.bits(kernel)) for kernel in ("based", "rebased"))
    if based != rebased:
        raise ValueError(f"based has {based} runs, and rebased {rebased}: they must be pairs")
    others = [kernel for kernel in found.kernels if kernel not in ("based", "rebased")]
    return [
        Claim(
            "K4",
            "ReBased models language at least as well as Based.",
            "language",
            (
                _ratio(found, "rebased", "based", "test", NOT_WORSE),
                *(_ratio(found, "rebased", other, "test") for other in others),
            ),
        ),
        Claim(
            "K5",
            "What ReBased gains over Based in language, it gains in recall.",
            "language",
            (
                _ratio(found, "rebased", "based", "repeated", FEWER),
                Part(
                    "bits per byte of all text that ReBased saves over Based: "
                    f"{SLICES['repeated']} − {SLICES['other']}",
                    MORE,
                    Median(_saved_more_in_recall(found)),
                    section="language",
                ),
                _ratio(found, "rebased", "based", "other"),
                *(_ratio(found, "rebased", other, "repeated") for other in others),
            ),
        ),
    ]


def _ratio(found: Modelled, left: str, right: str, part: str, bar: Bar | None = None) -> Part:
    both = found.bits(left, part), found.bits(right, part)
    pairs = min(map(len, both))  # runs of one index are pairs, and some kernels have fewer
    values = ratio(both[0][:pairs], both[1][:pairs])
    said = f"test bits per byte, {SLICES[part]}, {SAID.get(left, left)} / {SAID.get(right, right)}"
    return Part(said, bar, Median(values), section="language")


def _saved_more_in_recall(found: Modelled) -> Array:
    """What ReBased saves over Based on repeated bigrams less what it saves elsewhere, shape (R,).

    Both in bits per byte of all text. A pair of which one diverged counts as short of any bar.
    """
    with np.errstate(invalid="ignore"):
        repeated, other = (
            found.share(part) * (found.bits("based", part) - found.bits("rebased", part))
            for part in ("repeated", "other")
        )
        more = repeated - other
    return np.where(np.isfinite(more), more, -np.inf)


def power(runs: int, share: float) -> float:
    """Chance that a statistic is shown if a run lies beyond its bar with probability ``share``.

    At the least level that Holm can give to one of two claims; by symmetry also the chance that a
    claim with one bar is refuted where a run falls short of it as often.
    """
    return float(binomial(runs, 0.5, share, FAMILY / 2 / 2))
