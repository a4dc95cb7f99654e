"""The README keeps its promises: it is short, its example runs, and its commands plan."""

import re
import shlex
import subprocess
import sys
from itertools import product

import pytest


@pytest.fixture(scope="module")
def readme(request):
    return (request.config.rootpath / "README.md").read_text()


def test_is_short(readme):
    assert len(readme.encode()) <= 6000


def test_python_example_finds_the_ground_truth(readme):
    (example,) = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    assert len([line for line in example.splitlines() if line]) <= 10
    scope: dict = {}
    exec(example, scope)
    reached = scope["run"].curves.groupby(["optimizer", "replicate"]).last()
    assert set(reached.index) == {*product(("boost", "proximal", "sgd"), (0, 1))}
    assert (reached.loc["proximal", "normalised_attention_distance"] < 0.1).all()
    proximal = scope["run"].models["proximal"]
    assert abs(proximal.value.numpy() - scope["P"]).max() < 0.1


def test_figure_targets_exist(readme, request):
    texts = readme, (request.config.rootpath / "docs/results.md").read_text()
    first, all_of_them = (
        set(re.findall(r"snakemake --cores 2 (figures/\w+\.pdf)", text)) for text in texts
    )
    assert first
    assert len(all_of_them) > len(first)
    targets = first | all_of_them
    command = [sys.executable, "-m", "snakemake", *targets, "--dry-run", "--quiet", "all"]
    done = subprocess.run(command, cwd=request.config.rootpath, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_own_settings_leave_finished_results_alone(readme, request, tmp_path):
    (settings,) = re.findall(r"```yaml\n(.*?)```", readme, flags=re.DOTALL)
    (tmp_path / "mine.yaml").write_text(settings)
    (command,) = re.findall(r"^snakemake (.* --configfile )mine\.yaml$", readme, re.MULTILINE)
    words = [*shlex.split(command), str(tmp_path / "mine.yaml"), "--dry-run"]
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", *words],
        cwd=request.config.rootpath,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    written = re.findall(r"^    (?:output|log|benchmark): (.*)$", done.stdout, re.MULTILINE)
    assert len(written) > 3
    for path in re.sub(r" \(.*?\)", "", ", ".join(written)).split(", "):
        assert path.startswith("try/"), path
