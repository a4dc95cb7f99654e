"""Samples that the first stage needs for the right support: softmax and linear attention."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from scb.analysis.shares import SHARE, Growth
from scb.analysis.tables import SOFTMAX_SAMPLES
from scb.figures import style
from scb.figures.drawing import drawing
from scb.figures.softmax import FIRST
from scb.store import tables

MARKERS = dict(zip(FIRST, "osD^", strict=True))
PREDICTED = ("linear", "softmax")
"""What closed forms are drawn of: that of the smaller logit rate is the same but for rounding."""
CLOSED_FORM: Any = {"lw": 1.3, "ls": (0, (1, 1.2))}
BOUND: Any = {"color": "0.45", "lw": 0.9, "ls": (0, (6, 2))}


@drawing
def draw(runs: list[Path]) -> Figure:
    """Draw shares of runs with the right support at two T, and what nine in ten need against T."""
    every = pd.concat([tables.read(path, SOFTMAX_SAMPLES) for path in runs])
    setting = tables.setting(runs[0])
    named = {name: look.name for name, look in FIRST.items()}
    named["softmax_slow"] = f"softmax from scratch, {setting['factor']:g} of it"
    lengths = sorted(set(every["length"]))
    growths = {
        (model, goal): grown(every[every["model"] == model], lengths, goal)
        for model in FIRST
        for goal in ("right", "reached")
    }
    figure, axes = style.panels(1, 3, height=2.3)
    for ax, length in zip(axes[0], (lengths[len(lengths) // 4], lengths[-1]), strict=False):
        draw_shares(ax, every[every["length"] == length])
        ax.set_title(f"$T={length}$")
    axes[0, 0].set_ylabel("share with the right support")
    draw_required(axes[0, 2], every, lengths, growths)
    legend = [
        *(
            style.entry(
                named[name], color=look.colour, ls=look.dashes, marker=MARKERS[name], ms=3.5
            )
            for name, look in FIRST.items()
        ),
        style.entry(
            r"the same, and $\alpha_A\geq0.1$", color="0.3", marker="o", mfc="white", ls="none"
        ),
        style.entry("closed form, linear and softmax", color="0.3", **CLOSED_FORM),
        style.entry("$T^2$, the paper's bound", **BOUND),
    ]
    style.footer(figure, legend, f"{caption(setting, named, growths)} {told_shares(every, named)}")
    return figure


def grown(runs: pd.DataFrame, lengths: list[int], goal: str) -> Growth:
    """Samples with which nine in ten runs of a model get to a goal, at each T."""
    cells = []
    for length in lengths:
        cell = runs[runs["length"] == length]
        wide = cell.pivot(index="samples", columns="replicate", values=goal).sort_index()
        cells.append((wide.index.to_numpy(np.float64), wide.to_numpy(np.bool_)))
    return Growth.of(lengths, cells)


def draw_shares(ax: Axes, runs: pd.DataFrame) -> None:
    """Shares of runs with the right support against samples, and by the closed form."""
    for name, cell in runs.groupby("model"):
        look = FIRST[str(name)]
        share = cell.groupby("samples")[["right", "probability"]].mean()
        marker: Any = {"ls": look.dashes, "marker": MARKERS[str(name)], "ms": 3, "lw": 0.9}
        ax.plot(share.index, share["right"], color=look.colour, **marker)
        if name in PREDICTED:
            ax.plot(share.index, share["probability"], color=look.colour, **CLOSED_FORM)
    for level in (0.5, SHARE):
        ax.axhline(level, color="0.75", lw=0.6, zorder=0)
    ax.set(xscale="log", ylim=(-0.02, 1.03), xlabel="samples, $B$ times steps")
    ax.xaxis.set_minor_formatter(NullFormatter())


def draw_required(
    ax: Axes, runs: pd.DataFrame, lengths: list[int], growths: dict[tuple[str, str], Growth]
) -> None:
    """Samples for nine in ten runs against T, both closed forms, and the paper's slope."""
    for place, (name, look) in enumerate(FIRST.items()):
        beside = np.array(lengths) * 1.06 ** (place - 1.5)  # so that bars keep apart
        found, reached = growths[name, "right"], growths[name, "reached"]
        spread = np.abs(np.stack([found.low, found.high]) - found.counts)
        spread[:, ~np.isfinite(found.counts)] = 0
        look_of: Any = {"color": look.colour, "marker": MARKERS[name]}
        ax.errorbar(beside, found.counts, spread, ms=3.5, elinewidth=0.8, ls="none", **look_of)
        ax.plot(beside, reached.counts, ms=6, mfc="none", mew=0.6, ls="none", **look_of)
        if name in PREDICTED:
            predicted = runs[runs["model"] == name].groupby("length")["predicted"].first()
            ax.plot(predicted.index, predicted, color=look.colour, **CLOSED_FORM)
    ends = np.array([lengths[0], lengths[-1]], np.float64)
    top = runs["samples"].max() * 2
    ax.plot(ends, top * (ends / ends[-1]) ** 2, **BOUND)
    ax.set(xscale="log", yscale="log", xlabel="length $T$", ylabel=f"samples for {SHARE:.0%}")
    ax.set_xticks(lengths, [str(length) for length in lengths])
    ax.minorticks_off()


def caption(
    setting: dict[str, Any], named: dict[str, str], growths: dict[tuple[str, str], Growth]
) -> str:
    """What was run, and the exponents."""
    said = []
    for name in FIRST:
        law = growths[name, "right"]
        power = (
            "not all reached"
            if np.isnan(law.exponent)
            else f"$T^{{{law.exponent:.2f}}}$ ({law.least:.2f} to {law.most:.2f})"
        )
        said.append(f"{named[name]}: {power}")
    return (
        f"$N={setting['states']}$, $Q={setting['sparsity']}$, drawn $\\mu$, "
        f"$\\eta={style.number(setting['rate'])}$; {setting['replicates']} runs a point, each to "
        f"$|\\alpha_A|={setting['level']:g}$ or the end of its samples. Right support: the Q "
        "largest weights of each column are at the pattern. Samples by which "
        f"{SHARE:.0%} find it grow like: {'; '.join(said)} (95% intervals). Bars: 95%. The height "
        "of the bound is arbitrary."
    )


def told_shares(runs: pd.DataFrame, named: dict[str, str]) -> str:
    """How far shares are from the closed form, over all T and batches."""
    said = []
    for name in (*PREDICTED, "softmax_slow"):  # Adam has no closed form
        cells = runs[runs["model"] == name].groupby(["length", "batch"])
        away = (cells["right"].mean() - cells["probability"].mean()).abs().mean()
        said.append(f"{named[name]}: {away:.2f}")
    return f"Shares are off the closed form on average by: {'; '.join(said)}."


if __name__ == "__main__":
    draw.main()
