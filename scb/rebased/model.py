"""The model that recalls: two blocks, each a gated short convolution and then attention.

Blocks are pre-LayerNorm and have no MLP; the head is tied to the embedding; there are no
positions but what the convolutions see. The LayerNorms of the blocks have no affine
parameters (the maps behind them would take them up): the only ones are the similarity's own.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scb.data.seeds import derive
from scb.rebased.attention import quadratic
from scb.rebased.recall import Recall
from scb.rebased.similarity import Similarity

TAPS = 3
"""Tokens that the short convolution sees: the token's own and the two before it."""

STD = 0.02
"""Of all initial weights."""


def norm(x: Tensor) -> Tensor:
    """LayerNorm without affine parameters over the last dimension."""
    return F.layer_norm(x, x.shape[-1:])


class GatedConvolution(nn.Module):
    """``u + conv(u) * (W u + b)``, with a causal convolution for each channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.taps = nn.Parameter(torch.empty(TAPS, width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.gate = nn.Linear(width, width)

    def forward(self, u: Tensor) -> Tensor:
        """Shapes (B, T, d) in and out."""
        length = u.shape[-2]
        padded = F.pad(u, (0, 0, TAPS - 1, 0))  # (B, T + 2, d)
        mixed = self.bias + sum(
            tap * padded[:, lag : lag + length] for lag, tap in enumerate(self.taps)
        )
        return u + mixed * self.gate(u)


class Preparation(nn.Module):
    """`Similarity.prepare` with the affine parameters that the similarity learns."""

    def __init__(self, similarity: Similarity, *shape: int) -> None:
        super().__init__()
        self.similarity = similarity
        self.gamma = nn.Parameter(torch.ones(shape)) if similarity.gamma else None
        self.beta = nn.Parameter(torch.zeros(shape)) if similarity.beta else None

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (..., f) in and out."""
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
    """

    def __init__(self, similarity: Similarity, width: int, features: int) -> None:
        super().__init__()
        self.similarity = similarity
        self.value = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.query = nn.Linear(width, features, bias=False)
        self.key = nn.Linear(width, features, bias=False)
        self.prepare_query = Preparation(similarity, features)
        self.prepare_key = Preparation(similarity, features)

    def forward(self, u: Tensor, asked: Tensor, positions: Tensor | None) -> Tensor:
        """Outputs (B, M, d) at the tokens ``asked`` (B, M, d) among the tokens ``u`` (B, T, d)."""
        queries = self.prepare_query(self.query(asked))  # (B, M, f)
        keys = self.prepare_key(self.key(u))  # (B, T, f)
        return self.out(quadratic(self.similarity, queries, keys, self.value(u), positions))


class RecallModel(nn.Module):
    """Two blocks between a token embedding and its transpose.

    Parameters
    ----------
    similarity : Similarity
    vocabulary : int
        V.
    width : int
        d.
    features : int
        f.
    seed : int
        Of the initial weights.
    """

    def __init__(
        self, similarity: Similarity, vocabulary: int, width: int, features: int, seed: int
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.convolutions = nn.ModuleList(GatedConvolution(width) for _ in range(2))
        self.attentions = nn.ModuleList(
            KernelAttention(similarity, width, features) for _ in range(2)
        )
        for name, parameter in self.named_parameters():
            # Drawn by name, so that what two similarities have in common starts alike.
            generator = torch.Generator().manual_seed(derive(seed, name))
            if name.endswith("weight"):
                nn.init.normal_(parameter, std=STD, generator=generator)
            elif name.endswith("taps"):
                # As torch draws a convolution: at STD the product with the gate vanishes.
                nn.init.uniform_(parameter, -(TAPS**-0.5), TAPS**-0.5, generator=generator)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, recall: Recall) -> Tensor:
        """Logits (B, K, V) at the queried positions.

        Only those are asked for, so the second block computes no other output.
        """
        x = self.embedding(recall.tokens)  # (B, T, d)
        u = self.convolutions[0](norm(x))
        x = x + self.attentions[0](u, u, None)
        u = self.convolutions[1](norm(x))
        x, asked = at(x, recall.positions), at(u, recall.positions)  # (B, K, d)
        x = x + self.attentions[1](u, asked, recall.positions)
        return norm(x) @ self.embedding.weight.T


def at(x: Tensor, positions: Tensor) -> Tensor:
    """Rows (B, K, d) of ``x``, shape (B, T, d), at ``positions``, shape (B, K)."""
    batch, length, width = x.shape
    rows = positions + length * torch.arange(batch, device=x.device)[:, None]
    return x.reshape(-1, width).index_select(0, rows.flatten()).view(batch, -1, width)
