"""What a table says of where it comes from, and whether several that are read together fit.

A job writes into each of its tables its settings and the digests of the tables that it read. So
a job or a figure can see, before any work, that a state was trained on other tasks than those
beside it, or on another seed, whatever Snakemake remembers.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import zip_longest
from pathlib import Path
from typing import Any

Files = Mapping[str, Path | Sequence[Path]]
"""Tables that are read together, by name; of lists, those of one place belong together."""

_current: ContextVar[dict[str, Any]] = ContextVar("origin")


def current() -> dict[str, Any]:
    """The origin of what is written now: of nothing, outside of a job."""
    return _current.get({"settings": {}, "inputs": {}})


@contextmanager
def made_from(settings: Mapping[str, Any], inputs: Mapping[str, Any]) -> Iterator[None]:
    """Within the block tables are written with this origin.

    Parameters
    ----------
    settings : mapping
        Of the job.
    inputs : mapping
        Digests of the tables that it read, by name: one, or a list.
    """
    token = _current.set({"settings": dict(settings), "inputs": dict(inputs)})
    try:
        yield
    finally:
        _current.reset(token)


def compare(
    files: Files, read: Callable[[Path], dict[str, Any]], seed: int | None = None
) -> dict[str, Any]:
    """Digests of the tables that a job reads, once they were found to fit.

    Parameters
    ----------
    files : mapping
    read : function of a path
        `scb.store.tables.origin_of`.
    seed : int, optional
        Of the job; by default it has none.

    Raises
    ------
    ValueError
        One line naming two files, or a file and a setting, that do not belong together.
    """
    origins = {
        name: [(path, read(path)) for path in ([some] if isinstance(some, Path) else some)]
        for name, some in files.items()
    }
    for place in zip_longest(*origins.values()):
        _require_one_past(dict(zip(origins, place, strict=True)), seed)
    return {
        name: [origin["digest"] for _, origin in pairs]
        if not isinstance(files[name], Path)
        else pairs[0][1]["digest"]
        for name, pairs in origins.items()
    }


Table = tuple[Path, dict[str, Any]]


def _require_one_past(tables: Mapping[str, Table | None], seed: int | None) -> None:
    """Tables of one place name one seed, and the same inputs: those beside them, if they are."""
    there = {name: table for name, table in tables.items() if table}
    known: dict[str, tuple[str, Any]] = {
        name: (str(path), origin["digest"]) for name, (path, origin) in there.items()
    }
    if seed is not None:
        known["seed"] = "the settings", seed
    for path, origin in there.values():
        said = dict(origin["inputs"])
        if "seed" in origin["settings"]:
            said["seed"] = origin["settings"]["seed"]
        for name, value in said.items():
            other, expected = known.setdefault(name, (str(path), value))
            if isinstance(value, list) or value == expected:
                continue
            if name == "seed":
                raise ValueError(f"{path}: its seed is {value}; that of {other} is {expected}")
            raise ValueError(f"{path}: it was made from other {name} than {other}")
