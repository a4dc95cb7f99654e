"""C11: large batches follow the population path (section 4)."""

import numpy as np

from scb.analysis.endpoints import deviation
from scb.analysis.runs import Array, Run
from scb.claims.parts import SMALL
from scb.claims.samples import Median
from scb.claims.verdict import Bar, Claim, Part


def c11(followed: tuple[str, Run, Array], small: tuple[str, Run, Array]) -> Claim:
    """Runs with large batches follow the population path.

    Parameters
    ----------
    followed : (str, Run, array of shape (steps + 1, 2, R))
        The section, its run with a large batch (of the optimizer ``boost``, whose steps are
        plain), and `scb.theory.population.trajectory` of its tasks from the paper's start.
    small : the same at the paper's batch
    """

    def parts(section: str, run: Run, path: Array, bar: Bar | None) -> list[Part]:
        every = np.arange(len(path))
        return [
            Part(
                f"largest distance of {symbol} from the path / the path's last, "
                f"B = {run['batch']}, T = {run['length']}",
                bar,
                Median(
                    deviation(
                        run.values("boost", f"{part}_signal", run.replicates),
                        (every, path[:, i].T),
                    ),
                    run.replicates,
                ),
                section=section,
            )
            for symbol, part, i in (("α_A", "attention", 1), ("α_V", "value", 0))
        ]

    return Claim(
        "C11",
        "With large batches the mini-batch run follows the two-dimensional population recursion.",
        "",
        (*parts(*followed, SMALL), *parts(*small, None)),
    )
