"""The same training step by several programs in turn, in one process and on one thread each.

What is timed is the process's own CPU time, so that what else the machine does counts little.
In each round every program takes one measurement, and is compared with ours of that round.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch._dynamo.exc import TorchDynamoException

from benchmarks.floor import Floor
from benchmarks.naive import Naive
from benchmarks.rivals import Compiled, CompiledClosedForm, Jax, Missing, Numba
from scb.data.stream import Stream
from scb.data.task import Task

OURS, FLOOR = "this project", "C"
COMPILED = Compiled, CompiledClosedForm, Jax, Numba
RIVALS = Naive, *COMPILED
PROGRAMS = OURS, FLOOR, *(kind.name for kind in RIVALS)
LEAST_ROUNDS = 3


class Program(NamedTuple):
    """One that takes part.

    Attributes
    ----------
    work : function of a number of steps
    replicates : int
        How many each of these steps trains.
    """

    work: Callable[[int], None]
    replicates: int


def ready(makers: Mapping[str, Callable[[], Program]]) -> tuple[dict[str, Program], dict[str, str]]:
    """The programs that run here, warm, and why others do not."""
    found, missing = {}, {}
    for name, make in makers.items():
        try:
            program = make()
            program.work(2)
        except (Missing, TorchDynamoException) as reason:
            missing[name] = str(reason).strip().partition("\n")[0]
        else:
            found[name] = program
    return found, missing


def floor(task: Task, stream: Stream, rate: float, batch: int) -> Program:
    """The program in C, on all replicates."""
    return Program(Floor(task, stream, rate, batch).steps, len(task.seeds))


def rivals(
    kinds: Sequence[Any], task: Task, rate: float, batch: int
) -> dict[str, Callable[[], Program]]:
    """How rivals are made, by name.

    They have no dimension of replicates: each step trains the first of them. For R replicates it
    counts R times, which leaves them data that is warmer than ours.
    """
    torch.compiler.reset()  # it gives up a function that was compiled for many sizes
    first = task.replicate(0)

    def make(kind: Callable[..., Any]) -> Program:
        model = kind(first, rate)

        def work(count: int) -> None:
            for _ in range(count):
                model.step(batch)

        return Program(work, 1)

    return {kind.name: partial(make, kind) for kind in kinds}


def race(
    programs: Mapping[str, Program], replicates: int, rounds: int, least: float, seconds: float
) -> dict[str, list[float]]:
    """CPU seconds of a step of all replicates in each round, by name.

    Parameters
    ----------
    programs : mapping of Program
    replicates : int
        R.
    rounds : int
        Of measurements, as many as fit in the time.
    least, seconds : float
        Each measurement takes steps for about ``least`` seconds, all of them ``seconds``.
    """

    def measure(program: Program, count: int) -> float:
        start = time.process_time()
        program.work(count)
        return (time.process_time() - start) / count * replicates / program.replicates

    def enough(program: Program) -> int:
        one = measure(program, 1) * program.replicates / replicates
        return max(1, min(1000, round(least / max(one, 1e-6))))

    counts = {name: enough(program) for name, program in programs.items()}
    found: dict[str, list[float]] = {name: [] for name in programs}
    end = time.perf_counter() + seconds
    for done in range(rounds):
        if done >= LEAST_ROUNDS and time.perf_counter() > end:
            break
        for name, program in programs.items():
            found[name].append(measure(program, counts[name]))
    return found
