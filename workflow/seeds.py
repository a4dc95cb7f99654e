"""The published outcomes beside those of an earlier root seed, by the same rules.

A verdict that depends on which runs were drawn shows here: all runs of both are independent.
"""

from pathlib import Path

import pandas as pd

from scb.claims.tables import STATISTICS
from scb.store import tables
from workflow.published import GALLERY

EARLIER = Path("docs/earlier/statistics.parquet")
KEY = ["setting", "id", "statistic", "section", "bar"]
DECIDING = ("shown", "refuted", "undecided")


def both(root: Path) -> pd.DataFrame:
    """Statistics that decide in both tables, with the ``outcome`` of each (``_now``, ``_then``)."""
    now, then = (tables.read(root / path, STATISTICS) for path in (GALLERY / EARLIER.name, EARLIER))
    joined = now.merge(then, on=KEY, suffixes=("_now", "_then"), validate="one_to_one")
    decides = joined[["outcome_now", "outcome_then"]].isin(DECIDING).all(axis="columns")
    return joined[decides]


def markdown(root: Path) -> str:
    """How many outcomes are equal, and a row for each that is not."""
    found = both(root)
    moved = found[found.outcome_now != found.outcome_then]
    undecided = (moved[["outcome_now", "outcome_then"]] == "undecided").any(axis="columns")
    lines = [
        f"Statistics that decide a claim on both seeds: {len(found)}. The same outcome: "
        f"{len(found) - len(moved)}. Decided by one seed only: {undecided.sum()}. Shown by one and "
        f"refuted by the other: {(~undecided).sum()}."
    ]
    if len(moved):
        lines += ["", "| setting | claim | statistic | earlier | now |", "|---|---|---|---|---|"]
        for row in moved.itertuples():
            before, now = (
                f"{outcome} ({estimate:.3g} [{low:.3g}, {high:.3g}])"
                for outcome, estimate, low, high in (
                    (row.outcome_then, row.estimate_then, row.low_then, row.high_then),
                    (row.outcome_now, row.estimate_now, row.low_now, row.high_now),
                )
            )
            lines.append(f"| {row.setting} | {row.id} | {row.statistic} | {before} | {now} |")
    return "\n".join(lines)
