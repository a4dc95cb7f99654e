"""Programs in forks of a process that has imported what they import.

Half of the work of a dry run, and nearly all of a small job's, is to import libraries. A fork has
them, starts the program as ``python -m`` does, and ends as a process of its own.
"""

import atexit
import gc
import json
import os
import random
import runpy
import select
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

SNAKEMAKE = (
    *("snakemake.cli", "snakemake.profiles", "snakemake.report.html_reporter", "smart_open"),
    *("pydantic", "yte"),
)
JOB = (
    *("fontTools.subset", "matplotlib.backends.backend_pdf", "numba", "pandas"),
    *("pyarrow.pandas_compat", "pyarrow.parquet", "pydantic.functional_validators"),
    *("pydantic.main", "pydantic.types", "scipy.stats", "seaborn", "sympy", "torch", "tqdm"),
    "typst",
)
"""Libraries. Nothing of the project: there are many copies of it, and tests change them."""

CLIENT = """\
#!{python} -IS
import sys
sys.path.insert(0, {folder!r})
from forks import call
assert sys.argv[1] == "-m"
sys.exit(call({address!r}, sys.argv[2:], (1, 2)))
"""


class Forks:
    """A process with libraries, and its forks.

    Attributes
    ----------
    python : Path
        What runs ``-m module`` in a fork, as a Python of its own.
    """

    def __init__(self, place: Path, imports: Sequence[str], root: Path | None = None) -> None:
        """In an empty folder ``place``; modules of a project are imported from its ``root``."""
        import subprocess  # not of what calls a fork

        self._address, self.python = str(place / "socket"), place / "python"
        names = {"python": sys.executable, "folder": str(Path(__file__).parent)}
        self.python.write_text(CLIENT.format(address=self._address, **names))
        self.python.chmod(0o755)
        self._server = subprocess.Popen(
            [sys.executable, __file__, self._address, str(root or place), *imports],
            env=os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._server.stdout
        assert self._server.stdout.readline() == b"ready\n"

    def run(
        self,
        words: Sequence[str],
        folder: Path,
        output: Path,
        environment: Mapping[str, str] | None = None,
        python: Path | None = None,
    ) -> int:
        """``python -m words`` in a folder: its exit status, and what it says in a file.

        To the program, ``python`` is the Python that runs it.
        """
        with output.open("wb") as file:
            said = (file.fileno(), file.fileno())
            return call(self._address, words, said, str(folder), environment, python)

    def end(self) -> None:
        """Wait for the process."""
        assert self._server.stdin
        self._server.stdin.close()
        assert self._server.wait(60) == 0


def call(
    address: str,
    words: Sequence[str],
    files: tuple[int, int],
    folder: str = "",
    environment: Mapping[str, str] | None = None,
    python: Path | None = None,
) -> int:
    """Ask for a fork, and wait for its exit status; ``files`` are its stdout and stderr."""
    told = [words, folder or os.getcwd(), dict(environment or os.environ), str(python or "")]
    text = json.dumps(told).encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        socket.send_fds(connection, [len(text).to_bytes(4, "big")], files)
        connection.sendall(text)
        status = connection.recv(16)
    return os.waitstatus_to_exitcode(int(status))


def _receive(connection: socket.socket) -> tuple[Any, list[int]]:
    size, files, *_ = socket.recv_fds(connection, 4, 2)
    left, text = int.from_bytes(size, "big"), b""
    while len(text) < left:
        text += connection.recv(left - len(text))
    return json.loads(text), files


def _serve(listener: socket.socket) -> tuple[Any, list[int]]:
    """What a fork is asked for: it alone returns. The process ends with its stdin."""
    while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
        connection, _ = listener.accept()
        if os.fork() == 0:  # one that waits, while the process serves others
            listener.close()
            asked, files = _receive(connection)
            child = os.fork()
            if child == 0:
                connection.close()
                return asked, files
            for file in files:
                os.close(file)
            connection.sendall(str(os.waitpid(child, 0)[1]).encode())
            os._exit(0)
        connection.close()
        while _ended():
            pass
    sys.exit()


def _ended() -> int:
    """The number of a child that has ended; 0 if there is none."""
    try:
        return os.waitpid(-1, os.WNOHANG)[0]
    except ChildProcessError:
        return 0


def _start(asked: Any, files: Sequence[int]) -> None:
    words, folder, environment, python = asked
    files = [os.open(os.devnull, os.O_RDONLY), *files]
    for place, file in enumerate(files):
        os.dup2(file, place)
        os.close(file)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[0] = folder
    sys.executable = python or sys.executable
    random.seed()
    sys.orig_argv[1:] = ["-m", *words]
    module, *sys.argv[1:] = words
    _end(_status(partial(runpy.run_module, module, run_name="__main__", alter_sys=True)))


def _status(program: Callable[[], object]) -> int:
    """Run it, and say how it ended as Python does."""
    try:
        program()
    except SystemExit as asked:
        if isinstance(asked.code, int | None):
            return (asked.code or 0) & 0xFF
        print(asked.code, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        sys.excepthook(*sys.exc_info())
        return -signal.SIGINT
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _end(status: int) -> NoReturn:
    """End as Python does, but for tearing down all libraries, which takes longer than a job."""
    threading._shutdown()  # waits for threads
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    if status == -signal.SIGINT:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(status)


def _warm_up() -> None:
    """Do once what libraries do at their first use, and not when they are imported."""
    if numba := sys.modules.get("numba"):
        numba.njit(lambda: None)()  # of all that it knows to compile
    if cli := sys.modules.get("snakemake.cli"):
        cli.get_argument_parser()  # of all plugins that are installed


def _main() -> None:
    address, root, *imports = sys.argv[1:]
    sys.path[0] = root
    for name in imports:
        __import__(name)
    _warm_up()
    gc.freeze()  # what is there stays, and no fork need look at it
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        print("ready", flush=True)
        asked, files = _serve(listener)
    _start(asked, files)


if __name__ == "__main__":
    _main()
