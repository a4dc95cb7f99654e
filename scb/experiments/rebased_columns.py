"""Every kernel as a parametrisation of the attention column, on the task of figure 2.

All see the same samples. V takes the preconditioned steps of figure 2, queries, keys and
affine parameters those of Adam at the rate of figure 2's softmax logits.
"""

import torch

from scb.data.seeds import derive
from scb.data.stream import Stream
from scb.data.task import Task
from scb.experiments.job import Input, Output, job
from scb.learning import states as state_tables
from scb.learning.algorithm import train
from scb.learning.curves import Curves
from scb.learning.optimizers import Adam, ValueGradient
from scb.learning.tables import CURVES
from scb.rebased.columns import KernelTransformer
from scb.rebased.similarity import SIMILARITIES
from scb.settings.rebased import Kernelising
from scb.store import tables


@job
def columns(
    settings: Kernelising, tasks: Input, curves: Output, states: Output, device: torch.device
) -> None:
    """Train all kernels at once, log and write their last states."""
    task = Task.load(tasks).to(device)
    names, steps = list(SIMILARITIES), settings.steps
    generator = torch.Generator().manual_seed(derive(settings.seed, "columns"))
    model = KernelTransformer(task, list(SIMILARITIES.values()), settings.features, generator)
    optimizers = [
        ValueGradient(model.value, task.stationary, settings.rate / task.attention_energy),
        Adam(model.vectors, lr=settings.logit_rate),
    ]
    log = Curves(task, names, "train", settings.log_interval, steps, settings.rounding)
    stream = Stream.of(task, settings.seed)
    train(model, optimizers, stream, range(steps), settings.batch, log.observe(model))

    setting = tables.setting(tasks) | settings.model_dump(exclude={"seed", "log_interval"})
    tables.write(log.frame(), curves, CURVES, setting)
    state_tables.write(states, names, steps, model.value, model.columns, setting)


if __name__ == "__main__":
    columns.main()
