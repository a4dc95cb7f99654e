"""What a figure draws of replicates: medians, shares and their bands.

Those whose Stage 1 ended on the paper's side of the sign symmetry are summarised, and apart from
them the others (`scb.analysis.runs`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scb.analysis.runs import Array, Run, worst
from scb.claims.samples import Median, Share

__all__ = ["Array", "Band", "Run", "worst"]

CONFIDENCE = 0.95
"""Of the intervals that figures draw."""


@dataclass(frozen=True)
class Band:
    """What is drawn of replicates against the step, each of shape (S,); may be infinite."""

    middle: Array
    low: Array
    high: Array

    @classmethod
    def of(cls, values: Array) -> "Band":
        """Median and central 95% of ``values``, shape (R, S) with R >= 1.

        The quantiles are order statistics, or the mean of two where a quantile falls
        between them (the empirical distribution inverted and averaged), so infinite
        values count without spoiling their neighbours. Below 40 replicates the interval
        is their whole range.
        """
        ordered = np.sort(values, axis=0)

        def quantile(fortieths: int) -> Array:
            rank, remainder = divmod(fortieths * len(ordered), 40)
            below = rank if remainder else rank - 1
            return (ordered[below] + ordered[rank]) / 2  # inf + inf is inf; never inf - inf

        return cls(middle=quantile(20), low=quantile(1), high=quantile(39))

    @classmethod
    def of_median(cls, values: Array) -> "Band":
        """Median of ``values``, shape (R, S), and its exact interval; none below 6 replicates."""
        middle, ordered = cls.of(values).middle, np.sort(values, axis=0)
        ranks = Median(np.arange(len(values))).estimate(CONFIDENCE)
        if np.isinf(ranks.low) or np.isinf(ranks.high):
            return cls(middle, middle, middle)
        return cls(middle, ordered[int(ranks.low)], ordered[int(ranks.high)])

    @classmethod
    def of_share(cls, flags: NDArray[np.bool_]) -> "Band":
        """Share of ``flags``, shape (R, S) with R >= 1, and its exact interval."""
        found = [Share(column).estimate(CONFIDENCE) for column in flags.T]
        middle, low, high = np.array(found)[:, :3].T  # (S,) each
        return cls(middle=middle, low=low, high=high)
