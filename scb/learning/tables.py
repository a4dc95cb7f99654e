"""The tables of this room."""

import pyarrow as pa

from scb.store.tables import measured, schema

CURVES = measured(
    optimizer=pa.string(),
    replicate=pa.int32(),
    step=pa.int32(),
    stage=pa.string(),
    diverged=pa.bool_(),
    bayes_loss=pa.float64(),
)
"""One row per optimizer, replicate and logged step, of `scb.learning.curves.Curves`. ``stage`` is
boost or train. Then all of `scb.learning.metrics.METRICS` of the iterate, and as
``normalised_...`` of its normalised solution; null once diverged."""

STATES = schema(
    optimizer=pa.string(),
    replicate=pa.int32(),
    step=pa.int32(),
    state=pa.int32(),
    value=pa.list_(pa.float32()),
    attention=pa.list_(pa.float32()),
)
"""One row per optimizer, replicate and state k, of `scb.learning.states`: column k of V and A."""

STARTS: tuple[str, ...] = ("one_step", "transfer", "scratch")
"""How a run of `TRANSFER` began: the one step alone, at every number of samples; the one
step and then Stage 2; the paper's own start."""

TRANSFER = measured(
    start=pa.string(),
    replicate=pa.int32(),
    length=pa.int64(),
    samples=pa.int64(),
    diverged=pa.bool_(),
    pattern_norm=pa.float64(),
    bayes_loss=pa.float64(),
)
"""One row per run and number of samples seen, of `scb.learning.curves.TransferCurves`: start (of
`STARTS`), replicate, length T, samples, diverged, pattern_norm (|Q|_mu) and bayes_loss; then
``correlation`` asked for (null from scratch) and what is measured (null once diverged). The
*budget* of a run is its last row."""
