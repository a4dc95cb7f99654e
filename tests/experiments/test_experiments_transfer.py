"""The experiments of transfer as the pipeline runs them: Parquet in and out."""

import numpy as np
import pandas as pd
import pytest
import torch

from scb import Task
from scb.data.stream import Stream
from scb.experiments import finetune, one_step, pretrain, scratch, tasks
from scb.learning.algorithm import train
from scb.learning.metrics import support_found
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import preconditioned
from scb.learning.tables import TRANSFER
from scb.settings.training import Tasks
from scb.settings.transfer import Finetuning, Pretraining, Scratching, Stepping
from scb.store import tables
from scb.theory.population import largest_stable_rate
from scb.theory.tables import PRETRAINED
from scb.theory.transfer import (
    Conditions,
    MeanGradient,
    read_pretrained,
    start_model,
    start_penalty,
)
from scb.theory.transfer import one_step as stepped

CORRELATIONS = (0.8, 0, -0.3)
PRETRAIN = Pretraining(
    seed=5,
    rounding=0.25,
    length=20,
    concentration=0.1,
    correlations=CORRELATIONS,
    batch=256,
    steps=60,
    fit_steps=60,
    fit_rate=0.1,
)
ONE_STEP = Stepping(seed=5, rounding=0.25, mixing=0.2, batch=8, steps=20, ratio=2)
FINETUNE = Finetuning(seed=5, rounding=0.25, mixing=0.2, batch=8, growth=0.5, log_interval=5)
SCRATCH = Scratching(seed=5, rounding=0.25, batch=8, growth=1, log_interval=5)


def drawing(length, replicates, seed=5):
    return Tasks(
        seed=seed,
        replicates=replicates,
        states=4,
        length=length,
        sparsity=2,
        sampler="balanced",
        concentration=0.1,
        weights="uniform",
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory, call):
    folder = tmp_path_factory.mktemp("transfer")
    for length, replicates in ((20, 3), (40, 2)):
        call(tasks.draw_tasks, drawing(length, replicates), folder, tasks=f"tasks_{length}")
    call(pretrain.pretraining, PRETRAIN, folder, downstream="tasks_20", pretrained="pretrained")
    files = {"tasks": "tasks_40", "pretrained": "pretrained"}
    call(one_step.steps, ONE_STEP, folder, **files, curves="one_step")
    call(finetune.finetune, FINETUNE, folder, **files, curves="finetune")
    call(scratch.from_scratch, SCRATCH, folder, tasks="tasks_40", curves="scratch")
    return folder


def test_pretraining_learns_the_transition_from_samples(folder):
    frame = tables.read(folder / "pretrained.parquet", PRETRAINED)
    np.testing.assert_allclose(frame["achieved"], frame["correlation"], atol=1e-6)
    task = Task.load(folder / "tasks_20.parquet")
    mu = task.stationary
    for rho, part in frame.groupby("correlation"):
        part = part.sort_values(["replicate", "state"])
        transition, value = (
            torch.from_numpy(np.stack(part[name].to_list())).reshape(3, 4, 4).mT
            for name in ("transition", "value")
        )
        torch.testing.assert_close(Conditions.of(task, transition).drift, torch.zeros(3).double())
        # Learned from samples: close to P_hat, and not P_hat.
        start = ((transition - mu[..., None]).square().sum(-2) * mu).sum(-1)
        rest = ((value - transition).square().sum(-2) * mu).sum(-1)
        assert (rest < 0.2 * start).all(), rho
        assert (rest > 0).all()


def test_pretrained_values_are_read_for_fewer_replicates(folder):
    task = Task.load(folder / "tasks_40.parquet")
    value, reported = read_pretrained(folder / "pretrained.parquet", task)
    assert value.shape == (3, 2, 4, 4)
    assert reported["correlations"] == [0.8, 0, -0.3]
    torch.testing.assert_close(
        (value @ task.stationary[..., None])[..., 0],
        task.stationary.expand(3, 2, 4),
        atol=1e-5,
        rtol=0,
    )
    learned = Conditions.of(task, value[0]).correlation
    low, high = reported["learned"][0]
    assert low - 1e-9 <= learned.min() <= learned.max() <= high + 1e-9


def test_rounding_of_a_large_value_is_not_taken_for_another_mu(folder, tmp_path):
    frame = tables.read(folder / "pretrained.parquet", PRETRAINED)
    task = Task.load(folder / "tasks_20.parquet")
    mu = task.stationary.numpy()[frame["replicate"]]
    large = mu + 1e4 * (np.stack(frame["value"].to_list()) - mu)
    frame["value"] = list(large.astype(np.float32).astype(float))
    path = tmp_path / "pretrained.parquet"
    tables.write(frame, path, PRETRAINED, tables.setting(folder / "pretrained.parquet"))
    value, _ = read_pretrained(path, task)
    assert value.abs().max() > 1000
    frame["value"] = list(large + np.array([10, -10, 0, 0]))
    tables.write(frame, path, PRETRAINED, tables.setting(folder / "pretrained.parquet"))
    with pytest.raises(ValueError, match="another mu"):
        read_pretrained(path, task)


def test_one_step_logs_the_step_of_every_number_of_samples(folder):
    frame = tables.read(folder / "one_step.parquet", TRANSFER)
    assert set(frame["samples"]) == {8, 16, 32, 64, 128, 160}
    assert set(frame["correlation"]) == {0.8, 0, -0.3}
    task = Task.load(folder / "tasks_40.parquet")
    value, _ = read_pretrained(folder / "pretrained.parquet", task)
    model = start_model(task, value, 0.2)
    mean = MeanGradient(model.columns)
    train(model, [mean], Stream.of(task, 5), range(8), 8)
    found = support_found(task, stepped(task, mean.mean, 0.0))
    rows = frame[frame["samples"] == 64].set_index(["correlation", "replicate"])["support"]
    for row, rho in enumerate((0.8, 0, -0.3)):
        np.testing.assert_allclose(rows[rho].sort_index(), found[row])


def test_finetuning_is_the_thresholded_step_and_then_stage_2(folder):
    setting = tables.setting(folder / "finetune.parquet")
    first, last = (setting[key] // 8 for key in ("start_samples", "budget"))
    task = Task.load(folder / "tasks_40.parquet")
    value, _ = read_pretrained(folder / "pretrained.parquet", task)
    model = start_model(task, value, 0.2)
    mean, penalty = MeanGradient(model.columns), start_penalty(task, 0.2)
    train(model, [mean], Stream.of(task, 5), range(first), 8)
    model = LinearTransformer(model.value.detach(), stepped(task, mean.mean, penalty))
    rate = largest_stable_rate(task, 8) / 4
    steps = preconditioned(task, model, rate, rate * penalty)
    train(model, steps, Stream.of(task, 5), range(first, last), 8)
    frame = tables.read(folder / "finetune.parquet", TRANSFER)
    rows = frame[frame["samples"] == setting["budget"]]
    rows = rows.set_index(["correlation", "replicate"])["value_distance"]
    error = (model.value.detach().double() - task.transition).square().sum(-2)
    distance = (error * task.stationary).sum(-1).sqrt()
    for row, rho in enumerate((0.8, 0, -0.3)):
        np.testing.assert_allclose(rows[rho].sort_index(), distance[row], rtol=1e-3)


def test_scratch_begins_at_the_papers_start(folder):
    frame = tables.read(folder / "scratch.parquet", TRANSFER)
    assert frame["correlation"].isna().all()
    first = frame[frame["samples"] == 0]
    assert (first["support"] == 0).all()
    np.testing.assert_allclose(first[["attention_signal", "value_signal"]], 0, atol=1e-6)
    assert frame["samples"].max() == tables.setting(folder / "scratch.parquet")["budget"]


def test_a_replicate_is_alike_among_others(folder, tmp_path, call):
    call(tasks.draw_tasks, drawing(40, 1), tmp_path, tasks="tasks_40")
    name = "pretrained.parquet"
    (tmp_path / name).write_bytes((folder / name).read_bytes())
    files = {"tasks": "tasks_40", "pretrained": "pretrained", "curves": "one_step"}
    call(one_step.steps, ONE_STEP, tmp_path, **files)
    few = tables.read(tmp_path / "one_step.parquet", TRANSFER)
    many = tables.read(folder / "one_step.parquet", TRANSFER)
    shared = many[many["replicate"] == 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(few, shared, rtol=1e-5)


@pytest.mark.parametrize(
    ("job", "settings", "tasks_of", "fault"),
    [
        (one_step.steps, ONE_STEP.model_copy(update={"mixing": 0.0}), "tasks_40", "mixing is 0.0"),
        (one_step.steps, ONE_STEP, "others", "its seed is 6; that of the settings is 5"),
        (finetune.finetune, FINETUNE, "many", "states and replicates"),
    ],
)
def test_bad_input_ends_in_one_line(folder, call, job, settings, tasks_of, fault):
    call(tasks.draw_tasks, drawing(40, 2, seed=6), folder, tasks="others")
    call(tasks.draw_tasks, drawing(40, 4), folder, tasks="many")
    with pytest.raises(SystemExit) as failed:
        call(job, settings, folder, tasks=tasks_of, pretrained="pretrained", curves="new")
    assert fault in failed.value.code
    assert len(failed.value.code.splitlines()) == 1
    assert not (folder / "new.parquet").exists()


def test_a_correlation_that_none_can_have_ends_in_one_line(folder, call):
    settings = PRETRAIN.model_copy(update={"correlations": (0.8, 1.8)})
    with pytest.raises(SystemExit) as failed:
        call(pretrain.pretraining, settings, folder, downstream="tasks_20", pretrained="new")
    assert "1.8" in failed.value.code
    assert len(failed.value.code.splitlines()) == 1


@pytest.mark.parametrize("fit_rate", [2.0, 3.0, 8.0, 1e3, 1e30])
def test_divergence_of_pretraining_names_its_rate(folder, tmp_path, call, fit_rate):
    (tmp_path / "tasks_20.parquet").write_bytes((folder / "tasks_20.parquet").read_bytes())
    settings = PRETRAIN.model_copy(update={"fit_rate": fit_rate, "correlations": (0.8,)})
    with pytest.raises(SystemExit) as failed:
        call(pretrain.pretraining, settings, tmp_path, downstream="tasks_20", pretrained="new")
    assert failed.value.code.endswith(
        f": transfer.pretrain.fit_rate is {fit_rate:g}; Stage 3 of pretraining diverged at that "
        "rate"
    )
    assert not (tmp_path / "new.parquet").exists()
