"""The tables of this room."""

import pyarrow as pa

from scb.store.tables import Column, measured, schema

OPTIMIZER = Column(pa.string(), "name of the optimizer or model; `boost` is Stage 1")
REPLICATE = Column(pa.int32(), "number of the replicate, from 0")
DIVERGED = Column(
    pa.bool_(), "whether a distance is infinite or above 1000; what is measured is then null"
)
BAYES_LOSS = Column(
    pa.float64(), r"test loss of the ground truth, the least possible", r"$\mathcal{L}(P, Q)$"
)

CURVES = measured(
    optimizer=OPTIMIZER,
    replicate=REPLICATE,
    step=Column(pa.int32(), "index of training, Stage 1 included", "", "steps"),
    stage=Column(pa.string(), "`boost`, Stage 1, or `train`, what follows"),
    diverged=DIVERGED,
    bayes_loss=BAYES_LOSS,
)
"""One row per optimizer, replicate and logged step, of `scb.learning.curves.Curves`; then all of
`scb.learning.metrics.METRICS` of the iterate, and as ``normalised_...`` of its normalised
solution."""

STATES = schema(
    optimizer=OPTIMIZER,
    replicate=REPLICATE,
    step=Column(pa.int32(), "the last step, which the state is of", "", "steps"),
    state=Column(pa.int32(), "the state, from 0, that the next two columns are of", "$k$"),
    value=Column(pa.list_(pa.float32()), "column k of V", "$v_k$", "(N,)"),
    attention=Column(pa.list_(pa.float32()), "column k of A", "$a^{(k)}$", "(T,)"),
)
"""One row per optimizer, replicate and state k, of `scb.learning.states`."""

ALIKE = schema(
    optimizer=Column(
        pa.string(), "`softmax`, at the matched logit rate, `softmax_slow`, or `softmax_adam`"
    ),
    replicate=REPLICATE,
    step=Column(pa.int32(), "index of training", "", "steps"),
    attention_cosine=Column(
        pa.float64(),
        r"$\mu$-cosine of what A has moved by in the linear and the softmax transformer",
    ),
    value_cosine=Column(pa.float64(), r"$\mu$-cosine of what V has moved by in both"),
)
"""One row per softmax model, replicate and logged step of the first stage."""

STARTS: tuple[str, ...] = ("one_step", "transfer", "scratch")
"""How a run of `TRANSFER` began: the one step alone, at every number of samples; the one
step and then Stage 2; the paper's own start."""

TRANSFER = measured(
    start=Column(
        pa.string(),
        "`one_step`: the one step alone; `transfer`: the one step, then Stage 2; `scratch`: the "
        "paper's own start",
    ),
    replicate=REPLICATE,
    length=Column(pa.int64(), "context tokens", "$T$", "tokens"),
    samples=Column(pa.int64(), "samples seen; the last row of a run is its budget", "", "samples"),
    diverged=DIVERGED,
    pattern_norm=Column(pa.float64(), "norm of the true pattern", r"$\lVert Q\rVert_\mu$"),
    bayes_loss=BAYES_LOSS,
)
"""One row per run and number of samples seen, of `scb.learning.curves.TransferCurves`; then
``correlation`` and `scb.learning.curves.TRANSFER_METRICS`."""

CORRELATION = Column(
    pa.float64(), r"correlation of the pretrained $\hat P$ with P that was asked for; null from "
    "scratch", r"$\rho$"
)  # fmt: skip
SUPPORT = Column(
    pa.float64(), "share of the support of Q among the Q largest deviations of each column of A"
)
"""What else a row of `TRANSFER` has, besides metrics."""
