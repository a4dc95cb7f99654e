"""A quick look at one run: signals, distances, loss and similarity against the step."""

from pathlib import Path

from matplotlib.figure import Figure

from scb.figures import style
from scb.figures.drawing import drawing
from scb.figures.replicates import Run

METRICS = (
    ("value_signal", "attention_signal", "excess_loss"),
    ("value_distance", "attention_distance", "attention_centred_similarity"),
)
SCALES = {"excess_loss": "symlog"}
"""Of the axes that are not linear."""


@drawing
def draw(curves: Path) -> Figure:
    """Draw what is measured of each optimizer in a table that Stage 1 is part of."""
    return draw_run(Run.read(curves))


def draw_run(run: Run) -> Figure:
    """Draw what is measured of each optimizer or model of a run, with or without a Stage 1."""
    optimizers = [name for name in run.optimizers if name != "boost"]
    figure, axes = style.panels(2, 3, height=3.4, sharex=True)
    for row, metrics in zip(axes, METRICS, strict=True):
        for ax, metric in zip(row, metrics, strict=True):
            style.draw_curves(ax, run, metric, optimizers, scale=SCALES.get(metric, "linear"))
    for ax in axes[-1]:
        ax.set_xlabel("step")
    caption = f"{style.conditions(run)}. {style.counts([run], optimizers)} {style.how_drawn([run])}"
    style.footer(figure, style.entries([run], optimizers), caption)
    return figure


if __name__ == "__main__":
    draw.main()
