"""The README keeps its promises: its example runs, and its commands plan."""

import re
import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def readme(request):
    return (request.config.rootpath / "README.md").read_text()


def test_python_example_finds_the_ground_truth(readme):
    (example,) = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    assert len([line for line in example.splitlines() if line]) <= 10
    scope: dict = {}
    exec(example, scope)
    assert (scope["reached"]["attention_distance"] < 0.1).all()
    assert (scope["reached"]["value_distance"] < 0.1).all()


def test_figure_targets_exist(readme, request):
    targets = set(re.findall(r"snakemake --cores 2 (figures/\w+\.pdf)", readme))
    assert targets
    command = [sys.executable, "-m", "snakemake", *targets, "--dry-run", "--quiet", "all"]
    done = subprocess.run(command, cwd=request.config.rootpath, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
