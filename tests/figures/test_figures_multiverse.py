"""Figures of the multiverse, drawn from planted tables."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from scb.analysis.multiverse import CLAIMS, OBSERVATIONS
from scb.analysis.readings import READINGS, readings
from scb.analysis.tables import MULTIVERSE, PHASES
from scb.figures import multiverse, phase_diagram
from scb.store import tables

SETTING = {"states": 3, "length": 5000, "batch": 64, "printed": 1e-5}


@pytest.fixture
def table(tmp_path):
    """C1 is shown where SGD diverged, the ratio then 0; one reading had no positive run."""
    frame = pd.DataFrame(readings())
    rng = np.random.default_rng(0)
    frame["ratio"] = np.where(frame["baseline"] == "sgd", rng.uniform(0.9, 1.1, len(frame)), 0)
    frame["low"], frame["high"] = frame["ratio"] * 0.95, frame["ratio"] * 1.05
    frame["runs"], frame["positive"] = 24, 12
    frame[list(CLAIMS)] = "refuted"
    frame["C1"] = np.where(frame["ratio"] > 0, "undecided", "shown")
    frame[[f"{claim}_margin" for claim in CLAIMS]] = 0.1
    frame[list(OBSERVATIONS)] = False
    frame["signal"] = frame["rates"] == "divided"
    frame["ahead"] = frame["rates"] == "undivided"
    frame.loc[7, ["ratio", "low", "high"]] = np.nan
    path = tmp_path / "multiverse.parquet"
    tables.write(frame, path, MULTIVERSE, SETTING)
    return path


def texts(figure):
    return " ".join(" ".join(found.get_text() for found in figure.findobj(Text)).split())


def test_multiverse_draws_every_universe_and_option(table):
    figure = multiverse.draw(table)
    figure.draw_without_rendering()
    curve, _, dots, bars, observations = figure.findobj(lambda one: hasattr(one, "get_xlim"))[:5]
    frame = tables.read(table, MULTIVERSE)
    drawn = sum(len(line.get_xdata()) for line in dots.get_lines())
    assert drawn == len(frame) * len(READINGS)
    ratios = np.concatenate(
        [line.get_ydata() for line in curve.get_lines() if line.get_marker() == "."]
    )
    assert len(ratios) == len(frame)
    low, high = curve.get_ylim()
    assert low < 0.9 < 1.1 < high
    assert (ratios == low).sum() == (frame["ratio"] == 0).sum()  # on the lower edge
    labels = [label.get_text() for label in dots.get_yticklabels()]
    assert len(labels) == sum(len(one.options) for one in READINGS)
    widths = sum(bar.get_width() for bar in bars.patches)
    assert widths == pytest.approx(len(labels))  # shares add up to 1 at each option
    said = texts(figure)
    assert "baseline decides: shown in 0% at sgd, 100% at raw, 100% at vanilla" in said
    assert "1920 universes" in said
    assert observations.get_xlim()[1] > len(OBSERVATIONS)
    assert "nor (proximal ahead, ratio < 0.9 and signals near 0.1 at step 400)" in said


@pytest.fixture
def cells(tmp_path):
    """At large lambda proximal is ahead; at the largest scale no run is positive."""
    scales, penalties = (0.25, 0.5, 1, 2, 4), (0, 1e-6, 1e-5, 1e-4, 1e-3)
    rows = [
        {
            "scale": scale,
            "penalty": penalty,
            "ratio": 1 - 0.7 * (penalty > 1e-5),
            "low": 0.1,
            "high": 2.0,
            "close": float(1e-6 < penalty < 1e-3),
            "signal": 0.1 * scale,
            "dying": 2.5e-4 * scale,
            "positive": 12,
            "balancing": 9e-5 * scale**1.5,
        }
        for scale in scales
        for penalty in penalties
    ]
    frame = pd.DataFrame(rows)
    unknown = ["ratio", "low", "high", "close", "signal", "dying"]
    frame.loc[frame["scale"] == 4, unknown] = np.nan
    frame.loc[frame["scale"] == 4, "positive"] = 0
    path = tmp_path / "phases.parquet"
    tables.write(frame, path, PHASES, SETTING)
    return path


def test_phase_diagram_draws_cells_and_closed_forms(cells):
    figure = phase_diagram.draw(cells)
    figure.draw_without_rendering()
    ax = figure.axes[0]
    (mesh,) = ax.collections[:1]
    assert mesh.get_array().shape == (5, 5)
    lines = {line.get_color(): line for line in ax.get_lines()}
    x, y = lines[phase_diagram.BALANCING["color"]].get_data()
    np.testing.assert_allclose(np.diff(y) / np.diff(x), 1.5)  # lambda like eta^(3/2)
    x, y = lines[phase_diagram.DYING["color"]].get_data()
    np.testing.assert_allclose(np.diff(y) / np.diff(x), 1)
    assert len(x) == 4  # where a run is positive
    upright = [line for line in ax.get_lines() if len(set(line.get_xdata())) == 1]
    signals = [line.get_xdata()[0] for line in upright if line.get_color() == "#332288"]
    np.testing.assert_allclose(signals, [np.log10(0.5), np.log10(2)], atol=1e-9)
    (printed,) = [line for line in ax.get_lines() if line.get_marker() == "X"]
    assert (printed.get_xdata()[0], printed.get_ydata()[0]) == (0, -5)
    assert "0 at 4" in texts(figure)
