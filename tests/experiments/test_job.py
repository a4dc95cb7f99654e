"""Every job: what it declares, its command line, and refusals on one line."""

import importlib
import inspect
import json
import pkgutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
import torch

from scb import experiments
from scb.experiments.job import IfAsked, IfThere, Input, Inputs, Job, Output, job
from scb.faults import read_settings
from scb.settings.model import Model, Seeded
from scb.settings.transfer import Pretraining
from scb.store import origin, tables

MODULES = [
    importlib.import_module(f"scb.experiments.{module.name}")
    for module in pkgutil.iter_modules(experiments.__path__)
    if module.name != "job"
]
JOBS = {
    module.__name__: value
    for module in MODULES
    for value in vars(module).values()
    if isinstance(value, Job)
}
each_job = pytest.mark.parametrize("declared", JOBS.values(), ids=JOBS.keys())


def files_of(declared, folder):
    """Words of a command line that name a file for each input and output."""
    names = (*declared.inputs, *declared.asides, *declared.outputs)
    return [word for name in names for word in (f"--{name}", str(folder / name))]


def test_each_module_declares_one_job_and_runs_it():
    for module in MODULES:
        found = [name for name, value in vars(module).items() if isinstance(value, Job)]
        assert len(found) == 1, module.__name__
        ending = f'\n\nif __name__ == "__main__":\n    {found[0]}.main()\n'
        assert inspect.getsource(module).endswith(ending)


@each_job
def test_a_job_has_settings_outputs_and_a_description(declared):
    assert issubclass(declared.settings, Model)
    assert declared.outputs
    assert declared.__doc__


@each_job
def test_help_names_every_setting_and_file(declared, capsys):
    with pytest.raises(SystemExit) as ended:
        declared.main(["--help"])
    assert ended.value.code == 0
    text = " ".join(capsys.readouterr().out.split())
    for name in declared.settings.model_fields:
        assert name in text
    files = (*declared.inputs, *declared.asides, *declared.outputs)
    for name in (*files, "settings", "threads", "provenance"):
        assert f"--{name}" in text


@each_job
@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "JSON"),
        ("{", "JSON"),
        ("[1]", "it is [1]; it must be a mapping"),
        ("3", "it is 3; it must be a mapping"),
        ('"seed"', "it is 'seed'; it must be a mapping"),
        ("null", "it is None; it must be a mapping"),
        ("{}", "is missing"),
        ('{"no_such_setting": 1}', "no_such_setting"),
        ('{"seed": NaN}', "seed|is missing"),
        (json.dumps({"x" * 1000: 1, "a\nb": "c" * 1000}), "more|missing|xxx"),
        (json.dumps(dict.fromkeys(map(str, range(1000)))), "; and "),
    ],
)
def test_settings_that_are_none_end_in_one_line(declared, tmp_path, text, fault):
    words = ["--settings", text, *files_of(declared, tmp_path)]
    with pytest.raises(SystemExit) as failed:
        declared.main(words)
    assert len(failed.value.code.splitlines()) == 1
    assert len(failed.value.code) < 300
    assert ": argument --settings: " in failed.value.code
    assert any(part in failed.value.code for part in fault.split("|"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_a_long_name_ends_in_one_short_line(tmp_path):
    long = f"{tmp_path}/{'x' * 1000}"
    with pytest.raises(SystemExit) as failed:
        JOBS["scb.experiments.windows"].main(
            [
                *("--settings", '{"sweeps": ["a"], "printed": [0.1], "varied": "a"}'),
                *(word for name in ("curves", "boost", "tasks") for word in (f"--{name}", long)),
                *("--ends", "x", "--windows", "x", "--exponents", "x"),
            ]
        )
    assert "File name too long" in failed.value.code
    assert len(failed.value.code) < 300


def test_negative_numbers_with_exponents_reach_their_job(tmp_path):
    settings = Pretraining(
        seed=0,
        rounding=0.25,
        length=20,
        concentration=1.0,
        correlations=(-1e-05, 0.5),
        batch=8,
        steps=2,
        fit_steps=2,
        fit_rate=0.1,
    )
    pretraining = JOBS["scb.experiments.pretrain"]
    words = ["--settings", settings.as_json(), *files_of(pretraining, tmp_path)]
    text = pretraining._parser(None).parse_args(words).settings
    assert "-1e-05" in text
    assert read_settings(Pretraining, text) == settings


@each_job
def test_each_file_has_to_be_named(declared, tmp_path, capsys):
    hints = inspect.signature(declared._function).parameters
    for name in (*declared.inputs, *declared.asides, *declared.outputs):
        words = files_of(declared, tmp_path)
        place = words.index(f"--{name}")
        del words[place : place + 2]
        with pytest.raises(SystemExit) as failed:
            declared.main(["--settings", "", *words])
        # Settings are read next: where the file is optional, it is they that are refused.
        optional = hints[name].default is None
        assert ("--settings" in str(failed.value.code)) == optional
        assert (f"required: --{name}" in capsys.readouterr().err) != optional


def test_abbreviations_and_unknown_options_are_refused(tmp_path, capsys):
    for words in (["--sett", "{}"], ["--steps", "3"]):
        with pytest.raises(SystemExit):
            next(iter(JOBS.values())).main(words)
    assert "--settings" in capsys.readouterr().err


# --- a job of each kind of file ----------------------------------------------------------


LETTER = tables.schema(letter=pa.string())


@job
def copy(
    settings: Seeded, one: Input, more: Inputs, out: Output, threads: int, extra: IfAsked = None
) -> None:
    """Join the files."""
    texts = [tables.read(path, LETTER)["letter"].item() for path in (one, *more)]
    out.write_text("".join(texts) + f"{settings.seed} {threads}")
    if extra is not None:
        extra.write_text("extra")


@job
def where(settings: Seeded, out: Output, device: torch.device) -> None:
    """Say the device."""
    out.write_text(str(device))


@job
def glance(settings: Seeded, one: Input, out: Output, other: IfThere = None) -> None:
    """Copy a file, and another one where it is there."""
    texts = [tables.read(path, LETTER)["letter"].item() for path in (one, other) if path]
    tables.write(pd.DataFrame({"letter": ["".join(texts)]}), out, LETTER, {})


def test_declaration():
    assert copy.settings is Seeded
    assert (copy.inputs, copy.outputs) == (("one", "more"), ("out", "extra"))
    assert (where.inputs, where.outputs) == ((), ("out",))
    assert (glance.inputs, glance.asides, glance.outputs) == (("one",), ("other",), ("out",))


@pytest.fixture
def letters(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in "abc":
        tables.write(pd.DataFrame({"letter": [name]}), Path(name), LETTER, {})
    return ["--one", "a", "--more", "b", "c", "--out", "out"]


def test_the_command_line_is_the_function(letters):
    copy.main(["--settings", Seeded(seed=7).as_json(), *letters, "--threads", "2"])
    assert Path("out").read_text() == "abc7 2"
    copy(Seeded(seed=7), one=Path("a"), more=[Path("b")], out=Path("again"), threads=3)
    assert Path("again").read_text() == "ab7 3"
    assert not Path("extra").exists()


def test_provenance_names_every_file_that_was_given(letters):
    for words, outputs in ([], {"out"}), (["--extra", "extra"], {"out", "extra"}):
        record = "record.json"
        copy.main(["--settings", '{"seed": 7}', *letters, *words, "--provenance", record])
        found = json.loads(Path(record).read_text())
        assert set(found["inputs"]) == {"a", "b", "c"}
        assert set(found["outputs"]) == outputs
        assert (found["settings"], found["seed"], found["device"]) == ({"seed": 7}, 7, "cpu")


def test_only_an_aside_may_be_of_another_seed(letters):
    for seed in (1, 2):
        with origin.made_from({"seed": seed}, {}):
            tables.write(pd.DataFrame({"letter": [str(seed)]}), Path(f"of{seed}"), LETTER, {})
    words = ["--settings", '{"seed": 1}', "--out", "out", "--provenance", "record.json"]
    glance.main([*words, "--one", "of1", "--other", "of2"])
    assert tables.read(Path("out"), LETTER)["letter"].item() == "12"
    assert set(json.loads(Path("record.json").read_text())["inputs"]) == {"of1", "of2"}
    glance.main([*words, "--one", "of1"])
    assert tables.read(Path("out"), LETTER)["letter"].item() == "1"
    with pytest.raises(SystemExit, match="its seed is 2"):
        glance.main([*words, "--one", "of2"])


@pytest.mark.parametrize("device", ["abacus", "cpu:0", "cuda:99", ""])
def test_a_device_that_is_none_ends_in_one_line(tmp_path, device):
    words = ["--settings", '{"seed": 7}', "--out", str(tmp_path / "out"), "--device", device]
    with pytest.raises(SystemExit) as failed:
        where.main(words)
    assert f"device is {device}" in failed.value.code
    assert len(failed.value.code.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_the_device_is_given_to_the_job(tmp_path):
    where.main(["--settings", '{"seed": 7}', "--out", str(tmp_path / "out"), "--device", "cpu"])
    assert (tmp_path / "out").read_text() == "cpu"
