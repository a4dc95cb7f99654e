"""The batch that Stage 1 needs: closed form, fits, and the runs that they are held against."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from scb import Task
from scb.data.seeds import derive
from scb.experiments.stage1 import stage1, steps_of_drift
from scb.experiments.stage1_fit import count, fit_batches, fit_exponents
from scb.theory.population import boost_signal_to_noise, trajectory
from scb.theory.stage1 import exponents, fit, ladder, required_batch


def tasks(length, replicates=8, uniform=True):
    stationary = torch.full((3,), 1 / 3, dtype=torch.float64) if uniform else None
    options = {"sampler": "balanced", "concentration": 0.1, "stationary": stationary}
    seeds = [derive(3, "task", replicate) for replicate in range(replicates)]
    return Task.stack([Task.sample(3, length, 2, seed, **options) for seed in seeds])


def seeds_of(task, root=3):
    return [derive(root, "stage1", replicate) for replicate in range(len(task.seeds))]


# --- Closed form ----------------------------------------------------------------------


def test_required_batch_has_the_probability_asked_for():
    task = tasks(500, uniform=False)
    batch = required_batch(task, 0.1, 0.8)
    rho = boost_signal_to_noise(task, 1, 0.1) * batch**0.5
    assert norm.cdf(rho).mean() == pytest.approx(0.8, abs=1e-6)


def test_required_batch_of_one_task_is_the_formula():
    task = tasks(500).replicate(2)
    unit = float(boost_signal_to_noise(task, 1, 0.1))
    assert required_batch(task, 0.1) == pytest.approx((norm.ppf(0.9) / unit) ** 2, rel=1e-6)


@pytest.mark.parametrize(("uniform", "growth"), [(True, 10), (False, 100)])
def test_required_batch_grows_like_t_for_a_uniform_mu_and_t_squared_for_others(uniform, growth):
    short, long = (
        required_batch(tasks(length, uniform=uniform), 0.1) for length in (20_000, 200_000)
    )
    assert long / short == pytest.approx(growth, rel=0.01)


def test_required_batch_is_proportional_to_the_rate():
    task = tasks(300)
    assert required_batch(task, 0.2) == pytest.approx(4 * required_batch(task, 0.05), rel=1e-5)


@pytest.mark.parametrize("probability", [0.5, 1.0])
def test_probability_that_no_batch_has(probability):
    with pytest.raises(ValueError, match="probability is"):
        required_batch(tasks(100), 0.1, probability)


def test_ladder():
    assert ladder(80.4, 3, 1) == [10, 20, 40, 80, 161]
    assert ladder(1.2, 3, 1) == [1, 2]


# --- Fits -----------------------------------------------------------------------------


@given(centre=st.floats(5, 500), power=st.floats(0.3, 1.0))
@settings(max_examples=20, deadline=None)
def test_fit_finds_the_curve_that_made_the_counts(centre, power):
    batches = ladder(centre * 4, 4, 0)
    runs = 10**6
    counts = runs * norm.cdf(norm.ppf(0.9) * (np.array(batches) / centre) ** power)
    found = fit(batches, counts, runs, resamples=1)
    assert found.batch == pytest.approx(centre, rel=0.03)  # the grid's step is 0.02
    assert found.power == pytest.approx(power, abs=0.03)


def test_intervals_hold_the_truth_as_often_as_they_say():
    # Of 100 intervals at 95%, fewer than 85 hold it with probability 1e-5.
    batches, truth = np.array([10, 20, 40, 80, 160]), 80.0
    chances = norm.cdf(norm.ppf(0.9) * (batches / truth) ** 0.5)
    generator = np.random.default_rng(11)
    held = 0
    for counts in generator.binomial(32, chances, (100, 5)):
        low, high = fit(batches.tolist(), counts, 32, resamples=100).interval()
        held += low <= truth <= high
    assert held >= 85


@pytest.mark.parametrize("counts", [[1], [1, 33], [-1, 3]])
def test_counts_that_are_none(counts):
    with pytest.raises(ValueError, match="right is"):
        fit([10, 20], counts, 32)


SIZES = np.array([[250, 0.05], [250, 0.2], [1000, 0.05], [4000, 0.05], [4000, 0.2]])


def test_exponents_of_a_power_law_are_exact():
    batches = 3 * SIZES[:, 0] ** 1.7 * SIZES[:, 1] ** 0.9
    found = exponents(SIZES, np.stack([batches, 2 * batches]), [0.1, 0.2, 0.3, 0.1, 0.2])
    np.testing.assert_allclose(found, [[1.7, 0.9], [1.7, 0.9]])


def test_exponents_do_not_heed_what_is_not_known():
    batches = SIZES[:, 0] * SIZES[:, 1]
    batches[2] *= 100
    np.testing.assert_allclose(exponents(SIZES, batches, [1, 1, 1e6, 1, 1]), [1, 1], atol=1e-6)


def test_exponents_that_cannot_be_told_apart():
    with pytest.raises(ValueError, match="tell the exponents apart"):
        exponents(SIZES[:2] * [[1, 1], [2, 2]], [1.0, 2.0], [1.0, 1.0])


def test_fits_of_many_runs_give_back_the_exponents_of_the_closed_form():
    rows = []
    for length in (250, 1000):
        for rate in (0.05, 0.2):
            truth = 0.1 * length * rate * 10
            for batch in ladder(truth, 3, 1):
                chance = norm.cdf(norm.ppf(0.9) * (batch / truth) ** 0.5)
                right = np.arange(2000) < 2000 * chance
                frame = {"stationary": "uniform", "length": length, "rate": rate, "batch": batch}
                frame |= {"right": right, "reached": True, "probability": chance}
                rows.append(pd.DataFrame(frame | {"predicted": truth}))
    runs = pd.concat(rows)
    counts = count(runs)
    inside = (counts["low"] < counts["predicted"]) & (counts["predicted"] < counts["high"])
    assert inside.all()
    assert (counts["unfinished"] == 0).all()
    laws = fit_exponents(fit_batches(runs, counts, 0)).set_index("variable")
    np.testing.assert_allclose(laws["predicted"], 1)
    np.testing.assert_allclose(laws["estimate"], 1, atol=0.05)
    assert ((laws["low"] < 1) & (laws["high"] > 1)).all()


# --- Runs -----------------------------------------------------------------------------


def test_drift_alone_reaches_the_level_when_it_should():
    task = tasks(400)
    steps = steps_of_drift(task, 0.1, 1 / 6)
    path = trajectory(task, [0.1] * (steps + 2)).amax(1)  # the larger signal, (steps + 3, R)
    assert (path[steps + 2] > 1 / 6).all()
    assert (path[steps - 6] < 1 / 6).any()


def test_a_replicate_runs_alike_alone_and_among_others():
    task = tasks(60, replicates=5)
    together = stage1(task, seeds_of(task), 0.3, 6, 1 / 6)
    alone = [
        stage1(task.select([r]), [seeds_of(task)[r]], 0.3, 6, 1 / 6)[0]
        for r in range(len(together))
    ]
    assert together == alone
    assert all(reached for _, reached, _ in together)
    assert len({steps for *_, steps in together}) > 1


def test_a_run_without_signal_has_not_ended():
    task = tasks(60, replicates=2)
    outcome = stage1(task, seeds_of(task), 0.3, 200, 4.0)  # the signals stay near 1
    assert outcome == [(False, False, 3 * steps_of_drift(task, 0.3, 4.0))] * 2


def test_runs_end_right_as_often_as_the_closed_form_says():
    # Outside the central 1 - 1e-4 of the binomial law: false alarm 1e-4.
    task = tasks(150, replicates=96)
    batch = round(required_batch(task, 0.1))
    right = sum(right for right, *_ in stage1(task, seeds_of(task), 0.1, batch, 1 / 6))
    low, high = binom.interval(1 - 1e-4, 96, 0.9)
    assert low <= right <= high


def test_large_batches_end_right():
    task = tasks(60, replicates=4)
    batch = round(30 * required_batch(task, 0.3))  # rho is 7: all right but for 1e-11
    assert [right for right, *_ in stage1(task, seeds_of(task), 0.3, batch, 1 / 6)] == [True] * 4
