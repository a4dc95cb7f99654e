"""What Snakemake does not see: results made with other settings, and others who write there."""

import copy
import json
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from project import CONFIG, GATHERING, SMOKE

from workflow.guard import DERIVED, changed_settings, made_otherwise

FIGURE = "smoke/figures/fig1_convergence.pdf"


def lose_memory(project):
    shutil.rmtree(project.root / ".snakemake")


def test_lost_memory_alone_reruns_nothing(done):
    lose_memory(done)
    assert done.plan(FIGURE) == set()


@pytest.mark.hostile("foreign or damaged tables")
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


CHECK = "smoke/results/check/tasks.parquet"
FEWER = ("--config", "replicates=1")
HOW = (
    "to keep what is there, name other folders, in targets too (--config results=try/results "
    "figures=try/figures); to replace it, --config overwrite=true"
)


def contents(project):
    """Of all results and figures."""
    found = (path for path in (project.root / "smoke").rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in found if path.name != ".lock"}


def test_finished_results_are_not_cut_without_a_word(done):
    before = contents(done)
    (line,) = told(done.snakemake(CHECK, *FEWER))
    told_of = f"{CHECK} was made with replicates 2, which is 1 now"
    assert line == f"Bad setting: {told_of}; {HOW}"
    # A dry run says the same and goes on, and so does a call that Snakemake knows nothing of.
    lose_memory(done)
    run = done.snakemake("--dry-run", CHECK, *FEWER)
    assert run.returncode == 0
    assert f"finished results:\n    {told_of}\n    {HOW}.\n" in run.stdout
    assert contents(done) == before
    # What is said there works.
    apart = ("results=try/results", "figures=try/figures")
    run = done.snakemake("try/results/check/tasks.parquet", *FEWER, *apart)
    assert run.returncode == 0, run.stdout
    assert contents(done) == before
    run = done.snakemake(CHECK, *FEWER, "overwrite=true")
    assert run.returncode == 0, run.stdout
    record = json.loads((done.root / CHECK).with_suffix(".provenance.json").read_text())
    assert record["settings"]["replicates"] == 1
    # And there and back: more replicates begin with those that are there.
    run = done.snakemake(CHECK)
    assert run.returncode == 0, run.stdout
    assert (done.root / CHECK).read_bytes() == before[done.root / CHECK]


def test_only_what_the_call_asks_for_counts(done):
    run = done.snakemake(FIGURE, *FEWER)  # a section with replicates of its own
    assert run.returncode == 0, run.stdout
    assert "Nothing to be done" in run.stdout


def test_what_is_made_from_a_lost_result_is_lost_too(done):
    (done.root / "seed.yaml").write_text("seed: 1")
    settings = (SMOKE, "seed.yaml")
    made = [f"smoke/results/convergence/{name}.parquet" for name in ("tasks", "boost")]
    was = f"was made with seed {CONFIG['seed']}, which is 1 now"
    (line,) = told(done.snakemake(FIGURE, settings=settings))
    assert line.startswith(f"Bad setting: {made[0]} {was} (and 3 more results); ")
    (done.root / made[1]).unlink()  # nothing to lose, and the figure is still made from it
    said = done.snakemake("--dry-run", FIGURE, settings=settings).stdout
    lines = said.split("would replace finished results:\n")[1].splitlines()
    assert f"    {made[0]} {was}" in lines
    assert f"    {FIGURE} was made from {made[1]}" in lines
    assert not [line for line in lines if line.startswith(f"    {made[1]} ")]


def test_a_figure_is_not_drawn_from_elsewhere_without_a_word(done):
    elsewhere = ("--config", "results=try/results")
    (line,) = told(done.snakemake(FIGURE, *elsewhere))
    assert line.startswith(
        f"Bad setting: {FIGURE} was drawn from smoke/results/convergence/boost.parquet, and would "
        "be drawn from another table now; "
    )


def test_what_cannot_be_lost_is_no_loss(done):
    """Results without a record, gone ones, changed code, and more of the same."""
    table = done.root / CHECK
    provenance = table.with_suffix(".provenance.json")
    provenance.write_text("{")
    run = done.snakemake("--dry-run", CHECK, *FEWER)
    assert "rule tasks" in run.stdout
    assert "would replace" not in run.stdout
    provenance.write_text(json.dumps({"settings": {"replicates": 2}}))
    table.unlink()
    assert "would replace" not in done.snakemake("--dry-run", CHECK, *FEWER).stdout
    (done.root / "more.yaml").write_text(
        "training: {convergence: {replicates: 3, optimizers: {more: {kind: adam, rate: 0.1}}}}"
    )
    with (done.root / "scb/learning/algorithm.py").open("a") as code:
        code.write("# Changed.\n")
    run = done.snakemake("--dry-run", FIGURE, settings=(SMOKE, "more.yaml"))
    assert "rule optimizers" in run.stdout
    assert "would replace" not in run.stdout


KEYS = st.sampled_from(["replicates", "seed", "batch", "boost", "digest"])
LEAVES = st.sampled_from([None, -1, 0, 3, "a", "", [], [1, 2]])
RECORDS = st.dictionaries(KEYS, LEAVES | st.dictionaries(KEYS, LEAVES, max_size=3), max_size=4)


@given(RECORDS, RECORDS)
def test_what_is_added_is_no_change_and_all_else_is(old, added):
    assert list(changed_settings(old, old)) == []
    assert list(changed_settings(old, {**added, **old})) == []
    for key in old.keys() - DERIVED:
        new = copy.deepcopy(old)
        del new[key]
        if not isinstance(old[key], dict):
            assert (key, old[key], None) in changed_settings(old, new) or old[key] is None
        new[key] = "another"
        assert list(changed_settings(old, new)) == [(key, old[key], "another")]


def test_more_replicates_are_no_change_and_fewer_are():
    old, more = {"a": {"replicates": 2}}, {"a": {"replicates": 3}}
    assert list(changed_settings(old, more)) == []
    assert list(changed_settings(more, old)) == [("a.replicates", 3, 2)]
    assert list(changed_settings({"figures": "../a"}, {"figures": "../b"})) == []


@pytest.mark.hostile("races")
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
@pytest.mark.hostile("broken settings")
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


@pytest.mark.hostile("broken settings")
def test_a_folder_that_is_a_file_or_a_broken_link_ends_in_one_line(fresh):
    (fresh.root / "smoke").mkdir()
    (fresh.root / "smoke/results").symlink_to("nowhere")
    (fresh.root / "smoke/figures").touch()
    assert set(told(fresh.snakemake())) == {
        f"Bad setting: {key} is 'smoke/{key}'; it must be a folder, and smoke/{key} is none"
        for key in ("results", "figures")
    }


@pytest.mark.hostile("broken settings")
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


@pytest.mark.hostile("broken settings")
def test_a_lock_that_cannot_be_written_ends_in_one_line(fresh):
    (fresh.root / "smoke/results/.lock").mkdir(parents=True)
    (line,) = told(fresh.snakemake("smoke/results/convergence/tasks.parquet"))
    assert line == (
        "Bad setting: results is 'smoke/results'; smoke/results/.lock must be a file that can be "
        "written to: Is a directory"
    )
