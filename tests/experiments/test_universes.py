"""Universes as their job trains them, against the jobs of the replication."""

import numpy as np
import pandas as pd
import pytest
from sections import small

from scb import Task
from scb.analysis.endpoints import Endpoints
from scb.analysis.readings import default, readings
from scb.analysis.runs import Run
from scb.analysis.tables import UNIVERSES
from scb.claims.universes import universe
from scb.data.stream import Stream
from scb.experiments import boost, optimizers, tasks, universes
from scb.experiments.claims import stage2_paths
from scb.learning.algorithm import train
from scb.learning.metrics import AttentionStatistics, attention_signal, value_signal
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import preconditioned
from scb.settings.multiverse import Universes
from scb.settings.training import Comparison, Stage1, Tasks
from scb.store import tables
from workflow.conditions import optimizers_of

SECTION = small(
    replicates=4,
    optimizers={
        "proximal": {"kind": "proximal", "rate": 0.02, "penalty": 1e-3},
        "sgd": {"kind": "sgd", "rate": 0.02},
        "sgd_small": {"kind": "sgd", "rate": 0.004},
    },
)
SETTINGS = Universes.of(
    SECTION,
    roundings=(0.1, 0.25),
    check_interval=1,
    switch_signal=0.05,
    optimizers=optimizers_of(SECTION, scaled=True),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, call):
    folder = tmp_path_factory.mktemp("universes")
    call(tasks.draw_tasks, Tasks.of(SECTION), folder, tasks="tasks")
    files = {"tasks": "tasks", "curves": "boost", "state": "state"}
    call(boost.boost, Stage1.of(SECTION), folder, "--device=cpu", **files)
    files = {"tasks": "tasks", "state": "state", "curves": "optimizers"}
    call(optimizers.compare, Comparison.of(SECTION), folder, "--device=cpu", **files)
    call(universes.universes, SETTINGS, folder, "--device=cpu", tasks="tasks", runs="runs")
    return folder


@pytest.fixture(scope="module")
def runs(folder):
    return tables.read(folder / "runs.parquet", UNIVERSES)


def ordered(read):
    return read.frame.sort_values(["optimizer", "replicate"], ignore_index=True)


def test_the_default_universe_is_the_replication(folder, runs):
    run = Run.read(folder / "boost.parquet", folder / "optimizers.parquet")
    wanted = Endpoints.of(run, stage2_paths(run, Task.load(folder / "tasks.parquet")))
    wanted, found = ordered(wanted), ordered(universe(runs, default()))[wanted.frame.columns]
    # The claims ask for no path of SGD.
    sgd = wanted["optimizer"] != "proximal"
    wanted.loc[sgd, "path_deviation"] = np.nan
    pd.testing.assert_frame_equal(found, wanted, rtol=1e-4, check_dtype=False)


def test_every_universe_is_there(runs):
    few = [reading for reading in readings() if float(reading["rounding"]) in SETTINGS.roundings]
    for reading in few[:96]:
        read = universe(runs, reading)
        assert read.optimizers == ["proximal", "sgd", "sgd_small"]
        assert read.replicates.tolist() == [0, 1, 2, 3]


def test_a_run_ends_stage_1_where_its_signal_is_first_seen(folder, runs):
    """As trained by hand, a replicate at a time."""
    task = Task.load(folder / "tasks.parquet")
    stream = Stream.of(task, SECTION.seed)
    ends = universes.stage1(task, stream.seeds, SETTINGS)["signal"]
    model = LinearTransformer.initial(task)
    signals = []

    def observe(step):
        statistics = AttentionStatistics.of(task, model.columns.detach())
        both = value_signal(task, model.value.detach().double()), attention_signal(task, statistics)
        signals.append(np.stack([one.numpy() for one in both]))  # (2, R)

    steps = range(SECTION.steps)
    train(model, preconditioned(task, model, 0.05), stream, steps, SECTION.batch, observe)
    larger = np.abs(signals).max(axis=1)  # (steps + 1, R)
    reached = larger >= SETTINGS.switch_signal
    wanted = np.where(reached.any(0), reached.argmax(0), SECTION.steps)
    assert ends.steps.tolist() == wanted.tolist()
    assert len(set(wanted)) > 1  # runs end apart
    read = universe(runs, default() | {"end": "signal"})
    there = np.array(signals)[wanted, :, np.arange(len(wanted))]  # (R, 2)
    np.testing.assert_allclose(read.boost_signal, there.mean(axis=1), rtol=1e-4)
    assert read.positive.tolist() == (there > 0).all(axis=1).tolist()


def test_openings_and_thresholds_differ_where_they_should(runs):
    def of(**options):
        return universe(runs, default() | options)("proximal", "last_attention_distance")

    assert (of(opening="none") != of()).any()
    assert (of(threshold="relative") != of()).all()
    sgd = [
        universe(runs, default() | {"baseline": name})("sgd", "last_attention_distance")
        for name in ("sgd", "raw", "vanilla")
    ]
    assert (sgd[0] != sgd[1]).all()
    assert (sgd[1] != sgd[2]).all()
