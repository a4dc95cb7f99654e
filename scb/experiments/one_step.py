"""The one step of transfer, after every number of samples at once.

V and A stand still while its gradient is averaged, so one pass gives the step that 1, 2, 3,
... batches would have allowed, at every correlation on the same samples.
"""

import torch

from scb.data.stream import Stream
from scb.data.task import Task
from scb.experiments.job import Input, Output, job
from scb.learning.algorithm import train
from scb.learning.curves import TransferCurves
from scb.learning.tables import TRANSFER
from scb.settings.transfer import Stepping
from scb.store import tables
from scb.theory.transfer import (
    MeanGradient,
    one_step,
    read_pretrained,
    start_model,
    start_penalty,
)


@job
def steps(
    settings: Stepping, tasks: Input, pretrained: Input, curves: Output, device: torch.device
) -> None:
    """Average, log the step at numbers of batches that grow by a fixed ratio, and write."""
    task, last = Task.load(tasks), settings.steps
    value, reported = read_pretrained(pretrained, task)
    task = task.to(device)
    model = start_model(task, value.to(device), settings.mixing)
    penalty = start_penalty(task, settings.mixing)
    mean = MeanGradient(model.columns)
    log = TransferCurves(task, "one_step", reported["correlations"], settings.rounding)
    due = 1.0

    def observe(step: int) -> None:
        nonlocal due
        if step >= due or step == last:
            ranked = one_step(task, mean.mean, 0.0)
            stepped = one_step(task, mean.mean, penalty)
            log.record(step * settings.batch, model.value, stepped, ranked)
            due = step * settings.ratio

    train(model, [mean], Stream.of(task, settings.seed), range(last), settings.batch, observe)
    setting = tables.setting(tasks) | reported
    setting |= {
        "batch": settings.batch,
        "mixing": settings.mixing,
        "budget": last * settings.batch,
    }
    tables.write(log.frame(), curves, TRANSFER, setting)


if __name__ == "__main__":
    steps.main()
