"""The house: imports go down only, from room to room and from module to module."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

ROOMS = (
    "footprint",
    "settings",
    "faults",
    "store",
    "data",
    "kernels",
    "learning",
    "theory",
    "analysis",
    "claims",
    "rebased",
    "figures",
    "experiments",
    "dictionary",
    "training",
    "cli",
)
"""From the ground up: a room imports from those before it alone."""

LIGHT = ("footprint", "settings", "faults", "store", "analysis", "claims", "figures")
"""Rooms that read tables and need no torch, which takes a second to import."""


def names_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {names_of(path): path for path in (ROOT / "scb").rglob("*.py")}


def statements(node):
    """All that may run; an import for annotations alone does not."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)):
            yield child
            yield from statements(child)


def imported(module):
    """Modules of the package that one names in an import, at its top or in a function."""
    for node in statements(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute"
            for alias in node.names:
                yield from [
                    name for name in (f"{node.module}.{alias.name}", node.module) if name in MODULES
                ][:1]


GRAPH = {module: set(imported(module)) for module in MODULES}


def room(module):
    """Of a module; the door ``scb`` and ``python -m scb`` are in none."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] != "__main__" else None


def test_each_room_is_on_a_floor():
    assert {room(module) for module in MODULES} - {None} == set(ROOMS)


@pytest.mark.parametrize("module", [module for module in GRAPH if room(module)])
def test_imports_go_down_only(module):
    above = {
        other: room(other)
        for other in GRAPH[module]
        if room(other) and ROOMS.index(room(other)) > ROOMS.index(room(module))
    }
    assert not above


def test_nobody_goes_out_by_the_door():
    """Inside, a name comes from the module that defines it, not from ``scb``."""
    assert [module for module, others in GRAPH.items() if "scb" in others] == []


def test_there_is_no_circle():
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as circle:
        pytest.fail(" > ".join(circle.args[1]))


def test_tables_are_read_without_torch():
    modules = sorted(module for module in MODULES if room(module) in LIGHT)
    script = f"import sys, {', '.join(modules)}\nassert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
