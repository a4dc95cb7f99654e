"""Simulate Stage 1, then proximal and SGD in pairs, at a T that no training reaches (figure 6).

The noiseless path, ``population``, is logged beside them.
"""

from argparse import ArgumentParser
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import torch

from scb.data.seeds import derive
from scb.data.task import Task
from scb.experiments.common import Arguments, add_outputs, arguments, run
from scb.learning.curves import Curves
from scb.learning.tables import CURVES
from scb.store import tables
from scb.store.progress import progress
from scb.theory.population import trajectory
from scb.theory.simulation import Simulation, population_iterate

BRANCHES = {"proximal": True, "sgd": False}
"""Whether the attention is thresholded when Stage 2 begins."""


ENTRIES = 2**18
"""Entries of V and A of the replicates that are simulated together: they fit a core's cache."""


def simulate(tasks: Task, replicates: range, options: Arguments) -> pd.DataFrame:
    """Curves of some of the replicates."""
    tasks = tasks.select(replicates)
    seeds = [derive(options.seed, "simulation", replicate) for replicate in replicates]
    simulation = Simulation(tasks, seeds, options.batch, options.particles)
    path = trajectory(
        tasks,
        [options.boost_rate] * options.boost_steps
        + [options.rate] * (options.steps - options.boost_steps),
    )
    boost = Curves(tasks, ["boost"], "boost", options.log_interval, options.boost_steps)
    train = Curves(tasks, [*BRANCHES], "train", options.log_interval, options.steps)
    population = Curves(tasks, ["population"], "train", options.log_interval, options.steps)
    penalty = torch.tensor([options.penalty, 0.0])

    for step in progress(range(options.steps + 1), "simulating"):
        boosting = step < options.boost_steps
        if boosting or step == options.boost_steps:
            if boost.due(step):
                boost.record(step, *simulation.iterate())
            if not boosting:
                simulation.branch([*BRANCHES.values()])
        if not boosting and (train.due(step) or step == options.boost_steps):
            train.record(step, *simulation.iterate())
        if population.due(step):
            population.record(step, *population_iterate(tasks, *path[step]))
        if step < options.steps:
            if boosting:
                simulation.step(options.boost_rate)
            else:
                simulation.step(options.rate, penalty)
    frame = pd.concat([curves.frame() for curves in (boost, train, population)])
    frame["replicate"] += replicates.start
    return frame


def main(options: Arguments) -> None:
    """Simulate, log and write."""
    torch.set_num_threads(1)  # the threads are for the replicates
    tasks = Task.load(options.tasks)
    # Draws are per replicate: the results are those of all replicates at once.
    together = max(1, ENTRIES // (tasks.states * (tasks.states + options.particles)))
    count = len(tasks.seeds)
    parts = [range(i, min(i + together, count)) for i in range(0, count, together)]
    with ThreadPoolExecutor(options.threads) as pool:
        frames = [*pool.map(lambda part: simulate(tasks, part, options), parts)]

    setting = tables.setting(options.tasks) | {
        "batch": options.batch,
        "boost_steps": options.boost_steps,
        "boost_rate": options.boost_rate,
        "steps": options.steps,
        "particles": options.particles,
        "optimizers": {
            name: {"rate": options.rate, "penalty": lam, "threshold": threshold}
            for (name, threshold), lam in zip(BRANCHES.items(), (options.penalty, 0.0), strict=True)
        },
    }
    tables.write(pd.concat(frames), options.curves, CURVES, setting)


def command_line() -> ArgumentParser:
    """Options of the job."""
    parser = arguments(__doc__, device=False)
    parser.add_argument("--tasks", type=Path, required=True)
    parser.add_argument("--boost-steps", type=int, required=True, help="last step of Stage 1")
    parser.add_argument("--boost-rate", type=float, required=True, help="eta of Stage 1")
    parser.add_argument("--rate", type=float, required=True, help="eta")
    parser.add_argument("--penalty", type=float, required=True, help="lambda of proximal")
    parser.add_argument("--particles", type=int, required=True, help="M")
    add_outputs(parser, "curves")
    return parser


if __name__ == "__main__":
    run(main, command_line())
