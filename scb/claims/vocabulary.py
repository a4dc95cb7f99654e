"""C6: growing vocabularies, and why to stop early and normalise (figure 5)."""

from collections.abc import Sequence
from dataclasses import replace

from scb.analysis.endpoints import Endpoints
from scb.claims.parts import (
    HIGHER,
    LOWER,
    SAID,
    SMALL,
    TYPICAL,
    UNTYPICAL,
    close,
    lower,
    median,
    ratio,
    relative,
    share,
)
from scb.claims.verdict import Bar, Claim, Part


def c6(reads: Sequence[tuple[int, Endpoints]]) -> Claim:
    """Early stopping and normalising recover the ground truth, for each N.

    Parameters
    ----------
    reads : sequence of (int, Endpoints)
        N with the runs at that N. Noise is large at the largest N.
    """
    largest = max(states for states, _ in reads)
    parts: list[Part] = []
    for states, read in reads:
        label = f"N = {states}"
        last, least = (read("proximal", f"{when}_excess_loss") for when in ("last", "least"))
        distances = [read("proximal", f"{when}_attention_distance") for when in ("last", "least")]
        attention, value = lower(
            read, ("proximal", "sgd"), LOWER, f"proximal / SGD, {label}", "stopped"
        )
        parts += [
            _recovered(read, "proximal", TYPICAL, label),
            attention,
            # *Never learns Q, even normalised, when noise is large.*
            _recovered(read, "sgd", UNTYPICAL if states == largest else None, label),
            Part(
                f"test loss above Bayes, last step / knowing nothing, proximal, {label}",
                SMALL,
                **median(read, relative(last, read.scale("loss"))),
            ),
            # The least of the distances themselves. A distance that falls and grows again gives
            # more than 1, and so does one that hardly falls before it grows.
            Part(
                f"‖A−Q‖_μ, last step / least after Stage 1, proximal, {label}",
                HIGHER,
                **median(read, ratio(*distances)),
            ),
            Part(
                f"test loss above Bayes, last step / least, proximal, {label}",
                None,
                **median(read, ratio(last, least)),
            ),
            replace(value, bar=None),
        ]
    return Claim(
        "C6",
        "For each N proximal, stopped early and normalised, recovers the ground truth while SGD "
        "struggles, and never learns Q when noise is large; the loss converges while the raw "
        "distance grows again.",
        "fig5_vocabulary",
        tuple(parts),
    )


def _recovered(read: Endpoints, name: str, bar: Bar | None, label: str) -> Part:
    """Share of runs whose solution, stopped early and normalised, is close to Q."""
    return Part(
        f"share of runs with normalised ‖A−Q‖_μ < {SMALL.value:g} √K_Q at the least test loss, "
        f"{SAID[name]}, {label}",
        bar,
        **share(read, close(read, name, "attention", "stopped")),
    )
