"""Figure 1: distance to the ground truth against the step (paper, section 5)."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from scb.figures import ratios, strips, style
from scb.figures.drawing import drawing
from scb.figures.replicates import Run
from scb.settings.draw import Curves

METRICS = {"value_distance": r"\|V-P\|_\mu", "attention_distance": r"\|A-\mathbf{Q}\|_\mu"}


@drawing
def draw(settings: Curves, boost: Path, curves: Path) -> Figure:
    """Draw |V - P|_mu and |A - Q|_mu, their normalised ends, and their ratios run by run."""
    run, optimizers = Run.read(boost, curves), settings.optimizers
    figure = Figure(figsize=(style.WIDTH, 4.4), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(2.6, 1.8), squeeze=False)[:, 0]
    axes, beside = strips.panels(upper, 1, 2, len(optimizers))
    below = lower.subplots(1, 2, sharey=True)
    single = typical(run, optimizers[0])
    for ax, strip, ratio, metric in zip(axes[0], beside[0], below, METRICS, strict=True):
        style.draw_curves(ax, run, metric, optimizers)
        for replicate in single:
            style.draw_single(ax, run, metric, optimizers, replicate)
        finals = {name: run.ends(name, f"normalised_{metric}") for name in optimizers}
        strips.draw_strips(strip, run, metric, finals)
        ratios.draw_ratios(ratio, run, metric, optimizers, METRICS[metric])
        ax.set_xlabel("step")
    below[0].set_ylabel("share of runs below")
    legend = [*style.entries([run], optimizers), *strips.entries()]
    caption = f"{style.conditions(run)}. {style.counts([run], optimizers)} {style.how_drawn([run])}"
    if single:
        legend.append(style.entry("a single run", color="0.3", **style.SINGLE))
        caption += (
            f" The single run is replicate {single[0]}, which under {style.name_of(optimizers[0])} "
            rf"ends at the median ${METRICS['attention_distance']}$ (the lower of two)."
        )
    caption += f" {strips.HOW_CLOSE} {ratios.HOW_COMPARED}"
    style.footer(figure, legend, caption)
    return figure


def typical(run: Run, optimizer: str) -> list[int]:
    """The positive replicate that ends at the median, the lower of two, if there is any."""
    order = np.argsort(run.ends(optimizer, "attention_distance"), kind="stable")
    return [run.positive_after_boost[place] for place in order[(len(order) - 1) // 2 :][:1]]


if __name__ == "__main__":
    draw.main()
