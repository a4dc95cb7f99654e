"""The worked examples of docs/extending.md, applied to a copy of the project and run."""

import re
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import yaml
from matplotlib.image import imread
from project import ROOT, SMOKE, Project

from scb import Task, cli
from scb.data.seeds import derive
from scb.learning.tables import CURVES
from scb.store import tables
from scb.theory.population import balancing_penalty, largest_stable_rate

PAGE = (ROOT / "docs/extending.md").read_text()
EXAMPLES = dict(
    zip(
        re.findall(r"^## (.*)$", PAGE, re.MULTILINE),
        re.split(r"^## .*$", PAGE, flags=re.MULTILINE)[1:],
        strict=True,
    )
)
BLOCK = re.compile(r"^`([\w./]+)`\n\n```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def apply(project: Project, example: str) -> list[str]:
    """Do what the page says; returns the files that it changes or adds."""
    files = []
    for name, language, text in BLOCK.findall(EXAMPLES[example]):
        path = project.root / name
        files.append(name)
        if language != "diff":
            assert not path.exists(), name
            path.write_text(text)
            continue
        content = path.read_text()
        for part in re.split(r"^@@\n", text, flags=re.MULTILINE):
            lines = part.splitlines(keepends=True)
            old, new = ("".join(x[1:] for x in lines if x[0] in kept) for kept in (" -", " +"))
            assert content.startswith(old) or content.count("\n" + old) == 1, (name, old)
            content = content.replace(old, new, 1)
        path.write_text(content)
    return files


def check_style(project: Project, files: list[str]) -> None:
    """What the page adds is as well kept as the rest."""
    python = [name for name in files if name.endswith(".py")]
    shutil.copy2(ROOT / "pyproject.toml", project.root)
    checks = [["snakefmt", "--check", "Snakefile", "workflow"]]
    if python:
        checks += [["ruff", "check", *python], ["ruff", "format", "--check", *python]]
    for check in checks:
        run = subprocess.run(
            [sys.executable, "-m", *check], cwd=project.root, capture_output=True, text=True
        )
        assert run.returncode == 0, run.stdout + run.stderr


def make(project: Project, target: str, *settings: str) -> set[str]:
    """Make a figure; returns the jobs that it took, but not claims, which need all tables."""
    jobs = project.plan(target, settings=(SMOKE, *settings))
    run = project.snakemake(target, settings=(SMOKE, *settings))
    assert run.returncode == 0, run.stdout
    return jobs


def test_every_block_belongs_to_a_file():
    blocks = re.findall(r"^```(\w+)$", PAGE, re.MULTILINE)
    named = [language for text in EXAMPLES.values() for _, language, _ in BLOCK.findall(text)]
    assert sorted([*named, "sh", "sh"]) == sorted(blocks)
    assert len(named) == 15


def test_commands_run_as_printed(tmp_path, monkeypatch, capsys):
    commands = re.findall(r"^python -m scb (.*)$", PAGE, re.MULTILINE)
    assert len(commands) == 2
    monkeypatch.chdir(tmp_path)
    quick = ["--length", "50", "--replicates", "2", "--steps", "2", "--boost-steps", "1"]
    for command in commands:
        assert cli.main([*command.split(), *quick]) == 0
    assert "results/mine/curves.parquet" in capsys.readouterr().out


def test_a_setting_in_a_figure(done):
    rows = imread(done.root / "smoke/figures/fig5_vocabulary.png").shape[0]
    check_style(done, apply(done, "A setting in a figure"))
    small = {"length": 40, "batch": 16, "steps": 20, "boost": {"steps": 10}}
    (done.root / "small.yaml").write_text(yaml.safe_dump({"vocabulary_5": small}))
    jobs = make(done, "smoke/figures/fig5_vocabulary.pdf", "small.yaml")
    new = {f"{rule} of vocabulary_5" for rule in ("tasks", "boost", "optimizers")}
    assert jobs == new | {"fig5_vocabulary"}
    assert imread(done.root / "smoke/figures/fig5_vocabulary.png").shape[0] > 1.2 * rows


def test_its_rates_come_from_the_closed_forms(fresh):
    apply(fresh, "A setting in a figure")
    config = yaml.safe_load((fresh.root / "config.yaml").read_text())
    here, three = config["vocabulary_5"], config["vocabulary_3"]

    def tasks(states: int) -> Task:
        seeds = [derive(config["seed"], "task", r) for r in range(config["replicates"])]
        return Task.stack([Task.sample(states, 5000, 2, seed) for seed in seeds])

    def one_digit(number) -> float:
        return float(f"{float(number):.0e}")

    task, optimizers = tasks(5), here["optimizers"]
    rate = one_digit(largest_stable_rate(task, here["batch"]).min() / 2)
    assert here["boost"]["rate"] == rate
    assert {optimizer["rate"] for optimizer in optimizers.values()} == {rate / 2}
    balance = balancing_penalty(task, here["batch"], rate / 2).median()
    assert optimizers["proximal_large"]["penalty"] == one_digit(balance)
    energy = task.transition_energy.median() / tasks(3).transition_energy.median()
    scaled = three["optimizers"]["proximal"]["penalty"] * energy * 3**3 / 5**3
    assert optimizers["proximal"]["penalty"] == one_digit(scaled)


def test_an_optimiser(done):
    path = done.root / "smoke/results/convergence/optimizers.parquet"
    before = tables.read(path, CURVES)
    check_style(done, apply(done, "An optimiser"))
    jobs = make(done, "smoke/figures/fig1_convergence.pdf")
    assert {"fig1_convergence", "optimizers of convergence"} <= jobs
    after = tables.read(path, CURVES)
    others = after[after["optimizer"] != "fista"].reset_index(drop=True)
    pd.testing.assert_frame_equal(others, before, rtol=1e-4)
    moved, plain = (
        after[after["optimizer"] == name]["attention_signal"].to_numpy()
        for name in ("fista", "proximal_large")
    )
    # From one state, and by the same first step.
    first = after[after["optimizer"] == "fista"]["step"].to_numpy() == 10
    np.testing.assert_array_equal(moved[first], plain[first])
    assert (np.abs(moved[~first] - plain[~first]) > 1e-6).any()


def test_a_figure(done):
    check_style(done, apply(done, "A figure"))
    assert make(done, "smoke/figures/loss.pdf") == {"loss"}
    assert (done.root / "smoke/figures/loss.png").exists()
    assert done.plan("--until", "loss") == set()
