"""Curves of two folders of results on the same axes: colours are optimizers, dashes are folders."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from scb.figures import style
from scb.figures.overview import METRICS, SCALES
from scb.figures.replicates import Band, Run

DASHES = ("-", (0, (3, 1.5)))
"""Of the two folders."""

CAPTION = (
    r"Curves: median of the replicates that ended Stage 1 with $\alpha_V,\alpha_A>0$, which the "
    "titles count in the order of the legend, with its exact interval (none below 6 replicates)."
)

SUBJECT = "scb compare"
"""Of the PDF, by which it is known again."""


def overlay(runs: Mapping[str, tuple[Run, Run]], folders: tuple[Path, Path]) -> Figure:
    """Draw signals, distances, loss and similarity of each section, both runs in each panel.

    Parameters
    ----------
    runs : mapping
        The runs of both folders, by the name of the section.
    folders : pair of Path
        Named in the legend.
    """
    every = [run for pair in runs.values() for run in pair]
    found = {name for run in every for name in _drawn(run)}
    known = [name for name in style.LOOKS if name in found]
    looks = style.looks_of([*known, *sorted(found.difference(known))])
    figure = Figure(figsize=(style.WIDTH, 3.4 * len(runs)), layout="constrained")
    parts = figure.subfigures(len(runs), 1, squeeze=False)[:, 0]
    for part, (section, pair) in zip(parts, runs.items(), strict=True):
        part.suptitle(_title(section, pair), fontsize=8)
        panels = part.subplots(len(METRICS), len(METRICS[0]), sharex=True)
        sns.despine(part)
        for ax, metric in zip(panels.flat, [name for row in METRICS for name in row], strict=True):
            _draw(ax, pair, metric, looks)
        for ax in panels[-1]:
            ax.set_xlabel("step")
    style.footer(figure, _legend(looks, folders), CAPTION + _left_out(runs.values()))
    return figure


def save(figure: Figure, output: Path) -> None:
    """Write the PDF and the PNG beside it; see `require_ours`."""
    require_ours(output)
    style.save(figure, output, subject=SUBJECT)


def require_ours(output: Path) -> None:
    """Refuse to write over what `save` has not written.

    Raises
    ------
    ValueError
        One line.
    """
    if output.suffix != ".pdf":
        raise ValueError(f"--output must end in .pdf, not {output}")
    if output.is_file() and f"/Subject ({SUBJECT})".encode() in output.read_bytes():
        return
    for path in (output, output.with_suffix(".png")):
        if path.exists():
            raise ValueError(f"{path} is there, and not of this command: name another --output")


def _drawn(run: Run) -> list[str]:
    """Optimizers that all replicates have, and Stage 1, less those `_diverged`."""
    counts = run.frame.groupby("optimizer")["replicate"].nunique()
    whole = [name for name in run.optimizers if counts[name] == len(run.replicates)]
    return [name for name in whole if name not in _diverged(run)]


def _diverged(run: Run) -> list[str]:
    """Optimizers with most runs diverged, whose median would leave no room for the others."""
    runs = set(run.positive_after_boost)
    return [
        name
        for name in run.optimizers
        if name != "boost" and 2 * len(runs.intersection(run.divergence(name))) > len(runs)
    ]


def _left_out(pairs: Iterable[tuple[Run, Run]]) -> str:
    """Which optimizers are not drawn, for a caption."""
    found: dict[str, set[int]] = {}
    for pair in pairs:
        for place, run in enumerate(pair):
            for name in _diverged(run):
                found.setdefault(name, set()).add(place)
    where = {(0,): "first folder", (1,): "second folder", (0, 1): "both"}
    said = [f"{style.words(name)} ({where[tuple(sorted(at))]})" for name, at in found.items()]
    return f" Not drawn, as most runs diverged: {', '.join(said)}." if said else ""


def _draw(ax: Axes, pair: tuple[Run, Run], metric: str, looks: Mapping[str, style.Look]) -> None:
    """Both runs in one panel, which shows all of both; a metric that one lacks, in none."""
    if not all(metric in run.frame for run in pair):
        ax.set_axis_off()
        return
    limits = []
    for run, dashes in zip(pair, DASHES, strict=True):
        names = [name for name in looks if name in _drawn(run) and name != "boost"]
        alike = {name: replace(look, dashes=dashes) for name, look in looks.items()}
        scale = SCALES.get(metric, "linear")
        style.draw_curves(
            ax,
            run,
            metric,
            names,
            scale=scale,
            summarise=Band.of_median,
            looks=alike,
            with_others=False,
        )
        limits.append((*ax.get_xlim(), *ax.get_ylim()))
    (left, right, low, high), others = limits
    ax.set(xlim=(min(left, others[0]), max(right, others[1])))
    ax.set(ylim=(min(low, others[2]), max(high, others[3])))


def _title(section: str, pair: tuple[Run, Run]) -> str:
    """Of a section: its sizes, and how many replicates the curves are of."""
    sizes = [style.conditions(run) for run in pair]
    counts = [f"{len(run.positive_after_boost)} of {len(run.replicates)} runs" for run in pair]
    if sizes[0] == sizes[1]:
        return f"{section}: {sizes[0]}; {' | '.join(counts)}"
    return f"{section}: {' | '.join(map(', '.join, zip(sizes, counts, strict=True)))}"


def _legend(looks: Mapping[str, style.Look], folders: tuple[Path, Path]) -> list[Artist]:
    """Colours of optimizers, dashes of folders, and marks."""
    of_folders = [
        style.entry(str(folder), color="black", ls=dashes)
        for folder, dashes in zip(folders, DASHES, strict=True)
    ]
    names = [look.name for look in looks.values()]
    of_optimizers = [
        style.entry(
            look.name if names.count(look.name) == 1 else style.words(name), color=look.colour
        )
        for name, look in looks.items()
    ]
    return [
        *of_folders,
        *of_optimizers,
        Patch(color="0.5", alpha=2 * style.OPACITY, lw=0, label="95% interval of the median"),
        style.entry("end of Stage 1", **style.SWITCH),
        style.entry("a run diverged", color="0.3", **style.CROSS),
    ]
