"""The tables of this room."""

import pyarrow as pa

from scb.store.tables import Column, schema

RECALL = schema(
    {
        "validation_loss": Column(
            pa.float64(), "cross-entropy on the validation split; null if not finite", "", "nats"
        ),
        "validation_accuracy": Column(pa.float64(), "share of its queries answered rightly"),
        "test_accuracy": Column(
            pa.float64(), "the same of the test split; null but at the last look"
        ),
    },
    kernel=Column(pa.string(), "kernel of the attention"),
    rate=Column(pa.float64(), "learning rate", r"$\eta$"),
    run=Column(pa.int32(), "number of the run, from 0"),
    step=Column(pa.int32(), "index of training", "", "steps"),
    last=Column(pa.bool_(), "whether this is the run's last look"),
)
"""One row per kernel, learning rate, run and look at the validation split."""
