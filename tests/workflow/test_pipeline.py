"""What is run, and what is run again."""

import re
from pathlib import Path

import pytest
import yaml
from project import FIGURES, GATHERING, SETTINGS, SMOKE, planned_jobs, requests

from workflow.settings import judged_sections

DRAW = SETTINGS.draw
TRAINING = [name for name, section in SETTINGS.training.items() if section.optimizers]
SIMULATION = list(SETTINGS.simulation)
FOLDERS = {*SETTINGS.training, *SIMULATION, *SETTINGS.attention, "check"}
"""Of the results, a section each that has tasks of its own."""
ALL = [figure for figure, target in FIGURES.items() if target == "all"]
DRAWN = {f"draw_{figure}" for figure in ALL}


def of(sections, *rules):
    return {f"{rule} of {section}" for rule in rules for section in sections}


def drawn_from(section):
    """Figures of one section that trains."""
    return {f"draw_{figure}" for figure, drawn in DRAW if getattr(drawn, "section", "") == section}


ARTICLE = {"article"}
CONVERGENCE = of(["convergence"], "tasks", "boost", "optimizers") | drawn_from("convergence")
CONVERGENCE |= {"closed_forms"}
TRANSFER = {"further_tasks", "pretrain", "one_step", "finetune", "scratch"}


def needed(figure, drawn):
    """The jobs behind a figure of sections."""
    sections = getattr(drawn, "sections", None) or [drawn.section]
    if figure.startswith("fig2"):
        return of(sections, "tasks", "attention")
    if figure.startswith("fig6"):
        return {"tasks of check", "check"} | of(sections, "tasks", "simulation")
    return of(sections, "tasks", "boost", "optimizers")


NEEDS = {figure: needed(figure, drawn) for figure, drawn in DRAW if drawn is not None}
NEEDS["softmax"] |= {"softmax"}  # both models from scratch
NEEDS["transfer"] = TRANSFER
MORE = DRAWN - {f"draw_{figure}" for figure in NEEDS}
"""Figures that were added: they read tables that are there."""
BESIDE_CHECK = {f"draw_{figure}" for figure, needs in NEEDS.items() if "check" in needs}
CLAIMS = {"claims"}
TASKS = of(FOLDERS, "tasks")
JUDGED = judged_sections(SETTINGS)
BEHIND_CLAIMS = TRANSFER.union(
    {"softmax"},
    of([*JUDGED.training, *JUDGED.simulation, *JUDGED.attention], "tasks"),
    of(JUDGED.training, "boost"),
    of([section for section in JUDGED.training if section in TRAINING], "optimizers"),
    of(JUDGED.simulation, "simulation"),
    of(JUDGED.attention, "attention"),
)
EVERYTHING = BEHIND_CLAIMS.union(CLAIMS, DRAWN, ARTICLE, {"closed_forms"}, *NEEDS.values())


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
        both = {"softmax", "alike", "weights"} if name == SETTINGS.claims.printed.softmax else set()
        assert made == {"tasks", "boost", "boost_state"} | second | both


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
    threads = ("--set-threads", "boost=2", "optimizers=2")
    assert done.plan(*threads, "--config", "device=cpu") == set()


def test_order_of_keys_reruns_nothing(done):
    def turned(node):
        """The same, every mapping from its end."""
        if not isinstance(node, dict):
            return node
        return {key: turned(value) for key, value in reversed(node.items())}

    config = yaml.safe_load((done.root / "config.yaml").read_text())
    (done.root / "config.yaml").write_text(yaml.safe_dump(turned(config), sort_keys=False))
    assert done.plan() == set()


def test_plot_code_redraws_its_figure_alone(done):
    module_of = {figure: f"scb/figures/{figure.removesuffix('_best')}.py" for figure in ALL}
    for module in {*module_of.values()}:
        with (done.root / module).open("a") as code:
            code.write("# Changed.\n")
    run = done.snakemake("--dry-run")
    assert run.returncode == 0, run.stdout
    # A job's reason names all inputs that were changed.
    jobs = re.findall(r"^rule (\w+):\n(?:    .*\n)*?    reason: (.*)$", run.stdout, re.MULTILINE)
    found = {rule: re.findall(r"scb/[\w/]+\.py", reason) for rule, reason in jobs}
    changed = {rule: modules for rule, modules in found.items() if rule not in GATHERING}
    redrawn = {f"draw_{figure}": [module] for figure, module in module_of.items()}
    assert changed == redrawn | {rule: [] for rule in ARTICLE}


def test_kernel_code_retrains(done):
    with (done.root / "scb/kernels/reference.py").open("a") as code:
        code.write("# Changed.\n")
    retrained = of(SETTINGS.attention, "attention") | of(TRAINING, "boost", "optimizers")
    assert done.plan() >= retrained | CLAIMS


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
            {"optimizers of convergence", "closed_forms"} | drawn_from("convergence"),
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
        # In no figure.
        (
            "training: {convergence_rounding: {length: 41}}",
            of(["convergence_rounding"], "tasks", "boost", "optimizers"),
        ),
        ("claims: {changed: null}", CLAIMS),
        (
            "attention: {attention: {rate: 0.02}}",
            {"attention of attention", "draw_fig2_softmax_vs_linear"},
        ),
        (
            "attention: {attention_best: {rate: 0.02}}",
            {"attention of attention_best", "draw_fig2_softmax_vs_linear_best"},
        ),
        (
            "simulation: {simulation_500: {particles: 49}}",
            {"simulation of simulation_500", "draw_fig6_simulation"},
        ),
        ("check: {signal: 0.2}", {"check", *BESIDE_CHECK}),
        ("transfer: {scratch: {growth: 1}}", {"scratch", "draw_transfer"}),
        ("transfer: {mixing: 0.1}", {"one_step", "finetune", "draw_transfer"}),
        (
            "transfer: {correlations: [0.8,-0.3]}",
            TRANSFER - {"further_tasks", "scratch"} | {"draw_transfer"},
        ),
        ("tasks: {concentration: 2.0}", EVERYTHING - TRANSFER - {"draw_transfer"}),
        (
            "log_interval: 4",
            EVERYTHING - TASKS - {"further_tasks", "pretrain", "one_step", "closed_forms"},
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
    # The article has every figure, and tells of the settings.
    assert planned - MORE == (jobs | judged | ARTICLE) - MORE


def test_a_figure_is_drawn_once_more_at_its_best(fresh):
    best = {"fig2_softmax_vs_linear": {"section": "attention"}}
    best["fig3_signals"] = {"section": "vocabulary_3", "optimizers": ["sgd"]}
    best["fig6_simulation"] = {"sections": ["simulation_500"]}
    draw = {f"{figure}_best": drawn for figure, drawn in best.items()}
    (fresh.root / "best.yaml").write_text(yaml.safe_dump({"draw": draw}))
    paths = [f"smoke/figures/{figure}.pdf" for figure in draw]
    run = fresh.snakemake(*paths, "--dry-run", "-p", settings=(SMOKE, "best.yaml"))
    jobs = {job.rule: job for job in planned_jobs(run.stdout)}
    for figure, drawn in best.items():
        last = jobs[f"draw_{figure}_best"]
        assert last.module == f"scb.figures.{figure}"  # the same, told other sections
        sections = {Path(name).parent.name for name in last.inputs if name.endswith(".parquet")}
        assert sections - {"check"} == set(drawn.get("sections", [drawn.get("section")]))


@pytest.fixture(scope="module")
def full(smoke):
    """Every job of `all` of the full replication, of which nothing is made."""
    run = smoke.snakemake("--dry-run", "--printshellcmds", settings=())
    assert run.returncode == 0, run.stdout
    return planned_jobs(run.stdout)


def behind(jobs, target):
    """What makes a file, and the inputs of that, named as `plan` does."""
    makers = {path: job for job in jobs for path in job.outputs}
    found, waiting = set(), [target]
    while waiting:
        if (job := makers.get(waiting.pop())) is not None:
            section = job.wildcards.get("section")
            found.add(f"{job.rule} of {section}" if section else job.rule)
            waiting += job.inputs
    return found


@pytest.mark.parametrize("figure", sorted(NEEDS))
def test_one_figure_needs_its_experiments_alone(full, figure):
    assert behind(full, f"figures/{figure}.pdf") == NEEDS[figure] | {f"draw_{figure}"}


def test_gpus_are_asked_for_in_one_place(fresh, planned):
    assert {job.resources.get("gpu", "0") for job in planned} == {"0"}
    run = fresh.snakemake(*GATHERING, "--dry-run", "--profile", "profiles/gpu")
    asked = requests(run.stdout)
    assert asked.keys() == {(job.rule, "_".join(job.wildcards.values())) for job in planned}
    trains = {job.rule for job in planned if "--device" in job.command}
    assert {rule for (rule, _), request in asked.items() if request["gpu"]} == trains
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


def test_claims_need_every_experiment_and_no_figure(smoke, full):
    planned = smoke.plan("results/claims.md", settings=())
    assert planned == behind(full, "results/claims.md") == BEHIND_CLAIMS | CLAIMS


def test_claims_are_written_as_text(smoke):
    text = (smoke.root / "smoke/results/claims.md").read_text()
    assert "](../figures/fig1_convergence.png)" in text
    # Two replicates bound nothing, so no claim is reproduced or not.
    assert "**undecided**" in text
    assert "reproduced**" not in text
