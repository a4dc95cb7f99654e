"""Strips of points beside curves: normalised solutions, which found the truth or did not.

Their law has two peaks, so that a median says little. Each run is a point, and the share of runs
that are close stands above.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from scb.figures import style
from scb.figures.replicates import Array, Run

CLOSE = 0.1
"""A solution is close if this share of the value at step 0 is left, or less."""
POINT: Any = {"marker": "o", "ms": 2.2, "mec": "none", "alpha": 0.45, "ls": "none"}
POINTS = 60
"""Runs shown in a strip, at most."""
GOLDEN = 0.6180339887498949
"""Multiples of it, modulo 1, spread evenly: a jitter that is the same every time."""


def panels(parent: FigureBase, rows: int, columns: int, count: int) -> tuple[Any, Any]:
    """Axes (rows, columns), and as many beside them for strips of ``count`` optimizers."""
    strip = 0.22 * max(count, 3)  # inches: three digits above each, and the label below
    curve = max(style.WIDTH / columns - 0.55 - strip, 0.5)
    axes: Any = parent.subplots(
        rows, 2 * columns, squeeze=False, width_ratios=[curve, strip] * columns
    )
    for curves, strips in zip(axes[:, 0::2].flat, axes[:, 1::2].flat, strict=True):
        strips.sharey(curves)
        strips.tick_params(left=False, labelleft=False, bottom=False, labelbottom=False)
        strips.set_xlim(-0.6, count - 0.4)
        sns.despine(ax=curves)
        sns.despine(ax=strips, left=True)
    for strips in axes[-1, 1::2]:
        strips.set_xlabel("normalised")
    return axes[:, 0::2], axes[:, 1::2]


def draw_strips(ax: Axes, run: Run, metric: str, finals: Mapping[str, Array]) -> None:
    """A strip of points for each optimizer, and above it the share of runs that are close.

    Parameters
    ----------
    ax : Axes
        Of `panels`.
    run : Run
    metric : str
        Of the iterate; at step 0 it says what knowing nothing is.
    finals : mapping of arrays, shape (R,)
        The same metric of a normalised solution, by optimizer, for each positive replicate.
    """
    first = "boost" if run.staged else next(iter(finals))
    start = run.values(first, metric, run.positive_after_boost)[1][:, 0]
    low, high = ax.get_ylim()
    shown = np.concatenate([[0.0], *finals.values()])
    top = max(high, shown[np.isfinite(shown)].max() * 1.02)
    ax.set_ylim(min(low, -0.03 * high) if ax.get_yscale() == "linear" else low, top)
    for place, (name, look) in enumerate(style.looks_of(list(finals)).items()):
        if not len(finals[name]):
            continue
        points = np.sort(finals[name])[:: -(-len(finals[name]) // POINTS)]
        jitter = 0.6 * ((np.arange(len(points)) * GOLDEN) % 1 - 0.5)
        ax.plot(
            place + jitter, np.clip(points, None, top), color=look.colour, clip_on=False, **POINT
        )
        close = np.mean(finals[name] <= CLOSE * start)
        ax.text(
            place,
            1.02,
            f"{100 * close:.0f}",
            transform=ax.get_xaxis_transform(),
            color=look.colour,
            ha="center",
            fontsize=6,
        )


HOW_CLOSE = (
    f"Points: normalised solutions of these runs, at most {POINTS}, taken evenly by size. Above "
    f"them: the share (%) of all these runs that has at most {CLOSE:g} of its value at step 0."
)
"""How a caption says what `draw_strips` draws."""


def entries() -> list[Artist]:
    """Legend entries of `draw_strips`."""
    return [style.entry("a run, normalised; above: % close", color="0.3", **POINT)]
