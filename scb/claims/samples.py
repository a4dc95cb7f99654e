"""Values of replicates, and what they say of the law that they come from.

A sample gives an estimate with a two-sided interval, and one-sided p values at a bar. The two
agree: the interval at confidence ``1 - a`` lies beyond the bar exactly if the p value of *beyond*
is at most ``a / 2``, and short of it exactly if that of *short* is. Medians and shares are exact
for any law of the replicates; means take them for normal; exponents have a bootstrap.
"""

from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from scb.analysis.scaling import bootstrap_exponent, fit_power_law
from scb.claims.verdict import Array, Bar, Estimate, Tails

UNKNOWN = Tails(1.0, 1.0)


class _Values:
    """Numbers, one a replicate.

    Parameters
    ----------
    values : array, shape (R,)
    replicates : array of int, shape (R,), optional
        Which replicates they are; 0 to R - 1 by default.

    Raises
    ------
    ValueError
        If a value is not a number, or there are not as many replicates as values.
    """

    kind: ClassVar[str]
    sizes: Array = np.empty(0)

    def __init__(self, values: ArrayLike, replicates: ArrayLike | None = None) -> None:
        self.values: Array = np.asarray(values, dtype=np.float64)
        if self.values.ndim != 1 or np.isnan(self.values).any():
            raise ValueError("a replicate's value is not a number")
        self.replicates = _replicates(replicates, len(self.values))

    def select(self, some: NDArray[np.bool_]) -> Self:
        """Some of the replicates, such as a quarter."""
        return type(self)(self.values[some], self.replicates[some])


class Median(_Values):
    """Median, with the interval between two order statistics and the p values of the sign test.

    Infinite values of diverged runs count like any other. A value at the bar is not beyond it, so
    it counts as short: where all runs tie with the bar, the claim is refuted.
    """

    kind = "median"

    def estimate(self, confidence: float) -> Estimate:
        """With the exact two-sided interval."""
        count = len(self.values)
        if not count:
            return Estimate(np.nan, -np.inf, np.inf, 0)
        ordered = np.sort(self.values)
        with np.errstate(invalid="ignore"):
            middle = float((ordered[(count - 1) // 2] + ordered[count // 2]) / 2)
        tails = stats.binom.cdf(np.arange(count), count, 0.5)
        return Estimate(middle, *_order_statistics(ordered, ordered, tails, confidence), count)

    def tails(self, bar: Bar) -> Tails:
        """Binomial: under the null each run is beyond the bar with probability 1/2 at most."""
        count = len(self.values)
        beyond = int(bar.passed(self.values).sum())
        # P(Bin(n, 1/2) >= k) = P(Bin(n, 1/2) <= n - k)
        found = stats.binom.cdf([count - beyond, beyond], count, 0.5)
        return Tails(float(found[0]), float(found[1]))


class Share(_Values):
    """Share of replicates with a property, with the interval of Clopper and Pearson.

    Its bar lies strictly between 0 and 1, as it could not fail, or not be met, elsewhere.
    """

    kind = "share"

    def __init__(self, flags: ArrayLike, replicates: ArrayLike | None = None) -> None:
        super().__init__(np.asarray(flags, dtype=bool), replicates)

    def estimate(self, confidence: float) -> Estimate:
        """With the exact two-sided interval."""
        total, having = len(self.values), int(self.values.sum())
        if not total:
            return Estimate(np.nan, 0.0, 1.0, 0)
        interval = stats.binomtest(having, total).proportion_ci(confidence, method="exact")
        return Estimate(having / total, float(interval.low), float(interval.high), total)

    def tails(self, bar: Bar) -> Tails:
        """Binomial, with the bar as the probability.

        Raises
        ------
        ValueError
            If the bar is not strictly between 0 and 1.
        """
        if not 0 < bar.value < 1:
            raise ValueError(f"the bar of a share is {bar.value:g}: it must be between 0 and 1")
        total, having = len(self.values), int(self.values.sum())
        above = float(stats.binom.sf(having - 1, total, bar.value))
        below = float(stats.binom.cdf(having, total, bar.value))
        return Tails(above, below) if bar.beyond == "above" else Tails(below, above)


class Exponent:
    """Exponent of the power law of median counts, with its percentile bootstrap over replicates.

    Approximate, the more so the fewer replicates a size has. With fewer than `least` at some size
    nothing is known: the bootstrap of so few has hardly a spread.

    Parameters
    ----------
    sizes : array, shape (S,)
    counts : array, shape (R, S)
        Infinite where censored, NaN where not run (`scb.analysis.scaling.fit_power_law`). All R
        are counted as the runs, though a size may have fewer.
    replicates : array of int, shape (R,), optional
    """

    kind = "exponent"
    resamples = 9999
    """The least p value is 1 in 10000, below what a table of claims asks for."""
    least = 4

    def __init__(
        self, sizes: ArrayLike, counts: ArrayLike, replicates: ArrayLike | None = None
    ) -> None:
        self.sizes: Array = np.asarray(sizes, dtype=np.float64)
        self.counts: Array = np.asarray(counts, dtype=np.float64)  # (R, S)
        if self.counts.ndim != 2 or self.counts.shape[1] != len(self.sizes):
            raise ValueError(
                f"counts has shape {self.counts.shape}: it must be (replicates, {len(self.sizes)})"
            )
        self.replicates = _replicates(replicates, len(self.counts))

    @property
    def values(self) -> Array:
        """The counts, a replicate after the other, shape (R S,)."""
        return self.counts.ravel()

    def select(self, some: NDArray[np.bool_]) -> "Exponent":
        """Some of the replicates, such as a quarter."""
        return Exponent(self.sizes, self.counts[some], self.replicates[some])

    @property
    def known(self) -> bool:
        """Whether each size has enough replicates."""
        return bool(((~np.isnan(self.counts)).sum(axis=0) >= self.least).all())

    @cached_property
    def bounds(self) -> tuple[Array, Array]:
        """Least and largest exponent of each resample, in order."""
        least, most = bootstrap_exponent(self.sizes, self.counts, self.resamples)
        return np.sort(least), np.sort(most)

    def estimate(self, confidence: float) -> Estimate:
        """With the two-sided interval of the bootstrap."""
        count = len(self.counts)
        if not self.known:
            return Estimate(np.nan, -np.inf, np.inf, count)
        least, most = self.bounds
        tails = np.arange(1, len(least) + 1) / (len(least) + 1)
        interval = _order_statistics(least, most, tails, confidence)
        law = fit_power_law(self.sizes, self.counts, resamples=1)
        return Estimate(law.exponent, *interval, count)

    def tails(self, bar: Bar) -> Tails:
        """Shares of resamples that lie elsewhere."""
        if not self.known:
            return UNKNOWN
        least, most = self.bounds
        near, far = (least, most) if bar.beyond == "above" else (most, least)
        elsewhere = (~bar.passed(near)).sum(), bar.passed(far).sum()
        beyond, short = ((count + 1) / (len(least) + 1) for count in elsewhere)
        return Tails(float(beyond), float(short))


def _replicates(replicates: ArrayLike | None, count: int) -> NDArray[np.int64]:
    found = np.arange(count) if replicates is None else np.asarray(replicates)
    if found.shape != (count,):
        raise ValueError(f"{count} replicates have values, {len(found)} are named")
    return found.astype(np.int64)


def _order_statistics(
    lower: Array, upper: Array, tails: Array, confidence: float
) -> tuple[float, float]:
    """Bounds from ordered values: the j-th from each end, the largest j with a thin enough tail.

    Parameters
    ----------
    lower, upper : array, shape (n,)
        In order; where the lower and the upper bound come from.
    tails : array, shape (n,)
        Of the j-th, the probability that the bound is wrong.
    """
    j = int(np.searchsorted(tails, (1 - confidence) / 2, side="right"))
    return (float(lower[j - 1]), float(upper[-j])) if j else (-np.inf, np.inf)
