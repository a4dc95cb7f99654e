"""The runs of a setting with one of our readings changed.

Writes what `scb.experiments.boost` and `scb.experiments.optimizers` write: the same
tables, on the same stream, so that the same claims are judged.
"""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from scb.data.seeds import derive
from scb.data.stream import Stream
from scb.data.task import Task
from scb.experiments.job import Input, Output, job
from scb.learning.algorithm import branch, train
from scb.learning.curves import Curves
from scb.learning.metrics import AttentionStatistics, attention_signal, value_signal
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import build_optimizers, preconditioned
from scb.learning.tables import CURVES
from scb.settings import Variant
from scb.store import tables

BOOST = "boost"


def stage1(
    task: Task, stream: Stream, settings: Variant
) -> tuple[Tensor, Tensor, list[int], pd.DataFrame]:
    """State (V, A^T) of each replicate at its own end of Stage 1, that step, and curves.

    Curves go on with the state at the end, so that all replicates have the same steps.
    """
    rule = settings.boost
    model = LinearTransformer.initial(task)
    last = rule.steps if rule.signal is None else settings.steps
    value, columns = model.value.detach().clone(), model.columns.detach().clone()
    end = torch.full((len(task.seeds),), last, device=value.device)
    log = Curves(task, [BOOST], BOOST, settings.log_interval, last)

    def observe(step: int) -> bool:
        if not log.due(step):
            return False
        running = (end >= step)[:, None, None]
        value.copy_(torch.where(running, model.value.detach(), value))
        columns.copy_(torch.where(running, model.columns.detach(), columns))
        log.log(step, value, columns)
        if rule.signal is None:
            return False
        attention = AttentionStatistics.of(task, columns)
        signals = value_signal(task, value.double()), attention_signal(task, attention)
        reached = torch.maximum(*(signal.abs() for signal in signals)) >= rule.signal
        end[reached & (end > step)] = step
        return bool((end <= step).all())

    optimizers = preconditioned(task, model, rule.rate, scaled=rule.scaled)
    train(model, optimizers, stream, range(last), settings.batch, observe)
    return value, columns, end.tolist(), log.frame()


@job
def variant(
    settings: Variant, tasks: Input, boost: Output, curves: Output, device: torch.device
) -> None:
    """Stage 1, then the optimizers of each group of replicates that ended it together."""
    task, steps = Task.load(tasks).to(device), settings.steps
    seeds = [derive(settings.seed, "stream", replicate) for replicate in range(len(task.seeds))]
    value, columns, ends, stage = stage1(task, Stream(task, seeds), settings)
    names, specs = zip(*sorted(settings.optimizers.items()), strict=True)
    frames = []
    for end in sorted(set(ends)):
        group = [replicate for replicate, own in enumerate(ends) if own == end]
        some = task.select(group)
        model = branch(some, value[group], columns[group], specs)
        log = Curves(some, names, "train", settings.log_interval, steps)
        train(
            model,
            build_optimizers(some, model, specs),
            Stream(some, [seeds[replicate] for replicate in group]),
            range(end, steps),
            settings.batch,
            log.observe(model, end),
        )
        frame = log.frame()
        frames.append(frame.assign(replicate=np.array(group)[frame["replicate"]]))
    # Until its own Stage 1 ends, a run is what it is in Stage 1: all have the same steps.
    own_end = stage["replicate"].map(dict(enumerate(ends)))
    waiting = stage[(stage["step"] >= min(ends)) & (stage["step"] < own_end)].assign(stage="train")
    frames += [waiting.assign(optimizer=name) for name in names]

    setting = tables.setting(tasks) | {
        "batch": settings.batch,
        "steps": steps,
        "boost_steps": max(ends),
        "boost_rate": settings.boost.rate,
        "optimizers": settings.model_dump(mode="json")["optimizers"],
    }
    tables.write(stage, boost, CURVES, setting)
    tables.write(pd.concat(frames), curves, CURVES, setting)


if __name__ == "__main__":
    variant.main()
