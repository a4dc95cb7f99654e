"""What is run, and what is run again."""

import re

import pytest
import yaml
from project import FIGURES, SETTINGS, SMOKE, planned_jobs, requests

DRAW = SETTINGS.draw
TRAINING = [name for name, section in SETTINGS.training.items() if section.optimizers]
SIMULATION = list(SETTINGS.simulation)
FOLDERS = {*SETTINGS.training, *SIMULATION, "check", "attention"}
"""Of the results, a section each that has tasks of its own."""
DRAWN = {f"draw_{figure}" for figure, target in FIGURES.items() if target == "all"}


def of(sections, *rules):
    return {f"{rule} of {section}" for rule in rules for section in sections}


def drawn_from(section):
    """Figures of one section that trains."""
    return {f"draw_{figure}" for figure, drawn in DRAW if getattr(drawn, "section", "") == section}


CONVERGENCE = of(["convergence"], "tasks", "boost", "optimizers") | drawn_from("convergence")
TRANSFER_TASKS = {"transfer_tasks", "pretraining_tasks"}
TRANSFER = TRANSFER_TASKS | {"pretrain", "one_step", "finetune", "scratch"}
NEEDS = {
    **{
        figure: of([drawn.section], "tasks", "boost", "optimizers")
        for figure, drawn in DRAW
        if hasattr(drawn, "section")
    },
    "fig2_softmax_vs_linear": {"attention", "tasks of attention"},
    "fig5_vocabulary": of(DRAW.fig5_vocabulary.sections, "tasks", "boost", "optimizers"),
    "fig6_simulation": {"tasks of check", "check"}
    | of(DRAW.fig6_simulation.sections, "tasks", "simulation"),
    "transfer": TRANSFER,
}
MORE = DRAWN - {f"draw_{figure}" for figure in NEEDS}
"""Figures that were added: they read tables that are there."""
CLAIMS = {"claims"}
TASKS = of(FOLDERS, "tasks")
JUDGED = SETTINGS.claims
EVERYTHING = set().union(*NEEDS.values(), of([JUDGED.population], "tasks", "boost"), CLAIMS) | DRAWN


def test_everything_is_made(smoke):
    plan = smoke.snakemake("--dry-run", "--forceall", "--printshellcmds").stdout
    jobs = planned_jobs(plan)
    for folder, suffixes in ((SETTINGS.results, (".parquet", ".md", ".json")),
                             (SETTINGS.figures, (".pdf", ".png"))):  # fmt: skip
        made = {
            str(path.relative_to(smoke.root))
            for path in (smoke.root / folder).rglob("*")
            if path.suffix in suffixes
        }
        planned = {path for job in jobs for path in job.outputs if path.startswith(f"{folder}/")}
        assert made == planned
        assert made
    for path in (smoke.root / SETTINGS.figures).iterdir():
        signature = b"%PDF-" if path.suffix == ".pdf" else b"\x89PNG"
        assert path.read_bytes().startswith(signature), path
    for job in jobs:
        assert (smoke.root / job.log).exists()
        assert (smoke.root / job.benchmark).exists()
    # Nothing outside the two folders: the full replication's outputs are safe from a smoke run.
    assert not (smoke.root / "results").exists()
    assert not (smoke.root / "figures").exists()


def test_a_section_that_trains_has_the_tables_of_its_stages(smoke):
    for name, section in SETTINGS.training.items():
        made = {path.stem for path in (smoke.root / SETTINGS.results / name).glob("*.parquet")}
        second = {"optimizers", "optimizers_state"} if section.optimizers else set()
        assert made == {"tasks", "boost", "boost_state"} | second


def test_a_new_section_needs_no_code(fresh):
    (fresh.root / "more.yaml").write_text(
        """
training:
  vocabulary_5:
    states: 5
    length: 40
    sparsity: 2
    batch: 16
    steps: 20
    boost: {steps: 10, rate: 0.01}
    optimizers:
      proximal: {kind: proximal, rate: 0.005, penalty: 1.0e-5}
draw:
  fig5_vocabulary: {sections: [vocabulary_3, vocabulary_5], optimizers: [proximal]}
"""
    )
    settings = (SMOKE, "more.yaml")
    planned = fresh.plan("smoke/figures/fig5_vocabulary.pdf", settings=settings)
    drawn = of(["vocabulary_3", "vocabulary_5"], "tasks", "boost", "optimizers")
    assert planned == drawn | {"draw_fig5_vocabulary"}
    made = fresh.snakemake("smoke/results/vocabulary_5/optimizers.parquet", settings=settings)
    assert made.returncode == 0, made.stdout


def test_all_replicates_are_pretrained_whatever_the_lengths(fresh):
    """At the T of pretraining there are fewer downstream tasks than at another."""
    (fresh.root / "lengths.yaml").write_text(
        "transfer: {lengths: [20, 40], replicates_at: [1, 2], pretrain: {length: 20}}"
    )
    targets = [f"smoke/results/transfer/one_step_{length}.parquet" for length in (20, 40)]
    run = fresh.snakemake(*targets, settings=(SMOKE, "lengths.yaml"))
    assert run.returncode == 0, run.stdout


def test_results_may_lie_anywhere(fresh, tmp_path_factory):
    folder = tmp_path_factory.mktemp("elsewhere")
    target = folder / "results/attention/tasks.parquet"
    where = ("--config", f"results={folder}/results", f"figures={folder}/figures")
    run = fresh.snakemake(str(target), *where)
    assert run.returncode == 0, run.stdout
    assert target.exists()
    assert (folder / "results/logs/attention/tasks.log").exists()
    assert not (fresh.root / "smoke").exists()


def test_second_run_does_nothing(done):
    run = done.snakemake()
    assert run.returncode == 0
    assert "Nothing to be done" in run.stdout


def test_what_is_no_setting_reruns_nothing(done):
    for path in (done.root / "scb").rglob("*.py"):
        path.touch()
    assert done.plan("--config", "device=cpu") == set()
    assert done.plan("--set-threads", "boost=2", "optimizers=2") == set()


def test_order_of_keys_reruns_nothing(done):
    def turned(node):
        """The same, every mapping from its end."""
        if not isinstance(node, dict):
            return node
        return {key: turned(value) for key, value in reversed(node.items())}

    config = yaml.safe_load((done.root / "config.yaml").read_text())
    (done.root / "config.yaml").write_text(yaml.safe_dump(turned(config), sort_keys=False))
    assert done.plan() == set()


@pytest.mark.parametrize("job", sorted(DRAWN))
def test_plot_code_redraws_one_figure(done, job):
    with (done.root / f"scb/figures/{job.removeprefix('draw_')}.py").open("a") as code:
        code.write("# Changed.\n")
    assert done.plan() == {job}


def test_kernel_code_retrains(done):
    with (done.root / "scb/kernels/reference.py").open("a") as code:
        code.write("# Changed.\n")
    assert done.plan() >= {"attention"} | of(TRAINING, "boost", "optimizers") | CLAIMS


@pytest.mark.parametrize(
    ("change", "jobs"),
    [
        ("training: {convergence: {length: 41}}", CONVERGENCE),
        (
            "training: {convergence: {boost: {rate: 0.02}}}",
            CONVERGENCE - {"tasks of convergence"},
        ),
        (
            "training: {convergence: {optimizers: {proximal: {penalty: 1.0e-3}}}}",
            {"optimizers of convergence"} | drawn_from("convergence"),
        ),
        (
            "training: {vocabulary_10: {batch: 8}}",
            of(["vocabulary_10"], "boost", "optimizers") | {"draw_fig5_vocabulary"},
        ),
        (
            "training: {vocabulary_10: {log_interval: 4}}",
            of(["vocabulary_10"], "boost", "optimizers") | {"draw_fig5_vocabulary"},
        ),
        ("training: {population: {batch: 8}}", {"boost of population"}),
        ("attention: {rate: 0.02}", {"attention", "draw_fig2_softmax_vs_linear"}),
        (
            "simulation: {simulation_500: {particles: 49}}",
            {"simulation of simulation_500", "draw_fig6_simulation"},
        ),
        ("check: {signal: 0.2}", {"check", "draw_fig6_simulation"}),
        ("transfer: {scratch: {growth: 1}}", {"scratch", "draw_transfer"}),
        ("transfer: {mixing: 0.1}", {"one_step", "finetune", "draw_transfer"}),
        (
            "transfer: {correlations: [0.8,-0.3]}",
            TRANSFER - TRANSFER_TASKS - {"scratch"} | {"draw_transfer"},
        ),
        ("tasks: {concentration: 2.0}", EVERYTHING - TRANSFER - {"draw_transfer"}),
        (
            "log_interval: 4",
            EVERYTHING - TASKS - TRANSFER_TASKS - {"pretrain", "one_step"},
        ),
        ("draw: {fig3_signals: {optimizers: [sgd]}}", {"draw_fig3_signals"}),
        # Two values trade places.
        (
            "training: {convergence: {batch: 10, boost: {steps: 16}}}",
            CONVERGENCE - {"tasks of convergence"},
        ),
    ],
)
def test_setting_reruns_its_experiment_alone(smoke, tmp_path, change, jobs):
    (tmp_path / "change.yaml").write_text(change)
    # No claim reads the check of figure 6, or how a figure is drawn.
    judged = set() if "check" in jobs or jobs <= DRAWN else CLAIMS
    planned = smoke.plan(settings=(SMOKE, str(tmp_path / "change.yaml")))
    assert planned - MORE == (jobs | judged) - MORE


@pytest.mark.parametrize("figure", sorted(NEEDS))
def test_one_figure_needs_its_experiments_alone(smoke, figure):
    # The full replication's, of which nothing is made there.
    planned = smoke.plan(f"figures/{figure}.pdf", settings=())
    assert planned == NEEDS[figure] | {f"draw_{figure}"}


def test_gpus_are_asked_for_in_one_place(fresh, planned):
    without = requests(fresh.snakemake("--dry-run").stdout)
    assert {request["gpu"] for request in without.values()} == {0}
    run = fresh.snakemake("--dry-run", "--profile", "profiles/gpu")
    asked = requests(run.stdout)
    assert asked.keys() == without.keys()
    trains = {job.rule for job in planned if "--device" in job.command}
    assert {rule for (rule, _), request in asked.items() if request["gpu"]} == trains & {
        rule for rule, _ in asked
    }
    assert trains > {"boost", "optimizers", "attention"}
    # The profile's limit, without which two would share the one GPU.
    target = "smoke/results/attention/tasks.parquet"
    run = fresh.snakemake(target, "--profile", "profiles/gpu")
    assert run.returncode == 0, run.stdout
    assert re.search(
        r'^Provided resources: gpu=(1|Resource\("gpu", 1\))$', run.stdout, re.MULTILINE
    )


def test_failing_job_shows_its_log(done):
    (done.root / "scb/figures/fig3_signals.py").write_text("raise SystemExit('no ink')\n")
    run = done.snakemake()
    assert run.returncode != 0
    assert "no ink" in run.stdout


def test_claims_need_every_experiment_and_no_figure(smoke):
    planned = smoke.plan("results/claims.md", settings=())
    assert planned == (
        of({JUDGED.convergence, *JUDGED.vocabulary}, "tasks", "boost", "optimizers")
        | of(JUDGED.simulation, "tasks", "simulation")
        | of([JUDGED.population], "tasks", "boost")
        | of(["attention"], "tasks")
        | {"attention", *TRANSFER, "claims"}
    )


def test_claims_are_written_as_text(smoke):
    text = (smoke.root / "smoke/results/claims.md").read_text()
    assert "](../figures/fig1_convergence.png)" in text
    # Two replicates bound nothing.
    assert "reproduced**" in text
    assert "**reproduced**" not in text
