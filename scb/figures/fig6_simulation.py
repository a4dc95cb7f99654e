"""Figure 6: signals and errors at a T that no training reaches (paper, section 5).

A table that also holds curves of real training, ``proximal_trained`` and ``sgd_trained``,
has them drawn as dots over those simulated.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
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
MARKERS = {"proximal": "o", "sgd": "^"}
DOTS = 10
"""Dots for each trained run."""


def draw(curves: list[Path]) -> Figure:
    """Draw a column for each table: alpha_V, alpha_A, |Delta_V|_mu and |Delta_A|_mu."""
    runs = [Run.read(path) for path in curves]
    figure, axes = style.panels(len(SCALES), len(runs), height=1.25 * len(SCALES), sharex="col")
    for column, run in zip(axes.T, runs, strict=True):
        if not trained(run):  # runs from the paper's start share their axes
            for ax, first in zip(column, axes[:, 0], strict=True):
                if ax is not first:
                    ax.sharey(first)
                    ax.tick_params(labelleft=False)
        population = [POPULATION] if POPULATION in set(run.frame["optimizer"]) else []
        for ax, (metric, scale) in zip(column, SCALES.items(), strict=True):
            # The population path is free of errors by construction.
            names = [*population, *OPTIMIZERS] if metric.endswith("signal") else OPTIMIZERS
            style.draw_curves(ax, run, metric, names, scale=scale)
            draw_trained(ax, run, metric)
        steps = run["optimizers"]["proximal"]
        rates = rf"$\eta={style.number(steps['rate'])}$, $\lambda={style.number(steps['penalty'])}$"
        kind = "simulated and trained" if trained(run) else "simulated"
        column[0].set_title(f"{kind}\n{style.conditions(run)}\n{rates}")
        column[-1].set_xlabel("step")
    for ax in axes[:, 1:].flat:
        ax.set_ylabel("")
    staged = [run for run in runs if run.staged]
    legend = style.entries(staged, [*population, *OPTIMIZERS])
    if any(trained(run) for run in runs):
        legend += [style.entry(f"{style.LOOKS[n].name}, trained", **dot(n)) for n in OPTIMIZERS]
    caption = [style.counts(staged, OPTIMIZERS), style.HOW_DRAWN]
    caption += [compare(run) for run in runs if trained(run)]
    style.footer(figure, legend, " ".join(caption))
    return figure


def trained(run: Run) -> list[int]:
    """The replicates that were trained on sequences too."""
    rows = run.frame[run.frame["optimizer"] == f"{OPTIMIZERS[0]}_trained"]
    return sorted(set(rows["replicate"]))


def dot(name: str) -> dict[str, Any]:
    """Look of the dots of a trained run."""
    colour = style.LOOKS[name].colour
    return {"marker": MARKERS[name], "ms": 3, "mec": "black", "mew": 0.4, "ls": "", "c": colour}


def draw_trained(ax: Axes, run: Run, metric: str) -> None:
    """Dots for each trained run, all at the same steps."""
    for name in OPTIMIZERS if trained(run) else ():
        steps, values = run.values(f"{name}_trained", metric, trained(run))
        shown = np.linspace(0, len(steps) - 1, DOTS + 1).round().astype(int)[1:]
        for row in values:
            ax.plot(steps[shown], row[shown], zorder=5, clip_on=False, **dot(name))


def compare(run: Run) -> str:
    """How the trained runs ended, beside the simulated ones of the same tasks."""
    replicates, ratios = trained(run), []
    for metric, symbol in (
        ("attention_error", r"|\Delta_A|_\mu"),
        ("value_error", r"|\Delta_V|_\mu"),
    ):
        for name in OPTIMIZERS:
            simulated, real = (
                run.values(optimizer, metric, replicates)[1][:, -1]
                for optimizer in (name, f"{name}_trained")
            )
            low, high = (real / simulated).min(), (real / simulated).max()
            ratios.append(f"${symbol}$ of {style.LOOKS[name].name} {low:.3f} to {high:.3f}")
    return (
        f"Right: from planted signals of {run['signal']:g}; all {len(run.replicates)} replicates "
        f"simulated, {len(replicates)} of them trained on sequences too. Trained over simulated "
        f"at the last step: {', '.join(ratios)}."
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``--curves FILE... --output fig6.pdf``, in order of N."""
    return style.command(draw, ("curves",), argv, several=True)


if __name__ == "__main__":
    sys.exit(main())
