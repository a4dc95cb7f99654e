"""The tables of this room."""

import pyarrow as pa

from scb.store.tables import Schema, measured, schema

STAGE1 = schema(
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
"""One row per run of Stage 1: how mu was chosen (uniform or drawn), T, eta, B, replicate,
whether the run ended with both signals positive, whether it ended at all, its steps, the
closed form's probability of ``right``, and its B_90 for this mu, T and eta."""

STAGE1_PROBABILITIES = schema(
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
"""One row per mu, T, eta and B: how many runs there were, ended right or did not end, the
Clopper-Pearson interval of the probability to end right, and the closed form of it."""

STAGE1_BATCHES = schema(
    stationary=pa.string(),
    length=pa.int64(),
    rate=pa.float64(),
    batch=pa.float64(),
    low=pa.float64(),
    high=pa.float64(),
    power=pa.float64(),
    predicted=pa.float64(),
)
"""One row per mu, T and eta: B_90 with its interval, kappa of `scb.theory.stage1`, and the B_90 of
the closed form."""

EXPONENTS = schema(
    dict.fromkeys(("estimate", "low", "high", "predicted"), pa.float64()),
    subject=pa.string(),
    variable=pa.string(),
)
"""One row per subject (what grows) and variable (in what): the exponent with its interval,
and the exponent that a closed form gives at the same settings; null where too few runs."""

PENALTIES: Schema = measured(
    sweep=pa.string(),
    replicate=pa.int32(),
    positive=pa.bool_(),
    penalty=pa.float64(),
    diverged=pa.bool_(),
)
"""One row per sweep, replicate and lambda: whether both signals were positive after Stage
1, whether the run diverged, and what is measured at the last step (null once diverged)."""

WINDOWS = schema(
    dict.fromkeys(("low", "high"), pa.float64()),
    sweep=pa.string(),
    replicate=pa.int32(),
    positive=pa.bool_(),
    transition_energy=pa.float64(),
    balancing=pa.float64(),
    best=pa.float64(),
)
"""One row per sweep and replicate: K_P, the closed form's lambda, the lambda that ends
nearest to Q, and the window of useful ones (null where none is better than 0)."""
