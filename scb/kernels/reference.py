"""The readable kernel: plain torch operations, on any device; oracle of the others."""

import torch
from torch import Tensor

from scb.stream import Batch


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
    states = columns.shape[-2]
    queries = batch.queries[..., None].expand(*batch.queries.shape, columns.shape[-1])
    tokens = batch.tokens.long()  # (R, B, T)
    leading = columns.shape[:-3]
    rows = columns.gather(-2, queries.expand(*leading, *queries.shape))  # (..., R, B, T)
    sums = rows.new_zeros(*rows.shape[:-1], states)  # (..., R, B, N)
    return sums.scatter_add_(-1, tokens.expand_as(rows), rows)


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
    length = batch.stream.length
    states = weights.shape[-1]
    tokens = batch.tokens.long()  # (R, B, T)
    leading = weights.shape[:-3]
    looked_up = weights.gather(-1, tokens.expand(*leading, *tokens.shape))  # (..., R, B, T)
    queries = batch.queries[..., None].expand(*looked_up.shape)
    sums = looked_up.new_zeros(*looked_up.shape[:-2], states, length)
    return sums.scatter_add_(-2, queries, looked_up)
