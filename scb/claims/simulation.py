"""C7: proximal and SGD at a T that no training reaches (figure 6)."""

from collections.abc import Sequence

from scb.analysis.endpoints import Endpoints
from scb.claims.parts import (
    DOUBLED,
    PARTS,
    SMALL,
    SYMBOLS,
    close,
    distance_of,
    median,
    nothing_of,
    ratio,
    relative,
    share,
)
from scb.claims.verdict import Claim, Part


def c7(reads: Sequence[tuple[int, Endpoints]]) -> Claim:
    """Proximal keeps its errors small and recovers the ground truth, SGD's error grows fast.

    The paper's words on figure 6 ask for no normalisation, and its panels show the iterate. So the
    ground truth is recovered when the iterate is close to it, signals and errors alike.

    Parameters
    ----------
    reads : sequence of (int, Endpoints)
        N with the runs at that N.
    """
    parts: list[Part] = []
    for states, read in reads:
        label = f"N = {states}"
        last, rival = (read(name, "last_attention_error") for name in ("proximal", "sgd"))
        parts += [
            Part(
                f"largest ‖Δ_{SYMBOLS[part][0]}‖ after Stage 1 / {nothing_of(part)}, proximal, "
                f"{label}",
                SMALL,
                **median(
                    read, relative(read("proximal", f"largest_{part}_error"), read.scale(part))
                ),
            )
            for part in PARTS
        ]
        parts += [
            Part(
                f"{distance_of(part)} at the last step / {nothing_of(part)}, proximal, {label}",
                SMALL,
                **median(
                    read, relative(read("proximal", f"last_{part}_distance"), read.scale(part))
                ),
            )
            for part in PARTS
        ]
        parts += [
            Part(
                f"‖Δ_A‖ under SGD, last step / end of Stage 1, {label}",
                DOUBLED,
                **median(read, ratio(rival, read("sgd", "start_attention_error"))),
            ),
            Part(
                f"‖Δ_A‖ at the last step, SGD / proximal, {label}",
                DOUBLED,
                **median(read, ratio(rival, last)),
            ),
            Part(
                f"share of runs with normalised ‖A−Q‖_μ < {SMALL.value:g} √K_Q at the last step, "
                f"proximal, {label}",
                None,
                **share(read, close(read, "proximal", "attention")),
            ),
        ]
    return Claim(
        "C7",
        "At T = 100 000 the errors of proximal stay very small and it recovers the ground truth; "
        "SGD's error grows quickly at the same batch.",
        "fig6_simulation",
        tuple(parts),
    )
