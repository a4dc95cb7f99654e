"""Philox4x32-10, the counter-based generator behind the stream, on int64 tensors.

Salmon, Moraes, Dror and Shaw, *Parallel Random Numbers: As Easy as 1, 2, 3*, SC 2011.
"""

from torch import Tensor

Words = tuple[Tensor, Tensor, Tensor, Tensor]


def philox4x32(counter: Words, key: tuple[Tensor, Tensor], rounds: int = 10) -> Words:
    """Four random 32-bit words for each 128-bit counter and 64-bit key.

    Parameters
    ----------
    counter : four Tensors, int64 with values in [0, 2**32), broadcastable
    key : two Tensors, likewise
    rounds : int
        10 in the stream; 7 only to check the published vectors.
    """
    ...
