"""Figure 6 checked: Stage 2 trained on sequences beside its simulation, from one planted start.

At the start V and A have the same signal and no error, ``V = a P + (1 - a) mu 1^T`` and
``A = a Q + (1 - a) 1 1^T / T``. From there proximal and SGD are simulated for all replicates
and, as ``proximal_trained`` and ``sgd_trained``, trained on real mini-batches for the first
few, on a common stream. The noiseless path, ``population``, is logged beside them. The
threshold that opens Stage 2 would change nothing: no useless entry is larger than another.
"""

from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from scb.data.seeds import derive
from scb.data.stream import Stream
from scb.data.task import Task
from scb.experiments.common import Arguments, add_outputs, arguments, iterate, run, set_up
from scb.learning.algorithm import train
from scb.learning.curves import Curves
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import preconditioned
from scb.learning.tables import CURVES
from scb.store import tables
from scb.store.progress import progress
from scb.theory.population import trajectory
from scb.theory.simulation import Simulation, population_iterate

OPTIMIZERS = ("proximal", "sgd")


def planted(task: Task, signal: float) -> tuple[Tensor, Tensor]:
    """V, shape (R, N, N), and A transposed, (R, N, T), of these signals and without errors."""
    value = signal * task.transition + (1 - signal) * task.stationary[..., None]
    columns = value.new_full((*task.stationary.shape, task.length), (1 - signal) / task.length)
    columns.scatter_add_(-1, task.positions.mT, signal * task.weights.mT)
    return value.float(), columns.float()


def simulate(tasks: Task, options: Arguments) -> pd.DataFrame:
    """Curves of all replicates without sequences."""
    seeds = [derive(options.seed, "simulation", index) for index in range(len(tasks.seeds))]
    simulation = Simulation(tasks, seeds, options.batch, options.particles, start=options.signal)
    simulation.branch([False] * len(OPTIMIZERS))
    path = trajectory(tasks, [options.rate] * options.steps, options.signal)
    curves, population = (
        Curves(tasks, names, "train", options.log_interval, options.steps)
        for names in (OPTIMIZERS, ("population",))
    )
    penalty = torch.tensor([options.penalty, 0.0])
    for step in progress(range(options.steps + 1), "simulating"):
        if curves.due(step):
            curves.record(step, *simulation.iterate())
            population.record(step, *population_iterate(tasks, *path[step]))
        if step < options.steps:
            simulation.step(options.rate, penalty)
    return pd.concat([curves.frame(), population.frame()])


def train_on_sequences(tasks: Task, replicate: int, options: Arguments) -> pd.DataFrame:
    """Curves of one replicate: at N = 100, T = 100000 its A alone is 40 MB for each optimizer."""
    task = tasks.replicate(replicate)
    value, columns = planted(task, options.signal)
    branches = (len(OPTIMIZERS), 1, -1, -1)
    model = LinearTransformer(value.expand(branches), columns.expand(branches))
    penalty = torch.tensor([[options.penalty], [0.0]], device=value.device)  # (G, 1)
    names = [f"{name}_trained" for name in OPTIMIZERS]
    curves = Curves(task, names, "train", options.log_interval, options.steps)

    def observe(step: int) -> None:
        if curves.due(step):
            curves.record(step, **iterate(task, model.value, model.columns))

    stream = Stream(task, [derive(options.seed, "stream", replicate)])
    steps = preconditioned(task, model, options.rate, penalty)
    train(model, steps, stream, range(options.steps), options.batch, observe)
    observe(options.steps)
    return curves.frame().assign(replicate=replicate)


def main(options: Arguments) -> None:
    """Simulate, train, log and write."""
    device = set_up(options)
    tasks = Task.load(options.tasks)
    frames = [simulate(tasks, options)]
    on_device = tasks.to(device)
    for replicate in range(min(options.trained, len(tasks.seeds))):
        frames.append(train_on_sequences(on_device, replicate, options))

    setting = tables.setting(options.tasks) | {
        "batch": options.batch,
        "signal": options.signal,
        "steps": options.steps,
        "particles": options.particles,
        "optimizers": {
            name: {"rate": options.rate, "penalty": lam, "threshold": False}
            for name, lam in zip(OPTIMIZERS, (options.penalty, 0.0), strict=True)
        },
    }
    tables.write(pd.concat(frames), options.curves, CURVES, setting)


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--tasks", type=Path, required=True)
    parser.add_argument("--signal", type=float, required=True, help="both signals at the start")
    parser.add_argument("--rate", type=float, required=True, help="eta")
    parser.add_argument("--penalty", type=float, required=True, help="lambda of proximal")
    parser.add_argument("--particles", type=int, required=True, help="M of the simulation")
    parser.add_argument("--trained", type=int, required=True, help="replicates to train")
    add_outputs(parser, "curves")
    run(main, parser)
