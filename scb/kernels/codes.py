"""Samples of one query in groups of m: their tokens at a position are the digits of one code.

Samples of one query share a column of A. The m tokens of a group at a position make a *code* below
N^m, so to add the column up by code, or to look weights up by code, is one operation for m tokens.
"""

from scb.kernels.compiled import compiled

CODES = 1024
"""Most codes of a group of samples: their sums and weights stay in a first-level cache."""

CODE_BANKS = 4
"""Partial sums of a code; fewer than of a token, as neighbours are seldom the same code."""


@compiled()
def sort_by_query(queries, order, starts):
    """Samples (B,) sorted by query into ``order``, and where each query's begin, (N + 1,)."""
    starts[:] = 0
    for query in queries:
        starts[query + 1] += 1
    for state in range(len(starts) - 1):
        starts[state + 1] += starts[state]
    free = starts.copy()
    for sample in range(len(queries)):
        query = queries[sample]
        order[free[query]] = sample
        free[query] += 1


@compiled()
def add_up_codes(column, codes, banks):
    """``banks[0, c]``, the sum of the ``column`` where the code is c.

    ``banks``, of `CODE_BANKS` rows, is scratch but for its first row.
    """
    banks[:] = 0
    whole = len(column) // CODE_BANKS * CODE_BANKS
    for t in range(0, whole, CODE_BANKS):
        for lane in range(CODE_BANKS):
            banks[lane, codes[t + lane]] += column[t + lane]
    for t in range(whole, len(column)):
        banks[0, codes[t]] += column[t]
    for lane in range(1, CODE_BANKS):
        for code in range(banks.shape[1]):
            banks[0, code] += banks[lane, code]


@compiled()
def add_up_four(column, codes, banks):
    """``banks[j, c]`` of four groups at once, whose codes are the rows of ``codes``."""
    banks[:] = 0
    codes0, codes1, codes2, codes3 = codes[0], codes[1], codes[2], codes[3]
    banks0, banks1, banks2, banks3 = banks[0], banks[1], banks[2], banks[3]
    for t in range(len(column)):
        entry = column[t]
        banks0[codes0[t]] += entry
        banks1[codes1[t]] += entry
        banks2[codes2[t]] += entry
        banks3[codes3[t]] += entry


@compiled()
def by_digit(total, sums):
    """``sums[j, n]``, the ``total`` of the codes whose digit j, most significant first, is n.

    ``total`` is consumed.
    """
    digits, states = sums.shape
    count = states**digits
    sums[:] = 0
    for digit in range(digits - 1, -1, -1):  # the last digit is summed out
        count //= states
        for prefix in range(count):
            rest = total.dtype.type(0)
            for n in range(states):
                part = total[prefix * states + n]
                sums[digit, n] += part
                rest += part
            total[prefix] = rest


@compiled()
def by_code(weights, table):
    """``table[c] = sum_j weights[j, digit j of c]``."""
    digits, states = weights.shape
    table[0] = 0
    count = 1
    for digit in range(digits):
        for prefix in range(count - 1, -1, -1):  # from the back: in place
            before = table[prefix]
            for n in range(states):
                table[prefix * states + n] = before + weights[digit, n]
        count *= states


@compiled()
def look_up_codes(table, codes, column):
    """``column[t] += table[codes[t]]``."""
    for t in range(len(column)):
        column[t] += table[codes[t]]


@compiled()
def look_up_four(tables, codes, column):
    """The same of four groups at once: the column is read and written once."""
    codes0, codes1, codes2, codes3 = codes[0], codes[1], codes[2], codes[3]
    table0, table1, table2, table3 = tables[0], tables[1], tables[2], tables[3]
    for t in range(len(column)):
        column[t] += (table0[codes0[t]] + table1[codes1[t]]) + (
            table2[codes2[t]] + table3[codes3[t]]
        )
