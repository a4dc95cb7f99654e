"""The compiled CPU kernels: generation, attend, adjoint, and a training step's gradients.

Compiled by Numba when first used and kept on disk, so no C compiler is needed. Every sum is
made in a fixed order by one thread, so the result does not depend on the number of threads.

`gradients` never stores tokens. Samples of one query share a column of A, so they are taken
in groups of m: their m tokens at a position are the digits of one *code* below N^m. Adding a
column up by code, and looking weights up by code, then costs one operation for m tokens.

Threads are Python's, of code that holds no lock: a team of Numba's meets after every call
even where one thread was asked for, and then waits for whoever has the other cores.
"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

from scb.data.philox import CONTEXT, HEAD, MULTIPLIERS, WEYL
from scb.data.stream import Batch, Stream
from scb.kernels.compiled import compiled

MULTIPLIER_0, MULTIPLIER_2 = map(np.uint64, MULTIPLIERS)
WEYL_0, WEYL_1 = map(np.uint32, WEYL)
LOW, WORD = np.uint64(0xFFFFFFFF), np.uint64(32)

BLOCKS = 1024
"""Philox blocks at a time: their words fill half of a first-level cache."""

BANKS = 8
"""Partial sums of a token: neighbours in a bank need not wait for each other."""

MIN_TOKENS_FOR_THREADS = 1_000_000
"""Tokens for which a second thread saves more than it costs: about 0.2 ms to wake it."""

HEAD_COST, ENTRY_COST = 60, 0.3
"""A sample's head, and an entry of A in a proximal step, in the time of so many tokens."""

POSITIONS = 1024
"""Positions of a column that one thread owns in the adjoint."""

CODES = 1024
"""Most codes of a group of samples: their sums and weights stay in a first-level cache."""

CODE_BANKS = 4
"""Partial sums of a code; fewer than of a token, as neighbours are seldom the same code."""


@njit(inline="always")
def _philox(c0, c1, c2, c3, k0, k1):
    """Four words of Philox4x32-10, high halves undefined: see `scb.data.philox`."""
    for _ in range(10):
        product0, product2 = (c0 & LOW) * MULTIPLIER_0, (c2 & LOW) * MULTIPLIER_2
        c0 = (product2 >> WORD) ^ c1 ^ np.uint64(k0)
        c2 = (product0 >> WORD) ^ c3 ^ np.uint64(k1)
        c1, c3 = product2, product0
        k0, k1 = np.uint32(k0 + WEYL_0), np.uint32(k1 + WEYL_1)
    return c0, c1, c2, c3


@compiled()
def fill(first, sample, step, key, words):
    """Random ``words`` of a sample from block ``first`` on; whole blocks."""
    key0, key1 = key
    for block in range(len(words) // 4):
        w0, w1, w2, w3 = _philox(
            np.uint64(first + block), sample, step, np.uint64(CONTEXT), key0, key1
        )
        words[4 * block] = np.uint32(w0)
        words[4 * block + 1] = np.uint32(w1)
        words[4 * block + 2] = np.uint32(w2)
        words[4 * block + 3] = np.uint32(w3)


@compiled()
def _draw(words, law, replicate, tokens):
    """The ``tokens`` of a replicate that their words select: see `scb.data.stream.Law`."""
    cuts, table = law.cuts[replicate], law.tables[replicate]
    shift, thresholds = law.shift, law.thresholds[replicate]
    if len(cuts):
        cut0, cut1, cut2 = cuts
        for t in range(len(tokens)):
            word = words[t]
            tokens[t] = np.uint16(word > cut0) + np.uint16(word > cut1) + np.uint16(word > cut2)
    elif len(table):
        rest = np.uint32((np.uint64(1) << np.uint64(shift)) - np.uint64(1))
        for t in range(len(tokens)):
            word = words[t]
            tokens[t] = (table[word >> shift] + (word & rest)) >> shift
    else:
        for t in range(len(tokens)):
            tokens[t] = np.searchsorted(thresholds, np.int64(words[t]), side="right")


@compiled()
def _generate(tokens, sample, step, law, replicate, words):
    """Fill ``tokens`` (T,) of one sample; ``words`` (4 BLOCKS,) is scratch."""
    for first in range(0, len(tokens), 4 * BLOCKS):
        some = tokens[first : first + 4 * BLOCKS]
        fill(
            first // 4,
            np.uint64(sample),
            np.uint64(step),
            law.keys[replicate],
            words[: (len(some) + 3) // 4 * 4],
        )
        _draw(words, law, replicate, some)


@compiled(nogil=True)
def _heads(start, stop, first, step, keys, vocabulary, patterns, transitions, positions, heads):
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
            _generate(
                tokens[replicate, sample],
                first + sample,
                step,
                law,
                replicate,
                words,
            )
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


@compiled()
def _by_query(queries, states):
    """Samples sorted by query, (R, B), and where each query's begin, (R, N + 1)."""
    replicates, size = queries.shape
    order = np.empty((replicates, size), np.int64)
    starts = np.zeros((replicates, states + 1), np.int64)
    for replicate in range(replicates):
        begin, free = starts[replicate], np.zeros(states, np.int64)
        for sample in range(size):
            begin[queries[replicate, sample] + 1] += 1
        for state in range(states):
            begin[state + 1] += begin[state]
            free[state] = begin[state]
        for sample in range(size):
            query = queries[replicate, sample]
            order[replicate, free[query]] = sample
            free[query] += 1
    return order, starts


@compiled()
def _add_up_codes(column, codes, digits, banks, sums):
    """``sums[j, n]`` of the tokens that are digit j of the ``codes``, most significant first.

    ``banks`` (CODE_BANKS, N^m) is scratch.
    """
    states = sums.shape[1]
    count = states**digits
    banks[:, :count] = 0
    whole = len(column) // CODE_BANKS * CODE_BANKS
    for t in range(0, whole, CODE_BANKS):
        for lane in range(CODE_BANKS):
            banks[lane, codes[t + lane]] += column[t + lane]
    for t in range(whole, len(column)):
        banks[0, codes[t]] += column[t]
    total = banks[0]
    for lane in range(1, CODE_BANKS):
        for code in range(count):
            total[code] += banks[lane, code]
    sums[:digits] = 0
    for digit in range(digits - 1, -1, -1):  # the last digit is summed out
        count //= states
        for prefix in range(count):
            rest = column.dtype.type(0)
            for n in range(states):
                part = total[prefix * states + n]
                sums[digit, n] += part
                rest += part
            total[prefix] = rest


@compiled(fastmath={"reassoc", "nsz"})
def _residual(value, sums, target, residual, weights, size):
    """``r = V s - e_o`` and ``w = V^T r / B`` of one sample."""
    states = len(sums)
    weights[:] = 0
    for n in range(states):
        total = value.dtype.type(0)
        for m in range(states):
            total += value[n, m] * sums[m]
        if n == target:
            total -= value.dtype.type(1)
        residual[n] = total
        for m in range(states):
            weights[m] += value[n, m] * total
    for m in range(states):
        weights[m] /= size


@compiled()
def _look_up_codes(weights, digits, codes, table, column):
    """``column[t] += sum_j weights[j, digit j of codes[t]]``; ``table`` (N^m,) is scratch."""
    states = weights.shape[1]
    table[0] = 0
    count = 1
    for digit in range(digits):
        for prefix in range(count - 1, -1, -1):  # from the back: in place
            before = table[prefix]
            for n in range(states):
                table[prefix * states + n] = before + weights[digit, n]
        count *= states
    for t in range(len(column)):
        column[t] += table[codes[t]]


@compiled(nogil=True)
def _gradients(
    start,
    stop,
    values,
    columns,
    order,
    starts,
    targets,
    digits,
    sums,
    residuals,
    gradient,
    first,
    step,
    law,
):
    """Rows ``start .. stop - 1`` of the (R N) queries; s, r are (G, R, B, N), g (G, R, N, T)."""
    conditions, _replicates, states, length = columns.shape
    size = order.shape[1]
    kind = columns.dtype
    words = np.empty(4 * BLOCKS, np.uint32)
    codes, token = np.empty(length, np.uint16), np.empty(length, np.uint16)
    banks = np.empty((CODE_BANKS, states**digits), kind)
    table = np.empty(states**digits, kind)
    added, weights = np.empty((digits, states), kind), np.empty((digits, states), kind)
    for row in range(start, stop):
        replicate, query = row // states, row % states
        for condition in range(conditions):
            gradient[condition, replicate, query] = 0
        for at in range(starts[replicate, query], starts[replicate, query + 1], digits):
            group = order[replicate, at : min(at + digits, starts[replicate, query + 1])]
            for digit in range(len(group)):
                _generate(
                    codes if digit == 0 else token,
                    first + group[digit],
                    step,
                    law,
                    replicate,
                    words,
                )
                if digit:
                    for t in range(length):
                        codes[t] = np.uint16(codes[t] * np.uint16(states) + token[t])
            for condition in range(conditions):
                _add_up_codes(columns[condition, replicate, query], codes, len(group), banks, added)
                for digit in range(len(group)):
                    sample = group[digit]
                    sums[condition, replicate, sample] = added[digit]
                    _residual(
                        values[condition, replicate],
                        added[digit],
                        targets[replicate, sample],
                        residuals[condition, replicate, sample],
                        weights[digit],
                        size,
                    )
                _look_up_codes(
                    weights, len(group), codes, table, gradient[condition, replicate, query]
                )


@compiled(nogil=True, fastmath={"reassoc", "nsz"})
def _proximal_step(start, stop, columns, gradient, rate, penalty):
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


_threads: int | None = None


def set_threads(threads: int | None) -> None:
    """Threads of the kernels; None, the default, for as many as torch has.

    Best with torch on one thread: its own, once they have met, wait in a spin for a while,
    on the cores that these need.
    """
    global _threads
    _threads = threads


def get_threads() -> int:
    """Threads of the kernels."""
    return _threads or torch.get_num_threads()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="attend")


def _over(bounds: Sequence[int], work: Callable[..., None], *arguments: Any) -> None:
    """``work(start, stop, *arguments)`` between all bounds, on all threads."""
    if len(bounds) == 2:
        work(*bounds, *arguments)
        return
    pool = _pool(get_threads())
    for done in [pool.submit(work, *pair, *arguments) for pair in pairwise(bounds)]:
        done.result()


def _even(rows: int, cost: float) -> list[int]:
    """Bounds of even parts of the rows, each of a ``cost`` in tokens; one part if all is little."""
    threads = get_threads()
    if threads == 1 or rows * cost < MIN_TOKENS_FOR_THREADS:
        return [0, rows]
    parts = min(rows, 4 * threads)
    return [rows * part // parts for part in range(parts + 1)]


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
    bounds = _even(replicates * size, HEAD_COST)
    _over(bounds, _heads, first, step, stream.law.keys, *arrays)
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
    _over(
        _even(replicates * batch.size, 2 * length),
        _attend,
        *(tensor.numpy() for tensor in (flat, batch.queries, tokens, sums)),
        fresh,
        batch.first,
        batch.step,
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
    _over(
        _even(len(flat) * replicates * parts, size * min(length, POSITIONS)),
        _adjoint,
        *(tensor.numpy() for tensor in (flat, batch.queries, batch.tokens, sums)),
    )
    return sums.reshape(*leading, replicates, states, length)


def gradients(
    value: Tensor,
    columns: Tensor,
    stream: Stream,
    step: int,
    size: int,
    out: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Gradients of the mini-batch loss; see `scb.kernels.reference.gradients`."""
    stream.check(step, 0, size)
    queries, targets, _ = heads(stream, step, 0, size)
    replicates, states, length = columns.shape[-3:]
    values = value.detach().reshape(-1, replicates, states, states).contiguous()
    flat = columns.detach().reshape(-1, replicates, states, length).contiguous()
    gradient = torch.empty_like(flat) if out is None else out.view_as(flat)
    sums, residuals = flat.new_empty(2, len(flat), replicates, size, states).unbind()
    order, starts = _by_query(queries.numpy(), states)
    # Samples of a group: no more codes than would be worth adding up.
    digits = max(1, int(math.log(max(1, min(CODES, length // 4)), states)))
    _over(
        _balanced(starts, length),
        _gradients,
        values.numpy(),
        flat.numpy(),
        order,
        starts,
        targets.numpy(),
        digits,
        *(tensor.numpy() for tensor in (sums, residuals, gradient)),
        0,
        step,
        stream.law,
    )
    value_gradient = residuals.mT @ sums / size  # (G, R, N, N)
    return value_gradient.view_as(value), gradient.view_as(columns)


def _balanced(starts: np.ndarray, length: int) -> list[int]:
    """Bounds of parts of the (R N) queries that hold about as many samples each."""
    replicates, states = starts.shape[0], starts.shape[1] - 1
    rows, samples = replicates * states, replicates * int(starts[0, -1])
    bounds = _even(rows, length * samples // rows)
    if len(bounds) > 2:
        ends = np.diff(starts, axis=1).cumsum()  # (R N,)
        wanted = samples * np.arange(1, len(bounds) - 1) / (len(bounds) - 1)
        inner = 1 + np.searchsorted(ends, wanted)
        bounds = [0, *np.unique(inner[inner < rows]).tolist(), rows]
    return bounds


def proximal_step(columns: Tensor, gradient: Tensor, rate: Tensor, penalty: Tensor) -> None:
    """Proximal step, in place; see `scb.kernels.reference.proximal_step`."""
    rows = columns.shape[:-1]
    length = columns.shape[-1]
    _over(
        _even(rows.numel(), ENTRY_COST * length),
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
    _over(_even(rows.numel(), ENTRY_COST * length), _moments, flat, kept, found.view(2, -1).numpy())
    total, square = found
    return total, square
