"""The data dictionary: every column of every table, and none besides."""

import importlib

import pandas as pd
import pytest
from test_house import ROOT

from scb import dictionary
from scb.analysis.endpoints import Endpoints
from scb.analysis.runs import Run
from scb.learning.curves import Curves, TransferCurves
from scb.learning.models import LinearTransformer
from scb.store.tables import Schema

TABLES = {table.name: table for table in dictionary.TABLES}
SCHEMAS = {
    name: schema
    for path in (ROOT / "scb").glob("*/tables.py")
    for name, schema in vars(importlib.import_module(f"scb.{path.parent.name}.tables")).items()
    if isinstance(schema, Schema)
}


def test_every_schema_is_on_the_page_and_no_other():
    assert {name: table.schema for name, table in TABLES.items()} == SCHEMAS


@pytest.mark.parametrize("name", TABLES)
def test_every_column_has_a_meaning(name):
    table = TABLES[name]
    assert list(table.schema.columns) == table.schema.names
    assert (table.metrics or bool(table.further)) == table.schema.measured
    assert not set(table.further) & set(table.schema.names)
    for column in table.columns.values():
        assert column.meaning.strip(" .") == column.meaning != ""
        for text in column:
            assert "\n" not in str(text)
    assert [str(field.type) for field in table.schema.fields] == [
        str(column.kind) for column in table.schema.columns.values()
    ]


def all_columns(name):
    """Of a table, its metrics among them."""
    metrics = dictionary.METRICS_OF_ITERATES if TABLES[name].metrics else {}
    return {*TABLES[name].columns, *metrics, *(f"normalised_{metric}" for metric in metrics)}


@pytest.fixture(scope="module")
def curves(make_task):
    """Of two optimizers at two steps."""
    task = make_task(3, 8)
    model = LinearTransformer.initial(task)
    log = Curves(task, ["proximal", "sgd"], "train", 1, 1, 0.25)
    for step in (0, 1):
        log.log(step, model.value[None], model.columns[None])
    return log.frame()


def test_measured_columns_are_those_that_are_written(curves, make_task):
    task = make_task(3, 8)
    assert set(curves) == all_columns("CURVES")

    log = TransferCurves(task, "scratch", [None], 0.25)
    model = LinearTransformer.initial(task)
    log.record(1, model.value[None], model.columns[None])
    assert set(log.frame()) == all_columns("TRANSFER")


def test_columns_of_universes_are_endpoints(curves):
    run = Run.of(curves, "curves", {})
    frame = Endpoints.of(run).frame.assign(end="step", rounding=0.25)
    assert set(frame) == all_columns("UNIVERSES")


def test_columns_of_penalties_are_curves_at_the_last_step(curves):
    of_a_row = {"sweep", "positive", "penalty"}
    dropped = {"optimizer", "step", "stage", "bayes_loss"}
    assert all_columns("PENALTIES") == set(curves) - dropped | of_a_row


def test_each_column_has_a_row_of_as_many_cells():
    lines = dictionary.page().splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    cells = pd.Series([len(row.replace(r"\|", "").split("|")) for row in rows])
    assert (cells == 7).all()
    columns = [dictionary.METRICS_OF_ITERATES, *(table.columns for table in TABLES.values())]
    assert len(rows) == sum(map(len, columns))
