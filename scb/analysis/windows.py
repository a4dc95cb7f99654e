"""Which lambda is useful: the window of penalties that bring A nearer to Q.

A penalty is *useful* for a run if it closes at least half of the gap between the distance
without penalty and the least distance of any. The rule knows no scale of lambda and
was fixed before any sweep was run.
"""

import numpy as np
from numpy.typing import ArrayLike


def useful_window(penalties: ArrayLike, distances: ArrayLike) -> tuple[float, float, float]:
    """The best penalty, and the ends of the interval of useful ones around it.

    Ends between two penalties are interpolated in log lambda; an interval that is still
    open at the least or largest positive penalty ends there.

    Parameters
    ----------
    penalties : array, shape (K,)
        0, then positive and increasing.
    distances : array, shape (K,)
        ``|A - Q|_mu`` at each; infinite for a run that diverged.

    Returns
    -------
    best, low, high : float
        ``(0, nan, nan)`` if no penalty is better than none.

    Raises
    ------
    ValueError
        If the penalties are not as said.
    """
    lam, distance = np.asarray(penalties, np.float64), np.asarray(distances, np.float64)
    if lam.shape != distance.shape or len(lam) < 2 or lam[0] != 0 or (np.diff(lam) <= 0).any():
        raise ValueError(f"penalties are {lam.tolist()}: 0, then increasing, one per distance")
    none, lam, distance = distance[0], lam[1:], distance[1:]
    best = int(distance.argmin())
    if not distance[best] < none:
        return 0.0, np.nan, np.nan
    halfway = (distance[best] + none) / 2  # infinite if the run without penalty diverged
    useful = np.isfinite(distance) & (distance <= halfway)

    def end(direction: int) -> float:
        inside = best
        while 0 <= inside + direction < len(lam) and useful[inside + direction]:
            inside += direction
        outside = inside + direction
        if not 0 <= outside < len(lam) or np.isinf(distance[outside]):
            return float(lam[inside])
        share = (halfway - distance[inside]) / (distance[outside] - distance[inside])
        return float(lam[inside] * (lam[outside] / lam[inside]) ** share)

    return float(lam[best]), end(-1), end(1)
