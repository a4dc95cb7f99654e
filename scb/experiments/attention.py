"""Softmax against linear attention on the same tasks and stream (figure 2).

V takes the same preconditioned steps in both models. The linear model's A takes the
paper's plain steps (lambda = 0), the softmax model's logits those of Adam: their gradient
carries a factor a_t, so no fixed rate serves both the uniform start and the end.
"""

from argparse import ArgumentParser
from pathlib import Path

import pandas as pd
import torch

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
from scb.learning.models import LinearTransformer, SoftmaxTransformer
from scb.learning.optimizers import Adam, ValueGradient, preconditioned
from scb.learning.tables import CURVES
from scb.store import tables


def main(options: Arguments) -> None:
    """Train both models one after the other, log and write their last states."""
    tasks = Task.load(options.tasks).to(set_up(options))
    stream = stream_of(tasks, options.seed)

    linear = LinearTransformer.initial(tasks)
    softmax = SoftmaxTransformer.initial(tasks)
    models: dict[str, tuple[Model, list[torch.optim.Optimizer]]] = {
        "linear": (linear, preconditioned(tasks, linear, options.rate)),
        "softmax": (
            softmax,
            [
                ValueGradient(
                    softmax.value, tasks.stationary, options.rate / tasks.attention_energy
                ),
                Adam([softmax.logits], lr=options.logit_rate),
            ],
        ),
    }
    frames, values, columns = [], [], []
    for name, (model, optimizer) in models.items():
        curves = Curves(tasks, [name], "train", options.log_interval, options.steps)

        def observe(step: int, model: Model = model, curves: Curves = curves) -> None:
            if curves.due(step):
                curves.record(step, **iterate(tasks, model.value, model.columns))

        train(model, optimizer, stream, range(options.steps), options.batch, observe)
        observe(options.steps)
        frames.append(curves.frame())
        values.append(model.value.detach())
        columns.append(model.columns.detach())

    setting = tables.setting(options.tasks) | {
        "batch": options.batch,
        "steps": options.steps,
        "rate": options.rate,
        "logit_rate": options.logit_rate,
    }
    tables.write(pd.concat(frames), options.curves, CURVES, setting)
    state = torch.stack(values), torch.stack(columns)
    write_states(options.states, list(models), options.steps, *state, setting)


def command_line() -> ArgumentParser:
    """Options of the job."""
    parser = arguments(__doc__)
    parser.add_argument("--tasks", type=Path, required=True)
    parser.add_argument("--rate", type=float, required=True, help="eta")
    parser.add_argument("--logit-rate", type=float, required=True, help="Adam's rate for W")
    add_outputs(parser, "curves", "states")
    return parser


if __name__ == "__main__":
    run(main, command_line())
