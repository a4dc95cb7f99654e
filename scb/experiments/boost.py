"""Stage 1: boost the signals with plain preconditioned steps from the paper's start."""

import torch

from scb.data.stream import Stream
from scb.data.task import Task
from scb.experiments.job import Input, Output, job
from scb.learning import states
from scb.learning.algorithm import train
from scb.learning.curves import Curves
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import preconditioned
from scb.learning.tables import CURVES
from scb.settings.training import Stage1
from scb.store import tables

NAME = "boost"


@job
def boost(
    settings: Stage1, tasks: Input, curves: Output, state: Output, device: torch.device
) -> None:
    """Train, log and write the state at the end."""
    task = Task.load(tasks).to(device)
    model = LinearTransformer.initial(task)
    rule, steps = settings.boost, settings.boost.steps
    optimizers = preconditioned(task, model, rule.rate, scaled=rule.scaled)
    log = Curves(task, [NAME], NAME, settings.log_interval, steps, settings.rounding)
    stream = Stream.of(task, settings.seed)
    train(model, optimizers, stream, range(steps), settings.batch, log.observe(model))

    setting = tables.setting(tasks) | {
        "batch": settings.batch,
        "boost_steps": steps,
        "boost_rate": rule.rate,
        "boost_scaled": rule.scaled,
    }
    tables.write(log.frame(), curves, CURVES, setting)
    states.write(state, [NAME], steps, model.value[None], model.columns[None], setting)


if __name__ == "__main__":
    boost.main()
