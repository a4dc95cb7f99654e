"""Every kernel as a parametrisation of the attention column, on the task of figure 2.

All see the same samples. V takes the preconditioned steps of figure 2, queries, keys and
affine parameters those of Adam at the rate of figure 2's softmax logits.
"""

from pathlib import Path

import torch

from scb.data.seeds import derive
from scb.data.task import Task
from scb.experiments.common import (
    Arguments,
    add_outputs,
    arguments,
    iterate,
    run,
    set_up,
    stream_of,
    write_states,
)
from scb.learning.algorithm import train
from scb.learning.curves import Curves
from scb.learning.optimizers import Adam, ValueGradient
from scb.learning.tables import CURVES
from scb.rebased.columns import KernelTransformer
from scb.rebased.similarity import SIMILARITIES
from scb.store import tables


def main(options: Arguments) -> None:
    """Train all kernels at once, log and write their last states."""
    tasks = Task.load(options.tasks).to(set_up(options))
    names = list(SIMILARITIES)
    generator = torch.Generator().manual_seed(derive(options.seed, "columns"))
    model = KernelTransformer(tasks, list(SIMILARITIES.values()), options.features, generator)
    optimizers = [
        ValueGradient(model.value, tasks.stationary, options.rate / tasks.attention_energy),
        Adam(model.vectors, lr=options.logit_rate),
    ]
    curves = Curves(tasks, names, "train", options.log_interval, options.steps)

    def observe(step: int) -> None:
        if curves.due(step):
            curves.record(step, **iterate(tasks, model.value, model.columns))

    stream = stream_of(tasks, options.seed)
    train(model, optimizers, stream, range(options.steps), options.batch, observe)
    observe(options.steps)

    setting = tables.setting(options.tasks) | {
        "batch": options.batch,
        "steps": options.steps,
        "rate": options.rate,
        "logit_rate": options.logit_rate,
        "features": options.features,
    }
    tables.write(curves.frame(), options.curves, CURVES, setting)
    write_states(options.states, names, options.steps, model.value, model.columns, setting)


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--tasks", type=Path, required=True)
    parser.add_argument("--rate", type=float, required=True, help="eta of V")
    parser.add_argument("--logit-rate", type=float, required=True, help="Adam's rate")
    parser.add_argument("--features", type=int, required=True, help="f")
    add_outputs(parser, "curves", "states")
    run(main, parser)
