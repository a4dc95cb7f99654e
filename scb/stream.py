"""The stream: fresh samples at every step, as a pure function of their indices.

``(seed, step, sample, position)`` determine a token, through Philox4x32-10 keyed by
the seed and integer thresholds of the distribution. So tokens are the same bit for
bit for any batch split, replicate set, order, restart, thread count or device, and
need never be stored.

Layout of the 128-bit counter, words of 32 bits, least significant first::

    context  (position // 4, sample, step, 0)   word position % 4 -> x_position
    head     (0,             sample, step, 1)   word 0 -> query, 1 -> source, 2 -> target

A word u becomes a draw from cumulative probabilities c_0 <= c_1 <= ... by
counting thresholds ``round(2**32 c_i) <= u``: an inverse CDF in integers.
"""

from dataclasses import dataclass
from functools import cached_property

from torch import Tensor

from scb.task import Task

CONTEXT, HEAD = 0, 1
"""Last counter word: what the block is for."""

MAX_STATES = 65536
"""Largest vocabulary: tokens are kept as uint8 up to 256 states, as int32 above."""


def thresholds(probabilities: Tensor) -> Tensor:
    """Integer thresholds of the distributions along the last dimension.

    Parameters
    ----------
    probabilities : Tensor, shape (..., N), float64

    Returns
    -------
    Tensor, shape (..., N - 1), int64, non-decreasing, in [0, 2**32]
    """
    ...


class Stream:
    """Samples of R replicates, generated on demand.

    Parameters
    ----------
    tasks : Task with a replicate dimension R
    seeds : sequence of R ints in [0, 2**63)
        Stream seed of each replicate.
    device : torch device on which samples are wanted
    """

    def batch(self, step: int, size: int, first: int = 0) -> "Batch":
        """Samples ``first .. first + size - 1`` of ``step``."""
        ...

    def tokens(self, step: int, first: int, size: int) -> Tensor:
        """Context tokens, shape (R, size, T); intermediates are bounded by chunks."""
        ...


@dataclass(frozen=True)
class Batch:
    """One step's samples: the small parts, and the recipe of the context.

    Attributes
    ----------
    stream : Stream
    step, first, size : int
    queries : Tensor, shape (R, B), int64
        k = x_{T+1}.
    targets : Tensor, shape (R, B), int64
        x_o, drawn from column x_s of P with s from column k of Q.
    """

    stream: Stream
    step: int
    first: int
    size: int
    queries: Tensor
    targets: Tensor

    @cached_property
    def tokens(self) -> Tensor:
        """Context tokens, shape (R, B, T), uint8 or int32; generated at first use."""
        ...
