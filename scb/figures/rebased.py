"""Figure rebased: softmax's rivals on multi-query associative recall (the second paper)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from scb.figures import style
from scb.figures.drawing import drawing
from scb.figures.similarities import MARKS, SIMILARITIES, legend
from scb.rebased.claims import AHEAD, NOT_WORSE
from scb.rebased.results import Array, Recalled

ACCURACY = (-0.03, 1.03)
LINEAR = "linear"
PAIRS = {
    "K1: ReBased − Based": (("rebased", "based"), NOT_WORSE.value),
    r"K2: ReBased − $\mathrm{norm}(x)^2$": (("rebased", "square_norm"), AHEAD.value),
    "K3: $x^2$ − linear": (("square", LINEAR), AHEAD.value),
    "K3: ReBased − linear": (("rebased", LINEAR), AHEAD.value),
}
"""What each panel of differences shows, and the bar of its claim."""

POINT: dict[str, Any] = {"ms": 2.2, "mew": 0, "ls": "none", "alpha": 0.45, "clip_on": False}
MIDDLE: dict[str, Any] = {"ms": 4.8, "mec": "white", "mew": 0.4, "clip_on": False, "zorder": 5}


@drawing
def draw(tables: list[Path]) -> Figure:
    """Draw accuracy against the size of the state, and the differences that claims are about."""
    found = list(Recalled.read(tables).values())
    found.sort(key=lambda recalled: recalled.features)
    figure = Figure(figsize=(style.WIDTH, 4.3), layout="constrained")
    axes = figure.subplot_mosaic(
        [["states", "states", "0", "1"], ["states", "states", "2", "3"]], sharey=False
    )
    draw_states(axes["states"], found)
    for place, (said, (pair, bar)) in enumerate(PAIRS.items()):
        draw_differences(axes[str(place)], found, pair, bar)
        axes[str(place)].set_title(said, loc="left", fontsize=7)
    sns.despine(figure)
    kernels = [kernel for kernel in SIMILARITIES if any(kernel in one.kernels for one in found)]
    style.footer(figure, legend(kernels), caption(found), columns=4)
    return figure


def draw_states(ax: Axes, found: Sequence[Recalled]) -> None:
    """Test accuracy of every run against the size of the state; a line through the medians."""
    for place, kernel in enumerate(SIMILARITIES):
        mine = [one for one in found if kernel in one.kernels]
        if not mine:
            continue
        look = SIMILARITIES[kernel]
        # Kernels of one size would hide each other.
        shift = 1.015 ** (place - len(SIMILARITIES) / 2)
        sizes = [one.settings[kernel]["state_size"] * shift for one in mine]
        values = [one.accuracies(kernel) for one in mine]
        for size, accuracies in zip(sizes, values, strict=True):
            ax.plot([size] * len(accuracies), accuracies, marker="o", color=look.colour, **POINT)
        medians = [float(np.median(accuracies)) for accuracies in values]
        line: dict[str, Any] = {"color": look.colour, "marker": MARKS[kernel], "lw": 1.1}
        ax.plot(sizes, medians, ls=look.dashes, **line | MIDDLE)
    ax.set_xscale("log")
    ticks = sorted({one.settings["rebased"]["state_size"] for one in found})
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([str(tick) for tick in ticks])
    ax.set(ylim=ACCURACY, xlabel="size of the state, numbers", ylabel="test accuracy")
    ax.set_title(title_of(found[0]), loc="left")


def difference(one: Recalled, pair: tuple[str, str]) -> Array | None:
    """How far ahead the first of a pair is in each run, shape (R,); None if one is missing."""
    kernel, other = (one.linear if name == LINEAR else name for name in pair)
    return one.ahead(kernel, other) if {kernel, other} <= {*one.kernels} else None


def draw_differences(
    ax: Axes, found: Sequence[Recalled], pair: tuple[str, str], bar: float
) -> None:
    """Differences of every run at each f, with their medians, and the bar of the claim."""
    look, mark = SIMILARITIES[pair[0]], MARKS[pair[0]]
    ax.axhline(0, color="0.8", lw=0.8)
    ax.axhline(bar, color="0.3", lw=0.8, ls=(0, (4, 2)))
    for place, one in enumerate(found):
        values = difference(one, pair)
        if values is None:
            continue
        spread = np.linspace(-0.2, 0.2, len(values))
        ax.plot(place + spread, values, marker="o", color=look.colour, **POINT)
        ax.plot(place, np.median(values), marker=mark, color=look.colour, **MIDDLE)
    ax.set(xlim=(-0.5, len(found) - 0.5), ylim=(-1.05, 1.05))
    ax.xaxis.set_major_locator(FixedLocator(range(len(found))))
    ax.set_xticklabels([str(one.features) for one in found])
    ax.set_xlabel("$f$")


def title_of(recalled: Recalled) -> str:
    """The task."""
    setting = recalled.settings["rebased"]
    parts = {"T": "length", "K": "pairs", "V": "vocabulary", "d": "width"}
    return "$" + ", ".join(f"{symbol}={setting[key]}" for symbol, key in parts.items()) + "$"


def caption(found: Sequence[Recalled]) -> str:
    """What is drawn, over how many runs, and at which rates."""
    settings = [each for recalled in found for each in recalled.settings.values()]
    runs, solved, steps = (
        " or ".join(f"{value:g}" for value in sorted({each[name] for each in settings}))
        for name in ("runs", "solved", "steps")
    )
    return (
        f"Left: test accuracy of {runs} runs (small points; seeds of data and initial weights) of "
        "each kernel, and their median, against the size of the state, which grows with $f$ "
        f"({', '.join(str(one.features) for one in found)}). Each kernel has the learning rate "
        "that was chosen for it by validation on another seed. A run ends at a validation accuracy "
        f"of {solved} or at the cap of {steps} steps. Linear kernels have $f(f+1)/2$ features, as "
        "many as the squares: states of one size stand side by side. Right: differences in pairs "
        "of runs that share data and initial draws; dashed: the bar of the claim. K1 and K2 are "
        "judged where the state is small for the task, K3 by the mean over all sizes."
    )


if __name__ == "__main__":
    draw.main()
