"""The wider sweeps, on the smoke settings."""

import base64
import re
from zipfile import ZipFile

import pytest
import yaml
from project import SETTINGS, SMOKE
from test_report import REPORTER, Page

from scb.analysis.readings import READINGS, readings
from scb.analysis.tables import MULTIVERSE
from scb.store import tables
from workflow.conditions import sweeps

STAGE1 = {"stage1", "stage1_fit", "draw_stage1_samples"}
SOFTMAX = {"softmax_samples", "draw_softmax_samples"}
ODDS = {"stage1_odds", "draw_stage1_samples"}
REGULARIZATION = {"sweep", "windows", "draw_regularization"}
UNIVERSES = {"universes", "judge_universes", "best"}
PHASES = {"phases", "draw_phase_diagram"}


def test_the_replication_does_not_run_them(smoke):
    assert not (smoke.root / "smoke/results/regularization").exists()
    assert not (smoke.root / "smoke/figures/stage1_samples.pdf").exists()


def test_extensions_are_made(whole):
    results, figures = whole.root / "smoke/results", whole.root / "smoke/figures"
    for name in ("stage1_samples", "softmax_samples", "regularization"):
        assert (figures / f"{name}.pdf").read_bytes().startswith(b"%PDF-")
        assert (figures / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert {path.stem for path in (results / "regularization").glob("*.parquet")} == {
        *sweeps(SETTINGS), "ends", "windows", "exponents"
    }  # fmt: skip
    lengths = {
        kind: getattr(SETTINGS.stage1_samples, kind).lengths for kind in ("uniform", "drawn")
    }
    assert {path.stem for path in (results / "stage1_samples").glob("*.parquet")} == {
        *(f"{kind}_{length}" for kind in lengths for length in lengths[kind]),
        *(f"odds_{states}" for states in SETTINGS.stage1_samples.odds.states),
        "probabilities", "batches", "exponents",
    }  # fmt: skip
    assert {path.stem for path in (results / "softmax_samples").glob("*.parquet")} == {
        *map(str, SETTINGS.softmax_samples.lengths)
    }


def test_the_multiverse_is_made(universes):
    results, figures = universes.root / "smoke/results", universes.root / "smoke/figures"
    for name in ("multiverse", "phase_diagram"):
        assert (figures / f"{name}.pdf").read_bytes().startswith(b"%PDF-")
    table = tables.read(results / "multiverse.parquet", MULTIVERSE)
    names = [dimension.name for dimension in READINGS]
    assert table[names].to_dict("records") == list(readings())
    best = yaml.safe_load((results / "best.yaml").read_text())
    assert best["seed"] == SETTINGS.multiverse.seed
    candidates = SETTINGS.multiverse.candidates
    for kind in (candidates.training, candidates.simulation, candidates.attention):
        assert best.keys() > kind.keys()
        assert all(best[section]["values"] for section in kind)


def test_second_run_does_nothing(whole):
    assert whole.plan("extensions") == set()


def test_second_multiverse_does_nothing(universes):
    assert universes.plan("multiverse") == set()


@pytest.mark.parametrize(
    ("change", "jobs"),
    [
        ("stage1_samples: {rate: 0.25}", STAGE1),
        ("stage1_samples: {odds: {growth: 3}}", ODDS),
        ("softmax_samples: {factor: 0.02}", SOFTMAX),
        ("regularization: {most: 2.0e-3}", REGULARIZATION),
    ],
)
def test_setting_reruns_its_sweep_alone(whole, tmp_path, change, jobs):
    (tmp_path / "change.yaml").write_text(change)
    planned = whole.plan("extensions", settings=(SMOKE, str(tmp_path / "change.yaml")))
    assert planned - {"extensions"} == jobs


@pytest.mark.parametrize(
    ("change", "jobs"),
    [
        ("multiverse: {switch_signal: 0.3}", UNIVERSES | {"draw_multiverse"}),
        ("multiverse: {most: 2.0e-3}", {*UNIVERSES, *PHASES} - {"judge_universes"}),
    ],
)
def test_setting_reruns_its_universes_alone(universes, tmp_path, change, jobs):
    (tmp_path / "change.yaml").write_text(change)
    planned = universes.plan("multiverse", settings=(SMOKE, str(tmp_path / "change.yaml")))
    assert planned - {"multiverse"} == jobs


def page_of(project, path, *targets):
    """The report that `make report` writes of all that was made, and its page."""
    run = project.run("all", *targets, *REPORTER, str(path), pythonpath="workflow/report")
    assert run.returncode == 0, run.stdout
    with ZipFile(path) as archive:
        html = archive.read("report/index.html").decode()
    assert "snakemake.config" not in html
    return html, Page(html)


def captions_of(project, html, page, names):
    """Captions of figures, which must be on the page itself."""
    captions = {}
    for name in names:
        path = f"smoke/figures/{name}.png"
        data = page.images[name].removeprefix("data:image/png;base64,")
        assert base64.b64decode(data) == (project.root / path).read_bytes()
        caption = html.split(f'id="{path}"')[1].split("<figcaption>")[1].split("</figcaption>")[0]
        captions[name] = " ".join(re.sub("<[^>]*>", "", caption).split())
    return captions


def test_page_has_their_figures_and_captions(whole, tmp_path):
    html, page = page_of(whole, tmp_path / "report.zip", "extensions")
    captions = captions_of(
        whole, html, page, ["stage1_samples", "softmax_samples", "regularization"]
    )
    assert "at 0.01 of it" in captions["softmax_samples"]
    assert "at η = 0.3 and 0.4" in captions["stage1_samples"]
    assert "the first 2 replicates" in captions["regularization"]


def test_report_has_their_figures(whole, tmp_path):
    report = tmp_path / "report.html"
    run = whole.snakemake("extensions", "--report", str(report))
    assert run.returncode == 0, run.stdout
    text = report.read_text()
    assert "stage1_samples.png" in text
    assert "regularization.png" in text
    assert "snakemake.config" not in text
