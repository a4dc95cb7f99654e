"""Show in the repository what the pipeline wrote: ``python -m workflow.gallery``.

Copies the figures and the table of claims into docs/gallery, and puts the table of verdicts
between its markers in the README. Results themselves are not tracked.
"""

import shutil
import sys
from pathlib import Path

from scb import tables
from scb.claims.markdown import extract, render, table

GALLERY = Path("docs/gallery")


def refresh(root: Path, results: Path, figures: Path) -> None:
    """Bring docs/gallery and the README under ``root`` up to date.

    Raises
    ------
    ValueError
        If the table of claims cannot be read, or the README lacks a marker.
    """
    gallery, readme = root / GALLERY, root / "README.md"
    claims = tables.read(results / "claims.parquet", tables.CLAIMS)
    text = readme.read_text(encoding="utf-8")
    text = text.replace(extract(text), table(claims, str(GALLERY)))
    gallery.mkdir(parents=True, exist_ok=True)
    for figure in sorted(figures.glob("*.png")):
        shutil.copyfile(figure, gallery / figure.name)
    shutil.copyfile(results / "claims.parquet", gallery / "claims.parquet")
    for document in results.glob("sensitivity.md"):  # of the extensions, where they were made
        shutil.copyfile(document, gallery / document.name)
    (gallery / "claims.md").write_text(render(claims, "."), encoding="utf-8")
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    try:
        refresh(Path(), Path("results"), Path("figures"))
    except (ValueError, OSError) as error:
        sys.exit(f"workflow.gallery: {error}")
