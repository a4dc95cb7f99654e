"""The second paper's DAG, which `make` leaves out: run once on the smoke settings."""

import json
import re
import shutil

import numpy as np
import pytest
import torch
import yaml
from project import CONFIG, FIGURES, ROOT, SETTINGS, Project, differences, merge
from test_extensions import captions_of, page_of

from scb.claims.tables import CLAIMS as RECORDED
from scb.claims.tables import STATISTICS
from scb.experiments.recall import recall
from scb.rebased.tables import RECALL
from scb.settings.whole import Settings
from scb.store import tables
from workflow.conditions import recalling

GPU = yaml.safe_load((ROOT / "presets/rebased_gpu.yaml").read_text())


def settings_of(path):
    return json.loads(path.read_text())["settings"]


CLAIMED = {"rebased": ["K1", "K2", "K3"], "language": ["K4", "K5"]}
DRAWN = [figure for figure, target in FIGURES.items() if target == "rebased"]


def test_it_is_made(whole):
    results, figures = whole.root / "smoke/results", whole.root / "smoke/figures"
    for name in SETTINGS.rebased.settings:
        trained = {path.stem for path in (results / "rebased" / name).glob("*.parquet")}
        assert trained == set(SETTINGS.rebased.trained(name))
    for name in DRAWN:
        assert (figures / f"{name}.pdf").read_bytes().startswith(b"%PDF-")
        assert (figures / f"{name}.png").stat().st_size > 10_000
    assert (results / "rebased.md").read_text().count("| `") == len(
        SETTINGS.rebased.trained("stress")
    )
    for half, claimed in CLAIMED.items():
        told = tables.read(results / f"{half}_claims.parquet", RECORDED)
        assert told["id"].tolist() == claimed
        text = (results / f"{half}_claims.md").read_text()
        assert all(f"| {name} |" in text for name in claimed)
    for folder in ("runs", "tuning"):
        trained = {path.stem for path in (results / "language" / folder).glob("*.parquet")}
        assert trained == set(SETTINGS.language.rates)
    record = json.loads((results / "language/corpus.provenance.json").read_text())
    assert record["notes"]["corpus"] == "config.yaml"
    assert re.fullmatch("[0-9a-f]{64}", record["notes"]["corpus_sha256"])
    assert whole.plan("rebased") == set()


def test_two_runs_agree(whole, tmp_path):
    shutil.copytree(whole.root, tmp_path / "again")
    again, table = Project(tmp_path / "again"), "smoke/results/rebased/stress/rebased.parquet"
    before = (again.root / table).stat().st_mtime_ns
    run = again.snakemake(table, "--force")
    assert run.returncode == 0, run.stdout
    assert (again.root / table).stat().st_mtime_ns > before
    assert differences(again, whole) == []


def test_make_leaves_it_out(smoke):
    assert smoke.plan() == set()
    assert "recall" in smoke.plan("rebased")


def test_rates_are_chosen_by_the_tuning_seed(whole):
    results = whole.root / "smoke/results"
    assert whole.plan("rebased_tuning") == set()
    told = yaml.safe_load((results / "rebased_rates.yaml").read_text())
    seeds = {
        settings_of(path)["seed"]
        for path in (results / "rebased_tuning").glob("*/*.provenance.json")
    }
    assert seeds == {told["seed"]} == {SETTINGS.multiverse.seed}
    judged = settings_of(results / "rebased/stress/based.provenance.json")
    assert judged["seed"] == SETTINGS.seed != told["seed"]
    assert judged["rates"] == [SETTINGS.rebased.rates["based"]]
    tried = set(SETTINGS.rebased.recall["stress"].kernels)
    assert set(told["accuracies"]["stress"]) == tried
    assert set(told["rates"]) == tried
    assert set(told["readings"]) == set(SETTINGS.rebased.tuning.readings)
    statistics = tables.read(results / "rebased_rates_statistics.parquet", STATISTICS)
    assert set(statistics["id"]) == {"K1", "K2", "K3"}


def test_rates_of_config_are_those_that_tuning_chose():
    told = yaml.safe_load((ROOT / "docs/tuning/rebased_rates.yaml").read_text())
    assert CONFIG["rebased"]["rates"] == told["rates"]
    assert CONFIG["multiverse"]["seed"] == told["seed"]


def test_gpu_preset_trains_all_kernels(fresh):
    (fresh.root / "gpu.yaml").write_text(yaml.safe_dump(GPU))
    words = ("rebased", "rebased_tuning", "--dry-run")
    run = fresh.snakemake(*words, settings=("gpu.yaml",))
    assert run.returncode == 0, run.stdout
    kernels = GPU["rebased"]["recall"]["t512_d64"]["kernels"]
    settings = len(GPU["rebased"]["settings"])
    jobs = settings * (len(kernels) + len(GPU["rebased"]["rates"]))
    assert re.search(rf"^recall +{jobs}$", run.stdout, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["t512_d64", "t2048_d128"])
def test_one_step_of_the_gpu_preset(tmp_path, setting):
    """At the published T, V, d and f, with one sequence."""
    settings = Settings.model_validate(merge(CONFIG, GPU))
    few = {"batch": 1, "steps": 1, "validation": 1, "test": 1, "runs": 1}
    one = recalling(settings, "rebased", setting, "rebased").model_copy(update=few)
    recall(one, tmp_path / "rebased.parquet", torch.device("cpu"), 1)
    curves = tables.read(tmp_path / "rebased.parquet", RECALL)
    assert curves["step"].tolist() == [0, 1]
    assert np.isfinite(curves["validation_loss"]).all()


def test_page_has_its_figures_and_verdicts(whole, tmp_path):
    html, page = page_of(whole, tmp_path / "report.zip", "rebased")
    captions = captions_of(whole, html, page, DRAWN)
    assert "2 runs" in captions["rebased"]
    assert "the attention column given by each kernel" in captions["rebased_patterns"]
    assert "Text: config.yaml, in byte pairs" in " ".join(captions["language"].split())
    for title, figure, runs in (
        ("recall", "rebased", "medians over 2 runs"),
        ("language", "language", "medians over 2 pairs of runs"),
    ):
        verdicts = html.split(f"<h3>Verdicts: {title}</h3>")[1].split("<h3>")[0]
        assert all(f"<td>{name}</td>" in verdicts for name in CLAIMED[figure])
        assert f'<a href="#smoke/figures/{figure}.png">{figure}</a>' in verdicts
        assert runs in " ".join(verdicts.split())
