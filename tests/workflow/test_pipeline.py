"""What is run, and what is run again."""

import re

import pytest
from project import SMOKE, requests
from test_rules import RULES

TRAINING = ["convergence", "vocabulary_3", "vocabulary_10", "vocabulary_20"]
SIMULATION = ["simulation_100", "simulation_500"]
ON_CONVERGENCE = {"fig1_convergence", "fig3_signals", "fig4_similarity"}
FIGURES = ON_CONVERGENCE | {
    "fig2_softmax_vs_linear",
    "fig5_vocabulary",
    "fig6_simulation",
    "transfer",
}
TRANSFER_TABLES = {  # of the smoke settings
    "pretrained",
    "finetune_40",
    *(f"{table}_{length}" for table in ("one_step", "scratch") for length in (40, 80)),
    *(f"tasks_{length}" for length in (20, 40, 80)),
}


def of(settings, *rules):
    return {f"{rule} of {setting}" for rule in rules for setting in settings}


POPULATION = of(["population"], "tasks", "boost")
CONVERGENCE = of(["convergence"], "tasks", "boost", "optimizers") | ON_CONVERGENCE
VOCABULARY = of(TRAINING[1:], "tasks", "boost", "optimizers")
NEEDS = {
    **{figure: CONVERGENCE - ON_CONVERGENCE | {figure} for figure in ON_CONVERGENCE},
    "fig2_softmax_vs_linear": {"fig2_softmax_vs_linear", "attention", "tasks of attention"},
    "fig5_vocabulary": {"fig5_vocabulary"} | VOCABULARY,
    "fig6_simulation": {"fig6_simulation", "tasks of check_100", "check"}
    | of(SIMULATION, "tasks", "simulation"),
    "transfer": {"transfer", "transfer_tasks", "pretrain", "one_step", "finetune", "scratch"},
}
CLAIMS = {"claims"}
EVERYTHING = set().union(*NEEDS.values()) | POPULATION | CLAIMS
TASKS = of([*TRAINING, *SIMULATION, "check_100", "attention", "population"], "tasks")


def test_everything_is_made(smoke):
    results, figures = smoke.root / "smoke/results", smoke.root / "smoke/figures"
    tables = {
        "claims.parquet",
        *(f"population/{table}.parquet" for table in ("tasks", "boost", "boost_state")),
        *(
            f"{setting}/{table}.parquet"
            for setting in TRAINING
            for table in ("tasks", "boost", "boost_state", "optimizers", "optimizers_state")
        ),
        *(f"attention/{table}.parquet" for table in ("tasks", "attention", "attention_state")),
        *(
            f"{setting}/{table}.parquet"
            for setting in SIMULATION
            for table in ("tasks", "simulation")
        ),
        *(f"check_100/{table}.parquet" for table in ("tasks", "check")),
        *(f"transfer/{table}.parquet" for table in TRANSFER_TABLES),
    }
    assert {str(path.relative_to(results)) for path in results.rglob("*.parquet")} == tables
    assert {path.name for path in figures.iterdir()} == {
        f"{figure}.{suffix}" for figure in FIGURES for suffix in ("pdf", "png")
    }
    for path in figures.iterdir():
        signature = b"%PDF-" if path.suffix == ".pdf" else b"\x89PNG"
        assert path.read_bytes().startswith(signature), path
    for kind, suffix in (("logs", "log"), ("benchmarks", "tsv")):
        written = {path.stem for path in (results / kind).rglob(f"*.{suffix}")}
        rules = {"tasks", "boost", "optimizers", "attention", "simulation", "pretrain"}
        assert written >= FIGURES | CLAIMS | rules | TRANSFER_TABLES - {"pretrained"}
    # Nothing outside the two folders: the full replication's outputs are safe from a smoke run.
    assert not (smoke.root / "results").exists()
    assert not (smoke.root / "figures").exists()


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
    config = done.root / "config.yaml"
    text = config.read_text()
    start = text.index("    proximal:\n")
    middle, end = text.index("    sgd:\n"), text.index("    sgd_small:\n")
    config.write_text(text[:start] + text[middle:end] + text[start:middle] + text[end:])
    assert config.read_text() != text
    assert done.plan() == set()


@pytest.mark.parametrize("figure", sorted(FIGURES))
def test_plot_code_redraws_one_figure(done, figure):
    with (done.root / f"scb/figures/{figure}.py").open("a") as code:
        code.write("# Changed.\n")
    assert done.plan() == {figure}


def test_kernel_code_retrains(done):
    with (done.root / "scb/kernels/reference.py").open("a") as code:
        code.write("# Changed.\n")
    assert done.plan() >= {"attention"} | of(TRAINING, "boost", "optimizers") | CLAIMS


@pytest.mark.parametrize(
    ("change", "jobs"),
    [
        ("convergence: {length: 41}", CONVERGENCE),
        ("convergence: {boost: {rate: 0.02}}", CONVERGENCE - {"tasks of convergence"}),
        (
            "convergence: {optimizers: {proximal: {penalty: 1.0e-3}}}",
            {"optimizers of convergence"} | ON_CONVERGENCE,
        ),
        (
            "vocabulary_10: {batch: 8}",
            of(["vocabulary_10"], "boost", "optimizers") | {"fig5_vocabulary"},
        ),
        ("population: {batch: 8}", {"boost of population"}),
        ("attention: {rate: 0.02}", {"attention", "fig2_softmax_vs_linear"}),
        (
            "simulation_500: {particles: 49}",
            {"simulation of simulation_500", "fig6_simulation"},
        ),
        ("check_100: {signal: 0.2}", {"check", "fig6_simulation"}),
        ("transfer: {scratch: {growth: 1}}", {"scratch", "transfer"}),
        ("transfer: {mixing: 0.1}", {"one_step", "finetune", "transfer"}),
        ("transfer: {correlations: [0.8,-0.3]}", NEEDS["transfer"] - {"transfer_tasks", "scratch"}),
        ("tasks: {concentration: 2.0}", EVERYTHING - NEEDS["transfer"]),
        (
            "log_interval: 4",
            EVERYTHING - TASKS - {"transfer_tasks", "pretrain", "one_step"},
        ),
        # Two values trade places.
        (
            "convergence: {batch: 10, boost: {steps: 16}}",
            CONVERGENCE - {"tasks of convergence"},
        ),
    ],
)
def test_setting_reruns_its_experiment_alone(done, change, jobs):
    (done.root / "change.yaml").write_text(change)
    judged = set() if "check" in jobs else CLAIMS  # no claim reads the check of figure 6
    assert done.plan(settings=(SMOKE, "change.yaml")) == jobs | judged


@pytest.mark.parametrize("figure", sorted(FIGURES))
def test_one_figure_needs_its_experiments_alone(fresh, figure):
    assert fresh.plan(f"figures/{figure}.pdf", settings=()) == NEEDS[figure]


def test_gpus_are_asked_for_in_one_place(fresh):
    without = requests(fresh.snakemake("--dry-run").stdout)
    assert {request["gpu"] for request in without.values()} == {0}
    run = fresh.snakemake("--dry-run", "--profile", "profiles/gpu")
    asked = requests(run.stdout)
    assert asked.keys() == without.keys()
    assert {job: request["gpu"] for job, request in asked.items()} == {
        job: int("gpu=GPU," in RULES[job[0]]) for job in asked
    }
    assert {"boost", "optimizers", "attention"} <= {
        rule for (rule, _), request in asked.items() if request["gpu"]
    }
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


def test_lint(fresh):
    run = fresh.snakemake("--lint", settings=())
    assert run.returncode == 0, run.stdout


def test_claims_need_every_experiment_and_no_figure(fresh):
    planned = fresh.plan("results/claims.md", settings=())
    assert planned >= EVERYTHING - FIGURES - {"check", "tasks of check_100"}
    assert not planned & FIGURES


def test_claims_are_written_as_text(smoke):
    text = (smoke.root / "smoke/results/claims.md").read_text()
    assert "](../figures/fig1_convergence.png)" in text
    # Two replicates bound nothing.
    assert "reproduced**" in text
    assert "**reproduced**" not in text
