"""Real text that every user has: the source files of Python's standard library.

Documents are split by a hash of their names. None is there twice, and no held-out document shares
a run of lines with another split, so that what is judged was not trained on.
"""

import hashlib
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scb.data.seeds import derive

SPLITS = ("train", "validation", "test")
OF_TEN = ("validation", "test")
"""Splits that have one of ten documents each; training has the others."""

RUN = 10
"""Lines, one after the other, by which a document is known again."""

PARTS = 100
"""Documents of a text that is one file."""

SKIPPED = {"test", "tests", "idle_test", "site-packages", "dist-packages"}
"""Folders that are no part of the library, or that some systems install apart from it."""


@dataclass(frozen=True)
class Document:
    """A file, or a part of one.

    Attributes
    ----------
    name : str
        Its path in the library, or the number of its first line in the file.
    text : bytes
    split : str
        One of `SPLITS`.
    """

    name: str
    text: bytes
    split: str


@dataclass(frozen=True)
class Corpus:
    """Documents in the order of their names, or of a file's lines.

    Attributes
    ----------
    documents : list of Document
    duplicates : int
        Documents left out because another one has the same text.
    leaks : int
        Held-out documents left out because they share a run of lines with an earlier split.
    """

    documents: list[Document]
    duplicates: int
    leaks: int

    @property
    def digest(self) -> str:
        """SHA-256 of all names, splits and texts."""
        found = hashlib.sha256()
        for document in self.documents:
            for part in (document.name.encode(), document.split.encode(), document.text):
                found.update(len(part).to_bytes(8, "little") + part)
        return found.hexdigest()

    def texts(self, split: str) -> list[bytes]:
        """Of the documents of a split."""
        return [document.text for document in self.documents if document.split == split]


def standard_library(root: Path | None = None) -> list[tuple[str, bytes]]:
    """Names and texts of the library's source files; by default of the Python that runs."""
    root = Path(sysconfig.get_paths()["stdlib"]) if root is None else root
    found = ((path.relative_to(root), path) for path in root.rglob("*.py"))
    return sorted(
        (inside.as_posix(), path.read_bytes())
        for inside, path in found
        if not SKIPPED & set(inside.parts)
    )


def parts_of(path: Path) -> list[tuple[str, bytes]]:
    """Names and texts of `PARTS` parts of a file, of equally many lines; less if it is shorter."""
    lines = path.read_bytes().splitlines(keepends=True)
    each = -(-len(lines) // PARTS) or 1
    return [
        (f"line {at + 1}", b"".join(lines[at : at + each])) for at in range(0, len(lines), each)
    ]


def split_of(name: str) -> str:
    """The split of a document, by a hash of its name alone."""
    place = derive(0, "corpus", name) % 10
    return OF_TEN[place] if place < len(OF_TEN) else "train"


def assemble(found: Iterable[tuple[str, bytes]]) -> Corpus:
    """Split documents and leave out what is there twice or leaks.

    Training comes first, so what a split shares with it is left out of the split.
    """
    once: dict[bytes, Document] = {}
    count = 0
    for name, text in found:
        count += 1
        once.setdefault(text, Document(name, text, split_of(name)))
    seen: set[int] = set()
    kept: list[Document] = []
    for split in SPLITS:
        mine = [document for document in once.values() if document.split == split]
        if split != SPLITS[0]:
            mine = [document for document in mine if seen.isdisjoint(runs(document.text))]
        kept += mine
        seen.update(run for document in mine for run in runs(document.text))
    places = {document.name: place for place, document in enumerate(once.values())}
    kept.sort(key=lambda document: places[document.name])
    return Corpus(kept, count - len(once), len(once) - len(kept))


def runs(text: bytes) -> Iterator[int]:
    """A hash of each run of `RUN` lines, without blank ones and the space around the others.

    A shorter text is one run. Hashes are of this process alone.
    """
    lines = [stripped for line in text.splitlines() if (stripped := line.strip())]
    for at in range(max(1, len(lines) - RUN + 1)):
        yield hash(tuple(lines[at : at + RUN]))
