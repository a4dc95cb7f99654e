"""The model that recalls: two blocks, each a gated short convolution and then attention.

Blocks have no MLP; the head is tied to the embedding; there are no positions but what the
convolutions see. The LayerNorms of the blocks have no affine parameters (the maps behind them
would take them up): the only ones are the similarity's own.

Runs that differ by their weights and their data alone are one model: every parameter has a leading
run dimension R, and one operation serves all runs. A layer without runs has none.
"""

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scb.data.seeds import derive
from scb.rebased.attention import quadratic
from scb.rebased.recall import Recall
from scb.rebased.shift import causal_convolution
from scb.rebased.similarity import Similarity

TAPS = 3
"""Tokens that the short convolution sees: the token's own and the two before it."""

STD = 0.02
"""Of the initial weights, as the sources have it."""

Placement = Literal["before", "after"]
"""Whether a block's LayerNorm is before its layers, or after their sum with what came in."""


def norm(x: Tensor) -> Tensor:
    """LayerNorm without affine parameters over the last dimension."""
    return F.layer_norm(x, x.shape[-1:])


class Linear(nn.Module):
    """``W x + b``, with a W and a b for each run.

    Parameters
    ----------
    inputs, outputs : int
    runs : tuple of int
        (R,), or () for weights without a run dimension.
    bias : bool
    """

    def __init__(self, inputs: int, outputs: int, runs: tuple[int, ...], *, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(*runs, outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(*runs, 1, outputs)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """From shape (*runs, B, T, inputs) to (*runs, B, T, outputs)."""
        rows = x.flatten(-3, -2) @ self.weight.mT  # (*runs, B T, outputs)
        if self.bias is not None:
            rows = rows + self.bias
        return rows.unflatten(-2, x.shape[-3:-1])


class GatedConvolution(nn.Module):
    """``u + conv(u) * (W u + b)``, with a causal convolution for each channel."""

    def __init__(self, width: int, runs: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.taps = nn.Parameter(torch.empty(*runs, TAPS, width))
        self.bias = nn.Parameter(torch.zeros(*runs, width))
        self.gate = Linear(width, width, runs, bias=True)

    def forward(self, u: Tensor) -> Tensor:
        """Shapes (*runs, B, T, d) in and out."""
        mixed = causal_convolution(u, self.taps) + self.bias[..., None, None, :]
        return torch.addcmul(u, mixed, self.gate(u))


class Preparation(nn.Module):
    """`Similarity.prepare` with the affine parameters that the similarity learns."""

    def __init__(self, similarity: Similarity, width: int, runs: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.similarity = similarity
        shape = (*runs, 1, 1, width)
        self.gamma = nn.Parameter(torch.ones(shape)) if similarity.gamma else None
        self.beta = nn.Parameter(torch.zeros(shape)) if similarity.beta else None

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (*runs, B, T, f) in and out."""
        return self.similarity.prepare(x, self.gamma, self.beta)


class KernelAttention(nn.Module):
    """Causal attention by a similarity, without biases.

    Parameters
    ----------
    similarity : Similarity
    width : int
        d, of the model and the values.
    features : int
        f, of queries and keys.
    runs : tuple of int
        (R,), or () for weights without a run dimension.
    """

    def __init__(
        self, similarity: Similarity, width: int, features: int, runs: tuple[int, ...] = ()
    ) -> None:
        super().__init__()
        self.similarity = similarity
        self.value = Linear(width, width, runs, bias=False)
        self.out = Linear(width, width, runs, bias=False)
        self.query = Linear(width, features, runs, bias=False)
        self.key = Linear(width, features, runs, bias=False)
        self.prepare_query = Preparation(similarity, features, runs)
        self.prepare_key = Preparation(similarity, features, runs)

    def forward(self, u: Tensor, asked: Tensor, positions: Tensor | None) -> Tensor:
        """Outputs (*runs, B, M, d) at the tokens ``asked`` among ``u``, (*runs, B, T, d)."""
        queries = self.prepare_query(self.query(asked))  # (*runs, B, M, f)
        keys = self.prepare_key(self.key(u))  # (*runs, B, T, f)
        return self.out(quadratic(self.similarity, queries, keys, self.value(u), positions))


class RecallModel(nn.Module):
    """Two blocks between a token embedding and its transpose, of R runs at once.

    Parameters
    ----------
    similarity : Similarity
    vocabulary : int
        V.
    width : int
        d.
    features : int
        f.
    seeds : sequence of R int
        Of the initial weights of each run.
    std : float
        Standard deviation of the initial weights.
    placement : Placement
        Of the blocks' LayerNorms.
    """

    def __init__(
        self,
        similarity: Similarity,
        vocabulary: int,
        width: int,
        features: int,
        seeds: Sequence[int],
        std: float = STD,
        placement: Placement = "before",
    ) -> None:
        super().__init__()
        runs, self.placement = (len(seeds),), placement
        self.embedding = nn.Parameter(torch.empty(*runs, vocabulary, width))
        self.convolutions = nn.ModuleList(GatedConvolution(width, runs) for _ in range(2))
        self.attentions = nn.ModuleList(
            KernelAttention(similarity, width, features, runs) for _ in range(2)
        )
        for name, parameter in self.named_parameters():
            if not name.endswith(("weight", "embedding", "taps")):
                continue  # what starts at 0 or at 1
            # Each run's by its seed and by name: what two similarities have in common, and what
            # a run has alone or among others, starts alike.
            for of_run, seed in zip(parameter.data, seeds, strict=True):
                generator = torch.Generator().manual_seed(derive(seed, name))
                if name.endswith("taps"):
                    # As torch draws a convolution: at STD the product with the gate vanishes.
                    of_run.uniform_(-(TAPS**-0.5), TAPS**-0.5, generator=generator)
                else:
                    of_run.normal_(std=std, generator=generator)

    def forward(self, recall: Recall) -> Tensor:
        """Logits (R, B, K, V) at the queried positions of the sequences (R, B, T).

        Only those are asked for, so the second block computes no other output.
        """
        before, after = (norm, _same) if self.placement == "before" else (_same, norm)
        x = embedded(self.embedding, recall.tokens)  # (R, B, T, d)
        u = self.convolutions[0](before(x))
        x = after(x + self.attentions[0](u, u, None))
        u = self.convolutions[1](before(x))
        x, asked = at(x, recall.positions), at(u, recall.positions)  # (R, B, K, d)
        x = after(x + self.attentions[1](u, asked, recall.positions))
        return (before(x).flatten(-3, -2) @ self.embedding.mT).unflatten(-2, x.shape[-3:-1])


def _same(x: Tensor) -> Tensor:
    return x


def embedded(embedding: Tensor, tokens: Tensor) -> Tensor:
    """Rows (R, B, T, d) of each run's ``embedding``, (R, V, d), for ``tokens``, (R, B, T)."""
    runs, vocabulary, _ = embedding.shape
    first = vocabulary * torch.arange(runs, device=tokens.device)  # of a run's rows
    return F.embedding(tokens + first[:, None, None], embedding.flatten(0, 1))


def at(x: Tensor, positions: Tensor) -> Tensor:
    """Rows (..., B, K, d) of ``x``, shape (..., B, T, d), at ``positions``, shape (..., B, K)."""
    *_, length, width = x.shape
    first = length * torch.arange(positions[..., 0].numel(), device=x.device)
    rows = positions.flatten(0, -2) + first[:, None]
    return x.reshape(-1, width).index_select(0, rows.flatten()).view(*positions.shape, width)
