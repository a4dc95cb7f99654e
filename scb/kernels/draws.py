"""Compiled generation: the words of Philox, the tokens that they select, and heads."""

import numpy as np
from numba import njit

from scb.data.philox import CONTEXT, HEAD, MULTIPLIERS, WEYL
from scb.kernels.compiled import compiled

MULTIPLIER_0, MULTIPLIER_2 = map(np.uint64, MULTIPLIERS)
WEYL_0, WEYL_1 = map(np.uint32, WEYL)
LOW, WORD = np.uint64(0xFFFFFFFF), np.uint64(32)

BLOCKS = 1024
"""Philox blocks at a time: their words fill half of a first-level cache."""


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
def draw(words, law, replicate, tokens):
    """The ``tokens`` of a replicate that their words select: see `scb.data.stream.Law`."""
    cuts, table = law.cuts[replicate], law.tables[replicate]
    shift, thresholds = law.shift, law.thresholds[replicate]
    if len(cuts):
        cut0, cut1, cut2 = cuts
        for t in range(len(tokens)):
            word = words[t]
            count = np.uint32(np.uint32(word > cut0) + np.uint32(word > cut1))
            tokens[t] = np.uint32(count + np.uint32(word > cut2))  # in lanes of 32 bits
    elif len(table):
        rest = np.uint32((np.uint64(1) << np.uint64(shift)) - np.uint64(1))
        for t in range(len(tokens)):
            word = words[t]
            tokens[t] = (table[word >> shift] + (word & rest)) >> shift
    else:
        for t in range(len(tokens)):
            tokens[t] = np.searchsorted(thresholds, np.int64(words[t]), side="right")


@compiled()
def generate(tokens, sample, step, law, replicate, words):
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
        draw(words, law, replicate, some)


@compiled(nogil=True)
def head_rows(start, stop, first, step, keys, vocabulary, patterns, transitions, positions, heads):
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
