"""The runs of figure 1 with one of our readings changed.

Writes what `scb.experiments.boost` and `scb.experiments.optimizers` write: the same
tables, on the same stream, so that the same claims are judged.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from scb.data.seeds import derive
from scb.data.stream import Stream
from scb.data.task import Task
from scb.experiments.common import Arguments, add_outputs, arguments, iterate, run, set_up
from scb.learning.algorithm import sparsify, switch_threshold, train
from scb.learning.curves import Curves
from scb.learning.metrics import AttentionStatistics, attention_signal, value_signal
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import ProximalGradient, RawGradient, ValueGradient
from scb.learning.tables import CURVES
from scb.store import tables

BOOST = "boost"
Row = tuple[str, str, str, str]
"""Name, eta, lambda and threshold of an optimizer, as on the command line."""


def steps_of(
    task: Task, model: LinearTransformer, rate: Tensor, penalty: Tensor, *, scaled: bool, raw: bool
) -> list[torch.optim.Optimizer]:
    """Optimizers of V and A: rates divided by K_Q and K_P or not, preconditioned or raw."""
    rates = (
        (rate / task.attention_energy, rate / task.transition_energy) if scaled else (rate, rate)
    )
    if raw:
        return [
            RawGradient(matrix, eta)
            for matrix, eta in zip((model.value, model.columns), rates, strict=True)
        ]
    return [
        ValueGradient(model.value, task.stationary, rates[0]),
        ProximalGradient(model.columns, task.stationary, rates[1], penalty),
    ]


def stage1(
    tasks: Task, stream: Stream, options: Arguments
) -> tuple[Tensor, Tensor, list[int], pd.DataFrame]:
    """State (V, A^T) of each replicate at its own end of Stage 1, that step, and curves.

    Curves go on with the state at the end, so that all replicates have the same steps.
    """
    model = LinearTransformer.initial(tasks)
    rate, none = torch.tensor(options.boost_rate), torch.tensor(0.0)
    last = options.boost_steps if options.switch_signal is None else options.steps
    value, columns = model.value.detach().clone(), model.columns.detach().clone()
    end = torch.full((len(tasks.seeds),), last, device=value.device)
    curves = Curves(tasks, [BOOST], BOOST, options.log_interval, last)

    def observe(step: int) -> bool:
        if not curves.due(step):
            return False
        running = (end >= step)[:, None, None]
        value.copy_(torch.where(running, model.value.detach(), value))
        columns.copy_(torch.where(running, model.columns.detach(), columns))
        curves.record(step, **iterate(tasks, value, columns))
        if options.switch_signal is None:
            return False
        attention = AttentionStatistics.of(tasks, columns)
        signals = value_signal(tasks, value.double()), attention_signal(tasks, attention)
        reached = torch.maximum(*(signal.abs() for signal in signals)) >= options.switch_signal
        end[reached & (end > step)] = step
        return bool((end <= step).all())

    steps = steps_of(tasks, model, rate, none, scaled=options.scaled, raw=False)
    if train(model, steps, stream, range(last), options.batch, observe) == last:
        observe(last)
    return value, columns, end.tolist(), curves.frame()


def branch(
    tasks: Task,
    stream: Stream,
    state: tuple[Tensor, Tensor],
    first: int,
    rows: Sequence[Row],
    options: Arguments,
    *,
    raw: bool,
) -> pd.DataFrame:
    """Curves of several optimizers from one state on; see `scb.experiments.optimizers`."""
    value, columns = state  # (R, N, N), (R, N, T)
    names = [name for name, *_ in rows]
    rate, penalty, threshold = (
        torch.tensor([float(row[i]) for row in rows], device=value.device)[:, None]
        for i in (1, 2, 3)
    )  # (G, 1) each
    sparse = sparsify(columns, switch_threshold(tasks, value).to(columns))
    columns = torch.where(threshold[..., None, None] > 0, sparse, columns)  # (G, R, N, T)
    model = LinearTransformer(value.expand(len(names), *value.shape), columns)
    steps = steps_of(tasks, model, rate, penalty, scaled=options.scaled, raw=raw)
    curves = Curves(tasks, names, "train", options.log_interval, options.steps)

    def observe(step: int) -> None:
        if curves.due(step) or step == first:
            curves.record(step, **iterate(tasks, model.value, model.columns))

    train(model, steps, stream, range(first, options.steps), options.batch, observe)
    observe(options.steps)
    return curves.frame()


def main(options: Arguments) -> None:
    """Stage 1, then the optimizers of each group of replicates that ended it together."""
    tasks = Task.load(options.tasks).to(set_up(options))
    seeds = [derive(options.seed, "stream", replicate) for replicate in range(len(tasks.seeds))]
    value, columns, ends, boost = stage1(tasks, Stream(tasks, seeds), options)
    kinds = [
        (raw, rows)
        for raw in (False, True)
        if (
            rows := [row for row in options.optimizer if raw == (options.raw and not float(row[2]))]
        )
    ]
    frames = []
    for end in sorted(set(ends)):
        group = [replicate for replicate, own in enumerate(ends) if own == end]
        some = tasks.select(group)
        stream = Stream(some, [seeds[replicate] for replicate in group])
        state = value[group], columns[group]
        for raw, rows in kinds:
            frame = branch(some, stream, state, end, rows, options, raw=raw)
            frames.append(frame.assign(replicate=np.array(group)[frame["replicate"]]))
    # Until its own Stage 1 ends, a run is what it is in Stage 1: all have the same steps.
    own_end = boost["replicate"].map(dict(enumerate(ends)))
    waiting = boost[(boost["step"] >= min(ends)) & (boost["step"] < own_end)].assign(stage="train")
    frames += [waiting.assign(optimizer=name) for name, *_ in options.optimizer]

    setting = tables.setting(options.tasks) | {
        "batch": options.batch,
        "steps": options.steps,
        "boost_steps": max(ends),
        "boost_rate": options.boost_rate,
        "optimizers": {
            name: {"rate": float(eta), "penalty": float(lam), "threshold": bool(float(keep))}
            for name, eta, lam, keep in options.optimizer
        },
    }
    tables.write(boost, options.boost, CURVES, setting)
    tables.write(pd.concat(frames), options.curves, CURVES, setting)


if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--tasks", type=Path, required=True)
    parser.add_argument("--boost-steps", type=int, required=True, help="last step of Stage 1")
    parser.add_argument("--boost-rate", type=float, required=True, help="eta of Stage 1")
    parser.add_argument(
        "--optimizer",
        nargs=4,
        action="append",
        required=True,
        metavar=("NAME", "ETA", "LAMBDA", "THRESHOLD"),
        help="as of scb.experiments.optimizers",
    )
    parser.add_argument(
        "--unscaled", dest="scaled", action="store_false", help="eta_V = eta_A = eta"
    )
    parser.add_argument(
        "--raw", action="store_true", help="where LAMBDA is 0: no preconditioner, no projection"
    )
    parser.add_argument(
        "--switch-signal", type=float, help="end Stage 1 of a run at this signal, not at a step"
    )
    add_outputs(parser, "boost", "curves")
    run(main, parser)
