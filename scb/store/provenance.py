"""Where a result comes from: one JSON file beside the tables of each job.

The tables themselves are the same bytes from run to run. What is not (versions, times, the
state of the repository) stands here, with the digests that tie the file to its tables.
"""

import hashlib
import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from scb.store.files import replacing

PACKAGE = Path(__file__).parents[1]
"""The code that jobs run."""

PACKAGES = ("torch", "numpy", "numba", "triton", "pandas", "pyarrow", "snakemake")
"""Whose versions are recorded, where they are installed."""


_notes: ContextVar[dict[str, Any]] = ContextVar("notes")


def note(**facts: Any) -> None:
    """Keep what a job read that is no file of the workflow; `write` tells it."""
    _notes.set(_notes.get({}) | facts)


def now() -> datetime:
    """The time, UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Start:
    """What was there when a job began: so an edit during the job is not taken for its code."""

    time: datetime
    git: dict[str, Any] | None
    inputs: dict[str, str]

    @classmethod
    def of(cls, inputs: Sequence[Path]) -> "Start":
        """Now, before any work."""
        _notes.set({})
        return cls(now(), repository(PACKAGE), _digests(inputs))


def write(
    path: Path,
    *,
    settings: Mapping[str, Any],
    seed: int | None,
    device: str,
    threads: int,
    start: Start,
    outputs: Sequence[Path],
) -> None:
    """Write the provenance of a job that has just ended.

    Parameters
    ----------
    path : Path
        Written as JSON.
    settings : mapping
        What decides the outputs besides the inputs; kept with its digest.
    seed : int or None
        Root of all seeds; None where nothing is drawn.
    device, threads : str, int
        What it was computed on; neither is a setting.
    start : Start
        The end is the time of the call. What has changed since is reported.
    outputs : sequence of files
        Each is kept with its SHA-256, as the inputs are, so that chains of results can be verified.
    """
    changed = [name for name, old in start.inputs.items() if _digests([Path(name)])[name] != old]
    if repository(PACKAGE) != start.git:
        changed.append("git")
    record = {
        "outputs": _digests(outputs),
        "inputs": start.inputs,
        "settings": dict(settings),
        "settings_sha256": digest(settings),
        "seed": seed,
        "notes": _notes.get({}),
        "device": device,
        "threads": threads,
        "started": start.time.isoformat(timespec="seconds"),
        "ended": now().isoformat(timespec="seconds"),
        "git": start.git,
        "changed_meanwhile": changed,
        "versions": versions(),
        "platform": platform.platform(),
        "processor": processor(),
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

    None where the folder is not tracked by git, or where there is no git; the ``fault`` where
    git refuses to say, as of a folder that belongs to somebody else.
    """
    # Variables such as GIT_DIR would speak of another repository.
    environment = {key: word for key, word in os.environ.items() if not key.startswith("GIT_")}
    environment["LC_ALL"] = "C"

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        run = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        return run.stdout.strip()

    try:
        # A package installed into somebody else's repository is not of that repository.
        if not git("ls-files", "."):
            return None
        return {
            "commit": git("rev-parse", "HEAD"),
            "dirty": bool(git("status", "--porcelain", "--", ".")),
        }
    except subprocess.CalledProcessError as error:
        fault = str(error.stderr).strip().partition("\n")[0]
        return None if "not a git repository" in fault else {"fault": fault}
    except OSError:
        return None


def processor() -> dict[str, Any]:
    """What decides the last digits of floats: the kind of CPU, and what uses its features."""
    found: dict[str, Any] = {"machine": platform.machine(), "features": _features()}
    if llvm := sys.modules.get("llvmlite.binding"):  # what Numba compiles for
        found["numba_target"] = os.environ.get("NUMBA_CPU_NAME") or llvm.get_host_cpu_name()
    if torch := sys.modules.get("torch"):
        found["torch_capability"] = torch.backends.cpu.get_cpu_capability()
    if numpy := sys.modules.get("numpy"):
        blas = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]
        found["blas"] = f"{blas['name']} {blas['version']}"
    return found


def _features() -> list[str]:
    """Vector instructions, as Linux names them; of other systems none are known."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return []
    flags = {
        flag for line in text.splitlines() if line.startswith("flags") for flag in line.split()
    }
    return sorted(flag for flag in flags if flag.startswith(("sse4", "avx", "fma", "amx", "asimd")))


def _digests(paths: Sequence[Path]) -> dict[str, str]:
    """SHA-256 of each file."""
    digests = {}
    for path in paths:
        with open(path, "rb") as file:
            digests[str(path)] = hashlib.file_digest(file, "sha256").hexdigest()
    return digests
