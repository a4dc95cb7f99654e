"""Figure 6: signals and errors at a T that no training reaches (paper, section 5).

A table that also holds curves of real training, ``proximal_trained`` beside ``proximal``, has
them drawn as dots over those simulated.
"""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scb.figures import style
from scb.figures.drawing import drawing
from scb.figures.replicates import Run

POPULATION = "population"
SCALES = {
    "value_signal": "linear",
    "attention_signal": "linear",
    "value_error": "log",
    "attention_error": "log",
}
MARKERS = "o^sD"
DOTS = 10
"""Dots for each trained run."""


@drawing
def draw(curves: list[Path]) -> Figure:
    """Draw a column for each table: alpha_V, alpha_A, |Delta_V|_mu and |Delta_A|_mu."""
    runs = [Run.read(path) for path in curves]
    optimizers = list(runs[0]["optimizers"])
    figure, axes = style.panels(len(SCALES), len(runs), height=1.25 * len(SCALES), sharex="col")
    for column, run in zip(axes.T, runs, strict=True):
        if not trained(run):  # runs from the paper's start share their axes
            for ax, first in zip(column, axes[:, 0], strict=True):
                if ax is not first:
                    ax.sharey(first)
                    ax.tick_params(labelleft=False)
        for ax, (metric, scale) in zip(column, SCALES.items(), strict=True):
            # The population path is free of errors by construction.
            path = [POPULATION] if metric.endswith("signal") else []
            style.draw_curves(ax, run, metric, [*path, *optimizers], scale=scale)
            draw_trained(ax, run, metric)
        kind = "simulated and trained" if trained(run) else "simulated"
        column[0].set_title(f"{kind}\n{style.conditions(run)}\n{style.rates(run, optimizers)}")
        column[-1].set_xlabel("step")
    for ax in axes[:, 1:].flat:
        ax.set_ylabel("")
    staged = [run for run in runs if run.staged]
    legend = style.entries(staged, [POPULATION, *optimizers])
    checks = [run for run in runs if trained(run)]
    if checks:
        dots = looks_of_dots(checks[0]).items()
        legend += [style.entry(f"{style.name_of(name)}, trained", **dot) for name, dot in dots]
    caption = [style.counts(staged, optimizers), style.how_drawn(runs), *map(compare, checks)]
    style.footer(figure, legend, " ".join(caption))
    return figure


def trained(run: Run) -> list[int]:
    """The replicates that were trained on sequences too."""
    rows = run.frame[run.frame["optimizer"].isin([f"{name}_trained" for name in run["optimizers"]])]
    return sorted(set(rows["replicate"]))


def looks_of_dots(run: Run) -> dict[str, dict[str, Any]]:
    """Looks of the dots of trained runs, by optimizer."""
    dot: dict[str, Any] = {"ms": 3, "mec": "black", "mew": 0.4, "ls": ""}
    return {
        name: dot | {"c": look.colour, "marker": MARKERS[place % len(MARKERS)]}
        for place, (name, look) in enumerate(style.looks_of(list(run["optimizers"])).items())
    }


def draw_trained(ax: Axes, run: Run, metric: str) -> None:
    """Dots for each trained run, all at the same steps, but not at the start."""
    for name, dot in looks_of_dots(run).items() if trained(run) else ():
        steps, values = run.values(f"{name}_trained", metric, trained(run))
        shown = np.unique(np.linspace(0, len(steps) - 1, DOTS + 1).round().astype(int))[1:]
        for row in values:
            ax.plot(steps[shown], row[shown], zorder=5, clip_on=False, **dot)


def compare(run: Run) -> str:
    """How the trained runs ended, over the simulated ones of the same tasks."""
    replicates, ratios = trained(run), []
    for metric, symbol in (
        ("attention_error", r"\|\Delta_A\|_\mu"),
        ("value_error", r"\|\Delta_V\|_\mu"),
    ):
        for name in run["optimizers"]:
            simulated, real = (
                run.values(optimizer, metric, replicates)[1][:, -1]
                for optimizer in (name, f"{name}_trained")
            )
            ended = np.isfinite(simulated) & np.isfinite(real)
            ratio = real[ended] / simulated[ended]
            found = [f"{ratio.min():.3f} to {ratio.max():.3f}"] if len(ratio) else []
            if len(ratio) < len(ended):
                found.append(f"diverged {len(ended) - len(ratio)} of {len(ended)}")
            ratios.append(f"${symbol}$ of {style.name_of(name)} {', '.join(found)}")
    return (
        f"Right: from planted signals of {run['signal']:g}; all {len(run.replicates)} replicates "
        f"simulated, {len(replicates)} of them trained on sequences too. Trained over simulated "
        f"at the last step: {', '.join(ratios)}."
    )


if __name__ == "__main__":
    draw.main()
