"""The written tables, and the text that follows from them."""

import re

import numpy as np
import pandas as pd
import pytest

from scb.claims.markdown import note_of, render, table
from scb.claims.samples import Median, Share
from scb.claims.tables import (
    BEST,
    CLAIMS,
    PRINTED,
    STATISTICS,
    Across,
    outcomes,
    summarise,
    tabulate,
)
from scb.claims.verdict import Bar, Claim, Part, judge
from scb.store import tables

LOWER = Bar(0.9, "below", none=1)


def claims(value, own=True):
    """C1 by values all alike, C2 by a share, and a claim of our own."""
    runs = np.full(128, value)
    c1 = (
        Part(r"$\|A - Q\|_\mu$, proximal / SGD", LOWER, Median(runs), Median(np.append(runs, 2.0))),
        Part("beside", None, Median(runs)),
    )
    found = [
        Claim("C1", r"Lower $\|A - Q\|_\mu$ and $\|V - P\|_\mu$.", "fig1_convergence", c1),
        Claim("C2", "Few.", "transfer", (Part("share", Bar(0.5, "below"), Share(runs < 0.6)),)),
    ]
    if own:
        found.append(Claim("B1", "Ours.", "", (Part("y", LOWER, Median([1.0])),), paper=False))
    return found


@pytest.fixture
def judged():
    return {PRINTED: judge(claims(0.95)), BEST: judge(claims(0.5, own=False))}


@pytest.fixture
def written(judged, tmp_path):
    """Both tables as read again."""
    across = {"C1": Across(0.25, 0.7, 0.05, "eta")}
    tables.write(summarise(judged, across), tmp_path / "claims.parquet", CLAIMS, {})
    tables.write(tabulate(judged), tmp_path / "statistics.parquet", STATISTICS, {})
    return (
        tables.read(tmp_path / "claims.parquet", CLAIMS),
        tables.read(tmp_path / "statistics.parquet", STATISTICS),
    )


def test_row_of_a_claim(written):
    row = written[0].set_index("id").loc["C1"]
    assert (row["printed"], row["best"]) == ("not reproduced", "reproduced")
    assert row["printed_outcomes"] == "1 refuted (the right way, but smaller)"
    assert row["best_outcomes"] == "1 shown"
    assert (row["printed_estimate"], row["best_estimate"]) == (0.95, 0.5)
    assert row["printed_quarters"] == "; ".join(["not reproduced"] * 4)
    assert (row["shown"], row["refuted"], row["dimension"]) == (0.25, 0.7, "eta")
    assert row["stable"]


def test_claim_without_a_best_setting_or_readings(written):
    row = written[0].set_index("id").loc["B1"]
    assert row[["best", "best_outcomes", "best_estimate", "shown", "dimension"]].isna().all()
    assert row["printed"] == "undecided"


def test_statistics_of_both_settings(written):
    frame = written[1]
    assert frame.groupby("setting", sort=False).size().to_dict() == {PRINTED: 4, BEST: 3}
    first = frame.iloc[0]
    assert first["values"].tolist() == [0.95] * 128
    assert (first["replicates"], first["all_replicates"]) == (128, 129)


def test_printed_alone_fits_the_schema(judged, tmp_path):
    del judged[BEST]
    tables.write(summarise(judged, {}), tmp_path / "claims.parquet", CLAIMS, {})
    found = tables.read(tmp_path / "claims.parquet", CLAIMS)
    assert found["best"].isna().all()
    assert "| at its best |" in table(found, "figures")


def test_short_table_has_a_row_per_claim(written):
    block = table(written[0], "figures")
    rows = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in block.splitlines()
        if line.startswith("|")
    ]
    assert [row[0] for row in rows[2:]] == ["C1", "C2", "B1"]
    first = dict(zip(rows[0], rows[2], strict=True))
    assert first["as printed"] == "**not reproduced**: 1 refuted (the right way, but smaller)"
    assert first["at its best"] == "**reproduced**: 1 shown"
    assert first["across readings"] == "25% reproduced, 70% not, 5% undecided; eta"
    assert first["stable"] == "yes"
    assert first["bar"].endswith(", proximal / SGD: below 0.9")
    assert first["figure"] == "[figure 1](figures/fig1_convergence.png)"


def test_text_has_every_statistic(written):
    text = render(*written, "figures", note_of(None))
    assert f"\n\n{table(written[0], 'figures')}\n\n" in text
    heads = re.findall("^### (.*)$", text, re.MULTILINE)
    assert heads == ["C1", "C2", "B1"]
    assert "As printed: **not reproduced** (of 4 quarters 4 say so)." in text
    assert "At its best: **reproduced** (of 4 quarters 4 say so)." in text
    assert "| 0.95 [0.95, 0.95] | 128 | 0.95 [0.95, 0.95] | 129 | below 0.9 |" in text
    assert "refuted: the right way, but smaller | 4 refuted |" in text
    assert "| none | reported only |  |" in text


def test_cells_are_never_broken_by_a_norm(written):
    r"""GFM takes ``\|`` within a table for a bar."""
    text = render(*written, "figures", note_of(None))
    tables = [block for block in text.split("\n\n") if "\n|---" in block]
    assert len(tables) > 1
    for one in tables:
        lines = [line for line in one.splitlines() if line.startswith("|")]
        assert not any(r"\|" in line for line in lines)
        assert len({line.count("|") for line in lines}) == 1
    expected = r"| Lower $\lVert A - Q\rVert_\mu$ and $\lVert V - P\rVert_\mu$. |"
    assert expected in text
    assert r"Lower $\|A - Q\|_\mu$ and $\|V - P\|_\mu$." in text  # outside of tables


def test_note_says_at_which_commit_rules_were_fixed():
    assert "fixed at commit `abc123`" in note_of("abc123")
    assert "not fixed yet" in note_of(None)


def test_quarters_that_disagree_are_told(tmp_path):
    part = Part("x", LOWER, Median(np.where(np.arange(128) % 4, 0.5, 1.5)))
    frame = {PRINTED: judge([Claim("C1", "So.", "", (part,))])}
    text = render(summarise(frame, {}), tabulate(frame), "figures", note_of(None))
    assert "| **undecided**: 1 undecided (quarters disagree) |  |  |  | **no** |" in text
    assert "| undecided: quarters disagree | 3 shown, 1 refuted |" in text
    assert "As printed: **undecided** (of 4 quarters 0 say so)." in text


def test_details_are_counted_unless_they_are_of_all():
    parts = pd.DataFrame(
        [("shown", ""), ("refuted", "no effect"), ("refuted", ""), ("undecided", "x")],
        columns=["outcome", "detail"],
    )
    assert outcomes(parts) == "1 shown, 2 refuted (1 no effect), 1 undecided (x)"
