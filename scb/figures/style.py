"""One look for every figure: colours, names, panels, footers, files."""

import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, NullFormatter
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from scb.figures.replicates import Array, Band, Run, worst
from scb.store.files import replacing

WIDTH = 7.0
"""Inches: both columns of a two-column page."""

matplotlib.rcdefaults()  # whatever a matplotlibrc says
sns.set_theme(
    context="paper",
    style="ticks",
    rc={
        "axes.labelsize": 8,
        "axes.linewidth": 0.6,
        "axes.titlesize": 8,
        "figure.dpi": 200,
        "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: others are on some machines
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
    """Name, colour and dashes of an optimizer or model, the same in all figures."""

    name: str
    colour: str
    dashes: Any = "-"


# The colours keep apart under the common deficiencies of colour vision (most are seaborn's
# "colorblind" palette), the dashes in print without colour.
LOOKS = {
    "boost": Look("Stage 1", "#6e6e6e"),
    "proximal": Look("proximal", "#0173b2"),
    "proximal_large": Look("proximal (ours)", "#029e73", (0, (6, 1, 1, 1, 1, 1))),
    "proximal_best": Look("proximal (at its best)", "#332288", (0, (6, 1.2))),
    "sgd": Look("SGD", "#d55e00", (0, (4, 1.2))),
    "sgd_small": Look("SGD", "#cc78bc", (0, (3, 1, 1, 1))),
    "population": Look("population path", "#000000", (0, (5, 1.5, 1, 1.5))),
    "linear": Look("linear", "#56b4e9"),
    "softmax": Look("softmax", "#a6611a", (0, (4, 1.2))),
    "softmax_slow": Look("softmax, slower", "#de8f05", (0, (1, 1))),
    "softmax_fast": Look("softmax, faster", "#999933", (0, (2, 1))),
    "softmax_adam": Look("softmax, Adam", "#882255", (0, (4, 1, 1, 1))),
    "sgd_simplex": Look("SGD from the simplex", "#44aa99", (0, (1, 1))),
}

SPARE = ("#117733", "#cc6677", "#88ccee", "#aa4499", "#661100")
"""Colours of what is not in `LOOKS`."""
DASHES: tuple[Any, ...] = ((0, (6, 1.2)), (0, (1, 1)), (0, (4, 1, 1, 1)), (0, (2, 1)))
"""Their dashes, fewer by one, so that twenty in a row differ."""

LABELS = {
    "value_signal": r"signal $\alpha_V$",
    "attention_signal": r"signal $\alpha_A$",
    "value_error": r"error $\|\Delta_V\|_\mu$",
    "attention_error": r"error $\|\Delta_A\|_\mu$",
    "value_distance": r"distance $\|V-P\|_\mu$",
    "attention_distance": r"distance $\|A-\mathbf{Q}\|_\mu$",
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
OTHER: Any = {"lw": 0.9, "alpha": 0.8, "ls": (0, (1, 1.5)), "zorder": 1}
SINGLE: Any = {"lw": 0.8, "alpha": 0.9, "ls": "-", "zorder": 2.5}
PRINTED: Any = {"marker": "D", "ms": 5, "mfc": "white", "mec": "black", "ls": "none", "zorder": 5}
CROSS: Any = {"marker": "x", "ms": 4.5, "mew": 1.2, "ls": "none"}


def number(value: float) -> str:
    r"""A rate or penalty for mathtext: ``0.005``, ``10^{-5}``, ``3\times10^{-5}``."""
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:g}"
    mantissa, exponent = f"{value:.3e}".split("e")
    power = f"10^{{{int(exponent)}}}"
    return power if float(mantissa) == 1 else rf"{float(mantissa):g}\times{power}"


def words(name: str) -> str:
    """A name of the settings or of a column in words."""
    return name.replace("_", " ")


def name_of(optimizer: str) -> str:
    """Name of an optimizer or model in legends."""
    return LOOKS[optimizer].name if optimizer in LOOKS else words(optimizer)


def looks_of(optimizers: Sequence[str]) -> dict[str, Look]:
    """Looks of optimizers or models: their own, or spare ones in the order of the list."""
    unknown = [name for name in optimizers if name not in LOOKS]
    spare = {
        name: Look(name_of(name), SPARE[i % len(SPARE)], DASHES[i % len(DASHES)])
        for i, name in enumerate(unknown)
    }
    return {name: LOOKS[name] if name in LOOKS else spare[name] for name in optimizers}


def label_of(metric: str) -> str:
    """Label of the axis of a metric, of the iterate or of its normalised solution."""
    plain = metric.removeprefix("normalised_")
    return LABELS.get(plain, words(plain))


def label(run: Run, optimizer: str) -> str:
    """Name of an optimizer with the numbers that tell it from the others."""
    name = name_of(optimizer)
    if optimizer == "boost":
        return rf"{name}, $\eta={number(run['boost_rate'])}$"
    return f"{name}, {rates(run, [optimizer])}" if optimizer in _rules(run) else name


def rates(run: Run, optimizers: Sequence[str]) -> str:
    """Rates and penalties of optimizers in their order, each number once."""
    rules = [_rules(run)[name] for name in optimizers]
    etas = dict.fromkeys(number(rule["rate"]) for rule in rules)
    penalties = dict.fromkeys(number(rule["penalty"]) for rule in rules if rule.get("penalty"))
    both = ((r"\eta", etas), (r"\lambda", penalties))
    return ", ".join(f"${symbol}={'$, $'.join(found)}$" for symbol, found in both if found)


def _rules(run: Run) -> dict[str, dict[str, Any]]:
    """What the setting says of each optimizer."""
    found: dict[str, dict[str, Any]] = run.setting.get("optimizers", {})
    return found


class Displayed(Figure):
    """A figure that a notebook displays, though pyplot does not know it."""

    def _repr_png_(self) -> bytes:
        content = BytesIO()
        self.savefig(content, format="png")
        return content.getvalue()


def panels(rows: int, columns: int, height: float, **options: Any) -> tuple[Figure, Any]:
    """A figure of ``height`` inches, its footer not counted, and its axes (rows, columns)."""
    figure = Displayed(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    sns.despine(figure)
    return figure, axes


@dataclass(frozen=True)
class _Trace:
    look: Look
    steps: NDArray[np.int64]  # (S,)
    band: Band | None
    others: Array | None  # (S,)


def draw_curves(
    ax: Axes,
    run: Run,
    metric: str,
    optimizers: Sequence[str],
    *,
    scale: str = "linear",
    summarise: Callable[[Array], Band] = Band.of,
    looks: Mapping[str, Look] | None = None,
    with_others: bool = True,
) -> None:
    """Draw a metric against the step: Stage 1, then a curve for each optimizer.

    Middle and band of the positive replicates, a dotted line at the middle of the others unless
    these are left out, a cross on the edge where a run diverged, a vertical line at the end of
    Stage 1. The ``looks`` may be other ones than in other figures.
    """
    names = _with_boost(run, optimizers)
    looks = looks_of(names) if looks is None else {name: looks[name] for name in names}
    traces = []
    for name, look in looks.items():
        steps, values = run.values(name, metric, run.positive_after_boost)
        band = summarise(values) if len(values) else None
        others = run.values(name, metric, run.others if with_others else [])[1]
        traces.append(_Trace(look, steps, band, summarise(others).middle if len(others) else None))
    low, high = _limits(traces, scale)
    # A renderer cannot take infinity: what leaves the panel for it leaves this far.
    far = 100 * (high - low)
    floor, roof = (low / 1e6, high * 1e6) if scale == "log" else (low - far, high + far)
    for trace in traces:
        colour, dashes = trace.look.colour, trace.look.dashes
        if trace.others is not None:
            ax.plot(trace.steps, np.clip(trace.others, floor, roof), color=colour, **OTHER)
        if trace.band is None:
            continue
        lower, middle, upper = (
            np.clip(values, floor, roof)
            for values in (trace.band.low, trace.band.middle, trace.band.high)
        )
        ax.fill_between(trace.steps, lower, upper, color=colour, alpha=OPACITY, lw=0, zorder=2)
        for edge in (lower, upper):  # bands overlap: their edges tell them apart
            ax.plot(trace.steps, edge, color=colour, lw=0.5, alpha=0.5, ls=dashes, zorder=2)
        ax.plot(trace.steps, middle, color=colour, ls=dashes, zorder=3)
    for name, look in looks.items():
        for step in run.divergence(name).values():
            draw_cross(ax, step, look.colour, top=worst(metric) > 0)
    if run.staged:
        ax.axvline(run.switch, **SWITCH)
    ax.set_yscale(scale, **({"linthresh": LINEAR, "linscale": 0.5} if scale == "symlog" else {}))
    if scale == "log":
        ax.yaxis.set_minor_formatter(NullFormatter())
    for sibling in ax.get_shared_y_axes().get_siblings(ax):
        if sibling is not ax and sibling.has_data():
            low, high = min(low, sibling.get_ylim()[0]), max(high, sibling.get_ylim()[1])
    ax.set(xlim=(0, run.last), ylim=(low, high), ylabel=label_of(metric))
    ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10], integer=True))


def _with_boost(run: Run, optimizers: Sequence[str]) -> list[str]:
    return ["boost", *optimizers] if run.staged else list(optimizers)


def _limits(traces: Sequence[_Trace], scale: str) -> tuple[float, float]:
    """Limits that show all that is finite, but no outlier at the price of the medians."""
    medians, rest = [np.empty(0)], [np.empty(0)]
    for trace in traces:
        later = trace.steps > 0  # errors start at 0 up to rounding: no place on a log axis
        if trace.others is not None:
            rest.append(trace.others[later])
        if trace.band is not None:
            medians.append(trace.band.middle[later])
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


def draw_single(ax: Axes, run: Run, metric: str, optimizers: Sequence[str], replicate: int) -> None:
    """Draw one run, thin, within the limits that are there."""
    for name, look in looks_of(_with_boost(run, optimizers)).items():
        steps, values = run.values(name, metric, [replicate])
        low, high = ax.get_ylim()
        far = 100 * (high - low)  # as of bands
        ax.plot(steps, np.clip(values[0], low - far, high + far), color=look.colour, **SINGLE)


def entry(text: str, **line: Any) -> Line2D:
    """A legend entry: a line, or a mark, with its text."""
    return Line2D([], [], label=text, **line)


def entries(runs: Sequence[Run], optimizers: Sequence[str]) -> list[Artist]:
    """Legend entries of the curves: Stage 1, its end, each optimizer, the band, crosses.

    Of several runs the optimizers are named only: rates and penalties differ.
    """
    artists: list[Artist] = []
    looks = looks_of(_with_boost(runs[0], optimizers))
    for name, look in looks.items():
        text = label(runs[0], name) if len(runs) == 1 else look.name
        artists.append(entry(text, color=look.colour, ls=look.dashes))
    artists.append(Patch(color="0.5", alpha=2 * OPACITY, lw=0, label=band_name(runs)))
    if any(run.others for run in runs):
        artists.append(entry(r"runs without $\alpha_V,\alpha_A>0$", color="0.3", **OTHER))
    if runs[0].staged:
        artists.append(entry("end of Stage 1", **SWITCH))
    if any(run.divergence(name) for run in runs for name in looks):
        artists.append(entry("a run diverged", color="0.3", **CROSS))
    return artists


def band_name(runs: Sequence[Run]) -> str:
    """What bands are: below 40 replicates the central 95% is the range."""
    enough = {len(run.positive_after_boost) >= 40 for run in runs}
    if len(enough) > 1:
        return "central 95% (range, below 40 runs)"
    return "central 95%" if enough == {True} else "range"


def how_drawn(runs: Sequence[Run]) -> str:
    """How a caption says what `draw_curves` does with the replicates that `counts` counts."""
    others = "; dotted: median of the others" if any(run.others for run in runs) else ""
    return f"Curves and bands: median and {band_name(runs)} of these replicates{others}."


def counts(runs: Sequence[Run], optimizers: Sequence[str]) -> str:
    """How many replicates of each run are positive, and how many diverged, for a caption."""
    positive = [
        f"{len(run.positive_after_boost)} of {len(run.replicates)}{_where(run, runs)}"
        for run in runs
    ]
    return (
        r"Replicates that ended Stage 1 with $\alpha_V,\alpha_A>0$: "
        f"{', '.join(positive)}. {diverged(runs, optimizers)}"
    )


def diverged(runs: Sequence[Run], optimizers: Sequence[str]) -> str:
    """How many replicates of each optimizer diverged, for a caption."""
    found = [
        f"{count} of {len(run.replicates)} with {label(run, name)}{_where(run, runs)}"
        for run in runs
        for name in _with_boost(run, optimizers)
        if (count := len(run.divergence(name)))
    ]
    return f"Diverged: {'; '.join(found) or 'none'}."


SIZES = {"states": "N", "length": "T", "batch": "B"}


def conditions(run: Run) -> str:
    """The size of the problem, for a caption or title."""
    return ", ".join(f"${symbol}={number(run[key])}$" for key, symbol in SIZES.items())


def _where(run: Run, runs: Sequence[Run]) -> str:
    """The first size that tells a run from all others, or else all sizes."""
    if len(runs) == 1:
        return ""
    for key, symbol in SIZES.items():
        if len({other[key] for other in runs}) == len(runs):
            return f" at ${symbol}={number(run[key])}$"
    return f" at {conditions(run)}"


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
            re.sub(r"\\([A-Za-z]+|.)", "x", match[0]).translate(str.maketrans("", "", "${}_^"))
        )

    lines = textwrap.wrap(formula.sub(stand_in, caption), width, break_on_hyphens=False)
    return re.sub("\0+", lambda _: next(formulas), "\n".join(lines))


def save(figure: Figure, output: Path, subject: str | None = None) -> None:
    """Write ``output`` (.pdf) and the .png beside it, whole or not at all.

    The bytes depend on nothing but the figure: no date is written. A ``subject`` is written into
    the PDF.
    """
    figure.draw_without_rendering()  # lay out once, for both files
    figure.set_layout_engine(None)  # "none" leaves an engine, for which a file is drawn twice
    _round_layout(figure)
    with replacing(output) as pdf, replacing(output.with_suffix(".png")) as png:
        figure.savefig(pdf, format="pdf", metadata={"CreationDate": None, "Subject": subject})
        figure.savefig(png, format="png", metadata={"Software": None})


def _round_layout(figure: Figure) -> None:
    """Round the places of all panels, whose last bits vary from one drawing to the next.

    The solver of the layout adds up its terms in the order of their addresses in memory.
    """
    grid = 2.0**20  # finer than a pixel by far; binary, as no text measured in 64ths ends halfway

    def rounded(box: Bbox) -> Bbox:
        return Bbox(np.round(box.get_points() * grid) / grid)

    for part in figure.subfigs:
        part.bbox_relative.set(rounded(part.bbox_relative))
    for ax in figure.axes:
        ax.set_position(rounded(ax.get_position(original=True)))
