"""Philox4x32-10, the counter-based generator behind the stream, on int64 tensors.

Salmon, Moraes, Dror and Shaw, *Parallel Random Numbers: As Easy as 1, 2, 3*, SC 2011.
"""

from torch import Tensor

Words = tuple[Tensor, Tensor, Tensor, Tensor]

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
"""Of words 0 and 2 of the counter, in every round."""

WEYL = (0x9E3779B9, 0xBB67AE85)
"""Added to the two words of the key after every round."""

CONTEXT, HEAD = 0, 1
"""Last counter word in the stream: what a block is for."""

MASK = 0xFFFFFFFF
"""The low 32 bits of an int64."""


def philox4x32(counter: Words, key: tuple[Tensor, Tensor], rounds: int = 10) -> Words:
    """Four random 32-bit words for each 128-bit counter and 64-bit key.

    Words that vary along different dimensions are best left unexpanded: they broadcast
    as the rounds mix them, and until then each round costs only what it mixes.

    Parameters
    ----------
    counter : four Tensors, int64 with values in [0, 2**32), broadcastable
    key : two Tensors, likewise
    rounds : int
        10 in the stream; 7 only to check the published vectors.

    Returns
    -------
    four Tensors, int64 with values in [0, 2**32)
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(rounds):
        # An int64 product of two 32-bit words may wrap to a negative number; its 64 bits
        # are right all the same. Its low word serves as the next c1 or c3, which meet
        # nothing but an exclusive or: masking that one result drops the excess of both.
        product0, product2 = c0 * MULTIPLIERS[0], c2 * MULTIPLIERS[1]
        c0 = ((product2 >> 32) ^ (c1 ^ k0)).bitwise_and_(MASK)
        c2 = ((product0 >> 32) ^ (c3 ^ k1)).bitwise_and_(MASK)
        c1, c3 = product2, product0
        k0, k1 = (k0 + WEYL[0]) & MASK, (k1 + WEYL[1]) & MASK
    return c0, c1 & MASK, c2, c3 & MASK
