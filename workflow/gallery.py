"""Show in the repository what the pipeline wrote: ``python -m workflow.gallery [--check]``.

Copies the figures and the tables of claims, with their provenance, into docs/gallery, and puts the
verdicts between their markers in the README. Results themselves are not tracked. What has not been
made (the second paper and the extensions are no part of ``all``) is left as it was; its claims are
written from the gallery's own table, so that their text is never older than the code. With
``--check`` nothing is written: it tells what is out of date.
"""

import argparse
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import yaml

from scb.claims.markdown import NOTE, extract, render, table
from scb.claims.tables import CLAIMS
from scb.rebased.claims import NOTE as REBASED_NOTE
from scb.settings import Settings
from scb.store import tables
from workflow.settings import digests

GALLERY = Path("docs/gallery")
JUDGED = {"claims": NOTE, "rebased_claims": REBASED_NOTE}
"""Tables of claims, and how each is judged."""
SUMMARIES = ("sensitivity.md", "rebased.md")


def refresh(root: Path, results: Path, figures: Path) -> None:
    """Bring docs/gallery and the README under ``root`` up to date.

    Raises
    ------
    ValueError
        If a table of claims cannot be read, or the README lacks a marker.
    """
    gallery, readme = root / GALLERY, root / "README.md"
    text = readme.read_text(encoding="utf-8")
    old = extract(text)
    stored, made = (
        {name: path for name in JUDGED if (path := folder / f"{name}.parquet").exists()}
        for folder in (gallery, results)
    )
    judged = {name: tables.read(path, CLAIMS) for name, path in (stored | made).items()}
    gallery.mkdir(parents=True, exist_ok=True)
    for name, path in made.items():
        shutil.copyfile(path, gallery / f"{name}.parquet")
        if (record := results / f"{name}.provenance.json").exists():  # for `make verify`
            shutil.copyfile(record, gallery / record.name)
    for name, claims in judged.items():
        (gallery / f"{name}.md").write_text(render(claims, ".", JUDGED[name]), encoding="utf-8")
    for figure in sorted(figures.glob("*.png")):
        shutil.copyfile(figure, gallery / figure.name)
    for document in SUMMARIES:
        if (results / document).exists():
            shutil.copyfile(results / document, gallery / document)
    readme.write_text(text.replace(old, table(shown(gallery), str(GALLERY))), encoding="utf-8")


def shown(gallery: Path) -> pd.DataFrame:
    """All claims in the gallery, one table after the other."""
    paths = [gallery / f"{name}.parquet" for name in JUDGED]
    return pd.concat(tables.read(path, CLAIMS) for path in paths if path.exists())


def faults(root: Path) -> Iterator[str]:
    """What of docs/gallery and the README is not of this code and these settings, a line each."""
    gallery = root / GALLERY
    named = (root / "workflow/rules/figures.smk").read_text(encoding="utf-8")
    drawn = set(re.findall(r'^    "(\w+)": Figure\(', named, re.MULTILINE))
    held = {path.stem for path in gallery.glob("*.png")}
    yield from (f"{GALLERY}/{name}.png is missing" for name in sorted(drawn - held))
    yield from (f"{GALLERY}/{name}.png is of no figure" for name in sorted(held - drawn))
    config = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))
    wanted = digests(Settings.model_validate(config))
    for name, note in JUDGED.items():
        path, document = gallery / f"{name}.parquet", gallery / f"{name}.md"
        if tables.setting(path)["digest"] != wanted[name]:
            yield f"{GALLERY}/{path.name} was judged at other settings"
        if document.read_text(encoding="utf-8") != render(tables.read(path, CLAIMS), ".", note):
            yield f"{GALLERY}/{document.name} is not what {path.name} says"
    if extract((root / "README.md").read_text(encoding="utf-8")) != table(
        shown(gallery), str(GALLERY)
    ):
        yield "README.md does not have the verdicts of the gallery"


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
