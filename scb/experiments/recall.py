"""Train one kernel on multi-query associative recall, at every learning rate and in every run.

Run r sees the same sequences and starts from the same draws whatever its kernel and its rate,
so kernels are compared in pairs. A linear kernel gets f (f + 1) / 2 features, as many as the
square of f has: linear and square kernels have states of equal size.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from typing import Any

import pandas as pd
import torch

from scb.data.seeds import derive
from scb.experiments.job import Output, job
from scb.footprint import STACKED
from scb.rebased.model import RecallModel
from scb.rebased.recall import RecallTask
from scb.rebased.similarity import SIMILARITIES
from scb.rebased.tables import RECALL
from scb.rebased.training import Run, Split, train
from scb.settings.rebased import Recalling
from scb.store import tables


def stacks(settings: Recalling) -> list[list[tuple[float, int]]]:
    """Rate and index of all runs, in so few stacks that none has more than `STACKED`."""
    runs = [*product(settings.rates, range(settings.runs))]
    count = -(-len(runs) // STACKED)
    ends = [len(runs) * place // count for place in range(count + 1)]  # as even as can be
    return [runs[first:last] for first, last in pairwise(ends)]


@job
def recall(settings: Recalling, curves: Output, device: torch.device, threads: int) -> None:
    """Train all runs, a stack after the other, and write what they reached."""
    torch.set_num_threads(threads)  # there are none of our kernels here
    similarity, features = SIMILARITIES[settings.kernel], settings.features
    if similarity.linear:
        features = features * (features + 1) // 2

    rows: list[dict[str, Any]] = []
    for stack in stacks(settings):
        rates, runs = zip(*stack, strict=True)
        model = RecallModel(
            similarity,
            settings.vocabulary,
            settings.width,
            features,
            [derive(settings.seed, "recall", "model", index) for index in runs],
            settings.std,
            settings.placement,
        )
        found = train(
            model.to(device),
            RecallTask(settings.vocabulary, settings.length, settings.pairs, settings.seed),
            Split(settings.batch, settings.validation, settings.test),
            runs=runs,
            rates=rates,
            steps=settings.steps,
            every=settings.log_interval,
            solved=settings.solved,
        )
        rows += rows_of(found, settings.kernel)

    unread = {"seed", "log_interval", "validation", "test"}
    setting = settings.model_dump(mode="json", exclude=unread) | {
        "features": features,
        "state_size": similarity.state_size(features, settings.width, settings.length),
    }
    frame = pd.DataFrame(rows).astype({"run": "int32", "step": "int32"})
    tables.write(frame, curves, RECALL, setting)


def rows_of(runs: Sequence[Run], kernel: str) -> Iterator[dict[str, Any]]:
    """A row for each look at the validation split."""
    for run in runs:
        for look in run.checkpoints:
            last = look is run.checkpoints[-1]
            yield {
                "kernel": kernel,
                "rate": run.rate,
                "run": run.index,
                "step": look.step,
                "last": last,
                "validation_loss": look.loss if math.isfinite(look.loss) else None,
                "validation_accuracy": look.accuracy,
                "test_accuracy": run.accuracy if last else None,
            }


if __name__ == "__main__":
    recall.main()
