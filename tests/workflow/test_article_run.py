"""The article of a run."""

import json
import shutil

import typst
from project import ROOT

from scb.experiments.article import lay_out

TEXT = sorted((ROOT / "workflow/article").iterdir())
PDF, FACTS = "smoke/figures/article.pdf", "smoke/results/article.json"


def test_every_run_has_an_article_of_its_own_numbers(smoke):
    facts = json.loads((smoke.root / FACTS).read_text())
    assert facts["settings"]["training"]["convergence"]["replicates"] == 2
    assert not facts["published"]
    assert {"fig1_convergence", "transfer"} <= facts["figures"].keys()
    assert (smoke.root / PDF).read_bytes().startswith(b"%PDF")


def test_two_replicates_bear_out_no_verdict(smoke, tmp_path):
    root = lay_out(tmp_path, TEXT, smoke.root / FACTS, [])
    facts = json.loads((root / "facts.json").read_text()) | {"figures": {}}
    (root / "facts.json").write_text(json.dumps(facts))
    article = root / TEXT[0].name
    found = json.loads(
        typst.query(article, "<differs>", field="value", root=root, ignore_system_fonts=True)
    )
    assert "C1, said to be not reproduced as printed, is undecided" in found


def test_the_same_tables_give_the_same_article(done):
    before = (done.root / PDF).read_bytes()
    run = done.snakemake(PDF, "--forcerun", "article")
    assert run.returncode == 0, run.stdout
    assert (done.root / PDF).read_bytes() == before


def test_a_changed_text_is_typeset_again_and_nothing_else(done):
    with (done.root / "workflow/article/article.typ").open("a") as text:
        text.write('\n#look-up(("C1", "of no such name", ""), "printed")\n')
        text.write('#theory("nothing")\n')
    assert done.plan() == {"article"}
    run = done.snakemake()
    assert run.returncode != 0
    (line,) = [line for line in run.stdout.splitlines() if "no closed form" in line]
    assert "article.typ:" in line
    assert "Traceback" not in run.stdout


def test_the_repository_says_which_results_are_published(done):
    gallery = done.root / "docs/gallery"
    gallery.mkdir(parents=True)
    shutil.copy(done.root / "smoke/results/claims.parquet", gallery)
    assert done.plan() == {"article"}
    shutil.copy(ROOT / "docs/gallery/phase_diagram.png", gallery)
    assert done.plan() == {"article"}
