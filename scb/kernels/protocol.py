"""What a module of kernels provides: the contract that `reference`, `cpu` and `cuda` keep.

Results are those of `scb.kernels.reference`: tokens bit for bit, sums up to rounding, and the same
bits from run to run. A kernel takes what `scb.kernels.kernel_for` gives it the tensor of.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from scb.data.stream import Batch, Step, Stream


class Kernel(Protocol):
    """All that costs O(T). G conditions share the tokens of their R replicates."""

    def heads(
        self, stream: Stream, step: Step, first: int, size: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, targets and sources of ``size`` samples; each (R, B), int64."""

    def attend(self, columns: Tensor, batch: Batch) -> Tensor:
        """Token sums ``s[n] = sum_t a_t^(k) [x_t = n]``: (..., R, N, T) to (..., R, B, N)."""

    def adjoint(self, weights: Tensor, batch: Batch) -> Tensor:
        """Its adjoint ``g^(k)[t] += w[x_t]``: (..., R, B, N) to (..., R, N, T)."""

    def gradients(
        self,
        value: Tensor,
        columns: Tensor,
        stream: Stream,
        step: Step,
        size: int,
        out: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """g_V, (..., R, N, N), and g_A, (..., R, N, T), of a step's mini-batch of B samples."""

    def proximal_step(
        self, columns: Tensor, gradient: Tensor, rate: Tensor, penalty: Tensor
    ) -> None:
        """Gradient step, soft threshold and projection of every column, in place."""

    def moments(self, columns: Tensor, least: float = ...) -> tuple[Tensor, Tensor]:
        """Sum and sum of squares of the entries from ``least`` on, (...), float64."""


class Rule(NamedTuple):
    """Steps on V and A in closed form, of G conditions and R replicates, as arrays.

    In the type of V and A, so that a step has the roundings of `scb.learning.optimizers`.
    """

    moves: NDArray[np.bool_]
    """Conditions that are moved; of the others, the gradients are wanted; (G,)."""
    preconditioned: NDArray[np.bool_]
    """Whether V takes preconditioned steps, or raw ones; (G,)."""
    stationary: NDArray[np.floating]
    """mu of the preconditioner, (G, R, N)."""
    value_rates: NDArray[np.floating]
    """eta_V, (G, R)."""
    projected: NDArray[np.bool_]
    """Whether A takes proximal steps, or raw ones; (G,)."""
    rates: NDArray[np.floating]
    """``eta_A / mu_k``, or eta_A of raw steps; (G, R, N)."""
    penalties: NDArray[np.floating]
    """lambda, (G, R)."""

    @classmethod
    def of(cls, conditions: int, kind: np.dtype[Any], replicates: int, states: int) -> "Rule":
        """A rule that moves nothing, to be filled in: rates are not numbers."""
        return cls(
            moves=np.zeros(conditions, np.bool_),
            preconditioned=np.zeros(conditions, np.bool_),
            stationary=np.zeros((conditions, replicates, states), kind),
            value_rates=np.full((conditions, replicates), np.nan, kind),
            projected=np.zeros(conditions, np.bool_),
            rates=np.full((conditions, replicates, states), np.nan, kind),
            penalties=np.zeros((conditions, replicates), kind),
        )
