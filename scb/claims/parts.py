"""What the rules of all experiments share: bars with their words, samples of runs, arithmetic.

Each bar says in numbers what a word of the paper asks for. They were fixed before any of them
was tried on a run that is judged.
"""

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from scb.analysis.endpoints import Endpoints
from scb.analysis.runs import Array
from scb.claims.samples import Median, Share
from scb.claims.verdict import Bar, Part, Sample

SMALL = Bar(0.1, "below")
"""*Close*, *small*, *near*, *about the same*: within a tenth of knowing nothing, or of what is
followed. The eye hardly tells less on an axis that begins there."""
LOWER, HIGHER = Bar(0.9, "below", none=1), Bar(1.1, "above", none=1)
"""*Lower*, *faster*, *grows*: a ratio off 1 by a tenth, which the eye sees in a figure."""
HALVED, DOUBLED = Bar(0.5, "below", none=1), Bar(2, "above", none=1)
"""*Dramatically*, *quickly*, *slow then fast*: a factor of two at least."""
TYPICAL, UNTYPICAL = Bar(0.5, "above"), Bar(0.5, "below")
"""The paper shows single runs. So a share of runs beyond one half says that a typical run does as
the paper's, and a share below it that a typical run does not."""
ALWAYS = Bar(0.9, "above", none=0.5)
"""*Always*: nine of ten. Of pairs, half is what a toss of a coin gives."""

SYMBOLS = {"value": ("V", "P", "K_P"), "attention": ("A", "Q", "K_Q")}
PARTS = ("attention", "value")
SAID = {"proximal": "proximal", "sgd": "SGD"}


class Deciding(TypedDict):
    """What a `Part` is told of its runs."""

    over: Sample
    over_all: Sample
    section: str


def median(read: Endpoints, values: Array) -> Deciding:
    """Medians: over the positive runs, and over all."""
    some = read.positive
    return {
        "over": Median(values[some], read.replicates[some]),
        "over_all": Median(values, read.replicates),
        "section": read.section,
    }


def share(
    read: Endpoints, flags: NDArray[np.bool_], some: NDArray[np.bool_] | None = None
) -> Deciding:
    """Shares: of the positive runs, or of ``some``, and of all."""
    some = read.positive if some is None else some
    return {
        "over": Share(flags[some], read.replicates[some]),
        "over_all": Share(flags, read.replicates),
        "section": read.section,
    }


def distance_of(part: str) -> str:
    """Symbols of a distance to the ground truth."""
    learnt, truth, _ = SYMBOLS[part]
    return f"‖{learnt}−{truth}‖_μ"


def nothing_of(part: str) -> str:
    """Symbols of the distance of knowing nothing."""
    return f"√{SYMBOLS[part][2]}"


def close(read: Endpoints, optimizer: str, part: str, when: str = "last") -> NDArray[np.bool_]:
    """Replicates whose normalised solution is close to the ground truth, shape (R,)."""
    distance = read(optimizer, f"{when}_normalised_{part}_distance")
    return np.asarray(distance < SMALL.value * read.scale(part))


def lower(
    read: Endpoints, pair: tuple[str, str], bar: Bar | None, said: str, when: str = "last"
) -> list[Part]:
    """Parts: distances to the ground truth of two optimizers, as ratios of the pairs."""
    place = {"last": "at the last step", "stopped": "each at its least test loss"}[when]
    return [
        Part(
            f"{distance_of(part)} {place}, {said}",
            bar,
            **median(read, ratio(*(read(name, f"{when}_{part}_distance") for name in pair))),
        )
        for part in PARTS
    ]


def ratio(numerator: Array, denominator: Array) -> Array:
    """Quotient of nonnegative numbers, 1 where they are equal, infinite ones included."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(numerator == denominator, 1.0, numerator / denominator)


def difference(left: Array, right: Array) -> Array:
    """Difference, 0 where they are equal, infinite ones included."""
    with np.errstate(invalid="ignore"):
        return np.where(left == right, 0.0, left - right)


def relative(distance: Array, scale: Array) -> Array:
    """Distance over scale; infinite where that is no number, as nothing is near there."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = distance / scale
    return np.where(np.isnan(found), np.inf, found)
