"""C8: softmax against linear attention."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from scb.analysis.runs import Array, Run
from scb.claims.parts import SMALL, relative
from scb.claims.samples import Median
from scb.claims.verdict import Bar, Claim, Part

# *Very similar*: of two matrices with this cosine four fifths of the squared norm are shared. They
# are centred, as V and mu 1^T have most of it in common before anything is learnt.
SIMILAR = Bar(0.9, "above")


def c8(section: str, run: Run, states: pd.DataFrame, tasks: pd.DataFrame) -> Claim:
    """Softmax and linear attention learn similar matrices and reach about the same loss.

    Parameters
    ----------
    section : str
        The section of the run.
    run : Run
        Optimizers ``linear`` and ``softmax``.
    states, tasks : DataFrame
        Of `scb.learning.tables.STATES` and `scb.data.tables.TASKS`.
    """
    columns = {name: _last_columns(states, name) for name in ("linear", "softmax")}
    ordered = tasks.sort_values(["replicate", "state"])
    count = ordered["replicate"].nunique()
    stationary = ordered["stationary"].to_numpy().reshape(count, -1)  # (R, N)
    values, attentions = (
        [columns[name][part] for name in ("linear", "softmax")] for part in (0, 1)
    )

    def last(name: str, metric: str) -> Array:
        return run.values(name, metric, run.replicates)[1][:, -1]

    def part(statistic: str, bar: Bar | None, found: Array) -> Part:
        return Part(statistic, bar, Median(found, run.replicates), section=section)

    losses = [last(name, "excess_loss") for name in columns]
    nothing = run.values("linear", "excess_loss", run.replicates)[1][:, 0]
    with np.errstate(invalid="ignore"):  # of two infinite ones, which are not about the same
        gap = relative(np.abs(losses[1] - losses[0]), nothing)
    return Claim(
        "C8",
        "Softmax and linear attention learn very similar patterns and value matrices and reach "
        "about the same loss.",
        "fig2_softmax_vs_linear",
        (
            part(
                "cosine of the two A − 11ᵀ/T at the last step",
                SIMILAR,
                _cosine(attentions, stationary, 1 / attentions[0].shape[-1]),
            ),
            part(
                "cosine of the two V − μ1ᵀ at the last step",
                SIMILAR,
                _cosine(values, stationary, stationary[:, None, :]),
            ),
            part(
                "∣test loss of softmax − of linear∣ / (knowing nothing − Bayes) at the last step",
                SMALL,
                gap,
            ),
            *(
                part(
                    f"cosine of A − 11ᵀ/T and Q − 11ᵀ/T at the last step, {name}",
                    None,
                    last(name, "attention_centred_similarity"),
                )
                for name in columns
            ),
        ),
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
