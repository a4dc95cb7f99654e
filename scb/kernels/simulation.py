"""The compiled steps of the simulation: each reads what is large once or twice.

Large are V, N^2 entries, and the particles of A, N M. Written as tensor operations, which
the tests do, a step would read and write each a dozen times. Nothing here knows a rate: see
`scb.theory.simulation`.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from scb.kernels.compiled import compiled
from scb.kernels.draws import BLOCKS, fill

VECTORS = 64
"""Numbers of single precision in a few vectors of any processor; divides half of a chunk."""

FAST = {"reassoc", "nsz", "contract"}
"""Lets sums be vectors; what is not finite stays so."""


@compiled(nogil=True, fastmath=FAST)
def _normals(draws, key, step, part):
    """Box and Muller's, of Philox words: ``sqrt(-2 ln u) (cos, sin)(2 pi v)`` of u and v.

    The functions are the polynomials of Cephes (Moshier), right to a unit in the last place
    of single precision; libraries have none that a loop could turn into vectors.
    """
    pairs = 2 * BLOCKS
    words = np.empty(2 * pairs, np.uint32)
    uniform, mantissa = np.empty(pairs, np.float32), np.empty(pairs, np.float32)
    uniform_bits, mantissa_bits = uniform.view(np.int32), mantissa.view(np.int32)
    exponent, normals = np.empty(pairs, np.float32), np.empty(2 * pairs, np.float32)
    f32, u32, i32 = np.float32, np.uint32, np.int32
    for first in range(0, len(draws), 2 * pairs):
        some = draws[first : first + 2 * pairs]
        # As many as are asked for, in whole vectors: a number is the same however many there are.
        used = min(pairs, (len(some) + VECTORS - 1) // VECTORS * VECTORS)
        for half in range(2):
            start = half * pairs
            block = (first + start) // 4
            fill(block, np.uint64(part), np.uint64(step), key, words[start : start + used])
        for i in range(used):
            uniform[i] = (f32(words[i]) + f32(0.5)) * f32(2.0**-32)
        for i in range(used):  # u = 2^exponent mantissa, the mantissa around 1
            bits = i32(uniform_bits[i] - i32(0x3F3504F3))
            exponent[i] = f32(bits >> 23)
            mantissa_bits[i] = i32((bits & i32(0x7FFFFF)) + i32(0x3F3504F3))
        for i in range(used):
            f, e = mantissa[i] - f32(1), exponent[i]
            p = f32(7.0376836292e-2) * f - f32(1.1514610310e-1)
            p = p * f + f32(1.1676998740e-1)
            p = p * f - f32(1.2420140846e-1)
            p = p * f + f32(1.4249322787e-1)
            p = p * f - f32(1.6668057665e-1)
            p = p * f + f32(2.0000714765e-1)
            p = p * f - f32(2.4999993993e-1)
            p = p * f + f32(3.3333331174e-1)
            square = f * f
            log = p * f * square - f32(2.12194440e-4) * e - f32(0.5) * square
            log = log + f + f32(0.693359375) * e
            radius = np.sqrt(max(f32(-2) * log, f32(0)))

            word = words[pairs + i]  # a turn is 2^32: quadrants, and what is left of one
            quadrant = u32(u32(word + u32(0x20000000)) >> u32(30))
            x = f32(i32(u32(word - u32(quadrant << u32(30))))) * f32(np.pi / 2**31)
            z = x * x
            sin = (f32(-1.9515295891e-4) * z + f32(8.3321608736e-3)) * z - f32(1.6666654611e-1)
            sin = sin * z * x + x
            cos = (f32(2.443315711809948e-5) * z - f32(1.388731625493765e-3)) * z
            cos = (cos + f32(4.166664568298827e-2)) * z * z - f32(0.5) * z + f32(1)
            odd = quadrant & u32(1)
            across, up = (sin if odd else cos), (cos if odd else sin)
            across = -across if (quadrant + u32(1)) & u32(2) else across
            up = -up if quadrant & u32(2) else up
            normals[i], normals[pairs + i] = radius * across, radius * up
        for i in range(len(some)):
            some[i] = normals[i]


@compiled(nogil=True)
def _rows_of_normals(draws, keys, step, part):
    """A row of ``draws`` for each of the ``keys`` (R, 2)."""
    for row in range(len(draws)):
        _normals(draws[row], (keys[row, 0], keys[row, 1]), step, part)


@compiled(nogil=True, fastmath=FAST)
def _power_sums(entries, sums):
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


@compiled(nogil=True, fastmath=FAST)
def _step_particles(
    entries, draws, means, spread, keep, size, constant, square, shared, penalty, sums
):
    """A column at a time, so that its draws serve all conditions from the cache.

    Rows of ``sums`` (3, G, rows): new entries, ``a deviation (draw - mean)``, ``a deviation``.
    """
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
            noise[i] = draws[row, i] - mean
        for condition in range(conditions):
            column, least = entries[condition, row], penalty[condition, row]
            kept, scale = keep[condition, row], size[condition, row]
            c0, c2 = constant[condition, row], square[condition, row]
            shift = shared[condition, row]
            total = centred = level = zero
            factor, middle = spread[0], means[row]
            for i in range(particles):
                a = column[i]
                deviation = np.sqrt(max(c0 + c2 * a * a, zero))
                weight = deviation * a
                centred += weight * noise[i]
                level += weight
                a = kept * a - scale * deviation * (noise[i] * factor + middle) - shift
                if least > 0:
                    a = np.copysign(max(abs(a) - least, zero), a)
                column[i] = a
                total += a
            sums[0, condition, row] = total
            sums[1, condition, row], sums[2, condition, row] = centred, level


@compiled(nogil=True, fastmath=FAST)
def _products(deviation, ideal, energy, overlap):
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


@compiled(nogil=True)
def _correlate(covariance, draws, out):
    """Cholesky's factor of each ``covariance`` (rows, K, K) times ``draws`` (rows, K)."""
    rows, width, _ = covariance.shape
    factor = np.zeros((width, width))
    for row in range(rows):
        for i in range(width):
            drawn = 0.0
            for j in range(i + 1):
                left = np.float64(covariance[row, i, j])
                for m in range(j):
                    left -= factor[i, m] * factor[j, m]
                if i == j:
                    factor[i, i] = np.sqrt(max(left, 0.0))
                else:  # a variance of 0 has no covariance; rounding may say otherwise
                    factor[i, j] = left / factor[j, j] if factor[j, j] > 0 else 0.0
                drawn += factor[i, j] * draws[row, j]
            out[row, i] = drawn


@compiled(nogil=True, fastmath=FAST)
def _step_value(deviation, ideal, draws, target, root, tilt, energy, keep, gain, size, fixed_size):
    conditions, replicates, states, _ = deviation.shape
    dtype = deviation.dtype.type
    residuals = np.empty(states, deviation.dtype)
    along = np.empty(conditions, deviation.dtype)
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
        along[:] = dtype(0)  # <F, U> / |U|^2
        for stage in range(2):
            for n in range(states):
                weight, drawn = sqrt_mu[n], normals[n]
                mu = weight * weight
                across = row_sums[n] - mu * both
                for k in range(states):
                    residuals[k] = weight * drawn[k] - mu * column_sums[k] - across * sqrt_mu[k]
                for condition in range(conditions):
                    row = deviation[condition, replicate, n]
                    if stage == 0:
                        total, whole = dtype(0), energy[condition, replicate]
                        for k in range(states):
                            total += residuals[k] * row[k]
                        along[condition] += total / whole if whole > 0 else dtype(0)
                        continue
                    scale, truth = size[condition, replicate], ideal[replicate, n]
                    kept = keep[condition, replicate] + scale * along[condition]
                    towards = gain[condition, replicate]
                    fixed = fixed_size[condition, replicate] * target[replicate, n]
                    for k in range(states):
                        row[k] = (
                            kept * row[k]
                            + towards * truth[k]
                            - scale * residuals[k]
                            - fixed * tilt[replicate, k]
                        )


def draw_normals(draws: Tensor, seeds: Sequence[int], step: int, part: int) -> None:
    """Fill with standard normals that are a pure function of seed, step and part.

    Parameters
    ----------
    draws : Tensor, shape (R, ...), contiguous
    seeds : sequence of R ints in [0, 2**64)
    step, part : int in [0, 2**32)
        A part is what is drawn for one purpose.
    """
    keys = np.array([(seed & 0xFFFFFFFF, seed >> 32) for seed in seeds], np.uint32)
    _rows_of_normals(draws.view(len(keys), -1).numpy(), keys, step, part)


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
) -> tuple[Tensor, Tensor, Tensor]:
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
    three Tensors of shape (G, R, N)
        Sums of the new entries; of the old ones times their standard deviations ``sqrt(constant
        + square a^2)`` and centred draws, ``draws - mean``; and of these without draws.
    """
    *shape, width = particles.shape
    sums = particles.new_empty(3, *shape)
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
        sums.view(3, shape[0], -1),
    )
    _step_particles(*(tensor.numpy() for tensor in arguments))
    entries, centred, level = sums
    return entries, centred, level


def correlate(covariance: Tensor, draws: Tensor) -> Tensor:
    """Normals of this covariance, from independent ones.

    Cholesky's factor times the draws; what rounding makes negative in it counts as 0.

    Parameters
    ----------
    covariance : Tensor, shape (..., K, K)
    draws : Tensor broadcastable to (..., K)
    """
    shape = covariance.shape[:-1]
    rows = covariance.reshape(-1, shape[-1], shape[-1])
    out = torch.empty_like(rows[..., 0])
    spread = draws.to(covariance).expand(shape).reshape(-1, shape[-1])
    _correlate(rows.numpy(), spread.numpy(), out.numpy())
    return out.view(shape)


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
    energy: Tensor,
    keep: Tensor,
    gain: Tensor,
    size: Tensor,
    fixed_size: Tensor,
) -> None:
    """``U <- keep U + gain R - size (F - U <F, U> / |U|^2) - fixed_size target tilt^T``, in place.

    ``F = (I - mu 1^T) D^1/2 xi (I - root root^T)`` with xi the draws: rows of covariance
    ``diag(mu) - mu mu^T``, columns orthogonal to ``root = mu^1/2``.

    Parameters
    ----------
    deviation : Tensor, shape (G, R, N, N), contiguous
        U, that is ``(V - mu 1^T) D^1/2``.
    ideal, draws : Tensor, shape (R, N, N), contiguous
    target, root, tilt : Tensor, shape (R, N)
    energy : Tensor, shape (G, R)
        ``|U|^2``.
    keep, gain, size, fixed_size : Tensor broadcastable to (G, R)
    """
    _step_value(
        *(tensor.numpy() for tensor in (deviation, ideal, draws, target, root, tilt)),
        *(
            number.to(deviation).expand(deviation.shape[:2]).contiguous().numpy()
            for number in (energy, keep, gain, size, fixed_size)
        ),
    )
