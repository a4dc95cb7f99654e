"""Verdicts and numbers of the published tables, each by its key.

A text that reads a number here cannot be out of date without being told so: `workflow.summary` and
whatever else is written about the results.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from scb.analysis.tables import MULTIVERSE
from scb.claims.tables import CLAIMS, PRINTED, SETTINGS, STATISTICS
from scb.store import tables

GALLERY = Path("docs/gallery")
"""Where the published claims, their statistics and the figures are."""
UNIVERSES = Path("docs/tuning/multiverse.parquet")


@dataclass(frozen=True)
class Published:
    """The published tables.

    Attributes
    ----------
    claims, statistics : DataFrame
        In the columns of `scb.claims.tables.CLAIMS` and `scb.claims.tables.STATISTICS`.
    universes : DataFrame
        In the columns of `scb.analysis.tables.MULTIVERSE`.
    """

    claims: pd.DataFrame
    statistics: pd.DataFrame
    universes: pd.DataFrame

    @classmethod
    def read(cls, root: Path) -> "Published":
        """Of a repository.

        Raises
        ------
        TableError
            If a table is missing or damaged.
        """
        return cls(
            tables.read(root / GALLERY / "claims.parquet", CLAIMS),
            tables.read(root / GALLERY / "statistics.parquet", STATISTICS),
            tables.read(root / UNIVERSES, MULTIVERSE),
        )

    def claim(self, claim: str) -> pd.Series:
        """The row of a claim.

        Raises
        ------
        ValueError
            If there is none.
        """
        return _only(self.claims[self.claims["id"] == claim], f"claim {claim}")

    def verdict(self, claim: str, setting: str = PRINTED) -> str:
        """What a claim comes to at a setting of `scb.claims.tables.SETTINGS`.

        Raises
        ------
        ValueError
            If it is not judged there.
        """
        found = self.claim(claim)[setting] if setting in SETTINGS else None
        if not isinstance(found, str):
            raise ValueError(f"{GALLERY} has no verdict on {claim}, {setting}")
        return found

    def with_verdict(self, verdict: str, setting: str = PRINTED) -> list[str]:
        """The paper's claims that come to a verdict, in the order of the table."""
        rows = self.claims[self.claims["paper"] & (self.claims[setting] == verdict)]
        return list(rows["id"])

    def statistic(self, claim: str, setting: str, statistic: str) -> pd.Series:
        """The row of a statistic, in the columns of `scb.claims.tables.STATISTICS`.

        Raises
        ------
        ValueError
            If there is none.
        """
        rows = self.statistics
        for name, value in (("id", claim), ("setting", setting), ("statistic", statistic)):
            rows = rows[rows[name] == value]
        return _only(rows, f"statistic {statistic!r} of {claim}, {setting}")

    def require(self, verdict: str, setting: str, claims: Iterable[str]) -> None:
        """Stop unless the claims come to the verdict.

        Raises
        ------
        ValueError
            Naming the first claim that does not.
        """
        for claim in claims:
            if (found := self.verdict(claim, setting)) != verdict:
                raise ValueError(f"{claim} is said to be {verdict}, {setting}: it is {found}")


def _only(rows: pd.DataFrame, what: str) -> pd.Series:
    if len(rows) != 1:
        raise ValueError(f"{GALLERY} has {len(rows) or 'no'} {what}")
    return rows.iloc[0]
