"""The modules listed as a job's inputs are those that it imports."""

from pathlib import Path

import pytest
from forks import JOB
from project import ROOT, forks

from workflow.imports import CHECKED, module_files

MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for folder in ("experiments", "figures")
    for path in (ROOT / "scb" / folder).glob("[!_]*.py")
)


# In a process that has libraries, and nothing of the project.
IMPORT = """
import importlib, os, sys
module, root = sys.argv[1:]
sys.path.insert(0, root)
importlib.import_module(module)
files = [m.__file__ for n, m in sys.modules.items() if n.partition(".")[0] == "scb"]
for file in filter(None, files):  # a room may have no __init__
    print(os.path.relpath(file, root))
"""


def is_checked(path):
    """Whether a file is of a room that only checks settings."""
    return ".".join(Path(path).with_suffix("").parts[:2]) in CHECKED


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """What each module really imports."""
    folder = tmp_path_factory.mktemp("loaded")
    (folder / "program.py").write_text(IMPORT)

    def files(module):
        said = folder / module
        status = forks(JOB).run(["program", module, str(ROOT)], folder, said)
        assert status == 0, said.read_text()
        return set(said.read_text().split())

    return {module: files(module) for module in MODULES}


def test_modules_are_found():
    assert {"scb.experiments.optimizers", "scb.figures.fig1_convergence"} < set(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_list_is_complete(loaded, module):
    code = {path for path in loaded[module] if not is_checked(path)}
    assert code <= set(module_files(module, ROOT))


def test_none_waits_for_the_settings_of_all_others(loaded):
    assert [module for module in MODULES if "scb/settings/whole.py" in loaded[module]] == []
    assert "scb/settings/training.py" in loaded["scb.experiments.boost"]


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
            "import scb.room.inside\n"
            "from scb import named\n"
            "from scb.content import thing\n"
            "from .sub import inner\n"
            "from . import sibling\n"
            "if TYPE_CHECKING:\n    from scb import typed\n"
            "def job():\n    import scb.late\n"
        ),
        "content": "import scb.deep\n",
        "deep": "import scb.main\n",
        "room/inside": "",  # a room without __init__
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


def test_what_checks_settings_is_no_code():
    files = module_files("scb.experiments.boost", ROOT)
    assert files
    assert not [path for path in files if is_checked(path)]
    assert is_checked("scb/settings/training.py")
    assert is_checked("scb/faults.py")
