"""Show in the repository what the pipeline wrote: ``python -m workflow.gallery``.

Copies the figures and the tables of claims into docs/gallery, and puts the verdicts between
their markers in the README. Results themselves are not tracked. What has not been made (kernels
and extensions are no part of ``all``) is left as it was; its claims are written from the gallery's
own table, so that their text is never older than the code.
"""

import shutil
import sys
from pathlib import Path

import pandas as pd

from scb.claims.tables import CLAIMS
from scb.store import tables
from scb.claims.markdown import NOTE, extract, render, table
from scb.rebased.claims import NOTE as KERNEL_NOTE

GALLERY = Path("docs/gallery")
CLAIMS = {"claims": NOTE, "kernel_claims": KERNEL_NOTE}
"""Tables of claims, and how each is judged."""
SUMMARIES = ("sensitivity.md", "kernels.md")


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
        {name: path for name in CLAIMS if (path := folder / f"{name}.parquet").exists()}
        for folder in (gallery, results)
    )
    judged = {name: tables.read(path, CLAIMS) for name, path in (stored | made).items()}
    gallery.mkdir(parents=True, exist_ok=True)
    for name, path in made.items():
        shutil.copyfile(path, gallery / f"{name}.parquet")
    for name, claims in judged.items():
        (gallery / f"{name}.md").write_text(render(claims, ".", CLAIMS[name]), encoding="utf-8")
    for figure in sorted(figures.glob("*.png")):
        shutil.copyfile(figure, gallery / figure.name)
    for document in SUMMARIES:
        if (results / document).exists():
            shutil.copyfile(results / document, gallery / document)
    readme.write_text(text.replace(old, table(shown(gallery), str(GALLERY))), encoding="utf-8")


def shown(gallery: Path) -> pd.DataFrame:
    """All claims in the gallery, one table after the other."""
    paths = [gallery / f"{name}.parquet" for name in CLAIMS]
    return pd.concat(tables.read(path, CLAIMS) for path in paths if path.exists())


if __name__ == "__main__":
    try:
        refresh(Path(), Path("results"), Path("figures"))
    except (ValueError, OSError) as error:
        sys.exit(f"workflow.gallery: {error}")
