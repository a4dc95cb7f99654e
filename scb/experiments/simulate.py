"""Simulate Stage 1, then proximal and SGD in pairs, at a T that no training reaches (figure 6).

The noiseless path, ``population``, is logged with them.
"""

from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import torch

from scb.data.seeds import derive
from scb.data.task import Task
from scb.experiments.job import Input, Output, job
from scb.learning.curves import Curves
from scb.learning.tables import CURVES
from scb.settings.simulation import Particles, Simulating
from scb.store import tables
from scb.store.progress import progress
from scb.theory.population import trajectory
from scb.theory.simulation import Simulation, population_iterate

BRANCHES = {"proximal": True, "sgd": False}
"""Whether the attention is thresholded when Stage 2 begins."""

ENTRIES = 2**18
"""Entries of V and A of the replicates that are simulated together: they fit a core's cache."""


def simulate(task: Task, replicates: range, settings: Simulating) -> pd.DataFrame:
    """Curves of some of the replicates."""
    task = task.select(replicates)
    seeds = [derive(settings.seed, "simulation", replicate) for replicate in replicates]
    simulation = Simulation(task, seeds, settings.batch, settings.particles)
    stage1, last, every = settings.boost.steps, settings.steps, settings.log_interval
    rates = [settings.boost.rate] * stage1 + [settings.rate] * (last - stage1)
    path = trajectory(task, rates)
    rounding = settings.rounding
    boost = Curves(task, ["boost"], "boost", every, stage1, rounding)
    train = Curves(task, [*BRANCHES], "train", every, last, rounding)
    population = Curves(task, ["population"], "train", every, last, rounding)
    penalty = torch.tensor([settings.penalty, 0.0], dtype=torch.float64)

    for step in progress(range(last + 1), "simulating"):
        boosting = step < stage1
        if boosting or step == stage1:
            if boost.due(step):
                boost.record(step, *simulation.iterate(rounding))
            if not boosting:
                simulation.branch([*BRANCHES.values()])
        if not boosting and (train.due(step) or step == stage1):
            train.record(step, *simulation.iterate(rounding))
        if population.due(step):
            population.record(step, *population_iterate(task, path[step], rounding))
        if step < last:
            if boosting:
                simulation.step(settings.boost.rate)
            else:
                simulation.step(settings.rate, penalty)
    frame = pd.concat([curves.frame() for curves in (boost, train, population)])
    frame["replicate"] += replicates.start
    return frame


def optimizers_of(settings: Particles, thresholds: dict[str, bool]) -> dict[str, object]:
    """What the table says of proximal and SGD."""
    penalties = settings.penalty, 0.0
    return {
        name: {"rate": settings.rate, "penalty": penalty, "threshold": threshold}
        for (name, threshold), penalty in zip(thresholds.items(), penalties, strict=True)
    }


@job
def simulation(settings: Simulating, tasks: Input, curves: Output, threads: int) -> None:
    """Simulate, log and write."""
    task = Task.load(tasks)
    # Draws are per replicate: the results are those of all replicates at once.
    together = max(1, ENTRIES // (task.states * (task.states + settings.particles)))
    count = len(task.seeds)
    parts = [range(i, min(i + together, count)) for i in range(0, count, together)]
    with ThreadPoolExecutor(threads) as pool:
        frames = [*pool.map(lambda part: simulate(task, part, settings), parts)]

    setting = tables.setting(tasks) | {
        "batch": settings.batch,
        "boost_steps": settings.boost.steps,
        "boost_rate": settings.boost.rate,
        "steps": settings.steps,
        "particles": settings.particles,
        "optimizers": optimizers_of(settings, BRANCHES),
    }
    tables.write(pd.concat(frames), curves, CURVES, setting)


if __name__ == "__main__":
    simulation.main()
