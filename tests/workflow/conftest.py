"""The real DAG on the smoke settings, run once; tests that change something get a copy."""

import fcntl
import os
import shutil

import pytest
from project import GATHERING, SHORT, Project, commit, copy_tree, planned_jobs


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their markers
def pytest_collection_modifyitems(items):
    """What needs more than a run of `all` is slow."""
    for item in items:
        if {"whole", "universes"} & {*item.fixturenames}:
            item.add_marker(pytest.mark.slow)


def once(tmp_path_factory, name, make):
    """The project in a folder that ``make`` fills: once, for all processes that test it."""
    parallel = "PYTEST_XDIST_WORKER" in os.environ
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if parallel else base) / f"shared-{name}"
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder / "done"
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder / "tree")
            done.touch()
    return Project(folder / "tree")


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """The project after a run of everything; not to be changed."""

    def make(root):
        root.mkdir()
        project = copy_tree(root)
        commit(project)
        run = project.snakemake()
        assert run.returncode == 0, run.stdout

    return once(tmp_path_factory, "smoke", make)


@pytest.fixture(scope="session")
def whole(smoke, tmp_path_factory):
    """The project after a run of all targets but the multiverse; not to be changed."""

    def make(root):
        shutil.copytree(smoke.root, root)
        run = Project(root).snakemake(*SHORT)
        assert run.returncode == 0, run.stdout

    return once(tmp_path_factory, "whole", make)


@pytest.fixture(scope="session")
def universes(smoke, tmp_path_factory):
    """The project after a run of the multiverse too; not to be changed."""

    def make(root):
        shutil.copytree(smoke.root, root)
        run = Project(root).snakemake("multiverse")
        assert run.returncode == 0, run.stdout

    return once(tmp_path_factory, "universes", make)


@pytest.fixture(scope="session")
def planned(tmp_path_factory):
    """Every job of all targets on the smoke settings, as planned in an empty tree."""
    project = copy_tree(tmp_path_factory.mktemp("planned"))
    run = project.snakemake(*GATHERING, "--dry-run", "--printshellcmds")
    assert run.returncode == 0, run.stdout
    return planned_jobs(run.stdout)


@pytest.fixture
def done(smoke, tmp_path):
    """The project after a run of everything, to be changed."""
    shutil.copytree(smoke.root, tmp_path / "done")
    return Project(tmp_path / "done")


@pytest.fixture
def fresh(tmp_path):
    """The project before any run, to be changed."""
    return copy_tree(tmp_path)
