"""Two folders side by side: their common tables, settings and curves."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from scb.analysis.compare import FEW, Difference, Folders, said
from scb.analysis.verify import TOLERANCE
from scb.learning.tables import CURVES
from scb.store import origin, tables

OTHER = tables.schema(word=pa.string())


def write(path, settings, factor=1.0, optimizers=("sgd",)):
    """Curves of two replicates at three steps, made by a job with these settings."""
    rows = [(name, r, 10 * s) for name in optimizers for r in range(2) for s in range(3)]
    frame = pd.DataFrame(rows, columns=["optimizer", "replicate", "step"]).assign(
        stage="train", diverged=False, bayes_loss=0.5
    )
    frame["value_signal"] = frame["attention_signal"] = factor * (0.1 + frame["step"] / 100)
    with origin.made_from(settings, {}):
        tables.write(frame, path, CURVES, {"states": 3})


def both(tmp_path, mine, other):
    """Two folders, made by functions of a folder."""
    for name, make in (("a", mine), ("b", other)):
        (tmp_path / name).mkdir()
        make(tmp_path / name)
    return Folders.of(tmp_path / "a", tmp_path / "b")


def test_settings_are_told_once_with_all_tables_that_they_made(tmp_path):
    def make(batch, **more):
        def fill(folder):
            for section in ("one", "two"):
                steps = {"boost": {"steps": 4, "rate": 0.1}, "batch": batch} | more
                write(folder / section / "boost.parquet", steps)
            write(folder / "same.parquet", {"batch": 8})

        return fill

    found = both(tmp_path, make(64), make(128, scaled=True)).settings()
    names = [f"{section}/boost.parquet" for section in ("one", "two")]
    assert [(one.key, one.mine, one.other, [*map(str, one.names)]) for one in found] == [
        ("batch", 64, 128, names),
        ("scaled", None, True, names),
    ]


def test_a_nested_setting_is_told_by_its_dotted_key(tmp_path):
    def make(rate):
        return lambda folder: write(folder / "x.parquet", {"boost": {"rate": rate, "steps": 4}})

    ((key, mine, other, _),) = both(tmp_path, make(0.1), make(0.2)).settings()
    assert (key, mine, other) == ("boost.rate", 0.1, 0.2)


def test_a_table_of_claims_has_no_settings(tmp_path):
    def make(word):
        def fill(folder):
            write(folder / "x.parquet", {"claims": {"best": word}})
            frame = tables.read(folder / "x.parquet", CURVES)
            with origin.made_from({"claims": {"best": word}}, {}):
                tables.write(frame, folder / "x.parquet", CURVES, {"digest": word})

        return fill

    assert both(tmp_path, make("1"), make("2")).settings() == []


def test_without_a_job_the_stored_setting_counts(tmp_path):
    folders = both(tmp_path, *[lambda folder: write(folder / "x.parquet", {})] * 2)
    frame = tables.read(folders.other / "x.parquet", CURVES)
    tables.write(frame, folders.other / "x.parquet", CURVES, {"states": 4})
    assert [one[:3] for one in folders.settings()] == [("states", 3, 4)]


def test_stage_1_and_the_optimizers_are_one_section_and_any_other_table_its_own(tmp_path):
    def make(folder):
        names = ["run/boost", "run/optimizers", "sweep_3/sweep", "swept/one", "swept/two", "curves"]
        for name in names:
            write(folder / f"{name}.parquet", {}, optimizers=[name.split("/")[-1]])
        tables.write(pd.DataFrame({"word": ["x"]}), folder / "run/words.parquet", OTHER, {})

    def less(folder):
        make(folder)
        (folder / "swept/two.parquet").unlink()

    folders = both(tmp_path, make, less)
    found = {name: [*map(str, parts)] for name, parts in folders.sections.items()}
    assert found == {
        "curves": ["curves.parquet"],
        "run": ["run/boost.parquet", "run/optimizers.parquet"],
        "sweep_3": ["sweep_3/sweep.parquet"],
        "swept/one": ["swept/one.parquet"],
    }
    assert all(run.optimizers == ["boost", "optimizers"] for run in folders.runs("run"))


@pytest.mark.parametrize(("factor", "differ"), [(1, []), (1 + TOLERANCE / 2, []), (1.1, ["x"])])
def test_curves_differ_where_more_than_rounding_does(tmp_path, factor, differ):
    def make(factor):
        return lambda folder: write(folder / "x.parquet", {}, factor)

    assert both(tmp_path, make(1.0), make(factor)).differing() == differ


def test_what_cannot_be_compared_is_told_on_one_line(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    write(tmp_path / "a/x.parquet", {})
    write(tmp_path / "b/y.parquet", {})
    with pytest.raises(ValueError, match="have no table of the same path in common"):
        Folders.of(tmp_path / "a", tmp_path / "b")
    with pytest.raises(ValueError, match=r"c is no folder$"):
        Folders.of(tmp_path / "a", tmp_path / "c")
    (tmp_path / "b/x.parquet").write_bytes(b"PAR1")
    with pytest.raises(tables.TableError, match=r"x\.parquet: not a complete Parquet file"):
        Folders.of(tmp_path / "a", tmp_path / "b").settings()


@pytest.mark.parametrize("count", [1, FEW, FEW + 2])
def test_of_many_tables_a_few_are_named(tmp_path, count):
    names = [tmp_path / f"{number}.parquet" for number in range(count)]
    line = said(
        Difference("batch", None, np.int64(8), [name.relative_to(tmp_path) for name in names])
    )
    more = f" and {count - FEW} more" if count > FEW else ""
    assert line == f"batch: none | 8 ({', '.join('012'[:count][:FEW])}{more})"
