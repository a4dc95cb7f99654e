"""From shares of runs that succeed to the count that is enough, and how it grows with a size."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

Array = NDArray[np.float64]

SHARE = 0.9
"""Of the runs that a count must make succeed to be enough."""

RESAMPLES = 500
"""Of the bootstrap over replicates."""


def enough(counts: ArrayLike, shares: ArrayLike, share: float = SHARE) -> float:
    """The count from which on a ``share`` of runs succeeds, whatever the law of shares.

    Shares are made monotone by least squares, and interpolated in the logarithm of the count.

    Parameters
    ----------
    counts : array, shape (K,), increasing and positive
    shares : array, shape (K,)
        Of the runs that succeeded at each.
    share : float

    Returns
    -------
    float
        Infinite if even the largest count is too small; the least count if it is enough already.
    """
    logs = np.log(np.asarray(counts, np.float64))
    rising = isotonic_regression(shares).x
    above = rising >= share - 1e-12
    if not above.any():
        return np.inf
    place = int(above.argmax())
    if place == 0:
        return float(np.exp(logs[0]))
    low, high = rising[place - 1 : place + 1]
    part = (share - low) / (high - low)
    return float(np.exp(logs[place - 1] + part * (logs[place] - logs[place - 1])))


@dataclass(frozen=True)
class Growth:
    """Counts that are enough at each size, and the exponent that they grow with.

    Attributes
    ----------
    counts, low, high : Array, shape (S,)
        As of `enough`, and their 95% intervals.
    exponent : float
        Least squares of logarithms; NaN if a count is infinite.
    least, most : float
        Its 95% interval; NaN likewise.
    """

    counts: Array
    low: Array
    high: Array
    exponent: float
    least: float
    most: float

    @classmethod
    def of(cls, sizes: ArrayLike, cells: list[tuple[Array, NDArray[np.bool_]]]) -> "Growth":
        """Of runs, with a percentile bootstrap over replicates.

        Where the largest count is too small for a resample, it is taken for twice as much, so an
        interval whose high end is there is open above.

        Parameters
        ----------
        sizes : array, shape (S,)
        cells : list of S pairs
            Counts, shape (K,), and which of R replicates succeeded at each, shape (K, R).
        """
        found, drawn = [], []
        generator = np.random.Generator(np.random.PCG64(0))
        for counts, right in cells:
            found.append(enough(counts, right.mean(1)))
            replicates = right.shape[1]
            picks = generator.integers(replicates, size=(RESAMPLES, replicates))
            each = np.array([enough(counts, right[:, pick].mean(1)) for pick in picks])
            drawn.append(np.where(np.isinf(each), 2 * counts[-1], each))
        logs = np.log(np.asarray(sizes, np.float64))
        pull = (logs - logs.mean()) / np.square(logs - logs.mean()).sum()
        draws = np.stack(drawn)  # (S, resamples)
        low, high = np.quantile(draws, [0.025, 0.975], axis=1)
        law = np.full(3, np.nan)
        if np.isfinite(found).all():
            law[0] = pull @ np.log(found)
            law[1:] = np.quantile(pull @ np.log(draws), [0.025, 0.975])
        return cls(np.array(found), low, high, *map(float, law))
