"""A universe: which claims it shows, and which of the paper's own observations it meets."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from scb.analysis.endpoints import Endpoints
from scb.analysis.multiverse import CLAIMS
from scb.analysis.readings import BASELINE, END, OPENING, ROUNDING, THRESHOLD
from scb.analysis.runs import Array
from scb.claims.best import margin
from scb.claims.convergence import SIMILAR, claims
from scb.claims.parts import LOWER, SMALL, ratio, relative
from scb.claims.samples import Median
from scb.claims.verdict import (
    NOT_REPRODUCED,
    REFUTED,
    REPRODUCED,
    SHOWN,
    UNDECIDED,
    Estimate,
    decide,
)

OUTCOME = {REPRODUCED: SHOWN, NOT_REPRODUCED: REFUTED, UNDECIDED: UNDECIDED}

NEAR = 0.05, 0.2
"""Signals *about 0.1*: within a factor of 2."""

CONFIDENCE = 0.95


class Conditions(NamedTuple):
    """The conditions that a universe compares, by the names that claims give them."""

    proximal: str
    sgd: str
    sgd_small: str

    @classmethod
    def of(cls, reading: Mapping[str, str]) -> "Conditions":
        """Those of a reading, as `workflow.conditions` names them."""
        proximal = f"proximal_{reading[THRESHOLD.name]}_{reading[OPENING.name]}"
        baseline = reading[BASELINE.name]
        return cls(proximal, baseline, f"{baseline}_small")


def universe(runs: pd.DataFrame, reading: Mapping[str, str]) -> Endpoints:
    """The runs of one universe.

    Parameters
    ----------
    runs : DataFrame
        Of its group, in the columns of `scb.analysis.tables.UNIVERSES`.
    reading : mapping
        Its option of each dimension.
    """
    named = {condition: name for name, condition in Conditions.of(reading)._asdict().items()}
    rows = runs[
        (runs["end"] == reading[END.name])
        & (runs["rounding"] == float(reading[ROUNDING.name]))
        & runs["optimizer"].isin(named)
    ]
    return Endpoints(rows.assign(optimizer=rows["optimizer"].map(named)))


def judged(read: Endpoints) -> dict[str, Any]:
    """Outcome and margin of each claim, at its own 5%: columns of a universe.

    A share of universes is told, and no single one of them; so levels are not Holm's.
    """
    found = {claim.id: claim for claim in claims(read)}
    outcomes = {name: OUTCOME[decide([found[name]])[0].verdict] for name in CLAIMS}
    return outcomes | {f"{name}_margin": margin(found[name]) for name in CLAIMS}


def ratios(read: Endpoints, proximal: str = "proximal") -> Array:
    """|A-Q| at the last step, proximal over SGD, of the positive runs."""
    both = (read(name, "last_attention_distance") for name in (proximal, "sgd"))
    return ratio(*both)[read.positive]


def paired(read: Endpoints, proximal: str = "proximal") -> dict[str, float]:
    """Their median with its exact interval; no numbers where no run is positive."""
    found = Median(ratios(read, proximal)).estimate(CONFIDENCE)
    if not found.replicates:
        found = Estimate(np.nan, np.nan, np.nan, 0)
    return {"ratio": found.estimate, "low": found.low, "high": found.high}


def stars(read: Endpoints, proximal: str = "proximal") -> Array:
    """Normalised |A-Q| at the last step over sqrt(K_Q), proximal, of the positive runs."""
    distance = read(proximal, "last_normalised_attention_distance")
    return relative(distance, read.scale("attention"))[read.positive]


def observed(read: Endpoints, signals: Array) -> dict[str, bool]:
    """Which of `scb.analysis.multiverse.OBSERVATIONS` a universe meets.

    Parameters
    ----------
    read : Endpoints
    signals : array
        Mean signals at step 400 of the runs that are positive there.
    """
    some = read.positive
    size = np.abs(read("sgd", "last_attention_signal")) * read.scale("attention")
    wrong = relative(read("sgd", "last_attention_error"), size)[some]
    similarity = read("proximal", "last_attention_similarity")[some]
    return {
        "ahead": _median(ratios(read)) < LOWER.value,
        "close": _median(stars(read)) < SMALL.value,
        "similar": _median(similarity) > SIMILAR,
        "signal": NEAR[0] <= _median(signals) <= NEAR[1],
        "struggles": _median(wrong) > 1,
    }


def _median(values: Array) -> float:
    """No number, with which no comparison holds, where there is no run."""
    return Median(values).estimate(CONFIDENCE).estimate
