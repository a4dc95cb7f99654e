"""The one operation on sequences: add attention up by token, and its adjoint.

Everything the models do with a sequence is ``s = X a^(k)``; everything their gradient
needs is the adjoint ``g^(k)[t] += w[x_t]``. `attend` is that pair as one differentiable
function; the rest of the paper is algebra on small matrices.
"""

from typing import Any

import torch
from torch import Tensor

from scb.data.stream import Batch
from scb.kernels import kernel_for
from scb.kernels.protocol import Kernel


class _Attend(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, columns: Tensor, batch: Batch, kernel: Kernel) -> Tensor:
        ctx.batch, ctx.kernel = batch, kernel
        return kernel.attend(columns, batch)

    @staticmethod
    def backward(ctx: Any, *weights: Tensor) -> tuple[Tensor, None, None]:
        return ctx.kernel.adjoint(weights[0], ctx.batch), None, None


def attend(columns: Tensor, batch: Batch, kernel: Kernel | None = None) -> Tensor:
    """Token sums ``s = X a^(k)`` of every sample, differentiable in the attention.

    Parameters
    ----------
    columns : Tensor, shape (..., R, N, T)
        Attention, transposed: row k is the column ``a^(k)`` of A. Leading dimensions
        (optimisers, say) share the tokens of their replicate.
    batch : Batch of R replicates and B samples
    kernel : module of kernels, optional
        By default the fastest that serves the tensor.

    Returns
    -------
    Tensor, shape (..., R, B, N)
        ``s[n] = sum_t a_t^(k) [x_t = n]`` with k the sample's query.

    Raises
    ------
    ValueError
        If the shape of ``columns`` does not match the batch.
    """
    stream = batch.stream
    expected = (len(stream.seeds), stream.states, stream.length)
    if tuple(columns.shape[-3:]) != expected:
        raise ValueError(
            f"columns has shape {tuple(columns.shape)}: the last three dimensions must be "
            f"(replicates, states, length) = {expected}"
        )
    return _Attend.apply(columns, batch, kernel or kernel_for(columns))
