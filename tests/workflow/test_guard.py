"""What Snakemake does not see: results made with other settings, and others who write there."""

import json
import shutil

from project import SMOKE

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
