"""Simulate Stage 1, then proximal and SGD in pairs, at a T that no training reaches (figure 6).

The noiseless path, ``population``, is logged beside them.
"""

from pathlib import Path
from typing import Any

import pandas as pd
import torch

from scb import tables
from scb.algorithm import refit_value
from scb.curves import Curves
from scb.experiments.common import Arguments, arguments, run
from scb.population import trajectory
from scb.progress import progress
from scb.seeds import derive
from scb.simulation import ParticleColumns, Simulation
from scb.task import Task

BRANCHES = {"proximal": True, "sgd": False}
"""Whether the attention is thresholded when Stage 2 begins."""


def iterate(task: Task, value: torch.Tensor, columns: ParticleColumns) -> dict[str, Any]:
    """Arguments of `Curves.record` for an iterate, with its normalised solution."""
    rounded = columns.round().statistics(task)
    return {
        "iterate": (value, columns.statistics(task)),
        "normalised": (refit_value(task, rounded), rounded),
    }


def population_iterate(
    task: Task, value_signal: torch.Tensor, attention_signal: torch.Tensor
) -> dict[str, Any]:
    """The iterate without errors that has these signals, each of shape (R,)."""
    alpha = value_signal[:, None, None]
    value = alpha * task.transition + (1 - alpha) * task.stationary[..., None]
    alpha = attention_signal[:, None, None]
    uniform = (1 - alpha) / task.length
    useless = uniform.expand(-1, task.states, 1)  # one particle stands for all of them
    columns = ParticleColumns(alpha * task.weights.mT + uniform, useless, task.length)
    return iterate(task, value, columns)


def simulate(tasks: Task, seed: int, options: Arguments) -> pd.DataFrame:
    """Curves of one replicate."""
    simulation = Simulation(tasks, [seed], options.batch, options.particles)
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
                boost.record(step, **iterate(tasks, simulation.value, simulation.columns))
            if not boosting:
                simulation.branch([*BRANCHES.values()])
        if not boosting and (train.due(step) or step == options.boost_steps):
            train.record(step, **iterate(tasks, simulation.value, simulation.columns))
        if population.due(step):
            population.record(step, **population_iterate(tasks, *path[step]))
        if step < options.steps:
            if boosting:
                simulation.step(options.boost_rate)
            else:
                simulation.step(options.rate, penalty)
    return pd.concat([curves.frame() for curves in (boost, train, population)])


def main(options: Arguments) -> None:
    """Simulate, log and write."""
    torch.set_num_threads(options.threads)
    tasks = Task.load(options.tasks)
    # One after the other: at N = 500 the state of one replicate fits the cache, that of all
    # does not. Draws are per replicate, so the results are those of all at once.
    frames = [
        simulate(
            tasks.replicate(replicate), derive(options.seed, "simulation", replicate), options
        ).assign(replicate=replicate)
        for replicate in range(len(tasks.seeds))
    ]

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
    tables.write(pd.concat(frames), options.curves, tables.CURVES, setting)


if __name__ == "__main__":
    parser = arguments(__doc__, device=False)
    parser.add_argument("--tasks", type=Path, required=True)
    parser.add_argument("--boost-steps", type=int, required=True, help="last step of Stage 1")
    parser.add_argument("--boost-rate", type=float, required=True, help="eta of Stage 1")
    parser.add_argument("--rate", type=float, required=True, help="eta")
    parser.add_argument("--penalty", type=float, required=True, help="lambda of proximal")
    parser.add_argument("--particles", type=int, required=True, help="M")
    parser.add_argument("--curves", type=Path, required=True, help="output")
    run(main, parser)
