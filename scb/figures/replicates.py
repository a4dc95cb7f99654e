"""What a figure draws of replicates: medians and bands.

Those whose Stage 1 ended on the paper's side of the sign symmetry are summarised, the
others are drawn one by one (`scb.analysis.runs`).
"""

from dataclasses import dataclass

import numpy as np

from scb.analysis.runs import Array, Run, worst

__all__ = ["Array", "Band", "Run", "worst"]


@dataclass(frozen=True)
class Band:
    """Median and central 95% interval of replicates, each of shape (S,); may be infinite."""

    median: Array
    low: Array
    high: Array

    @classmethod
    def of(cls, values: Array) -> "Band":
        """Summarise ``values``, shape (R, S) with R >= 1.

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

        return cls(median=quantile(20), low=quantile(1), high=quantile(39))
