"""Provenance: digests of the very files, the state of the repository, nothing half written."""

import hashlib
import json
import subprocess
from datetime import datetime

import pytest

from scb.store import provenance


def git(folder, *arguments):
    identity = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    (package / "code.py").write_text("1\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    return tmp_path


def test_commit_of_the_code(repository):
    found = provenance.repository(repository / "package")
    assert found == {"commit": git(repository, "rev-parse", "HEAD"), "dirty": False}


@pytest.mark.parametrize("name", ["code.py", "new.py"])
def test_code_that_differs_from_the_commit_is_dirty(repository, name):
    (repository / "package" / name).write_text("2\n")
    found = provenance.repository(repository / "package")
    assert found is not None
    assert found["dirty"]


def test_only_code_makes_dirty(repository):
    (repository / "notes.txt").write_text("mine\n")
    found = provenance.repository(repository / "package")
    assert found is not None
    assert not found["dirty"]


@pytest.mark.hostile("environments")
def test_no_repository(tmp_path):
    assert provenance.repository(tmp_path) is None


@pytest.mark.hostile("environments")
def test_a_package_installed_into_a_foreign_repository(repository):
    installed = repository / "site-packages"
    installed.mkdir()
    (installed / "code.py").write_text("1\n")
    assert provenance.repository(installed) is None


@pytest.mark.hostile("environments")
def test_no_git(repository, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert provenance.repository(repository / "package") is None


def test_digest_does_not_depend_on_the_order_of_keys():
    one = provenance.digest({"rate": 0.1, "steps": 3})
    assert one == provenance.digest({"steps": 3, "rate": 0.1})
    assert one != provenance.digest({"steps": 3, "rate": 0.2})


def test_versions():
    found = provenance.versions()
    assert set(found) >= {"python", "torch", "numpy", "numba"}
    assert all(version[0].isdigit() for version in found.values())


@pytest.fixture
def write(tmp_path):
    (tmp_path / "in").write_bytes(b"in")
    (tmp_path / "out").write_bytes(b"out")

    def write(path, outputs=("out",), start=None):
        provenance.write(
            path,
            settings={"steps": 3},
            seed=0,
            device="cpu",
            threads=1,
            start=start or provenance.Start.of([tmp_path / "in"]),
            outputs=[tmp_path / name for name in outputs],
        )

    return write


def test_record(write, tmp_path):
    path = tmp_path / "new" / "out.provenance.json"
    write(path)
    record = json.loads(path.read_text())
    for role in ("in", "out"):
        expected = {str(tmp_path / role): hashlib.sha256(role.encode()).hexdigest()}
        assert record[f"{role}puts"] == expected
    assert record["settings_sha256"] == provenance.digest({"steps": 3})
    assert record["changed_meanwhile"] == []
    assert record["notes"] == {}
    times = [datetime.fromisoformat(record[name]) for name in ("started", "ended")]
    assert times == sorted(times)
    assert times[1] <= provenance.now()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_notes_are_of_one_job(write, tmp_path):
    start = provenance.Start.of([tmp_path / "in"])
    provenance.note(corpus="a text")
    provenance.note(leaks=3)
    write(tmp_path / "first.json", start=start)
    assert json.loads((tmp_path / "first.json").read_text())["notes"] == {
        "corpus": "a text",
        "leaks": 3,
    }
    write(tmp_path / "second.json")
    assert json.loads((tmp_path / "second.json").read_text())["notes"] == {}


def test_a_missing_output_is_named_and_nothing_written(write, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        write(tmp_path / "out.provenance.json", outputs=["nowhere"])
    assert not (tmp_path / "out.provenance.json").exists()


@pytest.mark.hostile("environments")
def test_an_input_that_changes_during_a_job_is_reported(write, tmp_path):
    start = provenance.Start.of([tmp_path / "in"])
    (tmp_path / "in").write_bytes(b"other")
    path = tmp_path / "out.provenance.json"
    write(path, start=start)
    record = json.loads(path.read_text())
    assert record["changed_meanwhile"] == [str(tmp_path / "in")]
    assert record["inputs"] == {str(tmp_path / "in"): hashlib.sha256(b"in").hexdigest()}


@pytest.mark.parametrize("name", ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_NAMESPACE"])
@pytest.mark.hostile("environments")
def test_variables_of_git_change_nothing(repository, tmp_path_factory, monkeypatch, name):
    expected = provenance.repository(repository / "package")
    monkeypatch.setenv(name, str(tmp_path_factory.mktemp("other")))
    assert provenance.repository(repository / "package") == expected


@pytest.mark.hostile("environments")
def test_a_repository_that_git_distrusts_is_reported(repository, monkeypatch):
    # Git's own switch for its tests of this.
    run = subprocess.run

    def distrusting(*arguments, env, **options):
        return run(*arguments, env=env | {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}, **options)

    monkeypatch.setattr(subprocess, "run", distrusting)
    found = provenance.repository(repository / "package")
    assert found is not None
    assert found["fault"].startswith("fatal: detected dubious ownership in repository at ")


def test_what_decides_the_last_digits_is_recorded():
    found = provenance.processor()
    assert found["machine"]
    assert isinstance(found["features"], list)
