"""Which files of `scb` a module imports: the code inputs of a rule.

Snakemake does not see what ``python -m`` imports, so every rule lists the modules of its
job as inputs. They are found by reading the sources, not by importing them: the Snakefile
is parsed at each call and must not wait for torch.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = "scb"

CHECKED = {"scb.settings", "scb.faults"}
"""Rooms that check settings, and are no code input: a job is given the values that it reads."""


def module_files(module: str, root: Path = Path()) -> list[str]:
    """Files of the package that running ``module`` can read, sorted.

    Parameters
    ----------
    module : str
        Dotted name, as after ``python -m``.
    root : Path
        The folder that holds the package.

    Returns
    -------
    list of str
        Paths relative to ``root``: the module, what it imports of `scb`, directly or not,
        and the ``__init__`` of each package on the way.

    Raises
    ------
    FileNotFoundError
        If there is no such module.
    """
    if _file(module, root) is None:
        raise FileNotFoundError(f"no module {module} in {root.resolve()}")
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _imported(name, root)
    code = (name for name in found if ".".join(name.split(".")[:2]) not in CHECKED)
    return sorted(str(path) for name in code if (path := _file(name, root)))


@cache
def _file(module: str, root: Path) -> Path | None:
    """File of a dotted name relative to ``root``; None if it is not a module."""
    stem = Path(*module.split("."))
    for path in (stem.with_suffix(".py"), stem / "__init__.py"):
        if (root / path).is_file():
            return path
    return None


@cache
def _imported(module: str, root: Path) -> frozenset[str]:
    """Modules of the package that one module imports, and its parent packages."""
    path = _file(module, root)
    assert path is not None
    parts = module.split(".")
    names = {".".join(parts[:depth]) for depth in range(1, len(parts))}
    package = module if path.name == "__init__.py" else ".".join(parts[:-1])
    for node in _statements(_with_imports((root / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            # `from base import name`: the name may itself be a module.
            names.update([base, *(f"{base}.{alias.name}" for alias in node.names)])
    return frozenset(
        name for name in names if name.split(".")[0] == PACKAGE and _file(name, root) is not None
    )


def _with_imports(source: str) -> ast.Module:
    """A module's statements of the top level, without most of those that import nothing.

    To parse a whole source takes ten times as long, and there are many at each start of Snakemake.
    """
    found = []
    for lines in re.split(r"^(?=[@\w])", source, flags=re.MULTILINE):
        if "import" in lines:
            try:
                found += ast.parse(lines).body
            except SyntaxError:  # cut within a statement, as before its `else`
                return ast.parse(source)
    return ast.Module(found, [])


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements that a job may execute; expressions hold none, and are most of a source.

    Imports within functions count: a lazily chosen kernel is code of the job. Two places
    do not: ``if TYPE_CHECKING`` and a module's ``__getattr__``, which runs only for whom
    asks the package for a name.
    """
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case):
            continue
        lazy = isinstance(child, ast.FunctionDef) and child.name == "__getattr__"
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield from _statements(other)
        elif not lazy:
            yield from _statements(child)
