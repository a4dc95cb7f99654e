"""Training from the paper's start on the downstream tasks and samples of transfer.

eta is half of the largest stable one, for each replicate, and each goes through the stages
in its own time. The last step is where ``(1 + eta)^steps``, the growth of the signals, has
reached a set exponent: a budget that is as generous at every T.
"""

import math

import torch

from scb.data.stream import Stream
from scb.data.task import Task
from scb.experiments.job import Input, Output, job
from scb.learning.algorithm import train
from scb.learning.curves import TransferCurves
from scb.learning.models import LinearTransformer
from scb.learning.tables import TRANSFER
from scb.settings.transfer import Scratching
from scb.store import tables
from scb.theory.population import largest_stable_rate
from scb.theory.transfer import Scratch


@job
def from_scratch(settings: Scratching, tasks: Input, curves: Output, device: torch.device) -> None:
    """Train, log and write."""
    task, batch = Task.load(tasks).to(device), settings.batch
    rate = largest_stable_rate(task, batch) / 2  # (R,)
    last = math.ceil(settings.growth / rate.median().item())
    model = LinearTransformer.initial(task)
    scratch = Scratch(task, model, rate)
    log = TransferCurves(task, "scratch", [None], settings.rounding)

    def observe(step: int) -> None:
        if step % settings.log_interval == 0 or step == last:
            log.record(step * batch, model.value, model.columns)
            scratch.look()

    stream = Stream.of(task, settings.seed)
    train(model, scratch.optimizers, stream, range(last), batch, observe)
    setting = tables.setting(tasks) | {
        "batch": batch,
        "budget": last * batch,
        "rate": rate.median().item(),
    }
    tables.write(log.frame(), curves, TRANSFER, setting)


if __name__ == "__main__":
    from_scratch.main()
