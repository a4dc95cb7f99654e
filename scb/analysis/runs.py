"""Tables of a run as values of replicates and steps.

No replicate is ever left out. Those whose Stage 1 ended on the paper's side of the sign
symmetry are named (the side is decided before the optimizers part, so that their
comparison stays paired), and a run that diverged counts with the worst value there is
from that step on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scb.learning.tables import CURVES
from scb.store import origin, tables
from scb.store.tables import TableError

Array = NDArray[np.float64]


def worst(metric: str) -> float:
    """What a diverged run counts as: infinitely far, or infinitely wrong."""
    return -np.inf if metric.endswith(("signal", "similarity")) else np.inf


@dataclass(frozen=True)
class Run:
    """Curves of all optimizers and replicates of one experiment, Stage 1 included.

    Attributes
    ----------
    path : Path
        The (last) table read, named in faults.
    frame : DataFrame
        Rows of `scb.learning.tables.CURVES`, with ``excess_loss`` (test loss above the Bayes loss)
        and ``normalised_excess_loss`` as further metrics.
    setting : dict
        The setting stored with the tables.
    """

    path: Path
    frame: pd.DataFrame
    setting: dict[str, Any]

    @classmethod
    def read(cls, *paths: Path) -> "Run":
        """Read one table of curves, or Stage 1 and the optimizers after it.

        Raises
        ------
        TableError
            If a table cannot be read or has a row twice, or if the tables' replicates differ.
        ValueError
            If they are of another seed or of other tasks.
        """
        origin.compare({str(place): path for place, path in enumerate(paths)}, tables.origin_of)
        frames = [tables.read(path, CURVES) for path in paths]
        for path, frame in zip(paths, frames, strict=True):
            if set(frame["replicate"]) != set(frames[0]["replicate"]) or frame.empty:
                raise TableError(f"{path}: its replicates are not those of {paths[0]}")
            if frame.duplicated(["optimizer", "replicate", "step"]).any():
                raise TableError(f"{path}: some of its rows are there twice")
        setting = {key: entry for path in paths for key, entry in tables.setting(path).items()}
        return cls.of(pd.concat(frames, ignore_index=True), paths[-1], setting)

    @classmethod
    def of(cls, frame: pd.DataFrame, path: Path, setting: dict[str, Any]) -> "Run":
        """The run of rows of `CURVES`, which come from or go to ``path``."""
        losses = {
            f"{prefix}excess_loss": frame[f"{prefix}test_loss"] - frame["bayes_loss"]
            for prefix in ("", "normalised_")
            if f"{prefix}test_loss" in frame
        }
        return cls(path, frame.assign(**losses), setting)

    def __getitem__(self, key: str) -> Any:
        """One entry of the setting."""
        if key not in self.setting:
            raise TableError(f"{self.path}: the setting stored with it lacks {key!r}")
        return self.setting[key]

    @cached_property
    def replicates(self) -> list[int]:
        """All replicates."""
        return sorted(set(self.frame["replicate"]))

    @cached_property
    def optimizers(self) -> list[str]:
        """Names of the optimizers; ``boost`` is Stage 1."""
        return sorted(set(self.frame["optimizer"]))

    @cached_property
    def positive_after_boost(self) -> list[int]:
        """Replicates with both signals positive at the end of Stage 1; all, if there is none."""
        return self.positive("boost") if self.staged else self.replicates

    @cached_property
    def others(self) -> list[int]:
        """The replicates that are not `positive_after_boost`."""
        return [r for r in self.replicates if r not in self.positive_after_boost]

    @cached_property
    def staged(self) -> bool:
        """Whether a Stage 1 comes before the optimizers."""
        return bool((self.frame["optimizer"] == "boost").any())

    @cached_property
    def switch(self) -> int:
        """The last step of Stage 1."""
        return int(self._rows("boost")["step"].max())

    @cached_property
    def last(self) -> int:
        """The last step."""
        return int(self.frame["step"].max())

    def positive(self, optimizer: str) -> list[int]:
        """Replicates whose last row of ``optimizer`` has both signals positive."""
        last = self._rows(optimizer).sort_values("step").groupby("replicate").tail(1)
        both = (last["value_signal"] > 0) & (last["attention_signal"] > 0)
        return sorted(last["replicate"][both])

    def divergence(self, optimizer: str) -> dict[int, int]:
        """The step at which each diverged replicate of ``optimizer`` was found so."""
        rows = self._rows(optimizer)
        return rows[rows["diverged"]].groupby("replicate")["step"].min().to_dict()

    def values(
        self, optimizer: str, metric: str, replicates: Sequence[int]
    ) -> tuple[NDArray[np.int64], Array]:
        """Logged steps, shape (S,), and a metric, shape (R, S), `worst` once diverged."""
        grid = self._grid(optimizer)
        if metric not in grid.rows:
            raise TableError(f"{self.path}: no column {metric!r}")
        found = np.full(grid.dead.shape, np.nan)
        found[grid.places] = grid.rows[metric]
        found[grid.dead] = worst(metric)
        some = grid.replicates.get_indexer(list(replicates))
        found = np.where((some < 0)[:, None], np.nan, found[some])  # (R, S)
        if np.isnan(found).any():
            raise TableError(f"{self.path}: {metric} of {optimizer} is missing before divergence")
        return grid.steps, found

    def _grid(self, optimizer: str) -> "_Grid":
        """The rows of an optimizer, with their places in a grid, which all of its metrics share."""
        if optimizer not in self._grids:
            rows = self._rows(optimizer)
            dead = rows.set_index(["replicate", "step"])["diverged"].unstack().astype("boolean")
            places = (
                dead.index.get_indexer(rows["replicate"]),
                dead.columns.get_indexer(rows["step"]),
            )
            self._grids[optimizer] = _Grid(
                rows,
                places,
                dead.index,
                dead.columns.to_numpy(np.int64),
                dead.ffill(axis=1).fillna(False).to_numpy(bool),
            )
        return self._grids[optimizer]

    @cached_property
    def _grids(self) -> dict[str, "_Grid"]:
        return {}

    def ends(self, optimizer: str, metric: str) -> Array:
        """A metric at the last step of the replicates `positive_after_boost`, shape (R,)."""
        return self.values(optimizer, metric, self.positive_after_boost)[1][:, -1]

    def _rows(self, optimizer: str) -> pd.DataFrame:
        rows = self.frame[self.frame["optimizer"] == optimizer]
        if rows.empty:
            raise TableError(f"{self.path}: no rows of optimizer {optimizer!r}")
        return rows


class _Grid(NamedTuple):
    """Rows of one optimizer as a grid of replicates and steps.

    Attributes
    ----------
    rows : DataFrame
    places : two arrays of int
        Row and column of each of them.
    replicates : Index of length R
    steps : array, shape (S,)
    dead : array of bool, shape (R, S)
        From divergence on.
    """

    rows: pd.DataFrame
    places: tuple[NDArray[np.intp], NDArray[np.intp]]
    replicates: pd.Index
    steps: NDArray[np.int64]
    dead: NDArray[np.bool_]
