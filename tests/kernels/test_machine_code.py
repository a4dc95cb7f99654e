"""The CUDA kernels compiled for GPUs that are not here, in a process of its own.

Of this process Triton is the interpreter (see conftest.py), which passes what a compiler does not.
"""

import json
import os
import re
import subprocess
import sys
from importlib import metadata
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import torch

pytest.importorskip("triton")
pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]

PLANTED = {
    "a float16 accumulator": (
        "attend",
        "hits = tl.where(tokens == state, entries, 0.0)",
        "hits = tl.where(tokens == state, entries, 0.0).to(tl.float16)",
        "f16 among f64",
    ),
    "too many accumulators": (
        "adjoint",
        "CONDITIONS = 8\n",
        "CONDITIONS = 32\n",
        "bytes spilled",
    ),
    "a 32-bit index": (
        "attend",
        "stretch, start = tl.program_id(1).to(tl.int64)",
        "stretch, start = tl.program_id(1)",
        "32-bit product",
    ),
}
"""A kernel, its code in scb/kernels/cuda.py, what replaces it, and the fault to be found."""


def compile_all(folder):
    """What the tests below look at; run in the process of its own."""
    from benchmarks import machine_code
    from scb.kernels import cuda

    found = machine_code.launches(cuda)
    rows = [
        {
            "name": launch.name,
            "capability": launch.card.capability,
            "conditions": launch.constants.get("CONDITIONS", launch.case.conditions),
            "dtype": str(launch.case.dtype),
            "faults": machine_code.faults(launch),
        }
        for launch in found
    ]
    planted = {}
    for name, (kernel, old, new, _) in PLANTED.items():
        source = Path(cuda.__file__).read_text()
        assert source.count(old) == 1, old
        path = folder / f"planted_{len(planted)}.py"
        path.write_text(source.replace(old, new))
        spec = spec_from_file_location(path.stem, path)
        module = module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
        case = machine_code.Case(conditions=32, dtype=torch.float64)
        some = machine_code.launches(module, machine_code.CARDS[:1], [case], [kernel])
        planted[name] = [fault for launch in some for fault in machine_code.faults(launch)]
    result = {"rows": rows, "planted": planted, "tables": machine_code.tables(found)}
    (folder / "found.json").write_text(json.dumps(result))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compiled")
    env = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    env |= {
        "TRITON_CACHE_DIR": str(folder / "cache"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, __file__, str(folder)]
    done = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "found.json").read_text())


def test_every_kernel_is_compiled_for_both_gpus(found):
    kinds = {(row["name"], row["capability"]) for row in found["rows"]}
    names = "head", "tokens", "attend", "adjoint", "proximal_step"
    assert kinds == {(name, capability) for name in names for capability in (80, 90)}
    at_once = {row["conditions"] for row in found["rows"] if row["name"] == "adjoint"}
    assert at_once == {1, 2, 4, 8}
    assert {row["dtype"] for row in found["rows"]} == {"torch.float32", "torch.float64"}


def test_no_kernel_spills_or_mixes_types_or_overflows(found):
    assert [row for row in found["rows"] if row["faults"]] == []


@pytest.mark.parametrize("name", PLANTED)
def test_planted_faults_are_found(found, name):
    assert any(PLANTED[name][-1] in fault for fault in found["planted"][name])


def test_the_tables_in_the_document_are_these(found):
    """Of another version of Triton they would be others: `make setup` installs the one stated."""
    stated = (ROOT / "docs/kernels.md").read_text()
    version = re.search(r"Triton ([\d.]+\d),", stated)[1]
    if metadata.version("triton") != version:
        pytest.skip(f"the tables are of Triton {version}")
    assert found["tables"] in stated


if __name__ == "__main__":
    compile_all(Path(sys.argv[1]))
