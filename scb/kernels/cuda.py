"""The CUDA kernels, in Triton: generation fused into every pass, so no token meets memory.

A program is one warp. Attend gives it a stretch of one sample, the adjoint a stretch of
one column; both generate the tokens they need, four from each Philox block. Every sum has
one owner and a fixed order, without atomics, so a run repeats bit for bit.

Attend adds up a stretch by comparing its tokens with every state, on registers alone. Up to N = 7
that is less than the tokens cost; at N = 100 it is most of the pass (docs/kernels.md has the
instructions). Sums indexed by token (atomics in shared memory) would be flat in N, but 32 threads
collide where N is small, and such sums have no fixed order.

The host never waits for the device. A launch depends on nothing that only the device knows,
and the step may live there: see `scb.learning.replay`.
"""

from functools import partial
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from scb.data.philox import CONTEXT, HEAD
from scb.data.stream import Batch, Step, Stream
from scb.kernels import reference

STRETCH = 1024
"""Positions of a sample that one program of attend adds up: 32 to a thread, in registers."""

COLUMN = 256
"""Positions of a column that one program of the adjoint owns, of up to four conditions."""

CONDITIONS = 8
"""Conditions whose sums a program of the adjoint holds at once, in registers."""

GRID = 2**31 - 1, 2**16 - 1, 2**16 - 1
"""Programs of a launch along its dimensions, at most."""

CONTEXT_WORD = tl.constexpr(CONTEXT)
HEAD_WORD = tl.constexpr(HEAD)


@triton.jit
def _words(block, sample, step, purpose: tl.constexpr, low, high):
    """Four words of Philox4x32-10; see `scb.data.stream` for the counter."""
    return tl.philox_impl(
        block.to(tl.uint32),
        sample.to(tl.uint32),
        step.to(tl.uint32),
        tl.full((), purpose, tl.uint32),
        low.to(tl.uint32),
        high.to(tl.uint32),
    )


@triton.jit
def _search(word, thresholds, width):
    """How many of ``width`` sorted thresholds are at most the word: bisection."""
    found = word * 0
    reach = 1
    while reach < width:
        reach *= 2
    while reach > 0:
        beyond = found + reach
        threshold = tl.load(thresholds + beyond - 1, mask=beyond <= width, other=1 << 62)
        found = tl.where(threshold <= word, beyond, found)
        reach //= 2
    return found


@triton.jit
def _draw(word, law, width, shift, TABLE: tl.constexpr):
    """Tokens of words, both uint32: by the guide table, or by a search of the thresholds."""
    if TABLE:
        shift = shift.to(tl.uint32)
        # Modulo 2^32: see `scb.data.stream.Guide.offsets`.
        return tl.add(tl.load(law + (word >> shift)), word, sanitize_overflow=False) >> shift
    return _search(word.to(tl.int64), law, width).to(tl.uint32)


@triton.jit
def _context(
    first, sample, step, low, high, law, width, shift, TABLE: tl.constexpr, SIZE: tl.constexpr
):
    """Tokens ``first .. first + SIZE - 1`` of a sample, shape (SIZE,), uint32."""
    block = first // 4 + tl.arange(0, SIZE // 4)
    w0, w1, w2, w3 = _words(block, sample, step, CONTEXT_WORD, low, high)
    word = tl.interleave(tl.interleave(w0, w2), tl.interleave(w1, w3))
    return _draw(word, law, width, shift, TABLE)


@triton.jit(do_not_specialize=["first", "shift"])
def _head_kernel(
    heads, size, first, positions, source_law, target_law, states, sparsity,
    step, lows, highs, law, width, shift, TABLE: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    replicate = tl.program_id(1).to(tl.int64)
    column = tl.program_id(0).to(tl.int64) * SIZE + tl.arange(0, SIZE)
    sample, step = column + first, tl.load(step)
    low, high = tl.load(lows + replicate), tl.load(highs + replicate)
    law += replicate * width

    w0, w1, w2, _ = _words(column * 0, sample, step, HEAD_WORD, low, high)
    query = _draw(w0, law, width, shift, TABLE).to(tl.int64)
    # Thresholds of row m are shifted by m 2^33: see `scb.data.stream`.
    source_law += (replicate * states + query) * (sparsity - 1)
    choice = _search(w1.to(tl.int64) + (query << 33), source_law, sparsity - 1)
    inside = column < size
    source = tl.load(
        positions + (replicate * sparsity + choice) * states + query, mask=inside, other=0
    )
    v0, v1, v2, v3 = _words(source // 4, sample, step, CONTEXT_WORD, low, high)
    lane = source % 4
    word = tl.where(lane < 2, tl.where(lane == 0, v0, v1), tl.where(lane == 2, v2, v3))
    token = _draw(word, law, width, shift, TABLE).to(tl.int64)
    target_law += (replicate * states + token) * (states - 1)
    target = _search(w2.to(tl.int64) + (token << 33), target_law, states - 1)

    extent = tl.num_programs(1).to(tl.int64) * size
    heads += replicate * size + column
    tl.store(heads, query, mask=inside)
    tl.store(heads + extent, target, mask=inside)
    tl.store(heads + 2 * extent, source, mask=inside)


@triton.jit(do_not_specialize=["first", "shift"])
def _tokens_kernel(
    tokens, length, first,
    step, lows, highs, law, width, shift, TABLE: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    sample, replicate = tl.program_id(0).to(tl.int64), tl.program_id(2).to(tl.int64)
    start = tl.program_id(1) * SIZE
    low, high = tl.load(lows + replicate), tl.load(highs + replicate)
    law += replicate * width
    sample_index, step = sample + first, tl.load(step)
    drawn = _context(start, sample_index, step, low, high, law, width, shift, TABLE, SIZE)
    position = start + tl.arange(0, SIZE)
    tokens += (replicate * tl.num_programs(0) + sample) * length
    tl.store(tokens + position, drawn, mask=position < length)


@triton.jit(do_not_specialize=["first", "shift"])
def _attend_kernel(
    columns, queries, sums, conditions, states, length, first,
    step, lows, highs, law, width, shift, TABLE: tl.constexpr, SIZE: tl.constexpr,
    FOURS: tl.constexpr,
):  # fmt: skip
    """Sums over one stretch of one sample; ``sums`` is (stretches, G, R, B, N)."""
    if FOURS:
        length = length // 4 * 4  # as it is; the compiler now knows, and loads four entries at once
    sample, replicate = tl.program_id(0).to(tl.int64), tl.program_id(2).to(tl.int64)
    size, replicates = tl.num_programs(0), tl.num_programs(2)
    stretch, start = tl.program_id(1).to(tl.int64), tl.program_id(1) * SIZE
    low, high = tl.load(lows + replicate), tl.load(highs + replicate)
    law += replicate * width
    sample_index, step = sample + first, tl.load(step)
    tokens = _context(start, sample_index, step, low, high, law, width, shift, TABLE, SIZE)
    position = start + tl.arange(0, SIZE)
    query = tl.load(queries + replicate * size + sample)
    for condition in range(conditions):
        condition = tl.to_tensor(condition).to(tl.int64)
        column = columns + ((condition * replicates + replicate) * states + query) * length
        entries = tl.load(column + position, mask=position < length, other=0.0)  # (SIZE,)
        row = ((stretch * conditions + condition) * replicates + replicate) * size + sample
        # Pointers advance by 1: an offset by ``state`` would be widened to 64 bits each time.
        out = sums + row * states
        for state in range(states):
            hits = tl.where(tokens == state, entries, 0.0)
            # In two steps: at once, ptxas of CUDA 12 keeps all comparisons before it adds.
            tl.store(out, tl.sum(tl.sum(tl.reshape(hits, (SIZE // 128, 128)), 0), 0))
            out += 1


@triton.jit
def _weights(row, word, known, law, width, shift, TABLE: tl.constexpr):
    """Weights of the tokens of words, in the conditions that are known."""
    token = _draw(word, law, width, shift, TABLE)
    return tl.load(row + token[None, :], mask=known, other=0.0)


@triton.jit(do_not_specialize=["first", "shift"])
def _adjoint_kernel(
    weights, order, offsets, sums, conditions, size, length, first,
    step, lows, highs, law, width, shift, TABLE: tl.constexpr, SIZE: tl.constexpr,
    FOURS: tl.constexpr, CONDITIONS: tl.constexpr,
):  # fmt: skip
    """One stretch of column k of all conditions, over the samples with that query in order."""
    if FOURS:
        length = length // 4 * 4
    state, replicate = tl.program_id(0).to(tl.int64), tl.program_id(2).to(tl.int64)
    states, replicates = tl.num_programs(0), tl.num_programs(2)
    start, step = tl.program_id(1) * SIZE, tl.load(step)
    low, high = tl.load(lows + replicate), tl.load(highs + replicate)
    law += replicate * width
    block = start // 4 + tl.arange(0, SIZE // 4)
    position = start + tl.arange(0, SIZE)[None, :]
    offsets += replicate * (states + 1) + state
    begin, end = tl.load(offsets), tl.load(offsets + 1)
    for group in range(0, conditions, CONDITIONS):  # sums of more would not fit the registers
        condition = group + tl.arange(0, CONDITIONS)[:, None].to(tl.int64)
        known = condition < conditions
        # The four positions of a Philox block apart: to bring them in order costs shuffles.
        total0 = tl.zeros((CONDITIONS, SIZE // 4), sums.dtype.element_ty)
        total1, total2, total3 = total0, total0, total0
        for index in range(begin, end):
            sample = tl.load(order + replicate * size + index)
            w0, w1, w2, w3 = _words(block, sample + first, step, CONTEXT_WORD, low, high)
            row = weights + ((condition * replicates + replicate) * size + sample) * states
            total0 += _weights(row, w0, known, law, width, shift, TABLE)
            total1 += _weights(row, w1, known, law, width, shift, TABLE)
            total2 += _weights(row, w2, known, law, width, shift, TABLE)
            total3 += _weights(row, w3, known, law, width, shift, TABLE)
        total = tl.interleave(tl.interleave(total0, total2), tl.interleave(total1, total3))
        row = sums + ((condition * replicates + replicate) * states + state) * length
        tl.store(row + position, total, mask=known & (position < length))


@triton.jit
def _proximal_step_kernel(columns, gradient, rate, penalty, length, SIZE: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    size, least = tl.load(rate + row), tl.load(penalty + row)
    columns += row * length
    gradient += row * length
    total = tl.zeros((SIZE,), columns.dtype.element_ty)
    for start in range(0, length, SIZE):
        position = start + tl.arange(0, SIZE)
        inside = position < length
        entry = tl.load(columns + position, mask=inside, other=0.0)
        entry -= size * tl.load(gradient + position, mask=inside, other=0.0)
        # Less its part within the threshold: a NaN, which is in no part, stays.
        entry -= tl.where(entry > least, least, tl.where(entry < -least, -least, entry))
        tl.store(columns + position, entry, mask=inside)
        total += entry
    shift = (1 - tl.sum(total, 0)) / length
    tl.debug_barrier()  # other threads' entries are in memory
    for start in range(0, length, SIZE):
        position = start + tl.arange(0, SIZE)
        inside = position < length
        entry = tl.load(columns + position, mask=inside)
        tl.store(columns + position, entry + shift, mask=inside)


def _extent(length: int, most: int) -> int:
    """Positions of a program: a power of two that leaves none of its warp's threads idle."""
    return min(most, max(128, triton.next_power_of_2(length)))


def _run(kernel: Any, grid: tuple[int, ...], *arguments: Any, **options: Any) -> None:
    """Run a kernel on the device of its first argument.

    Products and sums stay apart (no fused multiply-add), as in the reference.

    Raises
    ------
    ValueError
        If the grid is larger than CUDA's.
    """
    if any(extent > most for extent, most in zip(grid, GRID, strict=False)):
        raise ValueError(f"a launch is of {grid} programs: CUDA has at most {GRID}")
    with torch.cuda.device_of(arguments[0]):
        kernel[grid](*arguments, **options, enable_fp_fusion=False)


def _launch(
    kernel: Any,
    grid: tuple[int, ...],
    stream: Stream,
    step: Step,
    *arguments: Any,
    **sizes: Any,
) -> None:
    """Run a kernel that generates: its own arguments, then those of the stream."""
    if not isinstance(step, Tensor):
        step = torch.full((), step, dtype=torch.int64, device=stream.device)
    guide = stream.guide
    law, shift = (guide.thresholds, 0) if guide.offsets is None else (guide.offsets, guide.shift)
    known = law, law.shape[-1], shift
    _run(
        kernel, grid, *arguments, step, *stream.key, *known,
        TABLE=guide.offsets is not None, **sizes, num_warps=1,
    )  # fmt: skip


def heads(stream: Stream, step: Step, first: int, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, targets and sources of samples, each (R, B), int64; see `scb.data.stream.Batch`."""
    replicates = len(stream.seeds)
    heads = torch.empty(3, replicates, size, dtype=torch.int64, device=stream.device)
    laws = stream.tasks.positions.contiguous(), stream.sources.sorted, stream.targets.sorted
    arguments = heads, size, first, *laws, stream.states, stream.sparsity
    _launch(_head_kernel, (triton.cdiv(size, 32), replicates), stream, step, *arguments, SIZE=32)
    queries, targets, sources = heads
    return queries, targets, sources


def tokens(stream: Stream, step: Step, first: int, size: int) -> Tensor:
    """Context tokens, shape (R, size, T), as `attend` and `adjoint` draw them.

    Training stores no tokens: this is how the device's are held against the CPU's.
    """
    replicates, length = len(stream.seeds), stream.length
    drawn = torch.empty(replicates, size, length, dtype=stream.dtype, device=stream.device)
    extent = _extent(length, STRETCH)
    grid = size, triton.cdiv(length, extent), replicates
    _launch(_tokens_kernel, grid, stream, step, drawn, length, first, SIZE=extent)
    return drawn


def attend(columns: Tensor, batch: Batch) -> Tensor:
    """Attention weights added up by token; see `scb.kernels.reference.attend`."""
    *leading, replicates, states, length = columns.shape
    flat = columns.detach().reshape(-1, replicates, states, length).contiguous()
    extent = _extent(length, STRETCH)
    stretches = triton.cdiv(length, extent)
    # Takes B / STRETCH of the memory of the columns.
    sums = flat.new_empty(stretches, len(flat), replicates, batch.size, states)
    arguments = flat, batch.queries, sums, len(flat), states, length, batch.first
    grid = batch.size, stretches, replicates
    sizes = {"SIZE": extent, "FOURS": length % 4 == 0}
    _launch(_attend_kernel, grid, batch.stream, batch.step, *arguments, **sizes)
    return sums.sum(0).reshape(*leading, replicates, batch.size, states)


def adjoint(weights: Tensor, batch: Batch) -> Tensor:
    """Token weights looked up by position; see `scb.kernels.reference.adjoint`."""
    *leading, replicates, size, states = weights.shape
    flat = weights.detach().reshape(-1, replicates, size, states).contiguous()
    length = batch.stream.length
    queries, order = batch.queries.sort(dim=-1, stable=True)  # (R, B), by query, then sample
    bounds = torch.arange(states + 1, device=flat.device).repeat(replicates, 1)
    offsets = torch.searchsorted(queries, bounds)  # (R, N + 1): where each query begins
    sums = flat.new_empty(len(flat), replicates, states, length)
    arguments = flat, order, offsets, sums, len(flat), size, length, batch.first
    conditions = min(CONDITIONS, triton.next_power_of_2(len(flat)))
    extent = _extent(length, max(128, 4 * COLUMN // max(4, conditions)))
    grid = states, triton.cdiv(length, extent), replicates
    sizes = {"SIZE": extent, "FOURS": length % 4 == 0, "CONDITIONS": conditions}
    _launch(_adjoint_kernel, grid, batch.stream, batch.step, *arguments, **sizes)
    return sums.reshape(*leading, replicates, states, length)


def parts(stream: Stream, size: int) -> list[tuple[int, int]]:
    """All of a batch at once: no token is stored, so none takes memory."""
    return [(size, 0)]


gradients = partial(reference.gradients, heads=heads, attend=attend, adjoint=adjoint, parts=parts)

moments = reference.moments  # once in many steps


def proximal_step(columns: Tensor, gradient: Tensor, rate: Tensor, penalty: Tensor) -> None:
    """Proximal step, in place; see `scb.kernels.reference.proximal_step`."""
    rows, length = columns.shape[:-1], columns.shape[-1]
    numbers = (number.expand(rows).contiguous() for number in (rate, penalty))
    flat = columns.view(-1, length), gradient.contiguous()
    grid = (rows.numel(),)
    _run(_proximal_step_kernel, grid, *flat, *numbers, length, SIZE=1024, num_warps=4)
