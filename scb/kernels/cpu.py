"""The compiled CPU kernel: generation, attend and adjoint, threaded over their rows.

Compiled by Numba when first used and kept on disk, so no C compiler is needed. A sample's
tokens are generated, added up while they are in cache, and kept as one byte (N <= 256)
for the adjoint. Every sum is made in a fixed order by one thread, so the result does not
depend on the number of threads.

Threads are Python's, of code that holds no lock: a team of Numba's meets after every call
even where one thread was asked for, and then waits for whoever has the other cores.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from scb.philox import CONTEXT, HEAD, MULTIPLIERS, WEYL

if TYPE_CHECKING:
    from scb.stream import Batch, Stream

MULTIPLIER_0, MULTIPLIER_2 = map(np.uint64, MULTIPLIERS)
WEYL_0, WEYL_1 = map(np.uint32, WEYL)
LOW, WORD = np.uint64(0xFFFFFFFF), np.uint64(32)

BLOCKS = 1024
"""Philox blocks at a time: their words fill half of a first-level cache."""

BANKS = 8
"""Partial sums of a token: neighbours in a bank need not wait for each other."""

MASKED = 3
"""Up to so many states have a masked sum each, in vectors: faster there than adding token by
token, beyond it slower."""

POSITIONS = 1024
"""Positions of a column that one thread owns in the adjoint."""


@njit(inline="always")
def _philox(c0, c1, c2, c3, k0, k1):  # type: ignore[no-untyped-def]
    """Four words of Philox4x32-10, with rubbish in the high halves: see `scb.philox`."""
    for _ in range(10):
        product0, product2 = (c0 & LOW) * MULTIPLIER_0, (c2 & LOW) * MULTIPLIER_2
        c0 = (product2 >> WORD) ^ c1 ^ np.uint64(k0)
        c2 = (product0 >> WORD) ^ c3 ^ np.uint64(k1)
        c1, c3 = product2, product0
        k0, k1 = np.uint32(k0 + WEYL_0), np.uint32(k1 + WEYL_1)
    return c0, c1, c2, c3


@njit(cache=True)
def _generate(tokens, sample, step, key, table, shift, thresholds, words):  # type: ignore[no-untyped-def]
    """Fill ``tokens`` (T,) of one sample; ``words`` (4 BLOCKS,) is scratch."""
    length = len(tokens)
    rest = np.uint32((np.uint64(1) << np.uint64(shift)) - np.uint64(1))
    for first in range(0, length, 4 * BLOCKS):
        size = min(4 * BLOCKS, length - first)
        for block in range((size + 3) // 4):
            w0, w1, w2, w3 = _philox(
                np.uint64(first // 4 + block),
                np.uint64(sample),
                np.uint64(step),
                np.uint64(CONTEXT),
                key[0],
                key[1],
            )
            words[4 * block] = np.uint32(w0)
            words[4 * block + 1] = np.uint32(w1)
            words[4 * block + 2] = np.uint32(w2)
            words[4 * block + 3] = np.uint32(w3)
        if len(table):
            for t in range(size):
                word = words[t]
                tokens[first + t] = (table[word >> shift] + (word & rest)) >> shift
        else:
            for t in range(size):
                tokens[first + t] = np.searchsorted(thresholds, np.int64(words[t]), side="right")


@njit(cache=True, nogil=True)
def _heads(  # type: ignore[no-untyped-def]
    start, stop, first, step, keys, vocabulary, patterns, transitions, positions, heads
):
    """Rows ``start .. stop - 1`` of the (R B) samples; ``heads`` is (3, R, B)."""
    size = heads.shape[2]
    zero = np.uint64(0)
    for row in range(start, stop):
        replicate, sample = row // size, np.uint64(first + row % size)
        key0, key1 = keys[replicate]
        words = _philox(zero, sample, np.uint64(step), np.uint64(HEAD), key0, key1)
        states = vocabulary[replicate]
        query = np.searchsorted(states, np.int64(words[0] & LOW), side="right")
        choice = np.searchsorted(patterns[replicate, query], np.int64(words[1] & LOW), side="right")
        source = positions[replicate, choice, query]
        block = np.uint64(source // 4)
        context = _philox(block, sample, np.uint64(step), np.uint64(CONTEXT), key0, key1)
        token = np.searchsorted(states, np.int64(context[source % 4] & LOW), side="right")
        following = transitions[replicate, token]
        heads[0, replicate, row % size] = query
        heads[1, replicate, row % size] = np.searchsorted(
            following, np.int64(words[2] & LOW), side="right"
        )
        heads[2, replicate, row % size] = source


@njit(cache=True, fastmath={"reassoc", "nsz"})
def _add_up(column, tokens, banks, sums):  # type: ignore[no-untyped-def]
    """``sums[n] = sum_t column[t] [tokens[t] = n]``; ``banks`` (BANKS, N) is scratch."""
    if len(sums) <= MASKED:
        zero = column.dtype.type(0)
        for n in range(len(sums)):
            total = zero
            for t in range(len(column)):
                total += column[t] if tokens[t] == n else zero
            sums[n] = total
        return
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


@njit(cache=True, nogil=True)
def _attend(  # type: ignore[no-untyped-def]
    start, stop, columns, queries, tokens, sums, fresh, first, step, keys, tables, shift, thresholds
):
    """Rows ``start .. stop - 1`` of the (R B) samples."""
    conditions, _, states, _ = columns.shape
    size = queries.shape[1]
    words = np.empty(4 * BLOCKS, np.uint32)
    banks = np.empty((BANKS, states), columns.dtype)
    for row in range(start, stop):
        replicate, sample = row // size, row % size
        if fresh:
            _generate(
                tokens[replicate, sample],
                first + sample,
                step,
                keys[replicate],
                tables[replicate],
                shift,
                thresholds[replicate],
                words,
            )
        for condition in range(conditions):
            _add_up(
                columns[condition, replicate, queries[replicate, sample]],
                tokens[replicate, sample],
                banks,
                sums[condition, replicate, sample],
            )


@njit(cache=True, nogil=True)
def _adjoint(start, stop, weights, queries, tokens, sums):  # type: ignore[no-untyped-def]
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
            x0, w0 = tokens[replicate, order[at]], weights[condition, replicate, order[at]]
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


@njit(cache=True, nogil=True, fastmath={"reassoc", "nsz"})
def _proximal_step(start, stop, columns, gradient, rate, penalty):  # type: ignore[no-untyped-def]
    """Rows ``start .. stop - 1`` of the (G R N) columns; fast-math only lets sums be vectors."""
    length = columns.shape[1]
    for row in range(start, stop):
        column, slope, size, least = columns[row], gradient[row], rate[row], penalty[row]
        zero = total = columns.dtype.type(0)
        for t in range(length):
            entry = column[t] - size * slope[t]
            if least > 0:
                entry = np.copysign(max(abs(entry) - least, zero), entry)
            column[t] = entry
            total += entry
        shift = (1 - total) / length
        for t in range(length):
            column[t] += shift


def _keys(stream: Stream) -> np.ndarray:
    """Philox keys of the replicates, shape (R, 2)."""
    seeds = np.array(stream.seeds, dtype=np.uint64)
    return np.stack([seeds & LOW, seeds >> WORD], axis=-1).astype(np.uint32)


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="attend")


def _over(rows: int, work: Callable[..., None], *arguments: Any) -> None:
    """``work(start, stop, *arguments)`` over all rows, on as many threads as torch has."""
    threads = min(torch.get_num_threads(), rows)
    if threads == 1:
        work(0, rows, *arguments)
        return
    bounds = np.linspace(0, rows, min(rows, 4 * threads) + 1, dtype=np.int64)
    for done in [_pool(threads).submit(work, *pair, *arguments) for pair in pairwise(bounds)]:
        done.result()


def heads(stream: Stream, step: int, first: int, size: int) -> tuple[Tensor, Tensor, Tensor]:
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
    _over(replicates * size, _heads, first, step, _keys(stream), *arrays)
    queries, targets, sources = drawn
    return queries, targets, sources


def attend(columns: Tensor, batch: Batch) -> Tensor:
    """Attention weights added up by token; see `scb.kernels.reference.attend`."""
    *leading, replicates, states, length = columns.shape
    flat = columns.detach().reshape(-1, replicates, states, length).contiguous()
    fresh = not batch.generated
    tokens = batch.stream.lend(batch) if fresh else batch.tokens
    guide = batch.stream.guide
    table = torch.empty(replicates, 0, dtype=torch.int64) if guide.table is None else guide.table
    sums = flat.new_empty(len(flat), replicates, batch.size, states)
    _over(
        replicates * batch.size,
        _attend,
        *(tensor.numpy() for tensor in (flat, batch.queries, tokens, sums)),
        fresh,
        batch.first,
        batch.step,
        _keys(batch.stream),
        table.numpy(),
        np.uint32(guide.shift),
        guide.thresholds.numpy(),
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
    _over(
        len(flat) * replicates * parts,
        _adjoint,
        *(tensor.numpy() for tensor in (flat, batch.queries, batch.tokens, sums)),
    )
    return sums.reshape(*leading, replicates, states, length)


def proximal_step(columns: Tensor, gradient: Tensor, rate: Tensor, penalty: Tensor) -> None:
    """Proximal step, in place; see `scb.kernels.reference.proximal_step`."""
    rows = columns.shape[:-1]
    length = columns.shape[-1]
    _over(
        rows.numel(),
        _proximal_step,
        *(flat.numpy() for flat in (columns.view(-1, length), gradient.reshape(-1, length))),
        *(number.expand(rows).flatten().numpy() for number in (rate, penalty)),
    )
