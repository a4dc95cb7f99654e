"""C6: C1 and C3 for growing vocabularies, and why to stop early and normalise."""

from collections.abc import Sequence

import numpy as np

from scb.analysis.runs import Run
from scb.claims.reading import (
    CLOSE,
    HIGHER,
    LOWER,
    PARTS,
    Reading,
    distance_of,
    lower,
    nothing_of,
    of_attention,
    ratio,
)
from scb.claims.verdict import Claim, Part, Rule

NOT_CLOSE = Rule(above=0.1)


def c6(runs: Sequence[Run]) -> Claim:
    """C1 and C3 for each N; the loss converges while the raw distance grows again."""
    parts: list[Part] = []
    for run in runs:
        read, label = Reading(run), f"N = {run['states']}"
        nothing, excess = read.nothing("attention"), read.curve("boost", "excess_loss")[1][:, 0]
        _, losses = read.curve("proximal", "excess_loss")
        rows, stop = np.arange(len(losses)), losses.argmin(axis=1)  # the first of equal ones
        _, raw = read.curve("proximal", "attention_distance")
        star = {
            part: read.curve("proximal", f"normalised_{part}_distance")[1][rows, stop]
            for part in PARTS
        }
        parts += [
            *lower(read, "proximal", "sgd", LOWER, f"proximal / SGD, {label}"),
            *(
                Part(
                    f"normalised {distance_of(part)} at the least test loss / {nothing_of(part)}, "
                    f"proximal, {label}",
                    of_attention(CLOSE, part),
                    **read.among_positive(star[part] / read.nothing(part)),
                )
                for part in PARTS
            ),
            Part(
                "test loss above Bayes, last step / knowing nothing, proximal, " + label,
                CLOSE,
                **read.among_positive(losses[:, -1] / excess),
            ),
            Part(
                "‖A−Q‖_μ, last step / least test loss, proximal, " + label,
                HIGHER,
                **read.among_positive(ratio(raw[:, -1], raw[rows, stop])),
            ),
            Part(
                "‖A−Q‖_μ at the last step / √K_Q, proximal, not normalised, " + label,
                NOT_CLOSE,
                **read.among_positive(raw[:, -1] / nothing),
            ),
        ]
    return Claim(
        "C6",
        "C1 and C3 hold for N = 3, 10, 20; the loss converges while the raw distance later "
        "grows, so that stopping early and normalising is essential.",
        "fig5_vocabulary",
        parts,
    )
