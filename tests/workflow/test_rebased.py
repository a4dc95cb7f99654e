"""The second paper's DAG, which `make` leaves out: run once on the smoke settings."""

import json
import re
import shutil

from project import FIGURES, SETTINGS, Project, differences
from test_extensions import captions_of, page_of

from scb.rebased.similarity import SIMILARITIES

CLAIMED = ("K1", "K2", "K3", "K4", "K5")
DRAWN = [figure for figure, target in FIGURES.items() if target == "rebased"]


def test_it_is_made(whole):
    results, figures = whole.root / "smoke/results", whole.root / "smoke/figures"
    for name in SETTINGS.rebased.settings:
        trained = {path.stem for path in (results / "rebased" / name).glob("*.parquet")}
        assert trained == set(SIMILARITIES)
    for name in DRAWN:
        assert (figures / f"{name}.pdf").read_bytes().startswith(b"%PDF-")
        assert (figures / f"{name}.png").stat().st_size > 10_000
    assert (results / "rebased.md").read_text().count("| `") == len(SIMILARITIES)
    text = (results / "rebased_claims.md").read_text()
    assert all(f"| {name} |" in text for name in CLAIMED)
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


def test_page_has_its_figures_and_verdicts(whole, tmp_path):
    html, page = page_of(whole, tmp_path / "report.zip", "rebased")
    captions = captions_of(whole, html, page, DRAWN)
    assert "at 2 runs" in captions["rebased"]
    assert "the attention column given by each kernel" in captions["rebased_patterns"]
    assert "Text: config.yaml, in byte pairs" in " ".join(captions["language"].split())
    verdicts = html.split("<h3>Verdicts: rebased</h3>")[1].split("<h3>")[0]
    assert all(f"<td>{name}</td>" in verdicts for name in CLAIMED)
    assert '<a href="#smoke/figures/rebased.png">rebased</a>' in verdicts
    assert "Estimates are means over 2 runs" in " ".join(verdicts.split())
