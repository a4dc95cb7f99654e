"""Compiled functions, kept on disk under the digest of all that they are made of.

Numba by itself looks at the file of a function alone: a constant that it takes from another
module stays frozen in what was compiled before. Here the folder is named by all sources that a
kernel is made of, by the versions of Numba, LLVM and Python, and by the processor. It lies outside
the source tree, so that clones share it: in ``$NUMBA_CACHE_DIR``, else in the user's folder of
caches.
"""

import hashlib
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
from numba import njit
from numba.core import config as numba_config

PACKAGE = Path(__file__).parents[1]

SOURCES = ("data/philox.py", "kernels")
"""What a compiled function takes functions and constants from; tested."""


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function when it is first called, and keep the result on disk where possible.

    Parameters
    ----------
    options
        Of `numba.njit`.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        if folder() is None:
            return njit(**options)(function)
        config: Any = numba_config  # its names are set at import
        before = config.CACHE_LOCATOR_CLASSES
        config.CACHE_LOCATOR_CLASSES = f"{__name__}.Locator"
        try:
            return njit(cache=True, **options)(function)
        finally:
            config.CACHE_LOCATOR_CLASSES = before

    return decorate


@cache
def folder() -> Path | None:
    """Where compiled functions are kept; None, after a line on why, where nothing can be."""
    base = os.environ.get("NUMBA_CACHE_DIR")
    if base is None:
        caches = os.environ.get("XDG_CACHE_HOME")
        base = str((Path(caches) if caches else Path("~/.cache")).expanduser() / "scb")
    path = Path(base) / f"compiled-{digest()[:16]}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path
    except (OSError, RuntimeError) as fault:  # RuntimeError: there is no home
        print(
            f"scb: compiled kernels cannot be kept in {base} ({fault}); they are compiled again "
            "in each process. NUMBA_CACHE_DIR names another folder.",
            file=sys.stderr,
        )
        return None


@cache
def digest() -> str:
    """SHA-256 of the sources, the compilers and the processor."""
    found = hashlib.sha256()
    cpu = llvmlite.binding.get_host_cpu_name(), llvmlite.binding.get_host_cpu_features().flatten()
    for word in (numba.__version__, llvmlite.__version__, sys.version, platform.machine(), *cpu):
        found.update(f"{word}\0".encode())
    for path in sources():
        content = path.read_bytes()
        found.update(f"{path.relative_to(PACKAGE).as_posix()}\0{len(content)}\0".encode())
        found.update(content)
    return found.hexdigest()


def sources() -> list[Path]:
    """Files of `SOURCES`."""
    return sorted(
        path
        for name in SOURCES
        for path in [PACKAGE / name, *(PACKAGE / name).rglob("*.py")]
        if path.suffix == ".py"
    )


class Locator:
    """Tells Numba where to keep a function: see its ``NUMBA_CACHE_LOCATOR_CLASSES``."""

    def __init__(self, line: int) -> None:
        self._line = line

    @classmethod
    def from_function(cls, function: Callable[..., Any], file: str) -> "Locator":
        """The locator of a function."""
        return cls(function.__code__.co_firstlineno)

    def get_cache_path(self) -> str:
        """The folder."""
        return str(folder())

    def ensure_cache_path(self) -> None:
        """It is there."""

    def get_source_stamp(self) -> str:
        """What must not have changed; the folder's name says it already."""
        return digest()

    def get_disambiguator(self) -> str:
        """What tells functions of one name apart."""
        return str(self._line)
