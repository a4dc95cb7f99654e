"""The specification curve: every universe, what it shows, and which options decide.

After Simonsohn, Simmons and Nelson (2020) and Steegen et al. (2016).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from scb.analysis.multiverse import (
    CLAIMS,
    OBSERVATIONS,
    OUTCOMES,
    across,
    by_option,
    never_together,
    together,
)
from scb.analysis.readings import READINGS
from scb.analysis.tables import MULTIVERSE
from scb.figures import style
from scb.figures.drawing import drawing
from scb.store import tables

CLAIM = "C1"
"""The claim whose outcomes are coloured: the curve is of its first statistic."""
COLOURS = dict(zip(OUTCOMES, ("#029e73", "#d55e00", "#b0b0b0"), strict=True))
TICKS = (0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.5, 2, 3, 5, 10)
ROWS = 10
"""Sets of observations that the table has at most."""


@drawing
def draw(table: Path) -> Figure:
    """Draw the curve above its options, the shares beside them, and observations below."""
    found, setting = tables.read(table, MULTIVERSE), tables.setting(table)
    ordered = found.sort_values(["ratio", *(one.name for one in READINGS)], ignore_index=True)
    figure = Figure(figsize=(style.WIDTH, 7.6), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(5.8, 2), squeeze=False)[:, 0]
    (curve, blank), (dots, bars) = upper.subplots(
        2, 2, width_ratios=(4, 1), height_ratios=(2.2, 3.6), sharex="col"
    )
    blank.set_axis_off()
    draw_curve(curve, ordered)
    draw_options(dots, bars, ordered)
    draw_observations(lower.subplots(), found)
    for ax in (curve, dots, bars):
        sns.despine(ax=ax)
    style.footer(figure, legend(), caption(found, setting), columns=5)
    return figure


def draw_curve(ax: Axes, ordered: pd.DataFrame) -> None:
    """Ratios in order, with their intervals, coloured by the outcome of the claim."""
    ratio = ordered["ratio"].to_numpy()
    # Where SGD diverged in the median run the ratio is 0, which has its place on the lower edge.
    finite = ratio[np.isfinite(ratio) & (ratio > 0)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0.5, 1.0)
    low, high = min(low, 0.8) / 1.2, max(high, 1.05) * 1.1
    for outcome, colour in COLOURS.items():
        some = ordered[ordered[CLAIM] == outcome]
        spread = [np.clip(some[name].fillna(1), low, high) for name in ("low", "high")]
        ax.vlines(some.index, *spread, color=colour, lw=0.3, alpha=0.5)
        ax.plot(some.index, np.clip(some["ratio"], low, high), ".", ms=1.5, color=colour)
    ax.axhline(1, color="0.6", lw=0.6, zorder=0)
    ax.set(yscale="log", ylim=(low, high), xlim=(-1, len(ordered)))
    ticks = [tick for tick in TICKS if low <= tick <= high]
    ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_ylabel("$\\|A-\\mathbf{Q}\\|_\\mu$,\nproximal / SGD")


def draw_options(dots: Axes, bars: Axes, ordered: pd.DataFrame) -> None:
    """A row for each option: a dot for each of its universes, and its shares of the outcomes."""
    place, ticks, labels = 0.0, [], []
    for dimension in READINGS:
        found = by_option(ordered, CLAIM, dimension.name)
        for option in dimension.names:
            rows = ordered[ordered[dimension.name] == option]
            for outcome, colour in COLOURS.items():
                some = rows.index[rows[CLAIM] == outcome]
                dots.plot(some, np.full(len(some), place), "|", ms=2.2, mew=0.3, color=colour)
            left = 0.0
            for outcome, share in found.get(option, {}).items():
                bars.barh(place, share, left=left, height=0.7, color=COLOURS[outcome])
                left += share
            ticks.append(place)
            labels.append(f"{style.words(dimension.name)}: {option}")
            place += 1
        place += 0.5
    for ax in (dots, bars):
        ax.set(ylim=(place - 0.5, -1))
        ax.set_yticks(ticks, labels if ax is dots else [""] * len(ticks), fontsize=5.5)
        ax.tick_params(axis="y", length=0)
    dots.set_xlabel("universes, by their ratio")
    bars.set(xlim=(0, 1), xlabel=f"share, {CLAIM}")


def draw_observations(ax: Axes, found: pd.DataFrame) -> None:
    """A row for each set of observations that some universe meets, most of them first."""
    rows = together(found).head(ROWS)
    for place, row in enumerate(rows.itertuples(index=False)):
        for column, name in enumerate(OBSERVATIONS):
            met = bool(getattr(row, name))
            ax.plot(column, place, "o", ms=4, color="black", mfc="black" if met else "white")
        ax.text(len(OBSERVATIONS) - 0.4, place, f"{row.universes}", va="center")
    ax.text(len(OBSERVATIONS) - 0.4, -0.9, "universes", va="center")
    ax.set(xlim=(-0.5, len(OBSERVATIONS) + 0.3), ylim=(len(rows) - 0.4, -1.4))
    ax.set_xticks(range(len(OBSERVATIONS)), [HEADS[name] for name in OBSERVATIONS])
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.set_yticks([])
    for side in ax.spines.values():
        side.set_visible(False)


HEADS = {
    "ahead": "proximal ahead,\nratio < 0.9",
    "close": "star close",
    "similar": "similarity\nclose to 1",
    "signal": "signals near 0.1\nat step 400",
    "struggles": "SGD's error\ndominates",
}
"""`OBSERVATIONS` in a few words."""


def legend() -> list[Artist]:
    """Entries of the outcomes, and of the marks of observations."""
    circle: Any = {"marker": "o", "ms": 4, "ls": "none", "color": "black"}
    return [
        *(
            style.entry(f"{CLAIM} {outcome}", color=colour, lw=3)
            for outcome, colour in COLOURS.items()
        ),
        style.entry("observation met", **circle),
        style.entry("not met", mfc="white", **circle),
    ]


def caption(found: pd.DataFrame, setting: dict[str, Any]) -> str:
    """What the figure says, with the shares of all claims and what is never met together."""
    size = ", ".join(
        f"${symbol}={style.number(setting[key])}$" for key, symbol in style.SIZES.items()
    )
    return (
        f"{len(found)} universes of figure 1, {size}, {int(found['runs'].max())} runs each. "
        "A ratio of 0, at the lower edge: SGD diverged in the median run. "
        f"Shown in: {'; '.join(_across(found, claim) for claim in CLAIMS)}. "
        f"No universe meets {_listed(never_together(found))}."
    )


def _across(found: pd.DataFrame, claim: str) -> str:
    told = across(found, claim)
    shown = f"{claim} {told.shares['shown']:.0%}"
    if not told.dimension:
        return shown
    outcome = "shown" if told.shares["shown"] else "refuted"
    options = ", ".join(f"{part[outcome]:.0%} at {name}" for name, part in told.by_option.items())
    return f"{shown} ({style.words(told.dimension)} decides: {outcome} in {options})"


def _listed(sets: Sequence[tuple[str, ...]]) -> str:
    """Sets of observations in words."""
    said = [" and ".join(HEADS[name].replace("\n", " ") for name in names) for names in sets]
    return (
        "; nor ".join(f"({text})" if len(sets) > 1 else text for text in said) or "no set of them"
    )


if __name__ == "__main__":
    draw.main()
