"""Plot of the benchmark: time per token against T, N, B and R."""

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from scb.figures.style import Look, entry, footer, panels

SWEEPS = {
    "length": "sequence length $T$ (tokens)",
    "states": "vocabulary $N$ (states)",
    "batch": "batch $B$ (samples)",
    "replicates": "replicates $R$",
}
LOOKS = {
    "seconds": Look("this project", "#0173b2"),
    "naive_seconds": Look("straightforward PyTorch", "#d55e00"),
}
ALONE, ALL = "-", (0, (4, 1.2))
MARKERS = ("o", "s", "^", "D")
SIZE = 3.0


def draw(results: dict[str, Any]) -> Figure:
    """A panel for each sweep, from what the benchmark wrote to JSON."""
    figure, axes = panels(2, 2, 4.2, sharey=True)
    centre, device = results["centre"], results["device"]
    for ax, (name, text) in zip(axes.flat, SWEEPS.items(), strict=True):
        # The sweep of N has one line; the others one for each N around which they go.
        around = [None] if name == "states" else centre["states"]
        for marker, states in zip(MARKERS, around, strict=False):
            fixed = {key: centre[key] for key in SWEEPS if key not in (name, "states")}
            fixed |= {} if states is None else {"states": states}
            for threads in sorted({1, device["threads"]}):
                rows = [
                    row
                    for row in results["seconds_per_step"]
                    if all(row[key] == value for key, value in fixed.items())
                    and row["threads"] == threads
                ]
                _draw_sweep(
                    ax, name, rows, marker if states else "v", ALONE if threads == 1 else ALL
                )
        ax.set(xscale="log", yscale="log", xlabel=text)
        ax.xaxis.set_minor_locator(NullLocator())
        ticks = sorted({row[name] for row in results["seconds_per_step"]})
        ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    for ax in axes[:, 0]:
        ax.set_ylabel("time of a training step\nper context token (ns)")
    footer(figure, _legend(centre["states"], device["threads"]), _caption(results))
    return figure


def _draw_sweep(ax: Axes, name: str, rows: list[dict[str, Any]], marker: str, dashes: Any) -> None:
    for key, look in LOOKS.items():
        points = sorted((row for row in rows if row[key]), key=lambda row: row[name])
        if not points:
            continue
        tokens = np.array([row["length"] * row["batch"] * row["replicates"] for row in points])
        low, median, high = (
            np.array([row[key][which] for row in points]) * 1e9 / tokens
            for which in ("lower_quartile", "median", "upper_quartile")
        )
        ax.errorbar(
            [row[name] for row in points],
            median,
            yerr=(median - low, high - median),
            color=look.colour,
            ls=dashes,
            marker=marker,
            ms=SIZE,
            elinewidth=0.7,
        )


def _legend(states: list[int], threads: int) -> list[Artist]:
    artists: list[Artist] = [entry(look.name, color=look.colour) for look in LOOKS.values()]
    artists.append(entry("one thread", color="0.3", ls=ALONE))
    if threads > 1:
        artists.append(entry(f"{threads} threads", color="0.3", ls=ALL))
    for marker, number in zip(MARKERS, states, strict=False):
        artists.append(entry(f"$N={number}$", color="0.3", marker=marker, ms=SIZE, ls="none"))
    return artists


def _caption(results: dict[str, Any]) -> str:
    centre, versions = results["centre"], results["versions"]
    return (
        "A training step: generation of the samples, forward, adjoint, steps on $V$ and $A$. "
        f"Where not swept, $T={centre['length']}$, $B={centre['batch']}$, "
        f"$R={centre['replicates']}$. Median and quartiles of measurements that alternate. "
        "Time per token $=$ time of a step $/\\,(R\\,B\\,T)$; the straightforward PyTorch takes "
        "replicates one after the other, and is left out where its time or memory is too large. "
        f"{results['device']['model']}, torch {versions['torch']}, numba {versions['numba']}."
    )
