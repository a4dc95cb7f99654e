"""Snakemake's command line and its own folders, looked at before Snakemake trips over them.

Options for settings take all words that follow, and Snakemake reads them before the Snakefile:
what it cannot make sense of ends in a traceback. `profiles/default` calls this still earlier.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import yaml
from snakemake.common import get_appdirs

from scb.faults import one_line
from workflow.settings import require_yaml, unwritable

FILES = ("--configfile", "--configfiles")
SETTINGS = ("--config", "-C")
SUFFIXES = (".yaml", ".yml", ".json")


def require_order(words: Sequence[str]) -> None:
    """Stop with one line if an option took a target, or a setting that it cannot set.

    Parameters
    ----------
    words : sequence of str
        The command line without its first word.
    """
    taken, option = [], ""
    for word in words:
        if word == "--":
            break
        if word.startswith("-"):
            option = word
        elif option in SETTINGS and "=" in word:
            _require_settable(*word.split("=", 1))
        elif option in SETTINGS or (option in FILES and _is_target(Path(word))):
            taken.append(word)
        elif option in FILES and word.endswith(SUFFIXES):
            require_yaml(Path(word))
    if taken:
        rest = [word for word in words if word not in taken]
        _stop(
            f"{taken[0]} would be read as a setting; targets come first: "
            f"snakemake {shlex.join([*taken, *rest])}"
        )


def require_own_folders() -> None:
    """Stop with one line if Snakemake cannot keep there what it keeps for itself."""
    cache = get_appdirs().user_cache_dir
    for folder, remedy in ((".snakemake", ""), (cache, " (XDG_CACHE_HOME names another)")):
        if said := unwritable(Path(folder)):
            raise SystemExit(f"Bad folder: {folder} is Snakemake's own; {said}{remedy}")


def _is_target(path: Path) -> bool:
    """Whether a path cannot be one of settings; a pipe has no suffix."""
    return path.suffix not in SUFFIXES and not (path.suffix == "" and path.exists())


def _require_settable(key: str, value: str) -> None:
    """Only keys of the top can be set, and of lists and mappings only those of text."""
    first, *below = key.split(".")
    for part in reversed(below):
        value = f"{{{part}: {value}}}"
    try:
        means = yaml.safe_load(value)
        reads = yaml.BaseLoader(value).get_single_data()  # as Snakemake does: all text
    except yaml.YAMLError:
        return  # text to Snakemake
    if below or (isinstance(means, dict | list) and means != reads):
        _stop(
            f"--config cannot set {key}; put `{first}: {value}` into a file of your own and add "
            "--configfile FILE"
        )


def _stop(fault: str) -> NoReturn:
    raise SystemExit(one_line(f"Bad command line: {fault}"))
