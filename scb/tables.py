"""Parquet between the rules: explicit schemas, atomic writes, named faults.

A table is written whole or not at all. Its file metadata carries the *setting* it was
computed at (N, T, B, rates, ...), so that figures and captions read nothing else.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from scb.metrics import METRICS

TASKS: pa.Schema
"""One row per replicate and state k: seed, states, length, sparsity, replicate, state,
stationary, transition (column k), positions, weights (column k of Q)."""

CURVES: pa.Schema
"""One row per optimizer, replicate and logged step. Columns: optimizer (string),
replicate (int32), step (int32), stage (string: boost or train), diverged (bool), every
metric of `METRICS`, every metric again as ``normalised_<metric>`` (Stage 3 applied to
that iterate), bayes_loss (float64). Metrics are null once diverged."""

STATES: pa.Schema
"""One row per optimizer, replicate and state k: optimizer, replicate, step, state,
value (list: column k of V), attention (list: column k of A)."""


class TableError(ValueError):
    """A Parquet file that is missing, truncated or of another schema."""


def write(
    frame: pd.DataFrame | pa.Table, path: Path, schema: pa.Schema, setting: Mapping[str, Any]
) -> None:
    """Write atomically: to a temporary file beside ``path``, then `os.replace`."""
    ...


def read(path: Path, schema: pa.Schema) -> pd.DataFrame:
    """Read and check against ``schema``.

    Raises
    ------
    TableError
        One line naming the file and the fault.
    """
    ...


def setting(path: Path) -> dict[str, Any]:
    """The setting that `write` stored with the table."""
    ...
