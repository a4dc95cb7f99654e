"""Parquet between the rules: explicit schemas, atomic writes, named faults.

A table is written whole or not at all. Its file metadata carries the *setting* it was
computed at (N, T, B, rates, ...), so that figures and captions read nothing else, its *origin*
(`scb.store.origin`), and a *digest* of all this and of every value. The digest is compared where
the table is read: a flipped bit, or a setting put beside other values, is an error.
"""

import hashlib
import json
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scb.store import origin
from scb.store.files import replacing

SETTING, ORIGIN, DIGEST, HEAD = b"setting", b"origin", b"digest", b"head"
"""Keys of the file metadata: JSON, JSON, the digest of all, and that of the three before it."""

FLOATS, INDICES = pa.list_(pa.float64()), pa.list_(pa.int64())


class Column(NamedTuple):
    """What a column holds, for docs/data.md.

    Attributes
    ----------
    kind : pyarrow.DataType
    meaning : str
        In Markdown, without a full stop.
    symbol : str
        The paper's, in Markdown.
    unit : str
        Of a number, or the shape of a list; empty for a number without a unit.
    """

    kind: pa.DataType
    meaning: str
    symbol: str = ""
    unit: str = ""


Kind: TypeAlias = pa.DataType | Column
"""Of a column: with its meaning, or, of a table that is nobody's but its own, without."""


@dataclass(frozen=True)
class Schema:
    """The columns of a table.

    Attributes
    ----------
    fields : pyarrow.Schema
        Those that every such table has.
    measured : bool
        Whether any others may follow: what was measured, float64, null where there is no value.
    columns : mapping of Column
        What ``fields`` mean.
    """

    fields: pa.Schema
    measured: bool = False
    columns: Mapping[str, Column] = field(default_factory=dict, compare=False)

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


def schema(nullable: Mapping[str, Kind] | None = None, /, **required: Kind) -> Schema:
    """A schema of columns without gaps, then of ``nullable`` ones."""
    return schema_of(required | dict(nullable or {}), nullable or ())


def measured(**required: Kind) -> Schema:
    """A schema of columns without gaps, and of anything measured besides."""
    return replace(schema_of(required), measured=True)


def schema_of(kinds: Mapping[str, Kind], nullable: Container[str] = ()) -> Schema:
    """A schema of columns in this order, of which the ``nullable`` ones may have gaps."""
    columns = {name: kind for name, kind in kinds.items() if isinstance(kind, Column)}
    fields = [
        pa.field(name, kind.kind if isinstance(kind, Column) else kind, nullable=name in nullable)
        for name, kind in kinds.items()
    ]
    return Schema(pa.schema(fields), columns=columns)


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
    told = {
        SETTING: json.dumps(dict(setting), sort_keys=True).encode(),
        ORIGIN: json.dumps(origin.current(), sort_keys=True).encode(),
    }
    told[DIGEST] = _digest(table, told).encode()
    told[HEAD] = _head(told)
    table = table.replace_schema_metadata(told)
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)


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
    for column in columns:
        found = table.schema.field(column.name).type
        if found != column.type:
            raise TableError(f"{path}: column {column.name} is {found}, not {column.type}")
    told = _metadata(path, table.schema)
    if _digest(table, told) != told[DIGEST].decode():
        raise TableError(f"{path}: its values are not those that were written: it is damaged")
    return table.select(columns.names)


def require_grid(path: Path, index: pd.DataFrame) -> None:
    """Refuse rows unless each combination of what ``index`` holds is there, once.

    Parameters
    ----------
    path : Path
        Named in the fault.
    index : DataFrame
        What tells the rows apart: names, or numbers from 0.

    Raises
    ------
    TableError
    """
    levels = [
        range(column.nunique()) if pd.api.types.is_integer_dtype(column) else column.unique()
        for _, column in index.items()
    ]
    wanted = pd.MultiIndex.from_product(levels).sort_values()
    if index.empty or not wanted.equals(pd.MultiIndex.from_frame(index).sort_values()):
        names = " or ".join(index.columns)
        raise TableError(f"{path}: rows of some {names} are missing, or there twice")


def setting(path: Path) -> dict[str, Any]:
    """The setting that `write` stored with the table.

    Raises
    ------
    TableError
        If the file is missing, truncated or without a setting.
    """
    return _json(path, SETTING)


def origin_of(path: Path) -> dict[str, Any]:
    """What `scb.store.origin` knew when the table was written, and the table's ``digest``.

    Raises
    ------
    TableError
        As of `setting`.
    """
    return _json(path, ORIGIN)


def _json(path: Path, key: bytes) -> dict[str, Any]:
    with _opened(path) as file:
        told = _metadata(path, file.schema_arrow)
    found: dict[str, Any] = json.loads(told[key])
    return found | {"digest": told[DIGEST].decode()} if key == ORIGIN else found


def _metadata(path: Path, schema: pa.Schema) -> dict[bytes, bytes]:
    metadata: dict[bytes, bytes] = schema.metadata or {}
    for key in (SETTING, ORIGIN, DIGEST, HEAD):
        if key not in metadata:
            raise TableError(f"{path}: no {key.decode()} is stored with the table")
    if metadata[HEAD] != _head(metadata):
        raise TableError(f"{path}: what it says of itself was not written with it: it is damaged")
    return metadata


def _head(told: Mapping[bytes, bytes]) -> bytes:
    parts = b"\0".join(told[key] for key in (SETTING, ORIGIN, DIGEST))
    return hashlib.blake2b(parts, digest_size=16).hexdigest().encode()


def _digest(table: pa.Table, told: Mapping[bytes, bytes]) -> str:
    """Of the setting, the origin, and the name, type and values of every column."""
    found = hashlib.blake2b(digest_size=16)

    def add(part: bytes) -> None:
        found.update(len(part).to_bytes(8, "little") + part)

    def add_values(array: pa.Array) -> None:
        add(np.packbits(array.is_null().to_numpy(zero_copy_only=False)).tobytes())
        if pa.types.is_list(array.type):
            add(pc.list_value_length(array).fill_null(0).to_numpy().tobytes())
            add_values(array.flatten())
        elif pa.types.is_string(array.type):
            encoded = array.dictionary_encode()
            add(encoded.indices.fill_null(0).to_numpy().tobytes())
            add(json.dumps(encoded.dictionary.to_pylist()).encode())
        else:
            filled = array.fill_null(False if pa.types.is_boolean(array.type) else 0)
            add(filled.to_numpy(zero_copy_only=False).tobytes())

    for part in (told[SETTING], told[ORIGIN]):
        add(part)
    for name, column in zip(table.column_names, table.columns, strict=True):
        kind = column.type
        inner = f"list of {kind.value_type}" if pa.types.is_list(kind) else kind
        add(f"{name}: {inner}".encode())
        add_values(column.combine_chunks())
    return found.hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    """The file, open; whatever is wrong with it as a `TableError`."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            yield file
    except FileNotFoundError:
        raise TableError(f"{path}: no such file") from None
    except (pa.ArrowException, OSError, UnicodeDecodeError) as fault:
        first = str(fault).splitlines()[0]
        raise TableError(f"{path}: not a complete Parquet file: {first}") from fault


def _columns(path: Path, schema: Schema, table: pd.DataFrame | pa.Table) -> pa.Schema:
    names = table.column_names if isinstance(table, pa.Table) else list(table.columns)
    try:
        return schema.complete(names)
    except ValueError as fault:
        raise TableError(f"{path}: {fault}") from None
