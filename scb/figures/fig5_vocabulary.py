"""Figure 5: distances and loss for growing vocabularies (paper, section 5)."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from scb.figures import strips, style
from scb.figures.drawing import drawing
from scb.figures.replicates import Array, Run
from scb.settings.draw import Rows

METRICS = ("attention_distance", "value_distance", "excess_loss")


@drawing
def draw(settings: Rows, boost: list[Path], curves: list[Path]) -> Figure:
    """Draw a row for each N: |A - Q|_mu, |V - P|_mu and test loss above the Bayes loss."""
    runs = [Run.read(*paths) for paths in zip(boost, curves, strict=True)]
    optimizers = settings.optimizers
    figure = Figure(figsize=(style.WIDTH, 1.75 * len(runs)), layout="constrained")
    axes, beside = strips.panels(figure, len(runs), len(METRICS), len(optimizers))
    for row, points, run in zip(axes, beside, runs, strict=True):
        for ax, strip, metric in zip(row, points, METRICS, strict=True):
            scale = "symlog" if metric == "excess_loss" else "linear"
            style.draw_curves(ax, run, metric, optimizers, scale=scale)
            ax.xaxis.set_major_locator(MaxNLocator(2, integer=True))  # a narrow panel
            finals = {name: stopped_early(run, name, metric) for name in optimizers}
            strips.draw_strips(strip, run, metric, finals)
        row[-1].axhline(0, **style.BAYES)
        title = f"{style.conditions(run)}, {style.rates(run, optimizers)}"
        # Longer than its panel, so that the layout must not see it, but for the room above.
        row[0].set_title(" ", pad=14)
        row[0].annotate(title, (0, 1), (0, 14), "axes fraction", "offset points", in_layout=False)
    for ax in axes[-1]:
        ax.set_xlabel("step")
    legend = [
        *style.entries(runs, optimizers),
        *strips.entries(),
        style.entry("Bayes loss", **style.BAYES),
    ]
    caption = (
        r"Titles: each $\eta$ and $\lambda>0$ once, in the order of the legend. "
        f"{style.counts(runs, optimizers)} {style.how_drawn(runs)} {strips.HOW_CLOSE} Each run is "
        "normalised at its own step of least test loss."
    )
    style.footer(figure, legend, caption)
    return figure


def stopped_early(run: Run, optimizer: str, metric: str) -> Array:
    """A metric of the normalised solution of each positive replicate at its least test loss."""
    replicates = run.positive_after_boost
    losses, found = (
        run.values(optimizer, name, replicates)[1] for name in ("test_loss", f"normalised_{metric}")
    )  # (R, S)
    best = losses.argmin(axis=1)[:, None]
    return np.take_along_axis(found, best, axis=1)[:, 0]


if __name__ == "__main__":
    draw.main()
