"""Figure 1: distance to the ground truth against the step (paper, section 5)."""

import sys
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from scb.figures import style
from scb.figures.replicates import Run

OPTIMIZERS = ("proximal", "proximal_large", "sgd", "sgd_small")


def draw(boost: Path, curves: Path) -> Figure:
    """Draw |V - P|_mu and |A - Q|_mu, and the normalised solution of the last step."""
    run = Run.read(boost, curves)
    figure, axes = style.panels(1, 2, height=2.6)
    for ax, metric in zip(axes[0], ("value_distance", "attention_distance"), strict=True):
        style.draw_curves(ax, run, metric, OPTIMIZERS)
        for place, name in enumerate(OPTIMIZERS):
            final = run.values(name, f"normalised_{metric}", run.aligned)[1][:, -1]
            style.draw_star(ax, run.last * (1.035 + 0.03 * place), final, style.LOOKS[name])
        ax.set(xlabel="step", xlim=(0, run.last * 1.16))
    legend = [
        *style.entries([run], OPTIMIZERS),
        style.entry("last step, normalised", color="0.3", **style.STAR),
    ]
    caption = f"{style.conditions(run)}. {style.counts([run], OPTIMIZERS)} {style.HOW_DRAWN}"
    style.footer(figure, legend, caption)
    return figure


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``--boost boost.parquet --curves optimizers.parquet --output fig1.pdf``."""
    return style.command(draw, ("boost", "curves"), argv)


if __name__ == "__main__":
    sys.exit(main())
