"""The modules listed as a job's inputs are those that it imports."""

import importlib
import multiprocessing
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from workflow.imports import module_files

MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for folder in ("experiments", "figures")
    for path in (ROOT / "scb" / folder).glob("[!_]*.py")
)


def imported(module):
    """Files of the package in a process that has imported this module and no other."""
    assert not any(name.partition(".")[0] == "scb" for name in sys.modules)
    importlib.import_module(module)
    return {
        str(Path(loaded.__file__).relative_to(ROOT))
        for name, loaded in sys.modules.items()
        if name.partition(".")[0] == "scb"
    }


@pytest.fixture(scope="module")
def loaded():
    """What each module really imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "pandas", "pyarrow", "seaborn"])  # once for all
    with context.Pool(1, maxtasksperchild=1) as pool:
        return dict(zip(MODULES, pool.map(imported, MODULES, chunksize=1), strict=True))


def test_modules_are_found():
    assert {"scb.experiments.optimizers", "scb.figures.fig1_convergence"} < set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_list_is_complete(loaded, module):
    assert loaded[module] <= set(module_files(module, ROOT))


def test_list_is_no_longer_than_needed():
    files = module_files("scb.experiments.boost", ROOT)
    assert "scb/kernels/reference.py" in files
    assert not any(path.startswith("scb/figures") for path in files)
    for figure in (module for module in MODULES if module.startswith("scb.figures")):
        assert not any(path.startswith("scb/experiments") for path in module_files(figure, ROOT))


def test_ways_to_import(tmp_path):
    sources = {
        "__init__": "def __getattr__(name):\n    from scb import lazy\n",
        "main": (
            "from typing import TYPE_CHECKING\n"
            "import scb.plain, os\n"
            "from scb import named\n"
            "from scb.content import thing\n"
            "from .sub import inner\n"
            "from . import sibling\n"
            "if TYPE_CHECKING:\n    from scb import typed\n"
            "def job():\n    import scb.late\n"
        ),
        "content": "import scb.deep\n",
        "deep": "import scb.main\n",
        "sub/__init__": "",
        "sub/inner": "from ..above import thing\n",
        **dict.fromkeys(
            ("plain", "named", "sibling", "late", "above", "lazy", "typed", "unused"), ""
        ),
    }
    for name, text in sources.items():
        path = tmp_path / "scb" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    found = module_files("scb.main", tmp_path)
    assert found == sorted(
        f"scb/{name}.py" for name in sources if name not in ("lazy", "typed", "unused")
    )


def test_no_such_module(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no module scb\.nothing"):
        module_files("scb.nothing", tmp_path)
