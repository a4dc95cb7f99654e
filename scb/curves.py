"""The log of a run: every metric at the logged steps, and when a run diverged."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from scb.metrics import DIVERGED, AttentionStatistics, ValueStatistics, bayes_loss, measure
from scb.tables import MEASURED
from scb.task import Task


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
    """

    def __init__(
        self, task: Task, optimizers: Sequence[str], stage: str, every: int, last: int
    ) -> None:
        self._task, self._optimizers, self._stage = task, tuple(optimizers), stage
        self._every, self._last = every, last
        self._steps: list[int] = []
        self._rows: list[Tensor] = []

    def due(self, step: int) -> bool:
        """Whether this step is to be logged."""
        return step % self._every == 0 or step == self._last

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
        measured = measure(self._task, *iterate) | {
            f"normalised_{name}": metric
            for name, metric in measure(self._task, *normalised).items()
        }
        shape = len(self._optimizers), len(self._task.seeds)
        self._steps.append(step)
        self._rows.append(torch.stack([measured[name].expand(shape) for name in MEASURED]))

    def frame(self) -> pd.DataFrame:
        """Everything logged, in the columns of `scb.tables.CURVES`.

        From the first logged step at which a run has diverged, its metrics are null and
        ``diverged`` is true.
        """
        logged = torch.stack(self._rows, dim=1).cpu().numpy()  # (metric, step, G, R)
        distances = logged[[MEASURED.index(f"{part}_distance") for part in ("value", "attention")]]
        with np.errstate(invalid="ignore"):
            beyond = ~(distances <= DIVERGED).all(0)  # (step, G, R)
        diverged = np.logical_or.accumulate(beyond, axis=0)
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
        for name, metric in zip(MEASURED, logged, strict=True):
            frame[name] = np.where(diverged, np.nan, metric).ravel()
        frame["bayes_loss"] = bayes_loss(self._task).cpu().numpy()[index[2]]
        return frame.sort_values(["optimizer", "replicate", "step"], ignore_index=True)
