"""Settings as Snakemake brings them: read, checked before any job, and fingerprinted.

`scb.settings` says what each key means and what it may be. Faults are told one line each.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from scb.faults import find_faults, listed, one_line, show
from scb.settings.whole import Settings
from workflow import strict_yaml

TEMPLATED = "__use_yte__"
"""At this key Snakemake would run text of the file as Python, and leave the key out."""

ROOM = 2**20
"""Bytes to be free on a disk: even a log needs some, and without one no job says what it lacks."""

ROOT = Path(__file__).resolve().parents[1]
OWN = {
    *("benchmarks", "docs", "presets", "profiles", "scb", "tests", "workflow"),
    *(".ci", ".git", ".snakemake", ".venv"),
}
"""Folders of the workflow itself, in `ROOT`: no place for results."""


def require_yaml(path: Path) -> None:
    """Stop, naming file and line, unless ``path`` holds a YAML mapping.

    Snakemake reads the file itself, but says of a broken one neither its name nor the line.
    """
    try:
        content = strict_yaml.load(path)
    except strict_yaml.YamlError as error:
        _stop([str(error)])
    if TEMPLATED in content:
        _stop([f"{TEMPLATED} is {show(content[TEMPLATED])}; it is no setting"])


def require_valid(config: Mapping[str, Any]) -> Settings:
    """The settings; stop with one line for each of their faults."""
    if faults := find_faults(config, Settings):
        _stop(faults)
    settings = Settings.model_validate(config)
    if faults := list(folder_faults(settings)):
        _stop(faults)
    return settings


def require_device(settings: Settings) -> None:
    """Stop with one line if the settings name a GPU and this machine has none."""
    drivers = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")  # to ask torch would take seconds
    if settings.device.startswith("cuda") and not any(map(os.path.exists, drivers)):
        _stop([f"device is {show(settings.device)}; no GPU is here, so it must be auto or cpu"])


def _stop(faults: list[str]) -> NoReturn:
    # Not an exception of Snakemake's: it would print a traceback around the line.
    raise SystemExit("\n".join(f"Bad setting: {one_line(fault)}" for fault in listed(faults)))


def folder_faults(settings: Settings) -> Iterator[str]:
    """Output folders in which no file can be made, or none should be, and a text that is not there.

    One line each.
    """
    if (text := settings.language.text) and not Path(text).is_file():
        yield f"language.text is {show(text)}; it must be a file, or null"
    for key in ("results", "figures"):
        wanted = getattr(settings, key)
        if said := _own(wanted) or unwritable(Path(wanted)):
            yield f"{key} is {show(wanted)}; {said}"


def _own(wanted: str) -> str | None:
    """What is said of a folder of the workflow itself, whatever links lead there."""
    path = os.path.relpath(os.path.realpath(wanted), ROOT)
    if path == ".":
        return "it must not be the folder of the workflow itself"
    first = Path(path).parts[0]
    return f"it must lie outside of {first}, which the workflow needs" if first in OWN else None


def unwritable(folder: Path) -> str | None:
    """What is said of a folder in which no file can be made; it need not be there yet."""
    while not os.path.lexists(folder):
        folder = folder.parent
    if not folder.is_dir():
        return f"it must be a folder, and {folder} is none"
    if not os.access(folder, os.W_OK | os.X_OK):
        return "it must be a folder that can be written to"
    if shutil.disk_usage(folder).free < ROOM:
        return "it must be on a disk that is not full"
    return None


class JudgedSections(NamedTuple):
    """Sections that claims are judged by, each once."""

    training: list[str]
    simulation: list[str]
    attention: list[str]


def judged_sections(settings: Settings) -> JudgedSections:
    """As printed, at their best, and with a stated value changed."""
    claims, printed = settings.claims, settings.claims.printed
    named = {
        "training": [
            *(printed.convergence, *printed.vocabulary, printed.population, printed.softmax)
        ],
        "simulation": [*printed.simulation],
        "attention": [printed.attention],
    }
    for claim, one in [*(claims.best or {}).items(), *(claims.changed or {}).items()]:
        named[{"C7": "simulation", "C8": "attention"}.get(claim, "training")] += one.sections
    return JudgedSections(**{kind: list(dict.fromkeys(names)) for kind, names in named.items()})


def digests(settings: Settings) -> dict[str, str]:
    """Fingerprints of what each table of claims is judged by, whatever the order of the keys."""
    judged = judged_sections(settings)
    read: dict[str, dict[str, Any]] = {
        "claims": {
            "claims": settings.claims,
            **{
                kind: {name: getattr(settings, kind)[name] for name in getattr(judged, kind)}
                for kind in JudgedSections._fields
            },
            "transfer": settings.transfer,
        },
        "rebased_claims": {"seed": settings.seed, "rebased": settings.rebased},
        "language_claims": {"seed": settings.seed, "language": settings.language},
    }
    return {name: _digest(sections) for name, sections in read.items()}


def _digest(sections: Mapping[str, Any]) -> str:
    text = json.dumps(sections, sort_keys=True, default=lambda section: section.model_dump())
    return hashlib.sha256(text.encode()).hexdigest()[:16]
