"""States of training, (V, A), as tables of `scb.learning.tables.STATES`."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from scb.learning.tables import STATES
from scb.store import tables


def write(
    path: Path,
    optimizers: list[str],
    step: int,
    value: Tensor,
    columns: Tensor,
    setting: dict[str, Any],
) -> None:
    """Write iterates of shape (G, R, N, N) and (G, R, N, T)."""
    index = np.indices(columns.shape[:-1]).reshape(3, -1)

    def lists(rows: Tensor) -> pa.Array:
        flat = rows.detach().float().cpu().contiguous().numpy()
        return pa.FixedSizeListArray.from_arrays(flat.ravel(), flat.shape[-1]).cast(
            pa.list_(pa.float32())
        )

    table = pa.table(
        {
            "optimizer": pa.array(np.array(optimizers, dtype=object)[index[0]], pa.string()),
            "replicate": pa.array(index[1], pa.int32()),
            "step": pa.array(np.full(index.shape[1], step), pa.int32()),
            "state": pa.array(index[2], pa.int32()),
            "value": lists(value.mT),  # column k of V
            "attention": lists(columns),  # column k of A
        }
    )
    tables.write(table, path, STATES, setting)


def read(path: Path) -> tuple[list[str], int, Tensor, Tensor]:
    """Read what `write` wrote: optimizers, step, V (G, R, N, N), A^T (G, R, N, T).

    Raises
    ------
    TableError
        If a row is missing or there twice, or the rows are of several steps or lengths.
    """
    keys = ["optimizer", "replicate", "state"]
    # Lists of floats: objects in a data frame.
    table = tables.read_arrow(path, STATES).sort_by([(key, "ascending") for key in keys])
    index = table.select(keys).to_pandas()
    tables.require_grid(path, index)
    shape = tuple(index.nunique())  # (G, R, N)
    (step, *others) = table["step"].unique().to_pylist()
    if others:
        raise tables.TableError(f"{path}: its rows are of steps {sorted([step, *others])}")

    def rows(name: str) -> Tensor:
        (length, *others) = pc.unique(pc.list_value_length(table[name])).to_pylist()
        if others:
            raise tables.TableError(f"{path}: {name} is of lengths {sorted([length, *others])}")
        flat = table[name].combine_chunks().flatten().to_numpy().copy()
        return torch.from_numpy(flat).view(*shape, length)

    return index["optimizer"].unique().tolist(), step, rows("value").mT, rows("attention")
