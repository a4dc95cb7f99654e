"""The tables of this room."""

import pyarrow as pa

from scb.store.tables import INDICES, Column, schema

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

CORPUS = schema(
    document=Column(pa.string(), "its path in the library, or the number of its first line"),
    split=Column(pa.string(), "train, validation or test"),
    size=Column(pa.int64(), "its length", "", "bytes"),
    tokens=Column(INDICES, "its tokens, by their numbers in `vocabulary.parquet`"),
)
"""One row per document."""

VOCABULARY = schema(
    token=Column(pa.int32(), "number of the token, from 0"),
    left=Column(pa.int32(), "the first of the two tokens that it is made of; -1 of a byte"),
    right=Column(pa.int32(), "the second; -1 of a byte"),
    piece=Column(pa.string(), "the bytes that it stands for, as characters of Latin-1"),
)
"""One row per token, bytes first, then in the order in which they were learnt."""

LANGUAGE = schema(
    {
        "validation_bits": Column(
            pa.float64(), "of the validation split; null if not finite", "", "bits per byte"
        ),
        **{
            f"{name}_bits": Column(
                pa.float64(),
                f"of {said} of the test split; null but at the last look",
                "",
                "bits per byte",
            )
            for name, said in {
                "test": "all tokens",
                "repeated": "the tokens that complete a repeated bigram",
                "other": "the other tokens",
            }.items()
        },
    },
    kernel=Column(pa.string(), "kernel of the attention"),
    rate=Column(pa.float64(), "learning rate", r"$\eta$"),
    run=Column(pa.int32(), "number of the run, from 0"),
    step=Column(pa.int32(), "index of training", "", "steps"),
    last=Column(pa.bool_(), "whether this is the run's last look"),
)
"""One row per kernel, learning rate, run and look at the validation split."""

RATES = schema(
    {
        "validation_bits": Column(
            pa.float64(),
            "mean over the runs at their last look; null if one diverged",
            "",
            "bits per byte",
        )
    },
    kernel=Column(pa.string(), "kernel of the attention"),
    rate=Column(pa.float64(), "learning rate", r"$\eta$"),
    selected=Column(pa.bool_(), "whether the kernel is best at it"),
)
"""One row per kernel and learning rate of the tuning."""
