"""Figure 6: signals and errors at a T that no training reaches (paper, section 5)."""

import sys
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from scb.figures import style
from scb.figures.replicates import Run

OPTIMIZERS = ("proximal", "sgd")
POPULATION = "population"
SCALES = {
    "value_signal": "linear",
    "attention_signal": "linear",
    "value_error": "log",
    "attention_error": "log",
}


def draw(curves: list[Path]) -> Figure:
    """Draw a column for each N: alpha_V, alpha_A, |Delta_V|_mu and |Delta_A|_mu."""
    runs = [Run.read(path) for path in curves]
    figure, axes = style.panels(
        len(SCALES), len(runs), height=1.25 * len(SCALES), sharex="col", sharey="row"
    )
    for column, run in zip(axes.T, runs, strict=True):
        population = [POPULATION] if POPULATION in set(run.frame["optimizer"]) else []
        for ax, (metric, scale) in zip(column, SCALES.items(), strict=True):
            # The population path is free of errors by construction.
            names = [*population, *OPTIMIZERS] if metric.endswith("signal") else OPTIMIZERS
            style.draw_curves(ax, run, metric, names, scale=scale)
        steps = run["optimizers"]["proximal"]
        title = rf"{style.conditions(run)}, $\eta={style.number(steps['rate'])}$, "
        column[0].set_title(title + rf"$\lambda={style.number(steps['penalty'])}$")
        column[-1].set_xlabel("step")
    for ax in axes[:, 1:].flat:
        ax.set_ylabel("")
    legend = style.entries(runs, [*population, *OPTIMIZERS])
    style.footer(figure, legend, f"{style.counts(runs, OPTIMIZERS)} {style.HOW_DRAWN}")
    return figure


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``--curves FILE... --output fig6.pdf``, in order of N."""
    return style.command(draw, ("curves",), argv, several=True)


if __name__ == "__main__":
    sys.exit(main())
