"""Results from elsewhere: packed, checked, and used without a run."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from hashlib import sha256

import pytest
from project import ROOT, SETTINGS

from workflow.archive import CRATE, SUMS

FOLDERS = (f"--results={SETTINGS.results}", f"--figures={SETTINGS.figures}")
TABLE = f"{SETTINGS.results}/convergence/boost.parquet"
FIGURE = f"{SETTINGS.figures}/fig1_convergence.png"


def archive(project, *words):
    """Run the command in a project; its exit status and what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "workflow.archive", *FOLDERS, *words],
        cwd=project.root,
        env=os.environ | {"PYTHONPATH": str(project.root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert "Traceback" not in done.stdout
    return done.returncode, done.stdout.strip()


@pytest.fixture(scope="module")
def packed(smoke, tmp_path_factory):
    """An archive of the smoke run, and of a report."""
    root = tmp_path_factory.mktemp("packed")
    project = type(smoke)(shutil.copytree(smoke.root, root / "tree"))
    shutil.copy2(ROOT / "CITATION.cff", project.root)
    (project.root / "report.zip").write_bytes(b"one page")
    assert archive(project, "make")[0] == 0
    return project.root / "archive.zip"


def flip(path, place=0.5):
    """Turn one bit of a file."""
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1
    path.write_bytes(content)


def test_an_archive_is_used_in_a_fresh_clone_and_nothing_is_run(packed, fresh):
    assert archive(fresh, "reuse", str(packed))[0] == 0
    run = fresh.snakemake("--dry-run")
    assert "Nothing to be done" in run.stdout
    # A changed setting is seen all the same.
    planned = fresh.plan(f"{SETTINGS.results}/check/tasks.parquet", "--config", "seed=1")
    assert planned == {"tasks of check"}
    status, said = archive(fresh, "reuse", str(packed))
    assert status == 1
    assert said == f"workflow.archive: {SETTINGS.results}: it is not empty: move it away first"


def test_results_that_were_copied_are_used(smoke, fresh):
    shutil.copytree(smoke.root / "smoke", fresh.root / "smoke")
    for path in (fresh.root / "smoke").rglob("*"):
        os.utime(path, (10**9, 10**9 + hash(path.name) % 100))  # older than the code, in no order
    assert len(fresh.plan()) > 10
    assert archive(fresh, "reuse")[0] == 0
    assert fresh.plan() == set()


def test_results_of_one_figure_are_enough_for_it(smoke, fresh):
    name = "fig2_softmax_vs_linear"
    for place in (f"{SETTINGS.results}/attention", SETTINGS.figures):
        shutil.copytree(smoke.root / place, fresh.root / place)
    assert archive(fresh, "reuse")[0] == 0
    assert fresh.plan(f"{SETTINGS.figures}/{name}.pdf") == set()
    assert "tasks of convergence" in fresh.plan()


def test_an_archive_says_what_it_holds(packed, smoke):
    with zipfile.ZipFile(packed) as file:
        names = set(file.namelist())
        crate = {entry["@id"]: entry for entry in json.loads(file.read(CRATE))["@graph"]}
        sums = dict(line.split("  ")[::-1] for line in file.read(SUMS).decode().splitlines())
        digests = {name: sha256(file.read(name)).hexdigest() for name in names - {CRATE, SUMS}}
    assert sums == digests
    assert {name: crate[name]["sha256"] for name in digests} == digests
    assert {TABLE, FIGURE, "report.zip"} < names
    made = (smoke.root / "smoke").rglob("*")
    assert names - {"report.zip", CRATE, SUMS} == {
        str(path.relative_to(smoke.root))
        for path in made
        if path.is_file() and path.name != ".lock"
    }
    # What RO-Crate 1.1 asks of the root.
    assert crate[CRATE]["about"] == {"@id": "./"}
    root = crate["./"]
    assert root.keys() > {"name", "description", "datePublished", "license"}
    assert {part["@id"] for part in root["hasPart"]} == digests.keys()
    assert crate[root["citation"]["@id"]]["name"].startswith("Learning and Transferring")


@pytest.mark.hostile("foreign or damaged tables", 2)
@pytest.mark.parametrize("name", [TABLE, FIGURE])
def test_a_flipped_bit_is_named(packed, fresh, name):
    with zipfile.ZipFile(packed) as file:
        file.extractall(fresh.root)
    assert archive(fresh, "verify", ".")[0] == 0
    flip(fresh.root / name)
    status, said = archive(fresh, "verify", ".")
    assert status == 1
    assert said == f"workflow.archive: .: {name} is not what was written"
    if name == TABLE:  # by its provenance, without an archive
        status, said = archive(fresh, "verify")
        inner = name.removeprefix(f"{SETTINGS.results}/")
        assert said == f"workflow.archive: {SETTINGS.results}: {inner} is not what was written"
        assert archive(fresh, "make")[0] == archive(fresh, "reuse")[0] == 1
    (fresh.root / name).unlink()
    assert archive(fresh, "verify", ".")[1].endswith(f"{name} is missing")


@pytest.mark.hostile("foreign or damaged tables", 3)
@pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
def test_a_damaged_archive_is_not_used(packed, fresh, place):
    damaged = shutil.copy2(packed, fresh.root / "damaged.zip")
    flip(fresh.root / "damaged.zip", place)
    for words in (("verify", str(damaged)), ("reuse", str(damaged))):
        status, said = archive(fresh, *words)
        assert status == 1
        assert said.startswith(f"workflow.archive: {damaged}: ")
        assert len(said.splitlines()) == 1
    assert not (fresh.root / "smoke").exists()


def test_what_is_no_archive_is_told_in_one_line(packed, fresh):
    (fresh.root / "empty").mkdir()
    for words, told in (
        (("verify", "nowhere.zip"), "nowhere.zip: no such file or folder"),
        (("verify", "Snakefile"), "Snakefile: not a complete archive: File is not a zip file"),
        (("verify", "empty"), "empty: no checksums are in it"),
        (("make",), f"{SETTINGS.results}: no such file or folder"),
        (("reuse", str(packed), "--figures=drawn"), f"{packed}: no drawn is in it"),
    ):
        assert archive(fresh, *words) == (1, f"workflow.archive: {told}")


def test_nothing_but_results_is_taken_from_an_archive(packed, fresh):
    before = (fresh.root / "Snakefile").read_bytes()
    foreign = shutil.copy2(packed, fresh.root / "foreign.zip")
    with zipfile.ZipFile(foreign, "a") as file:
        file.writestr("Snakefile", "raise SystemExit")
        file.writestr("smoke/results/../../../outside", "")
    assert archive(fresh, "reuse", str(foreign))[0] == 0
    assert (fresh.root / "Snakefile").read_bytes() == before
    assert not list(fresh.root.parent.rglob("outside"))
