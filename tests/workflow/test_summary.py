"""The README's answer says what the published tables say, or is not filled."""

import re

import pytest
from project import CONFIG, ROOT

from scb.claims.tables import CLAIMS
from scb.settings.whole import Settings
from scb.store import tables
from workflow import summary
from workflow.published import GALLERY, Published

SETTINGS = Settings.model_validate(CONFIG)


@pytest.fixture(scope="module")
def published():
    return Published.read(ROOT)


@pytest.fixture
def filled(tmp_path):
    """Fill sentences from the project's own tables."""

    def fill(sentences, change=lambda claims: None):
        for name in ("docs", "workflow"):
            (tmp_path / name).mkdir(exist_ok=True)
        for name in ("gallery", "tuning"):
            (tmp_path / "docs" / name).mkdir(exist_ok=True)
            for path in (ROOT / "docs" / name).glob("*.parquet"):
                (tmp_path / "docs" / name / path.name).write_bytes(path.read_bytes())
        path = tmp_path / GALLERY / "claims.parquet"
        claims, setting = tables.read(path, CLAIMS), tables.setting(path)
        change(claims)
        tables.write(claims, path, CLAIMS, setting)
        (tmp_path / summary.SENTENCES).write_text(sentences)
        return summary.summary(tmp_path, SETTINGS)

    return fill


def test_no_number_of_a_result_is_typed():
    text = (ROOT / summary.SENTENCES).read_text()
    prose = re.sub(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", "", text, flags=re.DOTALL)
    # Lines are numbered; figures, a stage, a panel and a page are named.
    names = r"^\d\. |[Ff]igures? \d( and \d)?|Stage 1|N = 20|stage1\.md"
    prose = re.sub(names, "", prose, flags=re.MULTILINE)
    assert re.findall(r"\d\S*", prose) == []


def test_every_number_is_that_of_its_key(published, filled):
    row = published.statistics.iloc[0]
    key = f'"{row["id"]}", "{row["statistic"]}", "{row["setting"]}"'
    text = filled(f"{{{{ estimate({key}) | digits }}}} over {{{{ runs({key}) }}}}")
    assert text == f"{row['estimate']:.3g} over {row['replicates']}"


@pytest.mark.parametrize(
    ("sentence", "fault"),
    [
        ('{{ said_of("reproduced", "printed", "C3") }}', "C3 is said to be reproduced, printed"),
        ('{{ number_of("not reproduced", "printed", "C3") }}', "and not said"),
        ('{{ readings_without("C3") }}', "C3 is said to be reproduced in no reading"),
        ('{{ said_of("reproduced", "tomorrow", "C3") }}', "no verdict on C3, tomorrow"),
        ('{{ said_of("reproduced", "printed", "C99") }}', "no claim C99"),
        ('{{ estimate("C3", "its weight") }}', "no statistic 'its weight' of C3, printed"),
        ("{{ weight }}", "'weight' is undefined"),
        ("{{ 1 + }}", "unexpected"),
    ],
)
def test_sentence_that_is_no_longer_true_ends_in_one_line(filled, sentence, fault):
    def change(claims):
        claims.loc[claims["id"] == "C3", ["printed", "shown"]] = ["not reproduced", 0.5]

    with pytest.raises(ValueError, match=re.escape(fault)) as raised:
        filled(sentence, change)
    assert str(raised.value).startswith("workflow/summary.md.jinja: ")
    assert "\n" not in str(raised.value)


def test_number_of_claims_with_a_verdict_counts_all(published, filled):
    found = published.with_verdict("reproduced")
    names = ", ".join(f'"{claim}"' for claim in found)
    said = filled(f'{{{{ number_of("reproduced", "printed", {names}) }}}} of {{{{ claims }}}}')
    assert said == f"{len(found)} of {published.claims['paper'].sum()}"
    assert 0 < len(found) < published.claims["paper"].sum()


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0%"), (0.004, "under 1%"), (0.476, "48%"), (0.996, "over 99%"), (1, "100%")],
)
def test_percent_of_all_and_of_none_are_exact(number, text):
    assert summary.percent(number) == text


@pytest.mark.parametrize(("number", "text"), [(1e-5, "10^{-5}"), (2e-7, r"2 \cdot 10^{-7}")])
def test_powers_of_ten(number, text):
    assert summary.power(number) == text
