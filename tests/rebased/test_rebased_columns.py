"""Kernels on the bigram task, and both experiments as the pipeline runs them."""

import numpy as np
import pytest
import torch

from scb import Task
from scb.data.stream import Stream
from scb.experiments import rebased_columns, recall
from scb.experiments.tasks import draw_tasks
from scb.learning import states
from scb.learning.attend import attend
from scb.learning.models import squared_loss
from scb.learning.tables import CURVES
from scb.rebased.attention import quadratic
from scb.rebased.columns import KernelTransformer
from scb.rebased.similarity import SIMILARITIES
from scb.rebased.tables import RECALL
from scb.settings.rebased import Kernelising, Recalling
from scb.settings.training import Tasks
from scb.store import tables

NAMES = list(SIMILARITIES)


@pytest.fixture(scope="module")
def tasks():
    return Task.stack([Task.sample(states=4, length=12, sparsity=2, seed=s) for s in range(3)])


@pytest.fixture
def model(tasks):
    generator = torch.Generator().manual_seed(0)
    return KernelTransformer(tasks, list(SIMILARITIES.values()), 6, generator)


def test_start_is_near_the_papers(tasks, model):
    assert model.columns.shape == (len(NAMES), 3, 4, 12)
    torch.testing.assert_close(
        model.columns, torch.full_like(model.columns, 1 / 12), atol=0.05, rtol=0
    )
    # Nor so near that no gradient tells positions apart.
    assert float(model.columns.detach().std()) > 0
    expected = tasks.stationary.float()[..., None].expand(len(NAMES), 3, 4, 4)
    torch.testing.assert_close(model.value.detach(), expected)


@pytest.mark.parametrize("index", range(len(NAMES)), ids=NAMES)
def test_columns_are_what_attention_would_weigh(model, index):
    similarity = SIMILARITIES[NAMES[index]]
    with torch.no_grad():  # away from the start, where all are alike
        for parameters in (model.queries, model.keys, model.gammas, model.betas):
            for parameter in parameters:
                parameter += 0.5 * torch.randn_like(parameter)
    for r in range(3):
        prepared = [
            similarity.prepare(
                vectors[index][r],
                model.gammas[2 * index + side][r] if similarity.gamma else None,
                model.betas[2 * index + side][r] if similarity.beta else None,
            )
            for side, vectors in enumerate((model.queries, model.keys))
        ]
        # The last of 12 positions sees them all; values that are positions tell the weights.
        ends = torch.full((1, 4), 11)
        weights = quadratic(
            similarity, prepared[0][None], prepared[1][None], torch.eye(12)[None], ends
        )[0]
        if not similarity.normalised:
            weights = weights / 12
        torch.testing.assert_close(model.columns[index, r], weights)


def test_gradients_are_those_of_the_loss(tasks, model):
    stream = Stream(tasks, range(3))
    model.backward(stream, 5, 32)
    parameters = [p for p in model.parameters() if p.grad is not None]
    found = [p.grad.clone() for p in parameters]
    batch = stream.batch(5, 32)
    prediction = attend(model.columns, batch) @ model.value.mT
    expected = torch.autograd.grad(squared_loss(prediction, batch.targets).sum(), parameters)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-6)
    affine = sum(s.gamma + s.beta for s in SIMILARITIES.values())
    assert len(parameters) == 1 + 2 * len(NAMES) + 2 * affine


def test_a_kernel_learns_alike_among_others(tasks):
    stream = Stream(tasks, range(3))
    gradients = []
    for similarities in (list(SIMILARITIES.values()), [SIMILARITIES["softmax"]]):
        model = KernelTransformer(tasks, similarities, 6, torch.Generator().manual_seed(0))
        model.backward(stream, 0, 16)
        gradients.append(model.queries[0].grad)
    torch.testing.assert_close(*gradients)


def test_odd_width_is_refused(tasks):
    with pytest.raises(ValueError, match="width is 5"):
        KernelTransformer(tasks, [SIMILARITIES["elu"]], 5, torch.Generator())


def test_columns_by_command_line(tmp_path, call):
    drawing = Tasks(
        seed=5,
        replicates=2,
        states=4,
        length=20,
        sparsity=2,
        sampler="dirichlet",
        concentration=1.0,
        weights="uniform",
    )
    call(draw_tasks, drawing, tmp_path, tasks="tasks")
    settings = Kernelising(
        seed=5,
        log_interval=20,
        rounding=0.25,
        batch=16,
        steps=40,
        rate=0.05,
        logit_rate=0.02,
        features=4,
    )
    files = {"tasks": "tasks", "curves": "curves", "states": "states"}
    call(rebased_columns.columns, settings, tmp_path, **files)
    frame = tables.read(tmp_path / "curves.parquet", CURVES)
    assert set(frame["optimizer"]) == set(NAMES)
    assert set(frame["step"]) == {0, 20, 40}
    names, step, _, columns = states.read(tmp_path / "states.parquet")
    assert (names, step) == (sorted(NAMES), 40)
    totals = columns.sum(-1)
    normalised = torch.tensor([SIMILARITIES[name].normalised for name in names])
    torch.testing.assert_close(totals[normalised], torch.ones_like(totals[normalised]))


def test_recall_by_command_line(tmp_path, call):
    kernels = "elu", "rebased"
    for kernel, name in [*zip(kernels, kernels, strict=True), ("elu", "again")]:
        settings = Recalling(
            seed=5,
            kernel=kernel,
            rates=(0.01, 0.03),
            runs=2,
            vocabulary=64,
            length=16,
            pairs=3,
            width=8,
            features=4,
            batch=8,
            steps=5,
            log_interval=2,
            solved=0.99,
            validation=16,
            test=16,
            std=0.02,
            placement="before",
        )
        call(recall.recall, settings, tmp_path, curves=name)
    assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "elu.parquet").read_bytes()
    frames, settings = (
        [read(tmp_path / f"{kernel}.parquet") for kernel in kernels]
        for read in (lambda path: tables.read(path, RECALL), tables.setting)
    )
    for frame in frames:
        assert len(frame) == 2 * 2 * 4  # rates, runs, looks before steps 0, 2, 4 and 5
        assert frame["last"].sum() == 4
        assert (frame["last"] == frame["test_accuracy"].notna()).all()
        assert (frame[frame["last"]]["step"] == 5).all()
        assert np.isfinite(frame["validation_loss"]).all()
    # 4 5 / 2 = 10 features for both, and sums of 8 values and a 1 for each.
    assert [setting["features"] for setting in settings] == [10, 4]
    assert [setting["state_size"] for setting in settings] == [90, 90]
