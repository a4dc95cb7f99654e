"""The window of useful penalties, and how it moves."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scb.analysis.windows import useful_window
from scb.experiments.windows import energy_exponent, last_step, paired_exponent
from scb.learning.tables import CURVES
from scb.store import tables

LAMBDAS = [0, 1e-5, 1e-4, 1e-3]


@pytest.mark.parametrize(
    ("distances", "window"),
    [
        # Halfway from 1.0 to 0.5 is 0.75: half of each neighbouring decade.
        ([1.0, 1.0, 0.5, 1.0], (1e-4, 10**-4.5, 10**-3.5)),
        # Open at the largest penalty.
        ([1.0, 1.0, 0.7, 0.5], (1e-3, 1e-4 * 10 ** (-0.05 / 0.3), 1e-3)),
        # Open at the least.
        ([1.0, 0.5, 1.0, 1.0], (1e-5, 1e-5, 10**-4.5)),
        # A second, separate dip is another window.
        ([1.0, 0.6, 1.0, 0.5], (1e-3, 10**-3.5, 1e-3)),
        # Penalties that diverge end it where it was last useful.
        ([1.0, np.inf, 0.5, np.inf], (1e-4, 1e-4, 1e-4)),
        # Without penalty the run diverged: any that does not is useful.
        ([np.inf, 5.0, 2.0, np.inf], (1e-4, 1e-5, 1e-4)),
    ],
)
def test_window(distances, window):
    assert useful_window(LAMBDAS, distances) == pytest.approx(window)


@pytest.mark.parametrize("distances", [[1.0, 1.0, 2.0, 3.0], [1.0] * 4, [np.inf] * 4])
def test_no_penalty_is_useful(distances):
    best, *ends = useful_window(LAMBDAS, distances)
    assert best == 0
    assert np.isnan(ends).all()


@given(st.lists(st.floats(0.1, 10), min_size=3, max_size=8), st.floats(0.01, 100))
def test_window_holds_the_best_and_knows_no_scale(distances, scale):
    lam = np.concatenate([[0], 10.0 ** np.arange(len(distances) - 1)])
    best, low, high = useful_window(lam, distances)
    if best == 0:
        assert min(distances) == distances[0]
        return
    assert low <= best <= high
    assert distances[list(lam).index(best)] == min(distances)
    np.testing.assert_allclose(
        useful_window(scale * lam, scale * np.array(distances)),
        scale * np.array([best, low, high]),
        rtol=1e-6,
    )


@pytest.mark.parametrize("lam", [[1e-5, 1e-4], [0, 1e-4, 1e-5], [0], [0, 1e-5, 1e-4]])
def test_penalties_that_are_none(lam):
    with pytest.raises(ValueError, match="penalties are"):
        useful_window(lam, [1.0, 2.0])


def test_a_run_that_diverged_in_stage_1_is_not_positive(tmp_path):
    def write(name, optimizer, steps, signals):
        rows = pd.DataFrame({"replicate": range(3)}).merge(pd.DataFrame({"step": steps}), "cross")
        frame = rows.assign(optimizer=optimizer, stage="boost", bayes_loss=0.1)
        for metric in ("value_signal", "attention_signal"):
            frame[metric] = [signal for of_run in signals for signal in of_run]
        frame["diverged"] = frame["value_signal"].isna()
        optimizers = {optimizer: {"penalty": 0.5}}
        tables.write(frame, tmp_path / name, CURVES, {"optimizers": optimizers})
        return tmp_path / name

    # Positive at the end; positive until it diverged; negative.
    boost = write("boost.parquet", "boost", [0, 1], [(0.1, 0.2), (0.1, np.nan), (0.1, -0.2)])
    curves = write("curves.parquet", "penalty_0", [2, 3], [(0.3, 0.4)] * 3)
    ends = last_step(curves, boost, "sweep")
    assert ends["positive"].tolist() == [True, False, False]
    assert ends["value_signal"].tolist() == [0.4] * 3


def found(exponent_rate=1.2, exponent_energy=-0.7):
    energy = np.array([0.05, 0.1, 0.2, 0.4, 0.3, 0.15])
    rows = []
    for sweep, rate in (("vocabulary_3", 1), ("larger_rate", 2)):
        low = 1e-4 * energy**exponent_energy * rate**exponent_rate
        frame = {"sweep": sweep, "replicate": range(6), "transition_energy": energy}
        frame |= {"positive": [True] * 5 + [False], "balancing": 1e-4 * rate**1.5 / energy}
        frame |= {"best": low, "low": low, "high": 1e-3}
        rows.append(pd.DataFrame(frame))
    table = pd.concat(rows, ignore_index=True)
    table.loc[[3, 5], ["low", "high"]] = np.nan, np.nan  # no window; not positive, to be left out
    return table


def test_exponents_of_the_window():
    paired = paired_exponent(found(), "vocabulary_3", "larger_rate", 2)
    assert paired == pytest.approx((1.2, 1.2, 1.2, 1.5))
    slope = energy_exponent(found(), "vocabulary_3")
    assert slope == pytest.approx((-0.7, -0.7, -0.7, -1))


def test_exponents_of_too_few_runs_are_not_known():
    table = found()
    few = table[table["replicate"] < 1]
    mean, low, high, _ = paired_exponent(few, "vocabulary_3", "larger_rate", 2)
    assert mean == pytest.approx(1.2)
    assert np.isnan([low, high]).all()
    assert np.isnan(energy_exponent(few, "vocabulary_3")).all()
    gone = table[table["replicate"] == 5]
    assert np.isnan(paired_exponent(gone, "vocabulary_3", "larger_rate", 2)).all()
