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
from scb.experiments.common import Arguments, add_outputs, arguments, run, set_up
from scb.learning.algorithm import train
from scb.learning.metrics import AttentionStatistics, attention_signal, value_signal
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import preconditioned
from scb.store import tables
from scb.theory.population import boost_signal_to_noise
from scb.theory.stage1 import ladder, required_batch

CHECK_EVERY = 2
"""Steps between two looks at the signals."""

PATIENCE = 3
"""A run has not ended after so many times the steps that the drift alone would take."""


def draw_tasks(options: Arguments) -> Task:
    """Tasks with mu uniform or drawn within Assumption 2.1(b); P and mu do not depend on T."""
    uniform = torch.full((options.states,), 1 / options.states, dtype=torch.float64)
    stationary = {"uniform": uniform, "drawn": None}[options.stationary]
    return Task.stack(
        [
            Task.sample(
                options.states,
                options.length,
                options.sparsity,
                derive(options.seed, "task", replicate),
                sampler="balanced",
                concentration=options.concentration,
                stationary=stationary,
            )
            for replicate in range(options.replicates)
        ]
    )


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
    if step == steps.stop:
        observe(step)
    return step, ended, positive


def main(options: Arguments) -> None:
    """Run every eta and batch, and write."""
    tasks = draw_tasks(options).to(set_up(options))
    level = 1 / (options.sparsity * options.states)
    frames = []
    for rate in options.rates:
        centre = required_batch(tasks, rate)
        for batch in ladder(centre, options.halvings, options.doublings):
            names = options.stationary, options.length, f"{rate:g}", batch
            seeds = [
                derive(options.seed, "stage1", *names, replicate)
                for replicate in range(options.replicates)
            ]
            outcome = stage1(tasks, seeds, rate, batch, level)
            frame = pd.DataFrame(outcome, columns=["right", "reached", "steps"])
            frame["probability"] = norm.cdf(boost_signal_to_noise(tasks, batch, rate).cpu())
            frame["replicate"] = range(options.replicates)
            frames.append(frame.assign(rate=rate, batch=batch, predicted=centre))
    frame = pd.concat(frames).assign(stationary=options.stationary, length=options.length)
    setting = {
        "states": options.states,
        "sparsity": options.sparsity,
        "concentration": options.concentration,
        "replicates": options.replicates,
        "level": level,
    }
    tables.write(frame, options.output, STAGE1, setting)


if __name__ == "__main__":
    parser = arguments(__doc__, steps=False)
    parser.add_argument("--states", type=int, required=True, help="N")
    parser.add_argument("--length", type=int, required=True, help="T")
    parser.add_argument("--sparsity", type=int, required=True, help="Q")
    parser.add_argument("--concentration", type=float, required=True)
    parser.add_argument("--stationary", choices=["uniform", "drawn"], required=True, help="mu")
    parser.add_argument("--replicates", type=int, required=True)
    parser.add_argument("--rates", type=float, nargs="+", required=True, help="eta, one or more")
    parser.add_argument("--halvings", type=int, required=True, help="batches below the closed form")
    parser.add_argument("--doublings", type=int, required=True, help="batches above it")
    parser.add_argument("--threads", type=int, default=1)
    add_outputs(parser, "output")
    run(main, parser)
