"""Train one model of language, and what it is judged by: bits per byte."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from scb.data.seeds import derive
from scb.learning.optimizers import AdamW
from scb.rebased.language import LanguageModel
from scb.rebased.text import HeldOut, Text
from scb.rebased.training import WEIGHT_DECAY
from scb.store.progress import progress

CHUNK = 16
"""Held-out sequences that are run at once."""


class Bits(NamedTuple):
    """Bits per byte of some held-out tokens: the sum of -log2 p over the sum of their bytes."""

    overall: float
    repeated: float
    """Of the tokens that complete a repeated bigram; not a number if there are none."""
    other: float
    """Of the other ones."""


@dataclass(frozen=True)
class Checkpoint:
    """A look at the validation split before ``step``: its bits per byte."""

    step: int
    bits: float


def losses(model: LanguageModel, sequences: Tensor) -> Tensor:
    """-log p in nats, shape (n, T), of the second to the last token of (n, T + 1) sequences."""
    logits = model(sequences[:, :-1])  # (n, T, V)
    nats = F.cross_entropy(logits.flatten(0, 1), sequences[:, 1:].flatten(), reduction="none")
    return nats.view(len(sequences), -1)


def judge(model: LanguageModel, held_out: HeldOut) -> Bits:
    """Bits per byte overall and on both slices."""
    with torch.no_grad():
        nats = torch.cat([losses(model, part) for part in held_out.tokens.split(CHUNK)])
    bits = nats.double() / math.log(2)  # (n, T)

    def over(some: Tensor) -> float:
        size = int(held_out.sizes[some].sum())
        return float(bits[some].sum()) / size if size else math.nan

    return Bits(
        over(torch.ones_like(held_out.repeated)),
        over(held_out.repeated),
        over(~held_out.repeated),
    )


def train(
    model: LanguageModel,
    text: Text,
    validation: HeldOut,
    *,
    seed: int,
    run: int,
    rate: float,
    batch: int,
    steps: int,
    every: int,
) -> list[Checkpoint]:
    """Train for ``steps``, with half a cosine from ``rate`` to 0.

    A run whose loss is no longer finite stops.

    Parameters
    ----------
    model : LanguageModel
    text : Text
    validation : HeldOut
        On the device of the model.
    seed : int
        Root of the data.
    run : int
        Index of the data.
    rate : float
        Learning rate at the first step.
    batch : int
        B, sequences a step.
    steps : int
    every : int
        Steps between two looks at the validation split.

    Returns
    -------
    list of Checkpoint
        The last one is of the model as it was left.
    """
    weight, context = model.embedding.weight, validation.sizes.shape[-1]
    optimizer = AdamW(model.parameters(), lr=rate, weight_decay=WEIGHT_DECAY, fused=True)
    generator = torch.Generator().manual_seed(derive(seed, "language", "train", run))
    checkpoints: list[Checkpoint] = []

    def ended(step: int) -> bool:
        checkpoints.append(Checkpoint(step, judge(model, validation).overall))
        return not math.isfinite(checkpoints[-1].bits)

    for step in progress(range(steps), f"run {run} at {rate:g}"):
        if step % every == 0 and ended(step):
            break
        sequences = text.draw(batch, context, generator).to(weight.device)
        optimizer.param_groups[0]["lr"] = rate * (1 + math.cos(math.pi * step / steps)) / 2
        optimizer.zero_grad()
        losses(model, sequences).mean().backward()
        optimizer.step()
    else:
        ended(steps)
    return checkpoints
