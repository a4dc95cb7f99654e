"""What documents say of speed is what the benchmark wrote."""

import json
import re

import pytest
from project import ROOT

from benchmarks import benchmark
from benchmarks.race import COMPILED, FLOOR, OURS, PROGRAMS
from workflow import speed
from workflow.gallery import FILLED, refresh

NS = {OURS: 2.0, FLOOR: 1.0, "torch": 50.0}
"""Per token; of rivals at N = 3: 8, 10, 12 and 14."""


def spread(number):
    return {"median": number, "lower_quartile": 0.9 * number, "upper_quartile": 1.1 * number}


def race(states, replicates):
    """Rows at one size, where JAX was not installed."""
    tokens = 5000 * 64 * replicates
    compiled = {kind.name: 8.0 + 2 * place for place, kind in enumerate(COMPILED)}
    for name in PROGRAMS:
        row = {"states": states, "length": 5000, "batch": 64, "replicates": replicates}
        row |= {"program": name, "compiled": name in compiled, "missing": None}
        if name.startswith("JAX"):
            yield row | {"missing": "JAX is not installed"}
            continue
        ns = (NS | compiled)[name]
        yield row | {
            "rounds": 3,
            "seconds": spread(1e-9 * ns * tokens),
            "ratio": spread(ns / NS[OURS]),
        }


@pytest.fixture
def found():
    """Made of a few numbers, in the layout of the benchmark."""
    where = {"states": 3, "length": 5000, "batch": 64, "replicates": 1, "threads": 1}
    return {
        "against_rivals": [row for n in (3, 20) for r in (1, 32) for row in race(n, r)],
        "ns_per_token": [
            where | {"generation_forward_adjoint": spread(1.5), "step": spread(2.0)},
        ],
        "speedup_over_naive": [where | spread(25.0)],
        "seconds_per_step": [where | {"seconds": spread(6.4e-4)}],
        "exponent_of_cost_in_length": [
            {"states": 3, "threads": 1, "from_length": 5000, "exponent": 0.9},
        ],
        "speedup_of_threads": [where | {"threads": 2, "replicates": 8, "speedup": 1.7}],
        "peak_memory_mb": [
            {"states": 3, "replicates": 32, "batch": 64, "steps": 20, "megabytes": 500.0}
        ],
        "share_of_metrics": {"share": spread(0.014)},
        "first_call_seconds": {"compiling": 9.0, "from_disk": 0.3},
        "centre": {"length": 5000, "batch": 64, "replicates": 1, "states": [3]},
        "device": {"model": "Abacus", "threads": 2},
        "versions": {"torch": "2", "numba": "0.6", "jax": None, "c": None},
        "seconds_of_benchmark": 420.0,
    }


@pytest.fixture
def root(found, tmp_path):
    """A repository with results of a benchmark."""
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / speed.RESULT).write_text(json.dumps(found))
    for document in ("README.md", "docs/kernels.md"):
        (tmp_path / document).parent.mkdir(exist_ok=True)
        marks = (mark for one in FILLED if one.document == document for mark in one.marks)
        (tmp_path / document).write_text("\n".join(marks))
    return tmp_path


def test_readme_quotes_the_best_rival_then_torch_then_the_floor(root):
    refresh(root, root / "results", root / "figures")
    assert " ".join(speed.sentence(root).split()) == (
        "At N = 3 / 20 a training step is 4 / 4 times as fast as the best of torch.compile and "
        "Numba, and 25 / 25 times as fast as straightforward torch. It takes 2 / 2 times as long "
        "as a C program that draws the same tokens. (`make benchmark`: T = 5000, B = 64, one "
        "replicate, one thread of Abacus.)"
    )
    assert f"\n{speed.sentence(root)}\n" in (root / "README.md").read_text()


def test_table_has_every_program_and_says_who_did_not_run(root):
    refresh(root, root / "results", root / "figures")
    page = (root / "docs/kernels.md").read_text()
    rows = [
        line.split(" | ") for line in page.splitlines() if re.match(r"\| (3|20) \| (1|32) ", line)
    ]
    assert len(rows) == 4
    assert rows[0][:5] == ["| 3", "1", "0.64, 2.00", "0.5 (0.45 to 0.55)", "25 (22 to 28)"]
    assert all(len(row) == 2 + len(PROGRAMS) for row in rows)
    assert sum(cell == "not run" for row in rows for cell in row) == 4
    assert "Not run: JAX jit, closed form, as JAX is not installed." in page
    assert "| N = 3 | 2, missed | 1.3 | 4, missed (torch.compile, one-hot) | 6 |" in page
    assert "T^0.90 at N = 3" in page
    assert "2 are 1.70 times as fast as one" in page


def test_numbers_that_are_not_those_of_the_benchmark_are_told(root, found):
    refresh(root, root / "results", root / "figures")
    assert [one for one in FILLED if one.source == speed.RECORD and stale(root, one)] == []
    found["against_rivals"][0]["seconds"] = spread(1.0)
    (root / speed.RECORD).write_text(json.dumps(found))
    assert [one.name for one in FILLED if one.source == speed.RECORD and stale(root, one)] == [
        "speed"
    ]


def stale(root, one):
    return one.wanted(root) != one.held(root)


def test_programs_are_those_of_the_race():
    assert PROGRAMS[:3] == (speed.OURS, speed.FLOOR, speed.NAIVE)
    states, replicates = benchmark.FULL.against
    assert speed.AIMS.keys() == set(states)
    assert 1 in replicates


def test_no_rival_no_sentence(root, found):
    for row in found["against_rivals"]:
        row["compiled"] = False
    (root / speed.RECORD).parent.mkdir(parents=True)
    (root / speed.RECORD).write_text(json.dumps(found))
    with pytest.raises(ValueError, match="no compiled rival ran"):
        speed.sentence(root)


@pytest.mark.skipif(not (ROOT / speed.RECORD).exists(), reason="no benchmark was published yet")
def test_published_documents_are_of_the_published_benchmark():
    assert not [one for one in FILLED if one.source == speed.RECORD and stale(ROOT, one)]
