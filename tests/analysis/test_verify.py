"""Tables against published ones: equal ones are equal in any order, and no change is missed."""

import json
import math
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scb import cli
from scb.analysis.verify import NOTHING, TOLERANCE, compare, verify
from scb.learning.tables import STATES
from scb.settings.whole import Settings
from scb.store import tables

ROOT = Path(__file__).parents[2]

NUMBERS = st.one_of(st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf, -math.inf, 0.0]))


@st.composite
def frames(draw):
    """Rows told apart by a word, an integer and a float, with floats and lists to compare."""
    keys = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["sgd", "adam"]),
                st.integers(0, 3),
                st.sampled_from([0.1, 0.2, math.nan]),
            ),
            min_size=1,
            max_size=8,
            unique_by=str,
        )
    )
    count, width = len(keys), draw(st.integers(0, 3))
    frame = pd.DataFrame(keys, columns=["optimizer", "replicate", "rate"])
    frame["verdict"] = draw(
        st.lists(st.sampled_from(["yes", "no"]), min_size=count, max_size=count)
    )
    frame["steps"] = draw(st.lists(st.integers(0, 9), min_size=count, max_size=count))
    for name in ("estimate", "low"):
        frame[name] = draw(st.lists(NUMBERS, min_size=count, max_size=count))
    rows = st.lists(NUMBERS, min_size=width, max_size=width).map(np.array)
    frame["column"] = draw(st.lists(rows, min_size=count, max_size=count))
    return frame


SCHEMA = pa.schema(
    {
        "optimizer": pa.string(),
        "replicate": pa.int32(),
        "rate": pa.float64(),
        "verdict": pa.string(),
        "steps": pa.int64(),
        "estimate": pa.float64(),
        "low": pa.float64(),
        "column": pa.list_(pa.float64()),
    }
)


def table(frame):
    return pa.Table.from_pandas(frame, schema=SCHEMA, preserve_index=False)


def differ(one, other, column):
    """Whether two numbers differ by more than they may, by the definition."""
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) != math.isnan(other)
    if math.isinf(one) or math.isinf(other):
        return one != other
    sizes = [abs(number) for number in np.ravel(column) if math.isfinite(number)]
    scale = max(NOTHING, min(1.0, max(sizes, default=0.0)))
    return abs(one - other) > TOLERANCE * max(abs(one), abs(other), scale)


@settings(deadline=None, max_examples=200)
@given(frames(), st.randoms(use_true_random=False))
def test_a_table_shuffled_is_equal(frame, dice):
    order = list(range(len(frame)))
    dice.shuffle(order)
    agrees, _, line = compare(table(frame.iloc[order]), table(frame))
    assert agrees, line
    assert line.endswith("words equal  largest relative difference 0")


@settings(deadline=None, max_examples=300)
@given(frames(), st.data())
def test_any_number_that_changes_is_found_and_no_last_digit_is(frame, data):
    changed = frame.copy(deep=True)
    changed["column"] = [numbers.copy() for numbers in frame["column"]]
    row = data.draw(st.integers(0, len(frame) - 1))
    name = data.draw(st.sampled_from(["estimate", "low", "column"]))
    within = st.floats(-TOLERANCE / 2, TOLERANCE / 2)
    if name == "column":
        assume(len(frame.loc[row, name]))
        place = data.draw(st.integers(0, len(frame.loc[row, name]) - 1))
        old = frame.loc[row, name][place]
        new = data.draw(st.one_of(NUMBERS, within.map(lambda part: old * (1 + part))))
        changed.loc[row, name][place] = new
    else:
        old = frame.loc[row, name]
        new = data.draw(st.one_of(NUMBERS, within.map(lambda part: old * (1 + part))))
        changed.loc[row, name] = new
    agrees, _, line = compare(table(changed.sample(frac=1, random_state=0)), table(frame))
    column = np.concatenate(frame[name].to_list()) if name == "column" else frame[name]
    assert agrees != differ(old, new, column), line
    if not agrees:
        assert f"column {name} by up to" in line


@settings(deadline=None)
@given(frames(), st.data())
def test_any_word_or_integer_that_changes_is_found(frame, data):
    row = data.draw(st.integers(0, len(frame) - 1))
    name, new = data.draw(st.sampled_from([("verdict", "open"), ("steps", 11), ("replicate", 7)]))
    changed = frame.copy()
    changed.loc[row, name] = new
    agrees, _, line = compare(table(changed), table(frame))
    assert not agrees
    assert line.startswith("DIFFERS: ")
    assert "\n" not in line


CLAIMS = tables.schema(
    dict.fromkeys(("estimate", "all_estimate"), pa.float64()),
    **dict.fromkeys(("statistic", "verdict", "outcome"), pa.string()),
    **dict.fromkeys(("low", "high"), pa.float64()),
    replicates=pa.int32(),
)


def judged(rows=3):
    """A table of claims: words, integers, floats, and floats that may be missing."""
    return pd.DataFrame(
        {
            "statistic": [f"statistic {row}" for row in range(rows)],
            "verdict": "partly",
            "outcome": "shown",
            "low": 0.25,
            "high": 0.75,
            "replicates": 32,
            "estimate": [0.5, np.nan, np.inf][:rows],
            "all_estimate": 0.5,
        }
    )


@pytest.fixture
def folders(tmp_path):
    """Results and published tables that are equal: claims, and states in a folder below."""
    published = tmp_path / "published"
    tables.write(judged(), published / "claims.parquet", CLAIMS, {})
    states = pd.DataFrame({"optimizer": "sgd", "replicate": 0, "step": 5, "state": [0, 1]})
    states["value"] = states["attention"] = [np.array([0.5, 0.25]), np.array([1.0, 0.0])]
    tables.write(states, published / "convergence" / "state.parquet", STATES, {})
    shutil.copytree(published, tmp_path / "results")
    return tmp_path / "results", published


UNKNOWN = "last digits: no provenance of both says on which processors they were made"


def lines(capsys, folders):
    """The exit status, and what is said before the line on last digits."""
    status = verify(*folders)
    *said, last = capsys.readouterr().out.splitlines()
    assert last == UNKNOWN
    return status, said


def test_one_line_per_table_and_the_sum(folders, capsys):
    status, said = lines(capsys, folders)
    assert status == 0
    assert said == [
        "claims.parquet             3 rows  words equal  largest relative difference 0",
        "convergence/state.parquet  2 rows  words equal  largest relative difference 0",
        "2 of 2 tables agree (tolerance 0.004), 2 to the last bit",
    ]


def test_what_is_not_published_is_left_out(folders, capsys):
    tables.write(judged(), folders[0] / "more.parquet", CLAIMS, {})
    assert lines(capsys, folders)[0] == 0


def test_last_digits_are_within_the_tolerance_and_told(folders, capsys):
    frame = judged()
    frame.loc[0, "estimate"] *= 1 + 3e-7
    tables.write(frame, folders[0] / "claims.parquet", CLAIMS, {})
    status, said = lines(capsys, folders)
    assert status == 0
    assert said[0].endswith("largest relative difference 3e-07 (column estimate)")
    assert said[-1] == "2 of 2 tables agree (tolerance 0.004), 1 to the last bit"
    frame.loc[0, "estimate"] *= 1.005
    tables.write(frame, folders[0] / "claims.parquet", CLAIMS, {})
    status, said = lines(capsys, folders)
    assert status == 1
    assert "column estimate by up to 0.005 in 1 row, 0.5025, published 0.5" in said[0]
    assert said[-1] == "1 of 2 tables agree (tolerance 0.004), 1 to the last bit"


def test_the_tolerance_is_that_of_the_setting_whose_rounding_errors_grow_most():
    def bound(section):
        rates = [optimizer.rate for optimizer in section.optimizers.values()]
        later = max(rates, default=0.0) * (section.steps - section.boost.steps)
        growth = math.exp(section.boost.rate * section.boost.steps + max(later, 0.0))
        from_noise = math.sqrt(section.batch) / section.boost.rate
        last = max(section.steps, section.boost.steps)
        return 2.0**-24 * math.sqrt(last) * min(growth, from_noise)

    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    training = Settings.model_validate(config).training
    assert max(map(bound, training.values())) == pytest.approx(TOLERANCE)


MADE_ON = {
    "device": "cpu",
    "versions": {"python": "3.11.7", "torch": "2.13.0"},
    "processor": {"machine": "x86_64", "features": ["avx2", "fma"], "blas": "openblas 0.3"},
}


@pytest.mark.parametrize(
    ("change", "factor", "said"),
    [
        ({}, 1.0, "one kind of processor and the same versions, so every bit should be equal"),
        (
            *({}, 1 + 3e-7),
            "one kind of processor and the same versions, so every bit should be equal, and some "
            "are not",
        ),
        (
            *({"processor": {"machine": "x86_64", "features": ["avx2"]}}, 1.0),
            "those of another processor or other versions (blas, features)",
        ),
        (
            *({"versions": {"python": "3.11.7", "torch": "2.12.1"}, "device": "cuda:0"}, 1.0),
            "those of another processor or other versions (device, torch)",
        ),
        (
            *({"processor": None}, 1.0),
            "those of another processor or other versions (blas, device, features, machine, "
            "provenance, python, torch)",
        ),
    ],
)
def test_what_is_expected_of_last_digits_is_said_by_provenance(
    folders, capsys, change, factor, said
):
    for folder, record in zip(folders, (MADE_ON, MADE_ON | change), strict=True):
        (folder / "claims.provenance.json").write_text(json.dumps(record))
    frame = judged()
    frame.loc[0, "estimate"] *= factor
    tables.write(frame, folders[0] / "claims.parquet", CLAIMS, {})
    assert verify(*folders) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"last digits: {said}"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda frame: frame.assign(outcome=["shown", "contradicted", "shown"]),
            "DIFFERS: column outcome in 1 row: contradicted, published shown "
            "(statistic statistic 1)",
        ),
        (
            lambda frame: frame.assign(verdict="reproduced", low=0.2),
            "DIFFERS: column verdict in 3 rows: reproduced, published partly "
            "(statistic statistic 0); also column low",
        ),
        (
            lambda frame: frame.assign(low=[0.25, 0.2, 0.25]),
            "DIFFERS: column low by up to 0.2 in 1 row, 0.2, published 0.25 "
            "(statistic statistic 1)",
        ),
        (
            lambda frame: frame.assign(estimate=[0.5, 0.1, np.inf]),
            "DIFFERS: column estimate by up to inf in 1 row, 0.1, published nan "
            "(statistic statistic 1)",
        ),
        (
            lambda frame: frame.iloc[1:],
            "DIFFERS: 1 of 3 rows missing (statistic statistic 0)",
        ),
        (
            lambda frame: pd.concat([frame, frame.iloc[:1]]),
            "DIFFERS: 1 of 4 rows not published (statistic statistic 0, row 1)",
        ),
        (
            lambda frame: frame.iloc[:0],
            "DIFFERS: 3 of 3 rows missing (statistic statistic 0)",
        ),
    ],
)
def test_what_differs_is_said_on_one_line(folders, capsys, change, said):
    tables.write(change(judged()), folders[0] / "claims.parquet", CLAIMS, {})
    status, found = lines(capsys, folders)
    assert status == 1
    assert found[0] == f"claims.parquet             {said}"
    assert len(found) == 3


def test_a_table_that_is_missing_or_cut_short(folders, capsys):
    results, _ = folders
    (results / "claims.parquet").unlink()
    state = results / "convergence/state.parquet"
    state.write_bytes(state.read_bytes()[:-20])
    status, said = lines(capsys, folders)
    assert status == 1
    assert said[0].endswith("not made here")
    assert f"{state} cannot be read: " in said[1]
    assert said[2] == "0 of 1 tables agree (tolerance 0.004), 0 to the last bit, 1 not made"


def test_results_without_any_table_are_no_agreement(folders, tmp_path, capsys):
    _, published = folders
    status, said = lines(capsys, (tmp_path / "nothing", published))
    assert status == 1
    assert said[-1] == "0 of 0 tables agree (tolerance 0.004), 0 to the last bit, 2 not made"


def test_other_columns_and_lists_of_other_lengths(folders, capsys):
    results, published = folders
    frame = tables.read(published / "convergence/state.parquet", STATES)
    frame["value"] = [np.array([0.5]), np.array([1.0])]
    tables.write(frame, results / "convergence/state.parquet", STATES, {})
    claims = pq.read_table(results / "claims.parquet")
    place = claims.column_names.index("replicates")
    claims = claims.set_column(place, "replicates", claims["replicates"].cast(pa.float64()))
    claims = claims.drop_columns("all_estimate").append_column("extra", pa.array([1, 2, 3]))
    pq.write_table(claims, results / "claims.parquet")
    _, said = lines(capsys, folders)
    assert said[0].endswith(
        "DIFFERS: column replicates is double, published int32; "
        "also column all_estimate, column extra"
    )
    assert "column value by up to inf in 2 rows" in said[1]


def test_rows_that_nothing_tells_apart_are_matched_by_their_numbers():
    frame = pd.DataFrame({"kind": "a", "estimate": [1.0, 2.0, 2.0]})
    published = pa.Table.from_pandas(frame)
    assert compare(pa.Table.from_pandas(frame[::-1]), published)[0]
    other = pa.Table.from_pandas(frame.assign(estimate=[1.0, 1.0, 2.0]))
    assert not compare(other, published)[0]


# What the jobs of one setting make, and a digest of tokens.
JOBS = """
import hashlib, sys
from pathlib import Path
from scb.data.stream import Stream
from scb.data.task import Task
from scb.experiments.boost import boost
from scb.experiments.optimizers import compare
from scb.experiments.tasks import draw_tasks
from scb.settings.training import Comparison, Stage1, Tasks, Training
section, out = Training.model_validate_json(sys.argv[1]), sys.argv[2]
for job, model, words in (
    (draw_tasks, Tasks, "--tasks tasks"),
    (boost, Stage1, "--tasks tasks --curves boost --state state"),
    (compare, Comparison, "--tasks tasks --state state --curves curves"),
):
    files = [word if word[0] == "-" else f"{out}/{word}.parquet" for word in words.split()]
    record = ["--provenance", f"{out}/{job.__name__}.provenance.json"]
    job.main(["--settings", model.of(section).as_json(), *files, *record])
batch = Stream.of(Task.load(Path(out, "tasks.parquet")), section.seed).batch(3, 64)
print(hashlib.sha256(batch.tokens.numpy().tobytes()).hexdigest())
"""
PLAIN = {"ATEN_CPU_CAPABILITY": "default", "NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": ""}
"""A processor without what others have grown since 2003, to torch and to Numba."""


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="emulates another x86-64")
def test_floats_of_another_processor_agree_and_its_tokens_are_equal(tmp_path, capsys):
    section = yaml.safe_load((ROOT / "config.yaml").read_text())["training"]["convergence"]
    section |= {"seed": 0, "replicates": 4, "log_interval": 20, "length": 1000}
    section |= {"sampler": "dirichlet", "concentration": 1.0, "weights": "uniform"}
    section |= {"rounding": 0.25}
    for kind in ("proximal", "proximal_large"):  # rounding may flip an entry there
        section["optimizers"][kind]["threshold"] = False
    tokens = []
    for name, environment in (("results", PLAIN), ("published", {})):
        command = [sys.executable, "-c", JOBS, json.dumps(section), str(tmp_path / name)]
        run = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, env=os.environ | environment
        )
        tokens.append(run.stdout)
    assert tokens[0] == tokens[1]
    assert verify(tmp_path / "results", tmp_path / "published") == 0
    *_, sums, last = capsys.readouterr().out.splitlines()
    assert sums.startswith("4 of 4 tables agree")
    assert not sums.endswith("4 to the last bit")
    assert last.endswith("another processor or other versions (numba_target, torch_capability)")


def test_command_line(folders, capsys, tmp_path):
    results, published = folders
    assert cli.main(["verify", str(results), str(published)]) == 0
    assert "\n2 of 2 tables agree (tolerance 0.004), 2 to the last bit\n" in capsys.readouterr().out
    (tmp_path / "empty").mkdir()
    for against in ("empty", "nowhere"):
        assert cli.main(["verify", str(results), str(tmp_path / against)]) == 1
        (line,) = capsys.readouterr().out.splitlines()
        assert line == f"{tmp_path / against}: there are no Parquet tables to compare with"
    assert cli.main(["verify", str(tmp_path / "nowhere"), str(published)]) == 1
