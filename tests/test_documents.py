"""What the documents name exists, and the map of the rooms is true."""

import importlib
import re
import subprocess
from pathlib import Path

import pytest
from test_house import GRAPH, room

from scb.learning.metrics import METRICS

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
FOLDERS = "scb|workflow|tests|docs|benchmarks|presets|profiles"

COLUMNS = {"test_accuracy", "test_bits", *METRICS}
"""Of tables: some are called as tests are."""

each_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=[str(document.relative_to(ROOT)) for document in DOCUMENTS]
)


@each_document
def test_linked_files_exist(document):
    for link in re.findall(r"\]\(([^)]+)\)", document.read_text()):
        if "://" not in link:
            assert (document.parent / link.replace("\\", "")).exists(), link


@each_document
def test_named_files_exist(document):
    text = document.read_text()
    # What a worked example adds is not there yet.
    added = set(re.findall(r"^`([\w./]+)`\n\n```(?!diff)", text, re.MULTILINE))
    for path in re.findall(rf"(?<![\w/.-])(?:{FOLDERS})/[\w./-]*\w", text):
        assert path in added or (ROOT / path).exists(), path


@each_document
def test_named_objects_exist(document):
    for name in re.findall(r"`(scb\.[\w.]*\w)`", document.read_text()):
        parts = name.split(".")
        modules = (parts[:count] for count in range(len(parts), 0, -1))
        module = next(head for head in modules if _is_module(head))
        found = importlib.import_module(".".join(module))
        for attribute in parts[len(module) :]:
            found = getattr(found, attribute)


@each_document
def test_named_tests_exist(document):
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    for name in set(re.findall(r"`(test_\w+)`", document.read_text())) - COLUMNS:
        assert f"def {name}(" in tests, name


def test_index_has_a_line_for_each_page():
    index = ROOT / "docs/README.md"
    listed = re.findall(r"^- \[(.*)\]\((.*)\): \w", index.read_text(), re.MULTILINE)
    docs = ROOT / "docs"
    found = (*docs.rglob("*.md"), *docs.glob("*.py"), *docs.rglob("*.pdf"))
    pages = {str(page.relative_to(docs)) for page in found}
    assert sorted(target for _, target in listed) == sorted(pages - {index.name})
    assert all(name == target for name, target in listed)


def test_all_that_a_run_survives_has_a_test():
    text = (ROOT / "docs/reliability.md").read_text()
    header, _, *rows = re.findall(r"^\|(.*)\|$", text, re.MULTILINE)
    assert header.split("|")[-1].strip() == "the test"
    assert len(rows) > 30
    for row in rows:
        assert re.search(r"`(test_\w+|tests/[\w/]+\.py|make [\w-]+)`", row.split("|")[-1]), row


def _is_module(parts: list[str]) -> bool:
    path = ROOT.joinpath(*parts)
    return path.is_dir() or path.with_suffix(".py").exists()


def test_make_targets_exist():
    named = {
        target
        for document in DOCUMENTS
        for targets in re.findall(
            r"(?:`|^)make ([a-z][a-z -]*)", document.read_text(), re.MULTILINE
        )
        for target in targets.split()
    }
    assert named
    command = ["make", "--dry-run", *sorted(named)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert "No rule" not in done.stderr, done.stderr


def rooms() -> dict[str, set[str]]:
    """The map in docs/architecture.md: what each room may import from, in the order of the rows."""
    text = (ROOT / "docs/architecture.md").read_text()
    found: dict[str, set[str]] = {}
    row = re.compile(r"^\| \[(\w+)\]\(\.\./scb/[\w.]+\) \|.*\| (.*)\|$", re.MULTILINE)
    for name, names in row.findall(text):
        stated = names.strip()
        found[name] = set(
            found if stated == "all rooms above" else filter(None, stated.split(", "))
        )
    return found


def imports() -> dict[str, set[str]]:
    """The rooms that each room imports from."""
    found: dict[str, set[str]] = {}
    for module, others in GRAPH.items():
        if (here := room(module)) is not None:
            found.setdefault(here, set()).update(filter(None, map(room, others)))
    return {here: names - {here} for here, names in found.items()}


def test_every_room_is_in_the_map():
    assert rooms().keys() == imports().keys()


def test_rooms_import_what_the_map_allows():
    for name, names in imports().items():
        assert names <= rooms()[name], name


def test_rooms_stand_below_what_they_import_from():
    order = list(rooms())
    for name, names in rooms().items():
        assert names <= set(order[: order.index(name)]), name
