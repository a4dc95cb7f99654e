"""The phase diagram: at which eta and lambda would the picture of figure 1 appear?"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from scb.analysis.tables import PHASES
from scb.figures import style
from scb.figures.drawing import drawing
from scb.store import tables

NEAR = 0.05, 0.2
"""Signals *about 0.1*: within a factor of 2."""
CLOSE: Any = {"color": "black", "lw": 1.2}
SIGNAL: Any = {"color": "#332288", "lw": 1.2, "ls": (0, (4, 1.2))}
BALANCING: Any = {"color": "#029e73", "lw": 1.4}
DYING: Any = {"color": "#d55e00", "lw": 1.4, "ls": (0, (1, 1))}
PRINTED: Any = {"marker": "X", "ms": 7, "mec": "white", "ls": "none", "color": "black"}


@drawing
def draw(table: Path) -> Figure:
    """Draw ratios as colours, what the runs show as contours, and the closed forms as lines."""
    cells, setting = tables.read(table, PHASES), tables.setting(table)
    figure, axes = style.panels(1, 1, height=3.6)
    ax = axes[0, 0]
    image = draw_cells(ax, cells)
    draw_lines(ax, cells, setting["printed"])
    bar = figure.colorbar(image, ax=ax, pad=0.02)
    bar.set_label(r"$\|A-\mathbf{Q}\|_\mu$ at the last step, proximal / SGD")
    style.footer(figure, legend(), caption(cells, setting), columns=3)
    return figure


def grid(cells: pd.DataFrame, column: str) -> pd.DataFrame:
    """A column by lambda, a row each, and scale; lambda = 0 stands apart, below the least."""
    return cells.pivot(index="penalty", columns="scale", values=column)


def places(values: np.ndarray) -> np.ndarray:
    """Where values are drawn: the logarithm to base 10, and 0 a step and a half below the least."""
    positive = np.log10(values[values > 0])
    step = np.diff(positive).mean() if len(positive) > 1 else 1.0
    least = positive.min() if len(positive) else 0.0
    with np.errstate(divide="ignore"):
        return np.where(values > 0, np.log10(values), least - 1.5 * step)


def edges(centres: np.ndarray) -> np.ndarray:
    """Edges of cells around their centres."""
    if len(centres) == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    between = (centres[1:] + centres[:-1]) / 2
    first, last = 2 * centres[0] - between[0], 2 * centres[-1] - between[-1]
    return np.concatenate([[first], between, [last]])


def draw_cells(ax: Axes, cells: pd.DataFrame) -> Any:
    """Ratios as colours: blue where proximal is ahead, red where SGD is."""
    ratio = grid(cells, "ratio")
    x, y = places(ratio.columns.to_numpy()), places(ratio.index.to_numpy())
    shown = np.clip(ratio.to_numpy(), 0.3, 1.5)
    norm = TwoSlopeNorm(1, 0.3, 1.5)
    image = ax.pcolormesh(edges(x), edges(y), shown, cmap="RdBu_r", norm=norm, rasterized=True)
    ax.set(
        xlabel=r"scale of $\eta_1$ and $\eta_2$; printed: 1",
        ylabel=r"$\lambda$",
        xlim=(edges(x)[0], edges(x)[-1]),
        ylim=(edges(y)[0], edges(y)[-1]),
    )
    ax.set_xticks(x, [f"{scale:g}" for scale in ratio.columns])
    decades = np.arange(np.ceil(y[-1] - 1e-9) - 3, np.floor(y[-1] + 1e-9) + 1)
    decades = decades[decades >= y[min(1, len(y) - 1)] - 1e-9]
    labels = [f"$10^{{{int(decade)}}}$" for decade in decades]
    ax.set_yticks([y[0], *decades], ["0", *labels])
    return image


def draw_lines(ax: Axes, cells: pd.DataFrame, printed: float) -> None:
    """Contours of what the runs show, the closed forms, and the printed point."""
    close = grid(cells, "close").fillna(0)
    x, y = places(close.columns.to_numpy()), places(close.index.to_numpy())
    if min(close.shape) > 1 and close.to_numpy().min() < 0.5 < close.to_numpy().max():
        ax.contour(x, y, close, levels=[0.5], colors=[CLOSE["color"]], linewidths=CLOSE["lw"])
    one = cells.drop_duplicates("scale").sort_values("scale")
    scales = places(one["scale"].to_numpy())
    for name, look in (("balancing", BALANCING), ("dying", DYING)):
        values = one[name].to_numpy()
        known = values > 0
        ax.plot(scales[known], np.log10(values[known]), zorder=4, **look)
    # Signals of Stage 1 do not depend on lambda: upright lines.
    signal = one["signal"].to_numpy()
    for level in NEAR:
        for left in range(len(signal) - 1):
            pair = np.log(np.maximum(signal[left : left + 2], 1e-12)) - np.log(level)
            if np.isfinite(pair).all() and (pair[0] < 0) != (pair[1] < 0):
                share = pair[0] / (pair[0] - pair[1])
                ax.axvline(scales[left] + share * (scales[left + 1] - scales[left]), **SIGNAL)
    if printed > 0:
        ax.plot(0, np.log10(printed), zorder=5, **PRINTED)


def legend() -> list[Artist]:
    """Entries of the lines and of the printed point."""
    return [
        style.entry("star close in half of the runs", **CLOSE),
        style.entry("signals 0.05 and 0.2 after Stage 1", **SIGNAL),
        style.entry(r"$\lambda$ that balances the noise", **BALANCING),
        style.entry(r"$\lambda$ at which the signal dies", **DYING),
        style.entry("printed", **PRINTED),
    ]


def caption(cells: pd.DataFrame, setting: dict[str, Any]) -> str:
    """What the figure says."""
    size = ", ".join(
        f"${symbol}={style.number(setting[key])}$" for key, symbol in style.SIZES.items()
    )
    one = cells.drop_duplicates("scale").sort_values("scale")
    counts = ", ".join(f"{row.positive} at {row.scale:g}" for row in one.itertuples())
    return (
        f"Figure 1 at other rates and penalties, {size}: medians over the runs with positive "
        f"signals after Stage 1 ({counts})."
    )


if __name__ == "__main__":
    draw.main()
