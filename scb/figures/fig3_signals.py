"""Figure 3: signals and errors of A and V against the step (paper, section 5)."""

from pathlib import Path

from matplotlib.figure import Figure

from scb.figures import style
from scb.figures.drawing import drawing
from scb.figures.replicates import Run
from scb.settings import Curves


@drawing
def draw(settings: Curves, boost: Path, curves: Path) -> Figure:
    """Draw alpha_V and alpha_A above |Delta_V|_mu and |Delta_A|_mu."""
    run, optimizers = Run.read(boost, curves), settings.optimizers
    figure, axes = style.panels(2, 2, height=3.6, sharex=True, sharey="row")
    for row, kind, scale in zip(axes, ("signal", "error"), ("linear", "log"), strict=True):
        for ax, matrix in zip(row, ("value", "attention"), strict=True):
            style.draw_curves(ax, run, f"{matrix}_{kind}", optimizers, scale=scale)
    for ax in axes[0]:
        ax.axhline(1, color="0.7", lw=0.6, zorder=0)  # the ground truth
    for ax in axes[1]:
        ax.set_xlabel("step")
    caption = f"{style.conditions(run)}. {style.counts([run], optimizers)} {style.HOW_DRAWN}"
    style.footer(figure, style.entries([run], optimizers), caption)
    return figure


if __name__ == "__main__":
    draw.main()
