"""Batches that Stage 1 needs to end with the right sign, against T and eta."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scb.analysis.tables import EXPONENTS, STAGE1_BATCHES, STAGE1_PROBABILITIES
from scb.figures import style
from scb.figures.drawing import drawing
from scb.store import tables

MUS = {"uniform": r"uniform $\mu$", "drawn": r"drawn $\mu$"}
RATE_COLOURS = ("#0173b2", "#d55e00")
MARKERS = ("o", "s")
CLOSED_FORM = (0, (3, 1.2))
BOUND: Any = {"color": "0.45", "lw": 0.9, "ls": (0, (1, 1.2))}


@drawing
def draw(probabilities: Path, batches: Path, exponents: Path) -> Figure:
    """Draw the chance of the right sign against B, and the batch at which it is 90%."""
    chances = tables.read(probabilities, STAGE1_PROBABILITIES)
    required = tables.read(batches, STAGE1_BATCHES)
    laws = tables.read(exponents, EXPONENTS)
    setting = tables.setting(probabilities)
    rates = sorted(set(chances["rate"]))
    mus = [mu for mu in MUS if mu in set(chances["stationary"])]
    lengths = sorted(set(chances["length"]))
    shades = matplotlib.colormaps["viridis"](np.linspace(0, 0.9, len(lengths)))
    colours = dict(zip(lengths, shades, strict=True))

    figure, axes = style.panels(
        len(mus), len(rates) + 1, height=2.1 * len(mus), width_ratios=[1] * len(rates) + [1.25]
    )
    for row, mu in zip(axes, mus, strict=True):
        for ax, rate in zip(row, rates, strict=False):
            cells = chances[(chances["stationary"] == mu) & (chances["rate"] == rate)]
            draw_chances(ax, cells, colours)
            ax.set_title(rf"{MUS[mu]}, $\eta={style.number(rate)}$")
        draw_required(row[-1], required[required["stationary"] == mu])
        row[-1].set_title(MUS[mu])
        row[0].set_ylabel("probability of the right sign")
    for ax in axes[-1]:
        ax.set_xlabel("batch size $B$")
    axes[-1, -1].set_xlabel("length $T$")
    style.footer(figure, legend(colours, rates), caption(setting, chances, laws), columns=5)
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


def legend(colours: dict[int, np.ndarray], rates: Sequence[float]) -> list[Artist]:
    """Entries of lengths, rates, the closed form and the bound."""
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
    artists.append(style.entry("closed form", color="0.3", lw=1, ls=CLOSED_FORM))
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
