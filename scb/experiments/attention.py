"""Softmax against linear attention on the same tasks and stream (figure 2).

V takes the same preconditioned steps in both models. The linear model's A takes the
paper's plain steps (lambda = 0), the softmax model's logits those of Adam: their gradient
carries a factor a_t, so no fixed rate serves both the uniform start and the end.
"""

from collections.abc import Callable, Sequence

import pandas as pd
import torch

from scb.data.stream import Stream
from scb.data.task import Task
from scb.experiments.job import Input, Output, job
from scb.learning import states as state_tables
from scb.learning.algorithm import train
from scb.learning.curves import Curves
from scb.learning.models import LinearTransformer, Model, SoftmaxTransformer
from scb.learning.optimizers import Adam, ValueGradient, preconditioned
from scb.learning.tables import CURVES
from scb.settings.training import Scheduled
from scb.store import tables


def decaying(
    optimizers: Sequence[torch.optim.Optimizer], steps: int, observe: Callable[[int], None]
) -> Callable[[int], None]:
    """``observe``, which sets all rates first: they fall along a line, to 0 at the last step."""
    rates = [(group, group["lr"]) for optimizer in optimizers for group in optimizer.param_groups]

    def set_rates(step: int) -> None:
        for group, rate in rates:
            group["lr"] = rate * (1 - step / steps)
        observe(step)

    return set_rates


@job
def attention(
    settings: Scheduled, tasks: Input, curves: Output, states: Output, device: torch.device
) -> None:
    """Train both models one after the other, log and write their last states."""
    task = Task.load(tasks).to(device)
    stream, steps = Stream.of(task, settings.seed), settings.steps
    linear, softmax = LinearTransformer.initial(task), SoftmaxTransformer.initial(task)
    value_rate = settings.rate / task.attention_energy
    models: dict[str, tuple[Model, list[torch.optim.Optimizer]]] = {
        "linear": (linear, preconditioned(task, linear, settings.rate)),
        "softmax": (
            softmax,
            [
                ValueGradient(softmax.value, task.stationary, value_rate),
                Adam([softmax.logits], lr=settings.logit_rate),
            ],
        ),
    }
    frames = []
    for name, (model, optimizer) in models.items():
        log = Curves(task, [name], "train", settings.log_interval, steps, settings.rounding)
        observe = log.observe(model)
        if settings.schedule == "decayed":
            observe = decaying(optimizer, steps, observe)
        train(model, optimizer, stream, range(steps), settings.batch, observe)
        frames.append(log.frame())

    setting = tables.setting(tasks) | settings.model_dump(
        include={"batch", "steps", "rate", "logit_rate", "schedule"}
    )
    tables.write(pd.concat(frames), curves, CURVES, setting)
    value = torch.stack([model.value.detach() for model in (linear, softmax)])
    columns = torch.stack([model.columns.detach() for model in (linear, softmax)])
    state_tables.write(states, list(models), steps, value, columns, setting)


if __name__ == "__main__":
    attention.main()
