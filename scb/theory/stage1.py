"""How many samples a step Stage 1 needs: the batch that fixes the sign of the signals.

Near the start the two signals grow from a drift and from noise, and whichever is larger
decides their sign (derived in docs/stage1.md). `required_batch` is the closed form of the
batch with which Stage 1 ends right with a given probability, `fit` its estimate from
counts of runs, `exponents` how such batches grow with T and eta.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.stats import norm

from scb.data.task import Task
from scb.theory.population import boost_signal_to_noise

Array = NDArray[np.float64]

PROBABILITY = 0.9
"""Of ending Stage 1 with the right sign, at the batch asked for."""

POWERS = np.linspace(0.2, 1.2, 41)
"""Grid of kappa in `fit`; the closed form has 1/2 for one task, less over several."""

GRID_STEP = 0.02
"""Of the logarithm of B_90 in `fit`: far below its standard error."""


def required_batch(task: Task, rate: float, probability: float = PROBABILITY) -> float:
    """Batch at which the closed form's mean chance of the right sign is ``probability``.

    Parameters
    ----------
    task : Task of R replicates
        The mean is over them; each has the chance ``Phi(rho)`` with rho of
        `scb.theory.population.boost_signal_to_noise`, which grows as ``sqrt(B)``.
    rate : float
        eta.
    probability : float
        In (1/2, 1).
    """
    if not 0.5 < probability < 1:
        raise ValueError(f"probability is {probability}: it must be in (1/2, 1)")
    unit = boost_signal_to_noise(task, 1, rate).cpu().numpy()  # (R,)
    single = 2 * np.log(norm.ppf(probability) / unit)  # log B of each replicate alone

    def excess(log_batch: float) -> float:
        return float(norm.cdf(unit * np.exp(log_batch / 2)).mean() - probability)

    margin = 1e-6  # all replicates alike: the root is where both ends are
    return float(np.exp(brentq(excess, single.min() - margin, single.max() + margin)))


def ladder(centre: float, halvings: int, doublings: int) -> list[int]:
    """Whole batches, a factor 2 apart, from ``centre / 2^halvings`` to ``centre 2^doublings``."""
    factors = 2.0 ** np.arange(-halvings, doublings + 1)
    return sorted({max(1, round(centre * factor)) for factor in factors})


@dataclass(frozen=True)
class RequiredBatch:
    """Estimate of B_90, the batch that ends Stage 1 right with probability 0.9.

    Attributes
    ----------
    batch, power : float
        B_90 and kappa of `fit`.
    draws : Array, shape (resamples,)
        B_90 of bootstrap samples.
    """

    batch: float
    power: float
    draws: Array

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Percentile interval of B_90."""
        low, high = np.quantile(self.draws, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)


def fit(
    batches: Sequence[int], right: ArrayLike, runs: int, *, resamples: int = 2000, seed: int = 0
) -> RequiredBatch:
    """Fit ``Phi(z (B / B_90)^kappa)``, z the 0.9 quantile, to counts of right endings.

    A probit curve that starts from 1/2, as tossing a coin does, and not from 0. Maximum
    likelihood on a grid that reaches four times beyond the batches on both sides; the
    interval is that of a parametric bootstrap.

    Parameters
    ----------
    batches : sequence of K ints
    right : array, shape (K,)
        How many of ``runs`` ended right at each batch.
    runs : int
    resamples, seed : int
        Of the bootstrap.
    """
    counts = np.asarray(right, np.float64)
    if counts.shape != (len(batches),) or (counts < 0).any() or (counts > runs).any():
        raise ValueError(f"right is {counts.tolist()}: a count in [0, {runs}] for each batch")
    logs = np.log(batches)
    thresholds = np.arange(logs.min() - np.log(4), logs.max() + np.log(4), GRID_STEP)  # log B_90
    grid = np.stack(np.meshgrid(thresholds, POWERS, indexing="ij"), -1).reshape(-1, 2)
    argument = norm.ppf(PROBABILITY) * np.exp(grid[:, 1:] * (logs - grid[:, :1]))  # (grid, K)
    yes, no = norm.logcdf(argument), norm.logsf(argument)

    def best(counts: Array) -> NDArray[np.intp]:  # (S, K) to (S,)
        likelihood = counts @ yes.T + (runs - counts) @ no.T
        return np.asarray(likelihood.argmax(-1))

    at = int(best(counts[None])[0])
    generator = np.random.Generator(np.random.PCG64(seed))
    drawn = generator.binomial(runs, norm.cdf(argument[at]), (resamples, len(batches)))
    return RequiredBatch(
        float(np.exp(grid[at, 0])),
        float(grid[at, 1]),
        np.exp(grid[best(drawn.astype(np.float64)), 0]),
    )


def exponents(sizes: ArrayLike, batches: ArrayLike, errors: ArrayLike) -> Array:
    """Exponents b of ``B_90 = c prod_j size_j^b_j``, by weighted least squares of logarithms.

    Parameters
    ----------
    sizes : array, shape (M, J)
        T and eta, say, of M settings.
    batches : array, shape (..., M)
        B_90 of each; leading dimensions are fitted alike.
    errors : array, shape (M,)
        Standard errors of ``log B_90``.

    Returns
    -------
    Array, shape (..., J)
    """
    sizes = np.log(np.asarray(sizes, np.float64))
    scale = 1 / np.asarray(errors, np.float64)
    design = np.column_stack([np.ones(len(sizes)), sizes])  # (M, 1 + J)
    if np.linalg.matrix_rank(design) < design.shape[1]:
        raise ValueError("sizes do not tell the exponents apart: each must vary on its own")
    solve = np.linalg.pinv(design * scale[:, None]) * scale  # (1 + J, M)
    return np.asarray(np.log(np.asarray(batches, np.float64)) @ solve.T)[..., 1:]
