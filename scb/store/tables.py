"""Parquet between the rules: explicit schemas, atomic writes, named faults.

A table is written whole or not at all. Its file metadata carries the *setting* it was
computed at (N, T, B, rates, ...), so that figures and captions read nothing else.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from scb.store.files import replacing

SETTING = b"setting"
"""Key of the file metadata under which the setting is kept, as JSON."""

FLOATS, INDICES = pa.list_(pa.float64()), pa.list_(pa.int64())


@dataclass(frozen=True)
class Schema:
    """The columns of a table.

    Attributes
    ----------
    fields : pyarrow.Schema
        Those that every such table has.
    measured : bool
        Whether any others may follow: what was measured, float64, null where there is no value.
    """

    fields: pa.Schema
    measured: bool = False

    @property
    def names(self) -> list[str]:
        """Of the columns that every such table has."""
        return list(self.fields.names)

    def complete(self, names: list[str]) -> pa.Schema:
        """All columns of a table that has these ``names``.

        Raises
        ------
        ValueError
            If one is lacking, or unknown.
        """
        missing = [name for name in self.names if name not in names]
        others = [name for name in names if name not in self.names]
        extra = [] if self.measured else others
        if missing or extra:
            faults = [
                f"{fault} {', '.join(columns)}"
                for fault, columns in (("lacks", missing), ("has unknown", extra))
                if columns
            ]
            raise ValueError(f"the table {' and '.join(faults)}")
        return pa.schema([*self.fields, *(pa.field(name, pa.float64()) for name in others)])


def schema(nullable: Mapping[str, pa.DataType] | None = None, /, **required: pa.DataType) -> Schema:
    """A schema of columns without gaps, then of ``nullable`` ones."""
    return Schema(pa.schema([*_fields(required, False), *_fields(nullable or {}, True)]))


def measured(**required: pa.DataType) -> Schema:
    """A schema of columns without gaps, and of anything measured besides."""
    return Schema(pa.schema(_fields(required, False)), measured=True)


def _fields(types: Mapping[str, pa.DataType], nullable: bool) -> list[pa.Field]:
    return [pa.field(name, kind, nullable=nullable) for name, kind in types.items()]


class TableError(ValueError):
    """A Parquet file that is missing, truncated or of another schema."""


def write(
    frame: pd.DataFrame | pa.Table, path: Path, schema: Schema, setting: Mapping[str, Any]
) -> None:
    """Write whole or not at all, as `scb.store.files.replacing` does.

    Raises
    ------
    TableError
        If the frame does not fit the schema; ``path`` is left as it was.
    OSError
        If it cannot be written; ``path`` is left as it was.
    """
    path = Path(path)
    columns = _columns(path, schema, frame)
    try:
        if isinstance(frame, pa.Table):
            table = frame.select(columns.names).cast(columns)
        else:
            table = pa.Table.from_pandas(frame, schema=columns, preserve_index=False)
        table.validate(full=True)
    except (pa.ArrowException, ValueError) as fault:
        raise TableError(f"{path}: the frame does not fit the schema: {fault}") from fault
    # Pandas' own metadata names library versions: without it, equal tables are equal files.
    table = table.replace_schema_metadata({SETTING: json.dumps(dict(setting), sort_keys=True)})
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read(path: Path, schema: Schema) -> pd.DataFrame:
    """`read_arrow` as a data frame."""
    return read_arrow(path, schema).to_pandas()


def read_arrow(path: Path, schema: Schema) -> pa.Table:
    """Read and check against ``schema``.

    Raises
    ------
    TableError
        One line naming the file and the fault.
    """
    with _opened(path) as file:
        table = file.read()
    columns = _columns(path, schema, table)
    for field in columns:
        found = table.schema.field(field.name).type
        if found != field.type:
            raise TableError(f"{path}: column {field.name} is {found}, not {field.type}")
    return table.select(columns.names)


def setting(path: Path) -> dict[str, Any]:
    """The setting that `write` stored with the table.

    Raises
    ------
    TableError
        If the file is missing, truncated or without a setting.
    """
    with _opened(path) as file:
        metadata = file.schema_arrow.metadata or {}
    if SETTING not in metadata:
        raise TableError(f"{path}: no setting is stored with the table")
    found: dict[str, Any] = json.loads(metadata[SETTING])
    return found


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    """The file, open; whatever is wrong with it as a `TableError`."""
    try:
        with pq.ParquetFile(path) as file:
            yield file
    except FileNotFoundError:
        raise TableError(f"{path}: no such file") from None
    except (pa.ArrowException, OSError) as fault:
        first = str(fault).splitlines()[0]
        raise TableError(f"{path}: not a complete Parquet file: {first}") from fault


def _columns(path: Path, schema: Schema, table: pd.DataFrame | pa.Table) -> pa.Schema:
    names = table.column_names if isinstance(table, pa.Table) else list(table.columns)
    try:
        return schema.complete(names)
    except ValueError as fault:
        raise TableError(f"{path}: {fault}") from None
