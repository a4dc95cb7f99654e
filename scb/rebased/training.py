"""Train one model on recall: AdamW, a cosine, stopped early by the validation split alone."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from scb.learning.optimizers import AdamW
from scb.rebased.model import RecallModel
from scb.rebased.recall import Recall, RecallTask, fingerprints, require_no_leak
from scb.store.progress import progress

WEIGHT_DECAY = 0.1
CHUNK = 64
"""Sequences of a held-out set that are run at once."""


@dataclass(frozen=True)
class Checkpoint:
    """A look at the validation split: loss and share of right answers, before ``step``."""

    step: int
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Split:
    """How many sequences of each kind a run draws; they never meet (`require_no_leak`)."""

    batch: int
    validation: int
    test: int


def judge(model: RecallModel, held_out: Recall) -> tuple[float, float]:
    """Mean cross-entropy and share of right answers over all queries."""
    loss, right = 0.0, 0
    with torch.no_grad():
        for part in _parts(held_out):
            logits = model(part).flatten(0, 1)  # (B K, V)
            targets = part.targets.flatten()
            loss += float(F.cross_entropy(logits, targets, reduction="sum"))
            right += int((logits.argmax(-1) == targets).sum())
    queries = held_out.targets.numel()
    return loss / queries, right / queries


def _parts(recall: Recall) -> Iterator[Recall]:
    for parts in zip(
        *(x.split(CHUNK) for x in (recall.tokens, recall.positions, recall.targets)), strict=True
    ):
        yield Recall(*parts)


def train(
    model: RecallModel,
    task: RecallTask,
    split: Split,
    *,
    run: int,
    rate: float,
    steps: int,
    every: int,
    solved: float,
) -> tuple[list[Checkpoint], float]:
    """Train until ``steps``, or until the validation accuracy reaches ``solved``.

    The rate follows half a cosine from ``rate`` to 0 over ``steps``, wherever the run stops.
    A run whose loss is no longer finite stops too.

    Parameters
    ----------
    model : RecallModel
    task : RecallTask
    split : Split
    run : int
        Index of the data: runs of the same index see the same sequences.
    rate : float
        Learning rate at the first step.
    steps : int
        The cap.
    every : int
        Steps between two looks at the validation split.
    solved : float
        Validation accuracy at which the run ends.

    Returns
    -------
    checkpoints : list of Checkpoint
        The last one is of the model as it was left.
    accuracy : float
        Of that model on the test split, which nothing was chosen by.

    Raises
    ------
    ValueError
        If a sequence of one split is in another.
    """
    device = model.embedding.weight.device
    validation = task.draw(split.validation, "validation", run)
    test = task.draw(split.test, "test", run)
    chosen_by, judged_by = fingerprints(validation.tokens), fingerprints(test.tokens)
    require_no_leak(chosen_by, judged_by)
    validation = validation.to(device)
    optimizer = AdamW(model.parameters(), lr=rate, weight_decay=WEIGHT_DECAY, fused=True)
    checkpoints: list[Checkpoint] = []
    seen: list[Tensor] = []  # fingerprints of what is trained on

    def ended(step: int) -> bool:
        checkpoints.append(Checkpoint(step, *judge(model, validation)))
        last = checkpoints[-1]
        return last.accuracy >= solved or not math.isfinite(last.loss)

    for step in progress(range(steps), f"run {run} at {rate:g}"):
        if step % every == 0 and ended(step):
            break
        batch = task.draw(split.batch, "train", run, step)
        seen.append(fingerprints(batch.tokens))
        batch = batch.to(device)
        loss = F.cross_entropy(model(batch).flatten(0, 1), batch.targets.flatten())
        optimizer.param_groups[0]["lr"] = rate * (1 + math.cos(math.pi * step / steps)) / 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    else:
        ended(steps)
    if seen:
        require_no_leak(torch.cat(seen), torch.cat([chosen_by, judged_by]))
    return checkpoints, judge(model, test.to(device))[1]
