"""Pretrain on tasks of set correlations with the downstream one, by the full algorithm.

The pretraining task has a pattern Q_hat of its own, and a context as short as is cheap: all
that a downstream task takes over is V, which knows no T. Stage 3 fits that V on fresh
samples, with the rounded A frozen, not on the population loss: it knows nothing of P_hat.
"""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from scb.data.geometry import squared_norm
from scb.data.seeds import derive
from scb.data.stream import Stream
from scb.data.task import Task
from scb.experiments.job import Input, Output, job
from scb.learning.algorithm import learn, train
from scb.learning.metrics import DIVERGED
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import ValueGradient
from scb.settings.transfer import Pretraining
from scb.store import tables
from scb.theory.population import balancing_penalty, largest_stable_rate
from scb.theory.tables import PRETRAINED
from scb.theory.transfer import Conditions, correlated


def pretraining_task(task: Task, correlation: float, settings: Pretraining) -> Task:
    """(P_hat, Q_hat) of each replicate, on the CPU."""
    drawn = Task.stack(
        [
            Task.sample(
                task.states,
                settings.length,
                task.sparsity,
                derive(settings.seed, "pretraining", replicate),
                sampler="balanced",
                concentration=settings.concentration,
                stationary=mu,
            )
            for replicate, mu in enumerate(task.stationary)
        ]
    )
    transition = correlated(task, drawn.transition, correlation)
    return Task(
        transition, task.stationary, drawn.positions, drawn.weights, settings.length, drawn.seeds
    )


def pretrain(task: Task, settings: Pretraining) -> Tensor:
    """The learned V, shape (R, N, N).

    Raises
    ------
    ValueError
        If Stage 3 diverges.
    """
    stream, batch = Stream.of(task, derive(settings.seed, "pretraining")), settings.batch
    rate = float(largest_stable_rate(task, batch).min()) / 2
    penalty = float(balancing_penalty(task, batch, rate / 2).median())
    _, columns, steps = learn(
        task,
        stream,
        batch_size=batch,
        boost_rate=rate,
        rate=rate / 2,
        penalty=penalty,
        max_steps=settings.steps,
        rounding=settings.rounding,
    )
    model = LinearTransformer.initial(task)
    model = LinearTransformer(model.value.detach(), columns)
    fit = ValueGradient(model.value, task.stationary, settings.fit_rate / task.attention_energy)
    train(model, [fit], stream, range(steps, steps + settings.fit_steps), batch)
    value = model.value.detach().double()
    if not (squared_norm(value - task.transition, task.stationary) <= DIVERGED**2).all():
        raise ValueError(
            f"transfer.pretrain.fit_rate is {settings.fit_rate:g}; Stage 3 of pretraining diverged "
            "at that rate"
        )
    return value.cpu()


@job
def pretraining(
    settings: Pretraining, downstream: Input, pretrained: Output, device: torch.device
) -> None:
    """Pretrain at every correlation, check the paper's conditions and write."""
    later = Task.load(downstream)
    replicates, states = later.stationary.shape
    frames = []
    for correlation in settings.correlations:
        task = pretraining_task(later, correlation, settings)
        value = pretrain(task.to(device), settings)
        conditions = Conditions.of(later, task.transition)
        rows = {
            "achieved": conditions.correlation,
            "learned": Conditions.of(later, value).correlation,
            "energy_ratio": conditions.energy_ratio,
            "overlap_ratio": conditions.overlap_ratio,
            "drift": conditions.drift,
        }
        frame = pd.DataFrame(
            {name: np.repeat(column.numpy(), states) for name, column in rows.items()}
        )
        frame["correlation"] = correlation
        frame["replicate"] = np.repeat(np.arange(replicates), states)
        frame["state"] = np.tile(np.arange(states), replicates)
        for name, matrix in (("transition", task.transition), ("value", value)):
            frame[name] = list(matrix.mT.reshape(-1, states).numpy())  # column k
        frames.append(frame)
    setting = {
        "states": states,
        "sparsity": later.sparsity,
        "pretraining_length": settings.length,
        "pretraining_batch": settings.batch,
        "pretraining_steps": settings.steps,
        "correlations": settings.correlations,
    }
    tables.write(pd.concat(frames), pretrained, PRETRAINED, setting)


if __name__ == "__main__":
    pretraining.main()
