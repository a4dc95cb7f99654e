"""The training step as one would write it for a compiler: torch.compile, JAX and Numba.

Each is the step of one replicate, in single precision on one thread, in the best formulation
found that takes a few lines. `sample` draws a batch with the library's own generator, `update`
is the gradients and the steps on V and A on given samples, and `step` is both, compiled as one
where the library can. `benchmarks.naive` is the same step without a compiler, `benchmarks.floor`
what C does.
"""

import os
import shutil
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
from numba import njit
from torch import Tensor

from benchmarks.naive import Naive, Samples
from scb.data.task import Task

MOST_TO_COUNT = 20
"""States up to which a draw is the number of thresholds below it; others are searched for."""


class Missing(Exception):
    """A rival cannot run here; the message says why."""


class Constants:
    """What the step of one replicate takes besides V and A, as arrays.

    Parameters
    ----------
    task : Task of one replicate
    rate : float
        eta.
    """

    def __init__(self, task: Task, rate: float) -> None:
        def cumulative(probabilities: Tensor) -> np.ndarray:
            return probabilities.cumsum(-1)[..., :-1].float().numpy()

        self.states, self.length = task.states, task.length
        self.mu = task.stationary[0].float().numpy()  # (N,)
        self.states_law = cumulative(task.stationary[0])  # (N - 1,)
        self.sources_law = cumulative(task.weights[0].mT)  # (N, Q - 1)
        self.targets_law = cumulative(task.transition[0].mT)  # (N, N - 1), row m of P[:, m]
        self.positions = task.positions[0].mT.contiguous().numpy()  # (N, Q)
        self.value_rate = rate / float(task.attention_energy)  # eta_V
        self.attention_rate = rate / float(task.transition_energy)  # eta_A
        self.value = np.repeat(self.mu[:, None], self.states, axis=1)  # (N, N)
        self.columns = np.full((self.states, self.length), 1 / self.length, np.float32)


class Compiled(Naive):
    """`Naive` with uniform numbers of torch's generator, and all else compiled by torch.

    Raises
    ------
    Missing
        If there is no C++ compiler.
    """

    name: ClassVar = "torch.compile, one-hot"

    def __init__(self, task: Task, rate: float, seed: int = 0, compiled: bool = True) -> None:
        super().__init__(task, rate, seed)
        some = Constants(task, rate)
        self.cuts = some.states_law.tolist()  # constants of the compiled code
        self.states_law, self.sources_law, self.targets_law = (
            torch.from_numpy(law) for law in (some.states_law, some.sources_law, some.targets_law)
        )
        self.value, self.columns = self.value.detach(), self.columns.detach()
        self._advance: Callable[..., None] = self.advance
        if compiled:
            if not shutil.which(os.environ.get("CXX", "g++")):
                raise Missing("there is no C++ compiler")
            self._advance = torch.compile(self.advance, dynamic=False)

    def draws(self, size: int) -> tuple[Tensor, Tensor]:
        """Uniform numbers (B, T) of the contexts and (3, B) of the heads."""
        shapes = (size, self.length), (3, size)
        one, two = (torch.rand(shape, generator=self.generator) for shape in shapes)
        return one, two

    def select(self, uniform: Tensor, heads: Tensor) -> Samples:
        """The samples that uniform numbers stand for."""
        if self.states <= MOST_TO_COUNT:
            contexts = sum((uniform >= cut).long() for cut in self.cuts)
        else:
            contexts = torch.bucketize(uniform, self.states_law, right=True)
        assert isinstance(contexts, Tensor)
        queries = torch.bucketize(heads[0], self.states_law, right=True)
        choice = (heads[1, :, None] >= self.sources_law[queries]).sum(1, keepdim=True)  # (B, 1)
        sources = self.positions[queries].gather(1, choice)  # (B, 1)
        tokens = contexts.gather(1, sources)  # (B, 1)
        targets = (heads[2, :, None] >= self.targets_law[tokens[:, 0]]).sum(1)
        return contexts, queries, targets

    def sample(self, size: int) -> Samples:
        """A batch."""
        return self.select(*self.draws(size))

    def gradients(self, *samples: Tensor) -> tuple[Tensor, Tensor]:
        """g_V (N, N) and g_A transposed (N, T), by autograd."""
        both: tuple[Tensor, Tensor] = torch.func.grad(self.loss, argnums=(0, 1))(
            self.value, self.columns, *samples
        )
        return both

    def update(self, *samples: Tensor) -> None:
        """A step on given samples."""
        self.descend(*self.gradients(*samples))

    def advance(self, uniform: Tensor, heads: Tensor) -> None:
        """A step on the samples that uniform numbers stand for: what is compiled."""
        self.update(*self.select(uniform, heads))

    def step(self, size: int) -> None:
        """One training step on a fresh batch of ``size`` samples."""
        with torch.no_grad():
            self._advance(*self.draws(size))


class CompiledClosedForm(Compiled):
    """The gradients in closed form: no one-hot matrix, no autograd."""

    name: ClassVar = "torch.compile, closed form"

    def gradients(self, *samples: Tensor) -> tuple[Tensor, Tensor]:
        """g_V (N, N) and g_A transposed (N, T)."""
        contexts, queries, targets = samples
        size = len(queries)
        sums = torch.zeros(size, self.states).scatter_add_(1, contexts, self.columns[queries])
        residual = sums @ self.value.mT  # (B, N)
        residual = residual - torch.nn.functional.one_hot(targets, self.states)
        weights = residual @ self.value / size  # (B, N)
        gradient = torch.zeros_like(self.columns)
        return residual.mT @ sums / size, gradient.index_add_(
            0, queries, weights.gather(1, contexts)
        )


class Jax:
    """JAX, jitted as a whole, the gradients in closed form.

    Raises
    ------
    Missing
        If it is not installed.
    """

    name: ClassVar = "JAX jit, closed form"

    def __init__(self, task: Task, rate: float, seed: int = 0) -> None:
        # Read when it is first imported: one thread.
        os.environ.setdefault("NPROC", "1")
        os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
        try:
            import jax
        except ImportError as error:
            raise Missing("JAX is not installed (the extra `jax`)") from error
        self.jax, self.some = jax, Constants(task, rate)
        self.value, self.columns = map(jax.numpy.asarray, (self.some.value, self.some.columns))
        self.key = jax.random.key(seed)
        self._sample = jax.jit(self.sample, static_argnums=1)
        self._update = jax.jit(self.update)
        self._advance = jax.jit(self.advance, static_argnums=3, donate_argnums=(0, 1, 2))

    def sample(self, key: Any, size: int) -> tuple[Any, Any, Any]:
        """Contexts (B, T), queries (B,) and targets (B,)."""
        np, some = self.jax.numpy, self.some
        one, two = self.jax.random.split(key)
        uniform = self.jax.random.uniform(one, (size, some.length))
        heads = self.jax.random.uniform(two, (3, size))
        if some.states <= MOST_TO_COUNT:
            contexts = (uniform[..., None] >= some.states_law).sum(-1)
        else:
            contexts = np.searchsorted(
                some.states_law, uniform, side="right", method="scan_unrolled"
            )
        rows = np.arange(size)
        queries = np.searchsorted(some.states_law, heads[0], side="right")
        choice = (heads[1, :, None] >= np.asarray(some.sources_law)[queries]).sum(-1)
        tokens = contexts[rows, np.asarray(some.positions)[queries, choice]]
        targets = (heads[2, :, None] >= np.asarray(some.targets_law)[tokens]).sum(-1)
        return contexts, queries, targets

    def update(
        self, value: Any, columns: Any, contexts: Any, queries: Any, targets: Any
    ) -> tuple[Any, Any]:
        """V and A after a step on given samples."""
        np, some, size = self.jax.numpy, self.some, len(queries)
        rows = np.arange(size)
        sums = np.zeros((size, some.states)).at[rows[:, None], contexts].add(columns[queries])
        residual = (sums @ value.T).at[rows, targets].add(-1)  # (B, N)
        weights = residual @ value / size  # (B, N)
        looked_up = np.take_along_axis(weights, contexts, 1)  # (B, T)
        slope = self.jax.ops.segment_sum(looked_up, queries, some.states)  # (N, T)
        gradient = residual.T @ sums / size  # (N, N)
        gradient = (gradient - gradient.mean(0)) / some.mu
        gradient = gradient - np.outer(gradient @ some.mu, some.mu / some.mu.dot(some.mu))
        slope = slope - slope.mean(1, keepdims=True)
        return (
            value - some.value_rate * gradient,
            columns - (some.attention_rate / some.mu)[:, None] * slope,
        )

    def advance(self, value: Any, columns: Any, key: Any, size: int) -> tuple[Any, Any, Any]:
        """V, A and the next key after a step: what is compiled."""
        key, now = self.jax.random.split(key)
        return *self.update(value, columns, *self.sample(now, size)), key

    def step(self, size: int) -> None:
        """One training step on a fresh batch of ``size`` samples."""
        self.value, self.columns, self.key = self._advance(self.value, self.columns, self.key, size)
        self.columns.block_until_ready()


@njit(cache=True)
def _numba_sample(generator, size, length, states_law, sources_law, targets_law, positions):  # type: ignore[no-untyped-def]
    contexts = np.empty((size, length), np.int64)
    queries, targets = np.empty(size, np.int64), np.empty(size, np.int64)
    for b in range(size):
        for t in range(length):
            contexts[b, t] = np.searchsorted(states_law, generator.random(), side="right")
        k = np.searchsorted(states_law, generator.random(), side="right")
        choice = np.searchsorted(sources_law[k], generator.random(), side="right")
        m = contexts[b, positions[k, choice]]
        queries[b] = k
        targets[b] = np.searchsorted(targets_law[m], generator.random(), side="right")
    return contexts, queries, targets


@njit(cache=True)
def _numba_update(value, columns, contexts, queries, targets, mu, value_rate, attention_rate):  # type: ignore[no-untyped-def]
    size, length = contexts.shape
    states = len(value)
    gradient, slope = np.zeros_like(value), np.zeros_like(columns)
    for b in range(size):
        k = queries[b]
        sums = np.zeros(states, np.float32)
        for t in range(length):
            sums[contexts[b, t]] += columns[k, t]
        residual = value @ sums
        residual[targets[b]] -= 1
        weights = value.T @ residual / np.float32(size)
        for n in range(states):
            for m in range(states):
                gradient[n, m] += residual[n] * sums[m] / np.float32(size)
        for t in range(length):
            slope[k, t] += weights[contexts[b, t]]
    for m in range(states):
        gradient[:, m] = (gradient[:, m] - gradient[:, m].mean()) / mu[m]
    gradient -= np.outer(gradient @ mu, mu / mu.dot(mu))
    value -= np.float32(value_rate) * gradient
    for k in range(states):
        columns[k] -= np.float32(attention_rate) / mu[k] * (slope[k] - slope[k].mean())


class Numba:
    """Plain loops, compiled by Numba."""

    name: ClassVar = "Numba, plain loops"

    def __init__(self, task: Task, rate: float, seed: int = 0) -> None:
        self.some = Constants(task, rate)
        self.value, self.columns = self.some.value, self.some.columns
        self.generator = np.random.default_rng(seed)

    def sample(self, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Contexts (B, T), queries (B,) and targets (B,)."""
        laws = self.some.states_law, self.some.sources_law, self.some.targets_law
        found: tuple[np.ndarray, np.ndarray, np.ndarray] = _numba_sample(
            self.generator, size, self.some.length, *laws, self.some.positions
        )
        return found

    def update(self, *samples: np.ndarray) -> None:
        """A step on given samples."""
        compiled: Callable[..., None] = _numba_update
        rates = self.some.value_rate, self.some.attention_rate
        compiled(self.value, self.columns, *samples, self.some.mu, *rates)

    def step(self, size: int) -> None:
        """One training step on a fresh batch of ``size`` samples."""
        self.update(*self.sample(size))
