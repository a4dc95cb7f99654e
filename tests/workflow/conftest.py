"""The real DAG on the smoke settings, run once; tests that change something get a copy."""

import shutil

import pytest
from project import Project, commit, copy_tree


@pytest.fixture(scope="session")
def smoke(tmp_path_factory):
    """The project after a run of everything; not to be changed."""
    project = copy_tree(tmp_path_factory.mktemp("smoke"))
    commit(project)
    run = project.snakemake()
    assert run.returncode == 0, run.stdout
    return project


@pytest.fixture(scope="session")
def whole(smoke, tmp_path_factory):
    """The project after a run of everything, extensions too; not to be changed."""
    root = tmp_path_factory.mktemp("whole") / "done"
    shutil.copytree(smoke.root, root)
    project = Project(root)
    run = project.snakemake("extensions", "kernelised")
    assert run.returncode == 0, run.stdout
    return project


@pytest.fixture(scope="session")
def kernelised(smoke, tmp_path_factory):
    """The project after a run of everything and of the kernels; not to be changed."""
    root = tmp_path_factory.mktemp("kernelised") / "done"
    shutil.copytree(smoke.root, root)
    project = Project(root)
    run = project.snakemake("kernelised")
    assert run.returncode == 0, run.stdout
    return project


@pytest.fixture
def done(smoke, tmp_path):
    """The project after a run of everything, to be changed."""
    shutil.copytree(smoke.root, tmp_path / "done")
    return Project(tmp_path / "done")


@pytest.fixture
def fresh(tmp_path):
    """The project before any run, to be changed."""
    return copy_tree(tmp_path)
