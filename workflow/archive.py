"""Results as one file, checked, and used again elsewhere: ``python -m workflow.archive``.

``make`` packs results, figures and the report, if there is one, with their SHA-256 and with their
description as an RO-Crate (https://w3id.org/ro/crate/1.1). ``verify`` checks such an archive, the
folder that one was unpacked into, or a folder of results by the provenance in it. ``reuse`` makes
results from an archive, or copied here, such that the workflow does not run them again.
"""

import argparse
import json
import mimetypes
import os
import sys
import time
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path
from typing import Any

import yaml

from scb.faults import listed
from scb.store.files import replacing

SUMS = "SHA256SUMS"
"""Digests in an archive, as ``sha256sum --check`` reads them."""
CRATE = "ro-crate-metadata.json"
REPORT = Path("report.zip")
"""What `make report` writes."""
CITATION = Path("CITATION.cff")

Place = Path | zipfile.Path
"""A folder, or the inside of an archive."""


def pack(archive: Path, folders: Iterable[Path]) -> None:
    """Write what is in the folders, and the report, into one archive, whole or not at all.

    Parameters
    ----------
    archive : Path
        A .zip.
    folders : iterable of Path
        Of results and figures, relative to the folder of the workflow.

    Raises
    ------
    ValueError
        One line, if a folder lies elsewhere or is empty.
    """
    files = sorted({path for folder in folders for path in _files(folder)})
    files += [REPORT] if REPORT.exists() else []
    digests = {path.as_posix(): str(_digest(path)) for path in files}
    crate = json.dumps(described(digests), indent=1, ensure_ascii=False)
    # Stored as they are: tables and figures are compressed already.
    with replacing(archive) as temporary, zipfile.ZipFile(temporary, "w") as file:
        for path in files:
            file.write(path, path.as_posix())
        file.writestr(CRATE, crate)
        file.writestr(SUMS, "".join(f"{digest}  {name}\n" for name, digest in digests.items()))


def _files(folder: Path) -> list[Path]:
    """Files in a folder, but for hidden ones: locks, and what a killed job has left."""
    if folder.is_absolute():
        raise ValueError(f"{folder}: an archive holds folders of this one only: copy it here")
    found = [path for path in folder.rglob("*") if path.is_file() and path.name[0] != "."]
    if not found:
        raise ValueError(f"{folder}: nothing is there yet")
    return found


def described(digests: Mapping[str, str]) -> dict[str, Any]:
    """Files as an RO-Crate, which is JSON-LD, with authors, licence and paper of the citation.

    Parameters
    ----------
    digests : mapping
        SHA-256 of each file, by its path.
    """
    cited = yaml.safe_load(CITATION.read_text(encoding="utf-8"))
    paper = cited["preferred-citation"]
    (identifier,) = paper["identifiers"]
    article = {"@id": f"https://arxiv.org/abs/{identifier['value'].removeprefix('arXiv:')}"}
    authors = [
        {"@id": f"#author-{number}", "@type": "Organization", "name": author["name"]}
        for number, author in enumerate(cited["authors"], 1)
    ]
    crate = {
        "@id": CRATE,
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        "about": {"@id": "./"},
    }
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": cited["title"],
        "description": cited["abstract"].strip(),
        "version": cited["version"],
        "license": {"@id": f"https://spdx.org/licenses/{cited['license']}"},
        "datePublished": datetime.now(UTC).date().isoformat(),
        "author": [{"@id": author["@id"]} for author in authors],
        "citation": article,
        "hasPart": [{"@id": name} for name in digests],
    }
    parts = [
        {
            "@id": name,
            "@type": "File",
            "name": name,
            "contentSize": str(Path(name).stat().st_size),
            "encodingFormat": mimetypes.guess_type(name)[0] or "application/octet-stream",
            "sha256": digest,
        }
        for name, digest in digests.items()
    ]
    article |= {"@type": "ScholarlyArticle", "name": paper["title"]}
    # schema.org has the term, which is younger than this version of RO-Crate.
    terms = ["https://w3id.org/ro/crate/1.1/context", {"sha256": "https://schema.org/sha256"}]
    return {"@context": terms, "@graph": [crate, root, *authors, article, *parts]}


def faults(place: Path) -> Iterator[str]:
    """What is missing or not as it was written, a line for each file.

    Parameters
    ----------
    place : Path
        An archive, the folder that one was unpacked into, or a folder of results.

    Raises
    ------
    ValueError
        One line, if it is none of these.
    """
    with _opened(place) as root:
        digests = _digests(root)
        if not digests:
            yield f"{place}: no checksums are in it"
        for name, digest in digests.items():
            if not (root / name).is_file():
                yield f"{place}: {name} is missing"
            elif _digest(root / name) != digest:
                yield f"{place}: {name} is not what was written"


@contextmanager
def _opened(place: Path) -> Iterator[Place]:
    if place.is_dir():
        yield place
        return
    try:
        with zipfile.ZipFile(place) as file:
            yield zipfile.Path(file)
    except FileNotFoundError:
        raise ValueError(f"{place}: no such file or folder") from None
    except zipfile.BadZipFile as fault:
        raise ValueError(f"{place}: not a complete archive: {fault}") from None


def _digests(root: Place) -> dict[str, str]:
    """SHA-256 of the files of a place, as written with them."""
    sums = root / SUMS
    if sums.is_file():
        lines = sums.read_text(encoding="utf-8").splitlines()
        return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    found: dict[str, str] = {}
    if not isinstance(root, Path):
        return found
    for path in sorted(root.rglob("*.provenance.json")):
        try:
            outputs = json.loads(path.read_text(encoding="utf-8"))["outputs"]
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{path}: it cannot be read") from None
        made = [(Path(name), digest) for name, digest in outputs.items()]
        for name, digest in made:
            # What was made in the folder of the first lies beside the record, wherever that was;
            # what was not is a figure.
            if name.parent == made[0][0].parent:
                found[str((path.parent / name.name).relative_to(root))] = digest
    return found


def _digest(path: Place) -> str | None:
    """SHA-256 of a file; None where an archive is damaged there."""
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    except (zipfile.BadZipFile, zlib.error, EOFError):
        return None


def unpack(archive: Path, folders: Iterable[Path]) -> None:
    """Take the folders from an archive, once it was found to be as it was written.

    Nothing else is taken: an archive is no place for code.

    Raises
    ------
    ValueError
        One line, if the archive is damaged or lacks a folder, or one is here already.
    """
    if found := list(faults(archive)):
        raise ValueError(found[0])
    with _opened(archive) as root:
        written = _digests(root)
    names = []
    for folder in folders:
        if folder.exists() and any(folder.iterdir()):
            raise ValueError(f"{folder}: it is not empty: move it away first")
        inside = [name for name in written if folder in Path(name).parents]
        if not inside:
            raise ValueError(f"{archive}: no {folder} is in it")
        names += inside
    with zipfile.ZipFile(archive) as file:
        file.extractall(members=names)


def settle(folders: Iterable[Path]) -> None:
    """Give all files the time of now, so that to Snakemake none is older than its inputs."""
    now = time.time()
    for path in (path for folder in folders for path in folder.rglob("*")):
        os.utime(path, (now, now))


def main() -> None:
    """Run the command line; a fault ends in lines and status 1."""
    parser = argparse.ArgumentParser(prog="workflow.archive", description=__doc__)
    parser.add_argument("action", choices=["make", "verify", "reuse"])
    parser.add_argument("place", type=Path, nargs="?", help="an archive; to verify, a folder too")
    parser.add_argument("--results", type=Path, default=Path("results"))
    parser.add_argument("--figures", type=Path, default=Path("figures"))
    options = parser.parse_args()
    folders = list(dict.fromkeys([options.results, options.figures]))
    try:
        if options.action == "make":
            _require(options.results)
            pack(options.place or Path("archive.zip"), folders)
        elif options.action == "verify":
            _require(options.place or options.results)
        else:
            if options.place is not None:
                unpack(options.place, folders)
            _require(options.results)
            settle(folders)
    except (ValueError, OSError) as error:
        sys.exit(f"workflow.archive: {error}")


def _require(place: Path) -> None:
    if found := list(faults(place)):
        raise ValueError("\n".join(listed(found)))
    print(f"{place}: all files are as they were written")


if __name__ == "__main__":
    main()
