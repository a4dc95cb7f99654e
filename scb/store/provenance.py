"""Where a result comes from: one JSON file beside the tables of each job.

The tables themselves are the same bytes from run to run. What is not (versions, times, the
state of the repository) stands here, with the digests that tie the file to its tables.
"""

import hashlib
import json
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from scb.store.files import replacing

PACKAGES = ("torch", "numpy", "numba", "triton", "pandas", "pyarrow", "snakemake")
"""Whose versions are recorded, where they are installed."""


def now() -> datetime:
    """The time, UTC."""
    return datetime.now(UTC)


def write(
    path: Path,
    *,
    settings: Mapping[str, Any],
    seed: int | None,
    device: str,
    threads: int,
    inputs: Sequence[Path],
    outputs: Sequence[Path],
    started: datetime,
) -> None:
    """Write the provenance of ``outputs`` atomically; they must be there already.

    Parameters
    ----------
    path : Path
        Written as JSON.
    settings : mapping
        What decides the outputs besides ``inputs``; kept with its digest.
    seed : int or None
        Root of all seeds; None where nothing is drawn.
    device, threads : str, int
        What it was computed on; neither is a setting.
    inputs, outputs : sequence of files
        Each is kept with its SHA-256, so that a chain of results can be verified.
    started : datetime
        The end is the time of the call.
    """
    record = {
        "outputs": _digests(outputs),
        "inputs": _digests(inputs),
        "settings": dict(settings),
        "settings_sha256": digest(settings),
        "seed": seed,
        "device": device,
        "threads": threads,
        "started": started.isoformat(timespec="seconds"),
        "ended": now().isoformat(timespec="seconds"),
        "git": repository(Path(__file__).parent),
        "versions": versions(),
        "platform": platform.platform(),
        "command": shlex.join(["python", *sys.orig_argv[1:]]),
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def digest(settings: Mapping[str, Any]) -> str:
    """SHA-256 of settings, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def versions() -> dict[str, str]:
    """Versions of Python and of those of `PACKAGES` that are installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def repository(folder: Path) -> dict[str, Any] | None:
    """Commit of the code in ``folder``, and whether the code differs from it.

    None where the folder is not tracked by git, or where there is no git.
    """

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    try:
        # A package installed into somebody else's repository is not of that repository.
        if not git("ls-files", "."):
            return None
        return {
            "commit": git("rev-parse", "HEAD"),
            "dirty": bool(git("status", "--porcelain", "--", ".")),
        }
    except (OSError, subprocess.CalledProcessError):
        return None


def _digests(paths: Sequence[Path]) -> dict[str, str]:
    """SHA-256 of each file."""
    digests = {}
    for path in paths:
        with open(path, "rb") as file:
            digests[str(path)] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests
