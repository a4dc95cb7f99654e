"""The tables of this room."""

import pyarrow as pa

from scb.store.tables import FLOATS, schema

PRETRAINED = schema(
    correlation=pa.float64(),
    replicate=pa.int32(),
    achieved=pa.float64(),
    learned=pa.float64(),
    energy_ratio=pa.float64(),
    overlap_ratio=pa.float64(),
    drift=pa.float64(),
    state=pa.int32(),
    transition=FLOATS,
    value=FLOATS,
)
"""One row per correlation asked for, replicate and state k: the correlation of P_hat with P
achieved, and that of the learned V with it; energy_ratio, overlap_ratio and drift of P_hat
(see `scb.theory.transfer.Conditions`); column k of P_hat and of the V learned by pretraining."""
