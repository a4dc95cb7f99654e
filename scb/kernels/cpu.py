"""The CPU's kernels: attend, its adjoint, a training step, and its parts.

Compiled by Numba when first used and kept on disk, so no C compiler is needed. Every sum is
made in a fixed order by one thread, so the result does not depend on the number of threads.
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from scb.data.stream import Batch, Step, Stream
from scb.kernels.codes import CODES
from scb.kernels.compiled import compiled
from scb.kernels.draws import BLOCKS, generate, head_rows
from scb.kernels.protocol import Rule
from scb.kernels.step import (
    COLUMNS,
    DRAW,
    VALUES,
    Heads,
    Scratch,
    move_column,
    take_step,
)
from scb.kernels.threads import even, get_threads, over

BANKS = 8
"""Partial sums of a token: neighbours in a bank need not wait for each other."""

HEAD_COST, ENTRY_COST = 60, 0.3
"""A sample's head, and an entry of A in a proximal step, in the time of so many tokens."""

POSITIONS = 1024
"""Positions of a column that one thread owns in the adjoint."""


@compiled(fastmath={"reassoc", "nsz"})
def _add_up(column, tokens, banks, sums):
    """``sums[n] = sum_t column[t] [tokens[t] = n]``; ``banks`` (BANKS, N) is scratch."""
    banks[:] = 0
    whole = len(column) // BANKS * BANKS
    for t in range(0, whole, BANKS):
        for lane in range(BANKS):
            banks[lane, tokens[t + lane]] += column[t + lane]
    for t in range(whole, len(column)):
        banks[t - whole, tokens[t]] += column[t]
    for n in range(len(sums)):
        total = banks[0, n]
        for lane in range(1, BANKS):
            total += banks[lane, n]
        sums[n] = total


@compiled(nogil=True)
def _attend(
    start,
    stop,
    columns,
    queries,
    tokens,
    sums,
    fresh,
    first,
    step,
    law,
):
    """Rows ``start .. stop - 1`` of the (R B) samples."""
    conditions, _, states, _ = columns.shape
    size = queries.shape[1]
    words = np.empty(4 * BLOCKS, np.uint32)
    banks = np.empty((BANKS, states), columns.dtype)
    for row in range(start, stop):
        replicate, sample = row // size, row % size
        if fresh:
            own = tokens[replicate, sample]
            generate(own, first + sample, step, law, replicate, words)
        for condition in range(conditions):
            _add_up(
                columns[condition, replicate, queries[replicate, sample]],
                tokens[replicate, sample],
                banks,
                sums[condition, replicate, sample],
            )


@compiled(nogil=True)
def _adjoint(start, stop, weights, queries, tokens, sums):
    """Rows ``start .. stop - 1`` of the (G R, T / POSITIONS) parts of the columns."""
    _, replicates, size, _ = weights.shape
    length = tokens.shape[2]
    parts = (length + POSITIONS - 1) // POSITIONS
    for row in range(start, stop):
        condition, replicate = row // parts // replicates, row // parts % replicates
        first = row % parts * POSITIONS
        last = min(first + POSITIONS, length)
        order = np.argsort(queries[replicate], kind="mergesort")  # stable
        at = 0
        while at < size:
            query = queries[replicate, order[at]]
            column = sums[condition, replicate, query]
            x0, w0 = (
                tokens[replicate, order[at]],
                weights[condition, replicate, order[at]],
            )
            if at + 3 < size and queries[replicate, order[at + 3]] == query:
                # Four samples at a time: the column is read and written once for all.
                x1, w1 = (
                    tokens[replicate, order[at + 1]],
                    weights[condition, replicate, order[at + 1]],
                )
                x2, w2 = (
                    tokens[replicate, order[at + 2]],
                    weights[condition, replicate, order[at + 2]],
                )
                x3, w3 = (
                    tokens[replicate, order[at + 3]],
                    weights[condition, replicate, order[at + 3]],
                )
                for t in range(first, last):
                    column[t] += (w0[x0[t]] + w1[x1[t]]) + (w2[x2[t]] + w3[x3[t]])
                at += 4
            else:
                for t in range(first, last):
                    column[t] += w0[x0[t]]
                at += 1


@compiled(nogil=True)
def _proximal_step(start, stop, columns, gradient, rate, penalty):
    """Rows ``start .. stop - 1`` of the (G R N) columns."""
    for row in range(start, stop):
        move_column(columns[row], gradient[row], rate[row], penalty[row], True)


@compiled(nogil=True, fastmath={"reassoc", "nsz"})
def _moments(start, stop, columns, least, moments):
    """Rows ``start .. stop - 1`` of the (G R N) columns; ``moments`` is (2, G R N), float64."""
    for row in range(start, stop):
        column = columns[row]
        total = square = 0.0
        for t in range(len(column)):
            entry = np.float64(column[t]) if column[t] >= least else 0.0
            total += entry
            square += entry * entry
        moments[0, row], moments[1, row] = total, square


def heads(stream: Stream, step: Step, first: int, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, targets and sources of a batch; see `scb.kernels.reference.heads`."""
    replicates = len(stream.seeds)
    drawn = torch.empty(3, replicates, size, dtype=torch.int64)
    rows = (
        stream.guide.thresholds,
        stream.sources.thresholds,
        stream.targets.thresholds,
        stream.tasks.positions,
        drawn,
    )
    arrays = (tensor.numpy() for tensor in rows)
    bounds = even(replicates * size, HEAD_COST)
    over(bounds, head_rows, first, int(step), stream.law.keys, *arrays)
    queries, targets, sources = drawn.unbind()
    return queries, targets, sources


def attend(columns: Tensor, batch: Batch) -> Tensor:
    """Attention weights added up by token; see `scb.kernels.reference.attend`."""
    *leading, replicates, states, length = columns.shape
    flat = columns.detach().reshape(-1, replicates, states, length).contiguous()
    fresh = not batch.generated
    shape = replicates, batch.size, length
    tokens = torch.empty(shape, dtype=batch.stream.dtype) if fresh else batch.tokens
    sums = flat.new_empty(len(flat), replicates, batch.size, states)
    over(
        even(replicates * batch.size, 2 * length),
        _attend,
        *(tensor.numpy() for tensor in (flat, batch.queries, tokens, sums)),
        fresh,
        batch.first,
        int(batch.step),
        batch.stream.law,
    )
    if fresh:
        batch.keep(tokens)
    return sums.reshape(*leading, replicates, batch.size, states)


def adjoint(weights: Tensor, batch: Batch) -> Tensor:
    """Token weights looked up by position; see `scb.kernels.reference.adjoint`."""
    *leading, replicates, size, states = weights.shape
    flat = weights.detach().reshape(-1, replicates, size, states).contiguous()
    length = batch.stream.length
    sums = flat.new_zeros(len(flat), replicates, states, length)
    parts = -(-length // POSITIONS)
    over(
        even(len(flat) * replicates * parts, size * min(length, POSITIONS)),
        _adjoint,
        *(tensor.numpy() for tensor in (flat, batch.queries, batch.tokens, sums)),
    )
    return sums.reshape(*leading, replicates, states, length)


def gradients(
    value: Tensor,
    columns: Tensor,
    stream: Stream,
    step: Step,
    size: int,
    out: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Gradients of the mini-batch loss; see `scb.kernels.reference.gradients`."""
    value, columns = value.detach().contiguous(), columns.detach().contiguous()
    value_gradient = torch.empty_like(value)
    gradient = torch.empty_like(columns) if out is None else out
    rule = _no_rule(columns[..., 0, 0, 0].numel(), columns.numpy().dtype, columns.shape[-3:])
    training_step(value, columns, stream, step, size, rule, (value_gradient, gradient))
    return value_gradient, gradient


def training_step(
    value: Tensor,
    columns: Tensor,
    stream: Stream,
    step: Step,
    size: int,
    rule: Rule,
    gradients: tuple[Tensor, Tensor] | None,
) -> None:
    """Move V and A, contiguous, by a step's mini-batch, on as many threads as pay.

    Parameters
    ----------
    value, columns : Tensor, shapes (..., R, N, N) and (..., R, N, T)
    stream, step, size : see `scb.kernels.reference.gradients`
    rule : Rule
    gradients : two Tensors of these shapes, contiguous, optional
        Where the gradients of conditions go that the rule does not move.
    """
    stream.check(step, 0, size)
    replicates, states, length = columns.shape[-3:]
    flat = columns.detach().view(-1, replicates, states, length).numpy()
    conditions, kind = len(flat), flat.dtype
    if gradients is None:
        slopes = np.empty((0, 0, 0, 0), kind), np.empty((0, 0, 0, 0), kind)
    else:
        square = conditions, replicates, states, states
        slopes = gradients[0].view(square).numpy(), gradients[1].view(flat.shape).numpy()
    # Samples of a group: no more codes than would be worth adding up.
    digits = max(1, int(math.log(max(1, min(CODES, length // 4)), states)))
    sums, residuals = np.empty((2, conditions, replicates, size, states), kind)
    scratch = Scratch(
        np.empty((3, replicates, size), np.int64),
        np.empty((replicates, size), np.int64),
        np.empty((replicates, states + 1), np.int64),
        sums,
        residuals,
    )
    arguments = (
        value.detach().view(-1, replicates, states, states).numpy(),
        flat,
        *slopes,
        rule,
        digits,
        Heads(
            stream.guide.thresholds.numpy(),
            stream.sources.thresholds.numpy(),
            stream.targets.thresholds.numpy(),
            stream.tasks.positions.numpy(),
        ),
        scratch,
        int(step),
        stream.law,
    )
    rows, all_stages = replicates * states, DRAW | COLUMNS | VALUES
    bounds = even(rows, length * size / states)
    if len(bounds) > 2 and (replicates % get_threads() == 0 or replicates >= 4 * get_threads()):
        # Whole replicates: nothing is serial.
        bounds = [states * bound for bound in even(replicates, length * size)]
        over(bounds, take_step, all_stages, *arguments)
    elif len(bounds) > 2:
        take_step(0, rows, DRAW, *arguments)
        over(_balanced(bounds, scratch.starts), take_step, COLUMNS, *arguments)
        over([0, rows], take_step, VALUES, *arguments)
    else:
        take_step(0, rows, all_stages, *arguments)


@cache
def _no_rule(conditions: int, kind: np.dtype[Any], shape: tuple[int, int, int]) -> Rule:
    """The rule that moves nothing."""
    return Rule.of(conditions, kind, *shape[:2])


def _balanced(bounds: Sequence[int], starts: np.ndarray) -> list[int]:
    """As many parts of the (R N) queries as of ``bounds``, of about as many samples each."""
    rows, samples = bounds[-1], starts.shape[0] * int(starts[0, -1])
    ends = np.diff(starts, axis=1).cumsum()  # (R N,)
    wanted = samples * np.arange(1, len(bounds) - 1) / (len(bounds) - 1)
    inner = 1 + np.searchsorted(ends, wanted)
    return [0, *np.unique(inner[inner < rows]).tolist(), rows]


def proximal_step(columns: Tensor, gradient: Tensor, rate: Tensor, penalty: Tensor) -> None:
    """Proximal step, in place; see `scb.kernels.reference.proximal_step`."""
    rows = columns.shape[:-1]
    length = columns.shape[-1]
    over(
        even(rows.numel(), ENTRY_COST * length),
        _proximal_step,
        *(flat.numpy() for flat in (columns.view(-1, length), gradient.reshape(-1, length))),
        *(number.expand(rows).flatten().numpy() for number in (rate, penalty)),
    )


def moments(columns: Tensor, least: float = -math.inf) -> tuple[Tensor, Tensor]:
    """Sums over kept entries; see `scb.kernels.reference.moments`."""
    rows, length = columns.shape[:-1], columns.shape[-1]
    found = torch.empty(2, *rows, dtype=torch.float64)
    flat = columns.detach().reshape(-1, length).contiguous().numpy()
    kept = flat.dtype.type(least)
    over(
        even(rows.numel(), ENTRY_COST * length),
        _moments,
        flat,
        kept,
        found.view(2, -1).numpy(),
    )
    total, square = found
    return total, square
