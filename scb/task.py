"""The task: a sparse contextual bigram (paper, section 2) and how it is drawn.

A `Task` is the ground truth (P, mu, Q). Its tensors may carry a leading replicate
dimension (`Task.stack`), over which every function of the package broadcasts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor


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
    ) -> "Task":
        """Draw a task; bit-identical for a seed."""
        ...

    @classmethod
    def stack(cls, tasks: Sequence["Task"]) -> "Task":
        """R single tasks of one shape as one task with a replicate dimension."""
        ...

    @property
    def states(self) -> int:
        """N."""
        ...

    @property
    def sparsity(self) -> int:
        """Q."""
        ...

    @property
    def attention(self) -> Tensor:
        """The attention pattern Q, dense, shape (..., T, N), float64."""
        ...

    @property
    def transition_energy(self) -> Tensor:
        """``K_P = |P|_mu^2 - |mu|^2``, shape (...)."""
        ...

    @property
    def attention_energy(self) -> Tensor:
        """``K_Q = |Q|_mu^2 - 1/T``, shape (...)."""
        ...

    def to(self, device=None, dtype=None) -> "Task":
        """The task with its float tensors in ``dtype`` and all on ``device``."""
        ...

    def violations(self, constant: float = 4.0) -> list[str]:
        """One line for each violated clause of Assumption 2.1."""
        ...

    def save(self, path: Path) -> None:
        """Write the task(s) to Parquet, one row per replicate and state."""
        ...

    @classmethod
    def load(cls, path: Path) -> "Task":
        """Read what `save` wrote; always with a replicate dimension."""
        ...
