"""What the repository shows of the results."""

import pandas as pd
import pytest

from scb.claims.markdown import BEGIN, END, extract, render, table
from scb.claims.tables import CLAIMS
from scb.claims.verdict import Claim, Part, Rule, judge, median
from scb.store import tables
from workflow.gallery import CLAIMS, refresh, shown


@pytest.fixture
def root(tmp_path):
    """A repository with results of one claim and one figure."""
    claim = Claim("C1", "All is one.", "fig1_convergence", [Part("x", Rule(above=0), median([1]))])
    tables.write(judge([claim]), tmp_path / "results/claims.parquet", CLAIMS, {})
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
        assert (gallery / "fig1_convergence.png").read_bytes() == b"ink"


def test_what_was_not_made_again_stays(root, monkeypatch):
    claim = Claim("K1", "Two is more.", "kernels", [Part("x", Rule(above=0), median([1]))])
    kernels = root / "results/kernel_claims.parquet"
    tables.write(judge([claim]), kernels, CLAIMS, {})
    refresh(root, root / "results", root / "figures")
    kernels.unlink()
    monkeypatch.setitem(CLAIMS, "kernel_claims", "Judged otherwise.")
    refresh(root, root / "results", root / "figures")
    assert "\n\nJudged otherwise.\n\n" in (root / "docs/gallery/kernel_claims.md").read_text()
    verdicts = extract((root / "README.md").read_text())
    assert verdicts == table(shown(root / "docs/gallery"), "docs/gallery")
    assert verdicts.index("| C1 |") < verdicts.index("| K1 |")


def test_readme_without_its_markers_is_left_alone(root):
    (root / "README.md").write_text("Nothing here.\n")
    with pytest.raises(ValueError, match="once each"):
        refresh(root, root / "results", root / "figures")
    assert not (root / "docs").exists()
