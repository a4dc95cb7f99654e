"""What the rules say of jobs and figures, in Python."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from scb.settings.model import Model

Files = Mapping[str, str | list[str]]
"""One or several, by name."""


def file_options(files: Files) -> list[str]:
    """A command-line option for each name that has a file, but for the code among them."""
    words = []
    for name, paths in files.items():
        if name != "modules" and paths:
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


def there(*files: str) -> list[str]:
    """Those of the files that the repository has: it may be a copy without them."""
    return [file for file in files if Path(file).exists()]


def job_module(wildcards: Any, input: Any) -> str:
    """Params function: what a job runs, as after ``python -m``: the first file of its code."""
    return ".".join(Path(input.modules[0]).with_suffix("").parts)


def device_resources(device: str, mem_mb: Any, runtime: int = 60) -> dict[str, Any]:
    """Resources of a job that trains: a GPU only if the settings insist on one.

    Parameters
    ----------
    device : str
        As in the settings.
    mem_mb : int or function of wildcards
    runtime : int
        Minutes.
    """
    gpus = int(device.startswith("cuda"))
    return {"mem_mb": mem_mb, "runtime": runtime, "gpu": gpus, "device": device}


def input_options(wildcards: Any, input: Any) -> list[str]:
    """Params function: the options of a figure's tables."""
    return file_options(input)


def tables_of(output: Any) -> dict[str, str]:
    """Tables that a job writes, by its names of them."""
    return {name: path for name, path in output.items() if path.endswith(".parquet")}


def renamed(output: Any, **names: str) -> dict[str, str]:
    """The same, some of them by other names."""
    return {names.get(name, name): path for name, path in tables_of(output).items()}


def trained(sections: Iterable[str], *names: str) -> dict[str, list[str]]:
    """Tables of sections that train, one of each kind for each section; others by ``names``."""
    kinds = {**{name: name for name in names}, "boost": "boost", "curves": "optimizers"}
    return {
        name: [f"<results>/{section}/{table}.parquet" for section in sections]
        for name, table in kinds.items()
    }


def attended(section: str) -> dict[str, str]:
    """Tables of a section of both kinds of attention."""
    names = {"tasks": "tasks", "curves": "attention", "states": "attention_state"}
    return {name: f"<results>/{section}/{table}.parquet" for name, table in names.items()}


def simulated(sections: Iterable[str]) -> dict[str, list[str]]:
    """Tables of sections that are simulated, and of the check."""
    curves = [f"<results>/{section}/simulation.parquet" for section in sections]
    return {"curves": [*curves, "<results>/check/check.parquet"]}


BEST = "_best"
"""How the name of a figure ends that draws one more time, at other settings."""


KEPT = "docs/gallery/phase_diagram.png"
"""A figure of the tuning seed, which `make` does not draw."""

TARGETS = ("all", "extensions", "multiverse", "rebased")
"""Rules that gather figures, and more."""


class Figure(NamedTuple):
    """An entry of the table of figures."""

    title: str
    """On the page of the report."""
    inputs: Any
    """Tables, by the names that its module gives them; or what makes them of `draws`."""
    draws: Model | None = None
    """Its entry under `draw`, if there is one."""
    target: str = "all"
    """What it is made with: one of `TARGETS`."""

    @property
    def category(self) -> str:
        """Its part of the report."""
        return "Figures" if self.target == "all" else self.target.capitalize()

    @property
    def tables(self) -> Files:
        """Its tables, whatever decides them."""
        found: Files = self.inputs(self.draws) if callable(self.inputs) else self.inputs
        return found

    @property
    def sections(self) -> str:
        """The folders that its tables lie in."""
        tables = [path for paths in self.tables.values() for path in _listed(paths)]
        return ", ".join(dict.fromkeys(Path(table).parent.name for table in tables))

    @property
    def options(self) -> list[str]:
        """What its module is told besides: its entry, if that names more than tables."""
        if self.draws is None or not hasattr(self.draws, "optimizers"):
            return []
        return ["--settings", self.draws.as_json()]


def configured(figures: Mapping[str, Figure], draw: Model) -> dict[str, Figure]:
    """The table of figures, each with its entry in ``draw``, and once more with a further one."""
    found = {
        name: figure._replace(draws=getattr(draw, name, None)) for name, figure in figures.items()
    }
    for name, figure in figures.items():
        if (draws := getattr(draw, f"{name}{BEST}", None)) is not None:
            found[f"{name}{BEST}"] = figure._replace(
                title=f"{figure.title}, at its best", draws=draws
            )
    return found


def files_by_target(figures: Mapping[str, Figure]) -> dict[str, list[str]]:
    """The files of the figures of each target rule."""
    found: dict[str, list[str]] = {target: [] for target in TARGETS}
    for name, figure in figures.items():
        found[figure.target] += [f"<figures>/{name}.{suffix}" for suffix in ("pdf", "png")]
    return found


def plates(drawn: Iterable[str]) -> list[str]:
    """What the article may print: the figures that are drawn, and one that the repository keeps."""
    return [*(file for file in drawn if file.endswith(".pdf")), *there(KEPT)]


def _listed(paths: str | list[str]) -> list[str]:
    return [paths] if isinstance(paths, str) else list(paths)
