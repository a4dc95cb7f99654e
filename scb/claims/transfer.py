"""C9, C10 and B5: from scratch, and after pretraining."""

import numpy as np
import pandas as pd

from scb.analysis.runs import Array, Run
from scb.analysis.scaling import FOUND, samples_needed
from scb.claims.reading import CLOSE, DOUBLE, Reading, difference, ratio
from scb.claims.verdict import Claim, Part, Rule, Statistic, exponent, median

# For T near 1000 even log(T)^2 grows like T to the power 2 / log 1000 = 0.3 only.
POLYNOMIAL, NOT_POLYNOMIAL = Rule(above=0.5), Rule(below=0.5)

GOAL = f"{FOUND:.0%} of the support of Q is found"

# The sign is not asked, and the rate, half of the largest stable one, falls with T.
FROM_SCRATCH = "from scratch, of either sign"


def c9(run: Run, transfer: pd.DataFrame) -> Claim:
    """A slow, sample-hungry first stage, then a fast one.

    Parameters
    ----------
    run : Run
        The convergence run.
    transfer : DataFrame
        Of `scb.learning.tables.TRANSFER`; its runs from scratch show what Stage 1 needs as T grows.
    """
    read = Reading(run)
    steps, value = read.curve("boost", "value_signal")
    mean = (value[:, -1] + read.last("boost", "attention_signal")) / 2
    last = (read.last("proximal", "value_signal") + read.last("proximal", "attention_signal")) / 2
    slow, fast = mean / steps[-1], difference(last, mean) / (run.last - steps[-1])
    return Claim(
        "C9",
        "Training from scratch has a slow, sample-hungry first stage, with signals near 0.1 at "
        "step 400, then a fast one.",
        "fig3_signals",
        [
            # No run is left out: whether Stage 1 finds the signal is what is asked.
            Part(
                "(α_V+α_A)/2 at the end of Stage 1, over all runs",
                Rule(above=0.05, below=0.2),
                median(mean),
            ),
            Part(
                "gain of (α_V+α_A)/2 per step, proximal / Stage 1",
                DOUBLE,
                **read.among_positive(ratio(fast, slow)),
            ),
            Part(
                f"exponent in T of the samples until {GOAL}, {FROM_SCRATCH}",
                POLYNOMIAL,
                _from_scratch(transfer),
            ),
        ],
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
    sizes, step = _needed(of_it[of_it["start"] == "one_step"])
    scratch_sizes, scratch = _needed(transfer[transfer["start"] == "scratch"])
    tuned = of_it[of_it["start"] == "transfer"]
    length = tuned["length"].max()
    saved = ratio(scratch[:, scratch_sizes == length], step[:, sizes == length])[:, 0]
    tuned = tuned[tuned["length"] == length]
    last = tuned.sort_values("samples").groupby("replicate").tail(1)
    distance = (last["normalised_attention_distance"] / last["pattern_norm"]).mask(
        last["diverged"], np.inf
    )
    label = f"P̂ with correlation {correlation:g}"
    return Claim(
        "C10",
        "A pretrained model with nontrivial correlation skips the first stage: the samples that "
        "it needs do not grow polynomially in T.",
        "transfer",
        [
            Part(
                f"exponent in T of the samples until {GOAL}, one step, {label}",
                NOT_POLYNOMIAL,
                exponent(sizes, step),
            ),
            Part(
                f"samples until {GOAL}, from scratch / one step, {label}, T = {length}",
                DOUBLE,
                median(saved[~np.isnan(saved)]),  # NaN where that T was not run
            ),
            Part(
                f"normalised ‖A−Q‖_μ / ‖Q‖_μ after Stage 2, {label}, T = {length}",
                CLOSE,
                median(distance),
            ),
        ],
    )


def b5(transfer: pd.DataFrame) -> Claim:
    """What the paper does not say: from scratch, samples grow slower than its bound."""
    return Claim(
        "B5",
        "From scratch the samples until the support shows, be the sign right or wrong, grow "
        "slower in T than the paper's bound for Stage 1, T².",
        "transfer",
        [
            Part(
                f"exponent in T of the samples until {GOAL}, {FROM_SCRATCH}",
                Rule(below=2),
                _from_scratch(transfer),
            )
        ],
        paper=False,
    )


def _needed(runs: pd.DataFrame) -> tuple[Array, Array]:
    """Lengths (S,) and samples until the support is found (R, S), of runs of one kind."""
    counts = samples_needed(runs)
    return counts.columns.to_numpy(np.float64), counts.to_numpy(np.float64)


def _from_scratch(transfer: pd.DataFrame) -> Statistic:
    """Exponent in T of the samples that training from scratch needs."""
    return exponent(*_needed(transfer[transfer["start"] == "scratch"]))
