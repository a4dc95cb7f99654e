"""Plot of the benchmark: time per token against T, N, B and R, and of all programs against N."""

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
RIVALS = {
    "torch.compile, one-hot": Look("torch.compile, one-hot", "#cc78bc"),
    "torch.compile, closed form": Look("torch.compile, closed form", "#029e73"),
    "JAX jit, closed form": Look("JAX jit, closed form", "#de8f05"),
    "Numba, plain loops": Look("Numba, plain loops", "#ca9161"),
    "C": Look("C, the same tokens", "0.15"),
}
"""Programs that are measured at some N only, by name; torch and ours are drawn by the sweeps."""
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
        if name == "states":
            _draw_rivals(ax, results["against_rivals"])
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
        _draw_line(ax, name, points, key, color=look.colour, ls=dashes, marker=marker)


def _draw_rivals(ax: Axes, rows: list[dict[str, Any]]) -> None:
    for program, look in RIVALS.items():
        points = [
            row
            for row in rows
            if row["program"] == program and row["replicates"] == 1 and "seconds" in row
        ]
        _draw_line(ax, "states", points, "seconds", color=look.colour, ls=ALONE, marker="v")


def _draw_line(ax: Axes, name: str, points: list[dict[str, Any]], key: str, **look: Any) -> None:
    """Median and quartiles, in nanoseconds a token."""
    if not points:
        return
    tokens = np.array([row["length"] * row["batch"] * row["replicates"] for row in points])
    low, median, high = (
        np.array([row[key][which] for row in points]) * 1e9 / tokens
        for which in ("lower_quartile", "median", "upper_quartile")
    )
    places, errors = [row[name] for row in points], (median - low, high - median)
    ax.errorbar(places, median, yerr=errors, ms=SIZE, elinewidth=0.7, **look)


def _legend(states: list[int], threads: int) -> list[Artist]:
    looks = (*LOOKS.values(), *RIVALS.values())
    artists: list[Artist] = [entry(look.name, color=look.colour) for look in looks]
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
        "Other programs are timed at some $N$ only, in process time. "
        f"{results['device']['model']}, torch {versions['torch']}, numba {versions['numba']}."
    )
