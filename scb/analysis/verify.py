"""Compare tables of results with published ones: ``python -m scb verify RESULTS AGAINST``.

Rows are matched by what tells them apart, never by their order. Words and integers must be equal.
Floats must be equal to the last bit where both were made on one kind of processor with the same
versions. Elsewhere their last digits are the processor's: `TOLERANCE` says which.
"""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

Column = NDArray[Any]
Columns = dict[str, Column]
Row = tuple[tuple[str, ...], int]
"""A row by its keys as words, and its place among those that are alike in them."""

UNIT, STEPS, BATCH, RATE = 2.0**-24, 2000, 256, 0.01
"""Unit roundoff of float32; S, B and eta of the setting whose rounding errors may grow most."""

TOLERANCE = UNIT * STEPS**0.5 * BATCH**0.5 / RATE
"""Difference up to which two numbers agree, relative to the larger of them or to their scale.

V and A, of norms about 1, are float32. Two processors that group sums in other ways round otherwise
by about u = 2^-24 in each step. The signs are as good as random, so that u sqrt(S) is left after S
steps [1]_. Until the signals are 1, differences grow as the signals do. These start from what one
mini-batch tells, about eta / sqrt(B), and so grow by about sqrt(B) / eta. The tolerance is the
product, the largest of all settings that train: 0.004, at S = 2000, B = 256 and eta = 0.01. So the
first two digits are the result's, and those that follow the processor's.

This holds for what depends continuously on V and A. Where a threshold decides (an entry of A at the
switch to Stage 2, the first step at which something is found, whether a run counts), rounding may
flip an entry or a run, and that is reported as a difference. It does not hold for the networks of
the second paper: nothing bounds by how much AdamW lets rounding errors grow in them.

.. [1] Higham and Mary, *A New Approach to Probabilistic Rounding Error Analysis*, SIAM Journal on
   Scientific Computing 41, 2019.
"""

NOTHING = 1e-9
"""Scale of a column that is 0 but for rounding errors of float64."""


def verify(results: Path, against: Path) -> int:
    """Compare each Parquet table in ``against`` with the one of the same path in ``results``.

    Prints a line for each table, then a sum, then what the provenance of both says of last digits.
    What has not been made (``make`` makes nothing of ``make rebased``) is named and counted, and is
    no difference.

    Parameters
    ----------
    results, against : Path
        Folders. Tables that are in ``results`` alone are left out.

    Returns
    -------
    int
        Exit status: 0 if all tables that were made agree, and one was, else 1.
    """
    names = tables_in(against)
    if not names:
        print(f"{against}: there are no Parquet tables to compare with")
        return 1
    width = max(len(str(name)) for name in names)
    found = {
        name: compare_files(results / name, against / name)
        for name in names
        if (results / name).exists()
    }
    for name in names:
        print(f"{name!s:<{width}}  {found[name].said if name in found else 'not made here'}")
    made, agreeing = len(found), sum(one.agrees for one in found.values())
    equal = sum(one.equal for one in found.values())
    rest = f", {len(names) - made} not made" if made < len(names) else ""
    said = f"{agreeing} of {made} tables agree (tolerance {TOLERANCE:.1g})"
    print(f"{said}, {equal} to the last bit{rest}")
    print(f"last digits: {_last_digits(results, against, equal == made)}")
    return 0 if made and agreeing == made else 1


def tables_in(folder: Path) -> list[Path]:
    """All Parquet tables in a folder and below, as seen from it."""
    return sorted(path.relative_to(folder) for path in folder.rglob("*.parquet"))


def _last_digits(results: Path, against: Path, equal: bool) -> str:
    """What is to be expected of last digits, by the provenance of both."""
    records = [
        (_made_on(results / name), _made_on(path))
        for path in sorted(against.rglob("*provenance.json"))
        if (results / (name := path.relative_to(against))).exists()
    ]
    if not records:
        return "no provenance of both says on which processors they were made"
    others = {
        key for mine, theirs in records for key in mine | theirs if mine.get(key) != theirs.get(key)
    }
    if others:
        return f"those of another processor or other versions ({', '.join(sorted(others))})"
    same = "one kind of processor and the same versions, so every bit should be equal"
    return same if equal else f"{same}, and some are not"


def _made_on(provenance: Path) -> dict[str, Any]:
    """What decides last digits, of a job."""
    try:
        record = json.loads(provenance.read_text(encoding="utf-8"))
        return {"device": record["device"], **record["versions"], **record["processor"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {"provenance": f"{provenance} cannot be read"}


class Found(NamedTuple):
    """Whether two tables agree, whether in every bit, and a line that says so, or what differs."""

    agrees: bool
    equal: bool
    said: str


def compare_files(result: Path, published: Path) -> Found:
    """Compare two files."""
    tables = []
    for path in (result, published):
        try:
            tables.append(pq.ParquetFile(path).read())
        except (pa.ArrowException, OSError) as fault:
            return Found(False, False, f"{path} cannot be read: {str(fault).splitlines()[0]}")
    return compare(tables[0], tables[1])


class Fault(NamedTuple):
    """What differs, in brief and with an example."""

    what: str
    example: str


def compare(result: pa.Table, published: pa.Table) -> Found:
    """Compare two tables."""
    faults = list(_other_columns(result.schema, published.schema))
    if faults:
        return Found(False, False, _line(faults))
    floats = [field.name for field in published.schema if _is_float(field.type)]
    names = published.column_names
    mine, theirs = ({name: _column(table[name]) for name in names} for table in (result, published))
    keys = _keys(theirs, floats)
    at_mine, at_theirs = (_places(columns, keys, floats) for columns in (mine, theirs))
    faults += _other_rows(keys, at_mine, at_theirs)
    rows = [row for row in at_theirs if row in at_mine]
    both = [np.array([at[row] for row in rows], np.intp) for at in (at_mine, at_theirs)]
    numbers: list[Fault] = []
    largest, where = 0.0, ""
    for name in (name for name in names if name not in keys):
        one, other = (
            column[at] for column, at in zip((mine[name], theirs[name]), both, strict=True)
        )
        if name not in floats:
            faults += _other_words(name, one, other, keys, rows)
            continue
        differences = _differences(one, other)
        numbers += _other_numbers(name, one, other, differences, keys, rows)
        most = float(differences.max(initial=0.0))
        if most > largest:
            largest, where = most, f" (column {name})"
    faults += numbers
    if faults:
        return Found(False, False, _line(faults))
    said = f"largest relative difference {largest:.1g}{where}"
    return Found(True, largest == 0, f"{_rows(len(rows))}  words equal  {said}")


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


def _column(column: pa.ChunkedArray) -> Column:
    """Numbers, or objects: words, what may be missing, and lists as arrays."""
    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_list(kind):
        return column.to_numpy()
    if pa.types.is_integer(kind) and not column.null_count:
        return column.to_numpy()
    return np.array(column.to_pylist(), object)


def _words(column: Column) -> list[str]:
    return [*map(str, column.tolist())]


def _keys(columns: Columns, floats: list[str]) -> list[str]:
    """Columns that tell rows apart: of the first that do, those that must, floats least of all.

    Where none do, all but floats; rows that are alike in these are matched by their floats' order.
    """
    words: dict[str, list[str]] = {}
    alike = [0] * len(next(iter(columns.values()), ()))  # rows of one number so far
    for name, column in columns.items():
        if _has_lists(column):
            continue
        words[name] = _words(column)
        known: dict[tuple[int, str], int] = {}
        alike = [known.setdefault(row, len(known)) for row in zip(alike, words[name], strict=True)]
        if len(known) == len(alike):
            keys = [*words]
            for name in sorted(reversed(keys), key=lambda name: name not in floats):
                rest = [other for other in keys if other != name]
                told = {*zip(*(words[other] for other in rest), strict=True)}
                if rest and len(told) == len(alike):
                    keys = rest
            return keys
    return [name for name in words if name not in floats]


def _has_lists(column: Column) -> bool:
    return column.dtype == object and any(isinstance(value, np.ndarray) for value in column)


def _places(columns: Columns, keys: list[str], floats: list[str]) -> dict[Row, int]:
    """The place of each row by its keys as words, so that a missing one is a key too, and by a
    count of rows that are alike in them, in the order of their floats.
    """
    count = len(next(iter(columns.values()), ()))
    scalars = [columns[name] for name in floats if not _has_lists(columns[name])]
    order = np.lexsort(scalars[::-1]) if scalars else np.arange(count)
    words = [_words(columns[key][order]) for key in keys]
    found: dict[Row, int] = {}
    alike: Counter[tuple[str, ...]] = Counter()
    for place, row in zip(order.tolist(), zip(*words, strict=True) if words else [()] * count,
                          strict=True):  # fmt: skip
        found[row, alike[row]] = place
        alike[row] += 1
    return found


def _other_rows(keys: list[str], mine: dict[Row, int], theirs: dict[Row, int]) -> Iterator[Fault]:
    for said, one, other in (("missing", theirs, mine), ("not published", mine, theirs)):
        rows = [row for row in one if row not in other]
        if rows:
            yield Fault(f"{len(rows)} of {_rows(len(one))} {said}", f"({_name(keys, rows[0])})")


def _other_words(
    name: str, mine: Column, theirs: Column, keys: list[str], rows: list[Row]
) -> Iterator[Fault]:
    pairs = [*zip(_words(mine), _words(theirs), strict=True)]
    places = [place for place, (one, other) in enumerate(pairs) if one != other]
    if places:
        one, other = pairs[places[0]]
        said = f"{_rows(len(places))}: {_short(one)}, published {_short(other)}"
        yield Fault(f"column {name}", f"in {said} ({_name(keys, rows[places[0]])})")


def _differences(mine: Column, theirs: Column) -> NDArray[np.float64]:
    """Relative difference of each row, the largest of a list; infinite if lengths differ."""
    scale = _scale(theirs)
    if not _has_lists(mine) and not _has_lists(theirs):
        return _relative(mine.astype(np.float64), theirs.astype(np.float64), scale)
    found = []
    for pair in zip(mine, theirs, strict=True):
        one, other = (np.atleast_1d(numbers) for numbers in pair)
        same_length = len(one) == len(other)
        found.append(_relative(one, other, scale).max(initial=0.0) if same_length else np.inf)
    return np.array(found)


def _scale(column: Column) -> float:
    """The largest number of a column, or 1 if that is less: what a rounding error is a part of."""
    values = np.concatenate([*column, []]) if _has_lists(column) else column
    numbers = np.abs(values.astype(np.float64))
    return float(np.clip(numbers[np.isfinite(numbers)].max(initial=0.0), NOTHING, 1.0))


def _relative(a: NDArray[np.float64], b: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """``|a - b| / max(|a|, |b|, scale)``; 0 where both are no number, infinite where one is."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        relative = np.abs(a - b) / np.maximum(np.maximum(np.abs(a), np.abs(b)), scale)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    return np.where(same, 0.0, np.where(np.isfinite(relative), relative, np.inf))


def _other_numbers(
    name: str,
    mine: Column,
    theirs: Column,
    differences: NDArray[np.float64],
    keys: list[str],
    rows: list[Row],
) -> Iterator[Fault]:
    (places,) = np.nonzero(differences > TOLERANCE)
    if len(places):
        place = int(differences.argmax())
        one, other = mine[place], theirs[place]
        numbers = f", {one:g}, published {other:g}" if np.ndim(other) == 0 else ""
        said = f"by up to {differences[place]:.1g} in {_rows(len(places))}{numbers}"
        yield Fault(f"column {name}", f"{said} ({_name(keys, rows[place])})")


def _name(keys: list[str], row: Row) -> str:
    """A row by its keys: ``id C1, statistic share``."""
    words, count = row
    said = [f"{name} {_short(word)}" for name, word in zip(keys, words, strict=True)]
    return ", ".join([*said, f"row {count}"] if count or not said else said)


def _rows(count: int) -> str:
    return f"{count} row" if count == 1 else f"{count} rows"


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."
