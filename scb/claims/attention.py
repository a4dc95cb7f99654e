"""C8: softmax against linear attention."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from scb.analysis.runs import Array, Run
from scb.claims.reading import SAME, Reading, difference
from scb.claims.verdict import Claim, Part, Rule, median

ALIKE = Rule(above=0.9)  # of a cosine: four fifths of the squared norm are shared


def c8(run: Run, states: pd.DataFrame, tasks: pd.DataFrame) -> Claim:
    """Softmax and linear attention end alike.

    Parameters
    ----------
    run : Run
        Optimizers ``linear`` and ``softmax``.
    states, tasks : DataFrame
        Of `scb.learning.tables.STATES` and `scb.data.tables.TASKS`.
    """
    read = Reading(run)
    columns = {name: _last_columns(states, name) for name in ("linear", "softmax")}
    ordered = tasks.sort_values(["replicate", "state"])
    count = ordered["replicate"].nunique()
    stationary = ordered["stationary"].to_numpy().reshape(count, -1)  # (R, N)
    values, attentions = (
        [columns[name][part] for name in ("linear", "softmax")] for part in (0, 1)
    )
    alike = {
        "attention": _cosine(attentions, stationary, 1 / attentions[0].shape[-1]),
        "value": _cosine(values, stationary, stationary[:, None, :]),
    }
    losses = {name: read.last(name, "excess_loss") for name in columns}
    nothing = read.curve("linear", "excess_loss")[1][:, 0]
    return Claim(
        "C8",
        "Softmax and linear attention learn similar patterns and values and reach about the "
        "same loss.",
        "fig2_softmax_vs_linear",
        [
            Part("cosine of the two A − 11ᵀ/T at the last step", ALIKE, median(alike["attention"])),
            Part("cosine of the two V − μ1ᵀ at the last step", ALIKE, median(alike["value"])),
            Part(
                "test loss at the last step, (softmax − linear) / (knowing nothing − Bayes)",
                SAME,
                median(difference(losses["softmax"], losses["linear"]) / nothing),
            ),
            *(
                Part(
                    f"cosine of A − 11ᵀ/T and Q − 11ᵀ/T at the last step, {name}",
                    None,
                    median(read.last(name, "attention_centred_similarity")),
                )
                for name in columns
            ),
        ],
    )


def _last_columns(states: pd.DataFrame, optimizer: str) -> tuple[Array, Array]:
    """Columns of V (R, N, N) and of A (R, N, T): [r, k] is the column of query k."""
    rows = states[states["optimizer"] == optimizer].sort_values(["replicate", "state"])
    count = rows["replicate"].nunique()

    def stack(name: str) -> Array:
        flat = np.stack(rows[name].to_list()).astype(np.float64)
        return flat.reshape(count, -1, flat.shape[-1])

    return stack("value"), stack("attention")


def _cosine(matrices: Sequence[Array], stationary: Array, centre: Array | float) -> Array:
    """mu-cosine of two matrices given by columns, (R, N, K) each, less what they share.

    The least there is, -1, where a run has diverged.
    """
    left, right = (matrix - centre for matrix in matrices)

    def inner(a: Array, b: Array) -> Array:
        return np.asarray((stationary * (a * b).sum(-1)).sum(-1))

    with np.errstate(divide="ignore", invalid="ignore"):
        cosine = inner(left, right) / np.sqrt(inner(left, left) * inner(right, right))
    return np.where(np.isfinite(cosine), cosine, -1.0)
