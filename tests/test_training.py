"""A run from Python: what `scb.train` returns is what it writes, and what `scb.load_run` reads."""

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from own_task import P, Q

import scb
from scb.experiments.attention import attention
from scb.experiments.boost import boost
from scb.experiments.optimizers import compare
from scb.experiments.simulate import simulation
from scb.experiments.tasks import draw_tasks
from scb.learning.metrics import AttentionStatistics, measure
from scb.settings.simulation import Simulating
from scb.settings.training import Boost, Comparison, Scheduled, Sgd, Stage1, Tasks
from scb.store.tables import TableError
from scb.training import FILES, OptionError, train

FEW = {"batch": 8, "steps": 20, "boost_steps": 10, "replicates": 3, "log_interval": 5}
TASK = scb.Task.from_matrices(P, Q)


@pytest.fixture(scope="module")
def run(tmp_path_factory, without_rendering):
    with without_rendering():
        return scb.train(TASK, **FEW, output=tmp_path_factory.mktemp("run") / "mine")


def same(one, other):
    pd.testing.assert_frame_equal(one.curves, other.curves)
    assert one.setting == other.setting
    assert list(one.models) == list(other.models)
    for name, model in one.models.items():
        assert torch.equal(model.value, other.models[name].value)
        assert torch.equal(model.columns, other.models[name].columns)
    for name in ("transition", "stationary", "positions", "weights"):
        assert torch.equal(getattr(one.tasks, name), getattr(other.tasks, name))


def test_a_run_is_what_was_asked_for(run):
    assert torch.equal(run.tasks.attention, TASK.attention.expand(3, -1, -1))
    assert list(run.models) == ["proximal", "sgd"]
    assert run.models["sgd"].value.shape == (3, 3, 3)
    assert run.models["sgd"].attention.shape == (3, 4, 3)
    steps = run.curves.groupby("optimizer")["step"].unique().map(list)
    assert steps.to_dict() == {
        "boost": [0, 5, 10], "proximal": [10, 15, 20], "sgd": [10, 15, 20]
    }  # fmt: skip
    assert (run.setting["length"], run.setting["batch"], run.setting["boost_steps"]) == (4, 8, 10)


def test_curves_end_at_the_models(run):
    last = run.curves[run.curves["step"] == 20].set_index("optimizer")
    for name, model in run.models.items():
        statistics = AttentionStatistics.of(run.tasks, model.columns.detach())
        found = measure(run.tasks, model.value.detach(), statistics)
        for metric in ("attention_distance", "value_signal", "test_loss"):
            np.testing.assert_allclose(last.loc[name, metric], found[metric], rtol=1e-9)


def test_what_is_written_is_what_is_returned(run):
    assert {path.name for path in run.folder.iterdir()} == set(FILES)
    same(scb.load_run(run.folder), run)


def test_nothing_is_written_unless_it_is_asked_for(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    same(scb.train(TASK, **FEW), run)
    assert not list(tmp_path.iterdir())
    assert torch.get_num_threads() == threads


def test_replicates_are_independent_streams_of_one_task(run):
    fewer = scb.train(TASK, **(FEW | {"replicates": 2}))
    some = run.curves[run.curves["replicate"] < 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(fewer.curves, some, rtol=1e-6)
    ends = run.models["sgd"].value.detach()
    assert not torch.equal(ends[0], ends[1])


def test_several_tasks_are_a_replicate_each():
    several = scb.Task.stack([scb.Task.sample(3, 6, 2, seed) for seed in range(3)])
    few = {key: value for key, value in FEW.items() if key != "replicates"}
    assert len(scb.train(several, **few).tasks.seeds) == 3
    assert scb.train(several, **few, replicates=2).tasks.seeds == (0, 1)
    with pytest.raises(OptionError, match="replicates is 4; it must be at most 3, the number of"):
        scb.train(several, **few, replicates=4)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"steps": 5}, "boost_steps is 10; it must be at most steps, 5"),
        ({"batch": 0}, "batch is 0; it must be at least 1"),
        ({"batch": 2.5}, "batch is 2.5; it must be an integer"),
        ({"rate": -1.0}, "rate is -1.0; it must be at least"),
        ({"boost_rate": float("nan")}, "boost_rate is nan; it must be a finite number"),
        ({"penalty": -1.0}, "penalty is -1.0; it must be at least 0"),
        ({"optimizers": ["adam"]}, r"optimizers is \['adam'\]; it must be some of \['proximal', "),
        ({"optimizers": "sgd"}, "optimizers is 'sgd'; it must be some of"),
        ({"optimizers": []}, r"optimizers is \[\]; it must be some of"),
        ({"seed": -1}, "seed is -1; it must be at least 0"),
        ({"device": "abacus"}, "device is abacus: use auto"),
        ({"threads": 0}, "threads is 0; it must be at least 1"),
    ],
)
def test_options_out_of_range_are_refused_before_any_work(tmp_path, options, said):
    with pytest.raises(ValueError, match=said) as fault:
        scb.train(TASK, **(FEW | options), output=tmp_path / "out")
    assert len(str(fault.value).splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_matrices_are_no_task():
    with pytest.raises(TypeError, match=r"task is of ndarray: it must be an scb.Task"):
        scb.train(P)


@pytest.mark.usefixtures("unrendered")
def test_a_run_is_not_replaced_unasked(run, tmp_path):
    with pytest.raises(FileExistsError, match="holds a run already"):
        scb.train(TASK, **FEW, output=run.folder)
    few = FEW | {"replicates": 1}
    scb.train(TASK, **few, output=tmp_path)
    again = scb.train(TASK, **few, seed=1, output=tmp_path, overwrite=True)
    same(scb.load_run(tmp_path), again)


def test_the_figure_is_one_of_matplotlib(run):
    figure = run.figure()
    assert isinstance(figure, Figure)
    assert figure._repr_png_().startswith(b"\x89PNG")  # how a notebook displays it
    assert len(figure.axes) == 6
    assert "$N=3$, $T=4$, $B=8$" in figure.texts[0].get_text()


COMMON = {"seed": 3, "log_interval": 5, "rounding": 0.25, "batch": 8}
DRAWN = {
    "seed": 3, "replicates": 2, "states": 3, "length": 20, "sparsity": 2, "sampler": "dirichlet",
    "concentration": 1.0, "weights": "uniform",
}  # fmt: skip


@pytest.fixture
def section(tmp_path, call):
    """A folder of a section, with its tasks."""
    call(draw_tasks, Tasks(**DRAWN), tmp_path, tasks="tasks")
    return tmp_path


def boosted(section, call):
    settings = Stage1(**COMMON, boost=Boost(steps=10, rate=0.05))
    call(boost, settings, section, tasks="tasks", curves="boost", state="boost_state")


def test_a_section_of_the_results_is_a_run(section, call):
    boosted(section, call)
    stage1 = scb.load_run(section)
    assert list(stage1.models) == ["boost"]
    settings = Comparison(
        **COMMON, replicates=1, steps=20, optimizers={"sgd": Sgd(kind="sgd", rate=0.02)}
    )
    files = {"tasks": "tasks", "state": "boost_state", "curves": "optimizers"}
    call(compare, settings, section, **files, states="optimizers_state")
    with pytest.raises(TableError, match="its replicates are not those of"):
        scb.load_run(section)
    settings = settings.model_copy(update={"replicates": 2})
    call(compare, settings, section, **files, states="optimizers_state")
    run = scb.load_run(section)
    assert set(run.curves["optimizer"]) == {"boost", "sgd"}
    assert list(run.models) == ["sgd"]
    assert len(run.tasks.seeds) == 2
    assert len(run.figure().axes) == 6


def test_sections_without_a_stage_1_are_runs_too(section, call):
    settings = Scheduled(**COMMON, steps=10, rate=0.01, logit_rate=0.1)
    files = {"tasks": "tasks", "curves": "attention"}
    call(attention, settings, section, **files, states="attention_state")
    run = scb.load_run(section)
    assert list(run.models) == ["linear", "softmax"]
    assert run.models["softmax"].attention.sum(1).detach().numpy() == pytest.approx(1, abs=1e-5)
    assert len(run.figure().axes) == 6


def test_a_simulation_has_no_models(section, call):
    settings = Simulating(
        **COMMON, boost=Boost(steps=5, rate=0.01), steps=10, rate=0.01, penalty=1e-4, particles=10
    )
    call(simulation, settings, section, tasks="tasks", curves="simulation")
    run = scb.load_run(section)
    assert run.models == {}
    assert len(run.curves)


def test_tables_that_do_not_belong_together_are_refused(section, call):
    boosted(section, call)
    call(draw_tasks, Tasks(**(DRAWN | {"length": 21})), section, tasks="tasks")
    with pytest.raises(ValueError, match="it was made from other tasks than"):
        scb.load_run(section)


@pytest.mark.usefixtures("unrendered")
def test_tasks_of_another_run_are_refused(run, tmp_path):
    train(TASK, **FEW, output=tmp_path)
    scb.Task.sample(3, 5, 2, 0).save(tmp_path / "tasks.parquet")
    with pytest.raises(ValueError, match="it was made from other tasks than"):
        scb.load_run(tmp_path)


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no run is there, which has curves.parquet, or boost"):
        scb.load_run(tmp_path)


def test_the_door_imports_nothing_heavy():
    import subprocess
    import sys

    code = "import sys, scb; print(dir(scb)[-2:], {'torch', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['load_run', 'train'] set()\n"
