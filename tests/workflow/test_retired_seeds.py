"""The seed that judges, and what another one said."""

import pandas as pd
import pytest
from project import CONFIG, ROOT

from scb.claims.tables import STATISTICS
from scb.store import tables
from workflow import seeds
from workflow.published import GALLERY


def test_seed_is_made_of_the_commit_of_the_rules():
    assert CONFIG["seed"] == int(CONFIG["claims"]["fixed"][:8], 16)
    assert CONFIG["multiverse"]["seed"] != CONFIG["seed"]


@pytest.fixture
def judged_twice(tmp_path):
    """The published statistics, twice; ``change`` makes the earlier ones."""

    def write(change):
        statistics = tables.read(ROOT / GALLERY / "statistics.parquet", STATISTICS)
        for path, table in (
            (GALLERY / "statistics.parquet", statistics.copy()),
            (seeds.EARLIER, change(statistics)),
        ):
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            tables.write(table, tmp_path / path, STATISTICS, {})
        return tmp_path

    return write


def deciding(statistics):
    return statistics.index[statistics.outcome.isin(seeds.DECIDING)]


def test_equal_tables_differ_nowhere(judged_twice):
    root = judged_twice(lambda statistics: statistics)
    found = seeds.both(root)
    assert len(found) == len(deciding(tables.read(root / seeds.EARLIER, STATISTICS)))
    text = seeds.markdown(root)
    assert f"on both seeds: {len(found)}. The same outcome: {len(found)}." in text
    assert "|" not in text


def test_each_outcome_that_moved_has_a_row(judged_twice):
    def change(statistics):
        statistics = statistics.copy()
        shown = statistics.index[statistics.outcome == "shown"]
        statistics.loc[shown[0], "outcome"] = "refuted"
        statistics.loc[shown[1], "outcome"] = "undecided"
        statistics.loc[shown[2], "outcome"] = "reported only"  # decides nothing, so it is left out
        return statistics

    root = judged_twice(change)
    found, text = seeds.both(root), seeds.markdown(root)
    assert f"The same outcome: {len(found) - 2}. Decided by one seed only: 1." in text
    assert "refuted by the other: 1." in text
    rows = [line for line in text.splitlines() if line.startswith("| printed")]
    assert ["| refuted (" in row for row in rows] == [True, False]
    assert ["| undecided (" in row for row in rows] == [False, True]


def test_a_statistic_of_one_seed_alone_is_left_out(judged_twice):
    root = judged_twice(lambda statistics: statistics.drop(index=deciding(statistics)[0]))
    now = pd.read_parquet(root / GALLERY / "statistics.parquet")
    assert len(seeds.both(root)) == len(deciding(now)) - 1
