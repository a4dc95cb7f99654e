"""Softmax attention at the size of figure 1: after Stage 1, its own first stage, and one step."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scb.figures import style
from scb.figures.drawing import drawing
from scb.figures.replicates import Band, Run
from scb.learning.tables import ALIKE
from scb.settings.draw import Curves
from scb.store import tables
from scb.theory.tables import WEIGHTS

AFTER = {"attention_signal": "linear", "attention_error": "log", "attention_distance": "linear"}
"""Metrics after Stage 1, and their scales."""

FIRST = {
    "linear": style.LOOKS["linear"],
    "softmax": style.Look("softmax from scratch, matched rate", "#000000", (0, (5, 1.5, 1, 1.5))),
    "softmax_slow": style.Look("softmax from scratch, 1/100 of it", "#117733", (0, (2, 1))),
    "softmax_adam": style.LOOKS["softmax_adam"],
}
CLOSED_FORM: Any = {"color": "0.3", "lw": 1, "ls": (0, (3, 1.2))}
MEASURED: Any = {"color": "#a6611a", "marker": "o", "ms": 2.5}


@drawing
def draw(
    settings: Curves, boost: Path, curves: Path, first: Path, alike: Path, weights: Path
) -> Figure:
    """Draw A after Stage 1; below it both first stages and how a useless weight grows."""
    run, scratch, optimizers = Run.read(boost, curves), Run.read(first), settings.optimizers
    figure, axes = style.panels(2, 3, height=4.2)
    for ax, (metric, scale) in zip(axes[0], AFTER.items(), strict=True):
        style.draw_curves(ax, run, metric, optimizers, scale=scale)
        ax.set_xlabel("step")
    draw_cosines(axes[1, 0], alike)
    style.draw_curves(axes[1, 1], scratch, "attention_error", [*FIRST], scale="log", looks=FIRST)
    axes[1, 1].set_xlabel("step, from scratch")
    draw_growth(axes[1, 2], weights)
    legend = [
        *style.entries([run], optimizers),
        *(
            style.entry(look.name, color=look.colour, ls=look.dashes)
            for look in FIRST.values()
            if look not in style.looks_of(optimizers).values()
        ),
        style.entry("one step, measured", ls="none", **MEASURED),
        style.entry("closed form", **CLOSED_FORM),
    ]
    said = tables.setting(weights)
    caption = (
        f"{style.conditions(run)}. Above, after the linear model's Stage 1. "
        f"{style.counts([run], optimizers)} {style.how_drawn([run])} Below, left and middle: both "
        f"models from scratch, $\\eta={style.number(scratch['rate'])}$, all replicates; the cosine "
        "is that of what A has moved by, with the linear model's. Right: growth of a useless "
        f"position's squared weight in one step of softmax from the end of Stage 1, mean over "
        f"batches and positions of {said['replicates']} replicates."
    )
    style.footer(figure, legend, caption)
    return figure


def draw_cosines(ax: Axes, alike: Path) -> None:
    """Cosine of what A has moved by in the softmax model and in the linear one."""
    table = tables.read(alike, ALIKE)
    for name, rows in table[table["optimizer"] != "softmax_adam"].groupby("optimizer"):
        look = FIRST[str(name)]
        found = rows.pivot(index="replicate", columns="step", values="attention_cosine")
        band = Band.of(found.to_numpy(np.float64))
        ax.fill_between(
            found.columns, band.low, band.high, color=look.colour, alpha=style.OPACITY, lw=0
        )
        ax.plot(found.columns, band.middle, color=look.colour, ls=look.dashes)
    ax.axhline(0, color="0.7", lw=0.6, zorder=0)
    ax.set(xlabel="step, from scratch", ylabel="cosine with the linear model", ylim=(-0.3, 1.05))


def draw_growth(ax: Axes, weights: Path) -> None:
    """Growth of squared weights: measured, with two standard deviations, and by the closed form."""
    table = tables.read(weights, WEIGHTS)
    ax.errorbar(
        table["weight"],
        table["measured"],
        2 * table["deviation"],
        ls="none",
        elinewidth=0.7,
        **MEASURED,
    )
    ax.plot(table["weight"], table["predicted"], **CLOSED_FORM)
    ax.axhline(0, color="0.7", lw=0.6, zorder=0)
    ax.set(
        xscale="log",
        xlabel="weight $a$ of a useless position",
        ylabel=r"growth of $a^2$ in a step",
    )


if __name__ == "__main__":
    draw.main()
