"""Figure rebased: softmax's rivals on multi-query associative recall (the second paper)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

from scb.figures import style
from scb.figures.drawing import drawing
from scb.figures.similarities import MARKS, SIMILARITIES
from scb.rebased.results import Recalled

RANKED = ("based", "rebased")
ACCURACY = (-0.03, 1.03)


@drawing
def draw(tables: list[Path]) -> Figure:
    """Draw a row for each setting: accuracy against steps and state size, and ranks."""
    found = Recalled.read(tables)
    figure = Figure(figsize=(style.WIDTH, 2.05 * len(found)), layout="constrained")
    axes = figure.subplots(len(found), 3, squeeze=False, width_ratios=(1.25, 1.25, 1))
    for row, (name, recalled) in zip(axes, found.items(), strict=True):
        draw_curves(row[0], recalled)
        draw_states(row[1], recalled)
        draw_ranks(row[2], recalled)
        row[0].set_title(title_of(name, recalled), loc="left")
    for ax, label in zip(
        axes[-1], ("step", "size of the state, numbers", "learning rate"), strict=True
    ):
        ax.set_xlabel(label)
    sns.despine(figure)
    first = next(iter(found.values()))
    style.footer(figure, legend(first.kernels), caption(found), columns=4)
    return figure


def title_of(name: str, recalled: Recalled) -> str:
    """The setting."""
    setting = recalled.settings.get("rebased", next(iter(recalled.settings.values())))
    parts = {"T": "length", "K": "pairs", "V": "vocabulary", "d": "width", "f": "features"}
    sizes = ", ".join(f"{symbol}={setting[key]}" for symbol, key in parts.items())
    return f"{style.words(name)}: ${sizes}$"


def draw_curves(ax: Axes, recalled: Recalled) -> None:
    """Validation accuracy against the step, mean and range of the runs."""
    for kernel in recalled.kernels:
        look = SIMILARITIES[kernel]
        steps, values = recalled.curve(kernel)
        line: dict[str, Any] = {"color": look.colour, "ls": look.dashes}
        band: dict[str, Any] = {"color": look.colour, "alpha": 0.08, "lw": 0}
        ax.fill_between(steps, values.min(0), values.max(0), **band)
        ax.plot(steps, values.mean(0), lw=1.1, **line)
        ax.plot(steps[-1], values[:, -1].mean(), color=look.colour, marker=MARKS[kernel], **SMALL)
    last = max(setting["steps"] for setting in recalled.settings.values())
    ax.set(xlim=(0, last), ylim=ACCURACY, ylabel="validation accuracy")
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))


SMALL: dict[str, Any] = {"ms": 4.5, "mec": "white", "mew": 0.4, "clip_on": False, "zorder": 5}


def draw_states(ax: Axes, recalled: Recalled) -> None:
    """Test accuracy against the size of the state, mean and range of the runs.

    Kernels of one size, and those less than a tenth larger, are set side by side about it.
    """
    sizes = {kernel: setting["state_size"] for kernel, setting in recalled.settings.items()}
    groups: list[list[str]] = []
    for kernel in sorted(recalled.kernels, key=lambda kernel: sizes[kernel]):
        if groups and sizes[kernel] < 1.1 * sizes[groups[-1][0]]:
            groups[-1].append(kernel)
        else:
            groups.append([kernel])
    for together in groups:
        shifts = np.arange(len(together)) - (len(together) - 1) / 2
        for kernel, shift in zip(together, shifts, strict=True):
            look, values = SIMILARITIES[kernel], recalled.accuracies(kernel)
            x = sizes[together[-1]] * 1.055**shift
            line: dict[str, Any] = {"color": look.colour, "clip_on": False}
            ax.plot([x, x], [values.min(), values.max()], lw=0.9, **line)
            ax.plot(x, values.mean(), marker=MARKS[kernel], **SMALL | line)
    ax.set_xscale("log")
    ticks = [sizes[together[-1]] for together in groups]
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([str(tick) for tick in ticks])
    ax.set(xlim=(ticks[0] / 1.5, ticks[-1] * 1.3), ylim=ACCURACY, ylabel="test accuracy")


def draw_ranks(ax: Axes, recalled: Recalled) -> None:
    """Rank of Based and ReBased among all kernels at every rate; ringed where selected."""
    rates = recalled.rates
    for kernel in RANKED:
        look = SIMILARITIES[kernel]
        ranks = [recalled.rank(kernel, rate) for rate in rates]
        line: dict[str, Any] = {"color": look.colour, "clip_on": False}
        ax.plot(rates, ranks, lw=1.1, marker=MARKS[kernel], **SMALL | line)
        best = recalled.selected(kernel)
        ring: dict[str, Any] = {"marker": "o", "ms": 9, "mfc": "none", "mew": 0.9}
        ax.plot(best, recalled.rank(kernel, best), **ring, **line)
        for rate, rank in zip(rates, ranks, strict=True):
            mean = recalled.accuracies(kernel, rate).mean()
            above = kernel == RANKED[0]
            ax.annotate(
                f"{mean:.2f}",
                (rate, rank),
                xytext=(0, 6 if above else -6),
                textcoords="offset points",
                ha="center",
                va="bottom" if above else "top",
                color=look.colour,
                fontsize=6,
            )
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(FixedLocator(rates))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([f"{rate:g}" for rate in rates])
    count = len(recalled.kernels)
    ax.set(xlim=(rates[0] / 1.6, rates[-1] * 1.6), ylim=(count + 1, 0), ylabel=f"rank of {count}")
    ax.yaxis.set_major_locator(FixedLocator(range(1, count + 1, 3)))


def legend(kernels: Sequence[str]) -> list[Any]:
    """An entry for each kernel."""
    return [
        style.entry(
            SIMILARITIES[kernel].name,
            color=SIMILARITIES[kernel].colour,
            ls=SIMILARITIES[kernel].dashes,
            lw=1.1,
            marker=MARKS[kernel],
            ms=4.5,
            mec="white",
            mew=0.4,
        )
        for kernel in kernels
    ]


def caption(found: dict[str, Recalled]) -> str:
    """What is drawn, over how many runs, and at which rates."""
    settings = [each for recalled in found.values() for each in recalled.settings.values()]
    runs, solved, steps = (
        " or ".join(f"{value:g}" for value in sorted({each[name] for each in settings}))
        for name in ("runs", "solved", "steps")
    )
    selected = "; ".join(
        f"{style.words(name)}: "
        + ", ".join(f"{rate:g} ({count})" for rate, count in _counted(recalled).items())
        for name, recalled in found.items()
    )
    return (
        f"Mean and range of {runs} runs (seeds of data and initial weights), each kernel at the "
        "learning rate with the best mean validation accuracy (how many kernels chose which: "
        f"{selected}). A run ends at a validation accuracy of {solved} or at the cap of {steps} "
        "steps; test sequences decide nothing. Linear kernels have $f(f+1)/2$ features, as many "
        "as the squares; states of one size stand side by side ($x$, not divided by a sum of "
        "weights, needs a little less). Right: rank by mean test accuracy (numbers) at every "
        "rate, the selected one ringed."
    )


def _counted(recalled: Recalled) -> dict[float, int]:
    chosen = [recalled.selected(kernel) for kernel in recalled.kernels]
    return {rate: chosen.count(rate) for rate in recalled.rates if rate in chosen}


if __name__ == "__main__":
    draw.main()
