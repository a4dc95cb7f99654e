"""Figure 3: signals and errors of A and V against the step (paper, section 5)."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from scb.data.tables import TASKS
from scb.figures import style
from scb.figures.drawing import drawing
from scb.figures.replicates import Array, Run
from scb.settings.draw import Curves
from scb.store import tables
from scb.theory.path import signals

PRINTED = 0.1
"""Both signals at the end of Stage 1 in the paper's single run."""


@drawing
def draw(settings: Curves, tasks: Path, boost: Path, curves: Path) -> Figure:
    """Draw alpha_V and alpha_A above |Delta_V|_mu and |Delta_A|_mu."""
    run, optimizers = Run.read(boost, curves), settings.optimizers
    path, printed = (
        style.LOOKS["population"],
        style.entry(f"the paper's single run, {PRINTED:g}", **style.PRINTED),
    )
    figure, axes = style.panels(2, 2, height=3.8, sharex=True, sharey="row")
    for row, kind, scale in zip(axes, ("signal", "error"), ("linear", "log"), strict=True):
        for ax, matrix in zip(row, ("value", "attention"), strict=True):
            style.draw_curves(ax, run, f"{matrix}_{kind}", optimizers, scale=scale)
    for ax, signal in zip(axes[0], population_path(run, tasks, optimizers[0]), strict=True):
        ax.axhline(1, color="0.7", lw=0.6, zorder=0)  # the ground truth
        ax.plot(signal, color=path.colour, ls=path.dashes, lw=1, zorder=4)
        ax.plot(run.switch, PRINTED, **style.PRINTED)
    for ax in axes[1]:
        ax.set_xlabel("step")
    legend = [
        *style.entries([run], optimizers),
        style.entry(path.name, color=path.colour, ls=path.dashes, lw=1),
        printed,
    ]
    caption = (
        f"{style.conditions(run)}. {style.counts([run], optimizers)} {style.how_drawn([run])} "
        rf"The population path, free of noise, is at the rates of {style.name_of(optimizers[0])}."
    )
    style.footer(figure, legend, caption)
    return figure


def population_path(run: Run, tasks: Path, optimizer: str) -> Array:
    """Both signals without noise at every step, median over the runs' tasks, shape (2, S)."""
    frame = tables.read(tasks, TASKS)
    frame = frame[frame["replicate"].isin(run.positive_after_boost or run.replicates)]
    mu, length = frame["stationary"], frame["length"].iloc[0]
    columns = {name: frame[name].map(np.square).map(np.sum) for name in ("transition", "weights")}
    sums = (mu * columns["transition"] - mu**2, mu * (columns["weights"] - 1 / length))
    value, attention = (
        part.groupby(frame["replicate"]).sum().to_numpy(np.float64) for part in sums
    )  # K_P and K_Q, (R,)
    spec = run["optimizers"][optimizer]
    stages = (
        (run["boost_rate"], run["boost_scaled"], run.switch),
        (spec["rate"], spec.get("scaled", False), run.last - run.switch),
    )
    one = np.ones_like(attention)
    rates = [
        (rate * one, rate * one) if scaled else (rate * attention, rate * value)
        for rate, scaled, steps in stages
        for _ in range(steps)
    ]
    path = signals((0 * one, 0 * one), 1 / (length * attention), rates)
    return np.median(np.array(list(path)), axis=2).T


if __name__ == "__main__":
    draw.main()
