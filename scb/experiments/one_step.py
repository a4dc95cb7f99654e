"""The one step of transfer, after every number of samples at once.

V and A stand still while its gradient is averaged, so one pass gives the step that 1, 2, 3,
... batches would have allowed, at every correlation on the same samples.
"""

from pathlib import Path

from scb.data.task import Task
from scb.experiments.common import (
    Arguments,
    add_outputs,
    arguments,
    read_pretrained,
    run,
    set_up,
    stream_of,
)
from scb.learning.algorithm import train
from scb.learning.curves import TransferCurves
from scb.learning.tables import TRANSFER
from scb.store import tables
from scb.theory.transfer import MeanGradient, one_step, start_model, start_penalty


def main(options: Arguments) -> None:
    """Average, log the step at numbers of batches that grow by a fixed ratio, and write."""
    device = set_up(options)
    tasks = Task.load(options.tasks)
    pretrained, told = read_pretrained(options.pretrained, tasks)
    tasks = tasks.to(device)
    model = start_model(tasks, pretrained.to(device), options.mixing)
    penalty = start_penalty(tasks, options.mixing)
    mean = MeanGradient(model.columns)
    curves = TransferCurves(tasks, "one_step", told["correlations"])
    due = 1.0

    def observe(step: int) -> None:
        nonlocal due
        if step >= due or step == options.steps:
            ranked = one_step(tasks, mean.mean, 0.0)
            stepped = one_step(tasks, mean.mean, penalty)
            curves.record(step * options.batch, model.value, stepped, ranked)
            due = step * options.ratio

    stream = stream_of(tasks, options.seed)
    train(model, [mean], stream, range(options.steps), options.batch, observe)
    observe(options.steps)
    setting = (
        tables.setting(options.tasks)
        | told
        | {
            "batch": options.batch,
            "mixing": options.mixing,
            "budget": options.steps * options.batch,
        }
    )
    tables.write(curves.frame(), options.curves, TRANSFER, setting)


if __name__ == "__main__":
    parser = arguments(__doc__, steps=False)
    parser.add_argument("--tasks", type=Path, required=True)
    parser.add_argument("--pretrained", type=Path, required=True)
    parser.add_argument("--mixing", type=float, required=True, help="theta")
    parser.add_argument("--ratio", type=float, required=True, help="of samples between rows")
    parser.add_argument("--batch", type=int, required=True, help="B, samples per step")
    parser.add_argument("--steps", type=int, required=True, help="batches to average, at most")
    parser.add_argument("--threads", type=int, default=1)
    add_outputs(parser, "curves")
    run(main, parser)
