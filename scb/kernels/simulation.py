"""The compiled steps of the simulation: each reads what is large once or twice.

Large are V, N^2 entries, and the particles of A, N M. Written as tensor operations, which
the tests do, a step would read and write each a dozen times. Nothing here draws a number or
knows a rate: see `scb.simulation`.
"""

import numpy as np
from numba import njit
from torch import Tensor

FAST = {"reassoc", "nsz", "contract"}
"""Lets sums be vectors; what is not finite stays so."""


@njit(cache=True, nogil=True, fastmath=FAST)
def _power_sums(entries, sums):  # type: ignore[no-untyped-def]
    """Rows of ``entries`` (rows, M) to ``sums`` (3, rows)."""
    for row in range(len(entries)):
        column = entries[row]
        second = third = fourth = column.dtype.type(0)
        for i in range(len(column)):
            square = column[i] * column[i]
            second += square
            third += square * column[i]
            fourth += square * square
        sums[0, row], sums[1, row], sums[2, row] = second, third, fourth


@njit(cache=True, nogil=True, fastmath=FAST)
def _step_particles(  # type: ignore[no-untyped-def]
    entries, draws, means, spread, keep, size, constant, square, shared, penalty, sums
):
    """A column at a time, so that its draws serve all conditions from the cache."""
    conditions, rows, particles = entries.shape
    zero = entries.dtype.type(0)
    noise = np.empty(particles, entries.dtype)
    for row in range(rows):
        total = zero
        if particles > 1:
            for i in range(particles):
                total += draws[row, i]
        mean = total / entries.dtype.type(particles)
        for i in range(particles):
            noise[i] = (draws[row, i] - mean) * spread[0] + means[row]
        for condition in range(conditions):
            column, least = entries[condition, row], penalty[condition, row]
            kept, scale = keep[condition, row], size[condition, row]
            c0, c2 = constant[condition, row], square[condition, row]
            shift = shared[condition, row]
            total = zero
            for i in range(particles):
                a = column[i]
                deviation = np.sqrt(max(c0 + c2 * a * a, zero))
                a = kept * a - scale * deviation * noise[i] - shift
                if least > 0:
                    a = np.copysign(max(abs(a) - least, zero), a)
                column[i] = a
                total += a
            sums[condition, row] = total


@njit(cache=True, nogil=True, fastmath=FAST)
def _products(deviation, ideal, energy, overlap):  # type: ignore[no-untyped-def]
    """Sums over (N, N) of ``deviation`` (G, R, N, N) squared, and times ``ideal`` (R, N, N)."""
    conditions, replicates, states, _ = deviation.shape
    zero = deviation.dtype.type(0)
    for condition in range(conditions):
        for replicate in range(replicates):
            energy[condition, replicate] = overlap[condition, replicate] = 0
            for n in range(states):
                row, truth = deviation[condition, replicate, n], ideal[replicate, n]
                own = with_truth = zero
                for k in range(states):
                    own += row[k] * row[k]
                    with_truth += row[k] * truth[k]
                energy[condition, replicate] += own
                overlap[condition, replicate] += with_truth


@njit(cache=True, nogil=True, fastmath=FAST)
def _step_value(  # type: ignore[no-untyped-def]
    deviation, ideal, draws, target, root, tilt, keep, gain, size, fixed_size
):
    conditions, replicates, states, _ = deviation.shape
    dtype = deviation.dtype.type
    for replicate in range(replicates):
        sqrt_mu, normals = root[replicate], draws[replicate]
        column_sums = np.zeros(states, deviation.dtype)  # 1^T D^1/2 xi
        row_sums = np.zeros(states, deviation.dtype)  # D^1/2 xi root
        for n in range(states):
            total, weight = dtype(0), sqrt_mu[n]
            for k in range(states):
                drawn = weight * normals[n, k]
                column_sums[k] += drawn
                total += drawn * sqrt_mu[k]
            row_sums[n] = total
        both = dtype(0)
        for k in range(states):
            both += column_sums[k] * sqrt_mu[k]
        for n in range(states):
            weight = sqrt_mu[n]
            mu = weight * weight
            along = row_sums[n] - mu * both
            truth, drawn = ideal[replicate, n], normals[n]
            for condition in range(conditions):
                row = deviation[condition, replicate, n]
                kept, towards = keep[condition, replicate], gain[condition, replicate]
                scale = size[condition, replicate]
                fixed = fixed_size[condition, replicate] * target[replicate, n]
                for k in range(states):
                    residual = weight * drawn[k] - mu * column_sums[k] - along * sqrt_mu[k]
                    row[k] = (
                        kept * row[k]
                        + towards * truth[k]
                        - scale * residual
                        - fixed * tilt[replicate, k]
                    )


def power_sums(entries: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Sums of the second, third and fourth powers along the last dimension."""
    flat = entries.reshape(-1, entries.shape[-1])
    sums = entries.new_empty(3, *entries.shape[:-1])
    _power_sums(flat.numpy(), sums.view(3, -1).numpy())
    second, third, fourth = sums
    return second, third, fourth


def step_particles(
    particles: Tensor,
    draws: Tensor,
    means: Tensor,
    spread: float,
    keep: Tensor,
    size: Tensor,
    constant: Tensor,
    square: Tensor,
    shared: Tensor,
    penalty: Tensor,
) -> Tensor:
    """``a <- S(keep a - size sqrt(constant + square a^2) xi - shared)``, in place.

    S is the soft threshold at ``penalty``; xi are the draws of a column with their mean
    replaced: ``(draws - mean) spread + means``.

    Parameters
    ----------
    particles : Tensor, shape (G, R, N, M), contiguous
    draws : Tensor, shape (R, N, M), contiguous
        One column of them serves all of the G conditions.
    means : Tensor, shape (R, N)
    spread : float
    keep, size, constant, square, shared, penalty : Tensor broadcastable to (G, R, N)

    Returns
    -------
    Tensor, shape (G, R, N)
        Sums of the new entries.
    """
    *shape, width = particles.shape
    sums = particles.new_empty(shape)
    numbers = (
        number.to(particles).expand(shape).reshape(shape[0], -1)
        for number in (keep, size, constant, square, shared, penalty)
    )
    arguments = (
        particles.view(shape[0], -1, width),
        draws.view(-1, width),
        means.flatten(),
        means.new_full((1,), spread),
        *numbers,
        sums.view(shape[0], -1),
    )
    _step_particles(*(tensor.numpy() for tensor in arguments))
    return sums


def products(deviation: Tensor, ideal: Tensor) -> tuple[Tensor, Tensor]:
    """``|U|^2`` and ``<U, R>`` of U of shape (G, R, N, N) and R of shape (R, N, N)."""
    energy, overlap = deviation.new_empty(2, *deviation.shape[:2])
    _products(*(tensor.numpy() for tensor in (deviation, ideal, energy, overlap)))
    return energy, overlap


def step_value(
    deviation: Tensor,
    ideal: Tensor,
    draws: Tensor,
    target: Tensor,
    root: Tensor,
    tilt: Tensor,
    keep: Tensor,
    gain: Tensor,
    size: Tensor,
    fixed_size: Tensor,
) -> None:
    """``U <- keep U + gain R - size F - fixed_size target tilt^T``, in place.

    ``F = (I - mu 1^T) D^1/2 xi (I - root root^T)`` with xi the draws: rows of covariance
    ``diag(mu) - mu mu^T``, columns orthogonal to ``root = mu^1/2``.

    Parameters
    ----------
    deviation : Tensor, shape (G, R, N, N), contiguous
        U, that is ``(V - mu 1^T) D^1/2``.
    ideal, draws : Tensor, shape (R, N, N), contiguous
    target, root, tilt : Tensor, shape (R, N)
    keep, gain, size, fixed_size : Tensor broadcastable to (G, R)
    """
    _step_value(
        *(tensor.numpy() for tensor in (deviation, ideal, draws, target, root, tilt)),
        *(
            number.to(deviation).expand(deviation.shape[:2]).contiguous().numpy()
            for number in (keep, gain, size, fixed_size)
        ),
    )
