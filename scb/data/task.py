"""The task: a sparse contextual bigram (paper, section 2) and how it is drawn.

A `Task` is the ground truth (P, mu, Q). Its tensors may carry a leading replicate
dimension (`Task.stack`), over which every function of the package broadcasts.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from scb.data.geometry import squared_norm
from scb.data.samplers import SAMPLERS, WEIGHTS, within
from scb.data.seeds import derive
from scb.data.tables import TASKS
from scb.settings import Tasks
from scb.store import tables

Function = TypeVar("Function", bound=Callable[..., object])

MAX_STATES = 65536
"""Largest vocabulary: tokens are kept as uint8 up to 256 states, as int32 above."""


@dataclass(frozen=True)
class Task:
    """Ground truth of one task, or of R replicates of it.

    Attributes
    ----------
    transition : Tensor, shape (..., N, N), float64
        P; **columns** are distributions: ``P[n, m] = Pr(next = n | current = m)``.
    stationary : Tensor, shape (..., N), float64
        mu, with ``P mu = mu``.
    positions : Tensor, shape (..., Q, N), int64
        Support of each column of the attention pattern, increasing down the column.
    weights : Tensor, shape (..., Q, N), float64
        Weights of that support; columns sum to 1.
    length : int
        T, the number of context tokens.
    seeds : tuple of int
        The seed of each replicate; one for a single task.
    """

    transition: Tensor
    stationary: Tensor
    positions: Tensor
    weights: Tensor
    length: int
    seeds: tuple[int, ...]

    @classmethod
    def sample(
        cls,
        states: int,
        length: int,
        sparsity: int,
        seed: int,
        *,
        sampler: str = "dirichlet",
        concentration: float = 1.0,
        weights: str = "uniform",
        constant: float = 4.0,
        stationary: Tensor | None = None,
    ) -> "Task":
        """Draw a task; bit-identical for a seed.

        (On one machine: elsewhere the linear algebra may move the last digit of P or mu.
        That is why a task is drawn once and saved.)

        Parameters
        ----------
        states, length, sparsity : int
            N, T and Q.
        seed : int
            Not negative.
        sampler : str
            Of `scb.data.samplers.SAMPLERS`: how P and mu are drawn.
        concentration : float
            Parameter of the Dirichlet or Gamma distribution; the smaller, the more each
            state has its own successors and the larger K_P.
        weights : str
            Of `scb.data.samplers.WEIGHTS`: nonzero weights of Q.
        constant : float
            C of Assumption 2.1.
        stationary : Tensor, shape (N,), optional
            mu of the balanced sampler, any positive distribution (transfer shares it
            between tasks); by default drawn within clause (b).

        Raises
        ------
        ValueError
            For an argument out of range, or if no draw satisfies clause (b).
        """
        _check(states, length, sparsity, seed, concentration, constant)
        generator = np.random.Generator(np.random.PCG64(seed))
        transition, mu = _named("sampler", sampler, SAMPLERS)(
            generator, states, concentration, constant, stationary
        )
        positions = np.stack(
            [np.sort(generator.choice(length, sparsity, replace=False)) for _ in range(states)], 1
        )  # (Q, N)
        values = _named("weights", weights, WEIGHTS)(generator, (sparsity, states), constant)
        return cls(
            torch.from_numpy(transition),
            torch.from_numpy(mu),
            torch.from_numpy(positions),
            torch.from_numpy(values),
            length,
            (seed,),
        )

    @classmethod
    def draw(cls, settings: Tasks, stationary: Sequence[Tensor] | Tensor | None = None) -> "Task":
        """The tasks of an experiment: replicate r is the same whatever R is.

        Parameters
        ----------
        settings : Tasks
        stationary : R Tensors of shape (N,), optional
            mu of each replicate, for the balanced sampler.
        """
        drawn = [
            cls.sample(
                settings.states,
                settings.length,
                settings.sparsity,
                derive(settings.seed, "task", replicate),
                sampler=settings.sampler,
                concentration=settings.concentration,
                weights=settings.weights,
                stationary=None if stationary is None else stationary[replicate],
            )
            for replicate in range(settings.replicates)
        ]
        return cls.stack(drawn)

    @classmethod
    def stack(cls, tasks: Sequence["Task"]) -> "Task":
        """R single tasks of one shape as one task with a replicate dimension."""
        shapes = {(*task.positions.shape, task.length) for task in tasks}
        if len(shapes) != 1 or any(task.stationary.ndim != 1 for task in tasks):
            raise ValueError(
                "tasks must be single tasks of one shape (Q, N, T), at least one: "
                f"their shapes are {sorted(shapes)}"
            )
        return cls(
            torch.stack([task.transition for task in tasks]),
            torch.stack([task.stationary for task in tasks]),
            torch.stack([task.positions for task in tasks]),
            torch.stack([task.weights for task in tasks]),
            tasks[0].length,
            tuple(seed for task in tasks for seed in task.seeds),
        )

    def replicate(self, index: int) -> "Task":
        """One of the replicates, as a task with a replicate dimension of 1."""
        return self.select(range(index, index + 1))

    def first(self, count: int) -> "Task":
        """The first so many replicates; all, if there are no more."""
        return self.select(range(len(self.seeds))[:count])

    def select(self, replicates: Sequence[int]) -> "Task":
        """Some of the replicates, in the order given."""
        some = torch.tensor(replicates, device=self.stationary.device)
        return replace(
            self,
            transition=self.transition[some],
            stationary=self.stationary[some],
            positions=self.positions[some],
            weights=self.weights[some],
            seeds=tuple(self.seeds[replicate] for replicate in replicates),
        )

    @property
    def states(self) -> int:
        """N."""
        return self.positions.shape[-1]

    @property
    def sparsity(self) -> int:
        """Q."""
        return self.positions.shape[-2]

    @property
    def attention(self) -> Tensor:
        """The attention pattern Q, dense, shape (..., T, N), float64."""
        *replicates, _, states = self.positions.shape
        dense = self.weights.new_zeros(*replicates, self.length, states)  # (..., T, N)
        return dense.scatter_(-2, self.positions, self.weights)

    @cached_property
    def transition_energy(self) -> Tensor:
        """``K_P = |P|_mu^2 - |mu|^2``, shape (...)."""
        return squared_norm(self.transition, self.stationary) - self.stationary.square().sum(-1)

    @cached_property
    def attention_energy(self) -> Tensor:
        """``K_Q = |Q|_mu^2 - 1/T``, shape (...)."""
        # The norm needs the nonzero rows alone: (..., Q, N), never (..., T, N).
        return squared_norm(self.weights, self.stationary) - 1 / self.length

    def to(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> "Task":
        """The task with its float tensors in ``dtype`` and all on ``device``."""
        return Task(
            self.transition.to(device, dtype),
            self.stationary.to(device, dtype),
            self.positions.to(device),
            self.weights.to(device, dtype),
            self.length,
            self.seeds,
        )

    def violations(self, constant: float = 4.0) -> list[str]:
        """One line for each violated clause of Assumption 2.1.

        Clause (a), at most Q nonzeros in a column, cannot fail: a column stores no more.

        Parameters
        ----------
        constant : float
            C of clause (b).
        """
        lines = []
        prefixes = (
            [""]
            if self.stationary.ndim == 1
            else [f"replicate {replicate}: " for replicate in range(len(self.stationary))]
        )
        mus = self.stationary.reshape(-1, self.states)
        columns = self.weights.reshape(len(mus), -1)
        energies = self.transition_energy.reshape(-1)
        for prefix, mu, weights, energy in zip(prefixes, mus, columns, energies, strict=True):
            for name, symbol, values, count in (
                ("weights of Q", "Q", weights[weights > 0], self.sparsity),
                ("mu", "N", mu, self.states),
            ):
                least, most = values.min().item(), values.max().item()
                if not within(values.cpu().numpy(), count, constant):
                    lines.append(
                        f"{prefix}(b) {name} in [{least:.6g}, {most:.6g}], not within "
                        f"[1/(C{symbol}), C/{symbol}] = "
                        f"[{1 / (constant * count):.6g}, {constant / count:.6g}]"
                    )
            floor = mu.square().sum().item()
            if energy < floor:
                lines.append(f"{prefix}(c) |P|_mu^2 - |mu|^2 = {energy:.6g} < |mu|^2 = {floor:.6g}")
            bound = (self.states * self.sparsity) ** 10
            if self.length < bound:
                lines.append(f"{prefix}(d) T = {self.length} < (N Q)^10 = {bound:.6g}")
        return lines

    def save(self, path: Path) -> None:
        """Write the task(s) to Parquet, one row per replicate and state."""
        replicates, states, sparsity = len(self.seeds), self.states, self.sparsity
        rows = replicates * states
        columns = {
            "seed": np.repeat(np.array(self.seeds, dtype=np.int64), states),
            "states": np.full(rows, states),
            "length": np.full(rows, self.length),
            "sparsity": np.full(rows, sparsity),
            "replicate": np.repeat(np.arange(replicates), states),
            "state": np.tile(np.arange(states), replicates),
            "stationary": self.stationary.reshape(-1).cpu().numpy(),
            "transition": list(self.transition.mT.reshape(rows, states).cpu().numpy()),
            "positions": list(self.positions.mT.reshape(rows, sparsity).cpu().numpy()),
            "weights": list(self.weights.mT.reshape(rows, sparsity).cpu().numpy()),
        }
        setting = {"states": states, "length": self.length, "sparsity": sparsity}
        tables.write(pd.DataFrame(columns), path, TASKS, setting)

    @classmethod
    def load(cls, path: Path) -> "Task":
        """Read what `save` wrote; always with a replicate dimension.

        Raises
        ------
        TableError
            If a row is missing or there twice, or the tasks are of several sizes.
        """
        keys = ["replicate", "state"]
        frame = tables.read(path, TASKS).sort_values(keys)
        tables.require_grid(path, frame[keys])
        states, length = frame["state"].nunique(), int(frame["length"].iloc[0])
        if (frame["states"] != states).any() or (frame["length"] != length).any():
            raise tables.TableError(f"{path}: its tasks are of several sizes")

        def columns(name: str) -> Tensor:
            stacked = np.stack(frame[name].to_list())  # (R N, ...)
            return torch.from_numpy(stacked.reshape(-1, states, *stacked.shape[1:]))

        return cls(
            columns("transition").mT.contiguous(),
            columns("stationary"),
            columns("positions").mT.contiguous(),
            columns("weights").mT.contiguous(),
            length,
            tuple(int(seed) for seed in frame["seed"].iloc[::states]),
        )


def _check(
    states: int, length: int, sparsity: int, seed: int, concentration: float, constant: float
) -> None:
    """Refuse arguments out of range, naming them."""
    if not 2 <= states <= MAX_STATES:
        raise ValueError(f"states is {states}: it must be in [2, {MAX_STATES}]")
    if length < 1:
        raise ValueError(f"length is {length}: it must be at least 1")
    if not 1 <= sparsity <= length:
        raise ValueError(f"sparsity is {sparsity}: it must be in [1, length] = [1, {length}]")
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed is {seed}: it must be in [0, 2**63)")
    if not (0 < concentration < float("inf")):
        raise ValueError(f"concentration is {concentration}: it must be positive and finite")
    if not constant > 1:
        raise ValueError(f"constant is {constant}: it must be above 1")


def _named(key: str, name: str, known: Mapping[str, Function]) -> Function:
    """The function of this name."""
    if name not in known:
        raise ValueError(f"{key} is {name!r}: it must be {' or '.join(map(repr, known))}")
    return known[name]
