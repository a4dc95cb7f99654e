"""The readable kernels: plain torch operations, on any device; oracle of the others."""

import math
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor
from torch.nn.functional import relu

from scb.data.stream import Batch, Step, Stream

CHUNK = 2**17
"""Tokens at a time, so that intermediates stay in cache and memory does not grow with B."""


def heads(stream: Stream, step: Step, first: int, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, targets and sources of a batch; each (R, B), int64."""
    return stream.heads(step, first, size)


def attend(columns: Tensor, batch: Batch) -> Tensor:
    """Attention weights added up by token, ``s = X a^(k)``.

    Parameters
    ----------
    columns : Tensor, shape (..., R, N, T)
        Row k is the attention column ``a^(k)``; leading dimensions share the tokens.
    batch : Batch of R replicates and B samples

    Returns
    -------
    Tensor, shape (..., R, B, N)
    """
    *leading, replicates, states, _ = columns.shape
    sums = columns.new_zeros(*leading, replicates, batch.size, states)
    for replicate, some, tokens, queries in _chunks(batch):
        weights = columns[..., replicate, :, :].index_select(-2, queries)  # (..., b, T)
        sums[..., replicate, some, :].scatter_add_(-1, tokens.expand_as(weights), weights)
    return sums


def adjoint(weights: Tensor, batch: Batch) -> Tensor:
    """Token weights looked up by position, ``g^(k)[t] += w[x_t]``.

    Parameters
    ----------
    weights : Tensor, shape (..., R, B, N)
        w of each sample.
    batch : Batch of R replicates and B samples

    Returns
    -------
    Tensor, shape (..., R, N, T)
        Sums over the samples whose query is k.
    """
    *leading, replicates, _, states = weights.shape
    sums = weights.new_zeros(*leading, replicates, states, batch.stream.length)
    for replicate, some, tokens, queries in _chunks(batch):
        tokens = tokens.expand(*leading, *tokens.shape)
        looked_up = weights[..., replicate, some, :].gather(-1, tokens)  # (..., b, T)
        sums[..., replicate, :, :].index_add_(-2, queries, looked_up)
    return sums


def gradients(
    value: Tensor,
    columns: Tensor,
    stream: Stream,
    step: Step,
    size: int,
    out: Tensor | None = None,
    heads: Callable[[Stream, Step, int, int], tuple[Tensor, Tensor, Tensor]] = heads,
    attend: Callable[[Tensor, Batch], Tensor] = attend,
    adjoint: Callable[[Tensor, Batch], Tensor] = adjoint,
    parts: Callable[[Stream, int], Iterable[tuple[int, int]]] = Stream.parts,
) -> tuple[Tensor, Tensor]:
    """Gradients of the mini-batch loss ``mean 1/2 |e_o - V X a^(k)|^2`` in V and A.

    With ``s = X a^(k)`` and ``r = V s - e_o`` they are the means of ``r s^T`` and, in
    column k, of the adjoint of ``w = V^T r``.

    Parameters
    ----------
    value : Tensor, shape (..., R, N, N)
    columns : Tensor, shape (..., R, N, T)
        A transposed; leading dimensions share the tokens.
    stream : Stream
    step : Step
        Which mini-batch.
    size : int
        Its B samples.
    out : Tensor like ``columns``, contiguous, optional
        Memory for the gradient in A.
    heads, attend, adjoint : functions of this module or of another kernel
    parts : function of the stream and B
        Size and first sample of the parts of a batch whose tokens are held at once.

    Returns
    -------
    g_V : Tensor, shape (..., R, N, N)
    g_A : Tensor, shape (..., R, N, T)
        Transposed as A is.
    """
    value_gradient = torch.zeros_like(value)
    gradient = torch.empty_like(columns) if out is None else out
    gradient.zero_()
    for some, first in parts(stream, size):
        batch = Batch(stream, step, first, some, *heads(stream, step, first, some))
        sums = attend(columns, batch)  # s, (..., R, b, N)
        residual = sums @ value.mT  # (..., R, b, N)
        index = batch.targets[..., None].expand(*residual.shape[:-1], 1)
        residual.scatter_add_(-1, index, residual.new_full((), -1.0).expand_as(index))
        value_gradient += residual.mT @ sums / size
        gradient += adjoint(residual @ value / size, batch)
    return value_gradient, gradient


def proximal_step(columns: Tensor, gradient: Tensor, rate: Tensor, penalty: Tensor) -> None:
    """Gradient step, soft threshold and projection on ``1^T a = 1`` of every column, in place.

    Parameters
    ----------
    columns, gradient : Tensor, shape (..., R, N, T)
        A transposed and its raw gradient.
    rate : Tensor broadcastable to (..., R, N)
        ``eta_A / mu_k``.
    penalty : Tensor broadcastable to (..., R, N)
        lambda.
    """
    columns -= rate[..., None] * gradient
    columns.copy_(project_columns(soft_threshold(columns, penalty[..., None])))


def moments(columns: Tensor, least: float = -math.inf) -> tuple[Tensor, Tensor]:
    """Sum and sum of squares, over positions, of the entries of at least ``least``.

    Parameters
    ----------
    columns : Tensor, shape (..., T)
    least : float, optional
        By default all entries count.

    Returns
    -------
    total, square : Tensor, shape (...), float64
    """
    kept = torch.where(columns >= least, columns, 0.0)
    square = torch.linalg.vector_norm(kept, dim=-1, dtype=torch.float64).square()
    return kept.sum(-1, dtype=torch.float64), square


def soft_threshold(entries: Tensor, threshold: float | Tensor) -> Tensor:
    """Shrink entries of both signs towards 0 by ``threshold``, to 0 within it."""
    return torch.sign(entries) * relu(entries.abs() - threshold)


def project_columns(columns: Tensor) -> Tensor:
    """Projection on the affine space ``1^T a = 1``: ``a + (1 - 1^T a) 1/T``.

    Parameters
    ----------
    columns : Tensor, shape (..., T)
    """
    return columns + (1 - columns.sum(-1, keepdim=True)) / columns.shape[-1]


def _chunks(batch: Batch) -> Iterator[tuple[int, slice, Tensor, Tensor]]:
    """Replicate, samples, tokens (b, T) as an index, and queries (b,) of each chunk."""
    rows = max(1, CHUNK // batch.stream.length)
    for replicate, (tokens, queries) in enumerate(zip(batch.tokens, batch.queries, strict=True)):
        for start in range(0, batch.size, rows):
            some = slice(start, start + rows)
            yield replicate, some, tokens[some].to(torch.int64), queries[some]
