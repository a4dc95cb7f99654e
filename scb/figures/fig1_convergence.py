"""Figure 1: distance to the ground truth against the step (paper, section 5)."""

from pathlib import Path

from matplotlib.figure import Figure

from scb.figures import style
from scb.figures.drawing import drawing
from scb.figures.replicates import Run
from scb.settings import Curves


@drawing
def draw(settings: Curves, boost: Path, curves: Path) -> Figure:
    """Draw |V - P|_mu and |A - Q|_mu, and the normalised solution of the last step."""
    run, optimizers = Run.read(boost, curves), settings.optimizers
    figure, axes = style.panels(1, 2, height=2.6)
    for ax, metric in zip(axes[0], ("value_distance", "attention_distance"), strict=True):
        style.draw_curves(ax, run, metric, optimizers)
        for place, (name, look) in enumerate(style.looks_of(optimizers).items()):
            final = run.values(name, f"normalised_{metric}", run.positive_after_boost)[1][:, -1]
            style.draw_star(ax, run.last * (1.035 + 0.03 * place), final, look)
        ax.set(xlabel="step", xlim=(0, run.last * (1.04 + 0.03 * len(optimizers))))
    legend = [
        *style.entries([run], optimizers),
        style.entry("last step, normalised", color="0.3", **style.STAR),
    ]
    caption = f"{style.conditions(run)}. {style.counts([run], optimizers)} {style.HOW_DRAWN}"
    style.footer(figure, legend, caption)
    return figure


if __name__ == "__main__":
    draw.main()
