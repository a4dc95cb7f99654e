"""Train one kernel on multi-query associative recall, at every learning rate and in every run.

Run r sees the same sequences and starts from the same draws whatever its kernel and its rate,
so kernels are compared in pairs. A linear kernel gets f (f + 1) / 2 features, as many as the
square of f has: linear and square kernels have states of equal size.
"""

import math

import pandas as pd
import torch

from scb.data.seeds import derive
from scb.experiments.common import Arguments, add_outputs, arguments, run, set_up
from scb.rebased.model import RecallModel
from scb.rebased.recall import RecallTask
from scb.rebased.similarity import SIMILARITIES
from scb.rebased.tables import RECALL
from scb.rebased.training import Split, train
from scb.store import tables


def main(options: Arguments) -> None:
    """Train all runs one after the other and write what they reached."""
    device = set_up(options)
    torch.set_num_threads(options.threads)  # there are none of our kernels here
    similarity = SIMILARITIES[options.kernel]
    features = options.features
    if similarity.linear:
        features = features * (features + 1) // 2
    task = RecallTask(options.vocabulary, options.length, options.pairs, options.seed)
    split = Split(options.batch, options.validation, options.test)

    rows = []
    for rate in options.rates:
        for index in range(options.runs):
            seed = derive(options.seed, "recall", "model", index)
            model = RecallModel(similarity, task.vocabulary, options.width, features, seed)
            checkpoints, accuracy = train(
                model.to(device),
                task,
                split,
                run=index,
                rate=rate,
                steps=options.steps,
                every=options.log_interval,
                solved=options.solved,
            )
            for checkpoint in checkpoints:
                last = checkpoint is checkpoints[-1]
                finite = math.isfinite(checkpoint.loss)
                rows.append(
                    {
                        "kernel": options.kernel,
                        "rate": rate,
                        "run": index,
                        "step": checkpoint.step,
                        "last": last,
                        "validation_loss": checkpoint.loss if finite else None,
                        "validation_accuracy": checkpoint.accuracy,
                        "test_accuracy": accuracy if last else None,
                    }
                )

    names = ("vocabulary", "length", "pairs", "width", "batch", "steps", "rates", "runs", "solved")
    setting = {name: getattr(options, name) for name in names} | {
        "kernel": options.kernel,
        "features": features,
        "state_size": similarity.state_size(features, options.width, options.length),
    }
    frame = pd.DataFrame(rows).astype({"run": "int32", "step": "int32"})
    tables.write(frame, options.output, RECALL, setting)


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--kernel", choices=sorted(SIMILARITIES), required=True)
    for option in ("vocabulary", "length", "pairs", "width", "features", "runs"):
        parser.add_argument(f"--{option}", type=int, required=True)
    parser.add_argument("--validation", type=int, required=True, help="sequences to choose by")
    parser.add_argument("--test", type=int, required=True, help="sequences to judge by")
    parser.add_argument("--rates", type=float, nargs="+", required=True, help="learning rates")
    parser.add_argument("--solved", type=float, required=True, help="accuracy that ends a run")
    add_outputs(parser, "output")
    run(main, parser)
