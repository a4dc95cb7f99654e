"""Figure 2: what softmax and linear attention learn of one task (paper, section 5)."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from scb.data.tables import TASKS
from scb.figures import style
from scb.figures.drawing import drawing
from scb.figures.replicates import Array, Run
from scb.learning.tables import STATES
from scb.store import tables
from scb.store.tables import Schema, TableError

MODELS = ("linear", "softmax")


@drawing
def draw(tasks: Path, curves: Path, states: Path) -> Figure:
    """Draw attention and value matrix of both models beside the truth, and their losses."""
    run = Run.read(curves)
    replicate = run.replicates[0]  # the first, not the best
    matrices = [ground_truth(tasks, replicate)]
    matrices += [last_state(states, run, model, replicate) for model in MODELS]
    figure = Figure(figsize=(style.WIDTH, 5.0), layout="constrained")
    parts = figure.subfigures(2, 1, height_ratios=(3.3, 1.7), squeeze=False)[:, 0]
    maps = parts[0].subplots(3, 2, width_ratios=(4.2, 1))
    losses = parts[1].subplots(1, 2)

    attentions, values = zip(*matrices, strict=True)
    draw_maps(maps[:, 0], [attention.T for attention in attentions], "attention weight")
    draw_maps(maps[:, 1], values, "transition probability")
    titles = [(r"ground truth $\mathbf{Q}$", "$P$"), *((f"{model} $A$", "$V$") for model in MODELS)]
    for row, pair in zip(maps, titles, strict=True):
        for ax, title, label in zip(row, pair, ("query $k$", "next state"), strict=True):
            ax.set_title(title, loc="left")
            ax.set_ylabel(label)
    maps[-1, 0].set_xlabel("position $t$")
    maps[-1, 1].set_xlabel("state")

    for ax, metric in zip(losses, ("test_loss", "excess_loss"), strict=True):
        scale = "symlog" if metric == "excess_loss" else "linear"
        style.draw_curves(ax, run, metric, MODELS, scale=scale)
        ax.set_xlabel("step")
        sns.despine(ax=ax)
    losses[0].axhline(run.frame.groupby("replicate")["bayes_loss"].first().median(), **style.BAYES)
    losses[1].axhline(0, **style.BAYES)
    positive = [f"{len(run.positive(model))} of {model}" for model in MODELS]
    caption = (
        f"{style.conditions(run)}. Matrices: replicate {replicate}, the first, at the last step. "
        f"Losses: median and {style.band_name([run])} of all {len(run.replicates)} replicates. "
        f"{style.diverged([run], MODELS)} Runs that ended with "
        rf"$\alpha_V,\alpha_A>0$: {' and '.join(positive)}."
    )
    legend = [*style.entries([run], MODELS), style.entry("Bayes loss, median", **style.BAYES)]
    style.footer(figure, legend, caption, columns=4)
    return figure


def ground_truth(path: Path, replicate: int) -> tuple[Array, Array]:
    """Q, shape (T, N), and P, shape (N, N), of one replicate."""
    columns = _columns(path, TASKS, replicate=replicate)
    attention = np.zeros((int(columns["length"].iloc[0]), len(columns)))
    for k, (positions, weights) in enumerate(
        zip(columns["positions"], columns["weights"], strict=True)
    ):
        attention[positions, k] = weights
    return attention, np.stack(columns["transition"].to_list(), axis=1)


def last_state(path: Path, run: Run, optimizer: str, replicate: int) -> tuple[Array, Array]:
    """A, shape (T, N), and V, shape (N, N), of one replicate at the last step; NaN if diverged."""
    columns = _columns(path, STATES, optimizer=optimizer, replicate=replicate)
    columns = columns[columns["step"] == columns["step"].max()]
    attention, value = (
        np.stack(columns[name].to_list(), axis=1) for name in ("attention", "value")
    )
    if replicate in run.divergence(optimizer):
        return np.full_like(attention, np.nan), np.full_like(value, np.nan)
    return attention, value


def _columns(path: Path, schema: Schema, **where: int | str) -> pd.DataFrame:
    """Rows of one replicate (and optimizer), a matrix column each, in the order of states."""
    frame = tables.read(path, schema)
    for name, wanted in where.items():
        frame = frame[frame[name] == wanted]
    if frame.empty:
        sought = ", ".join(f"{name} {wanted}" for name, wanted in where.items())
        raise TableError(f"{path}: no rows of {sought}")
    return frame.sort_values("state")


def draw_maps(axes: NDArray[np.object_], matrices: Sequence[Array], unit: str) -> None:
    """Heat maps on one colour scale, white at 0, and their colour bar."""
    entries = np.concatenate([matrix[~np.isnan(matrix)] for matrix in matrices])
    top = np.abs(entries).max()
    colours = matplotlib.colormaps["RdBu_r"].with_extremes(bad="0.6")  # bad: diverged
    for ax, matrix in zip(axes, matrices, strict=True):
        image = ax.imshow(
            matrix, cmap=colours, vmin=-top, vmax=top, aspect="auto", interpolation="nearest"
        )
        ax.xaxis.set_major_locator(MaxNLocator(10 if matrix.shape[1] > 20 else 4, integer=True))
        ax.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        ax.tick_params(labelbottom=ax is axes[-1], length=2)
    bar = axes[0].figure.colorbar(image, ax=list(axes), aspect=40, pad=0.02, label=unit)
    bar.ax.set_ylim(min(entries.min(), 0), entries.max())  # the colours in use
    bar.outline.set_visible(False)


if __name__ == "__main__":
    draw.main()
