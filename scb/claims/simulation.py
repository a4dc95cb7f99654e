"""C7: at a T that no training reaches, proximal stays near the population path."""

from collections.abc import Sequence

import numpy as np

from scb.analysis.runs import Run
from scb.claims.reading import (
    CLOSE,
    DOUBLE,
    PARTS,
    Reading,
    largest_deviation,
    ratio,
    relative,
)
from scb.claims.verdict import Claim, Part


def c7(runs: Sequence[Run]) -> Claim:
    """Proximal stays near the population path, SGD's error grows fast."""
    parts = []
    for run in runs:
        read = Reading(run)
        label = f"T = {run['length']}, N = {run['states']}"
        signals = [
            largest_deviation(
                read.curve("proximal", f"{part}_signal"),
                read.curve("population", f"{part}_signal"),
            )
            for part in PARTS
        ]
        _, error = read.curve("proximal", "attention_error")
        _, rival = read.curve("sgd", "attention_error")
        # The path's own attention at its end.
        scale = read.nothing("attention") * read.last("population", "attention_signal")
        parts += [
            Part(
                "largest distance of a signal from the path after Stage 1 / the path's last, "
                f"proximal, {label}",
                CLOSE,
                **read.among_positive(np.maximum(*signals)),
            ),
            Part(
                f"largest ‖Δ_A‖ after Stage 1 / (√K_Q · the path's last α_A), proximal, {label}",
                CLOSE,
                **read.among_positive(relative(error.max(axis=1), scale)),
            ),
            Part(
                f"‖Δ_A‖ under SGD, last step / end of Stage 1, {label}",
                DOUBLE,
                **read.among_positive(ratio(rival[:, -1], rival[:, 0])),
            ),
            Part(
                f"‖Δ_A‖ at the last step, SGD / proximal, {label}",
                DOUBLE,
                **read.among_positive(ratio(rival[:, -1], error[:, -1])),
            ),
        ]
    return Claim(
        "C7",
        "At T = 100 000, N = 100 and 500, proximal stays near the population path and SGD's "
        "error grows fast.",
        "fig6_simulation",
        parts,
    )
