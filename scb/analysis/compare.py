"""Two folders of results side by side: tables of both, settings and curves that differ."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from scb.analysis.runs import Run
from scb.analysis.verify import compare_files, tables_in
from scb.learning.tables import CURVES
from scb.store import tables

PAIR = ("boost", "optimizers")
"""Stage 1 and the optimizers after it, whose tables make one run."""

FEW = 3
"""Tables that are named; of more their number is told."""


class Difference(NamedTuple):
    """A setting in both folders, ``None`` where it is not, and the tables made with it."""

    key: str
    mine: Any
    other: Any
    names: list[Path]


@dataclass(frozen=True)
class Folders:
    """Two folders of results, as `make` or ``python -m scb train`` writes them.

    Attributes
    ----------
    mine, other : Path
    names : list of Path
        Tables that both have, as seen from them.
    """

    mine: Path
    other: Path
    names: list[Path]

    @classmethod
    def of(cls, mine: Path, other: Path) -> "Folders":
        """Find the tables.

        Raises
        ------
        ValueError
            One line, if one is no folder or if there is no table of the same path in both.
        """
        for folder in (mine, other):
            if not folder.is_dir():
                raise ValueError(f"{folder} is no folder")
        names = [name for name in tables_in(mine) if (other / name).is_file()]
        if not names:
            raise ValueError(f"{mine} and {other} have no table of the same path in common")
        return cls(mine, other, names)

    def settings(self) -> list[Difference]:
        """Settings that differ, in the order of their tables.

        Raises
        ------
        TableError
            One line naming a table that is damaged or not of this project.
        """
        found: dict[str, Difference] = {}
        for name in self.names:
            mine, other = (_settings(folder / name) for folder in (self.mine, self.other))
            for key in mine | other:
                one, two = mine.get(key), other.get(key)
                if one != two:
                    new = Difference(key, one, two, [])
                    found.setdefault(repr(new), new).names.append(name)
        return list(found.values())

    @cached_property
    def sections(self) -> dict[str, list[Path]]:
        """Tables of curves that make a run, by the name of the section."""
        found: dict[str, list[Path]] = {}
        for name in self.names:
            if all(_has_curves(folder / name) for folder in (self.mine, self.other)):
                own = name.stem not in PAIR and not name.parent.name.startswith(name.stem)
                section = name.with_suffix("") if own else name.parent
                found.setdefault(section.as_posix(), []).append(name)
        return found

    def differing(self) -> list[str]:
        """Sections whose curves do not agree up to rounding (`scb.analysis.verify`)."""
        return [
            section
            for section, names in self.sections.items()
            if not all(compare_files(self.mine / name, self.other / name).agrees for name in names)
        ]

    def runs(self, section: str) -> tuple[Run, Run]:
        """The runs of both folders."""
        names = self.sections[section]
        mine, other = (
            Run.read(*(folder / name for name in names)) for folder in (self.mine, self.other)
        )
        return mine, other


def said(difference: Difference) -> str:
    """A difference on one line: ``batch: 64 | 128 (convergence/boost)``."""
    first = ", ".join(name.with_suffix("").as_posix() for name in difference.names[:FEW])
    more = len(difference.names) - FEW
    where = f"{first} and {more} more" if more > 0 else first
    mine, other = (
        "none" if value is None else str(value) for value in (difference.mine, difference.other)
    )
    return f"{difference.key}: {mine} | {other} ({where})"


def _has_curves(path: Path) -> bool:
    return {*CURVES.names} <= {*pq.read_schema(path).names}


def _settings(path: Path) -> dict[str, Any]:
    """All settings of the job that made a table; outside of a job, those stored for figures.

    None of a table of claims, which has a digest of them all: its verdicts say what it judges.
    """
    stored = tables.setting(path)
    settings = {} if "digest" in stored else tables.origin_of(path)["settings"] or stored
    return dict(_flat(settings))


def _flat(settings: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by their dotted keys."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
