"""Runs of the first stage until the support is found or their samples are spent."""

import numpy as np
import pytest
import torch

from scb.analysis.tables import SOFTMAX_SAMPLES
from scb.data.stream import Stream
from scb.experiments import softmax_samples
from scb.learning.algorithm import train
from scb.learning.metrics import AttentionStatistics, attention_signal
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import build_optimizers
from scb.settings.softmax_samples import SoftmaxAlone
from scb.settings.training import Logits, Sgd
from scb.store.tables import read, setting

SETTINGS = SoftmaxAlone(
    seed=1,
    replicates=3,
    states=3,
    sparsity=2,
    concentration=0.1,
    halvings=1,
    doublings=0,
    length=20,
    rate=0.2,
    factor=0.01,
    logit_rate=0.02,
)
SEEDS = [4, 5, 6, 7]


def by_hand(task, spec, steps, batch):
    """A run of one model that looks at the signal after each step."""
    start = LinearTransformer.initial(task)
    model = LinearTransformer(start.value[None], start.columns[None])
    ends = {}

    def observe(step):
        columns = model.columns.detach()[0]
        signal = attention_signal(task, AttentionStatistics.of(task, columns))
        for place, found in enumerate(signal.tolist()):
            if place not in ends and step and (abs(found) >= 0.1 or step == steps):
                ranks = columns[place].argsort(-1, descending=True)[:, :2].sort(-1).values
                right = torch.equal(ranks, task.positions[place].mT.sort(-1).values)
                ends[place] = right and found > 0, right and found >= 0.1

    train(
        model,
        build_optimizers(task, model, [spec]),
        Stream(task, SEEDS),
        range(steps),
        batch,
        observe,
    )
    return [ends[place] for place in range(len(SEEDS))]


@pytest.mark.parametrize("batch", [8, 64])
def test_ends_are_those_of_each_model_alone(make_task, batch):
    task = make_task(3, 30, replicates=4, sampler="balanced", concentration=0.1)
    specs = [Sgd(kind="sgd", rate=0.1), Logits(kind="softmax", rate=0.1, signal=None)]
    outcome = softmax_samples.ends(task, SEEDS, specs, 30, batch)
    for spec, right, reached in zip(specs, *outcome, strict=True):
        expected = by_hand(task, spec, 30, batch)
        assert list(zip(right.tolist(), reached.tolist(), strict=True)) == expected


def test_many_samples_find_the_support_and_few_do_not(make_task):
    task = make_task(3, 30, replicates=4, sampler="balanced", concentration=0.1)
    specs = [Sgd(kind="sgd", rate=0.1), Logits(kind="softmax", rate=0.1, signal=None)]
    few, many = (softmax_samples.ends(task, SEEDS, specs, 30, batch)[0] for batch in (1, 2000))
    assert many.all()
    assert few.double().mean() < 0.5


def test_table(tmp_path, call):
    call(softmax_samples.samples, SETTINGS, tmp_path, "--device=cpu", runs="runs")
    found = read(tmp_path / "runs.parquet", SOFTMAX_SAMPLES)
    models = ["linear", "softmax", "softmax_slow", "softmax_adam"]
    assert list(found["model"].unique()) == models
    assert (found["length"] == 20).all()
    assert not (found["reached"] & ~found["right"]).any()
    for _, cell in found.groupby(["model", "batch"]):
        assert sorted(cell["replicate"]) == [0, 1, 2]
    ladders = found.groupby("model")["batch"].unique()
    assert np.array_equal(ladders["linear"], ladders["softmax"])  # one stream for both
    assert ladders["softmax_slow"].max() < ladders["softmax"].min()  # at ten times the steps
    assert setting(tmp_path / "runs.parquet")["level"] == 0.1


def test_batches_that_take_too_much_end_in_one_line(tmp_path, call):
    large = SETTINGS.model_copy(update={"doublings": 20, "length": 1000, "replicates": 16})
    with pytest.raises(SystemExit) as failed:
        call(softmax_samples.samples, large, tmp_path, "--device=cpu", runs="runs")
    assert "softmax_samples.doublings is 20; at T = 1000 a batch would have " in failed.value.code
    assert list(tmp_path.iterdir()) == []
