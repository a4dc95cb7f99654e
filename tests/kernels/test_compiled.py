"""What was compiled before is used again only if nothing that it was made of has changed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scb.kernels import compiled

ROOT = Path(__file__).parents[2]

WORDS = """
import numpy as np, torch
from scb.data.task import Task
from scb.data.stream import Stream
from scb.kernels import cpu
task = Task.stack([Task.sample(3, 8, 2, 0)])
print(*cpu.heads(Stream(task, [0]), 0, 0, 8)[0].flatten().tolist())
"""


@pytest.fixture
def clone(tmp_path):
    """A copy of the package, and a folder for what it compiles."""
    for path in (ROOT / "scb").rglob("*.py"):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    return tmp_path


def drawn(clone, **environment):
    """Queries that the compiled kernel draws in a process of its own."""
    paths = {"PYTHONPATH": str(clone), "NUMBA_CACHE_DIR": str(clone / "cache")}
    run = subprocess.run(
        [sys.executable, "-c", WORDS],
        cwd=clone,
        env=os.environ | paths | environment,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout, run.stderr


@pytest.mark.hostile("environments")
def test_an_edit_of_another_module_is_seen_and_so_is_its_end(clone):
    # The constants of Philox stand in another file than the functions that use them.
    philox = clone / "scb/data/philox.py"
    text, stat = philox.read_text(), philox.stat()
    before, _ = drawn(clone)
    philox.write_text(text.replace("0xD2511F53", "0xD2511F55"))
    os.utime(philox, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as an archive would leave it
    edited, _ = drawn(clone)
    philox.write_text(text)
    after, _ = drawn(clone)
    assert edited != before
    assert after == before
    assert len(list((clone / "cache").iterdir())) == 2


@pytest.mark.hostile("environments")
def test_nothing_is_kept_where_nothing_can_be(clone):
    expected, _ = drawn(clone)
    (clone / "file").touch()
    found, said = drawn(clone, NUMBA_CACHE_DIR=str(clone / "file"))
    assert found == expected
    (line,) = said.splitlines()
    assert line.startswith(f"scb: compiled kernels cannot be kept in {clone / 'file'} (")


@pytest.mark.hostile("environments")
def test_numbers_of_threads_in_the_environment_change_nothing(clone):
    cache = {"NUMBA_CACHE_DIR": str(compiled.folder().parent)}
    names = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    expected, _ = drawn(clone, **cache)
    for number in ("0", "-1", "abc", "9" * 20):
        found, said = drawn(clone, **cache, **dict.fromkeys(names, number))
        assert found == expected
        assert len(said.splitlines()) <= 2  # libgomp's, of a number that is none
        assert "Traceback" not in said


def test_all_that_a_kernel_imports_is_in_the_digest():
    import ast

    names = {path.relative_to(compiled.PACKAGE).as_posix() for path in compiled.sources()}
    for path in compiled.sources():
        for node in ast.walk(ast.parse(path.read_text())):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            if module and module.startswith("scb."):
                room = module.split(".")[1]
                assert any(name.split("/")[0] in (room, f"{room}.py") for name in names), module
