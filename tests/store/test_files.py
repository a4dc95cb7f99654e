"""Files that are there whole or not at all."""

import os
import signal
import subprocess
import sys

import pytest

from scb.store.files import replacing

KILLED = """
import os, signal, sys
from pathlib import Path
from scb.store.files import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_file_and_its_folder_are_made(tmp_path):
    path = tmp_path / "deep" / "file"
    with replacing(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def test_a_fault_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as temporary:
        temporary.write_text(str(1 / 0))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_kill_leaves_the_old_file_and_the_next_write_clears_up(tmp_path):
    path, other = tmp_path / "file", tmp_path / ".file2.1"
    path.write_text("old")
    other.write_text("of another file")
    run = subprocess.run([sys.executable, "-c", KILLED, str(path)])
    assert run.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 3
    with replacing(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert set(tmp_path.iterdir()) == {path, other}


LIVING = """
import sys
from pathlib import Path
from scb.store.files import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_text("late")
    print("writing", flush=True)
    sys.stdin.read()
"""


def test_two_that_write_at_once_keep_their_own(tmp_path):
    path, elsewhere = tmp_path / "file", tmp_path / f".file.another.{os.getpid()}"
    elsewhere.write_text("of a process of that number, on another host")
    other = subprocess.Popen(
        [sys.executable, "-c", LIVING, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with other:
        assert other.stdout.readline() == b"writing\n"
        with replacing(path) as temporary:
            temporary.write_text("early")
        assert path.read_text() == "early"
        assert len(list(tmp_path.iterdir())) == 2
    assert other.returncode == 0
    assert path.read_text() == "late"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_made_is_told_in_one_line(tmp_path):
    (tmp_path / "plain").touch()
    path = tmp_path / "plain" / "deep" / "file"
    with (
        pytest.raises(OSError, match=rf"^{path}: cannot be written: Not a directory$"),
        replacing(path) as temporary,
    ):
        temporary.write_text("whole")
