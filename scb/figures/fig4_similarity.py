"""Figure 4: similarity with the ground truth against the step (paper, section 5)."""

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from scb.figures import style
from scb.figures.drawing import drawing
from scb.figures.replicates import Array, Band, Run
from scb.settings.draw import Curves

ALIKE = 0.9
"""Similarity from which on a normalised A is said to be alike."""


def share_alike(values: Array) -> Band:
    """Share of replicates that are alike; a normalised A is so at once, or not at all."""
    return Band.of_share(values >= ALIKE)


@drawing
def draw(settings: Curves, boost: Path, curves: Path) -> Figure:
    """Draw the mu-cosine of V with P and of A with Q, centred; of A normalised a share of runs."""
    run, optimizers = Run.read(boost, curves), settings.optimizers
    figure, axes = style.panels(1, 3, height=2.2, sharex=True)
    value, attention, normalised = axes[0]
    style.draw_curves(value, run, "value_centred_similarity", optimizers)
    style.draw_curves(attention, run, "attention_centred_similarity", optimizers)
    metric = "normalised_attention_centred_similarity"
    style.draw_curves(normalised, run, metric, optimizers, summarise=share_alike)
    said = f"share of runs, $A$ normalised\nwith similarity \N{GREATER-THAN OR EQUAL TO} {ALIKE:g}"
    normalised.set(ylim=(-0.02, 1.02), ylabel=said)
    for ax in axes[0]:
        ax.set_xlabel("step")
        ax.xaxis.set_major_locator(MaxNLocator(4))
    caption = (
        f"{style.conditions(run)}. {style.counts([run], optimizers)} {style.how_drawn([run])} "
        "Right: the share with its exact 95% interval. Similarity is the cosine in the "
        r"$\mu$-geometry of $V-\mu 1^\top$ with $P-\mu 1^\top$ and of $A-11^\top/T$ with "
        r"$\mathbf{Q}-11^\top/T$."
    )
    style.footer(figure, style.entries([run], optimizers), caption)
    return figure


if __name__ == "__main__":
    draw.main()
