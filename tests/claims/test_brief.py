"""The claims in brief: each once, under what reproduces it, as many as are counted."""

import re

import pandas as pd
import pytest

from scb.claims.brief import GROUPS, brief, group
from scb.claims.tables import CLAIMS
from scb.claims.verdict import NOT_REPRODUCED, REPRODUCED, UNDECIDED

YES, NO, OPEN = REPRODUCED, NOT_REPRODUCED, UNDECIDED


def table(verdicts, **columns):
    """Claims C1, C2, ... by their verdicts as printed, at their best and with a change."""
    rows = [
        {
            "id": f"C{number}",
            "claim": f"Sentence {number}.",
            "figure": "fig1_convergence",
            "paper": True,
            "stable": True,
            **dict(zip(("printed", "best", "changed"), found, strict=True)),
            "best_said": r"$B = 10^7$" if found[1] else None,
            "changed_said": r"$\lambda = 10^{-4}$" if found[2] else None,
        }
        for number, found in enumerate(verdicts, 1)
    ]
    return pd.DataFrame(rows).reindex(columns=CLAIMS.names).assign(**columns)


@pytest.mark.parametrize(
    ("verdicts", "found"),
    [
        ((YES, NO, NO), "printed"),
        ((NO, YES, YES), "best"),
        ((NO, NO, YES), "changed"),
        ((OPEN, None, YES), "changed"),
        ((NO, OPEN, None), NO),
        ((OPEN, NO, NO), OPEN),
    ],
)
def test_group_is_the_first_setting_that_reproduces(verdicts, found):
    assert group(table([verdicts]).iloc[0]) == found


def test_each_claim_stands_once_under_its_heading():
    verdicts = [(YES, None, None), (NO, YES, NO), (NO, NO, YES), (NO, NO, None), (OPEN, None, None)]
    text = brief(table(verdicts), "../figures", "claims.md")
    headings = re.findall(r"^\*\*(.*): (\d+)\*\*$", text, re.MULTILINE)
    assert headings == [(heading, "1") for heading in GROUPS.values()]
    assert re.findall(r"^- \[(C\d)\]\(claims\.md#c\d\) Sentence", text, re.MULTILINE) == [
        f"C{number}" for number in range(1, 6)
    ]
    assert "1 of the paper's 5 claims is reproduced**, 3 not reproduced and 1 undecided." in text
    assert text.count("[figure 1](../figures/fig1_convergence.png)") == 5


def test_what_differs_is_said_of_the_setting_that_reproduces_and_of_no_other():
    text = brief(table([(YES, YES, YES), (NO, YES, YES), (NO, NO, YES), (NO, NO, NO)]), ".", "x.md")
    lines = {line[3:5]: line for line in text.splitlines() if line.startswith("- ")}
    assert ["Chosen: $B = 10^7$." in lines[f"C{n}"] for n in range(1, 5)] == [0, 1, 0, 0]
    assert [r"Changed: $\lambda = 10^{-4}$." in lines[f"C{n}"] for n in range(1, 5)] == [0, 0, 1, 0]


def test_empty_headings_are_left_out():
    text = brief(table([(YES, None, None)]), ".", "claims.md")
    assert re.findall(r"^\*\*(.*?): \d", text, re.MULTILINE) == ["Reproduced as printed"]


def test_own_claims_are_counted_apart():
    own = table([(YES, None, None), (NO, None, None)], paper=False).replace(
        {"C1": "B1", "C2": "B2"}
    )
    text = brief(pd.concat([table([(YES, None, None)]), own]), ".", "claims.md")
    assert "1 of the paper's 1 claims is reproduced**, 0 not reproduced and 0 undecided." in text
    assert "**What the replication adds: 1 of 2 shown**" in text
    assert re.search(r"^- \[B1\].*\*Shown\.\*", text, re.MULTILINE)
    assert re.search(r"^- \[B2\].*\*Refuted\.\*", text, re.MULTILINE)


def test_a_verdict_on_which_quarters_disagree_says_so():
    text = brief(table([(YES, None, None)], stable=False), ".", "claims.md")
    assert "*Quarters of the runs disagree.*" in text
