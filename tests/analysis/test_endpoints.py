"""Endpoints against curves read by hand."""

import numpy as np
import pandas as pd
import pytest

from scb.analysis.endpoints import ENDPOINTS, SCALES, Endpoints, deviation
from scb.analysis.runs import Run
from scb.learning.metrics import METRICS

SWITCH, STEPS = 4, [4, 5, 7, 9, 10]
METRIC_NAMES = [f"{prefix}{name}" for prefix in ("", "normalised_") for name in METRICS]


def rows(optimizer, steps, replicates=3, seed=0):
    rng = np.random.default_rng([seed, *optimizer.encode()])
    frame = pd.DataFrame(
        [(optimizer, r, step) for r in range(replicates) for step in steps],
        columns=["optimizer", "replicate", "step"],
    )
    for name in [*METRIC_NAMES, "excess_loss"]:
        frame[name] = rng.uniform(0.1, 1, len(frame))
    return frame.assign(diverged=False)


@pytest.fixture
def frame():
    return pd.concat(
        [rows("boost", [0, 2, 4]), rows("sgd", STEPS), rows("proximal", STEPS)], ignore_index=True
    )


def curve(frame, optimizer, replicate, metric):
    of_it = frame[(frame["optimizer"] == optimizer) & (frame["replicate"] == replicate)]
    return of_it.sort_values("step")[metric].to_list()


def test_against_curves_read_one_by_one(frame):
    read = Endpoints.of(Run(None, frame.sample(frac=1, random_state=0), {}))
    assert read.optimizers == ["proximal", "sgd"]
    for name in read.optimizers:
        for r in range(3):
            losses = curve(frame, name, r, "excess_loss")
            places = {"start": 0, "midway": 2, "last": -1, "stopped": losses.index(min(losses))}
            for endpoint in ENDPOINTS[:-1]:
                when, metric = endpoint.split("_", 1)
                values = curve(frame, name, r, metric)
                expected = {"least": min(values), "largest": max(values)}.get(when)
                expected = values[places[when]] if expected is None else expected
                assert read(name, endpoint)[r] == expected, endpoint
    first = {"value": "value_distance", "attention": "attention_distance", "loss": "excess_loss"}
    for part, metric in first.items():
        expected = [curve(frame, "boost", r, metric)[0] for r in range(3)]
        assert read.scale(part).tolist() == expected
    boost = [
        (curve(frame, "boost", r, "value_signal")[-1]
         + curve(frame, "boost", r, "attention_signal")[-1]) / 2
        for r in range(3)
    ]  # fmt: skip
    assert read.boost_signal.tolist() == boost


def test_a_table_is_as_good_as_a_run(frame):
    read = Endpoints.of(Run(None, frame, {}))
    again = Endpoints(read.frame.sample(frac=1, random_state=1).assign(universe=7))
    for endpoint in ENDPOINTS[:-1]:
        assert again("sgd", endpoint).tolist() == read("sgd", endpoint).tolist()
    assert again.replicates.tolist() == [0, 1, 2]
    assert set(SCALES) < set(read.frame)


def test_positive_by_both_signals_at_the_end_of_stage_1(frame):
    frame.loc[(frame["optimizer"] == "boost") & (frame["replicate"] == 1), "value_signal"] = -0.1
    assert Endpoints.of(Run(None, frame, {})).positive.tolist() == [True, False, True]


def test_without_stage_1_all_are_positive_and_start_from_nothing(frame):
    alone = frame[frame["optimizer"] != "boost"]
    read = Endpoints.of(Run(None, alone, {}))
    assert read.positive.all()
    expected = [curve(alone, "sgd", r, "attention_distance")[0] for r in range(3)]
    only = Endpoints.of(Run(None, alone[alone["optimizer"] == "sgd"], {}))
    assert only.scale("attention").tolist() == expected


def test_a_diverged_run_has_the_worst_values(frame):
    gone = (frame["optimizer"] == "sgd") & (frame["replicate"] == 2) & (frame["step"] >= 9)
    numbers = [*METRIC_NAMES, "excess_loss"]
    frame.loc[gone, numbers] = np.nan
    frame.loc[gone, "diverged"] = True
    read = Endpoints.of(Run(None, frame, {}))
    assert read("sgd", "last_attention_distance")[2] == np.inf
    assert read("sgd", "last_attention_similarity")[2] == -np.inf
    assert read("sgd", "largest_value_error")[2] == np.inf
    before = curve(frame, "sgd", 2, "excess_loss")[:3]
    assert read("sgd", "least_excess_loss")[2] == min(before)
    stopped = curve(frame, "sgd", 2, "attention_distance")[before.index(min(before))]
    assert read("sgd", "stopped_attention_distance")[2] == stopped


def test_paths_start_at_the_first_step(frame):
    """A path that is the curve plus a tenth of its last value, in one signal of one replicate."""
    every = np.arange(STEPS[0], STEPS[-1] + 1)
    path = np.full((len(every), 2, 3), np.nan)
    for i, part in enumerate(("value", "attention")):
        for r in range(3):
            path[:, i, r] = np.interp(every, STEPS, curve(frame, "sgd", r, f"{part}_signal"))
    path[3, 1, 2] += 0.1 * path[-1, 1, 2]  # step 7, which is logged
    path[2, 0, 1] += 9  # step 6, which is not
    read = Endpoints.of(Run(None, frame, {}), {"sgd": path}, "figure")
    assert read("sgd", "path_deviation") == pytest.approx([0, 0, 0.1])
    assert read.section == "figure"
    with pytest.raises(ValueError, match="path_deviation of proximal is missing"):
        read("proximal", "path_deviation")


def test_an_optimizer_that_is_not_there(frame):
    with pytest.raises(ValueError, match="no endpoints of optimizer 'adam'"):
        Endpoints.of(Run(None, frame, {}))("adam", "last_attention_error")


def test_deviation_is_at_common_steps():
    followed = np.array([0, 5, 10]), np.array([[0.0, 9.0, 1.5]])
    path = np.array([0, 10, 20]), np.array([[0.0, 1.0, 2.0]])
    assert deviation(followed, path).tolist() == [0.25]


def test_deviation_of_what_diverges_is_infinite():
    path = np.array([0, 10]), np.array([[0.0, 1.0], [0.0, np.inf], [0.0, np.inf]])
    followed = np.array([0, 10]), np.array([[0.0, np.inf], [0.0, 1.0], [0.0, np.inf]])
    assert deviation(followed, path).tolist() == [np.inf] * 3
