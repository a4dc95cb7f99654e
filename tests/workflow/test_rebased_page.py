"""What docs/rebased.md is filled with."""

import shutil

import pytest
import yaml
from project import ROOT, SETTINGS

from scb.claims.samples import Median
from scb.claims.tables import PRINTED, STATISTICS, tabulate
from scb.claims.verdict import Bar, Claim, Part, judge
from scb.store import tables
from workflow import rebased
from workflow.gallery import FILLED
from workflow.published import GALLERY

TOLD = {
    "seed": 5,
    "rule": "the best",
    "rates": {"based": 0.01, "rebased": 0.1},
    "at_the_edge": ["rebased"],
    "accuracies": {"stress": {"based": {0.01: 0.5, 0.1: 0.25}, "rebased": {0.01: 0.1, 0.1: 0.2}}},
    "readings": {"wide": {"based": {0.1: 0.75}}},
}


@pytest.fixture
def root(tmp_path):
    (tmp_path / rebased.RATES).parent.mkdir(parents=True)
    (tmp_path / rebased.RATES).write_text(yaml.safe_dump(TOLD))
    shutil.copyfile(ROOT / "config.yaml", tmp_path / "config.yaml")
    ahead = Median([0.1, 0.2])
    parts = (Part("test accuracy, ahead", Bar(0.02, "above"), ahead, section="rebased"),)
    judged = judge([Claim("K2", "Ahead.", "rebased", parts)])
    (tmp_path / GALLERY).mkdir()
    for path in (rebased.CHANCES, GALLERY / "rebased_statistics.parquet"):
        tables.write(tabulate({PRINTED: judged}), tmp_path / path, STATISTICS, {})
    return tmp_path


def test_rates(root):
    lines = rebased.rates(root).splitlines()
    assert lines[0] == "Seed 5. Rule: the best."
    assert "| `based` | 0.01 | no |" in lines
    assert "| `rebased` | 0.1 | **yes** |" in lines
    assert "| setting | kernel | 0.01 | 0.1 |" in lines
    assert "| stress | `based` | 0.50 | 0.25 |" in lines
    assert "| wide | `based` | 0.75 |" in lines
    (root / rebased.RATES).write_text(yaml.safe_dump(TOLD | {"readings": {}}))
    assert "wide" not in rebased.rates(root)


def test_chances_are_those_of_the_configured_runs(root):
    (row,) = rebased.chances(root).splitlines()[2:]
    runs = yaml.safe_load((root / "config.yaml").read_text())["rebased"]["runs"]
    assert row.startswith(f"| printed | K2 | test accuracy, ahead | {runs} | {runs} |")
    assert SETTINGS.rebased.runs < runs  # the smoke run's would be others


def test_outcomes(root):
    (row,) = rebased.outcomes(root).splitlines()[2:]
    assert row == "| K2 | ahead | 0.15 [−∞, ∞] | above 0.02 | undecided |"


def test_document_has_the_marks():
    for one in FILLED:
        if one.document == "docs/rebased.md":
            assert one.held(ROOT)
