"""After Stage 1: several optimizers go on from one state, on one stream.

All optimizers of a replicate see the same samples, so they are compared in pairs.
"""

from argparse import ArgumentParser
from pathlib import Path

import torch
from torch import Tensor

from scb.data.task import Task
from scb.experiments.common import (
    Arguments,
    add_outputs,
    arguments,
    iterate,
    read_states,
    run,
    set_up,
    stream_of,
    write_states,
)
from scb.learning.algorithm import sparsify, switch_threshold, train
from scb.learning.curves import Curves
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import preconditioned
from scb.learning.tables import CURVES
from scb.store import tables


def branch(state: Path, tasks: Task, thresholded: Tensor) -> tuple[int, LinearTransformer]:
    """The step that Stage 1 ended with, and a model with its end in every branch.

    The state may hold more replicates than the tasks. Where ``thresholded`` (G, 1) is true,
    Stage 2 opens with a threshold.
    """
    _, first, value, columns = read_states(state)
    few = slice(len(tasks.seeds))
    value = value[0, few].to(tasks.stationary.device)  # (R, N, N)
    columns = columns[0, few].to(value.device)  # (R, N, T)
    sparse = sparsify(columns, switch_threshold(tasks, value).to(columns))
    columns = torch.where(thresholded[..., None, None], sparse, columns)  # (G, R, N, T)
    return first, LinearTransformer(value.expand(len(columns), *value.shape), columns)


def main(options: Arguments) -> None:
    """Branch, train, log and write the states at the end."""
    device = set_up(options)
    tasks = Task.load(options.tasks).to(device)
    if options.replicates:
        tasks = tasks.select(range(len(tasks.seeds))[: options.replicates])
    names = [name for name, *_ in options.optimizer]
    if len(set(names)) < len(names):
        raise ValueError(f"optimizer names are {names}: each may be used once")
    rate, penalty, threshold = (
        torch.tensor([float(row[i]) for row in options.optimizer], device=device)[:, None]
        for i in (1, 2, 3)
    )  # (G, 1) each

    first, model = branch(options.state, tasks, threshold > 0)
    steps = preconditioned(tasks, model, rate, penalty)
    curves = Curves(tasks, names, "train", options.log_interval, options.steps)

    def observe(step: int) -> None:
        if curves.due(step) or step == first:
            curves.record(step, **iterate(tasks, model.value, model.columns))

    stream = stream_of(tasks, options.seed)
    train(model, steps, stream, range(first, options.steps), options.batch, observe)
    observe(options.steps)

    setting = tables.setting(options.state) | {
        "batch": options.batch,
        "steps": options.steps,
        "optimizers": {
            name: {"rate": float(eta), "penalty": float(lam), "threshold": bool(float(keep))}
            for name, eta, lam, keep in options.optimizer
        },
    }
    tables.write(curves.frame(), options.curves, CURVES, setting)
    if options.state_output:
        write_states(
            options.state_output, names, options.steps, model.value, model.columns, setting
        )


def command_line() -> ArgumentParser:
    """Options of the job."""
    parser = arguments(__doc__)
    parser.add_argument("--tasks", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True, help="end of Stage 1")
    parser.add_argument(
        "--optimizer",
        nargs=4,
        action="append",
        required=True,
        metavar=("NAME", "ETA", "LAMBDA", "THRESHOLD"),
        help="THRESHOLD: 1 to threshold A at the stage switch, else 0; repeatable",
    )
    parser.add_argument("--replicates", type=int, help="only the first so many; default: all")
    add_outputs(parser, "curves")
    add_outputs(parser, "state-output", required=False)
    return parser


if __name__ == "__main__":
    run(main, command_line())
