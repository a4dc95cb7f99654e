"""The tables of this room."""

import pyarrow as pa

from scb.store.tables import Schema

CLAIMS = Schema(
    pa.schema(
        [
            pa.field(name, kind, nullable=name in ("estimate", "all_estimate"))
            for name, kind in {
                **dict.fromkeys(("id", "claim", "statistic"), pa.string()),
                **dict.fromkeys(("estimate", "low", "high"), pa.float64()),
                "replicates": pa.int32(),
                **dict.fromkeys(("verdict", "figure", "rule", "outcome"), pa.string()),
                **dict.fromkeys(("all_estimate", "all_low", "all_high"), pa.float64()),
                "all_replicates": pa.int32(),
                "confidence": pa.float64(),
            }.items()
        ]
    )
)
"""One row per statistic of a claim: id, claim (a sentence), statistic, estimate with its
interval (low, high) over replicates, verdict (of the claim), figure, rule, outcome (of this
statistic), the same estimate over all replicates, confidence (of each interval). An
estimate over no replicate is null."""
