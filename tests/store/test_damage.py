"""Flipped bits, and tables that do not belong together: refused, never read as other numbers."""

import random

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scb.store import origin, tables

TABLE = tables.schema(
    {"gap": pa.float64()}, name=pa.string(), count=pa.int32(), entries=tables.FLOATS
)
FRAME = pd.DataFrame(
    {
        "name": ["one", "two", "two", "three"] * 50,
        "count": range(200),
        "entries": [[0.1 * place, 1.0] for place in range(200)],
        "gap": [None, 0.5, float("nan"), 2.0] * 50,
    }
)
FLIPS = 540


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.parquet"
    with origin.made_from({"seed": 3}, {"tasks": "0123"}):
        tables.write(FRAME, path, TABLE, {"states": 3, "rate": 0.01})
    return path


def everything(path):
    return (tables.read_arrow(path, TABLE), tables.setting(path), tables.origin_of(path))


@pytest.mark.hostile("flipped bits", FLIPS)
def test_no_flipped_bit_is_read_as_something_else(table, tmp_path):
    values, setting, made = everything(table)
    raw, damaged = table.read_bytes(), tmp_path / "damaged.parquet"
    draw, refused = random.Random(0), 0
    for _ in range(FLIPS):
        place = draw.randrange(8 * len(raw))
        flipped = bytearray(raw)
        flipped[place // 8] ^= 1 << place % 8
        damaged.write_bytes(flipped)
        try:
            found = everything(damaged)
        except tables.TableError as fault:
            told = str(fault)
            refused += 1
        else:
            assert found == (values, setting, made), place
            continue
        assert told.startswith(f"{damaged}: ")
        assert "\n" not in told
    assert refused > FLIPS / 2  # the others changed nothing that is read


def rewritten(path, change):
    """The file as another program would have written it, with the metadata that it found."""
    found = pq.read_table(path)
    pq.write_table(change(found).replace_schema_metadata(found.schema.metadata), path)


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.take([1, 0, *range(2, len(found))]),  # rows shuffled
        lambda found: found.slice(1),  # a row missing
        lambda found: pa.concat_tables([found, found.slice(0, 1)]),  # a row twice
        lambda found: found.set_column(1, "count", pa.array(range(1, 201), pa.int32())),
    ],
)
@pytest.mark.hostile("foreign or damaged tables")
def test_rows_that_were_not_written_are_refused(table, change):
    rewritten(table, change)
    with pytest.raises(tables.TableError, match="not those that were written"):
        tables.read(table, TABLE)


@pytest.mark.hostile("foreign or damaged tables")
def test_a_setting_put_beside_other_values_is_refused(table, tmp_path):
    other = tmp_path / "other.parquet"
    tables.write(FRAME.assign(count=FRAME["count"] + 1), other, TABLE, {"states": 4})
    foreign = pq.read_schema(other).metadata
    pq.write_table(pq.read_table(table).replace_schema_metadata(foreign), table)
    with pytest.raises(tables.TableError, match="not those that were written"):
        tables.read(table, TABLE)


@pytest.mark.hostile("foreign or damaged tables")
def test_a_table_that_says_nothing_of_itself_is_refused(table):
    pq.write_table(pq.read_table(table).replace_schema_metadata({}), table)
    for read in (lambda: tables.read(table, TABLE), lambda: tables.setting(table)):
        with pytest.raises(tables.TableError, match="no setting is stored"):
            read()


def made(folder, name, seed, **inputs):
    path = folder / f"{name}.parquet"
    with origin.made_from({"seed": seed}, inputs):
        tables.write(FRAME, path, TABLE, {"name": name})
    return path


def digest(path):
    return tables.origin_of(path)["digest"]


def test_tables_of_one_past_fit(tmp_path):
    tasks = made(tmp_path, "tasks", 0)
    state = made(tmp_path, "state", 0, tasks=digest(tasks))
    found = origin.compare({"tasks": tasks, "state": [state]}, tables.origin_of, 0)
    assert found == {"tasks": digest(tasks), "state": [digest(state)]}


@pytest.mark.hostile("foreign or damaged tables")
def test_a_state_of_other_tasks_is_refused(tmp_path):
    tasks, others = made(tmp_path, "tasks", 0), made(tmp_path, "others", 0)
    state = made(tmp_path, "state", 0, tasks=digest(others))
    with pytest.raises(ValueError, match=r"state\.parquet: it was made from other tasks than .*"):
        origin.compare({"tasks": tasks, "state": state}, tables.origin_of, 0)


@pytest.mark.hostile("foreign or damaged tables")
def test_another_seed_is_refused(tmp_path):
    tasks = made(tmp_path, "tasks", 0)
    with pytest.raises(ValueError, match=r"tasks\.parquet: its seed is 0; .* settings is 1"):
        origin.compare({"tasks": tasks}, tables.origin_of, 1)
    other = made(tmp_path, "other", 1)
    with pytest.raises(ValueError, match=r"other\.parquet: its seed is 1; .*tasks\.parquet is 0"):
        origin.compare({"tasks": tasks, "curves": other}, tables.origin_of)


@pytest.mark.hostile("foreign or damaged tables")
def test_lists_are_compared_place_by_place(tmp_path):
    tasks = [made(tmp_path, f"tasks_{seed}", seed) for seed in (0, 1)]
    curves = [
        made(tmp_path, f"curves_{seed}", seed, tasks=digest(path))
        for seed, path in enumerate(tasks)
    ]
    origin.compare({"tasks": tasks, "curves": curves}, tables.origin_of)
    with pytest.raises(ValueError, match="it was made from other tasks"):
        origin.compare({"tasks": tasks, "curves": curves[::-1]}, tables.origin_of)
