"""The article: what it says follows from its tables, and no number in it is typed by hand."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import typst
import yaml

from scb.claims.tables import CLAIMS
from scb.experiments.article import facts_of, lay_out, records, to_json, typeset, universes
from scb.experiments.closed_forms import closed_forms
from scb.experiments.tasks import draw_tasks
from scb.settings.claims import ClosedForms, Writing
from scb.settings.training import Tasks
from scb.settings.whole import Settings
from scb.store import tables

ROOT = Path(__file__).parents[2]
GALLERY = ROOT / "docs/gallery"
TEXT = sorted((ROOT / "workflow/article").iterdir())
ARTICLE, FACTS, LAYOUT, *_ = (file.read_text(encoding="utf-8") for file in TEXT)
SETTINGS = Settings.model_validate(yaml.safe_load((ROOT / "config.yaml").read_text()))
WRITING = Writing.of(SETTINGS, reported=SETTINGS.multiverse.switch_signal)


@pytest.fixture(scope="session")
def closed(tmp_path_factory):
    """Closed forms of the published settings, over fewer tasks."""
    folder = tmp_path_factory.mktemp("closed")
    section = SETTINGS.training[SETTINGS.claims.printed.convergence]
    section = section.model_copy(update={"replicates": 48})
    draw_tasks(Tasks.of(section), folder / "tasks.parquet")
    closed_forms(ClosedForms.of(section), folder / "tasks.parquet", folder / "forms.parquet")
    return folder / "forms.parquet"


@pytest.fixture(scope="session")
def published(closed):
    """What the article knows of the published results."""
    found = facts_of(
        WRITING,
        GALLERY / "claims.parquet",
        GALLERY / "statistics.parquet",
        closed,
        ROOT / "docs/tuning/multiverse.parquet",
        GALLERY / "claims.parquet",
    )
    return to_json(found | {"figures": {}})


@pytest.fixture
def facts(published):
    """The same, to be changed."""
    return json.loads(published)


def printed(facts, folder):
    """The PDF."""
    (folder / "facts.json").write_text(json.dumps(facts))
    return typeset(TEXT, folder / "facts.json", [])


def differing(facts, folder):
    """What the text asserts and the facts do not bear out."""
    (folder / "facts.json").write_text(json.dumps(facts))
    root = folder / "laid"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    lay_out(root, TEXT, folder / "facts.json", [])
    return json.loads(
        typst.query(
            root / TEXT[0].name, "<differs>", field="value", root=root, ignore_system_fonts=True
        )
    )


def test_it_says_what_the_published_tables_say(facts, tmp_path):
    assert facts["published"]
    assert differing(facts, tmp_path) == []


def test_a_verdict_that_is_another_one_is_marked(facts, tmp_path):
    facts["claims"]["C3"]["printed"] = "undecided"
    found = set(differing(facts, tmp_path))
    assert found == {"C3, said to be reproduced as printed, is undecided"}
    assert printed(facts, tmp_path).startswith(b"%PDF")


def test_a_number_that_bears_no_sentence_is_marked(facts, tmp_path):
    facts["closed_forms"]["balancing_penalty"]["median"] = 1.1e-5
    (found,) = differing(facts, tmp_path)
    assert "the printed lambda is far below the balancing one" in found


def test_a_missing_number_ends_in_one_line(facts, tmp_path):
    del facts["statistics"]["C2"]["printed"][
        "‖A−Q‖_μ at the last step, SGD at the small η₂′ / proximal"
    ]
    with pytest.raises(
        ValueError, match=r"^.*article\.typ:\d+: the results have no C2 printed: ‖A−Q‖"
    ) as fault:
        printed(facts, tmp_path)
    assert "\n" not in str(fault.value)
    del facts["closed_forms"]["gain_over_noise"]
    with pytest.raises(ValueError, match="there is no closed form gain_over_noise"):
        printed(facts | {"published": False}, tmp_path)


def test_at_other_settings_what_is_absent_is_marked(facts, tmp_path):
    """As with `make quick`, without multiverse, and where statistics have no run."""
    facts |= {"published": False, "universes": None}
    facts["settings"]["claims"] |= {"best": None, "changed": None, "fixed": None}
    for claim in facts["claims"].values():
        claim |= {"best": None, "changed": None}
    for statistics in facts["statistics"].values():
        statistics.pop("best", None)
        statistics.pop("changed", None)
        for row in statistics["printed"].values():
            row |= {"estimate": None, "low": "-inf", "high": "inf"}
    del facts["settings"]["training"]["convergence"]["optimizers"]["sgd_small"]
    facts["settings"]["training"]["convergence"]["optimizers"]["proximal"]["penalty"] = 0.0
    for row in facts["closed_forms"].values():
        row["median"] = None
    found = differing(facts, tmp_path)
    assert "C1, said to be reproduced at its best, is not judged" in found
    assert any("there is no C1 printed: ‖A−Q‖_μ at the last step" in said for said in found)
    assert printed(facts, tmp_path).startswith(b"%PDF")


def test_the_same_facts_give_the_same_bytes_wherever_they_lie(facts, tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
    made = printed(facts, one)
    assert made == printed(facts, other)
    for word in (b"CreationDate", b"ModDate", str(tmp_path).encode(), b"/tmp"):
        assert word not in made


# --- The facts -------------------------------------------------------------------------


def test_facts_are_the_tables(facts):
    claims = pd.read_parquet(GALLERY / "claims.parquet").set_index("id")
    assert facts["claims"]["C1"]["printed"] == claims.loc["C1", "printed"]
    assert facts["claims"]["B1"]["best"] is None
    statistics = pd.read_parquet(GALLERY / "statistics.parquet")
    for row in statistics.to_dict("records"):
        told = facts["statistics"][row["id"]][row["setting"]][row["statistic"]]
        for name in ("estimate", "low", "high"):
            assert float(told[name]) == row[name]
    assert facts["statistics"]["C2"]["best"]


def test_other_settings_are_not_the_published_ones(closed, tmp_path):
    frame = tables.read_arrow(GALLERY / "claims.parquet", CLAIMS)
    tables.write(frame, tmp_path / "claims.parquet", CLAIMS, {"digest": "other"})
    found = facts_of(
        WRITING,
        tmp_path / "claims.parquet",
        GALLERY / "statistics.parquet",
        closed,
        None,
        GALLERY / "claims.parquet",
    )
    assert not found["published"]
    assert found["universes"] is None


def test_universes_are_counted():
    table = pd.read_parquet(ROOT / "docs/tuning/multiverse.parquet")
    found = universes(table)
    assert found["count"] == len(table)
    assert found["C1"]["shares"]["shown"] == (table["C1"] == "shown").mean()
    raw = table[table["baseline"] == "raw"]
    assert found["options"]["baseline"]["C1"]["raw"]["refuted"] == (raw["C1"] == "refuted").mean()
    met = table[found["most"]["met"]].all(axis=1)
    assert found["most"]["universes"] == met.sum()
    assert not table[found["never"]].any(axis=None)


def test_json_knows_what_is_infinite_and_what_is_not_there():
    rows = records(pd.DataFrame({"x": [1.5, float("nan"), float("-inf")]}))
    assert [row["x"] for row in json.loads(to_json({"rows": rows}))["rows"]] == [1.5, None, "-inf"]


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ("digits(0.9216)", "0.92"),
        ("digits(0.7)", "0.70"),
        ("digits(0.0996)", "0.10"),
        ("digits(3.67)", "3.7"),
        ("digits(99.7)", "100"),
        ("digits(23251.3)", "23\u2009000"),
        ("digits(-1.26)", "\u22121.3"),
        ("digits(none)", "n/a"),
        ("exact(5000)", "5000"),
        ("exact(100000)", "100\u2009000"),
        ("exact(0.005)", "0.005"),
        ("percent(0.476)", "48%"),
        ("percent(0.0159)", "1.6%"),
        ("in-words(4, capital: true)", "Four"),
        ("in-words(13)", "13"),
    ],
)
def test_numbers_are_printed_as_they_are(facts, tmp_path, expression, shown):
    (tmp_path / "facts.json").write_text(json.dumps(facts))
    shutil.copy(ROOT / "workflow/article/facts.typ", tmp_path)
    (tmp_path / "x.typ").write_text(
        '#import "facts.typ": *\n'
        '#let plain(it) = if type(it) == str { it } else if it.has("text") { it.text }'
        " else { it.children.map(plain).join() }\n"
        f"#metadata(plain({expression}))<x>"
    )
    found = typst.query(tmp_path / "x.typ", "<x>", field="value", one=True, root=tmp_path)
    assert json.loads(found) == shown


# --- The text ----------------------------------------------------------------------------

ALLOWED = (
    r"\b[CB]\d+[a-c]?\b",  # claims
    r"\bStage~\d\b",
    r"\b[Ff]igures?~\d(, \d and\s+\d| and \d)?",  # of the paper
    r"@[\w:]+",
    r"Assumption \d\.\d",
    r"NeurIPS \d{4}, arXiv \d{4}\.\d{5}",
)
WORDS = (
    "three|four|five|six|seven|eight|nine|ten|eleven|twelve|hundred|thousand|half|third|quarter|"
    "tenth|twice|thrice|percent"
)


def prose(text):
    """What is typed in a source for its reader: no comments, no code, but the content in code."""
    text = re.sub(r"(?m)^ *//.*$|^#(?:import|show|bibliography).*$", "", text)
    text = re.sub(r"(?s)```.*?```|`[^`]*`", "", text)
    text = re.sub(r"(?m)^#let .*(?:\n[ }].*)*$", "", text)
    kept, place = [], 0
    while place < len(text):
        code = re.compile(r"#(?:if [^\[]*|[\w.-]*\w|(?=\())").match(text, place)
        if not code:
            kept.append(text[place])
            place += 1
            continue
        place = code.end()
        while (opened := text[place : place + 1]) in ("(", "["):
            end = closing(text, place)
            kept += (
                content(text[place + 1 : end]) if opened == "(" else prose(text[place + 1 : end])
            )
            place = end + 1
            more = re.compile(r" else(?: if [^\[]*)? (?=\[)|\.\w+(?=\()").match(text, place)
            place = more.end() if more else place
    return "".join(kept)


def content(code):
    """The prose in the square brackets of code."""
    place = 0
    while (place := code.find("[", place)) >= 0:
        end = closing(code, place)
        yield prose(code[place + 1 : end])
        place = end + 1


def closing(text, place):
    """Where the bracket closes that is opened at a place."""
    depth = 0
    for at in range(place, len(text)):
        depth += (text[at] in "([{") - (text[at] in ")]}")
        if depth == 0:
            return at
    raise AssertionError(text[place : place + 80])


def typed(text):
    """Numbers of the text that no code makes, or that code only prints."""
    yield from re.findall(r"(?:digits|exact|percent|spaced|in-words)\(\s*-?[\d.]+", text)
    seen = prose(text)
    for allowed in ALLOWED:
        seen = re.sub(allowed, " ", seen)
    # In formulas the small integers of algebra, and one exponent of the theorems.
    formulas = re.findall(r"\$[^$]*\$", seen)
    for formula in formulas:
        algebra = re.sub(r"(?<![\d.])[0-4](?![\d.])|\(N Q\)\^10", " ", formula)
        yield from re.findall(r"[\d.]*\d", algebra)
    outside = re.sub(r"\$[^$]*\$", " ", seen)
    yield from re.findall(r"[\d.]*\d", outside)
    yield from re.findall(rf"\b(?:{WORDS})s?\b", outside, re.IGNORECASE)


def test_no_number_is_typed_by_hand():
    assert list(typed(ARTICLE)) == []
    assert list(typed("\n".join(content(LAYOUT)))) == []


@pytest.mark.parametrize(
    "sentence",
    [
        "It is 0.92 of SGD's.",
        "In 88% of the runs.",
        "At $lambda = 10^(-5)$.",
        "It is #digits(0.92) of SGD's.",
        "About half of the runs.",
        "It is ten times as large.",
        '#says("C1", "reproduced")[The ratio is 0.92.]',
        '#plate("x", [*In 7 runs.*])',
        "#if simulated == none [none] else [at $B = 10^7$]",
    ],
)
def test_a_number_that_is_typed_by_hand_is_seen(sentence):
    assert list(typed(ARTICLE + "\n" + sentence))


def test_every_statistic_that_has_a_name_is_told():
    names = re.findall(r'(?m)^  ([\w-]+): \("[CB]\d+"', FACTS)
    assert len(names) > 20
    assert [name for name in names if f'"{name}"' not in ARTICLE] == []


def test_every_figure_has_a_message_first():
    plates = re.findall(r"#plate\(\"(\w+)\",[^\[]*\[\s*\*", ARTICLE)
    assert len(plates) == ARTICLE.count("#plate(") >= 6
    for plate in plates:
        assert f"@fig:{plate}" in ARTICLE
