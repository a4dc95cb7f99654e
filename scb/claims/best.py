"""Which values, of those that the paper does not state, favour a claim most.

The rule, written down before any candidate was trained: each deciding statistic has a *margin*, by
how much its estimate lies beyond the bar; a candidate's score is its least margin; the candidate
with the largest score is chosen, the printed one where scores are equal. So nothing is gained by
what is shown anyway: the weakest statistic decides. A baseline that diverges gives the largest
margin there is.
"""

from collections.abc import Callable, Sequence

import numpy as np

from scb.claims.verdict import Claim, Part

RULE = (
    "the candidate whose least margin over the deciding statistics is largest; of equal ones the "
    "first, which is the printed one"
)

WORST = -1.0
"""Margin of what is infinitely far from its bar, or of no run; likewise 1 on the other side."""


def margin(claim: Claim, some: Callable[[Part], bool] = lambda part: True) -> float:
    """The least margin over the deciding statistics of a claim, or over some of them.

    In units of the bar; of a share, in shares. Clipped to [-1, 1], where candidates are equal.
    """
    return min(_margin(part) for part in claim.parts if part.bar and some(part))


def _margin(part: Part) -> float:
    assert part.bar is not None
    if not len(part.over.values):
        return WORST
    share = part.over.kind == "share"
    found = part.over.values.mean() if share else part.over.estimate(0.95).estimate
    beyond = found - part.bar.value if part.bar.beyond == "above" else part.bar.value - found
    scale = 1.0 if share else abs(part.bar.value)
    return float(np.clip(beyond / scale, -1, 1))


def choose(scores: Sequence[float]) -> int:
    """Place of the largest score, the first of equal ones."""
    return int(np.argmax(scores))
