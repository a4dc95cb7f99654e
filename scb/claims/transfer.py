"""C9 and C10: from scratch, and after pretraining (figure 3; Theorem 4.1)."""

import numpy as np
import pandas as pd

from scb.analysis.endpoints import Endpoints
from scb.analysis.runs import Run
from scb.analysis.scaling import FOUND, samples_needed
from scb.claims.parts import (
    DOUBLED,
    SMALL,
    TYPICAL,
    difference,
    median,
    ratio,
)
from scb.claims.samples import Exponent, Median, Share
from scb.claims.verdict import Bar, Claim, Part

# For T near 1000 even log(T)^2 grows like T to the power 2 / log 1000 = 0.3 only. From scratch the
# exponent is reported only: the rate, half of the largest stable one, falls like T^-1/2, which
# alone costs samples like T^1/2, and some runs never get there at the longest T.
NOT_POLYNOMIAL = Bar(0.5, "below")

# *About 0.1*: within a factor of two of it.
NEAR_A_TENTH = Bar(0.05, "above"), Bar(0.2, "below")

GOAL = f"{FOUND:.0%} of the support of Q is found"

SECTION = "transfer"


def c9(read: Endpoints, run: Run, transfer: pd.DataFrame) -> Claim:
    """A slow, sample-hungry first stage, then a fast one.

    The sentence tells of a single run with positive signals, so it is judged among such runs.
    *Sample-hungry* decides nothing: the exponent from scratch is reported only.

    Parameters
    ----------
    read, run : Endpoints, Run
        Of the section of figure 3.
    transfer : DataFrame
        Of `scb.learning.tables.TRANSFER`; its runs from scratch show what Stage 1 needs as T grows.
    """
    last = (read("proximal", "last_value_signal") + read("proximal", "last_attention_signal")) / 2
    slow = read.boost_signal / run.switch
    fast = difference(last, read.boost_signal) / (run.last - run.switch)
    return Claim(
        "C9",
        "Training from scratch has a slow, sample-hungry first stage, with signals near 0.1 at "
        "step 400, then a fast one.",
        "fig3_signals",
        (
            *(
                Part(
                    "(α_V+α_A)/2 at the end of Stage 1",
                    bar,
                    **median(read, read.boost_signal),
                )
                for bar in NEAR_A_TENTH
            ),
            Part(
                "gain of (α_V+α_A)/2 per step, proximal / Stage 1",
                DOUBLED,
                **median(read, ratio(fast, slow)),
            ),
            Part(
                f"exponent in T of the samples until {GOAL}, from scratch, of either sign",
                None,
                _exponent(_needed(transfer, "scratch")),
                section=SECTION,
            ),
            Part(
                "share of runs positive after Stage 1",
                None,
                Share(read.positive, read.replicates),
                section=read.section,
            ),
        ),
    )


def c10(pretrained: pd.DataFrame, transfer: pd.DataFrame) -> Claim:
    """One step on a pretrained V replaces Stage 1, at a cost that hardly grows with T.

    The correlation is the least for which the paper's condition ``<P_hat, P>_mu - |mu|^2 >=
    |mu|^2`` holds in half of the replicates, or the largest if it holds for none. Samples are
    compared at the T of the runs that go on to Stage 2.

    Parameters
    ----------
    pretrained, transfer : DataFrame
        Of `scb.theory.tables.PRETRAINED` and `scb.learning.tables.TRANSFER`.
    """
    overlap = pretrained.groupby("correlation")["overlap_ratio"].median()
    correlation = next((rho for rho in overlap.index if overlap[rho] >= 1), overlap.index[-1])
    of_it = transfer[transfer["correlation"] == correlation]
    step, scratch = _needed(of_it, "one_step"), _needed(transfer, "scratch")
    tuned = of_it[of_it["start"] == "transfer"]
    length = tuned["length"].max()
    # Of the replicates that were run at that T from both starts.
    pairs = pd.concat([scratch[length], step[length]], axis=1, join="inner").dropna()
    saved = ratio(*pairs.to_numpy(np.float64).T)
    tuned = tuned[tuned["length"] == length]
    last = tuned.sort_values("samples").groupby("replicate").tail(1).sort_values("replicate")
    distance = (last["normalised_attention_distance"] / last["pattern_norm"]).mask(
        last["diverged"], np.inf
    )
    near = distance < SMALL.value
    label = f"P̂ with correlation {correlation:g}"
    return Claim(
        "C10",
        "A pretrained model with nontrivial correlation skips the first stage: the samples that "
        "it needs do not grow polynomially in T.",
        "transfer",
        (
            Part(
                f"exponent in T of the samples until {GOAL}, one step, {label}",
                NOT_POLYNOMIAL,
                _exponent(step),
                section=SECTION,
            ),
            Part(
                f"samples until {GOAL}, from scratch / one step, {label}, T = {length}",
                DOUBLED,
                Median(saved, pairs.index),
                section=SECTION,
            ),
            Part(
                f"share of runs with normalised ‖A−Q‖_μ < {SMALL.value:g} ‖Q‖_μ after Stage 2, "
                f"{label}, T = {length}",
                TYPICAL,
                Share(near, last["replicate"]),
                section=SECTION,
            ),
        ),
    )


def _needed(transfer: pd.DataFrame, start: str) -> pd.DataFrame:
    """Samples until the support is found: a row per replicate, a column per T."""
    return samples_needed(transfer[transfer["start"] == start])


def _exponent(counts: pd.DataFrame) -> Exponent:
    """Exponent in T of the samples needed."""
    return Exponent(counts.columns.to_numpy(np.float64), counts.to_numpy(np.float64), counts.index)
