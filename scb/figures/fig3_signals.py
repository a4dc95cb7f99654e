"""Figure 3: signals and errors of A and V against the step (paper, section 5)."""

import sys
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from scb.figures import style
from scb.figures.replicates import Run

OPTIMIZERS = ("proximal", "proximal_large", "sgd")


def draw(boost: Path, curves: Path) -> Figure:
    """Draw alpha_V and alpha_A above |Delta_V|_mu and |Delta_A|_mu."""
    run = Run.read(boost, curves)
    figure, axes = style.panels(2, 2, height=3.6, sharex=True, sharey="row")
    for row, kind, scale in zip(axes, ("signal", "error"), ("linear", "log"), strict=True):
        for ax, matrix in zip(row, ("value", "attention"), strict=True):
            style.draw_curves(ax, run, f"{matrix}_{kind}", OPTIMIZERS, scale=scale)
    for ax in axes[0]:
        ax.axhline(1, color="0.7", lw=0.6, zorder=0)  # the ground truth
    for ax in axes[1]:
        ax.set_xlabel("step")
    caption = f"{style.conditions(run)}. {style.counts([run], OPTIMIZERS)} {style.HOW_DRAWN}"
    style.footer(figure, style.entries([run], OPTIMIZERS), caption)
    return figure


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``--boost boost.parquet --curves optimizers.parquet --output fig3.pdf``."""
    return style.command(draw, ("boost", "curves"), argv)


if __name__ == "__main__":
    sys.exit(main())
