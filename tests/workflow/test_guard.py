"""What Snakemake does not see: results made with other settings, and others who write there."""

import json
import shutil

import pytest
from project import GATHERING, SMOKE

from workflow.guard import made_otherwise

FIGURE = "smoke/figures/fig1_convergence.pdf"


def lose_memory(project):
    shutil.rmtree(project.root / ".snakemake")


def test_lost_memory_alone_reruns_nothing(done):
    lose_memory(done)
    assert done.plan(FIGURE) == set()


def test_another_seed_is_seen_without_snakemakes_memory(done):
    lose_memory(done)
    (done.root / "seed.yaml").write_text("seed: 1")
    planned = done.plan(FIGURE, settings=(SMOKE, "seed.yaml"))
    expected = {f"{rule} of convergence" for rule in ("tasks", "boost", "optimizers")}
    assert planned == expected | {"draw_fig1_convergence"}


def test_only_what_reads_a_setting_is_seen(done):
    lose_memory(done)
    change = "training: {convergence: {optimizers: {sgd: {rate: 0.004}}}}"
    (done.root / "rate.yaml").write_text(change)
    planned = done.plan(FIGURE, settings=(SMOKE, "rate.yaml"))
    assert planned == {"optimizers of convergence", "draw_fig1_convergence"}


def test_provenance_that_cannot_be_read_counts_as_other(tmp_path):
    path = tmp_path / "x.provenance.json"
    assert not made_otherwise(path, "{}")  # Snakemake makes what is missing
    path.write_text(json.dumps({"settings": {"seed": 1}}))
    assert not made_otherwise(path, '{"seed": 1}')
    assert made_otherwise(path, '{"seed": 2}')
    path.write_text("{")
    assert made_otherwise(path, '{"seed": 1}')


def test_two_clones_do_not_write_to_one_folder(done, tmp_path):
    """The second call is refused, in a line that names the first."""
    other = tmp_path / "other"
    shutil.copytree(done.root, other)
    shared = done.root / "smoke/results"
    (other / "shared.yaml").write_text(f"results: {shared}\nfigures: {done.root}/smoke/figures")
    holder = (
        "import sys, time\nfrom pathlib import Path\nfrom workflow.guard import hold\n"
        f"hold(Path({str(shared)!r}))\nprint('held', flush=True)\ntime.sleep(60)\n"
    )
    import subprocess
    import sys

    with subprocess.Popen(
        [sys.executable, "-c", holder], cwd=done.root, stdout=subprocess.PIPE, text=True
    ) as first:
        try:
            assert first.stdout.readline() == "held\n"
            second = type(done)(other).snakemake(
                "--force", f"{shared}/convergence/tasks.parquet", settings=(SMOKE, "shared.yaml")
            )
        finally:
            first.kill()
    assert second.returncode != 0
    assert f"a call of snakemake in {done.root} writes there now" in second.stdout


def told(run):
    """What is said of settings, in a run that did nothing."""
    assert run.returncode != 0
    assert "Traceback" not in run.stdout
    assert "Execute 1 jobs" not in run.stdout
    return [line for line in run.stdout.splitlines() if line.startswith("Bad setting: ")]


@pytest.mark.parametrize(
    ("key", "wanted", "rule", "place"),
    [
        ("figures", "smoke/results/convergence/boost.parquet/deeper", "boost", "/deeper"),
        ("results", "{root}/smoke/figures/transfer.pdf", "draw_transfer", ""),
    ],
)
def test_a_folder_where_a_rule_writes_a_file_is_refused(fresh, key, wanted, rule, place):
    wanted = wanted.format(root=fresh.root)
    (fresh.root / "folders.yaml").write_text(f"{key}: {wanted}")
    (line,) = told(fresh.snakemake("--dry-run", settings=(SMOKE, "folders.yaml")))
    file = wanted.removesuffix(place).removeprefix(f"{fresh.root}/")
    assert line.startswith(f"Bad setting: {key} is '{wanted[:20]}")
    assert line.endswith(f"; it must be a folder, and rule {rule} writes the file {file}")


@pytest.mark.parametrize("folders", [("smoke", "smoke/convergence"), ("smoke/logs", "smoke")])
def test_one_folder_in_the_other_is_fine_where_no_names_clash(fresh, folders):
    (fresh.root / "folders.yaml").write_text("results: {}\nfigures: {}".format(*folders))
    run = fresh.snakemake("--dry-run", *GATHERING, settings=(SMOKE, "folders.yaml"))
    assert run.returncode == 0, run.stdout


def test_results_and_figures_may_be_one_folder(fresh):
    (fresh.root / "one.yaml").write_text("results: smoke\nfigures: smoke")
    figure, settings = "smoke/fig1_convergence.pdf", (SMOKE, "one.yaml")
    run = fresh.snakemake(figure, settings=settings)
    assert run.returncode == 0, run.stdout
    assert fresh.plan(figure, settings=settings) == set()


def test_a_folder_that_is_a_file_or_a_broken_link_ends_in_one_line(fresh):
    (fresh.root / "smoke").mkdir()
    (fresh.root / "smoke/results").symlink_to("nowhere")
    (fresh.root / "smoke/figures").touch()
    assert set(told(fresh.snakemake())) == {
        f"Bad setting: {key} is 'smoke/{key}'; it must be a folder, and smoke/{key} is none"
        for key in ("results", "figures")
    }


def test_files_and_folders_in_each_others_place_end_in_one_line_each(fresh):
    (results := fresh.root / "smoke/results").mkdir(parents=True)
    (results / "convergence").touch()
    (results / "logs").symlink_to("nowhere")
    (results / "benchmarks").mkdir()
    (results / "benchmarks/vocabulary_3").touch()
    (results / "notes").touch()
    (results / "attention/tasks.parquet").mkdir(parents=True)
    (fresh.root / "smoke/figures/fig1_convergence.pdf").mkdir(parents=True)
    of_results = "Bad setting: results is 'smoke/results'; smoke/results"
    assert set(told(fresh.snakemake())) == {
        f"{of_results}/convergence must be a folder, and is none",
        f"{of_results}/logs must be a folder, and is none",
        f"{of_results}/benchmarks/vocabulary_3 must be a folder, and is none",
        f"{of_results}/attention/tasks.parquet must be a file, and is a folder",
        "Bad setting: figures is 'smoke/figures'; smoke/figures/fig1_convergence.pdf must be a "
        "file, and is a folder",
    }


def test_a_lock_that_cannot_be_written_ends_in_one_line(fresh):
    (fresh.root / "smoke/results/.lock").mkdir(parents=True)
    (line,) = told(fresh.snakemake("smoke/results/convergence/tasks.parquet"))
    assert line == (
        "Bad setting: results is 'smoke/results'; smoke/results/.lock must be a file that can be "
        "written to: Is a directory"
    )
