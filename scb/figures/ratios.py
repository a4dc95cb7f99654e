"""Ratios of two optimizers' ends within a run: all runs of a setting in one panel."""

from collections.abc import Sequence

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator, ScalarFormatter

from scb.claims.samples import Median
from scb.figures import style
from scb.figures.replicates import CONFIDENCE, Run

FAR = 1e9
"""Where a ratio is cut: a renderer can take neither infinity nor the logarithm of 0."""
HOW_COMPARED = "Ratios are within a run; dot, bar and numbers: median and exact 95% interval."
"""How a caption says what `draw_ratios` draws."""


def draw_ratios(ax: Axes, run: Run, metric: str, optimizers: Sequence[str], symbol: str) -> None:
    """Draw the law of each optimizer's last value over SGD's in the same run.

    SGD is the first optimizer without a penalty, or the last one of all. The runs are the positive
    ones. Where both have diverged neither is better: the ratio is 1.
    """
    plain = [name for name in optimizers if not run["optimizers"][name].get("penalty")]
    base = [*plain, optimizers[-1]][0]
    under = run.ends(base, metric)
    ax.axvline(1, color="0.7", lw=0.8, zorder=0)
    shown, others = [1.0], [name for name in optimizers if name != base and len(under)]
    for place, name in enumerate(others):
        look, ends = style.looks_of(optimizers)[name], run.ends(name, metric)
        lost = np.isinf(ends) & np.isinf(under)
        ratio = np.sort(np.divide(ends, under, out=np.ones_like(ends), where=~lost))
        shown += ratio[np.isfinite(ratio) & (ratio > 0)].tolist()
        share = np.arange(1, len(ratio) + 1) / len(ratio)
        cut = np.clip(ratio, 1 / FAR, FAR)
        ax.step(cut, share, where="post", color=look.colour, ls=look.dashes)
        middle, low, high, _ = Median(ratio).estimate(CONFIDENCE)
        dot, *bar = np.clip([middle, low, high], 1 / FAR, FAR)
        ax.plot(bar, [0.5, 0.5], color=look.colour, lw=2.4, solid_capstyle="butt", zorder=4)
        ax.plot(dot, 0.5, "o", color=look.colour, mec="white", mew=0.6, ms=5, zorder=5)
        found = f"{middle:.2f} [{max(low, 0):.2f}, {high:.2f}]".replace("inf", "$\\infty$")
        x, y = (place % 3 + 0.5) / 3, 1.03 + 0.1 * (place // 3)  # three in a row
        ax.text(x, y, found, color=look.colour, ha="center", transform=ax.transAxes)
    ax.set_xscale("log")
    ax.set(xlim=(min(shown) / 1.05, max(shown) * 1.05), ylim=(0, 1.02))
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.xaxis.set_major_formatter(ScalarFormatter())
    ax.xaxis.set_minor_locator(NullLocator())
    sns.despine(ax=ax)
    ax.set_xlabel(rf"${symbol}$ at the last step, over that of {style.label(run, base)}")
