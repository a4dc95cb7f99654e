"""Train runs on recall: AdamW, a cosine, each stopped early by its validation split alone.

Runs of one kernel are trained as one tensor, each with data and a learning rate of its own. A run
that has ended leaves it, so that the others go on without it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scb.rebased.adamw import StackedAdamW
from scb.rebased.model import RecallModel
from scb.rebased.recall import Recall, RecallTask, fingerprints, require_no_leak
from scb.store.progress import progress

WEIGHT_DECAY = 0.1
CHUNK = 16
"""Sequences of a held-out set that are run at once, of each run."""


@dataclass(frozen=True)
class Checkpoint:
    """A look at the validation split: loss and share of right answers, before ``step``."""

    step: int
    loss: float
    accuracy: float


@dataclass
class Run:
    """What a run has shown.

    Attributes
    ----------
    index : int
        Of its data.
    rate : float
        Learning rate at its first step.
    checkpoints : list of Checkpoint
        The last one is of the model as it was left.
    accuracy : float
        Of that model on the test split, which nothing was chosen by.
    """

    index: int
    rate: float
    checkpoints: list[Checkpoint] = field(default_factory=list)
    accuracy: float = math.nan

    def ended(self, solved: float) -> bool:
        """Whether the last look was good enough, or the loss is no number any more."""
        last = self.checkpoints[-1]
        return last.accuracy >= solved or not math.isfinite(last.loss)


@dataclass(frozen=True)
class Split:
    """How many sequences of each kind a run draws; they never meet (`require_no_leak`)."""

    batch: int
    validation: int
    test: int


def judge(model: nn.Module, held_out: Recall) -> list[tuple[float, float]]:
    """Mean cross-entropy and share of right answers over all queries, of each run."""
    losses, right = [], []
    with torch.no_grad():
        for part in _parts(held_out):
            logits = model(part)  # (R, B, K, V)
            losses.append(_cross_entropy(logits, part.targets).double())  # (R,)
            right.append((logits.argmax(-1) == part.targets).flatten(1).sum(1))
    queries = held_out.targets[0].numel()
    totals = torch.stack([torch.stack(losses).sum(0), torch.stack(right).sum(0)]) / queries
    return [(loss, share) for loss, share in totals.T.tolist()]


def _cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Summed over the queries of each run, shape (R,)."""
    each = F.cross_entropy(logits.flatten(0, -2), targets.flatten(), reduction="none")
    return each.view(len(targets), -1).sum(1)


def _backward(model: nn.Module, batch: Recall) -> None:
    """Set the gradient of each run's mean cross-entropy; of the graph nothing is left after."""
    (_cross_entropy(model(batch), batch.targets).sum() / batch.targets[0].numel()).backward()


def _parts(recall: Recall) -> Iterator[Recall]:
    for parts in zip(
        *(x.split(CHUNK, 1) for x in (recall.tokens, recall.positions, recall.targets)),
        strict=True,
    ):
        yield Recall(*parts)


def train(
    model: RecallModel,
    task: RecallTask,
    split: Split,
    *,
    runs: Sequence[int],
    rates: Sequence[float],
    steps: int,
    every: int,
    solved: float,
) -> list[Run]:
    """Train each run until ``steps``, or until its validation accuracy reaches ``solved``.

    A rate follows half a cosine to 0 over ``steps``, wherever a run stops.
    A run whose loss is no longer finite stops too. Runs do not meet: each is what it would be
    alone, but for rounding.

    Parameters
    ----------
    model : RecallModel
        Of as many runs; those that are left at the end stay in it.
    task : RecallTask
    split : Split
    runs : sequence of int
        Indices of the data: runs of the same index see the same sequences.
    rates : sequence of float
        Learning rate of each run at the first step.
    steps : int
        The cap.
    every : int
        Steps between two looks at the validation split.
    solved : float
        Validation accuracy at which a run ends.

    Returns
    -------
    list of Run
        In the order of ``runs``.

    Raises
    ------
    ValueError
        If a sequence of one split is in another.
    """
    device = model.embedding.device
    held_out = {index: _held_out(task, split, index, device) for index in dict.fromkeys(runs)}
    found = [Run(*pair) for pair in zip(runs, rates, strict=True)]
    going = found  # those that the model still has
    optimizer = StackedAdamW(model.parameters(), rates, WEIGHT_DECAY)

    def look(step: int) -> None:
        nonlocal going
        validation = Recall.stacked([held_out[run.index].validation for run in going])
        for run, seen in zip(going, judge(model, validation), strict=True):
            run.checkpoints.append(Checkpoint(step, *seen))
        over = [step == steps or run.ended(solved) for run in going]
        if any(over):
            test = Recall.stacked([held_out[run.index].test for run in going])
            for run, ends, (_, accuracy) in zip(going, over, judge(model, test), strict=True):
                if ends:
                    run.accuracy = accuracy
        left = [place for place, ends in enumerate(over) if not ends]
        if left and len(left) < len(going):
            optimizer.keep(left)
        going = [going[place] for place in left]

    told = ", ".join(f"{run.index} at {run.rate:g}" for run in found)
    for step in progress(range(steps), f"runs {told}"):
        if step % every == 0:
            look(step)
            if not going:
                break
        drawn: dict[int, Recall] = {}
        for index in dict.fromkeys(run.index for run in going):
            drawn[index] = task.draw(split.batch, "train", index, step)
            held_out[index].trained.append(fingerprints(drawn[index].tokens))
        batch = Recall.stacked([drawn[run.index] for run in going]).to(device)
        optimizer.zero_grad()
        _backward(model, batch)
        optimizer.step((1 + math.cos(math.pi * step / steps)) / 2)
    else:
        look(steps)
    for one in held_out.values():
        one.require_no_leak()
    return found


@dataclass(frozen=True)
class _HeldOut:
    """A run's held-out sequences, and fingerprints of those and of what it is trained on."""

    validation: Recall
    test: Recall
    fingerprints: Tensor
    trained: list[Tensor] = field(default_factory=list)

    def require_no_leak(self) -> None:
        """Refuse a run that was trained on a held-out sequence."""
        if self.trained:
            require_no_leak(torch.cat(self.trained), self.fingerprints)


def _held_out(task: RecallTask, split: Split, index: int, device: torch.device) -> _HeldOut:
    validation = task.draw(split.validation, "validation", index)
    test = task.draw(split.test, "test", index)
    chosen_by, judged_by = fingerprints(validation.tokens), fingerprints(test.tokens)
    require_no_leak(chosen_by, judged_by)
    return _HeldOut(validation.to(device), test.to(device), torch.cat([chosen_by, judged_by]))
