"""Run Stage 1 alone, with batches around the one that the closed form asks for.

Each run ends where the algorithm would end Stage 1: once the larger signal reaches
``1 / (QN)`` in size. It ended right if both signals are positive then.
"""

import math

import pandas as pd
import torch
from scipy.stats import norm
from torch import Tensor

from scb.analysis.tables import STAGE1
from scb.data.seeds import derive
from scb.data.stream import Stream
from scb.data.task import Task
from scb.experiments.job import Output, job
from scb.learning.algorithm import train
from scb.learning.metrics import AttentionStatistics, attention_signal, value_signal
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import preconditioned
from scb.settings.stage1_samples import Stage1Alone
from scb.settings.training import Tasks
from scb.store import tables
from scb.theory.population import boost_signal_to_noise
from scb.theory.stage1 import ladder, required_batch

CHECK_EVERY = 2
"""Steps between two looks at the signals."""

PATIENCE = 3
"""A run has not ended after so many times the steps that the drift alone would take."""


def steps_of_drift(task: Task, rate: float, level: float) -> int:
    """Steps after which the noiseless signals, ``((1 + eta)^n - 1) / (2 K_Q T)``, are ``level``."""
    growth = float((1 + 2 * level * task.length * task.attention_energy).max())
    return math.ceil(math.log(growth) / math.log1p(rate))


def stage1(
    tasks: Task, seeds: list[int], rate: float, batch: int, level: float
) -> list[tuple[bool, bool, int]]:
    """Whether each replicate ended right, whether it ended, and its steps.

    Replicates that have ended leave the tensors, so that no tokens are spent on them.
    """
    last = PATIENCE * steps_of_drift(tasks, rate, level)
    outcome = [(False, False, last)] * len(seeds)
    left = list(range(len(seeds)))
    model = LinearTransformer.initial(tasks)
    step = 0
    while left and step < last:
        some = tasks.select(left)
        stream = Stream(some, [seeds[replicate] for replicate in left])
        step, ended, positive = advance(some, model, stream, rate, range(step, last), batch, level)
        for replicate, over, right in zip(left, ended.tolist(), positive.tolist(), strict=True):
            if over:
                outcome[replicate] = (right, True, step)
        left = [replicate for replicate in left if not outcome[replicate][1]]
        model = LinearTransformer(model.value.detach()[~ended], model.columns.detach()[~ended])
    return outcome


def advance(
    tasks: Task,
    model: LinearTransformer,
    stream: Stream,
    rate: float,
    steps: range,
    batch: int,
    level: float,
) -> tuple[int, Tensor, Tensor]:
    """Train until a replicate ends: the step, which have ended, and whose signals are positive."""
    ended = positive = torch.zeros(len(tasks.seeds), dtype=torch.bool)

    def observe(step: int) -> bool:
        nonlocal ended, positive
        if step % CHECK_EVERY and step != steps.stop:
            return False
        attention = AttentionStatistics.of(tasks, model.columns.detach())
        value = model.value.detach().double()
        signals = torch.stack([value_signal(tasks, value), attention_signal(tasks, attention)])
        ended, positive = (signals.abs() >= level).any(0), (signals > 0).all(0)
        return bool(ended.any())

    step = train(model, preconditioned(tasks, model, rate), stream, steps, batch, observe)
    return step, ended, positive


@job
def runs_of_stage1(settings: Stage1Alone, runs: Output, device: torch.device) -> None:
    """Run every eta and batch, and write."""
    drawing = Tasks.of(settings, sampler="balanced", weights="uniform")
    uniform = torch.full((settings.states,), 1 / settings.states, dtype=torch.float64)
    prescribed = [uniform] * settings.replicates if settings.stationary == "uniform" else None
    task = Task.draw(drawing, prescribed).to(device)
    level = 1 / (settings.sparsity * settings.states)
    centres = {rate: required_batch(task, rate) for rate in settings.rates}
    ladders = {
        rate: ladder(centre, settings.halvings, settings.doublings)
        for rate, centre in centres.items()
    }
    settings.refuse("stage1_samples", max(max(batches) for batches in ladders.values()))
    frames = []
    for rate, centre in centres.items():
        for batch in ladders[rate]:
            names = settings.stationary, settings.length, f"{rate:g}", batch
            seeds = [
                derive(settings.seed, "stage1", *names, replicate)
                for replicate in range(settings.replicates)
            ]
            outcome = stage1(task, seeds, rate, batch, level)
            frame = pd.DataFrame(outcome, columns=["right", "reached", "steps"])
            frame["probability"] = norm.cdf(boost_signal_to_noise(task, batch, rate).cpu())
            frame["replicate"] = range(settings.replicates)
            frames.append(frame.assign(rate=rate, batch=batch, predicted=centre))
    frame = pd.concat(frames).assign(stationary=settings.stationary, length=settings.length)
    setting = settings.model_dump(include={"states", "sparsity", "concentration", "replicates"})
    tables.write(frame, runs, STAGE1, setting | {"level": level})


if __name__ == "__main__":
    runs_of_stage1.main()
