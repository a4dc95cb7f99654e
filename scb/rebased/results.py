"""What the kernels reached on recall, read from the tables."""

from collections.abc import Mapping, Sequence
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

LINEAR = ("identity", "elu")
"""The kernels whose features are no more than queries and keys have."""


@dataclass(frozen=True)
class Recalled:
    """All kernels on one setting of recall.

    Attributes
    ----------
    ends : DataFrame
        The last row of every run, of `scb.rebased.tables.RECALL`, of all kernels.
    settings : dict
        By kernel, the setting stored with its table.
    """

    ends: pd.DataFrame
    settings: dict[str, dict[str, Any]]

    @classmethod
    def read(cls, paths: Sequence[Path]) -> "dict[str, Recalled]":
        """Tables ``SETTING/KERNEL.parquet``, by setting, in the order in which they come.

        Raises
        ------
        TableError
            If a table cannot be read, or has other runs than its setting's first.
        """
        found: dict[str, Recalled] = {}
        for name in dict.fromkeys(path.parent.name for path in paths):
            mine = [path for path in paths if path.parent.name == name]
            frames = [tables.read(path, RECALL) for path in mine]
            for path, frame in zip(mine, frames, strict=True):
                if set(frame["run"]) != set(frames[0]["run"]):
                    raise TableError(f"{path}: its runs are not those of {mine[0]}")
            ends = pd.concat(frames, ignore_index=True)
            settings = [tables.setting(path) for path in mine]
            by_kernel = {setting["kernel"]: setting for setting in settings}
            found[name] = cls(ends[ends["last"]].sort_values("run"), by_kernel)
        return found

    @property
    def kernels(self) -> list[str]:
        """All kernels."""
        return list(self.settings)

    @property
    def features(self) -> int:
        """f of the kernels that are not linear."""
        return int(next(s["features"] for k, s in self.settings.items() if k not in LINEAR))

    def at(self, rates: Mapping[str, float]) -> "Recalled":
        """Each kernel at one of its rates, without the kernels that have none there."""
        kernel, rate = self.ends["kernel"], self.ends["rate"]
        settings = {name: found for name, found in self.settings.items() if name in rates}
        return Recalled(self.ends[rate == kernel.map(rates)], settings)

    def _of(self, kernel: str) -> pd.DataFrame:
        """The ends of a kernel's runs, in the order of runs.

        Raises
        ------
        TableError
            If there are none, or those of several rates.
        """
        rows = self.ends[self.ends["kernel"] == kernel]
        if rows["rate"].nunique() != 1:
            raise TableError(f"kernel {kernel!r} has runs at {rows['rate'].nunique()} rates")
        return rows

    def rate(self, kernel: str) -> float:
        """The learning rate of a kernel's runs."""
        return float(self._of(kernel)["rate"].iloc[0])

    def accuracies(self, kernel: str) -> Array:
        """Test accuracy of each run, shape (R,)."""
        return self._of(kernel)["test_accuracy"].to_numpy(np.float64)

    def steps(self, kernel: str) -> Array:
        """The step at which each run ended, shape (R,)."""
        return self._of(kernel)["step"].to_numpy(np.float64)

    def ahead(self, kernel: str, other: str) -> Array:
        """By how much a kernel's test accuracy is larger than another's in each run, (R,)."""
        return self.accuracies(kernel) - self.accuracies(other)

    @property
    def linear(self) -> str:
        """The linear kernel with the better mean validation accuracy.

        Raises
        ------
        TableError
            If there is none.
        """
        linear = [kernel for kernel in self.kernels if kernel in LINEAR]
        if not linear:
            raise TableError("there is no linear kernel")
        return max(linear, key=lambda kernel: self._of(kernel)["validation_accuracy"].mean())


def summarise(found: dict[str, Recalled]) -> str:
    """A table in Markdown for each setting."""
    lines = [
        "# Recall",
        "",
        "Each kernel at the learning rate that tuning chose for it: median and range of its runs.",
    ]
    columns = ["kernel", "state", "rate", "runs", "step at the end", "test accuracy"]
    for name, recalled in found.items():
        lines += ["", f"## {name}, f = {recalled.features}", ""]
        lines += [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
        for kernel in recalled.kernels:
            values, steps = recalled.accuracies(kernel), recalled.steps(kernel)
            cells = [
                f"`{kernel}`",
                str(recalled.settings[kernel]["state_size"]),
                f"{recalled.rate(kernel):g}",
                str(len(values)),
                f"{np.median(steps):.0f} [{steps.min():.0f}, {steps.max():.0f}]",
                f"{np.median(values):.3f} [{values.min():.3f}, {values.max():.3f}]",
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
