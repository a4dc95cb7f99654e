"""Training at large T without sequences: population gradient plus Gaussian noise.

The paper's simulation (figure 6) replaces the mini-batch gradient by its expectation plus
Gaussian noise of variance proportional to 1/B. Here that variance is the exact one at the
current iterate (`scb.theory.population`); the algorithm is that of section 3.

The T - Q *useless* coordinates of a column of A (``q_t = 0``) obey one law, so M *particles*
stand for them, each counted ``(T - Q) / M`` times in sums over t; the Q coordinates of the
support are kept one by one. With M = T - Q nothing is left out.

Exact, given the path of V and of the sums over t: expected gradients, the covariance of the
noise of A within its columns and between them (`attention_covariance`), a column's mean, the
variance of the noise of V as a whole (but see `REFRESH`), and what ties it to that of A: for
every mini-batch the gradients obey ``<V - mu 1^T, G_V>_mu = <A, G_A>_mu`` up to what the tokens
have in common. So no noise moves an iterate along the valley of minima (c V, A / c) to first
order; were V and A drawn apart, the signals would spread up to three times as far.
Approximate:

- noise is Gaussian; in truth its tails are heavier where a query is rare, ``B mu_k`` small;
- the noise that a column shares before its projection is independent of the rest;
- across ``V - mu 1^T`` the noise of V is independent of that of A, and that of ``r c^T`` with
  independent r and c (see `value_noise`), where r has the covariance ``diag(mu) - mu mu^T`` of
  the target alone and c its own, scaled to the exact total;
- sums over t carry the sampling error of M particles.

Against training at N = 3 to 10, T = 100 and 200, eta = 0.02 and 0.05, and B = 16 to 512, signals
spread 0.96 to 1.06 times as far, and mean errors are 0.97 to 1.06 times as large. The
normalised ``|A - Q|``, where noise carries useless entries over the rounding threshold, is too
small: mostly by up to 3%, and by up to 7% where it is small, with M = T - Q; by 3 to 20% with a
sixth of it: few particles seldom cross the threshold, and count for many where they do. In
figure 6 ``|Delta_A| / sqrt(T)`` is far below the threshold.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from scb.data.task import Task
from scb.kernels import simulation as kernel
from scb.kernels.reference import soft_threshold
from scb.learning.algorithm import refit_signal, switch_threshold
from scb.learning.metrics import AttentionStatistics, ValueStatistics
from scb.learning.optimizers import Rate
from scb.theory.population import (
    AttentionMoments,
    ColumnNoise,
    ValueMoments,
    attention_covariance,
    common_noise,
    value_noise,
)


@dataclass(frozen=True)
class ParticleColumns:
    """Attention, transposed, with particles in place of the useless coordinates.

    Attributes
    ----------
    support : Tensor, shape (..., R, N, Q)
        Entries at the positions of the true pattern.
    particles : Tensor, shape (..., R, N, M)
    length : int
        T.
    """

    support: Tensor
    particles: Tensor
    length: int

    @classmethod
    def without_error(cls, task: Task, signal: Tensor, particles: int) -> "ParticleColumns":
        """``A = alpha_A Q + (1 - alpha_A) 1 1^T / T``, given alpha_A of shape (..., R)."""
        alpha = signal[..., None, None]
        uniform = (1 - alpha) / task.length  # (..., R, 1, 1)
        shape = *signal.shape, task.states, particles
        return cls(alpha * task.weights.mT + uniform, uniform.expand(shape), task.length)

    @property
    def multiplicity(self) -> float:
        """Positions that a particle stands for, ``(T - Q) / M``."""
        return (self.length - self.support.shape[-1]) / self.particles.shape[-1]

    def map(self, function: Callable[[Tensor], Tensor]) -> "ParticleColumns":
        """The columns with ``function`` applied to every entry."""
        return ParticleColumns(function(self.support), function(self.particles), self.length)

    def sum(self) -> Tensor:
        """``sum_t a_t``, shape (..., R, N)."""
        return self.support.sum(-1) + self.multiplicity * self.particles.sum(-1)

    def project(self) -> "ParticleColumns":
        """Projection on ``1^T a = 1``, as `scb.kernels.reference.project_columns`."""
        shift = (1 - self.sum())[..., None] / self.length
        return self.map(lambda entries: entries + shift)

    def round(self, rounding: float) -> "ParticleColumns":
        """Stage 3 for A, as `scb.learning.algorithm.round_columns`."""
        least = rounding / self.support.shape[-1]
        kept = self.map(lambda entries: torch.where(entries >= least, entries, 0.0))
        total = kept.sum()[..., None]
        uniform = 1 / self.length
        return kept.map(
            lambda entries: torch.where(
                total > 0, entries / torch.where(total > 0, total, 1.0), uniform
            )
        )

    def normalise(self, task: Task, rounding: float) -> tuple[ValueStatistics, AttentionStatistics]:
        """Statistics of the normalised solution, that is of `scb.learning.algorithm.normalise`."""
        rounded = self.round(rounding).statistics(task)
        return ValueStatistics.without_error(task, refit_signal(task, rounded)), rounded

    def statistics(self, task: Task) -> AttentionStatistics:
        """What `scb.learning.metrics.measure` needs, in float64."""
        columns = self.map(Tensor.double)
        overlap = (task.weights.mT * columns.support).sum(-1)
        return AttentionStatistics(overlap, columns.map(torch.square).sum(), columns.sum())

    def moments(self, task: Task) -> AttentionMoments:
        """What the noise needs."""
        sums = (
            self.support.pow(power).sum(-1) + self.multiplicity * others
            for power, others in enumerate(kernel.power_sums(self.particles), start=2)
        )
        return AttentionMoments.of_support(task, self.support, *sums)


def population_iterate(
    task: Task, signals: Tensor, rounding: float
) -> tuple[tuple[ValueStatistics, AttentionStatistics], ...]:
    """Statistics of the iterate without errors of signals (alpha_V, alpha_A), shape (2, R).

    Then those of its normalised solution: the arguments of `scb.learning.curves.Curves.record`.
    """
    value_signal, attention_signal = signals
    columns = ParticleColumns.without_error(task, attention_signal, 1)
    value = ValueStatistics.without_error(task, value_signal)
    return (value, columns.statistics(task)), columns.normalise(task, rounding)


REFRESH = 20
"""Steps between two computations of the moments of V that its noise needs, O(N^3); in
between they are scaled with ``|V - mu 1^T|_mu``, which is followed at every step. In figure 6
at N = 100 that moves no signal and no error by more than 0.2%."""


class Simulation:
    """State and steps of a simulation of R replicates, in one branch and then in G.

    Parameters
    ----------
    task : Task of R replicates, float64
    seeds : sequence of R ints
        Noise seed of each replicate: its draws are a function of the seed and the step alone.
    batch_size : int
        B.
    particles : int
        M, from 1 to T - Q.
    dtype : torch.dtype
        Of the state.
    start : float
        Both signals of the first iterate, which has no errors; 0 is the paper's start.

    Attributes
    ----------
    columns : ParticleColumns of shape (G, R, ...)
        A; G is 1 until `branch`. A step overwrites its tensors.
    """

    def __init__(
        self,
        task: Task,
        seeds: Sequence[int],
        batch_size: int,
        particles: int,
        dtype: torch.dtype = torch.float32,
        start: float = 0.0,
    ) -> None:
        useless = task.length - task.sparsity
        if not 1 <= particles <= useless:
            raise ValueError(f"particles is {particles}: it must be in [1, T - Q] = [1, {useless}]")
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}: it must be at least 1")
        if len(seeds) != len(task.seeds):
            raise ValueError(f"there are {len(seeds)} seeds for {len(task.seeds)} replicates")
        self.task, self._working = task, task.to(dtype=dtype)
        self._batch_size = batch_size
        self._seeds = tuple(seeds)
        self._attention_rate = (1 / task.transition_energy).to(dtype)  # (R,), in units of eta
        self._value_rate = (1 / task.attention_energy).to(dtype)

        mu = self._working.stationary  # (R, N)
        self._root = mu.sqrt()
        # V is kept as (V - mu 1^T) D^1/2: the mu-norm becomes the plain one, and the first
        # signals, of order 1/T, are not lost in the rounding of V.
        self._ideal = (task.transition - task.stationary[..., None]).to(dtype)
        self._ideal *= self._root[..., None, :]  # (P - mu 1^T) D^1/2, (R, N, N)
        self._deviation = start * self._ideal[None]  # (G, R, N, N)
        signal = mu.new_full((1, len(mu)), start)
        columns = ParticleColumns.without_error(self._working, signal, particles)
        self.columns = columns.map(Tensor.contiguous)
        self._value_draws = torch.empty_like(self._ideal)
        self._particle_draws = mu.new_empty(*mu.shape, particles)
        self._small_draws = mu.new_empty(len(mu), 5 + task.sparsity, mu.shape[-1])
        self._steps = 0
        self._moments = ValueMoments.of_deviation(self._working, self._deviation)

    @property
    def value(self) -> Tensor:
        """V, shape (G, R, N, N), float64."""
        mu = self.task.stationary
        return self._deviation.double() / mu.sqrt()[..., None, :] + mu[..., None]

    def value_statistics(self) -> ValueStatistics:
        """`ValueStatistics` of V, without V."""
        energy, overlap = kernel.products(self._deviation, self._ideal)  # (G, R)
        alpha = (overlap * self._attention_rate)[..., None, None]
        error = torch.addcmul(self._deviation, alpha, self._ideal, value=-1)
        trivial = self.task.stationary.square().sum(-1)
        return ValueStatistics(
            overlap=overlap + trivial,
            square=energy + trivial,
            deviation=energy.double(),
            error=torch.linalg.vector_norm(error, dim=(-2, -1)).double().square(),
            centre=trivial.expand_as(energy),
            chance=trivial.expand_as(energy),
        )

    def iterate(self, rounding: float) -> tuple[tuple[ValueStatistics, AttentionStatistics], ...]:
        """What `Curves.record` takes: the iterate and its normalised solution."""
        iterate = self.value_statistics(), self.columns.statistics(self.task)
        return iterate, self.columns.normalise(self.task, rounding)

    def branch(self, thresholded: Sequence[bool]) -> None:
        """Enter Stage 2 with a branch for each entry; where it is true, sparsify A first.

        All branches go on with the same draws of noise, so that they compare in pairs.
        """
        least = switch_threshold(self.task, self.value)[..., None, None]  # (1, R, 1, 1)
        chosen = torch.tensor(thresholded)[:, None, None, None]  # (G, 1, 1, 1)
        self.columns = self.columns.map(
            lambda entries: torch.where(chosen & (entries.abs() < least), 0.0, entries)
        ).project()
        self._deviation = self._deviation.repeat(len(thresholded), 1, 1, 1)
        self._refresh()

    @torch.no_grad()
    def step(self, rate: Rate, penalty: float | Tensor = 0.0) -> None:
        """One step of every branch.

        Parameters
        ----------
        rate : float or Tensor broadcastable to (G, R)
            eta: ``eta_V = eta / K_Q``, ``eta_A = eta / K_P``.
        penalty : float or Tensor of shape (G,)
            lambda.
        """
        if self._steps % REFRESH == 0 or self._steps < REFRESH:
            self._refresh()
        self._steps += 1
        value = self._value_moments()
        attention = self.columns.moments(self._working)
        self._draw()
        noise = attention_covariance(self._working, value, attention, self.columns.support)
        tied = noise.along(self._working, attention, self.columns.support)
        along = self._step_attention(rate, penalty, value, attention, noise)
        self._step_value(rate, value, attention, along, tied)

    def _refresh(self) -> None:
        deviation = self._deviation / self._root[..., None, :]
        self._moments = ValueMoments.of_deviation(self._working, deviation)

    def _value_moments(self) -> ValueMoments:
        """Moments of V: energy and overlap as they are, the others scaled since `_refresh`."""
        energy, overlap = kernel.products(self._deviation, self._ideal)
        before = self._moments.energy
        factor = torch.where(before > 0, energy / before, 1.0).sqrt()
        return replace(self._moments.scaled(factor), energy=energy, overlap=overlap)

    def _draw(self) -> None:
        """Standard normals of one step, shared by the branches."""
        buffers = self._value_draws, self._particle_draws, self._small_draws
        for part, draws in enumerate(buffers):
            kernel.draw_normals(draws, self._seeds, self._steps, part)

    def _step_attention(
        self,
        rate: Rate,
        penalty: float | Tensor,
        value: ValueMoments,
        attention: AttentionMoments,
        law: ColumnNoise,
    ) -> Tensor:
        """One step of A; returns the noise of ``<A, G_A>_mu``, shape (G, R)."""
        task, columns, mu = self._working, self.columns, self._working.stationary
        _, mean_draw, common_draw, count_draw, *joint_draws = self._small_draws.unbind(1)  # (R, N)
        eta = (rate * self._attention_rate)[..., None]  # (..., R, 1)
        size = eta / self._batch_size**0.5
        shrinkage = torch.as_tensor(penalty).to(eta).reshape(-1, 1, 1)
        shared = size * common_noise(task, value, attention).sqrt() * common_draw  # (G, R, N)

        # n_k / (B mu_k) - 1 of the queries, in units of 1 / sqrt(B)
        counts = count_draw / self._root - (self._root * count_draw).sum(-1, keepdim=True)
        joint = kernel.correlate(law.covariance, torch.stack(joint_draws, -1))  # (G, R, N, 1 + Q)
        joint = joint / self._root[..., None] + law.mean * counts[..., None]
        scale, noise = joint[..., 0], joint[..., 1:]

        mean = law.mean[..., 1:]
        support = columns.support - eta[..., None] * mean - size[..., None] * noise
        support = soft_threshold(support - shared[..., None], shrinkage[..., None])

        # The mean noise of a column is that of T - Q coordinates, not of M.
        spread, means = 1.0, torch.zeros_like(mean_draw)
        if (particles := columns.particles.shape[-1]) > 1:
            useless = task.length - task.sparsity
            spread = ((1 - 1 / useless) / (1 - 1 / particles)) ** 0.5  # variance 1 in all
            means = mean_draw / useless**0.5
        sums, centred, level = kernel.step_particles(
            columns.particles,
            self._particle_draws,
            means,
            spread,
            keep=1 - eta * value.energy[..., None] - size * scale,
            size=size,
            constant=law.constant / mu,
            square=law.square / mu,
            shared=shared,
            penalty=shrinkage,
        )
        # A sum over T - Q coordinates of independent noise, from M of them.
        own = columns.multiplicity**0.5 * centred + columns.multiplicity * means * level
        whole = (columns.support * noise).sum(-1) + attention.others(2, columns.support) * scale
        shift = (1 - support.sum(-1) - columns.multiplicity * sums)[..., None] / task.length
        self.columns = replace(
            columns, support=support + shift, particles=columns.particles.add_(shift)
        )
        return (mu * (whole + own)).sum(-1) / self._batch_size**0.5

    def _step_value(
        self,
        rate: Rate,
        value: ValueMoments,
        attention: AttentionMoments,
        along: Tensor,
        tied: Tensor,
    ) -> None:
        """One step of V, given the noise of ``<A, G_A>_mu`` and its variance for one sample."""
        mu = self._working.stationary  # (R, N)
        square, overlap = (
            (mu * moment).sum(-1) for moment in (attention.square, attention.overlap)
        )  # |A|_mu^2 and <Q, A>_mu, (G, R)
        trivial = mu.square().sum(-1)
        tilt = 1 - mu / trivial[..., None]  # b
        # G_V D^1/2 has three parts: r b^T D^1/2, with r of covariance diag(mu) - mu mu^T; what is
        # along U, tied to A; and, across U, r times a fluctuation (I - root root^T) xi.
        target = self._root * self._small_draws[:, 0]
        target = target - mu * target.sum(-1, keepdim=True)  # (R, N)
        energy = value.energy
        share = torch.where(energy > 0, value.scatter / energy, 0.0)  # of F along U
        tied = torch.where(energy > 0, tied / energy, 0.0)
        residual = square * energy - 2 * overlap * value.overlap + 1 - trivial  # E|r|^2
        fixed = residual * (mu * tilt.square()).sum(-1)  # E|r b^T|_mu^2
        total = (1 - trivial) * (self.task.states - 1) - share  # E|F|^2 across U
        total = total.clamp(min=1e-3)  # for two states nothing is across U
        variance = value_noise(self._working, value, attention)
        across = ((variance - fixed - tied) / total).clamp(min=0)
        eta = rate * self._value_rate
        size = eta / self._batch_size**0.5
        gain = torch.where(energy > 0, along / energy, 0.0)
        kernel.step_value(
            self._deviation,
            self._ideal,
            self._value_draws,
            target,
            self._root,
            tilt * self._root,
            energy=energy,
            keep=1 - eta * (square + gain),
            gain=eta * overlap,
            size=size * across.sqrt(),
            fixed_size=size * (residual / (1 - trivial)).sqrt(),
        )
