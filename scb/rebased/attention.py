"""Causal attention with any similarity, in two forms that agree.

``y_i = sum_{j <= i} sim(q_i, k_j) v_j / (sum_{j <= i} sim(q_i, k_j) + eps)``, undivided where
the similarity is not normalised. The *quadratic* form compares every pair of tokens and is
what trains; the *recurrent* form carries a state from token to token and says what the
similarity costs when it generates.
"""

import torch
from torch import Tensor

from scb.rebased.similarity import Similarity

EPS = 1e-12


def quadratic(
    similarity: Similarity,
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    positions: Tensor | None = None,
) -> Tensor:
    """Outputs of the tokens at ``positions``, comparing each with all tokens up to it.

    Parameters
    ----------
    similarity : Similarity
    queries : Tensor, shape (..., M, f)
        Prepared, of the M tokens whose outputs are asked for.
    keys : Tensor, shape (..., T, f)
        Prepared.
    values : Tensor, shape (..., T, d)
    positions : Tensor, shape (..., M), int64
        Where the queries stand; by default M = T and everywhere.

    Returns
    -------
    Tensor, shape (..., M, d)
    """
    length = keys.shape[-2]
    everywhere = torch.arange(length, device=keys.device)
    seen = everywhere <= (everywhere if positions is None else positions)[..., None]  # (..., M, T)
    scores = queries @ keys.mT  # (..., M, T)
    if similarity.features is None:  # exp overflows where its share of a sum does not
        return scores.masked_fill(~seen, -torch.inf).softmax(-1) @ values
    weights = similarity.weigh(scores) * seen
    summed = weights @ values  # (..., M, d)
    return summed / (weights.sum(-1, keepdim=True) + EPS) if similarity.normalised else summed


def recurrent(
    similarity: Similarity, queries: Tensor, keys: Tensor, values: Tensor
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Outputs of all tokens, one after the other, each from the state that the last one left.

    Parameters
    ----------
    similarity : Similarity
    queries, keys : Tensor, shape (..., T, f)
        Prepared.
    values : Tensor, shape (..., T, d)

    Returns
    -------
    outputs : Tensor, shape (..., T, d)
    state : tuple of Tensors
        After the last token: sums ``phi(k) v^T`` (..., D, d) and, if normalised, ``phi(k)``
        (..., D); without finite features, keys and values so far.
    """
    if similarity.features is None:
        return _cached(similarity, queries, keys, values)
    outputs = []
    totals = torch.zeros_like(similarity.features(keys[..., 0, :]))  # (..., D)
    sums = totals[..., None] * torch.zeros_like(values[..., :1, :])  # (..., D, d)
    for token in range(values.shape[-2]):
        query, key = (similarity.features(x[..., token, :]) for x in (queries, keys))  # (..., D)
        sums = sums + key[..., None] * values[..., token, None, :]
        output = (query[..., None] * sums).sum(-2)  # (..., d)
        if similarity.normalised:
            totals = totals + key
            output = output / ((query * totals).sum(-1, keepdim=True) + EPS)
        outputs.append(output)
    state = (sums, totals) if similarity.normalised else (sums,)
    return torch.stack(outputs, -2), state


def _cached(
    similarity: Similarity, queries: Tensor, keys: Tensor, values: Tensor
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """`recurrent` with a state that grows: all keys and values so far."""
    outputs = []
    for token in range(values.shape[-2]):
        past_keys, past_values = keys[..., : token + 1, :], values[..., : token + 1, :]
        scores = (past_keys @ queries[..., token, :, None])[..., 0]  # (..., token + 1)
        weights = similarity.weigh(scores - scores.amax(-1, keepdim=True))
        share = weights / weights.sum(-1, keepdim=True)
        outputs.append((share[..., None] * past_values).sum(-2))
    return torch.stack(outputs, -2), (keys, values)
