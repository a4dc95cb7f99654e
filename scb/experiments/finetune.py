"""Transfer as in Theorem 4.1: the one step, then Stage 2, at every correlation.

The one step takes as many samples as `scb.theory.transfer.start_samples` asks for. Stage 2 goes on
with the next ones, at the rate of Stage 2 from scratch, for as many steps as let its signals grow
by a set exponent.
"""

import math
from pathlib import Path

import torch

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
from scb.theory.population import largest_stable_rate
from scb.theory.transfer import (
    MeanGradient,
    one_step,
    proximal_stage,
    start_model,
    start_penalty,
    start_samples,
)


def main(options: Arguments) -> None:
    """Start, train, log and write."""
    device = set_up(options)
    tasks = Task.load(options.tasks)
    pretrained, told = read_pretrained(options.pretrained, tasks)
    tasks = tasks.to(device)
    model = start_model(tasks, pretrained.to(device), options.mixing)
    curves = TransferCurves(tasks, "transfer", told["correlations"])
    stream = stream_of(tasks, options.seed)
    first = math.ceil(start_samples(tasks).max().item() / options.batch)
    rate = largest_stable_rate(tasks, options.batch) / 2  # (R,)
    steps = first + math.ceil(options.growth / (rate.median().item() / 2))

    def observe(step: int) -> None:
        if step % options.log_interval == 0 or step in (first, steps):
            curves.record(step * options.batch, model.value, model.columns)

    penalty = start_penalty(tasks, options.mixing)
    observe(0)
    mean = MeanGradient(model.columns)
    train(model, [mean], stream, range(first), options.batch)
    with torch.no_grad():
        model.columns.copy_(one_step(tasks, mean.mean, penalty))
    optimizers = proximal_stage(tasks, model, rate / 2, penalty)
    train(model, optimizers, stream, range(first, steps), options.batch, observe)
    observe(steps)
    setting = (
        tables.setting(options.tasks)
        | told
        | {
            "batch": options.batch,
            "mixing": options.mixing,
            "start_samples": first * options.batch,
            "budget": steps * options.batch,
        }
    )
    tables.write(curves.frame(), options.curves, TRANSFER, setting)


if __name__ == "__main__":
    parser = arguments(__doc__, steps=False)
    parser.add_argument("--tasks", type=Path, required=True)
    parser.add_argument("--pretrained", type=Path, required=True)
    parser.add_argument("--mixing", type=float, required=True, help="theta")
    parser.add_argument("--growth", type=float, required=True, help="steps of Stage 2 times eta")
    parser.add_argument("--batch", type=int, required=True, help="B, samples per step")
    parser.add_argument("--log-interval", type=int, required=True, help="steps between rows")
    parser.add_argument("--threads", type=int, default=1)
    add_outputs(parser, "curves")
    run(main, parser)
