"""What the repository shows of the results."""

import shutil

import pandas as pd
import pytest
from project import CONFIG, FIGURES, ROOT

from scb.claims.markdown import BEGIN, END, extract, render, table
from scb.claims.tables import CLAIMS
from scb.claims.verdict import Claim, Part, Rule, judge, median
from scb.settings import Settings
from scb.store import tables
from workflow.gallery import JUDGED, faults, refresh, shown
from workflow.settings import digests


@pytest.fixture
def root(tmp_path):
    """A repository with results of one claim and one figure."""
    claim = Claim("C1", "All is one.", "fig1_convergence", [Part("x", Rule(above=0), median([1]))])
    tables.write(judge([claim]), tmp_path / "results/claims.parquet", CLAIMS, {})
    (tmp_path / "results/claims.provenance.json").write_text("{}")
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/fig1_convergence.png").write_bytes(b"ink")
    (tmp_path / "README.md").write_text(f"Before.\n\n{BEGIN}\nold\n{END}\n\nAfter.\n")
    return tmp_path


def test_gallery_and_readme_show_the_claims(root):
    for _ in range(2):  # the second time changes nothing
        refresh(root, root / "results", root / "figures")
        gallery, readme = root / "docs/gallery", (root / "README.md").read_text()
        claims = tables.read(gallery / "claims.parquet", CLAIMS)
        assert isinstance(claims, pd.DataFrame)
        assert extract(readme) == table(claims, "docs/gallery")
        assert readme.startswith("Before.\n\n<!--")
        assert readme.endswith("-->\n\nAfter.\n")
        assert (gallery / "claims.md").read_text() == render(claims, ".")
        assert (gallery / "claims.provenance.json").read_text() == "{}"
        assert (gallery / "fig1_convergence.png").read_bytes() == b"ink"


def test_what_was_not_made_again_stays(root, monkeypatch):
    claim = Claim("K1", "Two is more.", "rebased", [Part("x", Rule(above=0), median([1]))])
    rebased = root / "results/rebased_claims.parquet"
    tables.write(judge([claim]), rebased, CLAIMS, {})
    refresh(root, root / "results", root / "figures")
    rebased.unlink()
    monkeypatch.setitem(JUDGED, "rebased_claims", "Judged otherwise.")
    refresh(root, root / "results", root / "figures")
    assert "\n\nJudged otherwise.\n\n" in (root / "docs/gallery/rebased_claims.md").read_text()
    verdicts = extract((root / "README.md").read_text())
    assert verdicts == table(shown(root / "docs/gallery"), "docs/gallery")
    assert verdicts.index("| C1 |") < verdicts.index("| K1 |")


def test_readme_without_its_markers_is_left_alone(root):
    (root / "README.md").write_text("Nothing here.\n")
    with pytest.raises(ValueError, match="once each"):
        refresh(root, root / "results", root / "figures")
    assert not (root / "docs").exists()


@pytest.fixture
def current(root):
    """The same, up to date with the project's settings and table of figures."""
    for name in ("config.yaml", "workflow/rules/figures.smk"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, root / name)
    for figure in FIGURES:
        (root / f"figures/{figure}.png").write_bytes(b"ink")
    wanted = digests(Settings.model_validate(CONFIG))
    for name in JUDGED:
        claim = Claim("C1", "All is one.", "transfer", [Part("x", Rule(above=0), median([1]))])
        path = root / f"results/{name}.parquet"
        tables.write(judge([claim]), path, CLAIMS, {"digest": wanted[name]})
    refresh(root, root / "results", root / "figures")
    assert list(faults(root)) == []
    return root


def test_figures_that_are_missing_or_of_none_are_told(current):
    (current / "docs/gallery/transfer.png").rename(current / "docs/gallery/transfers.png")
    assert list(faults(current)) == [
        "docs/gallery/transfer.png is missing",
        "docs/gallery/transfers.png is of no figure",
    ]


def test_claims_of_other_settings_are_told(current):
    config = (current / "config.yaml").read_text()
    (current / "config.yaml").write_text(config.replace("seed: 0", "seed: 1"))
    assert list(faults(current)) == [
        f"docs/gallery/{name}.parquet was judged at other settings" for name in JUDGED
    ]


def test_text_that_is_not_of_its_table_is_told(current):
    with (current / "docs/gallery/claims.md").open("a") as document:
        document.write("And more.\n")
    readme = current / "README.md"
    readme.write_text(readme.read_text().replace("All is one.", "All is two."))
    assert list(faults(current)) == [
        "docs/gallery/claims.md is not what claims.parquet says",
        "README.md does not have the verdicts of the gallery",
    ]
