"""C11: large batches follow the population path."""

import numpy as np

from scb.analysis.runs import Array, Run
from scb.claims.reading import CLOSE, Reading, largest_deviation
from scb.claims.verdict import Claim, Part, Rule, median


def c11(run: Run, path: Array, small: Run, small_path: Array) -> Claim:
    """Runs with large batches follow the population path.

    Parameters
    ----------
    run : Run
        Plain steps with a large batch: the optimizer ``boost``.
    path : array of shape (steps + 1, 2, R)
        `scb.theory.population.trajectory` of its tasks.
    small, small_path : the same at the paper's batch
    """

    def deviations(run: Run, path: Array) -> list[Array]:
        read = Reading(run)
        every = np.arange(len(path))
        return [
            largest_deviation(read.curve("boost", f"{part}_signal"), (every, path[:, i].T))
            for i, part in ((1, "attention"), (0, "value"))
        ]

    def label(run: Run) -> str:
        return f"B = {run['batch']}, T = {run['length']}"

    def parts(run: Run, path: Array, rule: Rule | None) -> list[Part]:
        return [
            Part(
                f"largest distance of {symbol} from the path / the path's last, {label(run)}",
                rule,
                median(away),
            )
            for symbol, away in zip(("α_A", "α_V"), deviations(run, path), strict=True)
        ]

    return Claim(
        "C11",
        "With large batches the mini-batch run follows the two-dimensional population recursion.",
        "",
        [*parts(run, path, CLOSE), *parts(small, small_path, None)],
    )
