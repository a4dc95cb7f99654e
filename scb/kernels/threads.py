"""Threads of the compiled kernels: Python's, of code that holds no lock.

A team of Numba's meets after every call even where one thread was asked for, and then waits for
whoever has the other cores.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from typing import Any

import torch

MIN_TOKENS_FOR_THREADS = 1_000_000
"""Tokens for which a second thread saves more than it costs: about 0.2 ms to wake it."""

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


def over(bounds: Sequence[int], work: Callable[..., None], *arguments: Any) -> None:
    """``work(start, stop, *arguments)`` between all bounds, on this thread and others."""
    parts = iter(list(pairwise(bounds)))

    def some() -> None:
        for start, stop in parts:
            work(start, stop, *arguments)

    helpers = min(get_threads(), len(bounds) - 1) - 1
    done = [_pool(get_threads()).submit(some) for _ in range(helpers)]
    some()
    for one in done:
        one.result()


def even(rows: int, cost: float) -> list[int]:
    """Bounds of even parts of the rows, each of a ``cost`` in tokens; one part if all is little."""
    threads = get_threads()
    if threads == 1 or rows * cost < MIN_TOKENS_FOR_THREADS:
        return [0, rows]
    parts = min(rows, 2 * threads)  # each costs a call, in which no other thread starts one
    return [rows * part // parts for part in range(parts + 1)]
