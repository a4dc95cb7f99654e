"""Multi-query associative recall (MQAR): told pairs, then asked for values by their keys.

Arora et al., *Zoology*, 2023. A sequence opens with key-value pairs; later every key comes
once more, and there the model must say its value.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from scb.data.seeds import derive

POWER = 0.01
"""a: slot j of the queries is drawn with weight j^(a - 1), so most keys return soon."""


@dataclass(frozen=True)
class Recall:
    """B sequences, of R runs or of one, and what is asked of them.

    Attributes
    ----------
    tokens : Tensor, shape (R, B, T) or (B, T), int64
    positions : Tensor, shape (R, B, K) or (B, K), int64
        Where the K keys are queried; only there a prediction counts.
    targets : Tensor, shape (R, B, K) or (B, K), int64
        The values of the keys queried there.
    """

    tokens: Tensor
    positions: Tensor
    targets: Tensor

    def to(self, device: torch.device) -> "Recall":
        """The same sequences on ``device``."""
        return Recall(*(x.to(device) for x in (self.tokens, self.positions, self.targets)))

    @classmethod
    def stacked(cls, runs: "Sequence[Recall]") -> "Recall":
        """The sequences of R runs as one."""
        names = ("tokens", "positions", "targets")
        return cls(*(torch.stack([getattr(run, name) for run in runs]) for name in names))


@dataclass(frozen=True)
class RecallTask:
    """Generator of sequences; what it draws is a function of the names it is given.

    ::

        vocabulary = 12, length = 12, pairs = 2

                  key value key value            query       query
        tokens      2     8   4     7    0    0    4    0    2    0    0    0
        targets                                    7         8

    Keys are distinct, from 1..V/2-1; values are distinct, from V/2..V-1; 0 fills the rest.
    The T - 2K tokens after the pairs are slots of two tokens, a query and a filler; each key
    is queried in one of them. Sampling without replacement is Gumbel top-k: the K largest of
    log-weights plus independent Gumbel noise are distributed as K draws one after the other.

    Attributes
    ----------
    vocabulary : int
        V.
    length : int
        T.
    pairs : int
        K.
    seed : int
        Root of all draws.

    Raises
    ------
    ValueError
        Unless 4 K <= T < V and T is even.
    """

    vocabulary: int
    length: int
    pairs: int
    seed: int

    def __post_init__(self) -> None:
        """Refuse sizes for which there is no sequence."""
        if not 4 * self.pairs <= self.length < self.vocabulary or self.length % 2:
            raise ValueError(
                f"pairs is {self.pairs}, length {self.length}, vocabulary {self.vocabulary}: "
                "4 pairs <= length < vocabulary must hold, and length be even"
            )
        if not 1 <= self.pairs < self.vocabulary // 2:
            raise ValueError(
                f"pairs is {self.pairs}: it must be in [1, vocabulary / 2 - 1] = "
                f"[1, {self.vocabulary // 2 - 1}]"
            )

    def draw(self, count: int, *names: str | int) -> Recall:
        """``count`` sequences: the same ones whenever the same ``names`` are given.

        Drawn on the CPU, so that they are the same for every device.
        """
        generator = torch.Generator().manual_seed(derive(self.seed, "recall", *names))
        half, slots = self.vocabulary // 2, (self.length - 2 * self.pairs) // 2
        log_weights = (POWER - 1) * torch.arange(1, slots + 1).log()

        def choose(log_weights: Tensor) -> Tensor:  # (B, K), distinct
            exponential = torch.empty(count, len(log_weights)).exponential_(generator=generator)
            return (log_weights - exponential.log()).topk(self.pairs).indices

        keys = 1 + choose(torch.zeros(half - 1))
        values = half + choose(torch.zeros(self.vocabulary - half))
        positions = 2 * self.pairs + 2 * choose(log_weights)
        tokens = torch.zeros(count, self.length, dtype=torch.int64)
        tokens[:, 0 : 2 * self.pairs : 2] = keys
        tokens[:, 1 : 2 * self.pairs : 2] = values
        tokens.scatter_(1, positions, keys)
        return Recall(tokens, positions, values)


def fingerprints(tokens: Tensor) -> Tensor:
    """A 64-bit hash of each sequence, shape (B,): equal sequences have equal ones.

    Two different sequences among n collide with a chance of about n^2 / 2^64.
    """
    generator = torch.Generator().manual_seed(0)
    factors = torch.randint(-(2**62), 2**62, tokens.shape[-1:], generator=generator)
    mixed = (tokens + 1) * factors  # wraps around, as a hash may
    return (mixed ^ (mixed >> 29)).sum(-1)


def require_no_leak(drawn: Tensor, held_out: Tensor) -> None:
    """Refuse to judge by sequences that were used before.

    Parameters
    ----------
    drawn, held_out : Tensor, int64
        Fingerprints of two splits.

    Raises
    ------
    ValueError
        If a held-out sequence is in the other split.
    """
    leaked = int(torch.isin(held_out, drawn).sum())
    if leaked:
        raise ValueError(f"{leaked} of {len(held_out)} held-out sequences are in another split")
