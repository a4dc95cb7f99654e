"""The experiments as the pipeline runs them: by command line, Parquet in and out."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import torch
from sections import small

from scb import Task
from scb.analysis.runs import Run
from scb.data.stream import Stream
from scb.data.tables import TASKS
from scb.experiments import attention as attention_job
from scb.experiments import boost, check, optimizers, simulate, tasks
from scb.learning import states
from scb.learning.algorithm import train
from scb.learning.metrics import METRICS, AttentionStatistics, measure
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import preconditioned
from scb.learning.tables import CURVES, STATES
from scb.settings.simulation import Checking, Simulating
from scb.settings.training import (
    Attending,
    Boost,
    Comparison,
    Sgd,
    Stage1,
    Tasks,
)
from scb.store import tables
from scb.theory.population import trajectory

SECTION = small(optimizers={**small().optimizers, "wild": Sgd(kind="sgd", rate=500)})
ATTENTION = Attending(
    seed=5, log_interval=10, rounding=0.25, batch=8, steps=20, rate=0.05, logit_rate=0.01
)
SIMULATION = Simulating(
    seed=5,
    log_interval=5,
    rounding=0.25,
    batch=500,
    steps=30,
    boost=Boost(steps=10, rate=0.1),
    rate=0.05,
    penalty=1e-4,
    particles=38,
)
CHECK = Checking(
    seed=5,
    log_interval=5,
    rounding=0.25,
    batch=16,
    steps=12,
    signal=0.3,
    rate=0.05,
    penalty=1e-3,
    particles=38,
    trained=2,
)


def changed(settings, **fields):
    """The settings with other values, checked."""
    return type(settings).model_validate(settings.model_dump() | fields)


@pytest.fixture(scope="module")
def make(call):
    """Run jobs of an experiment: ``make(folder, "tasks", "boost", ...)``."""

    def make(folder, *names, section=SECTION, words=(), simulation=SIMULATION, checked=CHECK):
        jobs = {
            "tasks": (tasks.draw_tasks, Tasks.of(section), {"tasks": "tasks"}),
            "boost": (
                boost.boost,
                Stage1.of(section),
                {"tasks": "tasks", "curves": "boost", "state": "boost_state"},
            ),
            "optimizers": (
                optimizers.compare,
                Comparison.of(section),
                {"tasks": "tasks", "state": "boost_state", "curves": "optimizers"},
            ),
            "attention": (
                attention_job.attention,
                ATTENTION,
                {"tasks": "tasks", "curves": "attention", "states": "attention_state"},
            ),
            "simulate": (
                simulate.simulation,
                simulation,
                {"tasks": "tasks", "curves": "simulation"},
            ),
            "check": (check.check, checked, {"tasks": "tasks", "curves": "check"}),
        }
        for name in names:
            job, settings, files = jobs[name]
            call(job, settings, folder, *words, **files)

    return make


@pytest.fixture(scope="module")
def folder(tmp_path_factory, make, call):
    folder = tmp_path_factory.mktemp("experiments")
    make(folder, "tasks", "boost", "attention", "simulate", "check")
    files = {"tasks": "tasks", "state": "boost_state", "curves": "optimizers", "states": "end"}
    call(optimizers.compare, Comparison.of(SECTION), folder, **files)
    return folder


def test_boost_is_plain_training_from_the_papers_start(folder):
    task = Task.load(folder / "tasks.parquet")
    model = LinearTransformer.initial(task)
    train(model, preconditioned(task, model, 0.05), Stream.of(task, 5), range(12), 8)
    names, step, value, columns = states.read(folder / "boost_state.parquet")
    assert (names, step) == (["boost"], 12)
    torch.testing.assert_close(value[0], model.value.detach())
    torch.testing.assert_close(columns[0], model.columns.detach())


@pytest.mark.gpu
def test_boost_on_a_gpu_is_that_on_the_cpu(folder, tmp_path, make):
    make(tmp_path, "tasks")
    make(tmp_path, "boost", words=("--device", "cuda"))
    *_, value, columns = states.read(tmp_path / "boost_state.parquet")
    *_, other_value, other_columns = states.read(folder / "boost_state.parquet")
    torch.testing.assert_close(value, other_value, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(columns, other_columns, rtol=1e-4, atol=1e-6)


def test_branches_go_on_from_the_boost_on_its_stream(folder):
    task = Task.load(folder / "tasks.parquet")
    model = LinearTransformer.initial(task)
    for rate, steps in ((0.05, range(12)), (0.02, range(12, 30))):
        train(model, preconditioned(task, model, rate), Stream.of(task, 5), steps, 8)
    names, step, value, columns = states.read(folder / "end.parquet")
    assert (names, step) == (["proximal", "sgd", "wild"], 30)
    torch.testing.assert_close(value[1], model.value.detach(), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(columns[1], model.columns.detach(), rtol=1e-4, atol=1e-6)


def test_a_diverged_run_is_recorded_and_leaves_the_others_alone(folder):
    frame = tables.read(folder / "optimizers.parquet", CURVES)
    diverged = frame.groupby("optimizer")["diverged"].any()
    assert diverged.to_dict() == {"proximal": False, "sgd": False, "wild": True}
    assert set(frame["step"]) == {12, 15, 20, 25, 30}
    kept = frame[~frame["diverged"]]
    assert np.isfinite(kept[[*METRICS, *(f"normalised_{name}" for name in METRICS)]]).all(axis=None)


def test_setting_travels_with_the_tables(folder):
    setting = tables.setting(folder / "optimizers.parquet")
    assert setting["states"] == 3
    assert setting["boost_rate"] == 0.05
    assert setting["optimizers"]["proximal"] == SECTION.optimizers["proximal"].model_dump()


def test_few_replicates_are_the_first_of_many(folder, tmp_path, make):
    make(tmp_path, "tasks", "boost")
    make(tmp_path, "optimizers", section=changed(SECTION, replicates=2))
    few = tables.read(tmp_path / "optimizers.parquet", CURVES)
    many = tables.read(folder / "optimizers.parquet", CURVES)
    shared = many[many["replicate"] < 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(few, shared, rtol=1e-4)
    assert not (tmp_path / "end.parquet").exists()


def test_rates_as_they_are_are_the_scaled_ones_where_k_is_1(tmp_path, make):
    # Stage 1's first step moves V by eta G_V: alpha_V by a factor K_Q less than the scaled one.
    make(tmp_path, "tasks")
    signals = []
    for scaled in (True, False):
        rule = Boost(steps=12, rate=0.05, scaled=scaled)
        make(tmp_path, "boost", section=changed(SECTION, log_interval=1, boost=rule.model_dump()))
        frame = tables.read(tmp_path / "boost.parquet", CURVES)
        signals.append(frame[frame["step"] == 1].set_index("replicate")["value_signal"])
    task = Task.load(tmp_path / "tasks.parquet")
    np.testing.assert_allclose(signals[1] / signals[0], task.attention_energy, rtol=1e-3)


def test_provenance_tells_what_a_job_read_and_wrote(tmp_path, make):
    make(tmp_path, "tasks")
    make(tmp_path, "boost", words=("--provenance", str(tmp_path / "boost.json")))
    record = json.loads((tmp_path / "boost.json").read_text())
    assert set(record["inputs"]) == {str(tmp_path / "tasks.parquet")}
    outputs = {str(tmp_path / f"{name}.parquet") for name in ("boost", "boost_state")}
    assert set(record["outputs"]) == outputs
    assert record["settings"] == Stage1.of(SECTION).model_dump()
    assert (record["seed"], record["threads"]) == (5, 1)
    assert record["device"] == "cpu" or record["device"].startswith("cuda (")


def test_attention_trains_both_models(folder):
    frame = tables.read(folder / "attention.parquet", CURVES)
    assert set(frame["optimizer"]) == {"linear", "softmax"}
    last = frame[frame["step"] == 20]
    assert (last["test_loss"] < frame[frame["step"] == 0]["test_loss"].max()).all()


def test_simulation_logs_the_branches_and_the_population_path(folder):
    frame = tables.read(folder / "simulation.parquet", CURVES)
    rows = frame.groupby("optimizer")["step"].agg(["min", "max", "size"])
    assert rows.T.to_dict("list") == {
        "boost": [0, 10, 9],
        "population": [0, 30, 21],
        "proximal": [10, 30, 15],
        "sgd": [10, 30, 15],
    }
    population = frame[frame["optimizer"] == "population"]
    assert (population[["value_error", "attention_error"]] < 1e-6).all(axis=None)
    path = trajectory(Task.load(folder / "tasks.parquet"), [0.1] * 10 + [0.05] * 20)
    last = population[population["step"] == 30].sort_values("replicate")
    np.testing.assert_allclose(last["attention_signal"], path[30, 1], rtol=1e-6)


def test_a_replicate_is_simulated_alike_among_others(folder, tmp_path, make):
    make(tmp_path, "tasks", "simulate", section=changed(SECTION, replicates=2))
    few = tables.read(tmp_path / "simulation.parquet", CURVES)
    many = tables.read(folder / "simulation.parquet", CURVES)
    shared = many[many["replicate"] < 2].reset_index(drop=True)
    pd.testing.assert_frame_equal(few, shared)


def test_check_trains_some_replicates_from_where_all_are_simulated(folder):
    frame = tables.read(folder / "check.parquet", CURVES)
    replicates = frame.groupby("optimizer")["replicate"].unique().map(sorted).to_dict()
    simulated, trained = [0, 1, 2], [0, 1]
    assert replicates == {
        "population": simulated,
        "proximal": simulated,
        "proximal_trained": trained,
        "sgd": simulated,
        "sgd_trained": trained,
    }
    assert set(frame["step"]) == {0, 5, 10, 12}
    start = frame[frame["step"] == 0]
    np.testing.assert_allclose(start[["value_signal", "attention_signal"]], 0.3, rtol=1e-5)
    assert (start[["value_error", "attention_error"]] < 1e-6).all(axis=None)

    # SGD of replicate 1 is plain training on its stream, from that start.
    task = Task.load(folder / "tasks.parquet")
    uniform, trivial = 1 / task.length, task.stationary[..., None]
    value = (trivial + 0.3 * (task.transition - trivial)).float()
    columns = (uniform + 0.3 * (task.attention.mT - uniform)).float()
    model = LinearTransformer(value, columns)
    train(model, preconditioned(task, model, 0.05), Stream.of(task, 5), range(12), 16)
    end = frame[(frame["optimizer"] == "sgd_trained") & (frame["step"] == 12)]
    statistics = AttentionStatistics.of(task, model.columns.detach())
    expected = measure(task, model.value.detach(), statistics)
    for name in ("value_error", "attention_error", "test_loss"):
        np.testing.assert_allclose(end[name], expected[name][:2], rtol=1e-4)


def test_same_seed_same_bytes(folder, tmp_path, make):
    make(tmp_path, "tasks", "boost")
    for name in ("tasks.parquet", "boost.parquet", "boost_state.parquet"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_states_come_back_in_the_order_of_their_names(tmp_path):
    value, columns = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 9)
    states.write(tmp_path / "s.parquet", ["b", "a"], 7, value, columns, {})
    names, step, value_back, columns_back = states.read(tmp_path / "s.parquet")
    assert (names, step) == (["a", "b"], 7)
    assert torch.equal(value_back, value.flip(0))
    assert torch.equal(columns_back, columns.flip(0))


@pytest.mark.parametrize(
    ("name", "tasks_of", "fault"),
    [
        ("boost", "nowhere", "nowhere.parquet"),
        ("boost", "boost", "boost.parquet"),
        ("boost", "cut", "cut.parquet"),
        ("check", "tasks", "particles is 39"),
    ],
)
def test_bad_input_ends_in_one_line(folder, call, name, tasks_of, fault):
    whole = (folder / "tasks.parquet").read_bytes()
    (folder / "cut.parquet").write_bytes(whole[: len(whole) // 2])
    before = sorted(folder.iterdir())
    job, settings, files = {
        "boost": (boost.boost, Stage1.of(SECTION), {"curves": "new", "state": "new_state"}),
        "check": (check.check, changed(CHECK, particles=39), {"curves": "new"}),
    }[name]
    with pytest.raises(SystemExit) as failed:
        call(job, settings, folder, tasks=tasks_of, **files)
    message = failed.value.code  # a text: printed to standard error, with status 1
    assert fault in message
    assert len(message.splitlines()) == 1
    assert sorted(folder.iterdir()) == before


@pytest.mark.parametrize(
    ("sizes", "step", "fault"),
    [
        ((3, 4, 40), 12, "its V and A are of other sizes than {folder}/tasks.parquet"),
        ((3, 3, 41), 12, "its V and A are of other sizes than {folder}/tasks.parquet"),
        ((2, 3, 40), 12, "its V and A are of other sizes than {folder}/tasks.parquet"),
        ((3, 3, 40), 31, "it is of step 31, and steps is 30"),
    ],
)
def test_a_state_of_other_tasks_ends_in_one_line(folder, call, sizes, step, fault):
    replicates, count, _ = sizes
    value, columns = torch.zeros(1, replicates, count, count), torch.zeros(1, *sizes)
    states.write(folder / "foreign.parquet", ["boost"], step, value, columns, {})
    files = {"tasks": "tasks", "state": "foreign", "curves": "none"}
    with pytest.raises(SystemExit) as failed:
        call(optimizers.compare, Comparison.of(SECTION), folder, **files)
    assert failed.value.code.endswith(f"{folder}/foreign.parquet: {fault.format(folder=folder)}")
    assert not (folder / "none.parquet").exists()


@pytest.mark.parametrize(
    ("name", "schema", "read", "keys"),
    [
        ("tasks", TASKS, Task.load, "replicate or state"),
        ("boost_state", STATES, states.read, "optimizer or replicate or state"),
    ],
)
@pytest.mark.parametrize("fault", ["missing", "twice", "none", "first"])
def test_rows_missing_or_there_twice_are_refused(folder, tmp_path, name, schema, read, keys, fault):
    whole = tables.read_arrow(folder / f"{name}.parquet", schema)
    changed = {
        "missing": pa.concat_tables([whole.slice(0, 1), whole.slice(2)]),
        "twice": pa.concat_tables([whole, whole.slice(1, 1)]),
        "none": whole.slice(0, 0),
        "first": whole.filter(pc.not_equal(whole["replicate"], 0)),
    }[fault]
    # As a program of one's own would write it: in itself the file is sound.
    tables.write(changed, tmp_path / "changed.parquet", schema, {})
    with pytest.raises(tables.TableError, match=r"changed\.parquet: ") as refused:
        read(tmp_path / "changed.parquet")
    assert str(refused.value).endswith(f"rows of some {keys} are missing, or there twice")


def test_rows_of_curves_missing_or_there_twice_are_refused(folder, tmp_path):
    whole = tables.read_arrow(folder / "boost.parquet", CURVES)
    path = tmp_path / "changed.parquet"
    tables.write(pa.concat_tables([whole, whole.slice(1, 1)]), path, CURVES, {})
    with pytest.raises(tables.TableError, match=r"changed\.parquet: some .* there twice"):
        Run.read(path)
    tables.write(pa.concat_tables([whole.slice(0, 1), whole.slice(2)]), path, CURVES, {})
    with pytest.raises(tables.TableError, match=r"changed\.parquet: .* missing before divergence"):
        Run.read(path).values("boost", "value_signal", [0, 1, 2])


@pytest.mark.parametrize(
    ("name", "schema", "read", "column", "values", "fault"),
    [
        ("tasks", TASKS, Task.load, "states", [2] + [3] * 8, "its tasks are of several sizes"),
        ("tasks", TASKS, Task.load, "length", [41] + [40] * 8, "its tasks are of several sizes"),
        (
            "boost_state",
            STATES,
            states.read,
            "step",
            [11] + [12] * 8,
            "its rows are of steps [11, 12]",
        ),
        (
            *("boost_state", STATES, states.read),
            *("value", [[0.5]] + [[0.5, 0.25, 0.25]] * 8, "value is of lengths [1, 3]"),
        ),
    ],
)
def test_rows_of_several_sizes_are_refused(
    folder, tmp_path, name, schema, read, column, values, fault
):
    whole = tables.read_arrow(folder / f"{name}.parquet", schema)
    place = whole.column_names.index(column)
    field = whole.schema.field(column)
    changed = whole.set_column(place, field, pa.array(values, field.type))
    tables.write(changed, tmp_path / "changed.parquet", schema, {})
    with pytest.raises(tables.TableError) as refused:
        read(tmp_path / "changed.parquet")
    assert str(refused.value) == f"{tmp_path}/changed.parquet: {fault}"


# The first two are more than any machine can address; the third is what a GPU raises.
@pytest.mark.parametrize("lack", [torch.empty, np.empty, torch.OutOfMemoryError])
def test_lack_of_memory_ends_in_one_line(folder, make, monkeypatch, lack):
    def fail(*_):
        fault = lack(2**50)
        raise fault

    monkeypatch.setattr(Stream, "of", fail)
    with pytest.raises(SystemExit) as failed:
        make(folder, "boost")
    assert ": out of memory: " in failed.value.code
    assert len(failed.value.code.splitlines()) == 1


def test_another_fault_is_not_taken_for_a_lack_of_memory(folder, make, monkeypatch):
    def fail(*_):
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(Stream, "of", fail)
    with pytest.raises(RuntimeError, match="a mistake of ours"):
        make(folder, "boost")


def test_ctrl_c_ends_in_one_line(folder, make, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Stream, "of", stop)
    with pytest.raises(SystemExit, match=r": interrupted$"):
        make(folder, "boost")
