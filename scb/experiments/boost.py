"""Stage 1: boost the signals with plain preconditioned steps from the paper's start."""

from argparse import ArgumentParser
from pathlib import Path

from scb import tables
from scb.algorithm import optimizers, train
from scb.curves import Curves
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
from scb.task import Task
from scb.transformer import LinearTransformer

NAME = "boost"


def main(options: Arguments) -> None:
    """Train, log and write the state at the end."""
    tasks = Task.load(options.tasks).to(set_up(options))
    model = LinearTransformer.initial(tasks)
    steps = optimizers(tasks, model, options.rate)
    curves = Curves(tasks, [NAME], NAME, options.log_interval, options.steps)

    def observe(step: int) -> None:
        if curves.due(step):
            curves.record(step, **iterate(tasks, model.value, model.columns))

    stream = stream_of(tasks, options.seed)
    train(model, steps, stream, range(options.steps), options.batch, observe)
    observe(options.steps)

    setting = tables.setting(options.tasks) | {
        "batch": options.batch,
        "boost_steps": options.steps,
        "boost_rate": options.rate,
    }
    tables.write(curves.frame(), options.curves, tables.CURVES, setting)
    write_states(
        options.state, [NAME], options.steps, model.value[None], model.columns[None], setting
    )


def command_line() -> ArgumentParser:
    """Options of the job."""
    parser = arguments(__doc__)
    parser.add_argument("--tasks", type=Path, required=True)
    parser.add_argument("--rate", type=float, required=True, help="eta")
    add_outputs(parser, "curves", "state")
    return parser


if __name__ == "__main__":
    run(main, command_line())
