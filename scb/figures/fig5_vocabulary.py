"""Figure 5: distances and loss for growing vocabularies (paper, section 5)."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scb.figures import style
from scb.figures.drawing import drawing
from scb.figures.replicates import Band, Run
from scb.settings import Rows

METRICS = ("attention_distance", "value_distance", "excess_loss")


@drawing
def draw(settings: Rows, boost: list[Path], curves: list[Path]) -> Figure:
    """Draw a row for each N: |A - Q|_mu, |V - P|_mu and test loss above the Bayes loss."""
    runs = [Run.read(*paths) for paths in zip(boost, curves, strict=True)]
    optimizers = settings.optimizers
    figure, axes = style.panels(len(runs), len(METRICS), height=1.6 * len(runs))
    for row, run in zip(axes, runs, strict=True):
        for ax, metric in zip(row, METRICS, strict=True):
            scale = "symlog" if metric == "excess_loss" else "linear"
            style.draw_curves(ax, run, metric, optimizers, scale=scale)
            draw_early_stop(ax, run, metric, optimizers)
        row[-1].axhline(0, **style.BAYES)
        row[0].set_title(f"{style.conditions(run)}, {style.rates(run, optimizers)}", loc="left")
    for ax in axes[-1]:
        ax.set_xlabel("step")
    stopped = f"{style.name_of(optimizers[0])}, stopped early and normalised"
    legend = [
        *style.entries(runs, optimizers),
        style.entry(stopped, color="0.3", **style.STAR),
        style.entry("Bayes loss", **style.BAYES),
    ]
    caption = (
        r"Titles: each $\eta$ and $\lambda>0$ once, in the order of the legend. "
        f"{style.counts(runs, optimizers)} {style.HOW_DRAWN}"
    )
    style.footer(figure, legend, caption)
    return figure


def draw_early_stop(ax: Axes, run: Run, metric: str, optimizers: Sequence[str]) -> None:
    """A star at the first one's normalised solution, each replicate at its step of least loss."""
    optimizer, look = next(iter(style.looks_of(optimizers).items()))
    replicates = run.positive_after_boost
    steps, losses = run.values(optimizer, "test_loss", replicates)  # (S,), (R, S)
    if not len(losses):
        return
    best = losses.argmin(1)  # (R,)
    normalised = run.values(optimizer, f"normalised_{metric}", replicates)[1]
    stopped = steps[best].astype(np.float64)
    band = Band.of(stopped[:, None])
    style.draw_star(
        ax,
        band.median.item(),
        np.take_along_axis(normalised, best[:, None], axis=1)[:, 0],
        look,
        spread=(band.low.item(), band.high.item()),
    )


if __name__ == "__main__":
    draw.main()
