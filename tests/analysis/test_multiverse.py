"""What is told of a table of universes, on planted tables and on the one that is kept."""

from pathlib import Path

import pandas as pd
import pytest

from scb.analysis.multiverse import (
    CLAIMS,
    OBSERVATIONS,
    OUTCOMES,
    across,
    by_option,
    never_together,
    together,
)
from scb.analysis.readings import READINGS, default, readings


@pytest.fixture
def table():
    """All universes; C1 is decided by the baseline, C2 by nothing, C3 by how Stage 1 ends."""
    frame = pd.DataFrame(readings())
    frame[list(CLAIMS)] = "refuted"
    frame["C1"] = frame["baseline"].map({"sgd": "refuted", "raw": "shown", "vanilla": "undecided"})
    frame["C3"] = frame["end"].map({"step": "undecided", "signal": "refuted"})
    frame[list(OBSERVATIONS)] = False
    frame["ahead"] = frame["rates"] == "undivided"
    frame["signal"] = frame["rates"] == "divided"
    frame["close"] = (frame["rates"] == "divided") & (frame["rounding"] != "0.5")
    return frame


def test_shares_and_the_dimension_that_decides(table):
    told = across(table, "C1")
    assert told.shares == pytest.approx(dict.fromkeys(OUTCOMES, 1 / 3))
    assert told.dimension == "baseline"
    assert list(told.by_option) == ["sgd", "raw", "vanilla"]  # in the order of the readings
    assert told.by_option["raw"] == {"shown": 1, "refuted": 0, "undecided": 0}


def test_nothing_decides_where_all_are_alike(table):
    told = across(table, "C2")
    assert (told.shares["refuted"], told.dimension, told.by_option) == (1, "", {})


def test_what_is_refuted_decides_where_nothing_is_shown(table):
    told = across(table, "C3")
    assert told.dimension == "end"
    assert told.by_option["signal"]["refuted"] == 1


@pytest.mark.parametrize("dimension", READINGS, ids=lambda one: one.name)
def test_shares_of_options_average_to_those_of_all(table, dimension):
    found = by_option(table, "C1", dimension.name)
    assert list(found) == dimension.names
    for outcome in OUTCOMES:
        mean = sum(option[outcome] for option in found.values()) / len(found)
        assert mean == pytest.approx(across(table, "C1").shares[outcome])


def test_observations_met_together(table):
    rows = together(table)
    assert rows["universes"].sum() == len(table)
    first = rows.iloc[0]
    assert {name for name in OBSERVATIONS if first[name]} == {"close", "signal"}
    assert first["universes"] == 720


def test_the_smallest_sets_that_no_universe_meets(table):
    assert never_together(table) == [
        ("similar",), ("struggles",), ("ahead", "close"), ("ahead", "signal")
    ]  # fmt: skip
    assert never_together(table.assign(**dict.fromkeys(OBSERVATIONS, True))) == []


def test_what_the_document_says_of_the_universes_that_were_run():
    table = pd.read_parquet(Path(__file__).parents[2] / "docs/tuning/multiverse.parquet")
    assert table["positive"].between(7, 20).all()
    assert 0.9**35 > 0.05 / 2 > 0.9**36  # fewer than 36 runs cannot show *always*
    shown = table[table["C1"] == "shown"].groupby("baseline")
    assert set(shown.groups) == {"raw", "vanilla"}
    raw, vanilla = (shown.get_group(name) for name in ("raw", "vanilla"))
    divided = (table["baseline"] == "raw") & (table["rates"] == "divided")
    assert len(raw) == divided.sum()
    assert (raw["rates"] == "divided").all()
    assert (raw["ratio"] == 0).all()
    assert set(vanilla["sampler"]) == {"nontrivial"}
    assert vanilla["ratio"].between(0.66, 0.82).all()
    judged = default() | {"rounding": "0.2"}
    (row,) = table[(table[list(judged)] == pd.Series(judged)).all(axis=1)].to_dict("records")
    assert round(row["C3_margin"], 2) == 0.36
    assert round(table["C3_margin"].max(), 2) == 0.5
