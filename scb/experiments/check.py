"""Figure 6 checked: Stage 2 trained on sequences and simulated, from one planted start.

At the start V and A have the same signal and no error, ``V = a P + (1 - a) mu 1^T`` and
``A = a Q + (1 - a) 1 1^T / T``. From there proximal and SGD are simulated for all replicates
and, as ``proximal_trained`` and ``sgd_trained``, trained on real mini-batches for the first
few, on a common stream. The noiseless path, ``population``, is logged with them. The
threshold that opens Stage 2 would change nothing: no useless entry is larger than another.
"""

import pandas as pd
import torch
from torch import Tensor

from scb.data.seeds import derive
from scb.data.stream import Stream
from scb.data.task import Task
from scb.experiments.job import Input, Output, job
from scb.experiments.simulate import optimizers_of
from scb.learning.algorithm import branch, train
from scb.learning.curves import Curves
from scb.learning.optimizers import build_optimizers
from scb.learning.tables import CURVES
from scb.settings.simulation import Checking
from scb.settings.training import Proximal, Sgd
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


def simulate(task: Task, settings: Checking) -> pd.DataFrame:
    """Curves of all replicates without sequences."""
    last, every, rounding = settings.steps, settings.log_interval, settings.rounding
    seeds = [derive(settings.seed, "simulation", index) for index in range(len(task.seeds))]
    simulation = Simulation(task, seeds, settings.batch, settings.particles, start=settings.signal)
    simulation.branch([False] * len(OPTIMIZERS))
    path = trajectory(task, [settings.rate] * last, settings.signal)
    curves, population = (
        Curves(task, names, "train", every, last, rounding)
        for names in (OPTIMIZERS, ("population",))
    )
    penalty = torch.tensor([settings.penalty, 0.0], dtype=torch.float64)
    for step in progress(range(last + 1), "simulating"):
        if curves.due(step):
            curves.record(step, *simulation.iterate(rounding))
            population.record(step, *population_iterate(task, path[step], rounding))
        if step < last:
            simulation.step(settings.rate, penalty)
    return pd.concat([curves.frame(), population.frame()])


def train_on_sequences(tasks: Task, replicate: int, settings: Checking) -> pd.DataFrame:
    """Curves of one replicate: at N = 100, T = 100000 its A alone is 40 MB for each optimizer."""
    task, last = tasks.replicate(replicate), settings.steps
    specs = (
        Proximal(kind="proximal", rate=settings.rate, penalty=settings.penalty, threshold=False),
        Sgd(kind="sgd", rate=settings.rate),
    )
    model = branch(task, *planted(task, settings.signal), specs)
    names = [f"{name}_trained" for name in OPTIMIZERS]
    curves = Curves(task, names, "train", settings.log_interval, last, settings.rounding)
    stream = Stream(task, [derive(settings.seed, "stream", replicate)])
    optimizers = build_optimizers(task, model, specs)
    train(model, optimizers, stream, range(last), settings.batch, curves.observe(model))
    return curves.frame().assign(replicate=replicate)


@job
def check(settings: Checking, tasks: Input, curves: Output, device: torch.device) -> None:
    """Simulate, train, log and write."""
    task = Task.load(tasks)
    frames = [simulate(task, settings)]
    on_device = task.to(device)
    for replicate in range(min(settings.trained, len(task.seeds))):
        frames.append(train_on_sequences(on_device, replicate, settings))

    setting = tables.setting(tasks) | {
        "batch": settings.batch,
        "signal": settings.signal,
        "steps": settings.steps,
        "particles": settings.particles,
        "optimizers": optimizers_of(settings, dict.fromkeys(OPTIMIZERS, False)),
    }
    tables.write(pd.concat(frames), curves, CURVES, setting)


if __name__ == "__main__":
    check.main()
