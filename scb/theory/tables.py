"""The tables of this room."""

import pyarrow as pa

from scb.store.tables import FLOATS, Column, schema

PRETRAINED = schema(
    correlation=Column(pa.float64(), r"correlation of $\hat P$ with P that was asked for"),
    replicate=Column(pa.int32(), "number of the replicate, from 0"),
    achieved=Column(pa.float64(), r"correlation of $\hat P$ with P", r"$\rho$"),
    learned=Column(pa.float64(), "correlation of the V learned by pretraining with P"),
    energy_ratio=Column(
        pa.float64(),
        r"energy of $\hat P$ over that of P, of order 1 by condition (2)",
        r"$(\lVert\hat P\rVert_\mu^2 - \lVert\mu\rVert^2)/K_P$",
    ),
    overlap_ratio=Column(
        pa.float64(),
        "centred inner product with P, at least 1 by condition (3)",
        r"$\kappa/\lVert\mu\rVert^2$",
    ),
    drift=Column(
        pa.float64(), "largest entry, 0 by condition (1)", r"$\max\lvert\hat P\mu - \mu\rvert$"
    ),
    state=Column(pa.int32(), "the state, from 0, that the next two columns are of", "$k$"),
    transition=Column(FLOATS, r"column k of $\hat P$", r"$\hat p_k$", "(N,)"),
    value=Column(FLOATS, "column k of the V learned by pretraining", "$v_k$", "(N,)"),
)
"""One row per correlation asked for, replicate and state k; conditions are those of
`scb.theory.transfer.Conditions`."""

SURE = 0.9
"""The share of runs that a batch is to give two positive signals."""

CLOSED_FORMS = schema(
    mean=Column(pa.float64(), "mean over the tasks; null where it is no number"),
    median=Column(pa.float64(), "median over the tasks; null where it is no number"),
    low=Column(pa.float64(), "lower quartile over the tasks; null where it is no number"),
    high=Column(pa.float64(), "upper quartile over the tasks; null where it is no number"),
    quantity=Column(pa.string(), "name in `scb.experiments.closed_forms.quantities`"),
)
"""One row per quantity of `scb.experiments.closed_forms.quantities`."""

WEIGHTS = schema(
    weight=Column(pa.float64(), "weight of a useless position, the geometric mean", "$a$"),
    positions=Column(pa.int64(), "how many have about this weight"),
    measured=Column(
        pa.float64(), r"mean relative growth of $a^2$ in a step", r"$\mathrm{E}\,\Delta a^2 / a^2$"
    ),
    deviation=Column(pa.float64(), "standard deviation of this mean over batches"),
    predicted=Column(pa.float64(), "the same by the closed form"),
)
"""One row per bin of weights of `scb.experiments.softmax`; the closed form is
`scb.theory.logits.Drift.growth`."""
