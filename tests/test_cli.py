"""The command line: the pipeline's numbers, its own defaults, refusals on one line."""

import json
import os
import runpy
import subprocess
import sys

import pandas as pd
import pytest

from scb import Task, cli, provenance, tables
from scb.figures import overview, style
from scb.population import balancing_penalty, largest_stable_rate

SMALL = "--states 3 --length 40 --batch 8 --steps 30 --replicates 3 --seed 5 --log-interval 5"
RATES = "--boost-steps 12 --boost-rate 0.05 --rate 0.02 --penalty 1e-3"
WRITTEN = {"tasks.parquet", "curves.parquet", "states.parquet", "overview.pdf", "overview.png"}


def train(folder, options):
    return cli.main(["train", *options.split(), "--output", str(folder)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("train")
    assert train(folder, f"{SMALL} {RATES}") == 0
    return folder


def test_everything_is_written_and_nothing_else(folder):
    assert {path.name for path in folder.iterdir()} == WRITTEN | {"provenance.json"}


def test_numbers_are_those_of_the_pipeline(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    common = "--seed 5 --batch 8 --log-interval 5 --tasks tasks.parquet"
    for module, options in {
        "tasks": "--seed 5 --states 3 --length 40 --sparsity 2 --replicates 3 "
        "--output tasks.parquet",
        "boost": f"{common} --steps 12 --rate 0.05 --curves boost.parquet --state state.parquet",
        "optimizers": f"{common} --steps 30 --state state.parquet --curves optimizers.parquet "
        "--optimizer proximal 0.02 1e-3 1 --optimizer sgd 0.02 0 0 --state-output end.parquet",
    }.items():
        monkeypatch.setattr(sys, "argv", [module, *options.split()])
        monkeypatch.delitem(sys.modules, f"scb.experiments.{module}", raising=False)
        runpy.run_module(f"scb.experiments.{module}", run_name="__main__")
    for name, other in (("tasks", "tasks"), ("states", "end")):
        mine, theirs = folder / f"{name}.parquet", tmp_path / f"{other}.parquet"
        assert mine.read_bytes() == theirs.read_bytes()
    parts = [tables.read(tmp_path / f"{name}.parquet", tables.CURVES)
             for name in ("boost", "optimizers")]  # fmt: skip
    curves = tables.read(folder / "curves.parquet", tables.CURVES)
    pd.testing.assert_frame_equal(curves, pd.concat(parts, ignore_index=True))
    setting = tables.setting(tmp_path / "optimizers.parquet")
    assert tables.setting(folder / "curves.parquet") == setting


def test_rates_come_from_the_closed_forms(tmp_path, capsys):
    assert train(tmp_path, f"{SMALL} --boost-steps 12 --optimizer proximal") == 0
    setting = tables.setting(tmp_path / "curves.parquet")
    task = Task.load(tmp_path / "tasks.parquet")
    boost = float(largest_stable_rate(task, 8).min()) / 2
    assert setting["boost_rate"] == float(f"{boost:.0e}")
    (name, step), = setting["optimizers"].items()  # fmt: skip
    assert name == "proximal"
    assert step["rate"] == setting["boost_rate"] / 2
    penalty = float(balancing_penalty(task, 8, step["rate"]).median())
    assert step["penalty"] == pytest.approx(float(f"{penalty:.0e}"))
    assert f"eta {setting['boost_rate']:g} in Stage 1" in capsys.readouterr().err


def test_plot_shows_each_optimizer_in_each_panel(folder):
    figure = overview.draw(folder / "curves.parquet")
    assert len(figure.axes) == 6
    for ax in figure.axes:
        colours = {line.get_color() for line in ax.lines}
        assert {style.LOOKS[name].colour for name in ("boost", "proximal", "sgd")} <= colours
        assert ax.get_ylabel()
    assert "$N=3$, $T=40$, $B=8$" in figure.texts[0].get_text()


def test_provenance_tells_all_settings(folder):
    record = json.loads((folder / "provenance.json").read_text())
    assert {os.path.basename(name) for name in record["outputs"]} == {
        name for name in WRITTEN if name.endswith(".parquet")
    }
    settings = record["settings"]
    assert (settings["states"], settings["replicates"], settings["log_interval"]) == (3, 3, 5)
    assert settings["optimizers"]["proximal"]["penalty"] == 1e-3
    assert record["settings_sha256"] == provenance.digest(settings)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ("--states 1", "argument --states: '1' is not an integer of at least 2"),
        ("--length 2.5", "argument --length: '2.5' is not an integer of at least 1"),
        ("--replicates none", "argument --replicates: 'none' is not an integer of at least 1"),
        ("--seed -1", "argument --seed: '-1' is not an integer of at least 0"),
        ("--rate 0", "argument --rate: '0' is not a number of at least 1e-30"),
        ("--rate 1e-320", "argument --rate: '1e-320' is not a number of at least 1e-30"),
        ("--boost-rate nan", "argument --boost-rate: 'nan' is not a number of at least 1e-30"),
        ("--penalty inf", "argument --penalty: 'inf' is not a number of at least 0"),
        ("--length 10 --sparsity 11", "argument --sparsity: 11 is above --length, 10"),
        ("--steps 10 --boost-steps 11", "argument --boost-steps: 11 is above --steps, 10"),
        ("--optimizer adam", "argument --optimizer: invalid choice: 'adam'"),
        ("--state 3", "unrecognized arguments: --state 3"),
        ("--device abacus", "device is abacus: use auto, cpu, cuda or cuda:NUMBER"),
    ],
)
def test_bad_option_ends_in_one_line(tmp_path, capsys, options, fault):
    try:
        status = train(tmp_path / "out", options)
    except SystemExit as end:
        status = end.code
    assert status != 0
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("python -m scb")
    assert fault in line
    assert not (tmp_path / "out").exists()


def test_a_run_that_fails_leaves_an_earlier_one_as_it_was(folder, monkeypatch, capsys):
    before = {path: path.read_bytes() for path in folder.iterdir()}

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr("scb.experiments.optimizers.write_states", full)
    assert train(folder, f"{SMALL} {RATES} --seed 6") == 1
    assert capsys.readouterr().err.splitlines()[-1] == "python -m scb train: no space left"
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_commands_are_listed_without_torch():
    code = "import sys, runpy; sys.argv = ['scb', '--help']\n"
    code += "try: runpy.run_module('scb', run_name='__main__')\n"
    code += "except SystemExit: print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "train one setting" in run.stdout
    assert run.stdout.endswith("False\n")


def test_a_bar_shows_progress_on_a_terminal(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert train(tmp_path, f"{SMALL} {RATES}") == 0
    out, shown = capsys.readouterr()
    assert "12/12" in shown
    assert "18/18" in shown
    assert "100%" in shown
    assert len(out.splitlines()) == len(WRITTEN) + 1
