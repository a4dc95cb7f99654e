"""What Snakemake does not see: results made with other settings, and what else is there.

Snakemake compares settings with those that it remembers, in its own folder. Results that were
copied, or whose ``.snakemake`` was lost, are remembered by nobody. So what a job says of itself in
its provenance is compared as well, and the job is run again where it differs.
"""

import fcntl
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from glob import glob
from itertools import permutations
from pathlib import Path
from typing import Any

from snakemake.io import regex_from_filepattern, update_wildcard_constraints

from scb.faults import dotted, listed, one_line, show
from scb.settings.whole import Settings
from workflow.imports import module_files

DERIVED = {"digest", "figures"}
"""What a job is told that follows from other settings, or is a place."""

HOW = (
    "to keep what is there, name other folders, in targets too "
    "(--config results=try/results figures=try/figures); to replace it, --config overwrite=true"
)

_held: list[Any] = []
"""Locks that last as long as this process."""


def hold(results: Path) -> None:
    """Stop with one line if another call of Snakemake writes to the folder; else be the only one.

    Snakemake locks the folder that it is called in; two clones may share their results. The lock
    is the operating system's, so it ends with its process, however that ends.
    """
    results.mkdir(parents=True, exist_ok=True)
    try:
        file = (results / ".lock").open("a+", encoding="utf-8")
    except OSError as error:
        raise SystemExit(
            f"Bad setting: results is {str(results)!r}; {results}/.lock must be a file that can be "
            f"written to: {error.strerror}"
        ) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        raise SystemExit(
            f"Bad setting: results is {str(results)!r}; a call of snakemake in {file.read()} "
            "writes there now: wait for it, or name another folder"
        ) from None
    except OSError:
        return  # a file system without locks
    file.truncate(0)
    file.write(str(Path.cwd()))
    file.flush()
    _held.append(file)


def require_places(rules: Iterable[Any], settings: Settings) -> None:
    """Stop with a line for each place that would have to be a file and a folder at once.

    Results and figures may be one folder, or one in the other, as long as no names clash.
    """
    writers = {
        # Snakemake itself applies a rule's constraints to its outputs alone, not to its logs.
        update_wildcard_constraints(
            str(file), rule.wildcard_constraints, rule.workflow.wildcard_constraints
        ): rule.name
        for rule in rules
        for file in rule.products()
    }
    faults = dict.fromkeys([*_clashes(writers, settings), *_misplaced(writers, settings)])
    if faults:
        raise SystemExit("\n".join(f"Bad setting: {fault}" for fault in faults))


def _clashes(writers: Mapping[str, str], settings: Settings) -> Iterator[str]:
    """Results or figures where a rule writes a file; ``writers`` are rules by patterns of files."""
    for key, other in permutations(("results", "figures")):
        wanted, outer = getattr(settings, key), getattr(settings, other)
        parts = Path(os.path.relpath(os.path.realpath(wanted), os.path.realpath(outer))).parts
        for count in range(1, len(parts) + 1):
            place = "/".join((outer, *parts[:count]))
            for file, rule in writers.items():
                fixed, *_ = file.split("{")  # few begin so: an expression takes long to compile
                if place.startswith(fixed) and re.match(regex_from_filepattern(file), place):
                    said = f"it must be a folder, and rule {rule} writes the file {place}"
                    yield f"{key} is {show(wanted)}; {said}"


def _misplaced(files: Iterable[str], settings: Settings) -> Iterator[str]:
    """What is a file, but is to be a folder, or the other way round; a broken link is neither."""
    folders = {str(folder) for file in files for folder in Path(file).parents}
    # A wildcard without a constraint would take every file for a folder.
    constrained = (folder for folder in folders if not re.search(r"\{\w+\}", folder))
    for patterns, to_be_folder, said in (
        (constrained, True, "must be a folder, and is none"),
        (files, False, "must be a file, and is a folder"),
    ):
        for pattern in patterns:
            for place in glob(re.sub(r"\{[^}]*\}", "*", pattern)):
                if os.path.isdir(place) != to_be_folder and re.match(
                    regex_from_filepattern(pattern), place
                ):
                    inside = Path(place).is_relative_to(settings.figures)
                    key = "figures" if inside else "results"
                    yield f"{key} is {show(getattr(settings, key))}; {place} {said}"


def made_otherwise(provenance: Path, settings: str) -> bool:
    """Whether a job's outputs are there, but were made with other settings, or say none.

    Parameters
    ----------
    provenance : Path
        Of the job.
    settings : str
        Its settings now, as JSON.
    """
    if not provenance.exists():
        return False  # Snakemake runs the job
    return recorded_settings(provenance) != json.loads(settings)


def recorded_settings(provenance: Path) -> dict[str, Any] | None:
    """The settings that a job's outputs were made with; None where its provenance says none."""
    try:
        settings = json.loads(provenance.read_text(encoding="utf-8"))["settings"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return settings if isinstance(settings, dict) else None


def job_code(workflow: Any, module: str, rule: str) -> Callable[[Any], list[str]]:
    """Input function: the code of a job, which is run again if it was made with other settings.

    Snakemake asks for the inputs of the jobs that are wanted, and of no others.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
    module : str
        What the job runs: the first of its files (`workflow.jobs.job_module`).
    rule : str
        Name of its rule, which has params ``settings`` and an output ``provenance``.
    """
    own = f"{module.replace('.', '/')}.py"
    files = sorted(module_files(module), key=lambda file: file != own)

    def inputs(wildcards: Any) -> list[str]:
        found = workflow.get_rule(rule)
        settings = found.params.get("settings")
        settings = settings(wildcards) if callable(settings) else settings
        if made_otherwise(Path(found.output.provenance.apply_wildcards(wildcards)), settings):
            outputs = (path.apply_wildcards(wildcards) for path in found.output)
            workflow.dag.forcefiles.update(outputs)
        return files

    return inputs


def losses(workflow: Any) -> list[str]:
    """What the jobs of this call would shrink or change: a line for each finished result, and why.

    A figure has no provenance. It is compared by the tables that Snakemake remembers.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
        With its jobs planned.
    """
    found: list[str] = []
    changed: set[Any] = set()
    dag = workflow.dag
    for level in dag.toposorted(set(dag.needrun_jobs(exclude_finished=False))):
        for job in sorted(level, key=lambda job: list(job.output)):
            provenance = job.output.get("provenance")
            there = [path for path in job.output if path != provenance and os.path.exists(path)]
            why = None
            if there and provenance is None:
                why = _other_tables(workflow.persistence.input(there[0]) or [], job.input)
            elif there:
                why = _other_settings(Path(provenance), job.params.settings)
            if why is None and (before := changed & dag.dependencies[job].keys()):
                why = f"was made from {min(one.output[0] for one in before)}"
            if why:
                changed.add(job)
                found += [f"{one_line(path, 100)} {why}" for path in there[:1]]
    return found


def _other_settings(provenance: Path, settings: str) -> str | None:
    """What a job's results were made with that is another setting now, if there is any."""
    old = recorded_settings(provenance) or {}
    for key, before, after in changed_settings(old, json.loads(settings)):
        now = "gone" if after is None else show(after)
        return f"was made with {key} {show(before)}, which is {now} now"
    return None


def _other_tables(old: Iterable[str], new: Iterable[str]) -> str | None:
    """A table that a figure was drawn from and would not be drawn from again, if there is any."""
    for path in old:
        if str(path).endswith(".parquet") and path not in list(new):
            return f"was drawn from {path}, and would be drawn from another table now"
    return None


Change = tuple[str, Any, Any]
"""A key, and its value before and after."""


def changed_settings(
    old: Mapping[str, Any], new: Mapping[str, Any], at: tuple[str, ...] = ()
) -> Iterator[Change]:
    """Settings of a job that differ, but for those that only add to what is there.

    With more replicates the first are those that are there, and what trains beside a further
    optimizer is what trained without it, as all optimizers see the same samples.
    """
    for key, value in old.items():
        place, now = (*at, key), new.get(key)
        if isinstance(value, dict) and isinstance(now, dict):
            yield from changed_settings(value, now, place)
            continue
        if place[0] in DERIVED or value == now:
            continue
        both = isinstance(value, int) and isinstance(now, int)
        if not (key == "replicates" and both and now > value):
            yield dotted(place), value, now


def tell_losses(found: list[str]) -> str:
    """What would be lost, a line each, and how to keep it."""
    lines = ["This call would replace finished results:", *listed(found), f"{HOW}."]
    return "\n    ".join(lines)


def require_no_losses(found: list[str]) -> None:
    """Stop with one line if a call would shrink or change finished results."""
    if found:
        more = f" (and {len(found) - 1} more results)" if found[1:] else ""
        raise SystemExit(f"Bad setting: {found[0]}{more}; {HOW}")
