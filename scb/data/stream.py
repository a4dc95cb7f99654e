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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scb.data.philox import CONTEXT, HEAD, MASK, Words, philox4x32
from scb.data.seeds import derive
from scb.data.task import Task

CPU_CHUNK, GPU_CHUNK = 2**15, 2**22
"""Philox blocks at a time. On a CPU intermediates then stay in a core's cache, and within
torch's grain, so that each operation runs on one thread: teams that meet after every few
microseconds of work slow down tenfold as soon as another process wants a core."""

TOKENS_AT_ONCE = 2**25
"""Context tokens of a part of a batch: 32 MiB in bytes, whatever R, B and T."""

Step = int | Tensor
"""Index of a step: a number, or one on the device, shape (), int64, which is not read back."""


def thresholds(probabilities: Tensor) -> Tensor:
    """Integer thresholds of the distributions along the last dimension.

    Computed on the CPU, wherever the probabilities live, so that they are the same
    integers on every device.

    Parameters
    ----------
    probabilities : Tensor, shape (..., N), float64

    Returns
    -------
    Tensor, shape (..., N - 1), int64, non-decreasing, in [0, 2**32]
    """
    cumulative = probabilities.detach().cpu().double().cumsum(-1)[..., :-1]
    return (cumulative * 2**32).round().long().clamp_(0, 2**32)


class Guide:
    """Inverse CDF of R distributions at 32-bit words: one table lookup if they allow it.

    The leading bits of a word select a bucket. Where no bucket has more than one
    threshold strictly inside, the table keeps ``first * width + (width - threshold)`` of
    each, with the token at the bucket's start and the threshold counted from there: adding
    the remaining bits of the word carries into the token exactly when they reach the
    threshold. With at least N buckets all this fits 32 bits. Other distributions (states of
    almost no probability) are searched.

    Parameters
    ----------
    thresholds : Tensor, shape (R, N - 1), int64
    """

    MAX_BITS = 16

    def __init__(self, thresholds: Tensor) -> None:
        self.thresholds = thresholds.contiguous()
        self.table: Tensor | None = None
        for bits in range(thresholds.shape[-1].bit_length(), self.MAX_BITS + 1):
            self.shift = 32 - bits
            width = 1 << self.shift
            starts = torch.arange(1 << bits, device=thresholds.device) * width
            starts = starts.expand(len(thresholds), -1).contiguous()  # (R, buckets)
            first = torch.searchsorted(self.thresholds, starts, right=True)
            last = torch.searchsorted(self.thresholds, starts + (width - 1), right=True)
            if (last - first <= 1).all():
                ends = torch.nn.functional.pad(self.thresholds, (0, 1), value=2**33)
                inside = (ends.gather(-1, first) - starts).clamp(max=width)
                self.table = first * width + (width - inside)  # (R, buckets)
                break

    @cached_property
    def offsets(self) -> Tensor | None:
        """The table less the start of each bucket, modulo 2^32; uint32, (R, buckets).

        Entry plus word, modulo 2^32, is what the table gives with the word's remaining bits: its
        leading bits need not be cleared first.
        """
        if self.table is None:
            return None
        starts = torch.arange(self.table.shape[1], device=self.table.device) << self.shift
        return ((self.table - starts) & MASK).to(torch.uint32)

    def __call__(self, words: Tensor, replicates: slice = slice(None)) -> Tensor:
        """Draws of the ``replicates`` at ``words``, shape (r, ...), consumed; int64."""
        flat = words.reshape(len(words), -1)
        if self.table is None:
            return torch.searchsorted(self.thresholds[replicates], flat, right=True).view_as(words)
        table = self.table[replicates]  # (r, buckets)
        # One flat lookup: by rows, torch would set a team of threads on it.
        rows = torch.arange(0, table.numel(), table.shape[1], device=flat.device)[:, None]
        buckets = (flat >> self.shift).add_(rows)
        found = table.flatten().gather(0, buckets.flatten()).view_as(flat)
        found += flat.bitwise_and_((1 << self.shift) - 1)
        return found.bitwise_right_shift_(self.shift).view_as(words)


class Rows:
    """Inverse CDF of R sets of M distributions, each draw from a row of its own.

    Thresholds of row m are shifted by ``m 2**33``, and words by that of their row, so that
    one search per replicate serves all of its rows.

    Parameters
    ----------
    thresholds : Tensor, shape (R, M, N - 1), int64
    """

    def __init__(self, thresholds: Tensor):
        self.thresholds = thresholds
        shift = torch.arange(thresholds.shape[1], device=thresholds.device) << 33  # (M,)
        self.sorted = (thresholds + shift[:, None]).flatten(1)  # (R, M (N - 1))
        self.width = thresholds.shape[-1]

    def __call__(self, rows: Tensor, words: Tensor) -> Tensor:
        """Draws at ``words`` from the distributions ``rows``; all (R, B), int64."""
        found = torch.searchsorted(self.sorted, words + (rows << 33), right=True)
        return found - rows * self.width


class Law(NamedTuple):
    """How the words of a stream become tokens, as arrays for compiled loops.

    Up to four states are told apart by three comparisons: ``word > threshold - 1``, which
    fits 32 bits unless a threshold is 0. Others are looked up (`Guide`), or searched.
    """

    keys: NDArray[np.uint32]
    """Low and high word of the seeds, (R, 2)."""
    cuts: NDArray[np.uint32]
    """``threshold - 1`` where there are few states, (R, 3); else (R, 0)."""
    tables: NDArray[np.uint32]
    """Of the `Guide`, (R, buckets); else (R, 0)."""
    shift: np.uint32
    """Of the `Guide`: bits of a word within its bucket."""
    thresholds: NDArray[np.int64]
    """(R, N - 1)."""


def _chunks(extent: int, size: int) -> Iterator[slice]:
    for start in range(0, extent, size):
        yield slice(start, min(start + size, extent))


class Stream:
    """Samples of R replicates, generated on demand.

    Parameters
    ----------
    tasks : Task with a replicate dimension R
    seeds : sequence of R ints in [0, 2**63)
        Stream seed of each replicate.
    device : torch device on which samples are wanted, optional
        By default that of the tasks.

    Attributes
    ----------
    tasks, seeds, device : as given; the tasks moved to the device
    states, length, sparsity : int
        N, T and Q.
    guide : Guide
        Of the tokens and queries; its ``thresholds`` (R, N - 1) are those of mu.
    key : (Tensor, Tensor), each of shape (R,), int64
        Low and high word of the seeds.
    sources, targets : Rows
        Of the Q positions of a query's pattern, and of the states that follow a state.
    dtype : torch dtype of the tokens
    """

    def __init__(
        self, tasks: Task, seeds: Sequence[int], device: torch.device | str | None = None
    ) -> None:
        if tasks.stationary.ndim != 2:
            raise ValueError("tasks has no replicate dimension: stack single tasks (Task.stack)")
        if len(seeds) != len(tasks.stationary):
            raise ValueError(
                f"seeds has {len(seeds)} entries: "
                f"one for each of the {len(tasks.stationary)} replicates is needed"
            )
        for seed in seeds:
            if not 0 <= seed < 2**63:
                raise ValueError(f"seeds contains {seed}: seeds must be in [0, 2**63)")
        self.seeds = tuple(int(seed) for seed in seeds)
        self.device = torch.device(tasks.stationary.device if device is None else device)
        self.tasks = tasks.to(self.device)
        self.states, self.length, self.sparsity = tasks.states, tasks.length, tasks.sparsity
        self.dtype = torch.uint8 if self.states <= 256 else torch.int32
        self.guide = Guide(thresholds(tasks.stationary).to(self.device))
        self.sources = Rows(thresholds(tasks.weights.mT).to(self.device))
        self.targets = Rows(thresholds(tasks.transition.mT).to(self.device))
        seed_words = torch.tensor(self.seeds, device=self.device)
        self.key = seed_words & MASK, seed_words >> 32  # (R,), (R,)

    @cached_property
    def law(self) -> Law:
        """How words become tokens, on the CPU."""
        seeds = np.array(self.seeds, dtype=np.uint64)
        keys = np.stack([seeds & np.uint64(MASK), seeds >> np.uint64(32)], axis=-1)  # (R, 2)
        thresholds = self.guide.thresholds.numpy()  # (R, N - 1)
        few = self.states <= 4 and bool((thresholds > 0).all())
        cuts = np.full((len(seeds), 3 if few else 0), MASK, dtype=np.uint32)
        if few:
            cuts[:, : self.states - 1] = thresholds - 1
        table = self.guide.table
        tables = np.empty((len(seeds), 0)) if table is None else table.numpy()  # (R, buckets)
        shift = np.uint32(self.guide.shift)
        return Law(keys.astype(np.uint32), cuts, tables.astype(np.uint32), shift, thresholds)

    @classmethod
    def of(cls, tasks: Task, root: int) -> "Stream":
        """Stream of an experiment: replicate r draws from its own seed, whatever trains on it."""
        return cls(tasks, [derive(root, "stream", r) for r in range(len(tasks.seeds))])

    def batch(self, step: Step, size: int, first: int = 0) -> "Batch":
        """Samples ``first .. first + size - 1`` of ``step``."""
        self.check(step, first, size)
        return Batch(self, step, first, size, *self.heads(step, first, size))

    def heads(self, step: Step, first: int, size: int) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, targets and sources of a batch, in plain torch; each (R, B)."""
        samples = torch.arange(first, first + size, device=self.device)
        words = self._words(0, samples, step, HEAD)  # each (R, B)
        queries = self.guide(words[0])
        choice = self.sources(queries, words[1])  # (R, B), in 0..Q-1
        rows = torch.arange(len(self.seeds), device=self.device)[:, None]
        sources = self.tasks.positions[rows, choice, queries]  # (R, B)
        tokens = self._tokens_at(sources, samples, step)  # (R, B)
        return queries, self.targets(tokens, words[2]), sources

    def parts(self, size: int) -> Iterator[tuple[int, int]]:
        """Size and first sample of parts of a batch that bound the memory of their tokens."""
        rows = max(1, TOKENS_AT_ONCE // (len(self.seeds) * self.length))
        for some in _chunks(size, -(-size // -(-size // rows))):
            yield some.stop - some.start, some.start

    def tokens(self, step: Step, first: int, size: int) -> Tensor:
        """Context tokens, shape (R, size, T); intermediates are bounded by chunks."""
        self.check(step, first, size)
        samples = torch.arange(first, first + size, device=self.device)
        blocks = torch.arange(-(-self.length // 4), device=self.device)
        tokens = torch.empty(
            len(self.seeds), size, self.length, dtype=self.dtype, device=self.device
        )
        chunk = CPU_CHUNK if self.device.type == "cpu" else GPU_CHUNK
        rows = max(1, chunk // len(blocks))  # samples in a chunk, of one replicate or more
        for group, some, part in product(
            _chunks(len(self.seeds), max(1, rows // size)),
            _chunks(size, rows),
            _chunks(len(blocks), chunk),
        ):
            words = self._words(blocks[part], samples[some, None], step, CONTEXT, group)
            draws = torch.empty(*words[0].shape, 4, dtype=self.dtype, device=self.device)
            for lane, word in enumerate(words):
                draws[..., lane] = self.guide(word, group)  # (r, b, blocks)
            start, stop = 4 * part.start, min(4 * part.stop, self.length)
            tokens[group, some, start:stop] = draws.flatten(-2)[..., : stop - start]
        return tokens

    def check(self, step: Step, first: int, size: int) -> None:
        """Refuse indices that do not fit their counter words; a step on the device is not read."""
        if not isinstance(step, Tensor) and not 0 <= step < 2**32:
            raise ValueError(f"step is {step}: it must be in [0, 2**32)")
        if size < 1:
            raise ValueError(f"size is {size}: a batch holds at least one sample")
        if not 0 <= first <= 2**32 - size:
            raise ValueError(f"first is {first}: samples must be in [0, 2**32)")

    def _words(
        self,
        blocks: Tensor | int,
        samples: Tensor,
        step: Step,
        purpose: int,
        replicates: slice = slice(None),
    ) -> Words:
        """Random words of the counter blocks; each (R, ...), blocks and samples broadcast."""
        shape = -1, *(1 for _ in samples.shape)
        key = self.key[0][replicates].view(shape), self.key[1][replicates].view(shape)
        block, third, last = (
            torch.as_tensor(word, device=self.device) for word in (blocks, step, purpose)
        )
        return philox4x32((block, samples, third, last), key)

    def _tokens_at(self, positions: Tensor, samples: Tensor, step: Step) -> Tensor:
        """Context tokens at one position of each sample: all arguments and result (R, B)."""
        words = torch.stack(self._words(positions // 4, samples, step, CONTEXT), -1)  # (R, B, 4)
        return self.guide(words.gather(-1, (positions % 4)[..., None])[..., 0])


@dataclass(frozen=True)
class Batch:
    """One step's samples: the small parts, and the recipe of the context.

    Attributes
    ----------
    stream : Stream
    step : Step
    first, size : int
    queries : Tensor, shape (R, B), int64
        k = x_{T+1}.
    targets : Tensor, shape (R, B), int64
        x_o, drawn from column x_s of P with s from column k of Q.
    sources : Tensor, shape (R, B), int64
        s, which no model sees.
    """

    stream: Stream
    step: Step
    first: int
    size: int
    queries: Tensor
    targets: Tensor
    sources: Tensor

    @cached_property
    def tokens(self) -> Tensor:
        """Context tokens, shape (R, B, T), uint8 or int32; generated at first use."""
        return self.stream.tokens(self.step, self.first, self.size)

    @property
    def generated(self) -> bool:
        """Whether the context tokens are there already."""
        return "tokens" in self.__dict__

    def keep(self, tokens: Tensor) -> None:
        """Take the context tokens from a kernel that generated them on its way."""
        self.__dict__["tokens"] = tokens
