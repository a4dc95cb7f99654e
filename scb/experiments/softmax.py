"""Softmax attention at the size of figure 1, beside what `optimizers` trains of it.

The first stage: both transformers from the paper's start, on one stream. One softmax transformer
has the logit rate by which A moves as the linear one's as long as it is nearly uniform. Another has
one so small that it stays nearly uniform. The last takes Adam's steps.

One step, many times: from the end of the linear transformer's first stage, how much does a useless
position of the softmax transformer gain or lose, by its weight?
"""

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from scb.data.geometry import inner
from scb.data.stream import Stream
from scb.data.task import Task
from scb.experiments.job import Input, Output, job
from scb.kernels import kernel_for
from scb.learning import states
from scb.learning.algorithm import train
from scb.learning.curves import Curves
from scb.learning.logits import logit_gradient, matched_rate, to_simplex
from scb.learning.metrics import AttentionStatistics, attention_signal, value_signal
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import Spec, build_optimizers
from scb.learning.tables import ALIKE, CURVES
from scb.settings.training import FirstStage, Logits, LogitsAdam, Sgd
from scb.store import tables
from scb.theory.logits import Drift
from scb.theory.tables import WEIGHTS

SLOW = 0.01
"""Share of the matched logit rate by which weights stay near 1/T all through the first stage: the
noise of the linear model's A grows to some 15 times 1/T by then."""

LEAST, PER_DECADE = -4, 5
"""Bins of weights begin at ``10^LEAST`` and end at 1."""

ADAM = 0.01
"""Adam's rate for logits in the first stage, as in figure 2."""

REPEATS = 200
"""Batches that the one step is taken on."""

FEW = 16
"""Replicates whose weights are looked at, the first positive ones."""


@job
def softmax(
    settings: FirstStage,
    tasks: Input,
    state: Input,
    curves: Output,
    alike: Output,
    weights: Output,
    device: torch.device,
) -> None:
    """Train both first stages, repeat one step, and write."""
    task = Task.load(tasks).to(device)
    stream = Stream.of(task, settings.seed)
    setting = tables.setting(tasks) | {
        "batch": settings.batch,
        "steps": settings.boost.steps,
        "rate": settings.boost.rate,
    }
    logged, cosines = first_stage(settings, task, stream)
    tables.write(logged, curves, CURVES, setting)
    tables.write(cosines, alike, ALIKE, setting)

    _, switch, value, columns = states.read(state)
    value, columns = value[0].to(device), columns[0].to(device)
    some = _positive(task, value, columns)[:FEW]
    few, spec = task.select(some), settings.softmax
    bins, shrinking = one_step(
        few,
        Stream.of(few, settings.seed),
        value[some],
        to_simplex(columns[some]),
        matched_rate(few, spec.rate, spec.signal) * spec.factor,
        range(switch, switch + REPEATS),
        settings.batch,
    )
    tables.write(
        bins, weights, WEIGHTS, setting | {"replicates": len(some), "shrinking": shrinking}
    )


def first_stage(
    settings: FirstStage, task: Task, stream: Stream
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Curves of all models, and cosines of what A and V have moved by with the linear model's."""
    rate, steps = settings.boost.rate, settings.boost.steps
    specs: dict[str, Spec] = {
        "linear": Sgd(kind="sgd", rate=rate),
        "softmax": Logits(kind="softmax", rate=rate, signal=None),
        "softmax_adam": LogitsAdam(kind="softmax_adam", rate=rate, logit_rate=ADAM),
        "softmax_slow": Logits(kind="softmax", rate=rate, signal=None, factor=SLOW),
    }
    start = LinearTransformer.initial(task)
    model = LinearTransformer(
        *(part.expand(len(specs), *part.shape) for part in (start.value, start.columns))
    )
    log = Curves(task, [*specs], "train", settings.log_interval, steps, settings.rounding)
    logged, frames = log.observe(model), []

    def observe(step: int) -> None:
        logged(step)
        if not log.due(step) or not step:
            return
        value = (model.value - start.value).detach().double()  # (G, R, N, N)
        attention = (model.columns - start.columns).detach().double().mT  # (G, R, T, N)
        for place, name in enumerate(specs):
            if name != "linear":
                cosines = {
                    f"{part}_cosine": cosine(moved[0], moved[place], task.stationary).cpu()
                    for part, moved in (("attention", attention), ("value", value))
                }
                frame = pd.DataFrame(cosines)
                frames.append(frame.assign(optimizer=name, step=step, replicate=range(len(frame))))

    optimizers = build_optimizers(task, model, [*specs.values()])
    train(model, optimizers, stream, range(steps), settings.batch, observe)
    return log.frame(), pd.concat(frames, ignore_index=True)


def cosine(left: Tensor, right: Tensor, stationary: Tensor) -> Tensor:
    """mu-cosine of matrices of shape (R, ., N); -1 where there is none, as of a diverged run."""
    square = inner(left, left, stationary) * inner(right, right, stationary)
    return torch.nan_to_num(inner(left, right, stationary) / square.sqrt(), nan=-1.0)


def one_step(
    task: Task,
    stream: Stream,
    value: Tensor,
    columns: Tensor,
    rate: Tensor,
    steps: range,
    batch: int,
) -> tuple[pd.DataFrame, float]:
    """Growth of squared weights of useless positions in one step, over the batches of ``steps``.

    Parameters
    ----------
    task : Task of R replicates
    stream : Stream
    value : Tensor, shape (R, N, N)
    columns : Tensor, shape (R, N, T)
        On the simplex.
    rate : Tensor, shape (R,)
        eta_w.
    steps : range
    batch : int
        B.

    Returns
    -------
    bins : DataFrame
        In the columns of `WEIGHTS`.
    shrinking : float
        Share of columns in which every weight shrinks: `Drift.threshold` is above 1.
    """
    kernel, logs = kernel_for(columns), columns.log()
    rates = rate[:, None] / task.stationary  # (R, N)
    useless = torch.ones_like(columns, dtype=torch.bool)
    useless.scatter_(-1, task.positions.mT, False)
    place = ((logs / np.log(10) - LEAST) * PER_DECADE).floor().long()  # (R, N, T)
    kept = useless & (place >= 0)
    some, counts = place[kept], torch.bincount(place[kept])
    found = []
    for step in steps:
        _, gradient = kernel.gradients(value, columns, stream, step, batch)
        moved = logs - rates[..., None].to(logs) * logit_gradient(columns, gradient)
        growth = (2 * (moved.log_softmax(-1) - logs)[kept].double()).expm1()
        found.append(torch.bincount(some, growth) / counts)
    drift = Drift.of(task, value, columns, batch)
    closed = drift.growth(columns.double(), rate[:, None])  # (R, N, T)
    frame = pd.DataFrame(
        {
            "weight": torch.exp(torch.bincount(some, logs[kept].double()) / counts).cpu(),
            "positions": counts.cpu(),
            "measured": torch.stack(found).mean(0).cpu(),
            "deviation": (torch.stack(found).std(0) / len(found) ** 0.5).cpu(),
            "predicted": (torch.bincount(some, closed[kept]) / counts).cpu(),
        }
    )
    return frame[frame["positions"] > 0], float(
        (drift.threshold(rate[:, None]) > 1).double().mean()
    )


def _positive(task: Task, value: Tensor, columns: Tensor) -> list[int]:
    """Replicates with both signals positive."""
    attention = attention_signal(task, AttentionStatistics.of(task, columns))
    both = (value_signal(task, value.double()) > 0) & (attention > 0)
    return [int(place) for place in both.nonzero().flatten()]


if __name__ == "__main__":
    softmax.main()
