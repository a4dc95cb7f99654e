"""The tables of this room."""

import pyarrow as pa

from scb.store.tables import schema

RECALL = schema(
    dict.fromkeys(("validation_loss", "validation_accuracy", "test_accuracy"), pa.float64()),
    kernel=pa.string(),
    rate=pa.float64(),
    run=pa.int32(),
    step=pa.int32(),
    last=pa.bool_(),
)
"""One row per kernel, learning rate, run and look at the validation split: kernel (string),
rate (float64), run (int32), step (int32), last (bool: the run's last look), validation_loss
(null if not finite), validation_accuracy, test_accuracy (null but at the last look)."""
