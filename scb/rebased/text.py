"""The corpus as a model sees it: a stream to train on and sequences that are held out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from scb.rebased.slices import repeated
from scb.rebased.tables import CORPUS, VOCABULARY
from scb.store import tables


@dataclass(frozen=True)
class HeldOut:
    """n sequences of T + 1 tokens, of which the last T are predicted.

    Attributes
    ----------
    tokens : Tensor, shape (n, T + 1), int64
    sizes : Tensor, shape (n, T), int64
        Bytes of each predicted token.
    repeated : Tensor, shape (n, T), bool
        Which of them complete a repeated bigram: see `scb.rebased.slices`.
    """

    tokens: Tensor
    sizes: Tensor
    repeated: Tensor

    def to(self, device: torch.device) -> "HeldOut":
        """The same sequences on ``device``."""
        return HeldOut(*(x.to(device) for x in (self.tokens, self.sizes, self.repeated)))


@dataclass(frozen=True)
class Text:
    """Tokens of every split, its documents one after the other.

    Attributes
    ----------
    tokens : dict of Tensor, int64
        By split.
    sizes : Tensor, shape (V,), int64
        Bytes of each token.
    setting : dict
        What is stored with the corpus, its digest among it.
    """

    tokens: dict[str, Tensor]
    sizes: Tensor
    setting: dict[str, Any]

    @classmethod
    def read(cls, corpus: Path, vocabulary: Path) -> "Text":
        """Both tables that the corpus has.

        Raises
        ------
        TableError
            If one cannot be read.
        """
        pieces = tables.read(vocabulary, VOCABULARY)["piece"]
        frame = tables.read(corpus, CORPUS)
        tokens = {
            str(split): torch.from_numpy(np.concatenate(list(mine["tokens"])))
            for split, mine in frame.groupby("split")
        }
        return cls(tokens, torch.tensor([len(piece) for piece in pieces]), tables.setting(corpus))

    def draw(self, count: int, context: int, generator: torch.Generator) -> Tensor:
        """Sequences (count, T + 1) of the training split, each from anywhere.

        Drawn on the CPU, so that they are the same for every device.
        """
        stream = self.tokens["train"]
        first = torch.randint(len(stream) - context, (count,), generator=generator)
        return stream[first[:, None] + torch.arange(context + 1)]

    def held_out(self, split: str, context: int, most: int, rare: int) -> HeldOut:
        """At most so many sequences of a split, evenly spread over it; none overlap."""
        stream, vocabulary = self.tokens[split], len(self.sizes)
        whole = len(stream) // (context + 1)
        all_of_them = stream[: whole * (context + 1)].view(whole, context + 1)
        count = min(most, whole)
        sequences = all_of_them[torch.arange(count) * whole // count]  # (n, T + 1)
        return HeldOut(
            sequences,
            self.sizes[sequences[:, 1:]],
            repeated(sequences, self.tokens["train"], vocabulary, rare),
        )

    def require_length(self, context: int) -> None:
        """Refuse splits that are shorter than one sequence.

        Raises
        ------
        ValueError
            Naming the split.
        """
        for split in ("train", "validation", "test"):
            there = len(self.tokens.get(split, ()))
            if there <= context:
                raise ValueError(
                    f"the {split} split has {there} tokens: it must have more than the context, "
                    f"{context}; give a longer text"
                )
