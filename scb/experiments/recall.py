"""Train one kernel on multi-query associative recall, at every learning rate and in every run.

Run r sees the same sequences and starts from the same draws whatever its kernel and its rate,
so kernels are compared in pairs. A linear kernel gets f (f + 1) / 2 features, as many as the
square of f has: linear and square kernels have states of equal size.
"""

import math

import pandas as pd
import torch

from scb.data.seeds import derive
from scb.experiments.job import Output, job
from scb.rebased.model import RecallModel
from scb.rebased.recall import RecallTask
from scb.rebased.similarity import SIMILARITIES
from scb.rebased.tables import RECALL
from scb.rebased.training import Split, train
from scb.settings import Recalling
from scb.store import tables


@job
def recall(settings: Recalling, curves: Output, device: torch.device, threads: int) -> None:
    """Train all runs one after the other and write what they reached."""
    torch.set_num_threads(threads)  # there are none of our kernels here
    similarity, features = SIMILARITIES[settings.kernel], settings.features
    if similarity.linear:
        features = features * (features + 1) // 2
    task = RecallTask(settings.vocabulary, settings.length, settings.pairs, settings.seed)
    split = Split(settings.batch, settings.validation, settings.test)

    rows = []
    for rate in settings.rates:
        for index in range(settings.runs):
            seed = derive(settings.seed, "recall", "model", index)
            model = RecallModel(similarity, task.vocabulary, settings.width, features, seed)
            checkpoints, accuracy = train(
                model.to(device),
                task,
                split,
                run=index,
                rate=rate,
                steps=settings.steps,
                every=settings.log_interval,
                solved=settings.solved,
            )
            for checkpoint in checkpoints:
                last = checkpoint is checkpoints[-1]
                finite = math.isfinite(checkpoint.loss)
                rows.append(
                    {
                        "kernel": settings.kernel,
                        "rate": rate,
                        "run": index,
                        "step": checkpoint.step,
                        "last": last,
                        "validation_loss": checkpoint.loss if finite else None,
                        "validation_accuracy": checkpoint.accuracy,
                        "test_accuracy": accuracy if last else None,
                    }
                )

    unread = {"seed", "log_interval", "validation", "test"}
    setting = settings.model_dump(mode="json", exclude=unread) | {
        "features": features,
        "state_size": similarity.state_size(features, settings.width, settings.length),
    }
    frame = pd.DataFrame(rows).astype({"run": "int32", "step": "int32"})
    tables.write(frame, curves, RECALL, setting)


if __name__ == "__main__":
    recall.main()
