"""A training step as one compiled function, from the counters to the new V and A.

It is a fast equal of what others define: heads of `scb.data.stream`, gradients of
`scb.kernels.reference`, and the steps of `scb.learning.optimizers`. Tests hold it against them.

Each query's column of A is met once: its samples are added up, their residuals made, their
gradient looked up, and the column moved, while it is in cache. No token and no gradient of A is
stored. V moves last, as all residuals need the old one.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scb.kernels.codes import (
    add_up_codes,
    add_up_four,
    by_code,
    by_digit,
    look_up_codes,
    look_up_four,
    sort_by_query,
)
from scb.kernels.compiled import compiled
from scb.kernels.draws import BLOCKS, generate, head_rows

DRAW, COLUMNS, VALUES = 1, 2, 4
"""Stages of a step: heads, then the columns of A, then V."""

FAST = {"reassoc", "nsz", "contract"}
"""Lets sums be vectors; what is not finite stays so."""

RUN = 4
"""Groups of a query at a time: its column is then read once for four."""

HELD = 2**17
"""Codes that are held at a time: a fraction of a second-level cache."""


class Heads(NamedTuple):
    """What heads are drawn from: see `scb.data.stream.Stream`."""

    vocabulary: NDArray[np.int64]
    """(R, N - 1)."""
    patterns: NDArray[np.int64]
    """(R, N, Q - 1)."""
    transitions: NDArray[np.int64]
    """(R, N, N - 1)."""
    positions: NDArray[np.int64]
    """(R, Q, N)."""


class Scratch(NamedTuple):
    """What one stage leaves to the next."""

    heads: NDArray[np.int64]
    """Queries, targets and sources, (3, R, B)."""
    order: NDArray[np.int64]
    """Samples sorted by query, (R, B)."""
    starts: NDArray[np.int64]
    """Where each query's begin, (R, N + 1)."""
    sums: NDArray[np.floating]
    """s of each sample, by query, (G, R, B, N)."""
    residuals: NDArray[np.floating]
    """r of each sample, by query, (G, R, B, N)."""


@compiled(nogil=True)
def take_step(
    start,
    stop,
    stages,
    values,
    columns,
    value_gradient,
    gradient,
    rule,
    digits,
    heads,
    scratch,
    step,
    law,
):
    """Some stages, for rows ``start .. stop - 1`` of the (R N) queries.

    DRAW and VALUES are of whole replicates.

    Parameters
    ----------
    values, columns : arrays, shapes (G, R, N, N) and (G, R, N, T)
        V and A transposed.
    value_gradient, gradient : arrays of the same shapes, or empty
        Where the gradients of conditions go that the ``rule`` does not move.
    digits : int
        m.
    """
    states = columns.shape[2]
    for replicate in range(start // states, (stop - 1) // states + 1):
        begin, end = replicate * states, (replicate + 1) * states
        if stages & DRAW:
            _draw_heads(replicate, heads, scratch, step, law)
        if stages & COLUMNS:
            _columns(
                replicate,
                max(start, begin) - begin,
                min(stop, end) - begin,
                values,
                columns,
                gradient,
                rule,
                digits,
                scratch,
                step,
                law,
            )
        if stages & VALUES:
            _values(replicate, values, value_gradient, rule, scratch)


@compiled()
def _draw_heads(replicate, heads, scratch, step, law):
    """Heads of a replicate, and its samples sorted by query."""
    size = scratch.order.shape[1]
    first, last = replicate * size, (replicate + 1) * size
    head_rows(
        first,
        last,
        0,
        step,
        law.keys,
        heads.vocabulary,
        heads.patterns,
        heads.transitions,
        heads.positions,
        scratch.heads,
    )
    sort_by_query(scratch.heads[0, replicate], scratch.order[replicate], scratch.starts[replicate])


@compiled()
def _columns(
    replicate,
    first,
    last,
    values,
    columns,
    gradient,
    rule,
    digits,
    scratch,
    step,
    law,
):
    """Queries ``first .. last - 1`` of a replicate: sums, residuals, and A or its gradient.

    Samples of one query are taken in groups of m, and up to `RUN` groups of it at once. As many
    groups are held at a time as stay in cache, so that V meets many samples at once.
    """
    conditions, _, states, length = columns.shape
    order, starts = scratch.order[replicate], scratch.starts[replicate]
    targets, kind = scratch.heads[1, replicate], columns.dtype
    size, held = len(order), max(RUN, HELD // length)
    words = np.empty(4 * BLOCKS, np.uint32)
    codes, token = np.empty((held, length), np.uint16), np.empty(length, np.uint16)
    banks = np.empty((RUN, states**digits), kind)
    weights = np.empty((held * digits, states), kind)
    slopes = np.empty((conditions, length), kind)
    query, at = first, starts[first]  # the next sample, by query, and whose it is
    while query < last:
        opening, begin, groups = query, at, 0
        while query < last:
            while at < starts[query + 1]:
                end = min(at + RUN * digits, starts[query + 1])
                if groups + (end - at + digits - 1) // digits > held:
                    break
                for place in range(at, end):
                    digit, own = (place - at) % digits, codes[groups]
                    some = token if digit else own
                    generate(some, order[place], step, law, replicate, words)
                    if digit:
                        for t in range(length):
                            own[t] = np.uint16(own[t] * np.uint16(states) + token[t])
                    if digit == digits - 1 or place == end - 1:
                        groups += 1
                at = end
            if at < starts[query + 1]:
                break
            query += 1
        for condition in range(conditions):
            moves = rule.moves[condition]
            sums = scratch.sums[condition, replicate, begin:at]
            place, group = begin, 0
            for own in range(opening, min(query + 1, last)):
                column, stop = (
                    columns[condition, replicate, own],
                    min(starts[own + 1], at),
                )
                while place < stop:
                    end = min(place + RUN * digits, stop)
                    some = codes[group : group + (end - place + digits - 1) // digits]
                    _add_up(column, some, digits, banks, sums[place - begin : end - begin])
                    place, group = end, group + len(some)
            _residuals(
                values[condition, replicate],
                sums,
                order[begin:at],
                targets,
                size,
                scratch.residuals[condition, replicate, begin:at],
                weights,
            )
            place, group = begin, 0
            for own in range(opening, min(query + 1, last)):
                slope = slopes[condition] if moves else gradient[condition, replicate, own]
                stop = min(starts[own + 1], at)
                if place == starts[own]:
                    slope[:] = 0
                while place < stop:
                    end = min(place + RUN * digits, stop)
                    some = codes[group : group + (end - place + digits - 1) // digits]
                    _look_up(weights[place - begin : end - begin], some, digits, banks, slope)
                    place, group = end, group + len(some)
                if moves and own < query:
                    move_column(
                        columns[condition, replicate, own],
                        slope,
                        rule.rates[condition, replicate, own],
                        rule.penalties[condition, replicate],
                        rule.projected[condition],
                    )


@compiled()
def _add_up(column, codes, digits, banks, sums):
    """s of the samples of up to `RUN` groups of a query; ``banks`` (RUN, N^m) is scratch."""
    if len(codes) == RUN:
        add_up_four(column, codes, banks)
    for group in range(len(codes)):
        some = sums[group * digits : (group + 1) * digits]
        if len(codes) == RUN:
            by_digit(banks[group], some)
        else:
            add_up_codes(column, codes[group], banks[:, : some.shape[1] ** len(some)])
            by_digit(banks[0], some)


@compiled()
def _look_up(weights, codes, digits, tables, slope):
    """Add w of each sample's tokens to the gradient; ``tables`` (RUN, N^m) is scratch."""
    for group in range(len(codes)):
        by_code(weights[group * digits : (group + 1) * digits], tables[group])
    if len(codes) == RUN:
        look_up_four(tables, codes, slope)
    else:
        for group in range(len(codes)):
            look_up_codes(tables[group], codes[group], slope)


@compiled(fastmath=FAST)
def _residuals(value, sums, samples, targets, size, residuals, weights):
    """``r = V s - e_o`` and ``w = V^T r / B`` of some samples.

    Four rows of V at a time, which stay in the nearest cache while all samples meet them.
    """
    states = len(value)
    weights[: len(sums)] = 0
    whole = states // 4 * 4
    for n in range(0, whole, 4):
        row0, row1, row2, row3 = value[n], value[n + 1], value[n + 2], value[n + 3]
        for place in range(len(sums)):
            own, residual, weight = sums[place], residuals[place], weights[place]
            total0 = total1 = total2 = total3 = value.dtype.type(0)
            for m in range(states):
                total0 += row0[m] * own[m]
                total1 += row1[m] * own[m]
                total2 += row2[m] * own[m]
                total3 += row3[m] * own[m]
            residual[n], residual[n + 1] = total0, total1
            residual[n + 2], residual[n + 3] = total2, total3
            target = targets[samples[place]]
            if n <= target < n + 4:
                residual[target] -= 1
            r0, r1, r2, r3 = (
                residual[n],
                residual[n + 1],
                residual[n + 2],
                residual[n + 3],
            )
            for m in range(states):
                weight[m] += (row0[m] * r0 + row1[m] * r1) + (row2[m] * r2 + row3[m] * r3)
    for n in range(whole, states):
        row = value[n]
        for place in range(len(sums)):
            own, weight = sums[place], weights[place]
            total = value.dtype.type(0)
            for m in range(states):
                total += row[m] * own[m]
            if n == targets[samples[place]]:
                total -= value.dtype.type(1)
            residuals[place, n] = total
            for m in range(states):
                weight[m] += row[m] * total
    for place in range(len(sums)):
        for m in range(states):
            weights[place, m] /= size


@compiled(fastmath=FAST)
def move_column(column, slope, rate, penalty, projected):
    """Gradient step on a column, and unless it is raw, soft threshold and projection."""
    length = len(column)
    zero = total = column.dtype.type(0)
    if not projected:
        for t in range(length):
            column[t] -= rate * slope[t]
        return
    for t in range(length):
        entry = column[t] - rate * slope[t]
        if penalty > 0:
            entry = np.copysign(max(abs(entry) - penalty, zero), entry)
        column[t] = entry
        total += entry
    shift = (1 - total) / length
    for t in range(length):
        column[t] += shift


@compiled()
def _values(replicate, values, value_gradient, rule, scratch):
    """V of a replicate in all conditions, or its gradient."""
    conditions, _, states, _ = values.shape
    own = np.empty((states, states), values.dtype)
    for condition in range(conditions):
        moves = rule.moves[condition]
        slope = own if moves else value_gradient[condition, replicate]
        _value_gradient(
            scratch.residuals[condition, replicate],
            scratch.sums[condition, replicate],
            slope,
        )
        if moves:
            if rule.preconditioned[condition]:
                _precondition(slope, rule.stationary[condition, replicate])
            rate = rule.value_rates[condition, replicate]
            value = values[condition, replicate]
            for n in range(states):
                for m in range(states):
                    value[n, m] -= rate * slope[n, m]


@compiled(fastmath=FAST)
def _value_gradient(residuals, sums, gradient):
    """``g_V``, the mean of ``r s^T`` over the samples; so many at a time as stay in cache."""
    size, states = sums.shape
    gradient[:] = 0
    for first in range(0, size, 16):
        last = min(first + 16, size)
        whole = first + (last - first) // 4 * 4
        for n in range(states):
            slope = gradient[n]
            for b in range(first, whole, 4):
                s0, s1, s2, s3 = sums[b], sums[b + 1], sums[b + 2], sums[b + 3]
                r0, r1 = residuals[b, n], residuals[b + 1, n]
                r2, r3 = residuals[b + 2, n], residuals[b + 3, n]
                for m in range(states):
                    slope[m] += (r0 * s0[m] + r1 * s1[m]) + (r2 * s2[m] + r3 * s3[m])
            for b in range(whole, last):
                own, residual = sums[b], residuals[b, n]
                for m in range(states):
                    slope[m] += residual * own[m]
    for n in range(states):
        for m in range(states):
            gradient[n, m] /= size


@compiled(fastmath=FAST)
def _precondition(gradient, stationary):
    """``(I - 1 1^T / N) g diag(1 / mu) (I - mu mu^T / |mu|^2)``, in place."""
    states = len(stationary)
    means = np.zeros(states, gradient.dtype)
    square = gradient.dtype.type(0)
    for n in range(states):
        square += stationary[n] * stationary[n]
        for m in range(states):
            means[m] += gradient[n, m]
    for n in range(states):
        dot = gradient.dtype.type(0)
        for m in range(states):
            entry = (gradient[n, m] - means[m] / states) / stationary[m]
            gradient[n, m] = entry
            dot += entry * stationary[m]
        for m in range(states):
            gradient[n, m] -= dot / square * stationary[m]
