"""What holds for every rule, as its jobs are planned."""

import importlib
import re
import subprocess
import sys
from functools import cache
from typing import get_args

import pytest
from project import BASES, FIGURES, GATHERING, ROOT, SETTINGS

from scb.experiments.job import Job
from scb.rebased.similarity import SIMILARITIES
from scb.settings.rebased import Kernel
from workflow.imports import module_files

EXPERIMENTS = "scb.experiments."


@cache
def job_of(module):
    """What an experiment declares."""
    found = vars(importlib.import_module(module)).values()
    (declared,) = [value for value in found if isinstance(value, Job)]
    return declared


@pytest.fixture
def experiments(planned):
    return [job for job in planned if job.module.startswith(EXPERIMENTS)]


def is_code(path):
    return path.startswith("scb/")


def test_every_rule_is_of_some_target(planned, fresh):
    listed = fresh.snakemake("--list").stdout
    rules = set(re.findall(r"^(\w+)(?: \(.*\))?$", listed, re.MULTILINE))
    assert rules - {*GATHERING, *BASES} == {job.rule for job in planned}
    assert {f"draw_{figure}" for figure in FIGURES} < rules


def test_every_experiment_has_a_rule(experiments):
    modules = {
        f"{EXPERIMENTS}{path.stem}"
        for path in (ROOT / "scb/experiments").glob("*.py")
        if "\n@job\n" in path.read_text()
    }
    assert {job.module for job in experiments} == modules


def test_job_is_complete(planned):
    for job in planned:
        assert job.resources.keys() >= {"mem_mb", "runtime"}, job
        place = re.fullmatch(r"smoke/results/benchmarks/(.*)\.tsv", job.benchmark)
        assert place, job
        assert job.log == f"smoke/results/logs/{place[1]}.log"
        assert job.command[:2] == ["python", "-m"]
        assert job.command[-3:] == [">", job.log, "2>&1"]


def test_job_depends_on_the_code_it_runs(planned):
    for job in planned:
        code = [path for path in job.inputs if is_code(path)]
        assert sorted(code) == module_files(job.module, ROOT), job.rule


def test_files_of_a_job_are_those_that_its_module_declares(experiments):
    for job in experiments:
        declared = job_of(job.module)
        files = {
            name: job.option(f"--{name}")
            for name in (*declared.inputs, *declared.asides)
            if f"--{name}" in job.command
        }
        read = [path for path in job.inputs if path and not is_code(path)]
        assert [path for paths in files.values() for path in paths] == read, job.rule
        outputs = {
            name: job.option(f"--{name}")
            for name in (*declared.outputs, "provenance")
            if f"--{name}" in job.command
        }
        assert all(len(paths) == 1 for paths in outputs.values())
        assert sorted(path for paths in outputs.values() for path in paths) == sorted(job.outputs)


def test_figure_reads_its_tables_and_writes_its_name(planned):
    drawn = [job for job in planned if not job.module.startswith(EXPERIMENTS)]
    modules = {f"scb.figures.{figure.removesuffix('_best')}" for figure in FIGURES}
    assert {job.module for job in drawn} == modules
    for job in drawn:
        name = job.rule.removeprefix("draw_")
        module = name.removesuffix("_best")
        assert job.module == f"scb.figures.{module}"
        assert job.outputs == [f"smoke/figures/{name}.{suffix}" for suffix in ("pdf", "png")]
        assert job.option("--output") == job.outputs[:1]
        tables = [path for path in job.inputs if not is_code(path)]
        assert tables
        assert set(tables) < set(job.command)
        assert (ROOT / f"workflow/report/{module}.rst").exists()


def test_settings_are_those_that_the_job_reads(experiments):
    for job in experiments:
        (text,) = job.option("--settings")
        read = job_of(job.module).settings.model_validate_json(text)
        assert read.as_json() == text, job.rule


def test_job_that_makes_tables_tells_where_they_come_from(experiments):
    for job in experiments:
        place = job.benchmark.removeprefix("smoke/results/benchmarks/").removesuffix(".tsv")
        assert f"smoke/results/{place}.provenance.json" in job.outputs


@pytest.mark.parametrize("file", ["check/boost", "transfer/nothing", "multiverse/nothing"])
def test_no_rule_makes_what_is_of_no_section(fresh, file):
    run = fresh.snakemake("--dry-run", f"smoke/results/{file}.parquet")
    assert run.returncode != 0
    assert "MissingRuleException" in run.stdout
    assert "Traceback" not in run.stdout


def test_no_job_reads_provenance(planned):
    # It differs from run to run: such a job would be run again for nothing.
    assert not [job for job in planned if any("provenance.json" in path for path in job.inputs)]


def test_what_trains_takes_device_and_gpu_from_one_place(planned, experiments):
    trains = {
        job.rule
        for job in experiments
        if "--device" in job_of(job.module)._parser("").format_help()
    }
    assert trains > {"boost", "optimizers", "attention"}
    for job in planned:
        assert (job.rule in trains) == ("gpu" in job.resources) == ("device" in job.resources)
        if job.rule in trains:
            assert job.option("--device") == [job.resources["device"]] == ["auto"]
        else:
            assert "--device" not in job.command


def test_every_kernel_is_trained(planned):
    wanted = {
        "rebased": {*SETTINGS.rebased.trained("stress")},
        "rebased_tuning": {*SETTINGS.rebased.recall["stress"].kernels},
    }
    recalls = [job.wildcards for job in planned if job.rule == "recall"]
    for folder, kernels in wanted.items():
        assert {job["kernel"] for job in recalls if job["recalled"] == folder} == kernels
    assert set(get_args(Kernel)) == set(SIMILARITIES)


def test_shell_quotes_what_it_is_given():
    shells = [
        shell
        for path in (ROOT / "workflow/rules").glob("*.smk")
        for shell in re.findall(r'^ +shell:\n((?: +".*\n)+)', path.read_text(), re.MULTILINE)
    ]
    assert shells
    for shell in shells:
        fields = set(re.findall(r"\{[^{}]*\}", shell)) - {"{threads}"}
        assert fields
        assert all(field.endswith(":q}") for field in fields)


def test_format():
    run = subprocess.run(
        [sys.executable, "-m", "snakefmt", "--check", "Snakefile", "workflow"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr


def test_lint(fresh):
    run = fresh.snakemake("--lint", settings=())
    assert run.returncode == 0, run.stdout


def test_no_file_is_unpickled_and_no_text_evaluated():
    unsafe = re.compile(
        r"\b(import|from) pickle|_pickle\b(?!=False)"
        r"|\b(torch|yaml|marshal|pickle)\.loads?\(|\b(eval|exec)\("
    )
    sources = [path for name in ("scb", "workflow") for path in (ROOT / name).rglob("*.py")]
    sources += [ROOT / "Snakefile", *(ROOT / "workflow").rglob("*.smk")]
    assert len(sources) > 50
    assert [path for path in sources if unsafe.search(path.read_text())] == []
