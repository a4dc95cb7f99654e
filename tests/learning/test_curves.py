"""The log of a run: rows, order, and divergence that is recorded and never silent."""

import numpy as np
import pytest
import torch

from scb.learning.algorithm import normalise
from scb.learning.curves import TRANSFER_METRICS, Curves, TransferCurves
from scb.learning.metrics import (
    DIVERGED,
    METRICS,
    AttentionStatistics,
    bayes_loss,
    measure,
    support_found,
)
from scb.learning.models import LinearTransformer
from scb.learning.tables import CURVES
from scb.store.tables import read, write

MEASURED = [*METRICS, *(f"normalised_{name}" for name in METRICS)]


@pytest.fixture
def logged(make_task, make_iterate, tmp_path):
    """Two optimizers, two replicates, four steps; run (b, 1) goes astray from step 20 on."""
    task = make_task(3, 12)
    value, columns = make_iterate(task, leading=(2,))
    curves = Curves(task, ["b", "a"], "train", every=10, last=25, rounding=0.25)
    for step in range(26):
        if not curves.due(step):
            continue
        now = value.clone()
        if step == 20:
            now[0, 1] *= DIVERGED * 100
        if step == 25:
            now[0, 1] = torch.nan
        state = now, AttentionStatistics.of(task, columns)
        curves.record(step, state, normalise(task, columns, 0.25))
    write(curves.frame(), tmp_path / "curves.parquet", CURVES, {})
    return task, read(tmp_path / "curves.parquet", CURVES)


def test_one_row_per_run_and_logged_step(logged):
    _, frame = logged
    runs = frame.groupby(["optimizer", "replicate"])["step"].apply(list)
    assert runs.to_dict() == {
        (name, replicate): [0, 10, 20, 25] for name in "ab" for replicate in (0, 1)
    }


def test_divergence_is_flagged_from_its_step_on(logged):
    _, frame = logged
    astray = frame[frame["diverged"]]
    assert set(zip(astray["optimizer"], astray["replicate"], astray["step"], strict=True)) == {
        ("b", 1, 20),
        ("b", 1, 25),
    }
    assert astray[MEASURED].isna().all(axis=None)
    assert frame.loc[~frame["diverged"], MEASURED].notna().all(axis=None)


def test_a_metric_that_is_registered_is_logged(make_task, make_iterate, monkeypatch):
    task = make_task(3, 12)
    value, columns = make_iterate(task, leading=(1,))
    monkeypatch.setitem(METRICS, "twice_the_signal", lambda iterate: 2 * iterate.alpha_value)
    curves = Curves(task, ["sgd"], "train", every=1, last=0, rounding=0.25)
    curves.log(0, value, columns)
    frame = curves.frame()
    assert {"twice_the_signal", "normalised_twice_the_signal"} <= set(frame)
    np.testing.assert_array_equal(frame["twice_the_signal"], 2 * frame["value_signal"])


def test_observing_logs_what_is_due_and_the_first_step(make_task, make_iterate):
    task = make_task(3, 12)
    model = LinearTransformer(*make_iterate(task, leading=(1,)))
    curves = Curves(task, ["sgd"], "train", every=10, last=25, rounding=0.25)
    observe = curves.observe(model, first=3)
    for step in range(3, 26):
        observe(step)
    assert sorted(set(curves.frame()["step"])) == [3, 10, 20, 25]


def test_a_run_that_came_back_stays_diverged(make_task, make_iterate):
    task = make_task(3, 12, replicates=1)
    value, columns = make_iterate(task)
    curves = Curves(task, ["sgd"], "train", every=1, last=2, rounding=0.25)
    for step, factor in enumerate((1, 1e6, 1)):
        state = factor * value, AttentionStatistics.of(task, columns)
        curves.record(step, state, normalise(task, columns, 0.25))
    assert curves.frame()["diverged"].tolist() == [False, True, True]


def test_bayes_loss_is_that_of_the_replicate(logged):
    task, frame = logged
    for replicate, loss in enumerate(bayes_loss(task)):
        np.testing.assert_array_equal(
            frame.loc[frame["replicate"] == replicate, "bayes_loss"], float(loss)
        )


def test_transfer_curves_measure_and_mark_divergence(make_task, make_iterate):
    task = make_task(4, 9)
    value, columns = make_iterate(task, leading=(2,))
    curves = TransferCurves(task, "one_step", [0.5, -0.5], 0.25)
    curves.record(8, value, columns)
    wild = columns.clone()
    wild[0, 1] = 1e6
    curves.record(16, value, wild)
    curves.record(24, value, columns, ranked=task.attention.mT.expand_as(columns))
    frame = curves.frame()
    rows = frame.set_index(["correlation", "replicate", "samples"])
    assert rows.loc[0.5, 1]["diverged"].tolist() == [False, True, True]
    assert rows.loc[0.5, 1]["support"].isna().tolist() == [False, True, True]
    assert not rows.loc[-0.5]["diverged"].any()
    expected = measure(task, value, AttentionStatistics.of(task, columns))
    for name in ("attention_signal", "value_distance", "test_loss"):
        np.testing.assert_allclose(rows.loc[-0.5, 0, 8][name], expected[name][1, 0])
    assert set(TRANSFER_METRICS) < set(frame)
    np.testing.assert_allclose(rows.loc[-0.5, 1, 8]["support"], support_found(task, columns)[1, 1])
    assert (rows.loc[-0.5, :, 24]["support"] == 1).all()
    norm = (task.attention.square().sum(-2) * task.stationary).sum(-1).sqrt()
    np.testing.assert_allclose(rows.loc[-0.5, 1, 8]["pattern_norm"], norm[1])


def test_transfer_curves_from_scratch_have_no_correlation(make_task, make_iterate):
    task = make_task(4, 9)
    value, columns = make_iterate(task)
    curves = TransferCurves(task, "scratch", [None], 0.25)
    curves.record(0, value, columns)
    assert curves.frame()["correlation"].isna().all()
