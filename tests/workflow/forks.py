"""Programs in forks of a process that has imported what they import.

Half of the work of a dry run, and nearly all of a short job's, is to import libraries. A fork has
them, starts the program as ``python -m`` does, and ends as a process of its own.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

SERVER = """
import importlib, json, os, random, runpy, sys

for name in sys.argv[1:]:
    importlib.import_module(name)


def forks():
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            return json.loads(line)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    sys.exit()


module, sys.argv[1:], folder, environment, output = forks()
os.environ.clear()
os.environ.update(environment)
os.chdir(folder)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
os.dup2(file, 1)
os.dup2(file, 2)
sys.stdin = open(0, closefd=False)
sys.path[0] = folder
random.seed()
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""

SNAKEMAKE = (
    *("snakemake.cli", "snakemake.profiles", "snakemake.report.html_reporter", "smart_open"),
    *("yte", "pydantic"),
)
"""All that a dry run imports from elsewhere; nothing of the project, of which there are copies."""


class Forks:
    """A process with libraries, and its forks, one after another."""

    def __init__(self, imports: Sequence[str], folder: Path | None = None) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-c", SERVER, *imports],
            cwd=folder,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def run(
        self,
        module: str,
        arguments: Sequence[str],
        folder: Path,
        output: Path,
        environment: Mapping[str, str] = os.environ,
    ) -> int:
        """``python -m module``; its exit status, and what it says in the file ``output``."""
        assert self._server.stdin
        assert self._server.stdout
        call = [module, [*arguments], str(folder), dict(environment), str(output)]
        print(json.dumps(call), file=self._server.stdin, flush=True)
        return int(self._server.stdout.readline())

    def end(self) -> None:
        """Wait for the process."""
        assert self._server.stdin
        self._server.stdin.close()
        assert self._server.wait(60) == 0
