"""After Stage 1: several optimizers go on from one state, on one stream.

All optimizers of a replicate see the same samples, so they are compared in pairs.
"""

import torch

from scb.data.stream import Stream
from scb.data.task import Task
from scb.experiments.job import IfAsked, Input, Output, job
from scb.learning import states as state_tables
from scb.learning.algorithm import branch, train
from scb.learning.curves import Curves
from scb.learning.optimizers import build_optimizers
from scb.learning.tables import CURVES
from scb.settings.training import Comparison
from scb.store import tables


@job
def compare(
    settings: Comparison,
    tasks: Input,
    state: Input,
    curves: Output,
    device: torch.device,
    states: IfAsked = None,
) -> None:
    """Branch, train, log and write the states at the end."""
    task = Task.load(tasks).first(settings.replicates).to(device)
    names, specs = zip(*sorted(settings.optimizers.items()), strict=True)
    # The state may hold more replicates than are asked for.
    _, first, value, columns = state_tables.read(state)
    replicates, shapes = len(task.seeds), (value.shape[2:], columns.shape[2:])
    wanted = (task.states, task.states), (task.states, task.length)
    if value.shape[1] < replicates or shapes != wanted:
        raise tables.TableError(f"{state}: its V and A are of other sizes than {tasks}")
    if first > settings.steps:
        raise tables.TableError(f"{state}: it is of step {first}, and steps is {settings.steps}")
    few = slice(replicates)
    model = branch(task, value[0, few].to(device), columns[0, few].to(device), specs)
    log = Curves(task, names, "train", settings.log_interval, settings.steps, settings.rounding)
    train(
        model,
        build_optimizers(task, model, specs),
        Stream.of(task, settings.seed),
        range(first, settings.steps),
        settings.batch,
        log.observe(model, first),
    )

    setting = tables.setting(state) | settings.model_dump(
        mode="json", include={"batch", "steps", "optimizers"}
    )
    tables.write(log.frame(), curves, CURVES, setting)
    if states is not None:
        state_tables.write(states, list(names), settings.steps, model.value, model.columns, setting)


if __name__ == "__main__":
    compare.main()
