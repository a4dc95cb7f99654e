"""A fork is as a process of its own."""

import json
import os
import signal
import subprocess
import sys

import pytest
from project import forks

PROGRAM = """
import atexit, json, os, sys
import beside
atexit.register(print, "at exit")
known = {name: getattr(sys, name) for name in ("argv", "executable")}
known |= {"words": sys.orig_argv[1:], "path": sys.path[0], "folder": os.getcwd()}
known |= {"environment": dict(os.environ), "input": sys.stdin.read(), "name": __name__}
print(json.dumps(known), flush=True)
print("an error", file=sys.stderr, flush=True)
exec(sys.argv[1])
"""


@pytest.fixture
def program(tmp_path):
    """Its exit status and what it says: in a fork, by a client of one, and without."""
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "beside.py").touch()
    environment = {"PATH": os.environ["PATH"], "HERE": "x"}
    options = {"cwd": tmp_path, "env": environment, "stdin": subprocess.DEVNULL}

    def said_by(python, *words):
        run = subprocess.run(
            [python, "-m", "program", *words],
            **options,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        return run.returncode, run.stdout.decode()

    def run(*words):
        server, output = forks(("json",)), tmp_path / "output"
        words_of = ["program", *words]
        status = server.run(words_of, tmp_path, output, environment)
        yield status, output.read_text()
        yield said_by(server.python, *words)
        yield said_by(sys.executable, *words)

    return run


def facts(said):
    """What a program knows, with a shell's own variables left out."""
    known = json.loads(said.splitlines()[0])
    for name in ("PWD", "SHLVL", "_", "LC_CTYPE"):
        known["environment"].pop(name, None)
    return known


def test_it_knows_what_a_process_knows(program):
    forked, client, alone = program("pass", "--an-option", "a word")
    assert facts(forked[1]) == facts(client[1]) == facts(alone[1])
    assert facts(alone[1])["name"] == "__main__"
    assert [said.splitlines()[1:] for _, said in (forked, client, alone)] == [
        ["an error", "at exit"]
    ] * 3
    assert {status for status, _ in (forked, client, alone)} == {0}


@pytest.mark.parametrize(
    ("end", "status", "last"),
    [
        ("sys.exit(3)", 3, "at exit"),
        ("sys.exit('a fault')", 1, "a fault"),
        ("raise ValueError('of its own')", 1, "ValueError: of its own"),
    ],
)
def test_it_ends_as_a_process_ends(program, end, status, last):
    for found, said in program(end):
        assert found == status
        assert last in said.splitlines()
        assert "at exit" in said.splitlines()


def test_a_killed_one_is_told_from_one_that_ended(program):
    forked, client, alone = program(f"os.kill(os.getpid(), {signal.SIGKILL})")
    assert forked[0] == alone[0] == -signal.SIGKILL
    assert client[0] not in (0, 1)
