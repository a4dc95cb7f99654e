"""Judge all universes: from the tables of their groups to one row for each."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from scb.analysis.readings import END, ROUNDING, WITHIN, groups, readings
from scb.analysis.tables import MULTIVERSE, UNIVERSES
from scb.claims.universes import judged, observed, paired, universe
from scb.experiments.job import Inputs, Output, job
from scb.settings.multiverse import Grouped
from scb.store import tables


def rows_of(runs: pd.DataFrame, shared: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Rows of `MULTIVERSE` of one group."""
    printed = {END.name: END.default, ROUNDING.name: ROUNDING.default}
    for within in readings(WITHIN):
        # Step 400 is where Stage 1 ends by step, in whichever way it ends here.
        at_400 = universe(runs, within | printed)
        read = universe(runs, within)
        yield {
            **shared,
            **within,
            "runs": len(read.replicates),
            "positive": int(read.positive.sum()),
            **paired(read),
            **judged(read),
            **observed(read, at_400.boost_signal[at_400.positive]),
        }


@job
def multiverse(settings: Grouped, runs: Inputs, table: Output) -> None:
    """Read, judge and write."""
    rows: list[dict[str, Any]] = []
    known = groups()
    for name, path in zip(settings.groups, runs, strict=True):
        rows += rows_of(tables.read(path, UNIVERSES), known[name])
    tables.write(pd.DataFrame(rows), table, MULTIVERSE, tables.setting(runs[0]))


if __name__ == "__main__":
    multiverse.main()
