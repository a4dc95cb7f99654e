"""C12 and B6: softmax attention at the size of figure 1 (section 5.2)."""

import numpy as np
import pandas as pd

from scb.analysis.endpoints import Endpoints
from scb.analysis.runs import Array, Run
from scb.claims.attention import SIMILAR
from scb.claims.parts import (
    DOUBLED,
    HALVED,
    LOWER,
    TYPICAL,
    difference,
    median,
    ratio,
    relative,
    share,
)
from scb.claims.samples import Median
from scb.claims.verdict import Bar, Claim, Part

NEAR = 0.1
"""*Near initialisation*: after a tenth of the steps of Stage 1, by a model whose weights are still
near 1/T then. *Up to a learning rate*: so the logit rate may be as small as that asks for."""


NAMES = {"sgd": "SGD", "sgd_simplex": "SGD from where softmax starts"}


def c12(read: Endpoints, run: Run, first: Run, alike: pd.DataFrame) -> list[Claim]:
    """C12a to C12c.

    Parameters
    ----------
    read, run : Endpoints, Run
        Of ``sgd``, ``sgd_simplex`` and ``softmax`` after Stage 1 at least.
    first : Run
        Of the first stage of ``linear`` and ``softmax``.
    alike : DataFrame
        Of `scb.learning.tables.ALIKE`.
    """
    return [c12a(read.section, run.switch, alike), c12b(read), c12c(read, run, first)]


def c12a(section: str, switch: int, alike: pd.DataFrame) -> Claim:
    """Near initialisation both models move alike, up to a rate."""
    steps = np.unique(alike["step"])
    step = steps[np.abs(steps - NEAR * switch).argmin()]
    rows = {
        name: alike[(alike["step"] == step) & (alike["optimizer"] == name)].sort_values("replicate")
        for name in ("softmax_slow", "softmax")
    }
    return Claim(
        "C12a",
        "Near initialisation linear and softmax transformers learn alike, up to a learning rate.",
        "softmax",
        tuple(
            Part(
                f"cosine of what {symbol} has moved by in both models after {NEAR:.0%} of Stage 1, "
                f"{said} logit rate",
                bar,
                Median(rows[name][f"{part}_cosine"], rows[name]["replicate"]),
                section=section,
            )
            for name, bar, said in (
                ("softmax_slow", SIMILAR, "small"),
                ("softmax", None, "matched"),
            )
            for symbol, part in (("A", "attention"), ("V", "value"))
        ),
    )


def c12b(read: Endpoints) -> Claim:
    """After the switch SGD on the logits leaves out the noise, and is far ahead of linear SGD."""

    def compared(endpoint: str, rival: str, bar: Bar | None, said: str) -> Part:
        found = ratio(read("softmax", endpoint), read(rival, endpoint))
        return Part(f"{said}, softmax / {NAMES[rival]}", bar, **median(read, found))

    error, distance = "‖Δ_A‖ at the last step", "‖A−Q‖_μ at the last step"
    others = ~read.positive
    lost = relative(read("softmax", "last_attention_distance"), read.scale("attention"))[others]
    return Claim(
        "C12b",
        "Once some weights stand out, softmax scales each position's steps by its own weight and "
        "so ignores the small ones: SGD becomes far more sample-efficient.",
        "softmax",
        (
            compared("last_attention_error", "sgd", HALVED, error),
            # From the same A, so that what the simplex takes off at the start counts for both.
            compared("last_attention_error", "sgd_simplex", HALVED, error),
            compared("last_attention_distance", "sgd", HALVED, distance),
            compared("last_excess_loss", "sgd", HALVED, "test loss above Bayes at the last step"),
            compared("last_normalised_attention_distance", "sgd", None, f"normalised {distance}"),
            Part(
                "‖A−Q‖_μ at the last step / √K_Q, softmax, of the runs not positive",
                None,
                over=Median(lost, read.replicates[others]),
                section=read.section,
            ),
        ),
    )


def c12c(read: Endpoints, run: Run, first: Run) -> Claim:
    """From scratch softmax has a slow first stage, in samples, against what follows."""

    def gain(of: Run, name: str) -> Array:
        """Of alpha_A, per step. V alone also follows what noise makes of A."""
        steps, signal = of.values(name, "attention_signal", of.replicates)  # (S,), (R, S)
        return difference(signal[:, -1], signal[:, 0]) / (steps[-1] - steps[0])

    fast = gain(run, "softmax")

    def part(name: str, bar: Bar | None, said: str) -> Part:
        # The law has two peaks: a run from scratch puts all weight on the noise or, by luck, not.
        slow = np.maximum(gain(first, name), 0)
        return Part(
            "share of runs in which α_A gains at least twice as much per sample after Stage 1 as "
            f"from scratch, softmax, {said} logit rate there",
            bar,
            **share(read, (fast > 0) & (fast >= DOUBLED.value * slow)),
        )

    return Claim(
        "C12c",
        "Softmax transformers too have a sample-hungry first stage.",
        "softmax",
        (part("softmax", TYPICAL, "matched"), part("softmax_slow", None, "small")),
    )


def b6(read: Endpoints) -> Claim:
    """SGD on the logits against proximal at its best lambda."""

    def compared(endpoint: str, bar: Bar | None, said: str) -> Part:
        found = ratio(read("softmax", endpoint), read("proximal_best", endpoint))
        return Part(f"{said}, softmax / proximal at its best λ", bar, **median(read, found))

    return Claim(
        "B6",
        "SGD on the logits of a softmax needs no λ: from the same state it ends nearer to the "
        "ground truth than proximal at its best λ.",
        "softmax",
        (
            compared("last_attention_distance", LOWER, "‖A−Q‖_μ at the last step"),
            compared("last_value_distance", LOWER, "‖V−P‖_μ at the last step"),
            compared(
                "last_normalised_attention_distance", None, "normalised ‖A−Q‖_μ at the last step"
            ),
        ),
        paper=False,
    )
