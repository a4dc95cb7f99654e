"""Train runs on recall: AdamW, a cosine, each stopped early by its validation split alone.

Runs that share a kernel and a rate are trained as one tensor. A run that has ended leaves it, so
that the others go on without it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scb.learning.optimizers import AdamW
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
    checkpoints : list of Checkpoint
        The last one is of the model as it was left.
    accuracy : float
        Of that model on the test split, which nothing was chosen by.
    """

    index: int
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


def keep(model: nn.Module, optimizer: torch.optim.Optimizer, some: Sequence[int]) -> None:
    """Leave ``some`` of the runs in a model and in the moments of its optimizer."""
    chosen = torch.tensor(some)
    for parameter in model.parameters():
        state = optimizer.state.get(parameter, {})
        for name, moment in state.items():
            if moment.shape == parameter.shape:  # and not the count of steps
                state[name] = moment[chosen.to(moment.device)]
        parameter.grad = None
        parameter.data = parameter.data[chosen.to(parameter.device)]


def train(
    model: RecallModel,
    task: RecallTask,
    split: Split,
    *,
    runs: Sequence[int],
    rate: float,
    steps: int,
    every: int,
    solved: float,
) -> list[Run]:
    """Train each run until ``steps``, or until its validation accuracy reaches ``solved``.

    The rate follows half a cosine from ``rate`` to 0 over ``steps``, wherever a run stops.
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
    rate : float
        Learning rate at the first step.
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
    held_out = [_held_out(task, split, index, device) for index in runs]
    found = [Run(index) for index in runs]
    going = list(range(len(runs)))  # places of the runs that the model still has
    optimizer = AdamW(model.parameters(), lr=rate, weight_decay=WEIGHT_DECAY, fused=True)

    def look(step: int) -> None:
        nonlocal going
        validation = Recall.stacked([held_out[place].validation for place in going])
        for place, seen in zip(going, judge(model, validation), strict=True):
            found[place].checkpoints.append(Checkpoint(step, *seen))
        over = [step == steps or found[place].ended(solved) for place in going]
        if any(over):
            test = Recall.stacked([held_out[place].test for place in going])
            for place, ends, seen in zip(going, over, judge(model, test), strict=True):
                if ends:
                    found[place].accuracy = seen[1]
        left = [at for at, ends in enumerate(over) if not ends]
        if left and len(left) < len(going):
            keep(model, optimizer, left)
        going = [going[at] for at in left]

    label = f"runs {', '.join(map(str, runs))} at {rate:g}"
    for step in progress(range(steps), label):
        if step % every == 0:
            look(step)
            if not going:
                break
        drawn = [task.draw(split.batch, "train", runs[place], step) for place in going]
        for place, batch in zip(going, drawn, strict=True):
            held_out[place].trained.append(fingerprints(batch.tokens))
        batch = Recall.stacked(drawn).to(device)
        optimizer.param_groups[0]["lr"] = rate * (1 + math.cos(math.pi * step / steps)) / 2
        optimizer.zero_grad()
        _backward(model, batch)
        optimizer.step()
    else:
        look(steps)
    for one in held_out:
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
