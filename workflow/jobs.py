"""What the rules say of jobs and figures, in Python."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from scb.settings import Model

Files = Mapping[str, str | list[str]]
"""One or several, by name."""


def file_options(files: Files) -> list[str]:
    """A command-line option for each name, but for the code among them."""
    words = []
    for name, paths in files.items():
        if name != "modules":
            words += [f"--{name.replace('_', '-')}", *_listed(paths)]
    return words


def job_options(wildcards: Any, input: Any, output: Any, resources: Any) -> list[str]:
    """Params function: the options of an experiment's files and, where it trains, of its device.

    Snakemake runs nothing again for what such a function makes of files and resources.
    """
    device = resources.get("device")
    return [
        *file_options(input),
        *file_options(output),
        *([] if device is None else ["--device", device]),
    ]


def input_options(wildcards: Any, input: Any) -> list[str]:
    """Params function: the options of a figure's tables."""
    return file_options(input)


def tables_of(output: Any) -> dict[str, str]:
    """Tables that a job writes, by its names of them."""
    return {name: path for name, path in output.items() if path.endswith(".parquet")}


def trained(sections: Iterable[str]) -> dict[str, list[str]]:
    """Tables of sections that train, one of each kind for each section."""
    return {
        name: [f"<results>/{section}/{table}.parquet" for section in sections]
        for name, table in (("boost", "boost"), ("curves", "optimizers"))
    }


class Figure(NamedTuple):
    """An entry of the table of figures."""

    title: str
    """On the page of the report."""
    inputs: Files
    """Tables, by the names that its module gives them."""
    draws: Model | None = None
    """Its entry under `draw`, if its module is told more than its tables."""
    category: str = "Figures"
    """Its part of the report."""
    target: str = "all"
    """What it is made with: all, extensions or rebased."""

    @property
    def sections(self) -> str:
        """The folders that its tables lie in."""
        tables = [path for paths in self.inputs.values() for path in _listed(paths)]
        return ", ".join(dict.fromkeys(Path(table).parent.name for table in tables))

    @property
    def options(self) -> list[str]:
        """What its module is told besides."""
        return [] if self.draws is None else ["--settings", self.draws.as_json()]


def _listed(paths: str | list[str]) -> list[str]:
    return [paths] if isinstance(paths, str) else list(paths)
