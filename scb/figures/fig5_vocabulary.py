"""Figure 5: distances and loss for growing vocabularies (paper, section 5)."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scb.figures import style
from scb.figures.replicates import Band, Run

OPTIMIZERS = ("proximal", "proximal_large", "sgd")
METRICS = ("attention_distance", "value_distance", "excess_loss")


def draw(boost: list[Path], curves: list[Path]) -> Figure:
    """Draw a row for each N: |A - Q|_mu, |V - P|_mu and test loss above the Bayes loss."""
    runs = [Run.read(*paths) for paths in zip(boost, curves, strict=True)]
    figure, axes = style.panels(len(runs), len(METRICS), height=1.6 * len(runs))
    for row, run in zip(axes, runs, strict=True):
        for ax, metric in zip(row, METRICS, strict=True):
            scale = "symlog" if metric == "excess_loss" else "linear"
            style.draw_curves(ax, run, metric, OPTIMIZERS, scale=scale)
            draw_early_stop(ax, run, metric)
        row[-1].axhline(0, **style.BAYES)
        row[0].set_title(title_of(run), loc="left")
    for ax in axes[-1]:
        ax.set_xlabel("step")
    legend = [
        *style.entries(runs, OPTIMIZERS),
        style.entry("proximal, stopped early and normalised", color="0.3", **style.STAR),
        style.entry("Bayes loss", **style.BAYES),
    ]
    style.footer(figure, legend, f"{style.counts(runs, OPTIMIZERS)} {style.HOW_DRAWN}")
    return figure


def title_of(run: Run) -> str:
    """What differs between the rows."""
    paper, ours = (run["optimizers"][name] for name in OPTIMIZERS[:2])
    rate, *penalties = map(style.number, (paper["rate"], paper["penalty"], ours["penalty"]))
    penalty = rf"$\lambda={penalties[0]}$ (ours: ${penalties[1]}$)"
    return rf"{style.conditions(run)}, $\eta={rate}$, {penalty}"


def draw_early_stop(ax: Axes, run: Run, metric: str) -> None:
    """A star at the normalised proximal solution, each replicate at its step of least loss."""
    steps, losses = run.values("proximal", "test_loss", run.aligned)  # (S,), (R, S)
    if not len(losses):
        return
    best = losses.argmin(1)  # (R,)
    normalised = run.values("proximal", f"normalised_{metric}", run.aligned)[1]
    stopped = steps[best].astype(np.float64)
    band = Band.of(stopped[:, None])
    style.draw_star(
        ax,
        band.median.item(),
        np.take_along_axis(normalised, best[:, None], axis=1)[:, 0],
        style.LOOKS["proximal"],
        spread=(band.low.item(), band.high.item()),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``--boost FILE... --curves FILE... --output fig5.pdf``, in order of N."""
    return style.command(draw, ("boost", "curves"), argv, several=True)


if __name__ == "__main__":
    sys.exit(main())
