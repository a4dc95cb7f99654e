"""Parquet between the rules: explicit schemas, atomic writes, named faults.

A table is written whole or not at all. Its file metadata carries the *setting* it was
computed at (N, T, B, rates, ...), so that figures and captions read nothing else.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from scb.files import replacing

SETTING = b"setting"
"""Key of the file metadata under which the setting is kept, as JSON."""


METRICS: tuple[str, ...] = (
    "value_signal",
    "attention_signal",
    "value_error",
    "attention_error",
    "value_distance",
    "attention_distance",
    "value_similarity",
    "attention_similarity",
    "value_centred_similarity",
    "attention_centred_similarity",
    "test_loss",
)
"""What is measured of an iterate, by `scb.metrics.measure`."""

MEASURED: tuple[str, ...] = (*METRICS, *(f"normalised_{name}" for name in METRICS))
"""`METRICS` of the iterate, then of its normalised solution (Stage 3 applied to it)."""


def _required(**types: pa.DataType) -> list[pa.Field]:
    return [pa.field(name, type_, nullable=False) for name, type_ in types.items()]


_FLOATS, _INDICES = pa.list_(pa.float64()), pa.list_(pa.int64())

TASKS: pa.Schema = pa.schema(
    _required(
        seed=pa.int64(),
        states=pa.int32(),
        length=pa.int64(),
        sparsity=pa.int32(),
        replicate=pa.int32(),
        state=pa.int32(),
        stationary=pa.float64(),
        transition=_FLOATS,
        positions=_INDICES,
        weights=_FLOATS,
    )
)
"""One row per replicate and state k: seed, states, length, sparsity, replicate, state,
stationary, transition (column k), positions, weights (column k of Q)."""

CURVES: pa.Schema = pa.schema(
    [
        *_required(
            optimizer=pa.string(),
            replicate=pa.int32(),
            step=pa.int32(),
            stage=pa.string(),
            diverged=pa.bool_(),
        ),
        *(pa.field(name, pa.float64()) for name in MEASURED),
        *_required(bayes_loss=pa.float64()),
    ]
)
"""One row per optimizer, replicate and logged step. Columns: optimizer (string),
replicate (int32), step (int32), stage (string: boost or train), diverged (bool), all of
`MEASURED`, bayes_loss (float64). What is measured is null once diverged."""

STAGE1: pa.Schema = pa.schema(
    _required(
        stationary=pa.string(),
        length=pa.int64(),
        rate=pa.float64(),
        batch=pa.int64(),
        replicate=pa.int32(),
        right=pa.bool_(),
        reached=pa.bool_(),
        steps=pa.int32(),
        probability=pa.float64(),
        predicted=pa.float64(),
    )
)
"""One row per run of Stage 1: how mu was chosen (uniform or drawn), T, eta, B, replicate,
whether the run ended with both signals positive, whether it ended at all, its steps, the
closed form's probability of ``right``, and its B_90 for this mu, T and eta."""

STAGE1_PROBABILITIES: pa.Schema = pa.schema(
    _required(
        stationary=pa.string(),
        length=pa.int64(),
        rate=pa.float64(),
        batch=pa.int64(),
        runs=pa.int32(),
        right=pa.int32(),
        unfinished=pa.int32(),
        low=pa.float64(),
        high=pa.float64(),
        predicted=pa.float64(),
    )
)
"""One row per mu, T, eta and B: how many runs there were, ended right or did not end, the
Clopper-Pearson interval of the probability to end right, and the closed form of it."""

STAGE1_BATCHES: pa.Schema = pa.schema(
    _required(
        stationary=pa.string(),
        length=pa.int64(),
        rate=pa.float64(),
        batch=pa.float64(),
        low=pa.float64(),
        high=pa.float64(),
        power=pa.float64(),
        predicted=pa.float64(),
    )
)
"""One row per mu, T and eta: B_90 with its interval, kappa of `scb.stage1`, and the B_90 of
the closed form."""

EXPONENTS: pa.Schema = pa.schema(
    [
        *_required(subject=pa.string(), variable=pa.string()),
        *(pa.field(name, pa.float64()) for name in ("estimate", "low", "high", "predicted")),
    ]
)
"""One row per subject (what grows) and variable (in what): the exponent with its interval,
and the exponent that a closed form gives at the same settings; null where too few runs."""

_SWEEP = {"sweep": pa.string(), "replicate": pa.int32(), "aligned": pa.bool_()}

PENALTIES: pa.Schema = pa.schema(
    [
        *_required(**_SWEEP, penalty=pa.float64(), diverged=pa.bool_()),
        *(pa.field(name, pa.float64()) for name in MEASURED),
    ]
)
"""One row per sweep, replicate and lambda: whether both signals were positive after Stage
1, whether the run diverged, and what is measured at the last step (null once diverged)."""

WINDOWS: pa.Schema = pa.schema(
    [
        *_required(
            **_SWEEP,
            transition_energy=pa.float64(),
            balancing=pa.float64(),
            best=pa.float64(),
        ),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
    ]
)
"""One row per sweep and replicate: K_P, the closed form's lambda, the lambda that ends
nearest to Q, and the window of useful ones (null where none is better than 0)."""

STATES: pa.Schema = pa.schema(
    _required(
        optimizer=pa.string(),
        replicate=pa.int32(),
        step=pa.int32(),
        state=pa.int32(),
        value=pa.list_(pa.float32()),
        attention=pa.list_(pa.float32()),
    )
)
"""One row per optimizer, replicate and state k: optimizer, replicate, step, state,
value (list: column k of V), attention (list: column k of A)."""

PRETRAINED: pa.Schema = pa.schema(
    _required(
        correlation=pa.float64(),
        replicate=pa.int32(),
        achieved=pa.float64(),
        learned=pa.float64(),
        energy_ratio=pa.float64(),
        overlap_ratio=pa.float64(),
        drift=pa.float64(),
        state=pa.int32(),
        transition=_FLOATS,
        value=_FLOATS,
    )
)
"""One row per correlation asked for, replicate and state k: the correlation of P_hat with P
achieved, and that of the learned V with it; energy_ratio, overlap_ratio and drift of P_hat
(see `scb.transfer.Conditions`); column k of P_hat and of the V learned by pretraining."""

STARTS: tuple[str, ...] = ("one_step", "transfer", "scratch")
"""How a run of `TRANSFER` began: the one step alone, at every number of samples; the one
step and then Stage 2; the paper's own start."""

TRANSFER_METRICS: tuple[str, ...] = (
    "support",
    "attention_signal",
    "value_signal",
    "attention_distance",
    "value_distance",
    "normalised_attention_distance",
    "test_loss",
)
"""What is measured of a transfer run: `scb.transfer.support_found`, then some of `MEASURED`."""

TRANSFER: pa.Schema = pa.schema(
    [
        *_required(start=pa.string()),
        pa.field("correlation", pa.float64()),
        *_required(
            replicate=pa.int32(), length=pa.int64(), samples=pa.int64(), diverged=pa.bool_()
        ),
        *(pa.field(name, pa.float64()) for name in TRANSFER_METRICS),
        *_required(pattern_norm=pa.float64(), bayes_loss=pa.float64()),
    ]
)
"""One row per run and number of samples seen: start (of `STARTS`), correlation asked for
(null from scratch), replicate, length T, samples, diverged, `TRANSFER_METRICS` (null once
diverged), pattern_norm (|Q|_mu) and bayes_loss. The *budget* of a run is its last row."""


CLAIMS: pa.Schema = pa.schema(
    [
        *_required(id=pa.string(), claim=pa.string(), statistic=pa.string()),
        pa.field("estimate", pa.float64()),
        *_required(
            low=pa.float64(),
            high=pa.float64(),
            replicates=pa.int32(),
            verdict=pa.string(),
            figure=pa.string(),
            rule=pa.string(),
            outcome=pa.string(),
        ),
        pa.field("all_estimate", pa.float64()),
        *_required(
            all_low=pa.float64(),
            all_high=pa.float64(),
            all_replicates=pa.int32(),
            confidence=pa.float64(),
        ),
    ]
)
"""One row per statistic of a claim: id, claim (a sentence), statistic, estimate with its
interval (low, high) over replicates, verdict (of the claim), figure, rule, outcome (of this
statistic), the same estimate over all replicates, confidence (of each interval). An
estimate over no replicate is null."""


RECALL: pa.Schema = pa.schema(
    [
        *_required(
            kernel=pa.string(), rate=pa.float64(), run=pa.int32(), step=pa.int32(), last=pa.bool_()
        ),
        *(
            pa.field(name, pa.float64())
            for name in ("validation_loss", "validation_accuracy", "test_accuracy")
        ),
    ]
)
"""One row per kernel, learning rate, run and look at the validation split: kernel (string),
rate (float64), run (int32), step (int32), last (bool: the run's last look), validation_loss
(null if not finite), validation_accuracy, test_accuracy (null but at the last look)."""


class TableError(ValueError):
    """A Parquet file that is missing, truncated or of another schema."""


def write(
    frame: pd.DataFrame | pa.Table, path: Path, schema: pa.Schema, setting: Mapping[str, Any]
) -> None:
    """Write whole or not at all, as `scb.files.replacing` does.

    Raises
    ------
    TableError
        If the frame does not fit the schema; ``path`` is left as it was.
    OSError
        If it cannot be written; ``path`` is left as it was.
    """
    path = Path(path)
    names = frame.column_names if isinstance(frame, pa.Table) else list(frame.columns)
    _check_names(path, names, schema)
    try:
        if isinstance(frame, pa.Table):
            table = frame.select(schema.names).cast(schema)
        else:
            table = pa.Table.from_pandas(frame, schema=schema, preserve_index=False)
        table.validate(full=True)
    except (pa.ArrowException, ValueError) as fault:
        raise TableError(f"{path}: the frame does not fit the schema: {fault}") from fault
    # Pandas' own metadata names library versions: without it, equal tables are equal files.
    table = table.replace_schema_metadata({SETTING: json.dumps(dict(setting), sort_keys=True)})
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read(path: Path, schema: pa.Schema) -> pd.DataFrame:
    """`read_arrow` as a data frame."""
    return read_arrow(path, schema).to_pandas()


def read_arrow(path: Path, schema: pa.Schema) -> pa.Table:
    """Read and check against ``schema``.

    Raises
    ------
    TableError
        One line naming the file and the fault.
    """
    with _opened(path) as file:
        table = file.read()
    _check_names(path, table.column_names, schema)
    for field in schema:
        found = table.schema.field(field.name).type
        if found != field.type:
            raise TableError(f"{path}: column {field.name} is {found}, not {field.type}")
    return table.select(schema.names)


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


def _check_names(path: Path, names: list[str], schema: pa.Schema) -> None:
    missing = [name for name in schema.names if name not in names]
    extra = [name for name in names if name not in schema.names]
    if missing or extra:
        faults = [
            f"{fault} {', '.join(columns)}"
            for fault, columns in (("lacks", missing), ("has unknown", extra))
            if columns
        ]
        raise TableError(f"{path}: the table {' and '.join(faults)}")
