"""What jobs hold in memory, by their settings: a model that was held against measured jobs.

Bytes are those that jobs were measured to take, with a tenth to spare. Most are copies that are
there at once while states are read, branched, measured or written.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

LARGEST = 8_000
"""Megabytes that a job may take."""

LARGEST_OF_GPU = 10 * LARGEST
"""Of recall, whose published sizes are for a GPU."""

LEAST = 2_000
"""Megabytes that a job asks for if it needs less: more than all libraries take."""

STACKED = 6
"""Runs of recall that are trained as one tensor, at most."""

STARTED = 650 * 10**6
"""Bytes of a job that holds nothing yet: Python, its libraries, the compiler of kernels."""

TASK = 10_000
"""Of each state of a replicate."""

ROW = 1_000
"""Of each logged step of a replicate, as tensors, as a data frame and as a table."""

KERNELS = 10
"""Kernels of rebased that are trained together on the task of figure 2."""

CONDITIONS = 10
"""Of a group of universes: four of proximal, and two rates of each SGD."""

STAGE1_BATCH = 2 * 10**9
"""Of a batch of Stage 1 alone, at most."""


class Part(NamedTuple):
    """What a job holds in memory."""

    keys: tuple[str, ...]
    """Of the settings that decide it; one of them is to blame where it is too much."""
    size: int
    """In bytes."""


def megabytes(parts: Iterable[Part]) -> int:
    """What a job takes that holds these parts, rounded up to hundreds."""
    return 100 * -(-(STARTED + sum(part.size for part in parts)) // 10**8)


def asked(parts: Iterable[Part]) -> int:
    """Megabytes that a job asks for that holds these parts."""
    return max(LEAST, megabytes(parts))


def entries(section: Any, length: int) -> int:
    """Of A, or of what is as long, in all replicates."""
    return int(section.replicates * section.states * length)


def matrices(section: Any, conditions: int) -> Part:
    """Of tasks, and V of the conditions, in double precision where it is measured."""
    states = section.states
    each = TASK * states + (160 + 65 * conditions) * states**2
    return Part(("states",), section.replicates * each)


def samples(section: Any, conditions: int, batch: int, key: str = "batch") -> Part:
    """Of a batch: its heads, and token sums and residuals of every condition."""
    each = batch * (60 + 14 * conditions * section.states)
    return Part(("states", key), section.replicates * each)


def logged(section: Any, curves: int, steps: int, log_interval: int) -> Part:
    """Of what is logged of so many curves: first and last step are too, of either stage."""
    points = steps // log_interval + 4
    return Part(("steps",), ROW * section.replicates * curves * points)
