"""The memory that jobs ask for: no less than they take, at any size that is accepted."""

import json
import re
import subprocess
import sys

import pytest
import yaml
from project import CONFIG, GATHERING, ROOT, SMALL, SMOKE, merge, planned_jobs

from scb.experiments import boost, stage1, tasks
from scb.faults import find_faults
from scb.footprint import KERNELS, LARGEST, LARGEST_OF_GPU, LEAST, megabytes
from scb.rebased.similarity import SIMILARITIES
from scb.settings.regularization import Regularization
from scb.settings.stage1_samples import Stage1Alone
from scb.settings.training import Comparison, Stage1, Tasks, Training
from scb.settings.whole import Settings
from workflow.conditions import (
    attended_candidates,
    further_tasks,
    phases,
    simulated_candidates,
    sweeps,
    trained_candidates,
    universes,
)

# --- What jobs take ---

PROXIMAL = {"kind": "proximal", "rate": 1e-6, "penalty": 1e-6}
ADAM = {"kind": "adam", "rate": 1e-6}


def training(optimizers, steps=2, replicates=4, **sizes):
    """A setting of so many steps."""
    return Training(
        seed=0,
        replicates=replicates,
        log_interval=1,
        rounding=0.25,
        sampler="dirichlet",
        concentration=1.0,
        weights="uniform",
        sparsity=2,
        batch=8,
        steps=steps,
        boost={"steps": 1, "rate": 1e-6},
        optimizers={f"number_{place:02}": spec for place, spec in enumerate(optimizers)},
        **sizes,
    )


PEAK = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-m", *sys.argv[1:]], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def peak(words):
    """Megabytes of a process at its most.

    A process begins with the peak of the one that it was forked from: not of these tests, which are
    large, but of a small one between.
    """
    command = [sys.executable, "-c", PEAK, *words]
    said = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return int(said) * (1 if sys.platform == "darwin" else 1024) / 1e6


def told(section):
    """Megabytes of the optimizers' job, as the settings say."""
    (parts,) = section.jobs()
    return megabytes(parts)


def told_of_a_sweep(section):
    """The same of a sweep with as many lambdas."""
    grid = Regularization(
        sections=("only",),
        varied="only",
        replicates=section.replicates,
        log_interval=section.log_interval,
        rounding=section.rounding,
        least=1e-6,
        most=1e-3,
        per_decade=(len(section.optimizers) - 2) // 3,
        larger_rate=0.1,
        larger_batch=1,
    )
    assert len(grid.penalties) == len(section.optimizers)
    return grid.memory_of(section)


@pytest.mark.parametrize(
    ("section", "said", "states"),
    [
        (training([PROXIMAL, ADAM], states=10, length=180_000), told, ["--states", "end"]),
        (training([PROXIMAL] * 92, states=4, length=60_000), told_of_a_sweep, []),
        (training([PROXIMAL] * 3, states=2, length=3, steps=600, replicates=300), told, []),
    ],
    ids=["states", "sweep", "curves"],
)
def test_a_job_takes_no_more_than_its_settings_say(tmp_path, call, section, said, states):
    call(tasks.draw_tasks, Tasks.of(section), tmp_path, tasks="tasks")
    stage1_files = {"tasks": "tasks", "curves": "boost", "state": "state"}
    call(boost.boost, Stage1.of(section), tmp_path, "--device=cpu", **stage1_files)
    words = ["scb.experiments.optimizers", "--settings", Comparison.of(section).as_json()]
    for name in ("tasks", "state", "curves"):
        words += [f"--{name}", str(tmp_path / f"{name}.parquet")]
    words += [*states[:1], *(str(tmp_path / f"{name}.parquet") for name in states[1:])]
    taken = peak([*words, "--device=cpu"])
    assert 800 < taken <= said(section) <= 2 * taken


def test_kernels_are_counted():
    assert len(SIMILARITIES) == KERNELS


def test_batches_of_stage_1_that_take_too_much_end_in_one_line(tmp_path, call):
    settings = Stage1Alone(
        seed=0,
        replicates=32,
        states=3,
        sparsity=2,
        concentration=0.1,
        halvings=0,
        doublings=20,
        length=1000,
        stationary="drawn",
        rates=(0.05,),
    )
    with pytest.raises(SystemExit) as failed:
        call(stage1.runs_of_stage1, settings, tmp_path, "--device=cpu", runs="runs")
    assert "stage1_samples.doublings is 20; at T = 1000 a batch would have " in failed.value.code
    assert list(tmp_path.iterdir()) == []


# --- What is asked for ---

EXPERIMENT = re.compile(
    r"scb\.experiments\.(tasks|boost|optimizers|attention|simulate|check|pretrain|one_step|finetune"
    r"|scratch|softmax|softmax_samples|stage1|stage1_odds|universes|recall|rebased_columns|language)"
)
"""Modules of jobs that are as large as their settings."""
TRANSFER = ("pretrain", "one_step", "finetune", "scratch")
LANGUAGE = ("language", "tune_language")

SMOKED = json.loads(json.dumps(merge(CONFIG, SMALL)))  # no two sections are one object
# Other sections are limited by the multiverse, which trains more conditions at once.
SMOKED["training"]["alone"] = {**SMOKED["training"]["vocabulary_3"]}
SMOKED["draw"]["fig5_vocabulary"]["sections"].append("alone")

GROWING = [
    *(f"training.{name}.length" for name in SMOKED["training"]),
    *(f"simulation.{name}.particles" for name in SMOKED["simulation"]),
    *(f"attention.{name}.length" for name in SMOKED["attention"]),
    *("check.length", "transfer.pretrain.length"),
    "softmax_samples.lengths.1",
    *("stage1_samples.uniform.longest", "rebased.recall.stress.features", "language.context"),
]
"""A size of each section."""

FOR_GPU = ("recall", *LANGUAGE)
"""Rules whose published sizes are for a GPU."""


def put(config, key, value):
    *path, last = key.split(".")
    for part in path:
        config = config[part]
    config[int(last) if isinstance(config, list) else last] = value


@pytest.fixture(scope="module")
def largest():
    """The smoke settings, each section as large as is accepted."""
    config = json.loads(json.dumps(SMOKED))
    for name in config["simulation"]:
        config["simulation"][name]["length"] = 2**31 - 1
    for key in GROWING:
        accepted, refused = 0, 2**31
        while refused - accepted > 1:
            size = (accepted + refused) // 2
            put(config, key, size)
            if any(" GB" in fault for fault in find_faults(config, Settings)):
                refused = size
            else:
                accepted = size
        put(config, key, accepted)
    assert find_faults(config, Settings) == []
    return config


def needed(settings, job):
    """Megabytes of a job as its section says, for all jobs that train, simulate or draw tasks."""
    sections = {
        **settings.training,
        **settings.simulation,
        **settings.rebased.recall,
        **settings.attention,
        "check": settings.check,
        **dict.fromkeys(("stage1", "stage1_odds"), settings.stage1_samples),
        "softmax_samples": settings.softmax_samples,
        **dict.fromkeys(TRANSFER, settings.transfer),
        **dict.fromkeys(LANGUAGE, settings.language),
    }
    planned = {
        "further_tasks": further_tasks,
        "universes": lambda of: {**universes(of), **phases(of), **trained_candidates(of)},
        "simulated_candidates": simulated_candidates,
        "attended_candidates": attended_candidates,
    }
    if job.rule in planned:
        (name,) = job.wildcards.values()
        return planned[job.rule](settings)[name].memory
    if job.rule == "sweep":
        return sweeps(settings)[job.wildcards["sweep"]].memory
    if job.rule == "rebased_columns":
        return settings.rebased.memory_of(settings.attention[settings.rebased.section])
    # The job `softmax` is one of the section of that name.
    names = [job.wildcards.get("section"), job.wildcards.get("setting"), job.rule]
    return next(sections[name].memory for name in names if name in sections)


def test_every_rule_asks_for_what_its_largest_settings_take(largest, fresh):
    (fresh.root / "largest.yaml").write_text(yaml.safe_dump(largest))
    words = (*GATHERING, "--dry-run", "--printshellcmds")
    run = fresh.snakemake(*words, settings=(SMOKE, "largest.yaml"))
    assert run.returncode == 0, run.stdout
    settings = Settings.model_validate(largest)
    jobs = [job for job in planned_jobs(run.stdout) if EXPERIMENT.fullmatch(job.module)]
    asked = dict.fromkeys((job.rule for job in jobs), 0)
    for job in jobs:
        amount = int(job.resources["mem_mb"])
        assert amount == needed(settings, job), job
        assert LEAST <= amount <= (LARGEST_OF_GPU if job.rule in FOR_GPU else LARGEST)
        asked[job.rule] = max(amount, asked[job.rule])
    trains = {job.rule for job in planned_jobs(run.stdout) if "device" in job.resources}
    assert trains < asked.keys()
    full = {rule for rule, amount in asked.items() if amount == LARGEST}
    assert full > {"boost", "optimizers", "simulation", "check", "finetune", "stage1", "universes"}
    assert "rebased_columns" in full  # it limits attention too


def test_memory_of_sweeps_grows_with_their_lambdas():
    config = json.loads(json.dumps(CONFIG))
    config["regularization"]["per_decade"] = 100
    found = {name: sweep.memory for name, sweep in sweeps(Settings.model_validate(config)).items()}
    assert max(found, key=found.get) == "vocabulary_20"
    assert 4000 < found["vocabulary_20"] <= LARGEST
    config["regularization"]["least"] = 1e-12
    (line,) = find_faults(config, Settings)
    assert line.startswith(
        "regularization.per_decade is 100; with training.vocabulary_20, and 902 "
    )
    assert line.endswith(" GB, which must be at most 8 GB")
