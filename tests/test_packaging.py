"""What is installed is told in four files, which must agree."""

import importlib
import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
UNLOCKED = {"jax"}
"""Extras that are compared with in a benchmark only: neither locked nor in the environment."""
REQUIREMENTS = [
    Requirement(line)
    for lines in [
        PROJECT["dependencies"],
        *(EXTRAS[name] for name in sorted(EXTRAS.keys() - UNLOCKED)),
    ]
    for line in lines
]
CONDA_NAMES = {
    "matplotlib": "matplotlib-base",
    "seaborn": "seaborn-base",
    "torch": "pytorch",
    "typst": "typst-py",
}


@pytest.fixture(scope="module")
def lock():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [re.fullmatch(r"([\w.-]+)==([\w.]+)", line) for line in lines if line[0] != "#"]
    assert all(pins), "a line of the lock is no exact pin of a public version"
    return {canonicalize_name(pin[1]): pin[2] for pin in pins}


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=str)
def test_lock_is_within_the_ranges(lock, requirement):
    assert requirement.specifier.contains(lock[canonicalize_name(requirement.name)])


def test_lock_can_build_the_package_by_itself(lock):
    # The package is installed without build isolation.
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    for requirement in map(Requirement, build):
        assert requirement.specifier.contains(lock[canonicalize_name(requirement.name)])


def test_lock_leaves_the_build_of_torch_open(lock):
    assert not [name for name in lock if name.startswith(("cuda", "nvidia", "triton"))]


def test_triton_is_the_one_that_torch_asks_for():
    """Builds for a CPU ask for none: then only the pin itself is looked at."""
    (line,) = re.findall(r"^TRITON := '(.*)'$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    (pin,) = Requirement(line).specifier
    assert pin.operator == "=="
    for wanted in map(Requirement, metadata.requires("torch") or []):
        if wanted.name == "triton":
            assert wanted.specifier.contains(pin.version)


def test_conda_environment_has_the_same_ranges():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    here = dict(
        re.fullmatch(r"([\w-]+)(.*)", line).groups() for line in environment["dependencies"]
    )
    expected = {CONDA_NAMES.get(r.name, r.name): r.specifier for r in REQUIREMENTS}
    assert here.pop("python") == PROJECT["requires-python"]
    assert here.keys() == expected.keys()
    for name, specifier in expected.items():
        assert Requirement(f"{name}{here[name]}").specifier == specifier, name


def test_the_console_script_is_there():
    (script,) = PROJECT["scripts"].items()
    name, place = script
    module, function = place.split(":")
    assert name == PROJECT["name"]
    assert callable(getattr(importlib.import_module(module), function))


def test_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert citation["title"].startswith(PROJECT["name"])
    assert PROJECT["license"] in (ROOT / "LICENSE").read_text()
    paper = citation["preferred-citation"]
    assert paper["title"] in PROJECT["description"]
    assert [author["family-names"] for author in paper["authors"]] == ["Ren", "Wang", "Lee"]


def test_changelog_begins_with_this_version_and_its_date():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    heads = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert heads[0] == f"{PROJECT['version']} ({citation['date-released']})"
    dated = [re.fullmatch(r"(\d+\.\d+\.\d+) \((\d{4}-\d\d-\d\d)\)", head) for head in heads]
    assert all(dated), heads
    versions = [tuple(map(int, head[1].split("."))) for head in dated]
    assert versions == sorted(versions, reverse=True)
