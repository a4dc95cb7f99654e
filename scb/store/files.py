"""Files that are there whole or not at all."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside ``path``, to be written in the block, that then takes its place.

    So the file is there whole or not at all, after a loss of power too. What a killed process
    left of an earlier try is removed; a process that still writes on this host keeps its own.

    Raises
    ------
    OSError
        One line naming the file and the fault; ``path`` is left as it was.
    """
    stem = f".{path.name}."
    temporary = path.with_name(f"{stem}{socket.gethostname()}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for entry in path.parent.iterdir():
            if entry.name.startswith(stem) and not _is_being_written(entry):
                entry.unlink(missing_ok=True)
        try:
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as fault:
        reason = os.strerror(fault.errno) if fault.errno else fault
        raise OSError(f"{path}: cannot be written: {reason}") from fault


def _is_being_written(temporary: Path) -> bool:
    """Whether the process that a temporary file is named after is alive, on this host."""
    name, _, process = temporary.name.rpartition(".")
    if not (name.endswith(f".{socket.gethostname()}") and process.isdecimal()):
        return False
    try:
        os.kill(int(process), 0)  # asks, and sends nothing
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # somebody else's
    return True
