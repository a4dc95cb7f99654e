"""The training step in C (floor.c): the same tokens and the same algorithm, compiled ahead.

The floor under what the compiled kernels could take. It is compiled for one N and T.
"""

import ctypes
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.rivals import Missing
from scb.data.stream import Stream
from scb.data.task import Task

SOURCE = Path(__file__).with_name("floor.c")
FLAGS = ("-O3", "-march=native", "-ffast-math", "-mprefer-vector-width=512")
CODES = 1024
"""Most codes of a group of samples."""


def compiler() -> str:
    """The C compiler of this machine.

    Raises
    ------
    Missing
        If there is none.
    """
    for name in filter(None, (os.environ.get("CC"), "cc", "gcc", "clang")):
        if shutil.which(name):
            return name
    raise Missing("there is no C compiler")


class _Replicate(ctypes.Structure):
    """As in floor.c."""

    _fields_ = (
        ("key", 2 * ctypes.c_uint32),
        ("shift", ctypes.c_uint32),
        *((name, ctypes.c_void_p) for name in ("cuts", "table", "sources", "positions")),
        *((name, ctypes.c_void_p) for name in ("targets", "mu")),
        *((name, ctypes.c_float) for name in ("value_rate", "attention_rate")),
    )


@cache
def library(states: int, length: int, sparsity: int, buckets: int) -> ctypes.CDLL:
    """floor.c of one N, T, Q and size of the guide table.

    Raises
    ------
    Missing
        If there is no C compiler, or it refuses a flag.
    """
    digits = 1
    while states ** (digits + 1) <= min(CODES, length // 4):
        digits += 1
    sizes = {"STATES": states, "LENGTH": length, "SPARSITY": sparsity, "BUCKETS": buckets}
    sizes |= {"DIGITS": digits, "CODES": states**digits}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "floor.so"
        program, compiled = compiler(), Path(folder) / "floor.o"
        defined = [f"-D{name}={size}" for name, size in sizes.items()]
        compiling = [
            *FLAGS,
            "-std=gnu11",
            "-fPIC",
            "-c",
            *defined,
            str(SOURCE),
            "-o",
            str(compiled),
        ]
        # Linked without -ffast-math, with which GCC before 13 adds code that, once loaded, turns
        # off subnormal numbers in the whole process.
        for step in (compiling, ["-shared", str(compiled), "-o", str(path)]):
            done = subprocess.run([program, *step], capture_output=True, text=True)
            if done.returncode:
                raise Missing(f"{program}: {done.stderr.strip().splitlines()[0]}")
        return ctypes.CDLL(str(path))


def _pointer(array: NDArray[np.generic] | None) -> ctypes.c_void_p | None:
    return None if array is None else array.ctypes.data_as(ctypes.c_void_p)


def to_planes(columns: NDArray[np.generic]) -> NDArray[np.generic]:
    """(..., T) as floor.c keeps it: position t at [t % 4][t / 4]."""
    *leading, length = columns.shape
    apart = columns.reshape(*leading, length // 4, 4).swapaxes(-1, -2)
    return np.ascontiguousarray(apart).reshape(columns.shape)


def from_planes(planes: NDArray[np.generic]) -> NDArray[np.generic]:
    """The inverse of `to_planes`."""
    *leading, length = planes.shape
    together = planes.reshape(*leading, 4, length // 4).swapaxes(-1, -2)
    return np.ascontiguousarray(together).reshape(planes.shape)


class Floor:
    """Training steps of all replicates in C.

    Parameters
    ----------
    task : Task of R replicates
    stream : Stream of the same task, whose tokens it makes
    rate : float
        eta.
    batch : int
        B.

    Raises
    ------
    Missing
        If it cannot be compiled here.
    """

    def __init__(self, task: Task, stream: Stream, rate: float, batch: int) -> None:
        law, table = stream.law, stream.guide.table
        if table is None or not (stream.guide.thresholds > 0).all():
            raise Missing("a state has almost no probability")
        self._library = library(task.states, task.length, task.sparsity, table.shape[1])
        self.batch, self.done = batch, 0
        self._held = [  # what the structures point to
            (law.thresholds - 1).astype(np.uint32),
            table.numpy().astype(np.uint32),
            stream.sources.thresholds.contiguous().numpy(),
            stream.tasks.positions.contiguous().numpy(),
            stream.targets.thresholds.contiguous().numpy(),
            task.stationary.float().contiguous().numpy(),
        ]
        rates = zip(task.attention_energy.tolist(), task.transition_energy.tolist(), strict=True)
        self._laws = (_Replicate * len(law.keys))(
            *(
                _Replicate(
                    tuple(int(word) for word in law.keys[r]),
                    int(law.shift),
                    *(_pointer(array[r]) for array in self._held),
                    rate / attention,
                    rate / transition,
                )
                for r, (attention, transition) in enumerate(rates)
            )
        )
        replicates, states, length = len(law.keys), task.states, task.length
        mu = self._held[-1]
        self._values = np.repeat(mu[:, None], states, axis=1)  # (R, N, N), transposed
        self._columns = np.full((replicates, states, length), 1 / length, np.float32)
        self._gradient = np.zeros_like(self._values)

    @property
    def value(self) -> Tensor:
        """V, shape (R, N, N); a view."""
        return torch.from_numpy(self._values).mT

    @property
    def columns(self) -> Tensor:
        """A transposed, shape (R, N, T)."""
        return torch.from_numpy(from_planes(self._columns))

    def put(self, value: Tensor, columns: Tensor) -> None:
        """Set V and A."""
        self._values[:] = value.mT.numpy()
        self._columns[:] = to_planes(columns.numpy())

    def steps(self, count: int, gradients: NDArray[np.float32] | None = None) -> None:
        """Take steps; ``gradients`` (R, N, T), of zeros, gets those of A, in planes."""
        self._library.steps(
            self._laws,
            len(self._laws),
            self.batch,
            self.done,
            count,
            *(_pointer(array) for array in (self._values, self._columns, self._gradient)),
            _pointer(gradients),
        )
        self.done += count

    def gradients(self) -> tuple[Tensor, Tensor]:
        """Gradients of V (R, N, N) and of A transposed (R, N, T); takes the step."""
        found = np.zeros_like(self._columns)
        self.steps(1, found)
        return torch.from_numpy(self._gradient).mT, torch.from_numpy(from_planes(found))

    def tokens(self, step: int) -> Tensor:
        """Contexts (R, B, T) of a step."""
        replicates, _, length = self._columns.shape
        out = np.empty((replicates, self.batch, length), np.uint16)
        for law, mine in zip(self._laws, out, strict=True):
            self._library.tokens(ctypes.byref(law), self.batch, step, _pointer(mine))
        return torch.from_numpy(from_planes(out).astype(np.int64))
