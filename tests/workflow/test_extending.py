"""The worked examples of docs/extending.md, applied to a copy of the project and run."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib.image import imread
from project import ROOT, SETTINGS, Project, commit, copy_tree

from scb import Task, cli
from scb.learning import states
from scb.learning.tables import CURVES
from scb.settings.training import Tasks
from scb.settings.whole import Settings
from scb.store import tables
from scb.theory.population import balancing_penalty, largest_stable_rate

PAGE = (ROOT / "docs/extending.md").read_text()
TEXTS = dict(
    zip(
        re.findall(r"^## (.*)$", PAGE, re.MULTILINE),
        re.split(r"^## .*$", PAGE, flags=re.MULTILINE)[1:],
        strict=True,
    )
)
BLOCK = re.compile(r"^`([\w./]+)`\n\n```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
MYPY = ".mypy_cache"
EXAMPLES = [title for title, text in TEXTS.items() if BLOCK.search(text)]


def apply(project: Project, example: str) -> list[str]:
    """Do what the page says; returns the files that it changes or adds."""
    files = []
    for name, language, text in BLOCK.findall(TEXTS[example]):
        path = project.root / name
        files.append(name)
        if not path.parent.exists():  # a copy without documents
            assert name.startswith("docs/"), name
            continue
        if language != "diff":
            assert not path.exists(), name
            path.write_text(text)
            continue
        content = "\n" + path.read_text()
        for part in re.split(r"^@@\n", text, flags=re.MULTILINE):
            lines = part.splitlines(keepends=True)
            old, new = (
                "\n" + "".join(line[1:] for line in lines if line[0] in kept)
                for kept in (" -", " +")
            )
            assert content.count(old) == 1, (name, old)
            content = content.replace(old, new)
        path.write_text(content[1:])
    if "config.yaml" in files:
        project.shrink()
    return files


def copy_all(root: Path) -> Project:
    """All that git keeps, tests and documents too, and what mypy knows of libraries."""
    root.mkdir()
    copy_tree(root)
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file() and not (root / name).exists():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    if (ROOT / MYPY).is_dir():
        shutil.copytree(ROOT / MYPY, root / MYPY)
    return Project(root)


def run(project: Project, *command: str) -> None:
    """Run a module of Python's in the copy, on the copy's code."""
    outer = ("PYTEST", "COV")  # pytest in pytest is a run of its own
    own = {key: value for key, value in os.environ.items() if not key.startswith(outer)}
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=project.root,
        env=own | {"PYTHONPATH": str(project.root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def make(project: Project, example: str) -> set[str]:
    """Run the example's command on the smoke settings; returns the jobs that it took."""
    (command,) = re.findall(r"`snakemake --cores 2 ((?:try/)?figures/[^`]*)`", TEXTS[example])
    words = shlex.split(command if command.startswith("try/") else f"smoke/{command}")
    jobs = project.plan(*words)
    made = project.snakemake(*words)
    assert made.returncode == 0, made.stdout
    return jobs


def test_every_block_belongs_to_a_file():
    blocks = re.findall(r"^```(\w+)$", PAGE, re.MULTILINE)
    named = [language for text in TEXTS.values() for _, language, _ in BLOCK.findall(text)]
    commands = re.findall(r"^python -m scb", PAGE, re.MULTILINE)
    assert sorted([*named, *("sh" for _ in commands)]) == sorted(blocks)


def test_commands_run_as_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    quick = ["--length", "50", "--replicates", "2", "--steps", "2", "--boost-steps", "1"]
    assert cli.main(["train", "--seed", "1", "--output", "results/other", *quick]) == 0
    for command in re.findall(r"^python -m scb (.*)$", PAGE, re.MULTILINE):
        trains = command.startswith("train ")
        assert cli.main([*command.split(), *(quick if trains else [])]) == 0
    assert "results/mine/curves.parquet" in capsys.readouterr().out
    assert Path("mine_and_other.pdf").exists()


@pytest.mark.parametrize("example", EXAMPLES)
def test_it_takes_the_files_that_it_says_and_keeps_the_style(fresh, example):
    shutil.copy2(ROOT / "pyproject.toml", fresh.root)
    files = apply(fresh, example)
    assert TEXTS[example].lstrip().startswith(f"Files: {len(set(files))}. ")
    assert len(set(files)) == len(files)
    python = [name for name in files if name.endswith(".py")]
    if python:
        run(fresh, "ruff", "check", *python)
        run(fresh, "ruff", "format", "--check", *python)
    if any(name.endswith(".smk") for name in files):
        run(fresh, "snakefmt", "--check", "workflow")


def test_rates_of_a_setting_come_from_the_closed_forms(fresh):
    apply(fresh, "A setting in a figure")
    config = yaml.safe_load((fresh.root / "config.yaml").read_text())
    training = Settings.model_validate(config).training
    here, three = training["vocabulary_5"], training["vocabulary_3"]
    task, other = (Task.draw(Tasks.of(section)) for section in (here, three))

    def one_digit(number) -> float:
        return float(f"{float(number):.0e}")

    rate = one_digit(largest_stable_rate(task, here.batch).min() / 2)
    assert here.boost.rate == rate
    assert {optimizer.rate for optimizer in here.optimizers.values()} == {rate / 2}
    balance = balancing_penalty(task, here.batch, rate / 2).median()
    assert here.optimizers["proximal_large"].penalty == one_digit(balance)
    energy = task.transition_energy.median() / other.transition_energy.median()
    scaled = three.optimizers["proximal"].penalty * energy * 3**3 / 5**3
    assert here.optimizers["proximal"].penalty == one_digit(scaled)


@pytest.mark.slow
def test_a_setting_in_a_figure(done):
    rows = imread(done.root / "smoke/figures/fig5_vocabulary.png").shape[0]
    apply(done, "A setting in a figure")
    jobs = make(done, "A setting in a figure")
    new = {f"{rule} of vocabulary_5" for rule in ("tasks", "boost", "optimizers")}
    assert jobs == new | {"draw_fig5_vocabulary"}
    assert imread(done.root / "smoke/figures/fig5_vocabulary.png").shape[0] > 1.2 * rows


@pytest.mark.slow
def test_an_optimizer(done):
    folder = done.root / "smoke/results/convergence"
    before = tables.read(folder / "optimizers.parquet", CURVES)
    apply(done, "An optimizer")
    jobs = make(done, "An optimizer")
    assert {"draw_fig1_convergence", "optimizers of convergence"} <= jobs
    after = tables.read(folder / "optimizers.parquet", CURVES)
    assert set(after["optimizer"]) == {*before["optimizer"], "sign"}
    others = after[after["optimizer"] != "sign"].reset_index(drop=True)
    pd.testing.assert_frame_equal(others, before, rtol=1e-4)
    # From the end of Stage 1 it has moved by a whole number of steps, up or down.
    names, last, *ends = states.read(folder / "optimizers_state.parquet")
    _, first, *starts = states.read(folder / "boost_state.parquet")
    config = yaml.safe_load((done.root / "config.yaml").read_text())
    rate = config["training"]["convergence"]["optimizers"]["sign"]["rate"]
    for start, end in zip(starts, ends, strict=True):
        moved = ((end[names.index("sign")] - start[0]) / rate).numpy()
        np.testing.assert_allclose(moved, moved.round(), atol=0.01)
        assert 0 < np.abs(moved).max() < last - first + 0.01


@pytest.mark.slow
def test_a_figure(done):
    apply(done, "A figure")
    assert make(done, "A figure") == {"draw_loss"}
    assert (done.root / "smoke/figures/loss.png").exists()
    assert "draw_loss" in done.plan("--forceall")


@pytest.mark.slow
def test_a_metric(done):
    folder = done.root / "smoke/results/convergence"
    before = tables.read(folder / "optimizers.parquet", CURVES)
    apply(done, "A metric")
    make(done, "A metric")
    after = tables.read(folder / "optimizers.parquet", CURVES)
    new = ["attention_spread", "normalised_attention_spread"]
    assert sorted(set(after) - set(before)) == new
    pd.testing.assert_frame_equal(after[list(before)], before, rtol=1e-4)
    boost = tables.read(folder / "boost.parquet", CURVES)
    length = tables.setting(folder / "boost.parquet")["length"]
    np.testing.assert_allclose(boost.loc[boost["step"] == 0, new], length, rtol=1e-5)
    # Of columns that sum to 1 the uniform one spreads most. Raw steps do not keep that sum; the
    # normalised solution always has it.
    optimizers = SETTINGS.training["convergence"].optimizers
    kept = {name for name, spec in optimizers.items() if spec.kind != "raw"}
    assert {"proximal", "sgd"} <= kept
    assert (after.loc[after["optimizer"].isin(kept), "attention_spread"] < length).all()
    assert (after["normalised_attention_spread"] <= length * (1 + 1e-5)).all()


@pytest.mark.slow
def test_a_sampler_of_tasks(done):
    apply(done, "A sampler of tasks")
    jobs = make(done, "A sampler of tasks")
    assert {f"{rule} of convergence" for rule in ("tasks", "boost", "optimizers")} < jobs
    task = Task.load(done.root / "try/results/convergence/tasks.parquet")
    np.testing.assert_allclose(task.transition.sum(-1), 1)
    np.testing.assert_array_equal(task.stationary, 1 / task.states)


@pytest.mark.slow
def test_nothing_turns_red(tmp_path):
    project = copy_all(tmp_path / "project")
    for example in EXAMPLES:
        apply(project, example)
    commit(project)
    run(project, "ruff", "check")
    run(project, "ruff", "format", "--check")
    run(project, "mypy")
    fast = "not slow and not slurm and not gpu"
    # The examples are applied already; kills and random settings take long, and take no notice.
    names = Path(__file__).name, "test_faults.py", "test_fuzz.py"
    others = [f"--ignore=tests/workflow/{name}" for name in names]
    workers = "-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"
    run(project, "pytest", "-q", *workers, "-m", fast, *others, f"--basetemp={tmp_path / 'pytest'}")
