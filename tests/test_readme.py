"""The README keeps its promises: its example runs, its commands and files exist."""

import re
import subprocess
import sys

import pytest
import yaml

from scb.claims.markdown import extract, render, table
from scb.claims.tables import CLAIMS
from scb.store import tables
from workflow.gallery import CLAIMS, shown
from workflow.settings import digest


@pytest.fixture(scope="module")
def root(request):
    return request.config.rootpath


@pytest.fixture(scope="module")
def readme(root):
    return (root / "README.md").read_text()


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_python_example_finds_the_ground_truth(readme):
    (example,) = blocks(readme, "python")
    assert len([line for line in example.splitlines() if line]) <= 10
    scope: dict = {}
    exec(example, scope)
    assert (scope["reached"]["attention_distance"] < 0.1).all()
    assert (scope["reached"]["value_distance"] < 0.1).all()


def test_linked_files_exist(root, readme):
    links = re.findall(r"\]\(([^)]+)\)", readme)
    assert len(links) > 10
    for link in links:
        assert (root / link).exists(), link


def test_make_targets_exist(root, readme):
    named = set(re.findall(r"(?:`|\n)make ([a-z]+)", readme))
    assert named
    for target in named:
        done = subprocess.run(["make", "-n", target], cwd=root, capture_output=True, text=True)
        assert done.returncode == 0, f"{target}: {done.stderr}"


def test_figure_targets_exist(root, readme):
    targets = set(re.findall(r"snakemake --cores 2 (figures/\w+\.pdf)", readme))
    assert len(targets) >= 6
    for target in sorted(targets):
        command = [sys.executable, "-m", "snakemake", target, "--dry-run", "--quiet", "all"]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_gallery_is_complete(root):
    gallery = {path.stem for path in (root / "docs/gallery").glob("*.png")}
    rules = "".join(path.read_text() for path in (root / "workflow/rules").glob("*.smk"))
    drawn = set(re.findall(r'pdf="<figures>/(\w+)\.pdf"', rules))
    assert gallery == drawn


def test_claims_are_those_that_the_pipeline_wrote(root, readme):
    # Rendered anew, so that a changed sentence, rule or format shows.
    gallery = root / "docs/gallery"
    assert extract(readme) == table(shown(gallery), "docs/gallery")
    for name, note in CLAIMS.items():
        claims = tables.read(gallery / f"{name}.parquet", CLAIMS)
        assert (gallery / f"{name}.md").read_text() == render(claims, ".", note)


def test_claims_are_judged_by_results_of_these_settings(root):
    config = yaml.safe_load((root / "config.yaml").read_text())
    stored = {name: tables.setting(root / f"docs/gallery/{name}.parquet") for name in CLAIMS}
    assert stored["claims"]["digest"] == digest(config), "make gallery"
    kernels = ["seed", "kernels", *config["kernels"]["settings"]]
    assert stored["kernel_claims"]["digest"] == digest(config, kernels), "make kernels gallery"
