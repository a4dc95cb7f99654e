"""Verdicts of two folders of results, and outcomes of their statistics, where they differ."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from scb.claims.markdown import COLUMNS, interval, word
from scb.claims.tables import CLAIMS, JUDGED, STATISTICS
from scb.store import tables

STATISTIC = ["id", "setting", "statistic", "bar"]
"""What tells statistics apart."""


def changes(mine: Path, other: Path) -> tuple[list[str], list[str]]:
    """A line for each verdict that differs, and one for each outcome of a statistic.

    Parameters
    ----------
    mine, other : Path
        Folders of results. Claims that were not judged in both are left out.

    Raises
    ------
    TableError
        One line naming a table that is damaged or of another version of this project.
    """
    verdicts: list[str] = []
    outcomes: list[str] = []
    for names in JUDGED.items():
        files = [[folder / f"{name}.parquet" for name in names] for folder in (mine, other)]
        if all(file.is_file() for pair in files for file in pair):
            claims, statistics = (
                [tables.read(pair[place], schema) for pair in files]
                for place, schema in enumerate((CLAIMS, STATISTICS))
            )
            verdicts += other_verdicts(*claims)
            outcomes += other_outcomes(*statistics)
    return verdicts, outcomes


def other_verdicts(mine: pd.DataFrame, other: pd.DataFrame) -> Iterator[str]:
    """``C1 as printed: not reproduced | reproduced``, of tables of `CLAIMS`."""
    frames = [frame.set_index("id") for frame in (mine, other)]
    for claim in frames[0].index.union(frames[1].index, sort=False):
        for setting, words in COLUMNS.items():
            one, two = (_verdict(frame, claim, setting) for frame in frames)
            if one != two:
                yield f"{claim} {words}: {one} | {two}"


def other_outcomes(mine: pd.DataFrame, other: pd.DataFrame) -> Iterator[str]:
    """``C1 as printed, ‖A−Q‖_μ ... below 0.9: refuted 0.92 [0.9, 0.94] | shown 0.6 [0.5, 0.7]``.

    Of tables of `STATISTICS`. A statistic that is in one of them alone has no outcome to compare.
    """
    frames = [frame.set_index(STATISTIC) for frame in (mine, other)]
    for key in frames[0].index.intersection(frames[1].index, sort=False):
        one, two = (frame.loc[key] for frame in frames)
        if one["outcome"] != two["outcome"]:
            claim, setting, statistic, bar = key
            said = " | ".join(f"{row['outcome']} {interval(row)}" for row in (one, two))
            asked = f" {bar}" if bar else ""
            yield f"{claim} {COLUMNS[setting]}, {statistic}{asked}: {said}"


def _verdict(claims: pd.DataFrame, claim: str, setting: str) -> str:
    if claim not in claims.index or pd.isna(claims.loc[claim, setting]):
        return "not judged"
    return word(claims.loc[claim], claims.loc[claim, setting])
