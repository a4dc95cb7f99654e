"""What lambda does: distances and signals against it, and the window of useful ones."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter, NullLocator

from scb.analysis.tables import EXPONENTS, PENALTIES, WINDOWS
from scb.figures import style
from scb.figures.drawing import drawing
from scb.figures.replicates import Band, worst
from scb.store import tables

ROWS = {
    "attention_distance": r"$\|A-\mathbf{Q}\|_\mu$",
    "value_distance": r"$\|V-P\|_\mu$",
    "signal": "signal",
}
# Looks of the iterate and its normalised solution, and of the two signals.
DISTANCES = {
    "": style.Look("iterate", "#0173b2"),
    "normalised_": style.Look("normalised", "#d55e00", (0, (4, 1.2))),
}
SIGNALS = {
    "attention_signal": style.Look(r"$\alpha_A$", "#029e73"),
    "value_signal": style.Look(r"$\alpha_V$", "#cc78bc", (0, (3, 1, 1, 1))),
}
# Of the sweeps in the panels of windows, in their order.
COLOURS = ("#000000", "#0173b2", "#029e73", "#d55e00", "#cc78bc", "#a6611a", *style.SPARE)
MARKERS = "oos^vD"
LAMBDAS: dict[str, Any] = {
    "printed": {"marker": "|", "ms": 8, "mew": 1.3, "ls": "none", "color": "black"},
    "scaled": {"marker": "x", "ms": 4.5, "mew": 1.2, "ls": "none", "color": "black"},
    "balancing": {
        "marker": "*",
        "ms": 7,
        "mec": "white",
        "mew": 0.4,
        "ls": "none",
        "color": "black",
    },
}
SYMBOLS = {"rate": r"\eta", "batch": "B", "transition_energy": "K_P"}

Settings = dict[str, dict[str, Any]]
"""N, B, eta and so on of each sweep, in their order."""


@drawing
def draw(ends: Path, windows: Path, exponents: Path) -> Figure:
    """Draw the last iterates of each task against lambda, and the windows of all sweeps."""
    last = tables.read(ends, PENALTIES)
    found = tables.read(windows, WINDOWS)
    laws = tables.read(exponents, EXPONENTS)
    stored = tables.setting(ends)
    settings = {name: stored[name] for name in dict.fromkeys(last["sweep"])}
    names = [name for name in settings if not repeats(name, settings)]

    figure = Figure(figsize=(style.WIDTH, 6.2), layout="constrained")
    parts = figure.subfigures(2, 1, height_ratios=(3.9, 2.3), squeeze=False)[:, 0]
    axes = parts[0].subplots(len(ROWS), len(names), sharex=True, sharey="row", squeeze=False)
    for row, metric in zip(axes, ROWS, strict=True):
        row[0].set_ylim(limits(last[last["sweep"].isin(names) & last["positive"]], metric))
    for column, name in zip(axes.T, names, strict=True):
        draw_task(column, last[last["sweep"] == name], marks(found, settings, name))
        setting = settings[name]
        column[0].set_title(
            f"{style.words(name)}\n"
            rf"$N={setting['states']}$, $B={setting['batch']}$, "
            rf"$\eta={style.number(setting['rate'])}$"
            f"\n{setting['steps']} steps"
        )
        column[-1].set_xlabel(r"$\lambda$")
    for ax, label in zip(axes[:, 0], ROWS.values(), strict=True):
        ax.set_ylabel(label)
    bars, scatter = parts[1].subplots(1, 2, width_ratios=(1.3, 1))
    draw_windows(bars, found, settings)
    draw_scatter(scatter, found, settings)
    for ax in (*axes.flat, bars, scatter):
        sns.despine(ax=ax)
    style.footer(figure, legend(), caption(last, names, settings, laws), columns=5)
    return figure


def repeats(name: str, settings: Settings) -> tuple[str, str] | None:
    """The sweep before this one that differs in eta alone or in B alone, and in which of them.

    A sweep that repeats another one so stands in the panels of windows only.
    """
    names = list(settings)
    for other in reversed(names[: names.index(name)]):
        mine, its = settings[name], settings[other]
        differ = [key for key in mine if mine[key] != its[key]]
        if differ in (["rate"], ["batch"]):
            return other, differ[0]
    return None


def label_of(name: str, settings: Settings) -> str:
    """The sweep in words."""
    repeated = repeats(name, settings)
    if repeated is None:
        return style.words(name)
    other, key = repeated
    return f"{style.words(other)}, ${SYMBOLS[key]}={style.number(settings[name][key])}$"


def look_of(place: int) -> dict[str, Any]:
    """Colour and mark of a sweep, by its place."""
    return {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}


def looks_of(metric: str) -> dict[str, style.Look]:
    """The columns of a row of panels, with their looks."""
    if metric == "signal":
        return SIGNALS
    return {f"{prefix}{metric}": look for prefix, look in DISTANCES.items()}


def limits(rows: pd.DataFrame, metric: str) -> tuple[float, float]:
    """Limits that show 0, 1 for a signal, and all that is finite."""
    values = rows[list(looks_of(metric))].to_numpy()
    values = [0.0, *values[np.isfinite(values)], *([1.0] if metric == "signal" else [])]
    margin = 0.05 * (max(values) - min(values)) or 1.0
    return min(values) - margin, max(values) + margin


def marks(found: pd.DataFrame, settings: Settings, name: str) -> dict[str, float]:
    """The printed lambda, that of the first sweep; the one scaled by the theory; the balancing."""
    balancing = found.loc[found["sweep"] == name, "balancing"].median()
    printed = next(iter(settings.values()))["printed"]
    return {"printed": printed, "scaled": settings[name]["printed"], "balancing": balancing}


def draw_task(column: Sequence[Axes], rows: pd.DataFrame, lambdas: dict[str, float]) -> None:
    """Medians and bands of the positive runs of one task against lambda."""
    rows = rows[rows["positive"]]
    penalties = np.array(sorted(set(rows["penalty"])))
    least, most = penalties[penalties > 0][[0, -1]] if len(penalties) > 1 else (1e-6, 1e-3)
    zero = least / 10  # where lambda = 0 is drawn
    places = np.where(penalties > 0, penalties, zero)
    for ax, metric in zip(column, ROWS, strict=True):
        low, high = ax.get_ylim()
        for name, look in looks_of(metric).items():
            if rows.empty:
                continue
            values = rows.pivot(index="replicate", columns="penalty", values=name)
            dead = rows.pivot(index="replicate", columns="penalty", values="diverged")
            band = Band.of(values.mask(dead.astype(bool), worst(name)).to_numpy())
            # A renderer cannot take infinity: what leaves the panel for it leaves this far.
            far = 100 * (high - low)
            lower, middle, upper = (
                np.clip(edge, low - far, high + far) for edge in (band.low, band.middle, band.high)
            )
            ax.fill_between(places, lower, upper, color=look.colour, alpha=style.OPACITY, lw=0)
            ax.plot(places, middle, color=look.colour, ls=look.dashes, marker="o", ms=2)
        ax.set_ylim(low, high)
        if metric == "signal":
            ax.axhline(1, color="0.7", lw=0.6, zorder=0)
        ax.set(xscale="log", xlim=(zero / 1.6, most * 1.6))
        decades = 10.0 ** np.arange(np.ceil(np.log10(least) - 1e-9), np.log10(most) + 1e-9)
        labels = [f"$10^{{{round(np.log10(decade))}}}$" for decade in decades]
        ax.set_xticks([zero, *decades], ["0", *labels])
        ax.xaxis.set_minor_locator(NullLocator())
    ax = column[0]
    for kind, penalty in lambdas.items():
        place = penalty if penalty >= least else zero * 3  # off the axis
        ax.plot(place, 1.0, transform=ax.get_xaxis_transform(), clip_on=False, **LAMBDAS[kind])


def draw_windows(ax: Axes, found: pd.DataFrame, settings: Settings) -> None:
    """A bar from the median low to the median high end of the windows of each sweep."""
    for place, name in enumerate(settings):
        height = len(settings) - 1 - place
        rows = found[(found["sweep"] == name) & found["positive"] & found["low"].notna()]
        if len(rows):
            bar: Any = {"lw": 6, "alpha": 0.45, "solid_capstyle": "butt"}
            low, high = rows["low"].median(), rows["high"].median()
            ax.plot([low, high], [height, height], color=look_of(place)["color"], **bar)
        for kind, penalty in marks(found, settings, name).items():
            ax.plot(penalty, height, **LAMBDAS[kind])
    ax.set(xscale="log", xlabel=r"$\lambda$", ylim=(-0.6, len(settings) - 0.4))
    labels = [label_of(name, settings) for name in reversed(settings)]
    ax.set_yticks(range(len(settings)), labels)
    ax.set_title("useful window")


def draw_scatter(ax: Axes, found: pd.DataFrame, settings: Settings) -> None:
    """The window's low end against the balancing lambda, a mark for each run."""
    rows = found[found["positive"] & found["low"].notna()]
    for place, name in enumerate(settings):
        some = rows[rows["sweep"] == name]
        look: Any = look_of(place) | {"ms": 3, "ls": "none", "mew": 0}
        ax.plot(some["balancing"], some["low"], alpha=0.8, **look)
    ends = found["balancing"].min() / 1.3, found["balancing"].max() * 1.3
    ax.plot(ends, ends, color="0.6", lw=0.8, zorder=0)
    ax.set(
        xscale="log",
        yscale="log",
        xlabel=r"$\lambda$ that balances the noise, closed form",
        ylabel=r"low end of the window",
        title="each run, coloured as left; line: equal",
    )
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_minor_formatter(NullFormatter())


def legend() -> list[Artist]:
    """Entries of the curves, and of the marked penalties."""
    artists: list[Line2D] = [
        style.entry(look.name, color=look.colour, ls=look.dashes, marker="o", ms=2)
        for look in (*DISTANCES.values(), *SIGNALS.values())
    ]
    texts = {
        "printed": r"printed $\lambda$",
        "scaled": r"$\lambda\propto K_P/(Q^2N^3)$",
        "balancing": r"$\lambda$ that balances the noise",
    }
    return [*artists, *(style.entry(text, **LAMBDAS[kind]) for kind, text in texts.items())]


def caption(
    last: pd.DataFrame, names: Sequence[str], settings: Settings, laws: pd.DataFrame
) -> str:
    """How many runs, what a window is, and how it moves."""
    counts = []
    for name in names:
        rows = last[last["sweep"] == name].groupby("replicate")["positive"].first()
        counts.append(f"{int(rows.sum())} of {len(rows)}")
    moves = [
        rf"${SYMBOLS[law.variable]}^{{{law.estimate:.2f}}}$ "
        f"({law.low:.2f} to {law.high:.2f}; closed form {law.predicted:.2f})"
        for law in laws.dropna().itertuples()
    ]
    gone = int(last["diverged"].sum())
    varied = [settings[name]["states"] for name in settings if name not in names]
    at = f"At $N={varied[0]}$ the" if varied else "The"
    return (
        "Last step, from the states after Stage 1; medians and ranges of the runs with "
        rf"$\alpha_V,\alpha_A>0$ there ({', '.join(counts)}); {gone} of all runs diverged. "
        r"A $\lambda$ is useful if it closes half of the gap in $\|A-\mathbf{Q}\|_\mu$ between "
        r"$\lambda=0$ and the best; bars: medians of both ends (at the largest $\lambda$ the sweep "
        f"ends, not the window). {at} low end moves like "
        f"{', '.join(moves) or 'nothing that so few runs tell'} (95% intervals). "
        r"Marks below the least $\lambda$ stand between it and 0."
    )


if __name__ == "__main__":
    draw.main()
