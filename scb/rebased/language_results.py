"""What the kernels reached on language, read from the tables: selected rates and bits per byte."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scb.rebased.tables import LANGUAGE
from scb.store import tables
from scb.store.tables import TableError

Array = NDArray[np.float64]

SLICES = {
    "test": "all tokens",
    "repeated": "repeated bigrams",
    "other": "other tokens",
}
"""What is judged apart, as columns and in words."""


@dataclass(frozen=True)
class Modelled:
    """All kernels on one corpus.

    Attributes
    ----------
    frame : DataFrame
        Rows of `scb.rebased.tables.LANGUAGE`, of all kernels.
    settings : dict
        By kernel, the setting stored with its table.
    """

    frame: pd.DataFrame
    settings: dict[str, dict[str, Any]]

    @classmethod
    def read(cls, paths: Sequence[Path]) -> "Modelled":
        """Tables of one kernel each.

        Raises
        ------
        TableError
            If a table cannot be read, or has another corpus than the first.
        """
        frames = [tables.read(path, LANGUAGE) for path in paths]
        settings = [tables.setting(path) for path in paths]
        for path, setting in zip(paths, settings, strict=True):
            if setting["corpus_sha256"] != settings[0]["corpus_sha256"]:
                raise TableError(f"{path}: its corpus is not that of {paths[0]}")
        by_kernel = {setting["kernel"]: setting for setting in settings}
        return cls(pd.concat(frames, ignore_index=True), by_kernel)

    @property
    def kernels(self) -> list[str]:
        """All kernels."""
        return list(self.settings)

    @property
    def setting(self) -> dict[str, Any]:
        """What all kernels have in common, and what is the first one's own."""
        return next(iter(self.settings.values()))

    def _ends(self, kernel: str) -> pd.DataFrame:
        """The last row of every run, in the order of rates and runs."""
        rows = self.frame[self.frame["last"] & (self.frame["kernel"] == kernel)]
        if rows.empty:
            raise TableError(f"no runs of kernel {kernel!r}")
        return rows.sort_values(["rate", "run"])

    def bits(self, kernel: str, part: str = "test") -> Array:
        """Bits per byte of each run on a slice of the test split, shape (R,).

        Infinite of a run that diverged: it models nothing.
        """
        values = self._ends(kernel)[f"{part}_bits"].to_numpy(np.float64)
        return np.where(np.isfinite(values), values, np.inf)

    def share(self, part: str) -> float:
        """Share of the test split's bytes that a slice has."""
        repeated = float(self.setting["repeated_share"])
        return {"test": 1.0, "repeated": repeated, "other": 1 - repeated}[part]

    def curve(self, kernel: str) -> tuple[NDArray[np.int64], Array]:
        """Steps (S,) and validation bits per byte (R, S); not a number once a run has ended."""
        rows = self.frame[self.frame["kernel"] == kernel]
        grid = rows.pivot(index="run", columns="step", values="validation_bits")
        return grid.columns.to_numpy(np.int64), grid.to_numpy(np.float64)

    def rates(self) -> pd.DataFrame:
        """What was tuned, in the columns of `scb.rebased.tables.RATES`.

        A kernel is best at the rate whose runs have the least mean of validation bits per byte;
        the test split has no part in it.
        """
        rows = []
        for kernel in self.kernels:
            means = self._ends(kernel).groupby("rate")["validation_bits"].agg(_mean)
            best = means.fillna(np.inf).idxmin()
            rows += [
                {
                    "kernel": kernel,
                    "rate": rate,
                    "validation_bits": mean,
                    "selected": rate == best,
                }
                for rate, mean in means.items()
            ]
        return pd.DataFrame(rows)


def _mean(values: pd.Series) -> float:
    """Not a number if one run diverged."""
    return float(values.mean(skipna=False))


def markdown(rates: pd.DataFrame) -> str:
    """The table of `Modelled.rates`, with what config.yaml should say."""
    lines = [
        "# Learning rates of the models of language",
        "",
        "Validation bits per byte on the tuning seed, mean of the runs; the least is selected.",
        "",
    ]
    grid = rates.pivot(index="kernel", columns="rate", values="validation_bits")
    chosen = rates[rates["selected"]].set_index("kernel")["rate"]
    names = [f"{rate:g}" for rate in grid.columns]
    lines += [f"| kernel | {' | '.join(names)} | selected |", "|---" * (len(names) + 2) + "|"]
    for kernel in dict.fromkeys(rates["kernel"]):
        values = [f"{value:.4f}" for value in grid.loc[kernel]]
        lines.append(f"| `{kernel}` | {' | '.join(values)} | {chosen[kernel]:g} |")
    return "\n".join(lines) + "\n"
