"""Transfer as in Theorem 4.1: the one step, then Stage 2, at every correlation.

The one step takes as many samples as `scb.theory.transfer.start_samples` asks for. Stage 2 goes on
with the next ones, at the rate of Stage 2 from scratch, for as many steps as let its signals grow
by a set exponent.
"""

import math

import torch

from scb.data.stream import Stream
from scb.data.task import Task
from scb.experiments.job import Input, Output, job
from scb.learning.algorithm import train
from scb.learning.curves import TransferCurves
from scb.learning.tables import TRANSFER
from scb.settings.transfer import Finetuning
from scb.store import tables
from scb.theory.population import largest_stable_rate
from scb.theory.transfer import (
    MeanGradient,
    one_step,
    proximal_stage,
    read_pretrained,
    start_model,
    start_penalty,
    start_samples,
)


@job
def finetune(
    settings: Finetuning, tasks: Input, pretrained: Input, curves: Output, device: torch.device
) -> None:
    """Start, train, log and write."""
    task, batch = Task.load(tasks), settings.batch
    value, reported = read_pretrained(pretrained, task)
    task = task.to(device)
    model = start_model(task, value.to(device), settings.mixing)
    log = TransferCurves(task, "transfer", reported["correlations"], settings.rounding)
    stream = Stream.of(task, settings.seed)
    first = math.ceil(start_samples(task).max().item() / batch)
    rate = largest_stable_rate(task, batch) / 2  # (R,)
    last = first + math.ceil(settings.growth / (rate.median().item() / 2))

    def observe(step: int) -> None:
        if step % settings.log_interval == 0 or step in (first, last):
            log.record(step * batch, model.value, model.columns)

    penalty = start_penalty(task, settings.mixing)
    observe(0)
    mean = MeanGradient(model.columns)
    train(model, [mean], stream, range(first), batch)
    with torch.no_grad():
        model.columns.copy_(one_step(task, mean.mean, penalty))
    optimizers = proximal_stage(task, model, rate / 2, penalty)
    train(model, optimizers, stream, range(first, last), batch, observe)
    setting = tables.setting(tasks) | reported
    setting |= {
        "batch": batch,
        "mixing": settings.mixing,
        "start_samples": first * batch,
        "budget": last * batch,
    }
    tables.write(log.frame(), curves, TRANSFER, setting)


if __name__ == "__main__":
    finetune.main()
