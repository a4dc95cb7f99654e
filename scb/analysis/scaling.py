"""How a count grows with a size: power laws fitted over replicates, censored ones counted.

A replicate that never reached the goal within its budget needs *more* samples than that:
its count is infinite, not missing. Medians over replicates take infinite counts as they
are, so nothing is dropped and nothing invented.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

FOUND = 0.95
"""A support counts as found once this share of its entries is."""


@dataclass(frozen=True)
class PowerLaw:
    """``median count = constant * size ** exponent``, with an interval of the exponent.

    Attributes
    ----------
    exponent, constant : float
        Least squares of the log medians on the log sizes. Where a median is infinite the
        exponent is infinite too, of the sign of that size's pull, or NaN if such sizes pull
        both ways; the constant is then NaN.
    low, high : float
        Percentile bootstrap interval of the exponent; may be infinite.
    medians : Array, shape (S,)
        Median count at each size; infinite where half of the replicates are censored.
    replicates, censored : tuple of S ints
        How many were run at each size, and how many of them never reached the goal.
    """

    exponent: float
    constant: float
    low: float
    high: float
    medians: Array
    replicates: tuple[int, ...]
    censored: tuple[int, ...]

    def __call__(self, sizes: ArrayLike) -> Array:
        """The fitted count at ``sizes``."""
        return self.constant * np.asarray(sizes, np.float64) ** self.exponent


def samples_needed(runs: pd.DataFrame) -> pd.DataFrame:
    """Samples after which the support was first found, of runs of `scb.learning.tables.TRANSFER`.

    Found is a ``support`` of at least `FOUND`: of the N Q entries of the pattern, 95% are
    among the Q largest of their column. The rule was set before any result was seen.

    Parameters
    ----------
    runs : DataFrame
        Rows of one start and one correlation.

    Returns
    -------
    DataFrame
        A row per replicate and a column per T, for `fit_power_law`: infinite where the
        support was not found within the budget, NaN where the replicate was not run.
    """
    found = runs[runs["support"] >= FOUND].groupby(["replicate", "length"])["samples"].min()
    every = pd.MultiIndex.from_frame(runs[["replicate", "length"]].drop_duplicates())
    return found.astype(float).reindex(every, fill_value=np.inf).unstack("length").sort_index()


def fit_power_law(
    sizes: Sequence[float] | Array,
    counts: ArrayLike,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> PowerLaw:
    """Fit a power law to the median counts, with a bootstrap over replicates.

    ``low`` and ``high`` are quantiles of the least and the largest exponents of
    `bootstrap_exponent`, so that censoring widens the interval and is never mistaken for
    knowledge.

    Parameters
    ----------
    sizes : sequence of S >= 2 different positive numbers
    counts : array, shape (R, S), positive
        Of each replicate and size; infinite if censored, NaN if it was not run.
    level : float
        Of the interval.
    resamples, seed : int
        Of the bootstrap.

    Raises
    ------
    ValueError
        If shapes do not match, sizes are not distinct and positive, a count is not
        positive, or a size has no replicate.
    """
    size, count = np.asarray(sizes, np.float64), np.asarray(counts, np.float64)
    if len(set(size.tolist())) < max(2, len(size)) or not (size > 0).all():
        raise ValueError(f"sizes are {size.tolist()}: two or more different positive ones")
    if count.ndim != 2 or count.shape[1] != len(size):
        raise ValueError(f"counts has shape {count.shape}: it must be (replicates, {len(size)})")
    if (count <= 0).any():
        raise ValueError(f"counts contains {np.nanmin(count)}: counts must be positive")
    run = ~np.isnan(count)
    if not run.any(0).all():
        raise ValueError("counts has a size without any replicate")

    medians = _median(count)
    exponent, constant = _fit(size, medians)
    least, most = bootstrap_exponent(size, count, resamples, seed)
    tail = (1 - level) / 2
    # Order statistics: infinities spoil no neighbour.
    low = np.quantile(least, tail, method="lower")
    high = np.quantile(most, 1 - tail, method="higher")
    return PowerLaw(
        float(exponent),
        float(constant),
        float(low),
        float(high),
        medians,
        tuple(int(number) for number in run.sum(0)),
        tuple(int(number) for number in np.isinf(count).sum(0)),
    )


def bootstrap_exponent(
    sizes: Array, counts: Array, resamples: int, seed: int = 0
) -> tuple[Array, Array]:
    """Least and largest exponent of each resample, both of shape (resamples,).

    A replicate is resampled with all of its sizes, as they may share a task, among those that
    were run at the same sizes. Of a resample with an infinite median we know that it is no
    less than the largest count that was reached at that size: the exponents are the least and
    the largest that this allows.

    Parameters
    ----------
    sizes, counts : array of shape (S,), (R, S)
        As of `fit_power_law`, each size with a replicate.
    """
    run = ~np.isnan(counts)
    reach = np.where(np.isfinite(counts), counts, 0.0).max(0)  # 0: nobody got there
    generator = np.random.Generator(np.random.PCG64(seed))
    strata = [np.flatnonzero((run == sizes_run).all(1)) for sizes_run in np.unique(run, axis=0)]
    drawn = [generator.choice(stratum, (resamples, len(stratum))) for stratum in strata]
    rows = np.concatenate(drawn, axis=1)  # (resamples, R)
    return _bounds(sizes, _median(counts[rows]), reach)


def _median(counts: Array) -> Array:
    """Median of each column of (..., R, S), NaN left out; infinite if one of the middle two is."""
    ordered = np.sort(counts, axis=-2)  # NaN last
    known = (~np.isnan(counts)).sum(-2)  # (..., S)
    below, above = (
        np.take_along_axis(ordered, rank[..., None, :], axis=-2)[..., 0, :]
        for rank in ((known - 1) // 2, known // 2)
    )
    return np.asarray((below + above) / 2)


def _pull(sizes: Array) -> Array:
    """The exponent is linear in the log medians, with these weights."""
    x = np.log(sizes) - np.log(sizes).mean()
    return np.asarray(x / (x @ x))


def _fit(sizes: Array, medians: Array) -> tuple[float, float]:
    """Exponent and constant of the least-squares line through the logarithms."""
    pull = _pull(sizes)
    if np.isfinite(medians).all():
        y = np.log(medians)
        exponent = pull @ y
        return float(exponent), float(np.exp(y.mean() - exponent * np.log(sizes).mean()))
    signs = {float(sign) for sign in np.sign(pull[~np.isfinite(medians)])}
    return (signs.pop() * np.inf if len(signs) == 1 else np.nan), np.nan


def _bounds(sizes: Array, medians: Array, reach: Array) -> tuple[Array, Array]:
    """Least and largest exponent, if infinite medians (..., S) are anything from ``reach`` on."""
    pull = _pull(sizes)
    censored = np.isinf(medians)
    with np.errstate(divide="ignore"):
        least = np.log(np.where(censored, reach, medians))
    most = np.log(medians)
    used = pull != 0  # 0 times infinity is no number
    low = np.where(pull > 0, least, most)[..., used] @ pull[used]
    high = np.where(pull > 0, most, least)[..., used] @ pull[used]
    return low, high
