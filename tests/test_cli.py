"""The command line: the pipeline's numbers, its own defaults, refusals on one line."""

import hashlib
import json
import pickle
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from own_task import WRONG, P, Q
from sections import small

from scb import Task, __main__, cli, training
from scb.experiments import boost, optimizers, tasks
from scb.figures import overview, style
from scb.learning.tables import CURVES
from scb.settings.training import Comparison, Stage1, Tasks
from scb.store import provenance
from scb.store import tables as store
from scb.theory.population import balancing_penalty, largest_stable_rate

SMALL = "--states 3 --length 40 --batch 8 --steps 30 --replicates 3 --seed 5 --log-interval 5"
RATES = "--boost-steps 12 --boost-rate 0.05 --rate 0.02 --penalty 1e-3"


def train(folder, options):
    return cli.main(["train", *options.split(), "--output", str(folder)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("train")
    assert train(folder, f"{SMALL} {RATES}") == 0
    return folder


def test_everything_is_written_and_nothing_else(folder):
    assert {path.name for path in folder.iterdir()} == set(training.FILES)


def test_numbers_are_those_of_the_pipeline(folder, tmp_path, call):
    section = small()
    call(tasks.draw_tasks, Tasks.of(section), tmp_path, tasks="tasks")
    files = {"tasks": "tasks", "state": "state"}
    call(boost.boost, Stage1.of(section), tmp_path, **files, curves="boost")
    files |= {"curves": "optimizers", "states": "end"}
    call(optimizers.compare, Comparison.of(section), tmp_path, **files)
    for name, other in (("tasks", "tasks"), ("states", "end")):
        mine, theirs = folder / f"{name}.parquet", tmp_path / f"{other}.parquet"
        assert mine.read_bytes() == theirs.read_bytes()
    parts = [store.read(tmp_path / f"{name}.parquet", CURVES)
             for name in ("boost", "optimizers")]  # fmt: skip
    curves = store.read(folder / "curves.parquet", CURVES)
    pd.testing.assert_frame_equal(curves, pd.concat(parts, ignore_index=True))
    setting = store.setting(tmp_path / "optimizers.parquet")
    assert store.setting(folder / "curves.parquet") == setting


@pytest.mark.usefixtures("unrendered")
def test_rates_come_from_the_closed_forms(tmp_path, capsys):
    assert train(tmp_path, f"{SMALL} --boost-steps 12 --optimizer proximal") == 0
    setting = store.setting(tmp_path / "curves.parquet")
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
    tables_written = [folder / f"{name}.parquet" for name in training.TABLES]
    assert record["outputs"] == {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in tables_written
    }
    assert list(record)[:2] == ["outputs", "inputs"]
    settings = record["settings"]
    assert (settings["states"], settings["replicates"], settings["log_interval"]) == (3, 3, 5)
    assert settings["optimizers"]["proximal"]["penalty"] == 1e-3
    assert record["settings_sha256"] == provenance.digest(settings)


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ("--states 1", "--states is 1; it must be at least 2"),
        ("--length 2.5", "argument --length: '2.5' is not an integer"),
        ("--replicates none", "argument --replicates: 'none' is not an integer"),
        ("--seed -1", "--seed is -1; it must be at least 0"),
        (f"--seed {2**63}", f"--seed is {2**63}; it must be less than {2**63}"),
        (f"--steps {2**31}", f"--steps is {2**31}; it must be at most {2**31 - 1}"),
        ("--states 65537", "--states is 65537; it must be at most 65536"),
        (f"--batch 1{'0' * 400}", f"...; it must be at most {2**31 - 1}"),
        ("--log-interval 0", "--log-interval is 0; it must be at least 1"),
        (f"--rate 1{'0' * 400}", "--rate is inf; it must be a finite number"),
        ("--states 100 --length 200001 --replicates 10", "--length is 200001; with the other"),
        ("--states 100 --replicates 10 --batch 400001", "--batch is 400001; with the other"),
        ("--rate 0", "--rate is 0.0; it must be at least 1e-30"),
        ("--rate 1e-320", "--rate is 1e-320; it must be at least 1e-30"),
        ("--boost-rate nan", "--boost-rate is nan; it must be a finite number"),
        ("--penalty inf", "--penalty is inf; it must be a finite number"),
        ("--length 10 --sparsity 10", "--sparsity is 10; it must be less than length, 10"),
        ("--steps 10 --boost-steps 11", "--boost-steps is 11; it must be at most steps, 10"),
        ("--optimizer adam", "argument --optimizer: invalid choice: 'adam'"),
        (f"--optimizer {'x' * 5000}", "argument --optimizer: invalid choice: 'xxx"),
        ("--state 3", "unrecognized arguments: --state 3"),
        (f"--{'x' * 5000}", "unrecognized arguments: --xxx"),
        ("--threads 0", "threads is 0; it must be at least 1"),
        ("--device abacus", "device is abacus: use auto, cpu, cuda or cuda:NUMBER"),
        (f"--device {'x' * 5000}", "x: use auto, cpu, cuda or cuda:NUMBER"),
        ("--device cpu:x", "device is cpu:x: use auto, cpu, cuda or cuda:NUMBER"),
        ("--tasks a.parquet --transition b.csv", "--tasks is a whole task: --transition and"),
        ("--transition b.csv", "--transition and --attention go together"),
        ("--attention b.npy", "--transition and --attention go together"),
        ("--tasks a.parquet", "a.parquet: no such file"),
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
    assert len(line) < 300
    assert fault in line
    assert not (tmp_path / "out").exists()


LATE = [
    "scb.learning.states.write",
    "scb.figures.style.save",
    "scb.store.provenance.write",
]


@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize("place", LATE)
@pytest.mark.parametrize(
    ("fault", "status", "line"),
    [
        (OSError("no space left"), 1, "no space left"),
        (KeyboardInterrupt(), 130, "stopped, nothing written"),
    ],
)
def test_a_run_that_fails_leaves_an_earlier_one_as_it_was(
    folder, monkeypatch, capsys, place, fault, status, line
):
    before = {path: path.read_bytes() for path in folder.iterdir()}

    def fail(*_, **__):
        raise fault

    monkeypatch.setattr(place, fail)
    assert train(folder, f"{SMALL} {RATES} --seed 6 --overwrite") == status
    out, shown = capsys.readouterr()
    assert shown.splitlines()[-1] == f"python -m scb train: {line}"
    assert not out
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_finished_run_is_not_replaced_unasked(folder, capsys):
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert train(folder, f"{SMALL} {RATES} --seed 6") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{folder} holds a run already" in line
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_folder_in_the_place_of_a_file_is_refused_before_any_work(tmp_path, capsys):
    (tmp_path / "overview.png").mkdir()
    assert train(tmp_path, f"{SMALL} {RATES}") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{tmp_path / 'overview.png'} is a folder" in line
    assert [path.name for path in tmp_path.iterdir()] == ["overview.png"]


def test_lack_of_memory_ends_in_one_line(tmp_path, monkeypatch, capsys):
    # More than any machine can address, so that torch refuses by itself.
    monkeypatch.setattr("scb.experiments.boost.preconditioned", lambda *_, **__: torch.empty(2**50))
    assert train(tmp_path, f"{SMALL} {RATES}") == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("python -m scb train: out of memory; lower --replicates")
    assert not list(tmp_path.iterdir())


def test_another_fault_is_not_taken_for_a_lack_of_memory(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr("scb.experiments.boost.preconditioned", fail)
    with pytest.raises(RuntimeError, match="a mistake of ours"):
        train(tmp_path, f"{SMALL} {RATES}")


def test_commands_are_listed_without_torch():
    code = "import sys, runpy; sys.argv = ['scb', '--help']\n"
    code += "try: runpy.run_module('scb', run_name='__main__')\n"
    code += "except SystemExit: print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "train one setting" in run.stdout
    assert run.stdout.endswith("False\n")


@pytest.mark.usefixtures("unrendered")
def test_a_bar_shows_progress_on_a_terminal(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert train(tmp_path, f"{SMALL} {RATES}") == 0
    out, shown = capsys.readouterr()
    assert "12/12" in shown
    assert "18/18" in shown
    assert "100%" in shown
    assert len(out.splitlines()) == len(training.FILES)


def write_matrices(folder, transition, attention, kind=".npy"):
    """Options that name files of P and Q."""
    options = []
    for name, matrix in (("transition", transition), ("attention", attention)):
        path = folder / f"{name}{kind}"
        if kind == ".npy":
            np.save(path, np.asarray(matrix))
        else:
            np.savetxt(path, np.atleast_2d(matrix), delimiter=",", fmt="%.17g")
        options.append(f"--{name} {path}")
    return " ".join(options)


FEW = "--batch 8 --steps 10 --boost-steps 5 --replicates 2 --log-interval 5"


@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize("kind", [".csv", ".npy"])
def test_own_matrices_are_trained(tmp_path, kind):
    options = write_matrices(tmp_path, P, Q, kind)
    assert train(tmp_path / "out", f"{options} {FEW} --states 3 --length 4") == 0
    tasks = Task.load(tmp_path / "out/tasks.parquet")
    mine = Task.from_matrices(P, Q)
    for replicate in range(2):
        assert torch.equal(tasks.attention[replicate], mine.attention)
        assert torch.equal(tasks.transition[replicate], mine.transition)
    record = json.loads((tmp_path / "out/provenance.json").read_text())
    files = {str(tmp_path / f"{name}{kind}") for name in ("transition", "attention")}
    assert set(record["inputs"]) == files
    assert "sampler" not in record["settings"]
    assert record["settings"]["length"] == 4


@pytest.mark.usefixtures("unrendered")
def test_tasks_of_a_run_are_trained_again(folder, tmp_path):
    options = SMALL.replace("--states 3 --length 40", f"--tasks {folder / 'tasks.parquet'}")
    assert train(tmp_path, f"{options} {RATES}") == 0
    for name in ("curves", "states"):
        there, here = (pq.read_table(one / f"{name}.parquet") for one in (folder, tmp_path))
        assert here.equals(there), name


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("kind", [".csv", ".npy"])
def test_wrong_matrices_end_in_one_line(tmp_path, monkeypatch, capsys, name, kind):
    monkeypatch.chdir(tmp_path)  # a long path would be shortened, and the fault behind it
    matrices, said = WRONG[name]
    if name in ("words", "a ragged list", "complex numbers"):
        pytest.skip("no such file can be written")
    if name == "a P that is a number" and kind == ".csv":
        said = r"transition has shape \(1, 1\)"
    options = write_matrices(Path(), *matrices, kind)
    assert train("out", f"{options} {FEW}") == 1
    (line,) = capsys.readouterr().err.splitlines()
    blamed = "transition" if said.startswith("transition") else "attention"
    assert line.startswith(f"python -m scb train: {blamed}{kind}: ")
    assert re.search(said.split(".*")[0], line)
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("P.csv", b"", "it is empty"),
        ("P.csv", b"a,b\n1,2\n", "no matrix of numbers: could not convert string 'a'"),
        ("P.csv", b"1,2\n3\n", "no matrix of numbers: the number of columns changed"),
        ("P.csv", b"\xff\xfe1", "no matrix of numbers: "),
        ("P.npy", b"", "no matrix of numbers: "),
        ("P.npy", b"1,2\n", "no matrix of numbers: "),
        ("P.npy", pickle.dumps([[1.0]]), "no matrix of numbers: "),
        ("P.txt", b"1", "its name must end in .csv or .npy"),
        ("P.csv", None, "it cannot be read: No such file or directory"),
        ("P.npy", None, "it cannot be read: No such file or directory"),
    ],
)
def test_files_that_hold_no_matrix_end_in_one_line(tmp_path, capsys, name, content, said):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    write_matrices(tmp_path, P, Q)
    options = f"--transition {path} --attention {tmp_path / 'attention.npy'}"
    assert train(tmp_path / "out", options) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{path}: {said}" in line
    assert len(line) < 300
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--states 5", "--states is 5; it is 3 in "),
        ("--length 5", "--length is 5; it is 4 in "),
        ("--sparsity 1", "--sparsity is 1; it is 2 in "),
        ("--boost-steps 11", "--boost-steps is 11; it must be at most steps, 10"),
        ("--replicates 0", "--replicates is 0; it must be at least 1"),
    ],
)
def test_options_that_do_not_fit_an_own_task_are_refused(tmp_path, capsys, options, said):
    given = write_matrices(tmp_path, P, Q)
    with pytest.raises(SystemExit) as end:
        train(tmp_path / "out", f"{given} {FEW} {options}")
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert not (tmp_path / "out").exists()


def test_no_more_replicates_than_tasks(folder, tmp_path, capsys):
    with pytest.raises(SystemExit):
        train(tmp_path / "out", f"--tasks {folder / 'tasks.parquet'} --replicates 4")
    assert "--replicates is 4; it must be at most 3, the number of tasks" in capsys.readouterr().err


def test_the_console_script_is_the_same_command(monkeypatch, capsys):
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["scb", "train", "--states", "1"])
    with pytest.raises(SystemExit):
        __main__.run()
    assert capsys.readouterr().err == "scb train: --states is 1; it must be at least 2\n"


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM], ids=lambda by: by.name)
def test_a_run_that_is_asked_to_stop_leaves_nothing(tmp_path, by):
    options = f"{SMALL} {RATES} --output {tmp_path}".replace("--steps 30", "--steps 10000000")
    options = options.replace("--log-interval 5", "--log-interval 100000")
    command = [sys.executable, "-m", "scb", "train", *options.split()]
    with subprocess.Popen(
        command,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored in background
    ) as running:
        while "step 12/12" not in running.stderr.readline():  # Stage 1 is done
            assert running.poll() is None
        assert list(tmp_path.iterdir())  # the scratch folder
        running.send_signal(by)
        _, told = running.communicate(timeout=60)
    assert running.returncode == 130
    assert told.splitlines()[-1] == "python -m scb train: stopped, nothing written"
    assert "Traceback" not in told
    assert list(tmp_path.iterdir()) == []
