"""What the repository shows of the results."""

import shutil

import pytest
from project import CONFIG, FIGURES, ROOT

from scb.analysis.tables import MULTIVERSE
from scb.claims.markdown import note_of, render, table
from scb.claims.operating import ERROR, POWER, operating
from scb.claims.samples import Median
from scb.claims.tables import CLAIMS, JUDGED, PRINTED, STATISTICS, summarise, tabulate
from scb.claims.verdict import Bar, Claim, Part, judge
from scb.settings.whole import Settings
from scb.store import tables
from workflow import gallery as showing
from workflow.gallery import FILLED, TUNED, TUNING, faults, refresh, replicates, shown
from workflow.published import UNIVERSES
from workflow.settings import digests
from workflow.summary import SENTENCES

SETTINGS = Settings.model_validate(CONFIG)
BEGIN, END = FILLED[0].marks
RESULTS = FILLED[0].document


def write(results, name, claim, digest=""):
    """Both tables of one claim."""
    judged = {PRINTED: judge([claim])}
    stored = {"digest": digest, "fixed": None}
    tables.write(summarise(judged, {}), results / f"{name}.parquet", CLAIMS, stored)
    tables.write(tabulate(judged), results / f"{JUDGED[name]}.parquet", STATISTICS, stored)


def claim_of(name, sentence, figure):
    part = Part("x", Bar(0, "above"), Median([1]), section="convergence")
    return Claim(name, sentence, figure, (part,))


@pytest.fixture
def root(tmp_path):
    """A repository with results of one claim and one figure."""
    write(tmp_path / "results", "claims", claim_of("C1", "All is one.", "fig1_convergence"))
    (tmp_path / "results/claims.provenance.json").write_text("{}")
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/fig1_convergence.png").write_bytes(b"ink")
    (tmp_path / RESULTS).parent.mkdir()
    (tmp_path / RESULTS).write_text(f"Before.\n\n{BEGIN}\nold\n{END}\n\nAfter.\n")
    shutil.copy2(ROOT / "docs/rebased.md", tmp_path / "docs")  # which its claims are filled into
    return tmp_path


def test_gallery_and_results_show_the_claims(root):
    for _ in range(2):  # the second time changes nothing
        refresh(root, root / "results", root / "figures")
        gallery = root / "docs/gallery"
        claims = tables.read(gallery / "claims.parquet", CLAIMS)
        verdicts = table(claims, "gallery")
        assert "| [figure 1](gallery/fig1_convergence.png) |" in verdicts
        assert (root / RESULTS).read_text() == (
            f"Before.\n\n{BEGIN}\n{verdicts}\n{END}\n\nAfter.\n"
        )
        statistics = tables.read(gallery / "statistics.parquet", STATISTICS)
        assert (gallery / "claims.md").read_text() == render(claims, statistics, ".", note_of(None))
        assert (gallery / "claims.provenance.json").read_text() == "{}"
        assert (gallery / "fig1_convergence.png").read_bytes() == b"ink"


def test_what_was_not_made_again_stays(root, monkeypatch):
    write(root / "results", "rebased_claims", claim_of("K1", "Two is more.", "rebased"))
    refresh(root, root / "results", root / "figures")
    (root / "results/rebased_claims.parquet").unlink()
    monkeypatch.setitem(
        showing.NOTES, "rebased_claims", lambda fixed: f"Judged otherwise: {fixed}."
    )
    refresh(root, root / "results", root / "figures")
    assert (
        "\n\nJudged otherwise: None.\n\n" in (root / "docs/gallery/rebased_claims.md").read_text()
    )
    assert shown(root).index("| C1 |") < shown(root).index("| K1 |")
    assert f"{BEGIN}\n{shown(root)}\n{END}" in (root / RESULTS).read_text()


@pytest.mark.parametrize("text", ["", BEGIN, f"{END}\n{BEGIN}", 2 * f"{BEGIN}\n{END}\n"])
def test_document_without_its_marks_is_left_alone(root, text):
    (root / RESULTS).write_text(text)
    with pytest.raises(ValueError, match="once each"):
        refresh(root, root / "results", root / "figures")
    assert (root / RESULTS).read_text() == text
    assert not (root / "docs/gallery").exists()


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
        write(root / "results", name, claim_of("C1", "All is one.", "transfer"), wanted[name])
    refresh(root, root / "results", root / "figures")
    assert list(faults(root)) == []
    return root


def test_figures_that_are_missing_or_of_none_are_told(current):
    (current / "docs/gallery/transfer.png").rename(current / "docs/gallery/transfers.png")
    assert list(faults(current)) == [
        "docs/gallery/transfer.png is missing",
        "docs/gallery/transfers.png is of no figure",
    ]


def test_second_paper_need_not_be_published(current):
    for half in ("rebased", "language"):
        for folder in ("docs/gallery", "figures"):
            (current / folder / f"{half}.png").unlink()
        assert list(faults(current)) == [f"docs/gallery/{half}.png is missing"]
        for folder in ("docs/gallery", "results"):
            (current / folder / f"{half}_claims.parquet").unlink()
        refresh(current, current / "results", current / "figures")
        assert list(faults(current)) == []


def test_claims_of_other_settings_are_told(current):
    before = (current / "config.yaml").read_text()
    after = before.replace(f"\nseed: {SETTINGS.seed}\n", "\nseed: 1\n")
    assert after != before
    (current / "config.yaml").write_text(after)
    assert list(faults(current)) == [
        f"docs/gallery/{name}.parquet was judged at other settings" for name in JUDGED
    ]


def test_text_that_is_not_of_its_table_is_told(current):
    with (current / "docs/gallery/claims.md").open("a") as document:
        document.write("And more.\n")
    results = current / RESULTS
    results.write_text(results.read_text().replace("All is one.", "All is two."))
    assert list(faults(current)) == [
        "docs/gallery/claims.md is not what claims.parquet says",
        "docs/results.md is not what docs/gallery/claims.parquet says (claims)",
    ]
    results.write_text("Nothing here.\n")
    assert list(faults(current))[1:] == [
        f"docs/results.md needs {BEGIN} and {END}, once each",
    ]


@pytest.fixture
def answered(current):
    """The same, with a README whose one sentence is filled."""
    (current / UNIVERSES).parent.mkdir()
    few = tables.read(ROOT / UNIVERSES, MULTIVERSE).head(8)
    tables.write(few, current / UNIVERSES, MULTIVERSE, {})
    (current / SENTENCES).write_text('{{ said_of("undecided", "printed", "C1") }} is open.')
    for document in {one.document for one in FILLED if one.source in (UNIVERSES, SENTENCES)}:
        marks = (mark for one in FILLED if one.document == document for mark in one.marks)
        (current / document).write_text("\n".join(marks))
    refresh(current, current / "results", current / "figures")
    assert "\nC1 is open.\n" in (current / "README.md").read_text()
    assert list(faults(current)) == []
    return current


def test_answer_that_is_not_of_the_tables_is_told(answered):
    readme = answered / "README.md"
    readme.write_text(readme.read_text().replace("C1", "C2"))
    assert list(faults(answered)) == [f"README.md is not what {SENTENCES} says (summary)"]


def test_sentence_that_is_no_longer_true_is_not_filled(answered):
    before = (answered / "README.md").read_text()
    (answered / SENTENCES).write_text('{{ said_of("reproduced", "printed", "C1") }} is so.')
    fault = f"{SENTENCES}: C1 is said to be reproduced, printed: it is undecided"
    assert list(faults(answered)) == [fault]
    (answered / RESULTS).write_text("\n".join(FILLED[0].marks))
    with pytest.raises(ValueError, match=fault):
        refresh(answered, answered / "results", answered / "figures")
    assert (answered / "README.md").read_text() == before
    assert "All is one." in (answered / RESULTS).read_text()  # all else is filled


# --- Operating characteristics --------------------------------------------------------


def test_operating_characteristics_follow_from_tuning_runs(current):
    assert not (current / showing.OPERATING).exists()
    (current / TUNING).parent.mkdir(parents=True)
    shutil.copyfile(current / "results/statistics.parquet", current / TUNING)
    assert list(faults(current)) == []  # nothing was tuned, as far as the repository knows
    refresh(current, current / "results", current / "figures")
    assert (current / TUNED).exists()
    page = (current / showing.OPERATING).read_text()
    assert f"| printed | C1 | x | {replicates(SETTINGS)['convergence']} |" in page
    assert list(faults(current)) == []
    (current / showing.OPERATING).write_text("Otherwise.\n")
    assert list(faults(current)) == [
        "docs/operating.md is not what statistics.parquet and config.yaml say"
    ]


def test_replicates_are_those_of_each_section():
    found = replicates(SETTINGS)
    assert found["convergence"] == SETTINGS.training["convergence"].replicates
    assert found.keys() >= {*SETTINGS.simulation, *SETTINGS.attention, "transfer"}


@pytest.mark.skipif(
    not (ROOT / TUNED).exists(), reason=f"no tuning runs were published yet: {TUNED} is missing"
)
def test_every_statistic_can_be_decided_by_the_configured_replicates():
    found = operating(tables.read(ROOT / TUNED, STATISTICS), replicates(SETTINGS))
    weak = found[(found["power"] < POWER) | (found["error"] > ERROR)]
    assert weak[["setting", "id", "statistic", "power", "error", "needed"]].to_dict("records") == []
