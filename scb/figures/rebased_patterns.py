"""Figure rebased_patterns: what each kernel learns of figure 2's bigram task."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator
from numpy.typing import NDArray

from scb.figures import style
from scb.figures.drawing import drawing
from scb.figures.fig2_softmax_vs_linear import ground_truth, last_state
from scb.figures.replicates import Array, Band, Run
from scb.figures.similarities import SIMILARITIES

NEAR = 0.01
"""Within this share of the Bayes loss."""

COLUMNS = 3
GOAL: Any = {"color": "0.5", "lw": 0.7, "ls": (0, (2, 2))}


@drawing
def draw(tasks: Path, curves: Path, states: Path) -> Figure:
    """Draw each kernel's attention beside the truth, its loss, and its steps to the Bayes loss."""
    run = Run.read(curves)
    replicate = run.replicates[0]  # the first, not the best
    names = list(SIMILARITIES)
    attention = {None: ground_truth(tasks, replicate)[0]} | {
        name: last_state(states, run, name, replicate)[0] for name in names
    }
    rows = -(-len(attention) // COLUMNS)
    figure = Figure(figsize=(style.WIDTH, 0.95 * rows + 2.4), layout="constrained")
    ratios = 0.95 * rows, 2.4
    maps, below = figure.subfigures(2, 1, height_ratios=ratios, squeeze=False)[:, 0]
    draw_maps(maps, attention, rows)
    losses, steps = below.subplots(1, 2, width_ratios=(1, 1))
    draw_losses(losses, run, names)
    draw_steps(steps, run, names)
    sns.despine(below)
    caption = (
        f"{style.conditions(run)}, vectors of {run['features']} entries, Adam's rate "
        f"${style.number(run['logit_rate'])}$ for all. Maps: replicate {replicate}, the first, at "
        f"the last step. Loss: medians of all {len(run.replicates)} replicates; they start "
        f"{100 * start(run, names[0]):.2g}% above the Bayes loss. Right: median and central 95% "
        "(the range, below 40) of the first logged step at which the test loss is within 1% of "
        "the Bayes loss, and how many replicates get there (the others count as never). "
        f"Diverged: {diverged(run, names)}."
    )
    legend = [
        style.entry(look.name, color=look.colour, ls=look.dashes, lw=1.1)
        for look in SIMILARITIES.values()
    ]
    legend.append(style.entry("1% of the Bayes loss, median", **GOAL))
    style.footer(figure, legend, caption, columns=4)
    return figure


def draw_maps(figure: Figure, attention: dict[str | None, Array], rows: int) -> None:
    """Heat maps of A^T on one colour scale, white at 0."""
    entries = np.concatenate([matrix[~np.isnan(matrix)] for matrix in attention.values()])
    top = float(np.abs(entries).max())
    colours = matplotlib.colormaps["RdBu_r"].with_extremes(bad="0.6")  # bad: diverged
    axes = figure.subplots(rows, COLUMNS, sharex=True, sharey=True)
    for ax in axes.flat[len(attention) :]:
        ax.set_axis_off()
    for ax, (name, matrix) in zip(axes.flat, attention.items(), strict=False):
        image = ax.imshow(
            matrix.T, cmap=colours, vmin=-top, vmax=top, aspect="auto", interpolation="nearest"
        )
        ax.set_title(SIMILARITIES[name].name if name else r"ground truth $\mathbf{Q}$", loc="left")
        ax.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        ax.tick_params(length=2)
    for ax in axes[:, 0]:
        ax.set_ylabel("query $k$")
    for ax in axes[-1]:
        ax.set_xlabel("position $t$")
    bar = figure.colorbar(image, ax=axes, aspect=40, pad=0.02, label="attention weight")
    bar.ax.set_ylim(min(float(entries.min()), 0), top)  # the colours in use
    bar.outline.set_visible(False)


def draw_losses(ax: Axes, run: Run, names: Sequence[str]) -> None:
    """Median test loss above the Bayes loss."""
    for name in names:
        steps, values = run.values(name, "excess_loss", run.replicates)
        look = SIMILARITIES[name]
        ax.plot(steps, Band.of(values).middle, color=look.colour, ls=look.dashes, lw=1.1)
    bayes = run.frame.groupby("replicate")["bayes_loss"].first().median()
    ax.axhline(NEAR * bayes, **GOAL)
    ax.set(yscale="log", xlim=(0, run.last), xlabel="step", ylabel=style.label_of("excess_loss"))
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def draw_steps(ax: Axes, run: Run, names: Sequence[str]) -> None:
    """Steps to the Bayes loss, a line for each kernel."""
    for row, name in enumerate(names):
        reached = steps_to_bayes(run, name)
        band = Band.of(reached[:, None])
        low, middle, high = (float(end.item()) for end in (band.low, band.middle, band.high))
        colour, never = SIMILARITIES[name].colour, 1.04 * run.last
        if np.isfinite(low):
            ax.plot([low, min(high, never)], [row, row], color=colour, lw=1.0)
        if np.isfinite(middle):
            ax.plot(middle, row, color=colour, marker="o", ms=4, clip_on=False)
        count = f"{np.isfinite(reached).sum()}/{len(reached)}"
        ax.text(1.05 * run.last, row, count, va="center", clip_on=False)
    ax.set(xlim=(0, run.last), ylim=(len(names) - 0.5, -0.5))
    ax.set_xlabel("steps to within 1% of the Bayes loss")
    ax.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    ax.yaxis.set_major_locator(FixedLocator(range(len(names))))
    ax.set_yticklabels([_short(name) for name in names])


def _short(name: str) -> str:
    return SIMILARITIES[name].name.split(": ")[0 if name == "rebased" else -1]


def diverged(run: Run, names: Sequence[str]) -> str:
    """How many replicates of each kernel diverged."""
    found = [(len(run.divergence(name)), SIMILARITIES[name].name) for name in names]
    return ", ".join(f"{count} with {name}" for count, name in found if count) or "none"


def relative_loss(run: Run, name: str) -> tuple[NDArray[np.int64], Array]:
    """Steps (S,) and, of each replicate, the test loss over the Bayes loss less 1, (R, S)."""
    steps, excess = run.values(name, "excess_loss", run.replicates)
    bayes = run.frame.groupby("replicate")["bayes_loss"].first()[run.replicates].to_numpy()
    return steps, excess / bayes[:, None]


def start(run: Run, name: str) -> float:
    """Median relative loss before the first step."""
    return float(np.median(relative_loss(run, name)[1][:, 0]))


def steps_to_bayes(run: Run, name: str) -> Array:
    """First logged step of each replicate within `NEAR` of the Bayes loss, infinite if never."""
    steps, excess = relative_loss(run, name)  # (S,), (R, S)
    near = excess <= NEAR
    return np.where(near.any(1), steps[near.argmax(1)], np.inf)


if __name__ == "__main__":
    draw.main()
