"""What a module of kernels provides: the contract that `reference`, `cpu` and `cuda` keep.

Results are those of `scb.kernels.reference`: tokens bit for bit, sums up to rounding, and the same
bits from run to run. A kernel takes what `scb.kernels.kernel_for` gives it the tensor of.
"""

from typing import Protocol

from torch import Tensor

from scb.data.stream import Batch, Stream


class Kernel(Protocol):
    """All that costs O(T). G conditions share the tokens of their R replicates."""

    def heads(
        self, stream: Stream, step: int, first: int, size: int
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
        step: int,
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
