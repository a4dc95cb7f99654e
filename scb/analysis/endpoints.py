"""What the claims read of every run: a few numbers, fixed before any run is judged.

An endpoint is ``WHEN_METRIC``, such as ``last_attention_distance``. The metric is one of
`scb.learning.metrics.METRICS`, perhaps ``normalised_``, or the ``excess_loss`` of `Run`. The steps
are those of one optimizer, which begin at the end of Stage 1. *When* is

- ``start``, ``midway``, ``last``: its first step (after the opening threshold), the one nearest to
  the middle of its steps, its last;
- ``least``, ``largest``: over its steps;
- ``stopped``: where its test loss is least, the first of equal ones. Early stopping by test loss
  needs no knowledge of the ground truth.

A run that diverged has the worst value there is, infinite, from that step on. So no endpoint is
missing but ``path_deviation`` where no path is given.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scb.analysis.runs import Array, Run

_WHEN: dict[str, tuple[str, ...]] = {
    "start": ("attention_error",),
    "midway": ("attention_error", "normalised_attention_similarity"),
    "last": (
        "value_signal",
        "attention_signal",
        "attention_error",
        "value_distance",
        "attention_distance",
        "value_similarity",
        "attention_similarity",
        "excess_loss",
        "normalised_value_distance",
        "normalised_attention_distance",
        "normalised_value_similarity",
        "normalised_attention_similarity",
        "normalised_attention_centred_similarity",
    ),
    "least": ("attention_distance", "excess_loss"),
    "largest": ("value_error", "attention_error"),
    "stopped": (
        "value_distance",
        "attention_distance",
        "normalised_value_distance",
        "normalised_attention_distance",
    ),
}

BOOST_SIGNAL = "boost_signal"
"""Of every replicate, ``(alpha_V + alpha_A) / 2`` at the end of Stage 1."""

_METRICS = sorted({metric for metrics in _WHEN.values() for metric in metrics})

PATH_DEVIATION = "path_deviation"
"""Largest distance of a signal from the population path, relative to that path's last value."""

ENDPOINTS = (*(f"{when}_{name}" for when, names in _WHEN.items() for name in names), PATH_DEVIATION)
"""Of every optimizer and replicate."""

SCALES = ("value_scale", "attention_scale", "loss_scale")
"""Of every replicate, ``|V - P|_mu``, ``|A - Q|_mu`` and the excess loss of knowing nothing: of the
first iterate, ``V = mu 1^T`` and ``A = 1 1^T / T``. The first two are sqrt(K_P) and sqrt(K_Q)."""


PARTS = ("value", "attention")
"""The order of the two signals in a path."""


@dataclass(frozen=True)
class Endpoints:
    """The endpoints of the optimizers of one experiment, in pairs.

    There are two ways to have them: `of` a `Run`, or from a table that holds them.

    Attributes
    ----------
    frame : DataFrame
        A row per optimizer and replicate: ``optimizer``, ``replicate``, ``positive`` (both signals
        are at the end of Stage 1), `BOOST_SIGNAL`, then `SCALES` and `ENDPOINTS`. Further columns
        do no harm. Every optimizer has the same replicates.
    section : str
        The section of config.yaml that says how many replicates there are, if it is one.
    """

    frame: pd.DataFrame
    section: str = ""

    def renamed(self, names: Mapping[str, str]) -> "Endpoints":
        """With optimizers under other names; one that had a new name before is left out."""
        gone = set(names.values()) - set(names)
        rows = self.frame[~self.frame["optimizer"].isin(gone)]
        return Endpoints(rows.assign(optimizer=rows["optimizer"].replace(names)), self.section)

    @classmethod
    def of(
        cls, run: Run, paths: Mapping[str, Array] | None = None, section: str = ""
    ) -> "Endpoints":
        """Read them off the curves.

        Parameters
        ----------
        run : Run
            Of Stage 1 and optimizers after it, or of optimizers alone: their first step is then
            the start, and all replicates count as positive.
        paths : mapping of array of shape (steps + 1, 2, R), optional
            By optimizer, ``(alpha_V, alpha_A)`` of `scb.theory.population.trajectory` at each step
            from its first to its last.
        section : str
            As the attribute.
        """
        paths = paths or {}
        every = run.replicates
        positive = np.isin(every, run.positive_after_boost)
        frames = []
        for name in run.optimizers:
            if name == "boost":
                continue
            first = "boost" if run.staged else name
            columns: dict[str, Array] = {
                scale: run.values(first, metric, every)[1][:, 0]
                for scale, metric in zip(
                    SCALES, ("value_distance", "attention_distance", "excess_loss"), strict=True
                )
            }
            value, attention = (run.values(first, f"{part}_signal", every)[1] for part in PARTS)
            # Without a Stage 1 the end of it is the start.
            columns[BOOST_SIGNAL] = (value + attention)[:, -1 if run.staged else 0] / 2
            read = {metric: run.values(name, metric, every) for metric in _METRICS}
            steps, losses = read["excess_loss"]  # (S,), (R, S)
            stop = losses.argmin(axis=1)  # (R,)
            for when, metrics in _WHEN.items():
                for metric in metrics:
                    columns[f"{when}_{metric}"] = _pick(when, steps, read[metric][1], stop)
            columns[PATH_DEVIATION] = (
                _deviation(run, name, paths[name]) if name in paths else np.full(len(every), np.nan)
            )
            frames.append(
                pd.DataFrame(
                    {"optimizer": name, "replicate": every, "positive": positive} | columns
                )
            )
        return cls(pd.concat(frames, ignore_index=True), section)

    def __call__(self, optimizer: str, endpoint: str) -> Array:
        """An endpoint of all replicates, shape (R,), in the order of `replicates`.

        Raises
        ------
        ValueError
            If the optimizer is not there, or a value is missing.
        """
        if optimizer not in self._rows:
            raise ValueError(f"there are no endpoints of optimizer {optimizer!r}")
        values = self._rows[optimizer][endpoint].to_numpy(np.float64)
        if np.isnan(values).any():
            raise ValueError(f"{endpoint} of {optimizer} is missing in some replicates")
        return values

    @cached_property
    def _rows(self) -> dict[str, pd.DataFrame]:
        """Of each optimizer, in the order of `replicates`."""
        ordered = self.frame.sort_values("replicate")
        return {str(name): rows for name, rows in ordered.groupby("optimizer")}

    @cached_property
    def optimizers(self) -> list[str]:
        """Names of the optimizers."""
        return sorted(set(self.frame["optimizer"]))

    @cached_property
    def _replicate(self) -> pd.DataFrame:
        """What holds of a replicate under every optimizer."""
        return self.frame.drop_duplicates("replicate").sort_values("replicate")

    @cached_property
    def replicates(self) -> NDArray[np.int64]:
        """Shape (R,), ascending."""
        return self._replicate["replicate"].to_numpy(np.int64)

    @cached_property
    def positive(self) -> NDArray[np.bool_]:
        """Replicates with both signals positive at the end of Stage 1, shape (R,)."""
        return self._replicate["positive"].to_numpy(np.bool_)

    @cached_property
    def boost_signal(self) -> Array:
        """`BOOST_SIGNAL`, shape (R,)."""
        return self._replicate[BOOST_SIGNAL].to_numpy(np.float64)

    def scale(self, part: str) -> Array:
        """What knowing nothing costs in ``value``, ``attention`` or ``loss``, shape (R,)."""
        return self._replicate[f"{part}_scale"].to_numpy(np.float64)


def deviation(
    curve: tuple[NDArray[np.int64], Array], path: tuple[NDArray[np.int64], Array]
) -> Array:
    """Largest distance from a path at their common steps, relative to the path's last value.

    Parameters
    ----------
    curve, path : (steps of shape (S,), values of shape (R, S))

    Returns
    -------
    array of shape (R,)
        Infinite where both diverge, as nothing is near there.
    """
    _, mine, its = np.intersect1d(curve[0], path[0], return_indices=True)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        away = np.abs(curve[1][:, mine] - path[1][:, its]).max(axis=1)
        found = away / np.abs(path[1][:, -1])
    return np.where(np.isnan(found), np.inf, found)


def _deviation(run: Run, optimizer: str, path: Array) -> Array:
    """`PATH_DEVIATION` of an optimizer, the larger of the two signals'."""
    curves = [run.values(optimizer, f"{part}_signal", run.replicates) for part in PARTS]
    every = curves[0][0][0] + np.arange(len(path))
    return np.maximum(*(deviation(curve, (every, path[:, i].T)) for i, curve in enumerate(curves)))


def _pick(when: str, steps: NDArray[np.int64], curve: Array, stop: NDArray[np.intp]) -> Array:
    """The values of a curve, shape (R, S), at ``when``: shape (R,)."""
    match when:
        case "start":
            return curve[:, 0]
        case "midway":
            return curve[:, int(np.abs(steps - (steps[0] + steps[-1]) / 2).argmin())]
        case "last":
            return curve[:, -1]
        case "least":
            return curve.min(axis=1)
        case "largest":
            return curve.max(axis=1)
        case _:
            return curve[np.arange(len(curve)), stop]
