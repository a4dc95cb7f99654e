"""What the kernels reached on recall, read from the tables: selected rates, ranks, a summary."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scb.rebased.tables import RECALL
from scb.store import tables
from scb.store.tables import TableError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Recalled:
    """All kernels on one setting of recall.

    Attributes
    ----------
    frame : DataFrame
        Rows of `scb.rebased.tables.RECALL`, of all kernels.
    settings : dict
        By kernel, the setting stored with its table.
    """

    frame: pd.DataFrame
    settings: dict[str, dict[str, Any]]

    @classmethod
    def read(cls, paths: Sequence[Path]) -> "dict[str, Recalled]":
        """Tables ``SETTING/KERNEL.parquet``, by setting, in the order in which they come.

        Raises
        ------
        TableError
            If a table cannot be read, or has other rates or runs than its setting's first.
        """
        found: dict[str, Recalled] = {}
        for name in dict.fromkeys(path.parent.name for path in paths):
            mine = [path for path in paths if path.parent.name == name]
            frames = [tables.read(path, RECALL) for path in mine]
            for path, frame in zip(mine, frames, strict=True):
                ends, first = (part[part["last"]] for part in (frame, frames[0]))
                if set(zip(ends["rate"], ends["run"], strict=True)) != set(
                    zip(first["rate"], first["run"], strict=True)
                ):
                    raise TableError(f"{path}: its rates and runs are not those of {mine[0]}")
            settings = [tables.setting(path) for path in mine]
            by_kernel = {setting["kernel"]: setting for setting in settings}
            found[name] = cls(pd.concat(frames, ignore_index=True), by_kernel)
        return found

    @property
    def kernels(self) -> list[str]:
        """All kernels."""
        return list(self.settings)

    @property
    def rates(self) -> list[float]:
        """All learning rates, from small to large."""
        return sorted(set(self.frame["rate"]))

    def _ends(self, kernel: str, rate: float) -> pd.DataFrame:
        """The last row of every run, in the order of runs."""
        rows = self.frame[self.frame["last"] & (self.frame["kernel"] == kernel)]
        rows = rows[rows["rate"] == rate].sort_values("run")
        if rows.empty:
            raise TableError(f"no runs of kernel {kernel!r} at rate {rate:g}")
        return rows

    def selected(self, kernel: str) -> float:
        """The rate whose runs ended with the best mean validation accuracy.

        Of equals, the one whose runs took fewer steps; the test split has no part in it.
        """

        return max(self.rates, key=lambda rate: self._worth(kernel, rate))

    def better(self, kernels: Sequence[str]) -> str:
        """The one of ``kernels`` that `selected` would prefer, each at its own rate."""
        return max(kernels, key=lambda kernel: self._worth(kernel, self.selected(kernel)))

    def _worth(self, kernel: str, rate: float) -> tuple[float, float]:
        ends = self._ends(kernel, rate)
        return float(ends["validation_accuracy"].mean()), -float(ends["step"].mean())

    def accuracies(self, kernel: str, rate: float | None = None) -> Array:
        """Test accuracy of each run, shape (R,); by default at the selected rate."""
        rate = self.selected(kernel) if rate is None else rate
        return self._ends(kernel, rate)["test_accuracy"].to_numpy(np.float64)

    def steps(self, kernel: str) -> Array:
        """The step at which each run ended at the selected rate, shape (R,)."""
        return self._ends(kernel, self.selected(kernel))["step"].to_numpy(np.float64)

    def rank(self, kernel: str, rate: float) -> int:
        """1 for the kernel with the best mean test accuracy at this rate, and so on."""
        mine = self.accuracies(kernel, rate).mean()
        return 1 + sum(self.accuracies(other, rate).mean() > mine for other in self.kernels)

    def curve(self, kernel: str) -> tuple[NDArray[np.int64], Array]:
        """Steps (S,) and validation accuracies (R, S) at the selected rate.

        A run that has ended keeps the accuracy at which it ended.
        """
        rows = self.frame[
            (self.frame["kernel"] == kernel) & (self.frame["rate"] == self.selected(kernel))
        ]
        grid = rows.pivot(index="run", columns="step", values="validation_accuracy")
        grid = grid.ffill(axis=1)
        return grid.columns.to_numpy(np.int64), grid.to_numpy(np.float64)


def summarise(found: dict[str, Recalled]) -> str:
    """A table in Markdown for each setting: every kernel at its selected rate."""
    lines = [
        "# Recall",
        "",
        "Each kernel at the learning rate with the best mean validation accuracy: mean and range",
        "of its runs. Ranks are by mean test accuracy, all kernels at one rate.",
    ]
    for name, recalled in found.items():
        rates = [f"{rate:g}" for rate in recalled.rates]
        columns = ["kernel", "state", "rate", "step at the end", "test accuracy"]
        columns += [f"rank at {rate}" for rate in rates]
        lines += ["", f"## {name}", "", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
        for kernel in recalled.kernels:
            values, steps = recalled.accuracies(kernel), recalled.steps(kernel)
            cells = [
                f"`{kernel}`",
                str(recalled.settings[kernel]["state_size"]),
                f"{recalled.selected(kernel):g}",
                f"{steps.mean():.0f} [{steps.min():.0f}, {steps.max():.0f}]",
                f"{values.mean():.3f} [{values.min():.3f}, {values.max():.3f}]",
                *(f"{recalled.rank(kernel, rate)}" for rate in recalled.rates),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
