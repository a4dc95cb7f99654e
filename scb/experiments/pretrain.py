"""Pretrain on tasks of set correlations with the downstream one, by the full algorithm.

The pretraining task has a pattern Q_hat of its own, and a context as short as is cheap: all
that a downstream task takes over is V, which knows no T. Stage 3 fits that V on fresh
samples, with the rounded A frozen, not on the population loss: nothing of P_hat is told.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from torch import Tensor

from scb.data.seeds import derive
from scb.data.task import Task
from scb.experiments.common import Arguments, add_outputs, arguments, run, set_up, stream_of
from scb.learning.algorithm import learn, train
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import ValueGradient
from scb.store import tables
from scb.theory.population import balancing_penalty, largest_stable_rate
from scb.theory.tables import PRETRAINED
from scb.theory.transfer import Conditions, correlated


def pretraining_task(task: Task, correlation: float, options: Arguments) -> Task:
    """(P_hat, Q_hat) of each replicate, on the CPU."""
    drawn = Task.stack(
        [
            Task.sample(
                task.states,
                options.length,
                task.sparsity,
                derive(options.seed, "pretraining", replicate),
                sampler="balanced",
                concentration=options.concentration,
                stationary=mu,
            )
            for replicate, mu in enumerate(task.stationary)
        ]
    )
    transition = correlated(task, drawn.transition, correlation)
    return Task(
        transition, task.stationary, drawn.positions, drawn.weights, options.length, drawn.seeds
    )


def pretrain(task: Task, options: Arguments) -> Tensor:
    """The learned V, shape (R, N, N)."""
    stream = stream_of(task, derive(options.seed, "pretraining"))
    rate = float(largest_stable_rate(task, options.batch).min()) / 2
    penalty = float(balancing_penalty(task, options.batch, rate / 2).median())
    _, columns, steps = learn(
        task,
        stream,
        batch_size=options.batch,
        boost_rate=rate,
        rate=rate / 2,
        penalty=penalty,
        max_steps=options.steps,
    )
    model = LinearTransformer.initial(task)
    model = LinearTransformer(model.value.detach(), columns)
    fit = ValueGradient(model.value, task.stationary, options.fit_rate / task.attention_energy)
    train(model, [fit], stream, range(steps, steps + options.fit_steps), options.batch)
    return model.value.detach().double().cpu()


def main(options: Arguments) -> None:
    """Pretrain at every correlation, check the paper's conditions and write."""
    device = set_up(options)
    downstream = Task.load(options.tasks)
    replicates, states = downstream.stationary.shape
    frames = []
    for correlation in options.correlation:
        task = pretraining_task(downstream, correlation, options)
        value = pretrain(task.to(device), options)
        conditions = Conditions.of(downstream, task.transition)
        rows = {
            "achieved": conditions.correlation,
            "learned": Conditions.of(downstream, value).correlation,
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
        "sparsity": downstream.sparsity,
        "pretraining_length": options.length,
        "pretraining_batch": options.batch,
        "pretraining_steps": options.steps,
        "correlations": options.correlation,
    }
    tables.write(pd.concat(frames), options.output, PRETRAINED, setting)


if __name__ == "__main__":
    parser = arguments(__doc__, steps=False)
    parser.add_argument("--tasks", type=Path, required=True, help="downstream, of any length")
    parser.add_argument("--length", type=int, required=True, help="T of pretraining")
    parser.add_argument("--concentration", type=float, required=True)
    parser.add_argument("--correlation", type=float, nargs="+", required=True)
    parser.add_argument("--fit-steps", type=int, required=True, help="steps of Stage 3")
    parser.add_argument("--fit-rate", type=float, required=True, help="eta of Stage 3")
    parser.add_argument("--batch", type=int, required=True, help="B, samples per step")
    parser.add_argument("--steps", type=int, required=True, help="of Stages 1 and 2, at most")
    parser.add_argument("--threads", type=int, default=1)
    add_outputs(parser, "output")
    run(main, parser)
