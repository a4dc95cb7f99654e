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
from numpy.typing import ArrayLike
from torch import Tensor

from scb.data.checks import (
    as_columns,
    as_matrix,
    check_irreducible,
    check_sizes,
    check_truth,
)
from scb.data.geometry import squared_norm
from scb.data.samplers import SAMPLERS, WEIGHTS, stationary_distribution, within
from scb.data.seeds import derive
from scb.data.tables import TASKS
from scb.settings.training import Tasks
from scb.store import tables

Function = TypeVar("Function", bound=Callable[..., object])

GIVEN = -1
"""The seed of a task that was given as matrices, not drawn."""


@dataclass(frozen=True)
class Task:
    """Ground truth of one task, or of R replicates of it; checked when it is made.

    The chain need not be irreducible: that ``P mu = mu`` and mu > 0 is all that the model asks
    (section 2.1).

    Attributes
    ----------
    transition : Tensor, shape (..., N, N), float64
        P; **columns** are distributions: ``P[n, m] = Pr(next = n | current = m)``.
    stationary : Tensor, shape (..., N), float64
        mu, with ``P mu = mu``.
    positions : Tensor, shape (..., Q, N), int64
        Support of each column of the attention pattern, increasing down the column. A column
        with fewer nonzero weights than Q has positions of weight 0 too.
    weights : Tensor, shape (..., Q, N), float64
        Weights at these positions; columns sum to 1.
    length : int
        T, the number of context tokens.
    seeds : tuple of int
        The seed of each replicate; one for a single task. `GIVEN` where none drew it.

    Raises
    ------
    ValueError
        One line on what is wrong: see `scb.data.checks.check_truth`.
    """

    transition: Tensor
    stationary: Tensor
    positions: Tensor
    weights: Tensor
    length: int
    seeds: tuple[int, ...]

    def __post_init__(self) -> None:
        """Check."""
        self.check()

    def check(self) -> None:
        """Refuse what is no ground truth; tensors may have been edited since they were checked.

        Raises
        ------
        ValueError
            One line: see `scb.data.checks.check_truth`.
        """
        check_truth(
            self.transition,
            self.stationary,
            self.positions,
            self.weights,
            self.length,
            self.seeds,
        )

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
    def from_matrices(
        cls,
        transition: ArrayLike,
        attention: ArrayLike,
        *,
        length: int | None = None,
        stationary: ArrayLike | None = None,
    ) -> "Task":
        """A task of your own, from dense matrices.

        Columns may miss the sum 1 by 1e-6, as single precision does; they are then divided by
        their sum. Columns of Q may have different numbers of nonzero entries: the largest is the
        paper's Q, and the others get positions of weight 0, which nothing is drawn from.

        Parameters
        ----------
        transition : array, shape (N, N)
            P, of numpy, torch or lists; **columns** are distributions:
            ``P[n, m] = Pr(next = n | current = m)``.
        attention : array, shape (T, N)
            The pattern Q: column k is the distribution of the source's position given query k.
        length : int, optional
            T; the rows of ``attention`` say so already, and this must agree.
        stationary : array, shape (N,), optional
            mu; by default that of P, which must then be irreducible.

        Raises
        ------
        ValueError
            One line naming the argument, the place and the value at fault.

        Examples
        --------
        >>> task = Task.from_matrices([[0.9, 0.2], [0.1, 0.8]], [[0, 0.5], [1, 0], [0, 0.5]])
        >>> task.sparsity, [round(float(mu), 4) for mu in task.stationary]
        (2, [0.6667, 0.3333])
        """
        given = as_matrix("transition", transition)
        states = len(given) if given.ndim else 0
        if given.shape != (states, states) or states < 2:
            raise ValueError(
                f"transition has shape {given.shape}: it must be square, (N, N) with N at least 2"
            )
        pattern = as_matrix("attention", attention)
        if pattern.ndim != 2 or pattern.shape[1] != states:
            turned = pattern.ndim == 2 and len(pattern) == states
            raise ValueError(
                f"attention has shape {pattern.shape}: it must be (T, {states}), with a column for "
                f"each of the {states} states of transition{'; give its transpose' * turned}"
            )
        if length not in (None, len(pattern)):
            raise ValueError(
                f"length is {length}: attention has {len(pattern)} rows, one for each position"
            )
        matrix, pattern = as_columns("transition", given), as_columns("attention", pattern)
        if (dense := (pattern > 0).all(0)).any():
            raise ValueError(
                f"attention[:, {int(dense.argmax())}] has no entry that is 0: a column must be "
                "sparse, with fewer nonzero entries than T"
            )
        if stationary is None:
            check_irreducible(matrix)
            mu = stationary_distribution(matrix)
        else:
            mu = as_matrix("stationary", stationary)
        positions = _support(pattern)  # (Q, N)
        return cls(
            torch.from_numpy(matrix),
            torch.from_numpy(mu),
            torch.from_numpy(positions),
            torch.from_numpy(np.take_along_axis(pattern, positions, 0)),
            len(pattern),
            (GIVEN,),
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
        """Write the task(s) to Parquet, one row per replicate and state.

        Raises
        ------
        ValueError
            If a tensor was edited, and this is no task any more: see `check`.
        """
        self.check()
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
            If a row is missing or there twice, if the tasks are of several sizes, or if they are
            no ground truths: see `check`.
        """
        keys = ["replicate", "state"]
        frame = tables.read(path, TASKS).sort_values(keys)
        tables.require_grid(path, frame[keys])
        states, length = frame["state"].nunique(), int(frame["length"].iloc[0])
        sparsity = int(frame["sparsity"].iloc[0])
        sizes = {"states": states, "length": length, "sparsity": sparsity}
        sizes |= {"transition": states, "positions": sparsity, "weights": sparsity}
        for name, size in sizes.items():
            lists = name in ("transition", "positions", "weights")
            if ((frame[name].map(len) if lists else frame[name]) != size).any():
                raise tables.TableError(f"{path}: its tasks are of several sizes")

        def columns(name: str) -> Tensor:
            stacked = np.stack(frame[name].to_list())  # (R N, ...)
            return torch.from_numpy(stacked.reshape(-1, states, *stacked.shape[1:]))

        try:
            return cls(
                columns("transition").mT.contiguous(),
                columns("stationary"),
                columns("positions").mT.contiguous(),
                columns("weights").mT.contiguous(),
                length,
                tuple(int(seed) for seed in frame["seed"].iloc[::states]),
            )
        except ValueError as fault:
            raise tables.TableError(f"{path}: {fault}") from None


def _support(pattern: np.ndarray) -> np.ndarray:
    """Positions of the nonzero entries of each column, shape (Q, N), increasing.

    Columns with fewer than the others get further positions, the first ones that are free.
    """
    most = int((pattern > 0).sum(0).max())
    # A stable sort: nonzero entries first, and then the others, each in the order of positions.
    chosen = np.argsort(pattern == 0, axis=0, kind="stable")[:most]
    return np.sort(chosen, axis=0)


def _check(
    states: int, length: int, sparsity: int, seed: int, concentration: float, constant: float
) -> None:
    """Refuse arguments out of range, naming them."""
    check_sizes(states, length, sparsity)
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
