"""The log of a run: rows, order, and divergence that is recorded and never silent."""

import numpy as np
import pytest
import torch

from scb.algorithm import normalise
from scb.curves import Curves
from scb.metrics import DIVERGED, AttentionStatistics, bayes_loss
from scb.tables import CURVES, MEASURED, read, write


@pytest.fixture
def logged(make_task, make_iterate, tmp_path):
    """Two optimizers, two replicates, four steps; run (b, 1) goes astray from step 20 on."""
    task = make_task(3, 12)
    value, columns = make_iterate(task, leading=(2,))
    curves = Curves(task, ["b", "a"], "train", every=10, last=25)
    for step in range(26):
        if not curves.due(step):
            continue
        now = value.clone()
        if step == 20:
            now[0, 1] *= DIVERGED * 100
        if step == 25:
            now[0, 1] = torch.nan
        state = now, AttentionStatistics.of(task, columns)
        curves.record(step, state, normalise(task, columns))
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
    assert astray[list(MEASURED)].isna().all(axis=None)
    assert frame.loc[~frame["diverged"], list(MEASURED)].notna().all(axis=None)


def test_a_run_that_came_back_stays_diverged(make_task, make_iterate):
    task = make_task(3, 12, replicates=1)
    value, columns = make_iterate(task)
    curves = Curves(task, ["sgd"], "train", every=1, last=2)
    for step, factor in enumerate((1, 1e6, 1)):
        state = factor * value, AttentionStatistics.of(task, columns)
        curves.record(step, state, normalise(task, columns))
    assert curves.frame()["diverged"].tolist() == [False, True, True]


def test_bayes_loss_is_that_of_the_replicate(logged):
    task, frame = logged
    for replicate, loss in enumerate(bayes_loss(task)):
        np.testing.assert_array_equal(
            frame.loc[frame["replicate"] == replicate, "bayes_loss"], float(loss)
        )
