"""Figure language: bits per byte of each kernel, on repeated bigrams and on all other tokens."""

from pathlib import Path
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from scb.claims.parts import ratio
from scb.figures import style
from scb.figures.drawing import drawing
from scb.figures.similarities import MARKS, SIMILARITIES, legend
from scb.rebased.language_results import SLICES, Modelled

POINT: dict[str, Any] = {"ms": 4, "mec": "white", "mew": 0.4, "ls": "none", "clip_on": False}
SPREAD = 0.5
"""Of the points of a kernel, side by side in the order of runs."""


@drawing
def draw(tables: list[Path]) -> Figure:
    """Draw validation bits against the step, and a point for each run on every slice."""
    found = Modelled.read(tables)
    figure = Figure(figsize=(style.WIDTH, 2.1), layout="constrained")
    axes = figure.subplots(1, 1 + len(SLICES), width_ratios=(1.5, 1, 1, 1))
    draw_curves(axes[0], found)
    for ax, part in zip(axes[1:], SLICES, strict=True):
        draw_runs(ax, found, part)
    axes[1].set_ylabel("test bits per byte")
    sns.despine(figure)
    style.footer(figure, legend(found.kernels), caption(found))
    return figure


def draw_curves(ax: Axes, found: Modelled) -> None:
    """Validation bits per byte against the step, median and range of the runs."""
    for kernel in found.kernels:
        look = SIMILARITIES[kernel]
        steps, values = found.curve(kernel)
        values = np.where(np.isnan(values), np.inf, values)  # a run that diverged
        low, middle, high = (np.min(values, 0), np.median(values, 0), np.max(values, 0))
        there = np.isfinite(middle)
        ends = there & np.isfinite(high)
        ax.fill_between(steps[ends], low[ends], high[ends], color=look.colour, alpha=0.1, lw=0)
        ax.plot(steps[there], middle[there], color=look.colour, ls=look.dashes, lw=1.1)
    ax.set(xlabel="step", ylabel="validation bits per byte", xlim=(0, found.setting["steps"]))
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    ax.set_title("learning", loc="left")


def draw_runs(ax: Axes, found: Modelled, part: str) -> None:
    """A point for each run, and a line at their median."""
    for place, kernel in enumerate(found.kernels):
        look, values = SIMILARITIES[kernel], found.bits(kernel, part)
        values = np.where(np.isfinite(values), values, np.nan)
        x = place + SPREAD * (np.arange(len(values)) / max(len(values) - 1, 1) - 0.5)
        ax.plot(x, values, color=look.colour, marker=MARKS[kernel], **POINT)
        middle = float(np.median(found.bits(kernel, part)))
        if np.isfinite(middle):
            ax.plot([place - 0.4, place + 0.4], [middle] * 2, color=look.colour, lw=1.1)
    ax.set(xlim=(-0.7, len(found.kernels) - 0.3), xticks=[])
    ax.yaxis.set_major_locator(MaxNLocator(5))
    ax.set_title(SLICES[part], loc="left")


def caption(found: Modelled) -> str:
    """What ReBased needs beside Based, and what is drawn."""
    setting = found.setting
    lost = sum(int(np.isinf(found.bits(kernel)).sum()) for kernel in found.kernels)
    tokens = setting["steps"] * setting["batch"] * setting["context"]
    sizes = {"T": "context", "V": "vocabulary", "d": "width"}
    told = ", ".join(f"{symbol}={setting[key]}" for symbol, key in sizes.items())
    return (
        f"{message(found)} Text: {setting['corpus']}. A point is a run (seed of the order of the "
        f"text and of the weights; all see {tokens:,} tokens, ${told}$, "
        f"{setting['blocks']} blocks), a line the median of {counts(found)}. Repeated bigrams: "
        "tokens that complete a bigram which occurred before in the sequence and at most "
        f"{setting['rare']} times in training, {found.share('repeated'):.1%} of the test bytes. "
        f"Left: median and range of the runs. Diverged: {lost or 'none'}."
    )


def counts(found: Modelled) -> str:
    """How many runs the kernels have."""
    every = {kernel: len(found.bits(kernel)) for kernel in found.kernels}
    if len(set(every.values())) == 1:
        return f"{every['based']}"
    rest = " or ".join(map(str, sorted(set(every.values()) - {every["based"]})))
    return f"{every['based']} (of kernels with fewer points, of {rest})"


def message(found: Modelled) -> str:
    """Bits per byte of ReBased over those of Based, on both slices."""
    said = []
    for part in ("repeated", "other"):
        rebased, based = (found.bits(kernel, part) for kernel in ("rebased", "based"))
        if not np.isfinite([np.median(rebased), np.median(based)]).all():
            return "Half of the runs of ReBased or Based diverged, or more."
        needed = float(np.median(ratio(rebased, based)))
        more = "more" if needed >= 1 else "fewer"
        said.append(f"{abs(needed - 1):.1%} {more} on {SLICES[part]}")
    return (
        f"ReBased needs {said[0]} than Based, and {said[1]} (medians of bits per byte, in pairs)."
    )


if __name__ == "__main__":
    draw.main()
