"""The log of a run: every metric at the logged steps, and when a run diverged."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from scb.data.task import Task
from scb.learning.algorithm import normalise
from scb.learning.metrics import (
    DIVERGED,
    METRICS,
    AttentionStatistics,
    ValueStatistics,
    bayes_loss,
    measure,
    support_found,
)
from scb.learning.models import Model
from scb.learning.replay import Replayed

TRANSFER_METRICS: tuple[str, ...] = (
    "support",
    "attention_signal",
    "value_signal",
    "attention_distance",
    "value_distance",
    "normalised_attention_distance",
    "test_loss",
)
"""What is measured of a transfer run: `scb.learning.metrics.support_found`, then some metrics."""


class Curves:
    """Collects the metrics of G optimizers and R replicates, on their device.

    Parameters
    ----------
    task : Task of R replicates
    optimizers : sequence of G names
    stage : str
        ``boost`` or ``train``.
    every : int
        Interval between logged steps.
    last : int
        The last step, logged whatever the interval.
    rounding : float
        c of the normalised solution.
    """

    def __init__(
        self,
        task: Task,
        optimizers: Sequence[str],
        stage: str,
        every: int,
        last: int,
        rounding: float,
    ) -> None:
        self._task, self._optimizers, self._stage = task, tuple(optimizers), stage
        self._every, self._last, self._rounding = every, last, rounding
        self._steps: list[int] = []
        self._names = [*METRICS, *(f"normalised_{name}" for name in METRICS)]
        self._rows: list[Tensor] = []

    def due(self, step: int) -> bool:
        """Whether this step is to be logged."""
        return step % self._every == 0 or step == self._last

    def observe(self, model: Model, first: int | None = None) -> Callable[[int], None]:
        """A function of the step that logs ``model`` where it is due, and at step ``first``.

        It is for `scb.learning.algorithm.train`.
        """
        measured = Replayed(lambda: self._row(model.value, model.columns), model.value.device)

        def observe(step: int) -> None:
            if self.due(step) or step == first:
                self._keep(step, measured())

        return observe

    def log(self, step: int, value: Tensor, columns: Tensor) -> None:
        """Log V, shape (G, R, N, N), and A, (G, R, N, T), with their normalised solution."""
        self._keep(step, self._row(value, columns))

    def _row(self, value: Tensor, columns: Tensor) -> Tensor:
        """All metrics of V and A, (metric, G, R)."""
        value, columns = value.detach(), columns.detach()
        attention = AttentionStatistics.of(self._task, columns)
        normalised = normalise(self._task, columns, self._rounding)
        return self._measured((value, attention), normalised)

    def record(
        self,
        step: int,
        iterate: tuple[Tensor | ValueStatistics, AttentionStatistics],
        normalised: tuple[Tensor | ValueStatistics, AttentionStatistics],
    ) -> None:
        """Log an iterate (V, A) and its normalised solution; no host synchronisation.

        Parameters
        ----------
        step : int
        iterate, normalised : (Tensor of shape (G, R, N, N) or its statistics, AttentionStatistics)
        """
        self._keep(step, self._measured(iterate, normalised))

    def _measured(
        self,
        iterate: tuple[Tensor | ValueStatistics, AttentionStatistics],
        normalised: tuple[Tensor | ValueStatistics, AttentionStatistics],
    ) -> Tensor:
        measured = measure(self._task, *iterate) | {
            f"normalised_{name}": metric
            for name, metric in measure(self._task, *normalised).items()
        }
        shape = len(self._optimizers), len(self._task.seeds)
        return torch.stack([measured[name].expand(shape) for name in self._names])

    def _keep(self, step: int, row: Tensor) -> None:
        self._steps.append(step)
        self._rows.append(row)

    def frame(self) -> pd.DataFrame:
        """Everything logged, in the columns of `scb.learning.tables.CURVES`.

        From the first logged step at which a run has diverged, its metrics are null and
        ``diverged`` is true.
        """
        logged = torch.stack(self._rows, dim=1).cpu().numpy()  # (metric, step, G, R)
        diverged = _diverged(logged, self._names)
        index = np.indices(diverged.shape).reshape(3, -1)
        frame = pd.DataFrame(
            {
                "optimizer": np.array(self._optimizers, dtype=object)[index[1]],
                "replicate": index[2].astype(np.int32),
                "step": np.array(self._steps, dtype=np.int32)[index[0]],
                "stage": self._stage,
                "diverged": diverged.ravel(),
            }
        )
        for name, metric in zip(self._names, logged, strict=True):
            frame[name] = np.where(diverged, np.nan, metric).ravel()
        frame["bayes_loss"] = bayes_loss(self._task).cpu().numpy()[index[2]]
        return frame.sort_values(["optimizer", "replicate", "step"], ignore_index=True)


class TransferCurves:
    """Collects `scb.store.tables.TRANSFER_METRICS` of C runs and R replicates, on their device.

    Parameters
    ----------
    task : Task of R replicates
    start : str
        Of `scb.learning.tables.STARTS`.
    correlations : sequence of C floats or None
        Of each run's pretraining; None from scratch.
    rounding : float
        c of the normalised solution.
    """

    def __init__(
        self, task: Task, start: str, correlations: Sequence[float | None], rounding: float
    ) -> None:
        self._task, self._start, self._correlations = task, start, tuple(correlations)
        self._rounding = rounding
        self._samples: list[int] = []
        self._rows: list[Tensor] = []

    @torch.no_grad()
    def record(
        self, samples: int, value: Tensor, columns: Tensor, ranked: Tensor | None = None
    ) -> None:
        """Log an iterate after so many samples; no host synchronisation.

        Parameters
        ----------
        samples : int
        value : Tensor, shape (C, R, N, N)
        columns : Tensor, shape (C, R, N, T)
        ranked : Tensor of the same shape, optional
            What the support is sought in, if not in ``columns``.
        """
        measured = measure(self._task, value, AttentionStatistics.of(self._task, columns))
        normalised = measure(self._task, *normalise(self._task, columns, self._rounding))
        measured["normalised_attention_distance"] = normalised["attention_distance"]
        sought = columns if ranked is None else ranked
        measured["support"] = support_found(self._task, sought)
        shape = len(self._correlations), len(self._task.seeds)
        self._samples.append(samples)
        self._rows.append(torch.stack([measured[name].expand(shape) for name in TRANSFER_METRICS]))

    def frame(self) -> pd.DataFrame:
        """Everything logged, in the columns of `scb.learning.tables.TRANSFER`."""
        logged = torch.stack(self._rows, dim=1).cpu().numpy()  # (metric, step, C, R)
        diverged = _diverged(logged, TRANSFER_METRICS)
        index = np.indices(diverged.shape).reshape(3, -1)
        task = self._task
        pattern_norm = (task.attention_energy + 1 / task.length).sqrt().cpu().numpy()
        frame = pd.DataFrame(
            {
                "start": self._start,
                "correlation": np.array(self._correlations, dtype=np.float64)[index[1]],
                "replicate": index[2].astype(np.int32),
                "length": task.length,
                "samples": np.array(self._samples, dtype=np.int64)[index[0]],
                "diverged": diverged.ravel(),
            }
        )
        for name, metric in zip(TRANSFER_METRICS, logged, strict=True):
            frame[name] = np.where(diverged, np.nan, metric).ravel()
        frame["pattern_norm"] = pattern_norm[index[2]]
        frame["bayes_loss"] = bayes_loss(task).cpu().numpy()[index[2]]
        return frame.sort_values(["correlation", "replicate", "samples"], ignore_index=True)


def _diverged(logged: NDArray[np.float64], names: Sequence[str]) -> NDArray[np.bool_]:
    """Which runs have diverged at each step, (step, ., R), from the metrics ``names`` first."""
    distances = logged[[names.index(f"{part}_distance") for part in ("value", "attention")]]
    with np.errstate(invalid="ignore"):
        beyond = ~(distances <= DIVERGED).all(0)
    return np.logical_or.accumulate(beyond, axis=0)
