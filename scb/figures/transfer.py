"""Transfer against training from scratch (paper, sections 3 and 4, which show no experiment)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from scb.analysis.scaling import FOUND, PowerLaw, fit_power_law, samples_needed
from scb.figures import style
from scb.figures.drawing import drawing
from scb.figures.replicates import Array, Band
from scb.learning.tables import STARTS, TRANSFER
from scb.store import tables
from scb.store.tables import TableError

SCRATCH = style.Look("from scratch", "#000000", (0, (5, 1.5)))
ZERO = style.Look("correlation 0", "#8a8a00", (0, (1, 1.2)))
NEGATIVE = style.Look("negative", "#b2182b", (0, (3, 1, 1, 1)))
RUN = ["start", "correlation", "length", "replicate"]
FAR = 1e3
"""Where a curve is cut: a renderer cannot take infinity."""
PANELS = (
    ("support", "one_step", "share of the support found"),
    ("normalised", "transfer", r"normalised $\|A-\mathbf{Q}\|_\mu\,/\,\|\mathbf{Q}\|_\mu$"),
    ("value_distance", "transfer", style.label_of("value_distance")),
)
"""Metric, how the transferred runs started, and the name of the axis."""


@dataclass(frozen=True)
class Runs:
    """All runs from one start at one correlation (NaN from scratch)."""

    frame: pd.DataFrame
    look: style.Look

    def curve(self, metric: str, length: int) -> tuple[Array, Array]:
        """Samples, shape (S,), and a metric, shape (R, S), the worst once diverged."""
        rows = self.frame[self.frame["length"] == length]
        grid = rows.pivot(index="replicate", columns="samples", values=metric)
        worst = 0.0 if metric == "support" else np.inf
        return grid.columns.to_numpy(np.float64), grid.fillna(worst).to_numpy(np.float64)

    def mirrored(self, length: int) -> list[int]:
        """Replicates whose last row has a negative alpha_A, or which diverged."""
        last = self.frame[self.frame["length"] == length].sort_values("samples")
        last = last.groupby("replicate").tail(1)
        return sorted(last["replicate"][~(last["attention_signal"] > 0)])

    @cached_property
    def needed(self) -> pd.DataFrame:
        """Samples until the support is found, replicates by T."""
        return samples_needed(self.frame)

    @cached_property
    def law(self) -> PowerLaw:
        """How they grow with T."""
        return fit_power_law(self.needed.columns.to_numpy(np.float64), self.needed)


@dataclass(frozen=True)
class Transfer:
    """The tables of the experiment."""

    frame: pd.DataFrame
    setting: dict[str, Any]

    @classmethod
    def read(cls, paths: Sequence[Path]) -> "Transfer":
        """Read all tables of `scb.learning.tables.TRANSFER`.

        Raises
        ------
        TableError
            If one cannot be read, or if runs of some start are missing.
        """
        frames = [tables.read(path, TRANSFER) for path in paths]
        frame = pd.concat([part.astype({"correlation": float}) for part in frames])
        for start in STARTS:
            if not (frame["start"] == start).any():
                raise TableError(f"{paths[0]}: neither it nor another table has runs of {start}")
        frame["normalised"] = frame["normalised_attention_distance"] / frame["pattern_norm"]
        setting = {key: entry for path in paths for key, entry in tables.setting(path).items()}
        return cls(frame, setting)

    def runs(self, start: str) -> list[Runs]:
        """Runs of a start, by falling correlation."""
        frame = self.frame[self.frame["start"] == start]
        if start == "scratch":
            return [Runs(frame, SCRATCH)]
        found = sorted(set(frame["correlation"]), reverse=True)
        looks = looks_of(found)
        return [Runs(frame[frame["correlation"] == rho], looks[rho]) for rho in found]


def looks_of(correlations: Sequence[float]) -> dict[float, style.Look]:
    """Purple by size where positive, so that no colour is that of an optimizer."""
    positive = sorted((rho for rho in correlations if rho > 0), reverse=True)
    shades = matplotlib.colormaps["Purples_r"](np.linspace(0.0, 0.5, max(len(positive), 2)))
    looks = {}
    for rho in correlations:
        name = f"correlation {style.number(rho)}".replace("-", "\N{MINUS SIGN}")
        if rho > 0:
            shade = matplotlib.colors.to_hex(shades[positive.index(rho)])
            looks[rho] = style.Look(name, shade)
        else:
            kind = NEGATIVE if rho < 0 else ZERO
            looks[rho] = style.Look(name, kind.colour, kind.dashes)
    return looks


@drawing
def draw(curves: list[Path]) -> Figure:
    """Draw curves against samples at one T, and the samples needed against T."""
    transfer = Transfer.read(curves)
    (scratch,) = transfer.runs("scratch")
    shown = transfer.frame[transfer.frame["start"] == "transfer"]
    length = int(shown["length"].iloc[0])
    figure, axes = style.panels(2, 2, height=4.6)
    for ax, (metric, start, label) in zip(axes.flat[:3], PANELS, strict=True):
        for runs in [scratch, *transfer.runs(start)]:
            draw_runs(ax, runs, metric, length)
        ax.set(xlabel="samples", ylabel=label, xscale="log" if metric == "support" else "linear")
    axes[0, 0].axhline(FOUND, **style.SWITCH)
    axes[0, 0].set_ylim(-0.02, 1.02)
    starts = [runs.curve("value_distance", length)[1][:, 0] for runs in transfer.runs("transfer")]
    top = float(np.concatenate(starts).max())
    axes[1, 0].set_ylim(0, 1.3 * top if np.isfinite(top) else FAR)
    for ax in axes.flat[1:3]:
        ax.axvline(transfer.setting["start_samples"], **style.SWITCH)
        ax.set_xlim(0, shown["samples"].max())
    groups = [scratch, *transfer.runs("one_step")]
    places = np.geomspace(0.88, 1.14, len(groups))
    for runs, place in zip(groups, places, strict=True):
        draw_needed(axes[1, 1], runs, place)
    axes[1, 1].set(xlabel="$T$", ylabel="samples to find the support", xscale="log", yscale="log")
    axes[1, 1].yaxis.set_major_locator(LogLocator(10))
    axes[1, 1].yaxis.set_minor_formatter(NullFormatter())
    legend = [
        style.entry(
            runs.look.name + exponent(runs.law), color=runs.look.colour, ls=runs.look.dashes
        )
        for runs in groups
    ]
    marks: dict[str, Any] = {"color": "0.3", "ls": "none", "ms": 4}
    legend.append(style.entry("95% found; end of the one step", **style.SWITCH))
    legend.append(
        style.entry("median not found within the budget", marker="^", mfc="none", **marks)
    )
    style.footer(figure, legend, caption(transfer, groups, length), columns=2)
    return figure


def draw_runs(ax: Axes, runs: Runs, metric: str, length: int) -> None:
    """Median and band of one metric: of all replicates if it knows no sign, else of those
    that ended with alpha_A > 0, each of the others dotted."""
    samples, values = runs.curve(metric, length)
    values = np.minimum(values, FAR)
    others = np.zeros(len(values), bool)
    if metric != "support":
        others[runs.mirrored(length)] = True
    for other in values[others]:
        ax.plot(samples, other, color=runs.look.colour, **style.OTHER)
    if others.all():
        return
    band, look = Band.of(values[~others]), runs.look
    ax.fill_between(
        samples, band.low, band.high, color=look.colour, alpha=style.OPACITY, lw=0, zorder=2
    )
    for edge in (band.low, band.high):
        ax.plot(samples, edge, color=look.colour, lw=0.5, alpha=0.7, ls=look.dashes, zorder=2)
    ax.plot(samples, band.middle, color=look.colour, ls=look.dashes, zorder=3)


def draw_needed(ax: Axes, runs: Runs, place: float) -> None:
    """Medians with the range of the replicates, side by side, and the fitted power law."""
    needed, law, look = runs.needed, runs.law, runs.look
    lengths = needed.columns.to_numpy(np.float64)
    budget = runs.frame.groupby("length")["samples"].max()
    for length, median, most in zip(lengths, law.medians, budget, strict=True):
        values = needed[length].dropna().to_numpy()
        at = length * place
        low, high = min(values.min(), most), min(values.max(), most)
        ax.plot([at, at], [low, high], color=look.colour, lw=0.8, zorder=2)
        mark: Any = {"marker": "o"} if np.isfinite(median) else {"marker": "^", "mfc": "none"}
        ax.plot(at, min(median, most), color=look.colour, ms=4, ls="none", zorder=4, **mark)
    if np.isfinite(law.exponent):
        ax.plot(lengths * place, law(lengths), color=look.colour, ls=look.dashes, zorder=3)


def exponent(law: PowerLaw) -> str:
    """The fitted exponent, for the legend."""
    if not np.isfinite(law.exponent):
        return ": not found"
    low, high = (two_digits(end) for end in (law.low, law.high))
    return rf": $T^{{{two_digits(law.exponent)}}}$, 95% [${low}$, ${high}$]"


def two_digits(value: float) -> str:
    """A number for mathtext, infinity included; no minus before zero."""
    if not np.isfinite(value):
        return r"\infty" if value > 0 else r"-\infty"
    return f"{round(value, 2) + 0.0:.2f}"


def caption(transfer: Transfer, groups: Sequence[Runs], length: int) -> str:
    """Conditions, and how many replicates were run, were censored and diverged."""
    setting = transfer.setting
    counts = groups[0].law.replicates
    lengths = [style.number(int(size)) for size in groups[0].needed.columns]
    run = ", ".join(f"{n} at {size}" for n, size in zip(counts, lengths, strict=True))
    censored = "; ".join(
        f"{runs.look.name} {', '.join(map(str, runs.law.censored))}"
        for runs in groups
        if any(runs.law.censored)
    )
    shown = [*transfer.runs("scratch"), *transfer.runs("transfer")]
    positive = ", ".join(
        f"{len(counted) - len(runs.mirrored(length))} of {len(counted)} {runs.look.name}"
        for runs in shown
        for counted in [set(runs.frame["replicate"][runs.frame["length"] == length])]
    )
    gone = transfer.frame.groupby(RUN, dropna=False)["diverged"].any()
    diverged = f" Diverged: {gone.sum()} of {len(gone)} runs." if gone.any() else ""
    states, batch, mixing = (style.number(setting[key]) for key in ("states", "batch", "mixing"))
    return (
        rf"$N={states}$, $B={batch}$, $\theta={mixing}$; curves at $T={style.number(length)}$. "
        "Support: of $A$ from scratch and of the one step, by size, of all replicates. The next "
        "two panels: the one step with its threshold, then Stage 2; replicates that ended with "
        rf"$\alpha_A>0$ ({positive}), each of the others dotted. "
        f"Replicates in the last panel: {run}; support not found: {censored or 'none'}. "
        "Curves and bands: median and central 95% (the range, below 40); bars: range."
        f"{diverged}"
    )


if __name__ == "__main__":
    draw.main()
