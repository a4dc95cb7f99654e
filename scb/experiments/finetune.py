"""Transfer as in Theorem 4.1: the one step, then Stage 2, at every correlation.

The one step takes as many samples as `scb.transfer.start_samples` asks for. Stage 2 goes on
with the next ones, at half the rate of training from scratch, as figure 1 halves it.
"""

import math
from pathlib import Path

import torch

from scb import tables
from scb.algorithm import train
from scb.curves import TransferCurves
from scb.experiments.common import Arguments, arguments, read_pretrained, run, set_up, stream_of
from scb.population import largest_stable_rate
from scb.task import Task
from scb.transfer import (
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
    correlations, pretrained = read_pretrained(options.pretrained, tasks)
    tasks = tasks.to(device)
    model = start_model(tasks, pretrained.to(device), options.mixing)
    curves = TransferCurves(tasks, "transfer", correlations)
    stream = stream_of(tasks, options.seed)
    first = math.ceil(start_samples(tasks).max().item() / options.batch)
    rate = largest_stable_rate(tasks, options.batch) / 2  # (R,)
    steps = max(first + 1, math.ceil(options.growth / rate.median().item()))

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
    setting = tables.setting(options.tasks) | {
        "batch": options.batch,
        "mixing": options.mixing,
        "correlations": correlations,
        "start_samples": first * options.batch,
        "budget": steps * options.batch,
    }
    tables.write(curves.frame(), options.curves, tables.TRANSFER, setting)


if __name__ == "__main__":
    parser = arguments(__doc__, steps=False)
    parser.add_argument("--tasks", type=Path, required=True)
    parser.add_argument("--pretrained", type=Path, required=True)
    parser.add_argument("--mixing", type=float, required=True, help="theta")
    parser.add_argument("--growth", type=float, required=True, help="last step times eta")
    parser.add_argument("--curves", type=Path, required=True, help="output")
    parser.add_argument("--batch", type=int, required=True, help="B, samples per step")
    parser.add_argument("--log-interval", type=int, required=True, help="steps between rows")
    parser.add_argument("--threads", type=int, default=1)
    run(main, parser)
