"""Figure 4: similarity with the ground truth against the step (paper, section 5)."""

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from scb.figures import style
from scb.figures.drawing import drawing
from scb.figures.replicates import Run
from scb.settings import Curves


@drawing
def draw(settings: Curves, boost: Path, curves: Path) -> Figure:
    """Draw the mu-cosine of V with P and of A with Q, raw and normalised, plain and centred."""
    run, optimizers = Run.read(boost, curves), settings.optimizers
    figure, axes = style.panels(2, 4, height=3.2, sharex=True)
    for row, kind in zip(axes, ("similarity", "centred_similarity"), strict=True):
        for pair, matrix in zip((row[:2], row[2:]), ("value", "attention"), strict=True):
            pair[1].sharey(pair[0])
            for ax, solution in zip(pair, ("", "normalised_"), strict=True):
                style.draw_curves(ax, run, f"{solution}{matrix}_{kind}", optimizers)
            pair[1].set_ylabel("")
            pair[1].tick_params(labelleft=False)
    for ax, title in zip(
        axes[0], ("$V$", "$V$, normalised", "$A$", "$A$, normalised"), strict=True
    ):
        ax.set_title(title)
    for ax in axes[-1]:
        ax.set_xlabel("step")
        ax.xaxis.set_major_locator(MaxNLocator(2))  # narrow panels
    caption = f"{style.conditions(run)}. {style.counts([run], optimizers)} {style.HOW_DRAWN}"
    style.footer(figure, style.entries([run], optimizers), caption)
    return figure


if __name__ == "__main__":
    draw.main()
