"""States of training, (V, A), as tables of `scb.learning.tables.STATES`."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
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
    """Read what `write` wrote: optimizers, step, V (G, R, N, N), A^T (G, R, N, T)."""
    table = tables.read_arrow(path, STATES)  # lists of floats: objects in a data frame
    optimizers = table["optimizer"].unique().to_pylist()
    replicates, states = (len(table[name].unique()) for name in ("replicate", "state"))

    def rows(name: str) -> Tensor:
        flat = table[name].combine_chunks().flatten().to_numpy().copy()
        return torch.from_numpy(flat).view(len(optimizers), replicates, states, -1)

    return optimizers, table["step"][0].as_py(), rows("value").mT, rows("attention")
