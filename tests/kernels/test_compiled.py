"""What was compiled before is used again only if nothing that it was made of has changed."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from forks import Forks

from scb.kernels import compiled

ROOT = Path(__file__).parents[2]

LIBRARIES = ("numba", "pandas", "pyarrow.parquet", "pydantic", "torch")

WORDS = """
import numpy as np, torch
from scb.data.task import Task
from scb.data.stream import Stream
from scb.kernels import cpu
task = Task.stack([Task.sample(3, 8, 2, 0)])
print(*cpu.heads(Stream(task, [0]), 0, 0, 8)[0].flatten().tolist())
"""


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A copy of the package, a program that draws, and a folder for what it compiles."""
    folder = tmp_path_factory.mktemp("clone")
    for path in (ROOT / "scb").rglob("*.py"):
        copy = folder / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    (folder / "words.py").write_text(WORDS)
    return folder


@pytest.fixture(scope="module")
def forks(clone, tmp_path_factory):
    """Processes of their own that have imported the compiler and torch, and nothing of ours."""
    forks = Forks(tmp_path_factory.mktemp("forks"), LIBRARIES, clone)
    yield forks
    forks.end()


@pytest.fixture(scope="module")
def drawn(clone, forks):
    """Queries that a process draws which keeps what it compiles there, and what it says."""

    def draw(cache=clone / "cache"):
        output = clone / "output"
        environment = os.environ | {"PYTHONPATH": str(clone), "NUMBA_CACHE_DIR": str(cache)}
        assert forks.run(["words"], clone, output, environment) == 0, output.read_text()
        *said, found = output.read_text().splitlines()
        return found, said

    return draw


@pytest.fixture(scope="module")
def expected(drawn):
    """Those of the package as it is."""
    found, said = drawn()
    assert not said
    return found


@pytest.mark.hostile("environments")
def test_an_edit_of_another_module_is_seen_and_so_is_its_end(clone, drawn, expected):
    # The constants of Philox stand in another file than the functions that use them.
    philox = clone / "scb/data/philox.py"
    text, stat = philox.read_text(), philox.stat()
    philox.write_text(text.replace("0xD2511F53", "0xD2511F55"))
    os.utime(philox, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # as an archive would leave it
    edited, _ = drawn()
    philox.write_text(text)
    after, _ = drawn()
    assert edited != expected
    assert after == expected
    assert len(list((clone / "cache").iterdir())) == 2


@pytest.mark.hostile("environments")
def test_nothing_is_kept_where_nothing_can_be(clone, drawn, expected):
    (clone / "file").touch()
    found, (line,) = drawn(clone / "file")
    assert found == expected
    assert line.startswith(f"scb: compiled kernels cannot be kept in {clone / 'file'} (")


@pytest.mark.hostile("environments")
def test_numbers_of_threads_in_the_environment_change_nothing(clone, expected):
    # Libraries read them when they are imported: a new process each.
    names = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    paths = {"PYTHONPATH": str(clone), "NUMBA_CACHE_DIR": str(clone / "cache")}
    for number in ("0", "-1", "abc", "9" * 20):
        run = subprocess.run(
            [sys.executable, "-m", "words"],
            cwd=clone,
            env=os.environ | paths | dict.fromkeys(names, number),
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stderr
        assert run.stdout.splitlines() == [expected]
        assert len(run.stderr.splitlines()) <= 2  # libgomp's, of a number that is none
        assert "Traceback" not in run.stderr


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
