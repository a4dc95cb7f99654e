"""Stage 1, then many conditions from its end: one job for all that share tasks, stream and Stage 1.

So are trained the universes of a group (`scb.analysis.readings`), a rate of the phase diagram and a
candidate for figure 5. What is written is what the claims read of the curves that
`scb.experiments.boost` and `scb.experiments.optimizers` log, for each end of Stage 1 and each
rounding c.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from scb.analysis.endpoints import Endpoints
from scb.analysis.runs import Array, Run
from scb.analysis.tables import UNIVERSES
from scb.data.seeds import derive
from scb.data.stream import Stream
from scb.data.task import Task
from scb.experiments.job import Input, Output, job
from scb.learning.algorithm import branch, train
from scb.learning.curves import Curves
from scb.learning.metrics import AttentionStatistics, attention_signal, value_signal
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import build_optimizers, preconditioned
from scb.settings.multiverse import Universes
from scb.settings.training import Proximal
from scb.store import tables
from scb.theory.population import trajectory

BOOST = "boost"
STEP, SIGNAL = "step", "signal"
"""How Stage 1 ends: the options of `scb.analysis.readings.END`."""


class Log:
    """`Curves` at each of the roundings."""

    def __init__(
        self, task: Task, names: Sequence[str], stage: str, last: int, settings: Universes
    ) -> None:
        self._boost = settings.boost.steps
        self._curves = {
            rounding: Curves(task, names, stage, settings.log_interval, last, rounding)
            for rounding in settings.roundings
        }

    def due(self, step: int) -> bool:
        """Whether this step is to be logged; the printed end of Stage 1 always is."""
        (curves, *_) = self._curves.values()
        return curves.due(step) or step == self._boost

    def log(self, step: int, value: Tensor, columns: Tensor) -> None:
        """Log V, shape (G, R, N, N) or (R, N, N), and A, (G, R, N, T) or (R, N, T)."""
        for curves in self._curves.values():
            curves.log(step, value, columns)

    def frame(self) -> pd.DataFrame:
        """Everything logged."""
        frames = {rounding: curves.frame() for rounding, curves in self._curves.items()}
        return pd.concat([frame.assign(rounding=rounding) for rounding, frame in frames.items()])


@dataclass
class Ended:
    """Each replicate where it ends Stage 1.

    Attributes
    ----------
    value : Tensor, shape (R, N, N)
        V, which is followed until the replicate's own end.
    columns : Tensor, shape (R, N, T)
        A transposed, likewise.
    steps : Tensor, shape (R,), int64
        The steps at which they end.
    log : Log
        Of Stage 1. It goes on with the states at the ends, so that all replicates have the same
        steps.
    """

    value: Tensor
    columns: Tensor
    steps: Tensor
    log: Log

    def follow(self, model: LinearTransformer, step: int) -> None:
        """Take the state of the replicates that have not ended, and log all."""
        running = (self.steps >= step)[:, None, None].to(self.value.device)
        self.value.copy_(torch.where(running, model.value.detach(), self.value))
        self.columns.copy_(torch.where(running, model.columns.detach(), self.columns))
        if self.log.due(step):
            self.log.log(step, self.value, self.columns)

    def end_by(self, task: Task, signal: float, step: int) -> None:
        """End the replicates whose larger signal has come to ``signal``."""
        attention = AttentionStatistics.of(task, self.columns)
        signals = value_signal(task, self.value.double()), attention_signal(task, attention)
        reached = torch.maximum(*(one.abs() for one in signals)) >= signal
        self.steps[reached.cpu() & (self.steps > step)] = step


def stage1(task: Task, seeds: Sequence[int], settings: Universes) -> dict[str, Ended]:
    """Stage 1, trained once, for each way to end it.

    By step it ends at ``boost.steps``. By signal each replicate ends it where its larger signal is
    first seen at ``switch_signal``, or at the last step of all.
    """
    rule, signal = settings.boost, settings.switch_signal
    model = LinearTransformer.initial(task)
    last = {STEP: rule.steps} | ({} if signal is None else {SIGNAL: settings.steps})
    ends = {
        name: Ended(
            model.value.detach().clone(),
            model.columns.detach().clone(),
            torch.full((len(seeds),), step),
            Log(task, [BOOST], BOOST, step, settings),
        )
        for name, step in last.items()
    }

    def observe(step: int) -> bool:
        if step % settings.check_interval and not ends[STEP].log.due(step):
            return False
        for name, end in ends.items():
            if step <= last[name]:
                end.follow(model, step)
            if name == SIGNAL and signal is not None:
                end.end_by(task, signal, step)
        if not all(bool((end.steps <= step).all()) for end in ends.values()):
            return False
        if SIGNAL in ends and not ends[SIGNAL].log.due(step):  # the state at the ends is its last
            ends[SIGNAL].log.log(step, ends[SIGNAL].value, ends[SIGNAL].columns)
        return True

    optimizers = preconditioned(task, model, rule.rate, scaled=rule.scaled)
    stream, steps = Stream(task, seeds), range(max(last.values()))
    train(model, optimizers, stream, steps, settings.batch, observe)
    return ends


def stage2(task: Task, seeds: Sequence[int], ended: Ended, settings: Universes) -> pd.DataFrame:
    """Curves of all conditions, each replicate from its own end of Stage 1."""
    names, specs = zip(*sorted(settings.optimizers.items()), strict=True)
    ends, frames = ended.steps.tolist(), []
    for end in sorted(set(ends)):  # replicates that ended Stage 1 together go on together
        group = [replicate for replicate, own in enumerate(ends) if own == end]
        some = task.select(group)
        model = branch(some, ended.value[group], ended.columns[group], specs)
        log = Log(some, names, "train", settings.steps, settings)

        def observe(step: int, log: Log = log, model: LinearTransformer = model) -> None:
            if log.due(step):
                log.log(step, model.value, model.columns)

        train(
            model,
            build_optimizers(some, model, specs),
            Stream(some, [seeds[replicate] for replicate in group]),
            range(end, settings.steps),
            settings.batch,
            observe,
        )
        frame = log.frame()
        frames.append(frame.assign(replicate=np.array(group)[frame["replicate"]]))
    # Until its own Stage 1 ends, a run is what it is in Stage 1: all have the same steps.
    stage = ended.log.frame()
    own_end = stage["replicate"].map(dict(enumerate(ends)))
    waiting = stage[(stage["step"] >= min(ends)) & (stage["step"] < own_end)].assign(stage="train")
    return pd.concat([stage, *frames, *(waiting.assign(optimizer=name) for name in names)])


def paths(task: Task, ended: Ended, run: Run, settings: Universes) -> dict[str, Array]:
    """Population paths of the proximal conditions, each from its run's own end of Stage 1.

    Before that end, where a run waits for others, its path is the run itself.

    Returns
    -------
    dict of array of shape (steps + 1, 2, R)
        From the first step of any run after Stage 1.
    """
    attention = AttentionStatistics.of(task, ended.columns)
    start = torch.stack(
        [value_signal(task, ended.value.double()), attention_signal(task, attention)]
    )  # (2, R)
    ends, last = ended.steps.tolist(), settings.steps
    found: dict[str, Array] = {}
    for name, spec in settings.optimizers.items():
        if not isinstance(spec, Proximal):
            continue
        rates = [spec.rate] * (last - min(ends))
        ahead = trajectory(task, rates, start, scaled=spec.scaled).cpu().numpy()
        path = np.empty_like(ahead)
        for i, matrix in enumerate(("value", "attention")):
            steps, own = run.values(name, f"{matrix}_signal", run.replicates)
            for replicate, end in enumerate(ends):
                waits = end - min(ends)
                path[waits:, i, replicate] = ahead[: len(path) - waits, i, replicate]
                before = np.arange(min(ends), end)
                path[:waits, i, replicate] = np.interp(before, steps, own[replicate])
        found[name] = path[run_first(run, name) - min(ends) :]
    return found


def run_first(run: Run, name: str) -> int:
    """The first logged step of a condition."""
    return int(run.values(name, "value_signal", run.replicates)[0][0])


def read(
    task: Task, ended: Ended, curves: pd.DataFrame, settings: Universes, where: Path
) -> pd.DataFrame:
    """What the claims read, for each rounding."""
    frames = []
    for rounding, frame in curves.groupby("rounding"):
        run = Run.of(frame, where, {})
        frames.append(
            Endpoints.of(run, paths(task, ended, run, settings)).frame.assign(rounding=rounding)
        )
    return pd.concat(frames)


@job
def universes(settings: Universes, tasks: Input, runs: Output, device: torch.device) -> None:
    """Train, read off what the claims ask for, and write."""
    task = Task.load(tasks).to(device)
    seeds = [derive(settings.seed, "stream", replicate) for replicate in range(len(task.seeds))]
    frames = []
    for name, ended in stage1(task, seeds, settings).items():
        curves = stage2(task, seeds, ended, settings)
        frames.append(read(task, ended, curves, settings, runs).assign(end=name))
    setting = tables.setting(tasks) | {
        "batch": settings.batch,
        "steps": settings.steps,
        "boost_steps": settings.boost.steps,
        "boost_rate": settings.boost.rate,
        "optimizers": settings.model_dump(mode="json")["optimizers"],
    }
    tables.write(pd.concat(frames), runs, UNIVERSES, setting)


if __name__ == "__main__":
    universes.main()
