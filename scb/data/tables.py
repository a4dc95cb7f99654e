"""The tables of this room."""

import pyarrow as pa

from scb.store.tables import FLOATS, INDICES, schema

TASKS = schema(
    seed=pa.int64(),
    states=pa.int32(),
    length=pa.int64(),
    sparsity=pa.int32(),
    replicate=pa.int32(),
    state=pa.int32(),
    stationary=pa.float64(),
    transition=FLOATS,
    positions=INDICES,
    weights=FLOATS,
)
"""One row per replicate and state k, of `scb.data.task.Task`: transition is column k of P,
positions and weights are those of column k of Q."""
