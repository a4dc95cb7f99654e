"""Show in the repository what the pipeline wrote: ``python -m workflow.gallery [--check]``.

Copies the figures and the tables of claims, with their provenance, into docs/gallery, and fills
what documents say of them between marks (`FILLED`). Results themselves are not tracked. What has
not been made (the second paper and the extensions are no part of ``all``) is left as it was; its
claims are written from the gallery's own tables, so that their text is never older than the code.
Statistics of a run with presets/tuning.yaml go to docs/tuning, and what they say of the configured
replicates to docs/operating.md. With ``--check`` nothing is written: it tells what is out of date.
"""

import argparse
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import yaml

from scb.analysis import multiverse
from scb.analysis.tables import MULTIVERSE
from scb.claims.markdown import note_of, render, table
from scb.claims.operating import markdown, operating
from scb.claims.tables import CLAIMS, JUDGED, STATISTICS
from scb.dictionary import page as dictionary
from scb.rebased.claims import note_of as recall_note_of
from scb.rebased.language_claims import note_of as language_note_of
from scb.settings.whole import Settings
from scb.store import tables
from workflow import costs, rebased, rulegraph, seeds, speed, summary
from workflow.published import GALLERY, UNIVERSES
from workflow.settings import digests

TUNING, TUNED = Path("tuning/results/statistics.parquet"), Path("docs/tuning/statistics.parquet")
"""Statistics of the tuning runs, where they are made and where they are kept."""
OPERATING = Path("docs/operating.md")
CHOSEN = (UNIVERSES.name, "best.yaml")
"""What `make multiverse` writes that is kept beside the statistics of the tuning runs."""
SUMMARIES = ("rebased.md",)
NOTES = {
    "claims": note_of,
    "rebased_claims": recall_note_of,
    "language_claims": language_note_of,
}
"""By table of claims, how they are judged."""


class Filled(NamedTuple):
    """A part of a document that is written here, between ``<!-- NAME: begin -->`` and its end."""

    document: str
    name: str
    text: Callable[[Path], str]
    """What stands there, by the root of the repository."""
    source: Path
    """What it is made of, among others; where this is missing, the document is left alone."""

    @property
    def marks(self) -> tuple[str, str]:
        """Its first and its last line."""
        return f"<!-- {self.name}: begin -->", f"<!-- {self.name}: end -->"

    def held(self, root: Path) -> str:
        """The document as it is.

        Raises
        ------
        ValueError
            Unless it has both marks, once each and in order.
        """
        text = (root / self.document).read_text(encoding="utf-8")
        begin, end = self.marks
        if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
            raise ValueError(f"{self.document} needs {begin} and {end}, once each")
        return text

    def wanted(self, root: Path) -> str:
        """The document as it should be."""
        begin, end = self.marks
        head, _, rest = self.held(root).partition(begin)
        return f"{head}{begin}\n{self.text(root)}\n{end}{rest.partition(end)[2]}"


def shown(root: Path) -> str:
    """The verdicts of all claims in the gallery, one table after the other, as one."""
    paths = [root / GALLERY / f"{name}.parquet" for name in JUDGED]
    claims = pd.concat(tables.read(path, CLAIMS) for path in paths if path.exists())
    return table(claims, GALLERY.name)


def of_universes(root: Path) -> str:
    """What the table of universes says."""
    return multiverse.markdown(tables.read(root / UNIVERSES, MULTIVERSE))


def answer(root: Path) -> str:
    """Whether the paper holds, in a few sentences."""
    return summary.summary(root, _settings(root))


FILLED = (
    Filled("docs/results.md", "claims", shown, GALLERY / "claims.parquet"),
    Filled("docs/verdicts.md", "seeds", seeds.markdown, seeds.EARLIER),
    Filled("docs/multiverse.md", "universes", of_universes, UNIVERSES),
    Filled("docs/architecture.md", "rules", rulegraph.picture, Path("Snakefile")),
    Filled("docs/kernels.md", "speed", speed.tables, speed.RECORD),
    Filled("README.md", "speed", speed.sentence, speed.RECORD),
    Filled("docs/data.md", "dictionary", lambda root: dictionary(), Path("scb/dictionary.py")),
    Filled("docs/rebased.md", "rates", rebased.rates, rebased.RATES),
    Filled("docs/rebased.md", "chances", rebased.chances, rebased.CHANCES),
    Filled("docs/rebased.md", "outcomes", rebased.outcomes, rebased.VERDICTS),
    # Last: it stops where a sentence is no longer true.
    Filled("README.md", "summary", answer, summary.SENTENCES),
)


def refresh(root: Path, results: Path, figures: Path) -> None:
    """Bring docs and the README under ``root`` up to date.

    Raises
    ------
    ValueError
        If a table of claims cannot be read, a document lacks a mark, or a sentence of the README
        has another verdict than the tables; the last after everything else was written.
    """
    gallery = root / GALLERY
    for one in FILLED:  # before anything is copied
        if (root / one.document).exists():
            one.held(root)
    made = {
        claims: statistics
        for claims, statistics in JUDGED.items()
        if (results / f"{claims}.parquet").exists()
    }
    for claims, statistics in made.items():
        tables.read(results / f"{claims}.parquet", CLAIMS)
        tables.read(results / f"{statistics}.parquet", STATISTICS)
    gallery.mkdir(parents=True, exist_ok=True)
    for claims, statistics in made.items():
        for name in (claims, statistics):
            shutil.copyfile(results / f"{name}.parquet", gallery / f"{name}.parquet")
        if (record := results / f"{claims}.provenance.json").exists():  # for `make verify`
            shutil.copyfile(record, gallery / record.name)
    for name in JUDGED:
        if (gallery / f"{name}.parquet").exists():
            (gallery / f"{name}.md").write_text(document(gallery, name), encoding="utf-8")
    for figure in (*sorted(figures.glob("*.png")), *figures.glob("article.pdf")):
        shutil.copyfile(figure, gallery / figure.name)
    for page in SUMMARIES:
        if (results / page).exists():
            shutil.copyfile(results / page, gallery / page)
    costs.record(results, root / costs.RECORD)
    if (results / speed.RESULT).exists():
        shutil.copyfile(results / speed.RESULT, root / speed.RECORD)
    for name in CHOSEN:
        if (results / name).exists():
            (root / TUNED).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(results / name, (root / TUNED).with_name(name))
    if (root / TUNING).exists():
        (root / TUNED).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / TUNING, root / TUNED)
    if (root / TUNED).exists():
        (root / OPERATING).write_text(characteristics(root), encoding="utf-8")
    for one in FILLED:
        if (root / one.source).exists():
            (root / one.document).write_text(one.wanted(root), encoding="utf-8")


def document(gallery: Path, name: str) -> str:
    """A table of claims in the gallery as text."""
    path = gallery / f"{name}.parquet"
    claims = tables.read(path, CLAIMS)
    statistics = tables.read(gallery / f"{JUDGED[name]}.parquet", STATISTICS)
    return render(claims, statistics, ".", NOTES[name](tables.setting(path)["fixed"]))


def characteristics(root: Path) -> str:
    """What each statistic can decide at the settings of config.yaml, as text."""
    return markdown(operating(tables.read(root / TUNED, STATISTICS), replicates(_settings(root))))


def replicates(settings: Settings) -> dict[str, int]:
    """How many each section has that claims are judged by."""
    sections = {**settings.training, **settings.simulation, **settings.attention}
    found = {name: section.replicates for name, section in sections.items()}
    return found | {"transfer": max(settings.transfer.replicates_at)}


def faults(root: Path) -> Iterator[str]:
    """What of docs and the README is not of this code and these settings, a line each."""
    gallery = root / GALLERY
    settings = _settings(root)
    wanted = digests(settings)
    named = (root / "workflow/rules/figures.smk").read_text(encoding="utf-8")
    # The names, each followed by its entry.
    _, *parts = re.split(r'^    "(\w+)": Figure\(', named, flags=re.MULTILINE)
    entries = dict(zip(parts[::2], parts[1::2], strict=True))
    drawn = {*entries, *(name for name, draws in settings.draw if draws is not None)}
    # `make rebased` need not be published, nor both of its halves.
    halves = {
        name: "language_claims" if "language" in entry else "rebased_claims"
        for name, entry in entries.items()
        if 'target="rebased"' in entry
    }
    wanted_here = drawn - {
        name for name, half in halves.items() if not (gallery / f"{half}.parquet").exists()
    }
    held = {path.stem for path in gallery.glob("*.png")}
    yield from (f"{GALLERY}/{name}.png is missing" for name in sorted(wanted_here - held))
    yield from (f"{GALLERY}/{name}.png is of no figure" for name in sorted(held - drawn))
    for name in JUDGED:
        path, written = gallery / f"{name}.parquet", gallery / f"{name}.md"
        if name != "claims" and not path.exists():
            continue
        if tables.setting(path)["digest"] != wanted[name]:
            yield f"{GALLERY}/{path.name} was judged at other settings"
        if written.read_text(encoding="utf-8") != document(gallery, name):
            yield f"{GALLERY}/{written.name} is not what {path.name} says"
    if (root / TUNED).exists() and (
        not (root / OPERATING).exists()
        or (root / OPERATING).read_text(encoding="utf-8") != characteristics(root)
    ):
        yield f"{OPERATING} is not what {TUNED.name} and config.yaml say"

    for one in FILLED:
        if (root / one.source).exists():
            try:
                if one.wanted(root) != one.held(root):
                    yield f"{one.document} is not what {one.source} says ({one.name})"
            except ValueError as error:
                yield str(error)


def _settings(root: Path) -> Settings:
    config = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))
    return Settings.model_validate(config)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="workflow.gallery", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only tell what is out of date")
    try:
        if not parser.parse_args().check:
            refresh(Path(), Path("results"), Path("figures"))
        elif found := list(faults(Path())):
            sys.exit("\n".join(f"workflow.gallery: {fault}" for fault in found))
    except (ValueError, OSError) as error:
        sys.exit(f"workflow.gallery: {error}")
