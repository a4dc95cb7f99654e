"""Batches that Stage 1 needs to end with the right sign, and the odds of that over N, eta and B."""

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scb.analysis.tables import EXPONENTS, STAGE1_BATCHES, STAGE1_ODDS, STAGE1_PROBABILITIES
from scb.figures import style
from scb.figures.drawing import drawing
from scb.store import tables

MUS = {"uniform": r"uniform $\mu$", "drawn": r"drawn $\mu$"}
RATE_COLOURS = ("#0173b2", "#d55e00")
MARKERS = ("o", "s")
CLOSED_FORM = (0, (3, 1.2))
WITHOUT_FEEDBACK = (0, (1, 1))
BATCH_COLOURS = ("#0173b2", "#029e73", "#d55e00", "#cc78bc")
BATCH_MARKERS = "o^sD"
BOUND: Any = {"color": "0.45", "lw": 0.9, "ls": (0, (1, 1.2))}


@drawing
def draw(probabilities: Path, batches: Path, exponents: Path, odds: list[Path]) -> Figure:
    """Draw the chance of the right sign against B, the B at which it is 90%, and it against eta."""
    chances = tables.read(probabilities, STAGE1_PROBABILITIES)
    required = tables.read(batches, STAGE1_BATCHES)
    laws = tables.read(exponents, EXPONENTS)
    setting = tables.setting(probabilities)
    rates = sorted(set(chances["rate"]))
    mus = [mu for mu in MUS if mu in set(chances["stationary"])]
    lengths = sorted(set(chances["length"]))
    shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(lengths)))
    colours = dict(zip(lengths, shades, strict=True))

    shares = pd.concat([tables.read(path, STAGE1_ODDS) for path in odds])
    shares = shares.sort_values(["states", "batch", "rate"])
    columns = max(len(rates) + 1, len(odds))
    figure, axes = style.panels(len(mus) + 1, columns, height=2.1 * (len(mus) + 1))
    for ax in axes.flat:
        ax.set_visible(False)
    for row, mu in zip(axes[:-1], mus, strict=True):
        row = row[: len(rates) + 1]
        for ax in row:
            ax.set_visible(True)
        for ax, rate in zip(row, rates, strict=False):
            cells = chances[(chances["stationary"] == mu) & (chances["rate"] == rate)]
            draw_chances(ax, cells, colours)
            ax.set_title(rf"{MUS[mu]}, $\eta={style.number(rate)}$")
        draw_required(row[-1], required[required["stationary"] == mu])
        row[-1].set_title(MUS[mu])
        row[0].set_ylabel("probability of the right sign")
    for ax in axes[-2, : len(rates)]:
        ax.set_xlabel("batch size $B$")
    axes[-2, len(rates)].set_xlabel("length $T$")
    looks = dict(zip(sorted(set(shares["batch"])), cycle(BATCH_COLOURS), strict=False))
    for ax, (states, some) in zip(axes[-1], shares.groupby("states"), strict=False):
        ax.set_visible(True)
        draw_odds(ax, some, looks)
        ax.set_title(f"$N={states}$")
    axes[-1, 0].set_ylabel("share with two positive signals")
    text = f"{caption(setting, chances, laws)} {told_odds(shares, tables.setting(odds[0]))}"
    style.footer(figure, legend(colours, rates, looks), text, columns=5)
    return figure


def draw_chances(ax: Axes, cells: pd.DataFrame, colours: dict[int, np.ndarray]) -> None:
    """Measured shares with their intervals, and the closed form, a colour for each T."""
    for length, cell in cells.groupby("length"):
        share = cell["right"] / cell["runs"]
        spread = np.abs(cell[["low", "high"]].to_numpy().T - share.to_numpy())
        look: Any = {"color": colours[int(length)], "lw": 0.8}
        ax.errorbar(cell["batch"], share, spread, fmt="o", ms=2.5, elinewidth=0.6, **look)
        ax.plot(cell["batch"], cell["predicted"], ls=CLOSED_FORM, **look)
    for level in (0.5, 0.9):
        ax.axhline(level, color="0.75", lw=0.6, zorder=0)
    ax.set(xscale="log", ylim=(0, 1.03))


def draw_required(ax: Axes, required: pd.DataFrame) -> None:
    """B_90 with its interval against T, the closed form, and the slope of the paper's bound."""
    for place, (_, cell) in enumerate(required.groupby("rate")):
        colour = RATE_COLOURS[place % len(RATE_COLOURS)]
        spread = np.abs(cell[["low", "high"]].to_numpy().T - cell["batch"].to_numpy())
        ax.errorbar(
            cell["length"],
            cell["batch"],
            spread,
            fmt=MARKERS[place % len(MARKERS)],
            ms=3.5,
            color=colour,
            elinewidth=0.8,
        )
        ax.plot(cell["length"], cell["predicted"], color=colour, lw=1, ls=CLOSED_FORM)
    lengths = np.array(sorted(set(required["length"])))
    start = 3 * required.loc[required["length"] == lengths[0], "predicted"].max()
    ax.plot(lengths, start * (lengths / lengths[0]) ** 2, **BOUND)
    ax.set(xscale="log", yscale="log", ylabel="$B_{90}$")
    ax.set_xticks(lengths[::2], [str(length) for length in lengths[::2]])
    ax.minorticks_off()


def draw_odds(ax: Axes, shares: pd.DataFrame, colours: dict[int, str]) -> None:
    """Observed shares against eta with their intervals; predicted with and without feedback."""
    places = list(colours)
    for batch, cell in shares.groupby("batch"):
        place, colour = places.index(batch), colours[int(batch)]
        share = cell["positive"] / cell["runs"]
        spread = np.abs(cell[["low", "high"]].to_numpy().T - share.to_numpy())
        beside = cell["rate"] * 1.05 ** (place - (len(places) - 1) / 2)  # so that bars keep apart
        marker = BATCH_MARKERS[place % len(BATCH_MARKERS)]
        ax.errorbar(beside, share, spread, fmt=marker, ms=3, elinewidth=0.7, color=colour)
        ax.plot(cell["rate"], cell["predicted"], color=colour, lw=1, ls=CLOSED_FORM)
        ax.plot(cell["rate"], cell["without_feedback"], color=colour, lw=0.8, ls=WITHOUT_FEEDBACK)
        ax.axvline(cell["largest"].iloc[0], ymax=0.06, color=colour, lw=1.5)
    ax.axhline(0.5, color="0.75", lw=0.6, zorder=0)
    rates = sorted(set(shares["rate"]))
    ax.set(xscale="log", ylim=(0, 1.03), xlabel=r"$\eta$")
    ax.set_xticks(rates, [style.number(rate) for rate in rates])
    ax.minorticks_off()


def told_odds(shares: pd.DataFrame, setting: dict[str, float]) -> str:
    """What the last row shows."""
    distance, without = (
        float((shares["positive"] / shares["runs"] - shares[name]).abs().mean())
        for name in ("predicted", "without_feedback")
    )
    return (
        f"Last row: $T={setting['length']}$, {shares['runs'].max()} runs a point of "
        f"${setting['growth']:g}/\\eta$ steps; the prediction with the noise in $A$ is off by "
        f"{distance:.2f} on average, without it by {without:.2f}. Ticks: the largest $\\eta$ at "
        "which Stage 1 works."
    )


def legend(
    colours: dict[int, np.ndarray], rates: Sequence[float], batches: dict[int, str]
) -> list[Artist]:
    """Entries of lengths, rates, batches, the closed forms and the bound."""
    artists: list[Artist] = [
        style.entry(f"$T={length}$", color=colour, marker="o", ms=2.5, ls="none")
        for length, colour in colours.items()
    ]
    artists += [
        style.entry(
            rf"$B_{{90}}$, $\eta={style.number(rate)}$",
            color=RATE_COLOURS[place % len(RATE_COLOURS)],
            marker=MARKERS[place % len(MARKERS)],
            ms=3.5,
            ls="none",
        )
        for place, rate in enumerate(rates)
    ]
    artists += [
        style.entry(
            f"$B={batch}$",
            color=colour,
            marker=BATCH_MARKERS[place % len(BATCH_MARKERS)],
            ms=3,
            ls="none",
        )
        for place, (batch, colour) in enumerate(batches.items())
    ]
    artists.append(style.entry("closed form", color="0.3", lw=1, ls=CLOSED_FORM))
    artists.append(
        style.entry("without the noise in $A$", color="0.3", lw=0.8, ls=WITHOUT_FEEDBACK)
    )
    artists.append(style.entry("$T^2$, the paper's bound", **BOUND))
    return artists


def caption(setting: dict[str, float], chances: pd.DataFrame, laws: pd.DataFrame) -> str:
    """What was run, and the exponents."""
    symbols = {"length": "T", "rate": r"\eta"}
    exponents = []
    for mu, kind in laws.groupby("subject", sort=False):
        powers = [
            rf"${symbols[law.variable]}^{{{law.estimate:.2f}}}$ "
            f"({law.low:.2f} to {law.high:.2f}; closed form {law.predicted:.2f})"
            for law in kind.itertuples()
        ]
        exponents.append(f"{mu} $\\mu$: {' and '.join(powers)}")
    unfinished = int(chances["unfinished"].sum())
    return (
        f"$N={setting['states']}$, $Q={setting['sparsity']}$; {chances['runs'].max()} runs a "
        "point, each to the end of Stage 1, where the larger signal reaches $1/(QN)$; bars: 95%. "
        f"$B_{{90}}$, the batch at which 90% end with two positive signals, grows like "
        f"{'; '.join(exponents)} (95% intervals). Runs that did not end: {unfinished} of "
        f"{chances['runs'].sum()}. The height of the bound is arbitrary."
    )


if __name__ == "__main__":
    draw.main()
