"""Compare tables of results with published ones: ``python -m scb verify RESULTS AGAINST``.

Rows are matched by what tells them apart, never by their order. Words and integers must be equal.
Other numbers may differ in their last digits, as they do between processors.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

TOLERANCE = 1e-3
"""Relative difference up to which two numbers agree: more than rounding errors grow to."""

ROUNDING = 1e-12
"""Absolute difference up to which they agree anyway: both may be 0 but for rounding errors."""


def verify(results: Path, against: Path, tolerance: float = TOLERANCE) -> int:
    """Compare each Parquet table in ``against`` with the one of the same path in ``results``.

    Prints a line for each table, and one in the end. What has not been made (``make`` makes
    nothing of ``make rebased``) is named and counted, and is no difference.

    Parameters
    ----------
    results, against : Path
        Folders. Tables that are in ``results`` alone are left out.
    tolerance : float
        Relative difference ``|a - b| / max(|a|, |b|)`` up to which numbers agree.

    Returns
    -------
    int
        Exit status: 0 if all tables that were made agree, and one was, else 1.
    """
    names = sorted(path.relative_to(against) for path in against.rglob("*.parquet"))
    if not names:
        print(f"{against}: there are no Parquet tables to compare with")
        return 1
    width = max(len(str(name)) for name in names)
    agreeing, made = 0, [name for name in names if (results / name).exists()]
    for name in names:
        agrees, said = False, "not made here"
        if name in made:
            agrees, said = compare_files(results / name, against / name, tolerance)
        agreeing += agrees
        print(f"{name!s:<{width}}  {said}")
    rest = f", {len(names) - len(made)} not made" if len(made) < len(names) else ""
    print(f"{agreeing} of {len(made)} tables agree (tolerance {tolerance:g}){rest}")
    return 0 if made and agreeing == len(made) else 1


def compare_files(result: Path, published: Path, tolerance: float) -> tuple[bool, str]:
    """Whether two files agree, and a line that says so, or what differs."""
    tables = []
    for path in (result, published):
        try:
            tables.append(pq.ParquetFile(path).read())
        except (pa.ArrowException, OSError) as fault:
            return False, f"{path} cannot be read: {str(fault).splitlines()[0]}"
    return compare(tables[0], tables[1], tolerance)


class Fault(NamedTuple):
    """What differs, in brief and with an example."""

    what: str
    example: str


def compare(result: pa.Table, published: pa.Table, tolerance: float) -> tuple[bool, str]:
    """Whether two tables agree, and a line that says so, or what differs."""
    faults = list(_other_columns(result.schema, published.schema))
    if faults:
        return False, _line(faults)
    floats = [field.name for field in published.schema if _is_float(field.type)]
    theirs = published.to_pandas()
    keys = _keys(theirs, floats)
    mine, theirs = (_indexed(frame, keys, floats) for frame in (result.to_pandas(), theirs))
    faults += _other_rows(mine.index, theirs.index)
    common = theirs.index[theirs.index.isin(mine.index)]
    mine, theirs = mine.loc[common], theirs.loc[common]
    for name in theirs.columns.difference(floats, sort=False):
        faults += _other_words(mine[name], theirs[name])
    largest, where = 0.0, ""
    for name in theirs.columns.intersection(floats, sort=False):
        differences = _differences(mine[name], theirs[name])
        faults += _other_numbers(mine[name], theirs[name], differences, tolerance)
        most = float(differences.max(initial=0.0))
        if most > largest:
            largest, where = most, f" (column {name})"
    if faults:
        return False, _line(faults)
    said = f"largest relative difference {largest:.1g}{where}"
    return True, f"{_rows(len(theirs))}  words equal  {said}"


def _line(faults: list[Fault]) -> str:
    first, *others = faults
    also = f"; also {', '.join(other.what for other in others)}" if others else ""
    return f"DIFFERS: {first.what} {first.example}{also}"


def _is_float(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_list(kind) else kind
    return bool(pa.types.is_floating(kind))


def _other_columns(result: pa.Schema, published: pa.Schema) -> Iterator[Fault]:
    for name in published.names:
        if name not in result.names:
            yield Fault(f"column {name}", "is missing")
        elif (kind := result.field(name).type) != published.field(name).type:
            yield Fault(f"column {name}", f"is {kind}, published {published.field(name).type}")
    for name in result.names:
        if name not in published.names:
            yield Fault(f"column {name}", "is not published")


def _keys(frame: pd.DataFrame, floats: list[str]) -> list[str]:
    """Columns that tell rows apart: of the first that do, those that must, floats least of all.

    Where none do, all but floats; rows that are alike in these are matched by their floats' order.
    """
    scalars = [name for name in frame if not _has_lists(frame[name])]
    for count in range(1, len(scalars) + 1):
        keys = scalars[:count]
        if not frame.duplicated(keys).any():
            for name in sorted(reversed(keys), key=lambda name: name not in floats):
                rest = [other for other in keys if other != name]
                if rest and not frame.duplicated(rest).any():
                    keys = rest
            return keys
    return [name for name in scalars if name not in floats]


def _has_lists(column: pd.Series) -> bool:
    return any(isinstance(value, np.ndarray) for value in column)


def _indexed(frame: pd.DataFrame, keys: list[str], floats: list[str]) -> pd.DataFrame:
    """The frame by its keys as words, so that a missing one is a key too, and by a count of rows
    that are alike in them.
    """
    scalars = [name for name in floats if not _has_lists(frame[name])]
    ordered = frame.sort_values(scalars, kind="stable") if scalars else frame
    index = pd.DataFrame({key: [*map(str, ordered[key].tolist())] for key in keys})
    index["row"] = index.groupby(keys).cumcount() if keys else range(len(ordered))
    return ordered.drop(columns=keys).set_axis(pd.MultiIndex.from_frame(index))


def _other_rows(mine: pd.MultiIndex, theirs: pd.MultiIndex) -> Iterator[Fault]:
    for said, one, other in (("missing", theirs, mine), ("not published", mine, theirs)):
        rows = one[~one.isin(other)]
        if len(rows):
            yield Fault(f"{len(rows)} of {_rows(len(one))} {said}", f"({_name(rows, 0)})")


def _other_words(mine: pd.Series, theirs: pd.Series) -> Iterator[Fault]:
    pairs = [(str(one), str(other)) for one, other in zip(mine, theirs, strict=True)]
    places = [place for place, (one, other) in enumerate(pairs) if one != other]
    if places:
        one, other = pairs[places[0]]
        said = f"{_rows(len(places))}: {_short(one)}, published {_short(other)}"
        row = _name(theirs.index, places[0])
        yield Fault(f"column {theirs.name}", f"in {said} ({row})")


def _differences(mine: pd.Series, theirs: pd.Series) -> NDArray[np.float64]:
    """Relative difference of each row, the largest of a list; infinite if lengths differ."""
    if not _has_lists(mine) and not _has_lists(theirs):
        return _relative(mine.to_numpy(np.float64), theirs.to_numpy(np.float64))
    found = []
    for pair in zip(mine, theirs, strict=True):
        one, other = (np.atleast_1d(numbers) for numbers in pair)
        same_length = len(one) == len(other)
        found.append(_relative(one, other).max(initial=0.0) if same_length else np.inf)
    return np.array(found)


def _relative(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """``|a - b| / max(|a|, |b|)``; 0 where both are no number, infinite where one alone is none."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        distance = np.abs(a - b)
        relative = distance / np.maximum(np.abs(a), np.abs(b))
    same = (a == b) | (np.isnan(a) & np.isnan(b)) | (distance <= ROUNDING)
    return np.where(same, 0.0, np.where(np.isfinite(relative), relative, np.inf))


def _other_numbers(
    mine: pd.Series, theirs: pd.Series, differences: NDArray[np.float64], tolerance: float
) -> Iterator[Fault]:
    (places,) = np.nonzero(differences > tolerance)
    if len(places):
        place = int(differences.argmax())
        one, other = mine.iloc[place], theirs.iloc[place]
        numbers = f", {one:g}, published {other:g}" if np.ndim(other) == 0 else ""
        said = f"by up to {differences[place]:.1g} in {_rows(len(places))}{numbers}"
        yield Fault(f"column {theirs.name}", f"{said} ({_name(theirs.index, place)})")


def _name(index: pd.MultiIndex, place: int) -> str:
    """A row by its keys: ``id C1, statistic share``."""
    *keys, (_, count) = zip(index.names, index[place], strict=True)
    said = [f"{name} {_short(value)}" for name, value in keys]
    return ", ".join([*said, f"row {count}"] if count or not said else said)


def _rows(count: int) -> str:
    return f"{count} row" if count == 1 else f"{count} rows"


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
