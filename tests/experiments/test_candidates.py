"""What is chosen among candidates, on planted tables and on small runs."""

import pandas as pd
import pytest

from scb.analysis.endpoints import Endpoints
from scb.analysis.multiverse import CLAIMS
from scb.analysis.readings import default, readings
from scb.analysis.tables import UNIVERSES
from scb.claims.best import margin
from scb.claims.vocabulary import c6
from scb.experiments import best, tasks, universes
from scb.experiments.best import Candidate, chosen, of_penalties, of_universes
from scb.settings.multiverse import Universes
from scb.settings.training import Boost, Proximal, Sgd, Tasks
from scb.store import tables


def test_the_universe_whose_least_margin_is_largest_is_chosen():
    table = pd.DataFrame(readings())
    table[[f"{claim}_margin" for claim in CLAIMS]] = 0.0
    assert of_universes(table)["values"] == default()  # of equal ones
    table.loc[30, [f"{claim}_margin" for claim in CLAIMS]] = 0.2
    table.loc[40, "C1_margin"] = 0.9  # more, but of one claim alone
    told = of_universes(table)
    assert told["margin"] == 0.2
    assert told["values"] == list(readings())[30]
    assert told["C1"] == {"values": list(readings())[40], "margin": 0.9}


def test_a_stated_lambda_is_changed_only_where_the_star_stays_close():
    cells = pd.DataFrame(
        [
            (1.0, 1e-3, 0.2, 0.0),  # most ahead, but the pattern is gone
            (1.0, 1e-4, 0.5, 0.9),
            (1.0, 1e-5, 0.9, 1.0),
            (2.0, 1e-4, 0.1, 1.0),  # at rates that are stated too
        ],
        columns=["scale", "penalty", "ratio", "close"],
    )
    assert of_penalties(cells) == {"stated": True, "values": {"penalty": 1e-4}, "ratio": 0.5}
    assert of_penalties(cells[cells["close"] < 0.5])["values"] is None


def test_the_printed_candidate_stands_where_none_is_better():
    printed, equal, worse = (Candidate({"rate": rate}, score) for rate, score in
                             ((1, 0.1), (2, 0.1), (3, -0.5)))  # fmt: skip
    told = chosen([printed, equal, worse])
    assert told["values"] == {"rate": 1}
    assert told["printed"] == {"rate": 1, "margin": 0.1}
    assert chosen([worse, equal])["values"] == {"rate": 2}


@pytest.fixture(scope="module")
def row(tmp_path_factory, call):
    """Runs of a candidate for a row of figure 5, at two lambdas."""
    folder = tmp_path_factory.mktemp("best")
    drawn = Tasks(
        seed=5, replicates=3, states=3, length=40, sparsity=2,
        sampler="dirichlet", concentration=1.0, weights="uniform",
    )  # fmt: skip
    specs = {
        "sgd": Sgd(kind="sgd", rate=0.05),
        "penalty_00": Proximal(kind="proximal", rate=0.05, penalty=1e-4),
        "penalty_01": Proximal(kind="proximal", rate=0.05, penalty=1e-2),
    }
    settings = Universes(
        seed=5, log_interval=10, check_interval=10, roundings=(0.25,), batch=16, steps=60,
        boost=Boost(steps=30, rate=0.1), switch_signal=None, optimizers=specs,
    )  # fmt: skip
    call(tasks.draw_tasks, drawn, folder, tasks="tasks")
    call(universes.universes, settings, folder, "--device=cpu", tasks="tasks", runs="row_3_00")
    return folder / "row_3_00.parquet"


def test_a_candidate_of_figure_5_is_scored_by_the_statistics_of_its_row(row):
    frame = tables.read(row, UNIVERSES)
    assert set(frame["end"]) == {"step"}
    found = list(best.trained([row], largest=20))
    assert [one.values["penalty"] for one in found] == [1e-4, 1e-2]
    stage1 = {"boost_rate": 0.1, "boost_steps": 30}
    assert found[0].values == {"batch": 16, **stage1, "rate": 0.05, "penalty": 1e-4}
    largest = list(best.trained([row], largest=3))
    for name, one, other in zip(("penalty_00", "penalty_01"), found, largest, strict=True):
        renamed = frame.assign(optimizer=frame["optimizer"].replace(name, "proximal"))
        wanted = margin(c6([(3, Endpoints(renamed))]))
        assert other.margin == wanted
        # At the largest N SGD is asked to fail too, which can only lower the margin.
        assert one.margin >= wanted
