"""Tables: what is written is read back, whole, or the fault is named."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scb.store import tables
from scb.store.tables import TableError, measured, schema

STATES = schema(
    {"note": pa.string()},
    optimizer=pa.string(),
    replicate=pa.int32(),
    step=pa.int32(),
    state=pa.int32(),
    value=pa.list_(pa.float32()),
    attention=pa.list_(pa.float32()),
)
CURVES = measured(optimizer=pa.string(), replicate=pa.int32(), step=pa.int32())


def states_frame(rows=4):
    generator = np.random.default_rng(3)
    return pd.DataFrame(
        {
            "optimizer": ["proximal"] * rows,
            "replicate": np.arange(rows) // 2,
            "step": 10,
            "state": np.arange(rows) % 2,
            "value": list(generator.normal(size=(rows, 2)).astype(np.float32)),
            "attention": list(generator.normal(size=(rows, 7)).astype(np.float32)),
            "note": [None, *["checked"] * (rows - 1)],
        }
    )


def test_round_trip_is_exact(tmp_path):
    frame = states_frame()
    tables.write(frame, tmp_path / "deep" / "states.parquet", STATES, {})
    found = tables.read(tmp_path / "deep" / "states.parquet", STATES)
    assert list(found.columns) == STATES.names
    for name in ("value", "attention"):
        assert np.array_equal(np.stack(found[name]), np.stack(frame[name]))
    assert list(found["optimizer"]) == ["proximal"] * 4
    assert list(found["note"].isna()) == [True, False, False, False]
    assert found["replicate"].dtype == np.int32


def test_setting_comes_back(tmp_path):
    setting = {"states": 3, "rate": 0.1, "optimizers": ["sgd", "proximal"]}
    tables.write(states_frame(), tmp_path / "t.parquet", STATES, setting)
    assert tables.setting(tmp_path / "t.parquet") == setting


def test_an_arrow_table_and_any_column_order_will_do(tmp_path):
    frame = states_frame()
    tables.write(frame[frame.columns[::-1]], tmp_path / "a.parquet", STATES, {})
    arrow = pa.Table.from_pandas(frame[frame.columns[::-1]], preserve_index=False)
    tables.write(arrow, tmp_path / "b.parquet", STATES, {})
    a, b = (tables.read(tmp_path / f"{name}.parquet", STATES) for name in "ab")
    pd.testing.assert_frame_equal(a, b)


def test_what_is_measured_follows_and_may_be_null(tmp_path):
    index = pd.DataFrame({"optimizer": "sgd", "replicate": 0, "step": [0, 5]})
    frame = index.assign(error=[0.1, np.nan], distance=[1, 2])
    tables.write(frame, tmp_path / "curves.parquet", CURVES, {})
    found = tables.read(tmp_path / "curves.parquet", CURVES)
    assert list(found) == [*CURVES.names, "error", "distance"]
    assert found.loc[0, "error"] == 0.1
    assert np.isnan(found.loc[1, "error"])
    assert found["distance"].dtype == np.float64
    with pytest.raises(TableError, match="lacks step"):
        tables.write(frame.drop(columns="step"), tmp_path / "less.parquet", CURVES, {})
    with pytest.raises(TableError, match="does not fit the schema"):
        tables.write(frame.assign(error="large"), tmp_path / "words.parquet", CURVES, {})


def test_a_diverged_state_keeps_its_nans(tmp_path):
    frame = states_frame(2)
    frame["value"] = [np.array([np.nan, 1.0]), np.array([np.inf, 2.0])]
    tables.write(frame, tmp_path / "t.parquet", STATES, {})
    found = np.stack(tables.read(tmp_path / "t.parquet", STATES)["value"])
    assert np.array_equal(found, [[np.nan, 1.0], [np.inf, 2.0]], equal_nan=True)


def test_equal_tables_are_equal_files(tmp_path):
    for name, setting in (("a", {"x": 1, "y": 2}), ("b", {"y": 2, "x": 1})):
        tables.write(states_frame(), tmp_path / name, STATES, setting)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_second_write_replaces_the_first(tmp_path):
    for rows in (4, 2):
        tables.write(states_frame(rows), tmp_path / "t.parquet", STATES, {"rows": rows})
    assert len(tables.read(tmp_path / "t.parquet", STATES)) == 2
    assert tables.setting(tmp_path / "t.parquet") == {"rows": 2}


def test_a_failed_write_leaves_the_old_table_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "t.parquet"
    tables.write(states_frame(), path, STATES, {})
    before = path.read_bytes()

    def full_disk(table, where, **options):
        Path(where).write_bytes(b"half a table")
        raise OSError("disk full")

    monkeypatch.setattr(tables.pq, "write_table", full_disk)
    with pytest.raises(OSError, match=rf"^{path}: cannot be written: disk full$"):
        tables.write(states_frame(2), path, STATES, {})
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["t.parquet"]


@pytest.mark.hostile("foreign or damaged tables")
def test_a_table_cut_short_anywhere_is_refused(tmp_path):
    path = tmp_path / "t.parquet"
    tables.write(states_frame(), path, STATES, {})
    whole = path.read_bytes()
    for length in range(0, len(whole), 7):
        path.write_bytes(whole[:length])
        with pytest.raises(TableError, match="not a complete Parquet file") as caught:
            tables.read(path, STATES)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda frame: frame.drop(columns="value"), "lacks value"),
        (lambda frame: frame.assign(extra=1), "has unknown extra"),
        (lambda frame: frame.assign(step=[0, None, 1, 2]), "step"),
        (lambda frame: frame.assign(step="soon"), "does not fit the schema"),
        (
            lambda frame: pa.Table.from_pandas(frame.assign(step=[0, None, 1, 2])),
            "does not fit the schema|step",
        ),
    ],
)
@pytest.mark.hostile("foreign or damaged tables")
def test_a_frame_of_another_schema_is_refused(tmp_path, change, fault):
    with pytest.raises(TableError, match=fault):
        tables.write(change(states_frame()), tmp_path / "t.parquet", STATES, {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.hostile("foreign or damaged tables", 4)
def test_faults_of_a_file_are_named_in_one_line(tmp_path):
    good = tmp_path / "good.parquet"
    tables.write(states_frame(), good, STATES, {})
    whole = good.read_bytes()
    (tmp_path / "short.parquet").write_bytes(whole[:-20])
    (tmp_path / "empty.parquet").write_bytes(b"")
    (tmp_path / "damaged.parquet").write_bytes(whole[:4] + bytes(40) + whole[44:])
    place = STATES.fields.get_field_index("replicate")
    wide = STATES.fields.set(place, pa.field("replicate", pa.int64()))
    retyped = pa.Table.from_pandas(states_frame(), schema=wide)
    pq.write_table(retyped, tmp_path / "retyped.parquet")
    for name, expected, fault in (
        ("absent.parquet", STATES, "no such file"),
        ("short.parquet", STATES, "not a complete Parquet file"),
        ("empty.parquet", STATES, "not a complete Parquet file"),
        ("damaged.parquet", STATES, "not a complete Parquet file"),
        ("good.parquet", schema(seed=pa.int64()), "lacks seed"),
        ("retyped.parquet", STATES, "column replicate is int64, not int32"),
    ):
        with pytest.raises(TableError, match=fault) as caught:
            tables.read(tmp_path / name, expected)
        assert str(caught.value).startswith(str(tmp_path / name))
        assert "\n" not in str(caught.value)
    with pytest.raises(TableError, match="no setting"):
        tables.setting(tmp_path / "retyped.parquet")
