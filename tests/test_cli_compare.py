"""``python -m scb compare``: what is printed, drawn and refused."""

from pathlib import Path

import pytest

from scb import cli
from scb.store import tables

GALLERY = Path(__file__).parents[1] / "docs/gallery"
SMALL = "--states 3 --length 40 --batch 8 --steps 30 --replicates 3 --seed 5 --log-interval 10"
RATES = "--boost-steps 10 --boost-rate 0.05 --rate 0.02"


@pytest.fixture(scope="module")
def folders(tmp_path_factory, without_rendering):
    """Two runs of `train` that differ in lambda alone."""
    root = tmp_path_factory.mktemp("compare")
    for name, penalty in (("a", "1e-3"), ("b", "1e-2")):
        options = f"train {SMALL} {RATES} --penalty {penalty} --output {root / name}"
        with without_rendering():
            assert cli.main(options.split()) == 0
    return root / "a", root / "b"


def compare(*words):
    return cli.main(["compare", *map(str, words)])


def test_a_changed_setting_is_told_and_its_curves_are_drawn(
    folders, tmp_path, capsys, without_rendering
):
    output = tmp_path / "both.pdf"
    assert compare(*folders, "--output", output) == 0
    told = capsys.readouterr().out.splitlines()
    assert told == [
        f"{folders[0]} | {folders[1]}",
        "settings that differ: 1",
        "  optimizers.proximal.penalty: 0.001 | 0.01 (curves, states)",
        "verdicts that differ: 0",
        "outcomes that differ: 0",
        "curves that differ: 1 of 1 sections",
        f"  curves: drawn in {output}",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["both.pdf", "both.png"]
    with without_rendering():
        assert compare(*folders, "--output", output) == 0  # over its own


def test_a_folder_differs_in_nothing_from_itself(folders, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert compare(folders[0], folders[0]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[2] for line in told[1:]] == ["0", "0", "0", "0 of 1 sections"]
    assert not list(tmp_path.iterdir())


def test_published_verdicts_need_no_curves(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert compare(GALLERY, GALLERY) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "curves that differ: 0 of 0 sections"


@pytest.mark.usefixtures("unrendered")
@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("{a} none", "none is no folder"),
        ("{a} {b}/curves.parquet", "curves.parquet is no folder"),
        ("{a} {gallery}", "have no table of the same path in common"),
        ("{a} {b} --output x.png", "--output must end in .pdf, not x.png"),
        ("{a} {b} --output there.pdf", "there.pdf is there, and not of this command"),
        ("{a} {b} --output {a}/curves.parquet/x.pdf", "x.pdf: cannot be written: "),
        ("{a} broken", "broken/curves.parquet: not a complete Parquet file"),
    ],
)
def test_what_cannot_be_compared_ends_in_one_line(
    folders, tmp_path, capsys, monkeypatch, words, fault
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.pdf").write_text("a paper")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken/curves.parquet").write_text("no table")
    a, b = folders
    assert compare(*words.format(a=a, b=b, gallery=GALLERY).split()) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("python -m scb compare: ")
    assert fault in line
    assert (tmp_path / "there.pdf").read_text() == "a paper"
    assert tables.setting(a / "curves.parquet")["states"] == 3
