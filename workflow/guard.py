"""What Snakemake does not see: results made with other settings, and others who write there.

Snakemake compares settings with those that it remembers, in its own folder. Results that were
copied, or whose ``.snakemake`` was lost, are remembered by nobody. So what a job says of itself in
its provenance is compared as well, and the job is run again where it differs.
"""

import fcntl
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workflow.imports import module_files

_held: list[Any] = []
"""Locks that last as long as this process."""


def hold(results: Path) -> None:
    """Stop with one line if another call of Snakemake writes to the folder; else be the only one.

    Snakemake locks the folder that it is called in; two clones may share their results. The lock
    is the operating system's, so it ends with its process, however that ends.
    """
    results.mkdir(parents=True, exist_ok=True)
    file = (results / ".lock").open("a+", encoding="utf-8")
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


def made_otherwise(provenance: Path, settings: str) -> bool:
    """Whether a job's outputs are there, but were made with other settings, or say none.

    Parameters
    ----------
    provenance : Path
        Of the job.
    settings : str
        Its settings now, as JSON.
    """
    try:
        record = json.loads(provenance.read_text(encoding="utf-8"))
        return bool(record["settings"] != json.loads(settings))
    except FileNotFoundError:
        return False  # Snakemake runs the job
    except (OSError, ValueError, KeyError, TypeError):
        return True


def job_code(workflow: Any, module: str, rule: str) -> Callable[[Any], list[str]]:
    """Input function: the code of a job, which is run again if it was made with other settings.

    Snakemake asks for the inputs of the jobs that are wanted, and of no others.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
    module : str
        What the job runs.
    rule : str
        Name of its rule, which has params ``settings`` and an output ``provenance``.
    """
    files = module_files(module)

    def inputs(wildcards: Any) -> list[str]:
        found = workflow.get_rule(rule)
        settings = found.params.get("settings")
        settings = settings(wildcards) if callable(settings) else settings
        if made_otherwise(Path(found.output.provenance.apply_wildcards(wildcards)), settings):
            outputs = (path.apply_wildcards(wildcards) for path in found.output)
            workflow.dag.forcefiles.update(outputs)
        return files

    return inputs
