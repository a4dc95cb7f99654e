"""A family of claims as it is published: a table of claims, one of statistics, and their text."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from scb.claims.markdown import render
from scb.claims.tables import CLAIMS, STATISTICS, Across, summarise, tabulate
from scb.store import tables
from scb.store.files import replacing


class Published(NamedTuple):
    """Where the verdicts go."""

    claims: Path
    statistics: Path
    markdown: Path


def publish(
    judged: Mapping[str, pd.DataFrame],
    where: Published,
    *,
    stored: Mapping[str, Any],
    figures: str,
    note: str,
    across: Mapping[str, Across] | None = None,
    said: Mapping[tuple[str, str], str] | None = None,
) -> None:
    """Write what `scb.claims.verdict.judge` found.

    Parameters
    ----------
    judged : mapping of DataFrame
        By setting.
    where : Published
    stored : mapping
        What both tables say of their settings.
    figures : str
        Where the figures lie, as seen from the text.
    note : str
        How the claims are judged.
    across, said : mapping, optional
        As of `scb.claims.tables.summarise`.
    """
    tables.write(tabulate(judged), where.statistics, STATISTICS, stored)
    tables.write(summarise(judged, across or {}, said), where.claims, CLAIMS, stored)
    # As read again, so that the text follows from the tables alone.
    written = tables.read(where.claims, CLAIMS), tables.read(where.statistics, STATISTICS)
    with replacing(where.markdown) as temporary:
        temporary.write_text(render(*written, figures, note), encoding="utf-8")
