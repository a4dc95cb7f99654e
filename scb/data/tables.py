"""The tables of this room."""

import pyarrow as pa

from scb.store.tables import FLOATS, INDICES, Column, schema

TASKS = schema(
    seed=Column(pa.int64(), "seed that drew the task; -1 where it was given as matrices"),
    states=Column(pa.int32(), "size of the vocabulary", "$N$", "states"),
    length=Column(pa.int64(), "context tokens", "$T$", "tokens"),
    sparsity=Column(
        pa.int32(), "most nonzero entries in a column of the matrix Q", "$Q$", "entries"
    ),
    replicate=Column(pa.int32(), "number of the replicate, from 0"),
    state=Column(pa.int32(), "the state, from 0, that the next four columns are of", "$k$"),
    stationary=Column(pa.float64(), "its stationary probability", r"$\mu_k$"),
    transition=Column(FLOATS, "probability of each state after it: column k of P", "$p_k$", "(N,)"),
    positions=Column(
        INDICES, "positions, from 0, at which column k of Q may be nonzero", "", "(Q,)"
    ),
    weights=Column(FLOATS, "its entries at these positions", "$q^{(k)}$", "(Q,)"),
)
"""One row per replicate and state k, of `scb.data.task.Task`."""
