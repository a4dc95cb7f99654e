"""What was compiled before is used again only if nothing that it was made of has changed."""

import ast
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


def elsewhere(tree):
    """Names that a source takes from modules of scb whose sources are not in the digest."""
    known = {path.relative_to(compiled.PACKAGE).as_posix() for path in compiled.sources()}
    for node in ast.walk(tree):
        assert not isinstance(node, ast.Import) or not any(
            alias.name.split(".")[0] == "scb" for alias in node.names
        )
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            _, *parts = module = (node.module or "").split(".")
            for alias in node.names:
                files = {f"{'/'.join([*parts, *last])}.py" for last in ([], [alias.name])}
                if module[0] == "scb" and not files & known:
                    yield alias.asname or alias.name


def is_compiled(node):
    return isinstance(node, ast.FunctionDef) and any(
        "compiled" in ast.unparse(decorator) for decorator in node.decorator_list
    )


def names_behind_kernels(tree):
    """Names in compiled functions and, as those may use them, in assignments of a module."""
    behind = [node for node in ast.walk(tree) if is_compiled(node)]
    behind += [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    return {name.id for node in behind for name in ast.walk(node) if isinstance(name, ast.Name)}


def test_all_that_a_kernel_is_made_of_is_in_the_digest():
    trees = {path: ast.parse(path.read_text()) for path in compiled.sources()}
    kernels = [path for path, tree in trees.items() if any(map(is_compiled, ast.walk(tree)))]
    assert len(kernels) >= 5
    for path in kernels:
        assert not {*elsewhere(trees[path])} & names_behind_kernels(trees[path]), path
    taken = [node for tree in trees.values() for node in tree.body if is_compiled(node)]
    texts = (path.read_text() for path in compiled.PACKAGE.rglob("*.py"))
    assert len(taken) == sum(text.count("\n@compiled(") for text in texts)


def test_a_constant_from_elsewhere_would_be_seen():
    tree = ast.parse(
        "from scb.data.philox import HEAD\nfrom scb.data.stream import BLOCKS as MANY, Stream\n"
        "SIZE = 2 * MANY\n@compiled()\ndef double(x):\n    return SIZE * x + HEAD\n"
        "def call(stream: Stream):\n    return double(stream.length)\n"
    )
    assert {*elsewhere(tree)} == {"MANY", "Stream"}
    assert {*elsewhere(tree)} & names_behind_kernels(tree) == {"MANY"}
