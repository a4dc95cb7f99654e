"""The model of language: the blocks of recall, each with an MLP, on every token of a sequence.

The head is tied to the embedding, and there are no positions but what the convolutions see.
"""

import torch
from torch import Tensor, nn

from scb.data.seeds import derive
from scb.rebased.model import TAPS, GatedConvolution, KernelAttention, norm
from scb.rebased.similarity import Similarity

EXPANSION = 2
"""Width of the MLP over that of the model."""


class Block(nn.Module):
    """A gated short convolution and attention, then an MLP, each added to what comes in.

    Parameters
    ----------
    similarity : Similarity
    width : int
        d.
    features : int
        f.
    """

    def __init__(self, similarity: Similarity, width: int, features: int) -> None:
        super().__init__()
        self.convolution = GatedConvolution(width)
        self.attention = KernelAttention(similarity, width, features)
        self.mlp = nn.Sequential(
            nn.Linear(width, EXPANSION * width), nn.GELU(), nn.Linear(EXPANSION * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Shapes (B, T, d) in and out."""
        u = self.convolution(norm(x))
        x = x + self.attention(u, u, None)
        return x + self.mlp(norm(x))


class LanguageModel(nn.Module):
    """Blocks between a token embedding and its transpose.

    Parameters
    ----------
    similarity : Similarity
    vocabulary : int
        V.
    width : int
        d.
    features : int
        f.
    blocks : int
    seed : int
        Of the initial weights.
    """

    def __init__(
        self,
        similarity: Similarity,
        vocabulary: int,
        width: int,
        features: int,
        blocks: int,
        seed: int,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.blocks = nn.Sequential(*(Block(similarity, width, features) for _ in range(blocks)))
        for name, parameter in self.named_parameters():
            # Drawn by name, so that what two similarities have in common starts alike.
            generator = torch.Generator().manual_seed(derive(seed, name))
            if name.endswith("weight"):
                std = parameter.shape[-1] ** -0.5  # by the width that comes in, as that is small
                nn.init.normal_(parameter, std=std, generator=generator)
            elif name.endswith("taps"):
                nn.init.uniform_(parameter, -(TAPS**-0.5), TAPS**-0.5, generator=generator)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (B, T, V) of the token after each of ``tokens``, shape (B, T)."""
        x = self.blocks(self.embedding(tokens))  # (B, T, d)
        return norm(x) @ self.embedding.weight.T
