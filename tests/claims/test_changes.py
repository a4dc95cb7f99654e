"""Verdicts and outcomes of two folders: what differs is told, and nothing else."""

from pathlib import Path

import pytest

from scb.claims.changes import changes, other_outcomes, other_verdicts
from scb.claims.tables import CLAIMS, STATISTICS
from scb.store import tables

GALLERY = Path(__file__).parents[2] / "docs/gallery"


@pytest.fixture(scope="module")
def published():
    return (
        tables.read(GALLERY / "claims.parquet", CLAIMS),
        tables.read(GALLERY / "statistics.parquet", STATISTICS),
    )


def test_a_folder_differs_in_nothing_from_itself():
    assert changes(GALLERY, GALLERY) == ([], [])


def test_folders_without_claims_in_both_have_none_to_compare(tmp_path):
    assert changes(GALLERY, tmp_path) == ([], [])


def test_a_verdict_that_differs_is_told_once(published):
    claims, _ = published
    row = claims.index[claims["id"] == "C4"][0]
    other = claims.copy()
    other.loc[row, "printed"] = "reproduced"
    other.loc[row, "changed"] = None
    assert list(other_verdicts(claims, other)) == [
        "C4 as printed: not reproduced | reproduced",
        "C4 with a stated value changed: not reproduced | not judged",
    ]


def test_of_our_own_claims_the_words_are_others(published):
    claims, _ = published
    other = claims.assign(printed=claims["printed"].where(claims["id"] != "B1", "not reproduced"))
    assert list(other_verdicts(claims, other)) == ["B1 as printed: shown | refuted"]


def test_a_claim_of_one_folder_alone_is_not_judged_in_the_other(published):
    claims, _ = published
    found = list(other_verdicts(claims, claims[claims["id"] != "C11"]))
    assert found == ["C11 as printed: reproduced | not judged"]


def test_an_outcome_that_differs_comes_with_both_estimates(published):
    _, statistics = published
    other = statistics.copy()
    other.loc[0, ["outcome", "estimate", "low", "high"]] = ["shown", 0.5, 0.25, 0.75]
    first = statistics.iloc[0]
    (line,) = other_outcomes(statistics, other)
    assert line.startswith(
        f"{first['id']} as printed, {first['statistic']} below 0.9: {first['outcome']} "
    )
    assert line.endswith(" | shown 0.5 [0.25, 0.75]")


def test_an_estimate_that_differs_within_one_outcome_is_no_difference(published):
    _, statistics = published
    assert not list(other_outcomes(statistics, statistics.assign(estimate=0.0)))
    assert not list(other_outcomes(statistics, statistics.iloc[:0]))
