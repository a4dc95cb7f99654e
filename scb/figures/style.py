"""One look for every figure: colours, names, panels, footers, files, command line."""

import argparse
import re
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, NullFormatter
from numpy.typing import NDArray

from scb.figures.replicates import Array, Band, Run, worst
from scb.store.files import replacing
from scb.store.tables import TableError

WIDTH = 7.0
"""Inches: both columns of a two-column page."""

sns.set_theme(
    context="paper",
    style="ticks",
    rc={
        "axes.labelsize": 8,
        "axes.linewidth": 0.6,
        "axes.titlesize": 8,
        "figure.dpi": 200,
        "font.size": 7,
        "legend.fontsize": 7,
        "legend.frameon": False,
        "lines.linewidth": 1.3,
        "pdf.fonttype": 42,  # text stays text in a manuscript
        "xtick.labelsize": 7,
        "xtick.major.width": 0.6,
        "ytick.labelsize": 7,
        "ytick.major.width": 0.6,
        "ytick.minor.width": 0.4,
    },
)


@dataclass(frozen=True)
class Look:
    """Name, colour and dashes of an optimiser or model, the same in all figures."""

    name: str
    colour: str
    dashes: Any = "-"


# The colours keep apart under the common deficiencies of colour vision (most are seaborn's
# "colorblind" palette), the dashes in print without colour.
LOOKS = {
    "boost": Look("Stage 1", "#6e6e6e"),
    "proximal": Look("proximal", "#0173b2"),
    "proximal_large": Look("proximal (ours)", "#029e73", (0, (6, 1, 1, 1, 1, 1))),
    "sgd": Look("SGD", "#d55e00", (0, (4, 1.2))),
    "sgd_small": Look("SGD", "#cc78bc", (0, (3, 1, 1, 1))),
    "population": Look("population path", "#000000", (0, (5, 1.5, 1, 1.5))),
    "linear": Look("linear", "#56b4e9"),
    "softmax": Look("softmax", "#a6611a", (0, (4, 1.2))),
}

LABELS = {
    "value_signal": r"signal $\alpha_V$",
    "attention_signal": r"signal $\alpha_A$",
    "value_error": r"error $|\Delta_V|_\mu$",
    "attention_error": r"error $|\Delta_A|_\mu$",
    "value_distance": r"distance $|V-P|_\mu$",
    "attention_distance": r"distance $|A-\mathbf{Q}|_\mu$",
    "value_similarity": r"similarity of $V$ and $P$",
    "attention_similarity": r"similarity of $A$ and $\mathbf{Q}$",
    "value_centred_similarity": "centred similarity\n" r"of $V$ and $P$",
    "attention_centred_similarity": "centred similarity\n" r"of $A$ and $\mathbf{Q}$",
    "test_loss": "test loss",
    "excess_loss": r"test $-$ Bayes loss",
}

OPACITY = 0.13
LINEAR = 1e-3
"""Where a symmetric logarithmic axis turns linear."""
SWITCH: Any = {"color": "0.45", "lw": 0.7, "ls": (0, (2, 2)), "zorder": 0}
BAYES: Any = {"color": "black", "lw": 0.8, "ls": (0, (6, 2))}
OTHER: Any = {"lw": 0.6, "alpha": 0.7, "ls": (0, (1, 1.5)), "zorder": 1}
STAR: Any = {"marker": "*", "ms": 8, "mec": "white", "mew": 0.5, "ls": "none"}
CROSS: Any = {"marker": "x", "ms": 4.5, "mew": 1.2, "ls": "none"}


def number(value: float) -> str:
    r"""A rate or penalty for mathtext: ``0.005``, ``10^{-5}``, ``3\times10^{-5}``."""
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:g}"
    mantissa, exponent = f"{value:.3e}".split("e")
    power = f"10^{{{int(exponent)}}}"
    return power if float(mantissa) == 1 else rf"{float(mantissa):g}\times{power}"


def label(run: Run, optimizer: str) -> str:
    """Name of an optimiser with the numbers that tell it from the others."""
    name = LOOKS[optimizer].name
    if optimizer == "boost":
        return rf"{name}, $\eta={number(run['boost_rate'])}$"
    if optimizer not in run.setting.get("optimizers", {}):
        return name
    step = run["optimizers"][optimizer]
    penalty = rf", $\lambda={number(step['penalty'])}$" if step["penalty"] else ""
    return rf"{name}, $\eta={number(step['rate'])}$" + penalty


def panels(rows: int, columns: int, height: float, **options: Any) -> tuple[Figure, Any]:
    """A figure of ``height`` inches, its footer not counted, and its axes (rows, columns)."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    sns.despine(figure)
    return figure, axes


@dataclass(frozen=True)
class _Trace:
    look: Look
    steps: NDArray[np.int64]  # (S,)
    band: Band | None
    others: Array  # (R, S)


def draw_curves(
    ax: Axes, run: Run, metric: str, optimizers: Sequence[str], *, scale: str = "linear"
) -> None:
    """Draw a metric against the step: Stage 1, then a curve for each optimiser.

    Median and band of the aligned replicates, a dotted line for each other one, a cross
    on the edge where a run diverged, a vertical line at the end of Stage 1.
    """
    names = ("boost", *optimizers) if run.staged else tuple(optimizers)
    traces = []
    for name in names:
        steps, values = run.values(name, metric, run.aligned)
        band = Band.of(values) if len(values) else None
        traces.append(_Trace(LOOKS[name], steps, band, run.values(name, metric, run.others)[1]))
    low, high = _limits(traces, scale)
    # A renderer cannot take infinity: what leaves the panel for it leaves this far.
    far = 100 * (high - low)
    floor, roof = (low / 1e6, high * 1e6) if scale == "log" else (low - far, high + far)
    for trace in traces:
        colour, dashes = trace.look.colour, trace.look.dashes
        for other in np.clip(trace.others, floor, roof):
            ax.plot(trace.steps, other, color=colour, **OTHER)
        if trace.band is None:
            continue
        lower, middle, upper = (
            np.clip(values, floor, roof)
            for values in (trace.band.low, trace.band.median, trace.band.high)
        )
        ax.fill_between(trace.steps, lower, upper, color=colour, alpha=OPACITY, lw=0, zorder=2)
        for edge in (lower, upper):  # bands overlap: their edges tell them apart
            ax.plot(trace.steps, edge, color=colour, lw=0.5, alpha=0.7, ls=dashes, zorder=2)
        ax.plot(trace.steps, middle, color=colour, ls=dashes, zorder=3)
    for name in names:
        for step in run.divergence(name).values():
            draw_cross(ax, step, LOOKS[name].colour, top=worst(metric) > 0)
    if run.staged:
        ax.axvline(run.switch, **SWITCH)
    ax.set_yscale(scale, **({"linthresh": LINEAR, "linscale": 0.5} if scale == "symlog" else {}))
    if scale == "log":
        ax.yaxis.set_minor_formatter(NullFormatter())
    for sibling in ax.get_shared_y_axes().get_siblings(ax):
        if sibling is not ax and sibling.has_data():
            low, high = min(low, sibling.get_ylim()[0]), max(high, sibling.get_ylim()[1])
    ax.set(xlim=(0, run.last), ylim=(low, high), ylabel=LABELS[metric.removeprefix("normalised_")])
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10], integer=True))


def _limits(traces: Sequence[_Trace], scale: str) -> tuple[float, float]:
    """Limits that show all that is finite, but no outlier at the price of the medians."""
    medians, rest = [np.empty(0)], [np.empty(0)]
    for trace in traces:
        later = trace.steps > 0  # errors start at 0 up to rounding: no place on a log axis
        rest.append(trace.others[:, later].ravel())
        if trace.band is not None:
            medians.append(trace.band.median[later])
            rest += [trace.band.low[later], trace.band.high[later]]
    centre, values = np.concatenate(medians), np.concatenate(rest)
    centre, values = centre[np.isfinite(centre)], values[np.isfinite(values)]
    if scale == "log":
        values = values[values > 0]
        low, high = (values.min(), values.max()) if len(values) else (0.1, 1.0)
        return float(min(low, high / 10) / 1.15), float(high * 1.15)
    low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    if scale == "symlog":
        return float(min(low, -0.3 * LINEAR)), float(max(high, 2 * LINEAR) * 1.3)
    if len(centre):
        reach = 3 * np.abs(centre).max()
        low, high = max(low, centre.min() - reach), min(high, centre.max() + reach)
    margin = 0.04 * (high - low) or 1.0
    return float(low - margin), float(high + margin)


def draw_cross(ax: Axes, step: float, colour: str, *, top: bool) -> None:
    """Mark the step at which a run diverged on the edge through which it left."""
    x_data_y_axes = ax.get_xaxis_transform()
    ax.plot(
        step, float(top), color=colour, transform=x_data_y_axes, clip_on=False, zorder=6, **CROSS
    )


def draw_star(
    ax: Axes, x: float, values: Array, look: Look, spread: tuple[float, float] | None = None
) -> None:
    """A star at the median of ``values``, shape (R,), with its 95% interval.

    ``spread`` is the interval of ``x``, where that varies with the replicate too.
    """
    if not len(values):
        return
    band = Band.of(values[:, None])
    ends = np.concatenate([band.low, band.median, band.high])
    low, high = ax.get_ylim()
    finite = ends[np.isfinite(ends)]
    low, high = min([low, *finite]), max([high, *finite])
    ax.set_ylim(low, high)
    bottom, middle, top = np.clip(ends, low, high)
    style: Any = {"color": look.colour, "clip_on": False}
    ax.plot([x, x], [bottom, top], lw=0.9, zorder=4, **style)
    if spread is not None:
        ax.plot(spread, [middle, middle], lw=0.9, zorder=4, **style)
    ax.plot(x, middle, zorder=5, **style, **STAR)


def entry(text: str, **line: Any) -> Line2D:
    """A legend entry: a line, or a mark, with its text."""
    return Line2D([], [], label=text, **line)


def entries(runs: Sequence[Run], optimizers: Sequence[str]) -> list[Artist]:
    """Legend entries of the curves: Stage 1, its end, each optimiser, the band, crosses.

    Of several runs the optimisers are named only: rates and penalties differ.
    """
    artists: list[Artist] = []
    names = ("boost", *optimizers) if runs[0].staged else tuple(optimizers)
    for name in names:
        text = label(runs[0], name) if len(runs) == 1 else LOOKS[name].name
        artists.append(entry(text, color=LOOKS[name].colour, ls=LOOKS[name].dashes))
    artists.append(Patch(color="0.5", alpha=2 * OPACITY, lw=0, label="central 95%"))
    if runs[0].staged:
        artists.append(entry("end of Stage 1", **SWITCH))
    if any(run.divergence(name) for run in runs for name in names):
        artists.append(entry("a run diverged", color="0.3", **CROSS))
    return artists


HOW_DRAWN = (
    "Curves and bands: median and central 95% of these replicates (their range, below 40); "
    "dotted: each of the others."
)
"""How a caption says what `draw_curves` does with the replicates that `counts` counts."""


def conditions(run: Run) -> str:
    """The size of the problem, for a caption or title."""
    states, length, batch = (number(run[key]) for key in ("states", "length", "batch"))
    return rf"$N={states}$, $T={length}$, $B={batch}$"


def counts(runs: Sequence[Run], optimizers: Sequence[str]) -> str:
    """How many replicates of each run are aligned, and how many diverged, for a caption."""
    aligned = [f"{len(run.aligned)} of {len(run.replicates)}{_where(run, runs)}" for run in runs]
    return (
        r"Replicates that ended Stage 1 with $\alpha_V,\alpha_A>0$: "
        f"{', '.join(aligned)}. {diverged(runs, optimizers)}"
    )


def diverged(runs: Sequence[Run], optimizers: Sequence[str]) -> str:
    """How many replicates of each optimiser diverged, for a caption."""
    names = ("boost", *optimizers) if runs[0].staged else optimizers
    found = [
        f"{count} of {len(run.replicates)} with {label(run, name)}{_where(run, runs)}"
        for run in runs
        for name in names
        if (count := len(run.divergence(name)))
    ]
    return f"Diverged: {'; '.join(found) or 'none'}."


def _where(run: Run, runs: Sequence[Run]) -> str:
    return rf" at $N={run['states']}$" if len(runs) > 1 else ""


def footer(figure: Figure, legend: Sequence[Artist], caption: str, columns: int = 3) -> None:
    """Legend and caption below the panels, where they cover nothing."""
    line = 0.135  # inches, at the font size of the theme
    text = wrap(caption, 116)
    text_height = line * (text.count("\n") + 1) + 0.06
    foot = text_height + 1.15 * line * -(-len(legend) // columns) + 0.12
    height = figure.get_figheight() + foot
    figure.set_figheight(height)
    figure.set_layout_engine("constrained", rect=(0, foot / height, 1, 1 - foot / height))
    figure.text(0.012, 0.04 / height, text, va="bottom", linespacing=1.25)
    figure.legend(
        handles=list(legend),
        loc="lower center",
        bbox_to_anchor=(0.5, text_height / height),
        ncols=columns,
        borderaxespad=0.2,
        columnspacing=1.6,
        handlelength=2.6,
        labelspacing=0.3,
    )


def wrap(caption: str, width: int) -> str:
    """Break a caption into lines; mathtext counts as what is seen of it."""
    formula = re.compile(r"\$[^$]*\$")
    formulas = iter(formula.findall(caption))

    def stand_in(match: re.Match[str]) -> str:
        return "\0" * len(
            re.sub(r"\\[A-Za-z]+", "x", match[0]).translate(str.maketrans("", "", "${}_^"))
        )

    lines = textwrap.wrap(formula.sub(stand_in, caption), width, break_on_hyphens=False)
    return re.sub("\0+", lambda _: next(formulas), "\n".join(lines))


def save(figure: Figure, output: Path) -> None:
    """Write ``output`` (.pdf) and the .png beside it, whole or not at all.

    The bytes depend on nothing but the figure: no date is written.
    """
    figure.draw_without_rendering()  # lay out once, for both files
    figure.set_layout_engine("none")
    with replacing(output) as pdf, replacing(output.with_suffix(".png")) as png:
        figure.savefig(pdf, format="pdf", metadata={"CreationDate": None})
        figure.savefig(png, format="png", metadata={"Software": None})


def command(
    draw: Callable[..., Figure],
    options: Sequence[str],
    argv: Sequence[str] | None,
    *,
    several: bool = False,
) -> int:
    """Run the command line of a figure: ``--OPTION file`` for each table, ``--output``.

    Parameters
    ----------
    draw : callable
        Takes the paths of the tables by the names of ``options``, as lists if ``several``.
    several : bool
        Whether each option takes one file or more, equally many for all.

    Returns
    -------
    int
        Exit status: 0, or 1 after one line on a table or a file at fault, or on Ctrl-C.
    """
    parser = argparse.ArgumentParser(description=draw.__doc__)
    for option in options:
        parser.add_argument(f"--{option}", type=Path, required=True, nargs="+" if several else None)
    parser.add_argument("--output", type=Path, required=True, help=".pdf; .png goes beside it")
    arguments = vars(parser.parse_args(argv))
    output = arguments.pop("output")
    if output.suffix != ".pdf":
        parser.error(f"--output must end in .pdf, not {output}")
    if several and len({len(paths) for paths in arguments.values()}) > 1:
        parser.error(f"--{' and --'.join(options)} must take equally many files")
    try:
        save(draw(**arguments), output)
    except (TableError, OSError) as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{parser.prog}: interrupted", file=sys.stderr)
        return 1
    return 0
