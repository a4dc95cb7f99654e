"""The first stage of softmax attention, one of its steps, and the figure of both."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from scb.data.stream import Stream
from scb.data.task import Task
from scb.experiments import boost, optimizers, softmax
from scb.experiments import tasks as drawing
from scb.figures import softmax as figure
from scb.learning import states
from scb.learning.logits import logit_gradient, matched_rate, to_simplex
from scb.learning.models import LinearTransformer
from scb.learning.tables import ALIKE, CURVES
from scb.settings.training import Comparison, FirstStage, Logits, Stage1, Tasks, Training
from scb.store.tables import read, setting
from scb.theory.tables import WEIGHTS

SECTION = Training.model_validate(
    {
        "sampler": "dirichlet",
        "concentration": 1.0,
        "weights": "uniform",
        "seed": 5,
        "replicates": 4,
        "log_interval": 5,
        "rounding": 0.25,
        "states": 3,
        "length": 40,
        "sparsity": 2,
        "batch": 16,
        "steps": 30,
        "boost": {"steps": 20, "rate": 0.05},
        "optimizers": {
            "sgd": {"kind": "sgd", "rate": 0.05},
            "softmax": {"kind": "softmax", "rate": 0.05},
        },
    }
)
FILES = {"curves": "softmax", "alike": "alike", "weights": "weights"}


@pytest.fixture(scope="module")
def done(tmp_path_factory, call):
    """A folder with all tables of the section."""
    folder = tmp_path_factory.mktemp("softmax")
    first = FirstStage.of(SECTION, softmax=SECTION.optimizers["softmax"])
    call(drawing.draw_tasks, Tasks.of(SECTION), folder, tasks="tasks")
    device = ("--device", "cpu")
    given = {"tasks": "tasks"}
    call(boost.boost, Stage1.of(SECTION), folder, *device, **given, curves="boost", state="state")
    given["state"] = "state"
    call(softmax.softmax, first, folder, *device, **given, **FILES)
    call(optimizers.compare, Comparison.of(SECTION), folder, *device, **given, curves="optimizers")
    return folder


def test_the_linear_model_is_that_of_stage_1(done):
    found, expected = (read(done / f"{name}.parquet", CURVES) for name in ("softmax", "boost"))
    linear = found[found["optimizer"] == "linear"]
    for metric in ("attention_signal", "value_error", "test_loss"):
        np.testing.assert_allclose(linear[metric], expected[metric], rtol=1e-4, atol=1e-7)


def test_cosines_are_of_what_both_have_moved_by(done):
    """At the second step, from gradients by hand."""
    task = Task.load(done / "tasks.parquet")
    stream, start = Stream.of(task, SECTION.seed), LinearTransformer.initial(task)
    settings = FirstStage.of(
        SECTION.model_copy(update={"log_interval": 2}), softmax=Logits(kind="softmax", rate=0.05)
    )
    _, cosines = softmax.first_stage(settings, task, stream)
    assert set(cosines["step"]) == {*range(2, 21, 2)}
    assert len(cosines) == 3 * 10 * 4
    early = cosines[cosines["step"] == 2]
    # V has taken one step before A moves, so V is the same up to the second step.
    assert (early["value_cosine"] > 0.999).all()
    slow = early[early["optimizer"] == "softmax_slow"]
    assert (slow["attention_cosine"] > 0.999).all()
    assert torch.equal(start.columns, torch.full_like(start.columns, 1 / 40))


def test_cosine_by_hand():
    left, right = torch.randn(2, 1, 5, 3, dtype=torch.float64)
    mu = torch.tensor([[0.2, 0.3, 0.5]], dtype=torch.float64)
    root = mu.sqrt()
    a, b = (left * root).flatten(), (right * root).flatten()
    expected = (a @ b / (a.norm() * b.norm()))[None]
    torch.testing.assert_close(softmax.cosine(left, right, mu), expected)
    assert softmax.cosine(left, torch.zeros_like(right), mu).item() == -1


def test_growth_of_weights_is_that_of_a_loop(done):
    """Bins of one batch, position by position."""
    task = Task.load(done / "tasks.parquet")
    _, switch, value, columns = states.read(done / "state.parquet")
    value, columns = value[0], to_simplex(columns[0])
    rate, stream = matched_rate(task, 0.05, 0.1), Stream.of(task, SECTION.seed)
    bins, _ = softmax.one_step(
        task, stream, value, columns, rate, range(switch, switch + 2), SECTION.batch
    )
    rows = []
    for step in (switch, switch + 1):
        model = LinearTransformer(value, columns)
        model.backward(stream, step, SECTION.batch)
        rates = rate[:, None, None] / task.stationary[..., None]
        gradient = logit_gradient(columns, model.columns.grad)
        moved = (columns.double().log() - rates * gradient).softmax(-1)
        for r, k, t in np.ndindex(*columns.shape):
            weight = columns[r, k, t].item()
            if t in task.positions[r, :, k].tolist() or weight < 1e-4:
                continue
            growth = (moved[r, k, t].item() / weight) ** 2 - 1
            rows.append((int(np.floor((np.log10(weight) + 4) * 5)), weight, growth))
    loop = pd.DataFrame(rows, columns=["bin", "weight", "growth"]).groupby("bin")
    assert bins["positions"].tolist() == (loop.size() // 2).tolist()
    np.testing.assert_allclose(bins["measured"], loop["growth"].mean(), rtol=2e-3, atol=1e-5)
    weights = np.exp(np.log(loop.obj["weight"]).groupby(loop.obj["bin"]).mean())
    np.testing.assert_allclose(bins["weight"], weights, rtol=1e-4)


def test_tables_and_figure(done, tmp_path):
    assert set(read(done / "alike.parquet", ALIKE)["optimizer"]) == {
        "softmax",
        "softmax_adam",
        "softmax_slow",
    }
    weights = read(done / "weights.parquet", WEIGHTS)
    assert (weights["weight"].diff().dropna() > 0).all()
    assert 0 <= setting(done / "weights.parquet")["shrinking"] <= 1
    drawn = {"section": "softmax", "optimizers": ["sgd", "softmax"]}
    tables = {"boost": "boost", "curves": "optimizers", "first": "softmax"}
    words = ["--settings", json.dumps(drawn), "--output", str(tmp_path / "softmax.pdf")]
    for name in ("boost", "curves", "first", "alike", "weights"):
        words += [f"--{name}", str(done / f"{tables.get(name, name)}.parquet")]
    figure.draw.main(words)
    assert (tmp_path / "softmax.png").stat().st_size > 10_000
