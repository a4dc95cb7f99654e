"""The phase diagram's table, from runs with planted endpoints."""

import numpy as np
import pandas as pd
import pytest

from scb.analysis.endpoints import BOOST_SIGNAL, ENDPOINTS, SCALES
from scb.analysis.tables import PHASES, UNIVERSES
from scb.experiments import phases
from scb.settings.multiverse import Scaled
from scb.store import tables
from scb.theory.population import balancing_penalty

POSITIVE = [True, True, True, False]
DISTANCES = {"sgd": [1, 1, 1, 1], "penalty_00": [1, 1, 1, 9], "penalty_01": [0.5, 0.4, 0.6, 9]}
STARS = {"sgd": [1] * 4, "penalty_00": [0.05, 0.3, 0.3, 0.05], "penalty_01": [0.05, 0.05, 0.3, 9]}


@pytest.fixture
def table(tmp_path, call, make_task):
    """Two scales; at the second no run is positive."""
    task = make_task(3, 40, replicates=4)
    task.save(tmp_path / "tasks.parquet")
    for place, rate in enumerate((0.005, 0.01)):
        frames = []
        for name, distances in DISTANCES.items():
            frame = pd.DataFrame({"optimizer": name, "replicate": range(4), "positive": POSITIVE})
            frame[[*ENDPOINTS, *SCALES, BOOST_SIGNAL]] = 1.0
            frame["last_attention_distance"] = np.array(distances, dtype=float)
            frame["last_normalised_attention_distance"] = np.array(STARS[name], dtype=float)
            frame[BOOST_SIGNAL] = [0.1, 0.2, 0.3, -0.1]
            frames.append(frame.assign(end="step", rounding=0.25))
        runs = pd.concat(frames)
        if place:
            runs["positive"] = False
        penalties = {"penalty_00": 0.0, "penalty_01": 1e-4}
        specs = {name: {"rate": rate, "penalty": penalty} for name, penalty in penalties.items()}
        setting = {
            "batch": 64,
            "states": 3,
            "length": 40,
            "optimizers": specs | {"sgd": {"rate": rate}},
        }
        tables.write(runs, tmp_path / f"scale_{place}.parquet", UNIVERSES, setting)
    settings = Scaled(scales=(1.0, 2.0), printed=1e-5)
    files = {"runs": ["scale_0", "scale_1"], "tasks": "tasks", "table": "phases"}
    call(phases.phases, settings, tmp_path, **files)
    return tables.read(tmp_path / "phases.parquet", PHASES), task


def test_cells_summarise_the_positive_runs(table):
    cells, task = table
    assert cells[["scale", "penalty"]].to_numpy().tolist() == [[1, 0], [1, 1e-4], [2, 0], [2, 1e-4]]
    first, second = cells.iloc[0], cells.iloc[1]
    assert (first["ratio"], second["ratio"]) == (1, 0.5)
    assert first["close"] == pytest.approx(1 / 3)
    assert second["close"] == pytest.approx(2 / 3)
    assert first["signal"] == pytest.approx(0.2)
    assert first["dying"] == pytest.approx(0.005 * 0.2 / 2)
    assert first["positive"] == 3
    wanted = [float(balancing_penalty(task, 64, rate).median()) for rate in (0.005, 0.01)]
    assert cells["balancing"].unique() == pytest.approx(wanted)


def test_nothing_is_said_where_no_run_is_positive(table):
    cells, _ = table
    last = cells[cells["scale"] == 2]
    assert (last["positive"] == 0).all()
    assert last[["ratio", "low", "high", "close", "signal", "dying"]].isna().all(axis=None)
