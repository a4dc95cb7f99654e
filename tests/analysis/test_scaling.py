"""Power laws: exact ones recovered, noise covered, censored replicates counted."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scb.analysis.scaling import fit_power_law, samples_needed

SIZES = np.array([500.0, 1500.0, 5000.0, 15000.0, 50000.0])


@given(exponent=st.floats(-2, 3), constant=st.floats(1e-3, 1e3), replicates=st.integers(1, 5))
def test_an_exact_power_law_is_recovered(exponent, constant, replicates):
    counts = np.tile(constant * SIZES**exponent, (replicates, 1))
    law = fit_power_law(SIZES, counts, resamples=20)
    np.testing.assert_allclose([law.exponent, law.low, law.high], exponent, atol=1e-9)
    np.testing.assert_allclose(law(SIZES), counts[0])
    assert law.censored == (0,) * 5


def test_interval_covers_the_truth_as_often_as_it_says():
    """80 data sets of 24 replicates: the 90% interval misses in more than 20 of them, or in
    fewer than 1, with probability 3e-5 and 2e-4 if it is right."""
    rng = np.random.default_rng(0)
    missed = 0
    for _ in range(80):
        common = rng.normal(0, 0.3, (24, 1))  # of a replicate, at all sizes
        counts = np.exp(1 + 0.5 * np.log(SIZES) + common + rng.normal(0, 0.4, (24, 5)))
        law = fit_power_law(SIZES, counts, level=0.9, resamples=200)
        missed += not law.low <= 0.5 <= law.high
    assert 1 <= missed <= 20


def test_censored_replicates_count_as_infinite():
    counts = np.tile(SIZES, (9, 1))
    counts[:4, -1] = np.inf  # fewer than half: the median stands
    law = fit_power_law(SIZES, counts)
    assert law.exponent == pytest.approx(1)
    assert law.censored == (0, 0, 0, 0, 4)
    assert law.low == pytest.approx(1)
    assert law.high == np.inf  # in many resamples it does not
    counts[4:6, -1] = np.inf  # half of them or more
    assert fit_power_law(SIZES, counts).exponent == np.inf
    assert np.isnan(fit_power_law(SIZES, counts)(SIZES)).all()


def test_censored_medians_that_pull_both_ways_leave_the_exponent_open():
    counts = np.tile(SIZES, (3, 1))
    counts[:, [0, -1]] = np.inf
    law = fit_power_law(SIZES, counts)
    assert np.isnan(law.exponent)
    assert (law.low, law.high) == (-np.inf, np.inf)


def test_replicates_that_were_not_run_are_not_censored():
    counts = np.tile(3 * SIZES**0.5, (8, 1))
    counts[2:, -1] = np.nan
    law = fit_power_law(SIZES, counts)
    assert law.replicates == (8, 8, 8, 8, 2)
    assert law.censored == (0,) * 5
    assert law.exponent == pytest.approx(0.5)
    # Every resample holds two of those that were run at the last size.
    assert law.low == pytest.approx(0.5)
    assert law.high == pytest.approx(0.5)


@pytest.mark.parametrize("exponent", [-0.5, 0.5])
def test_censoring_never_takes_the_truth_out_of_the_interval(exponent):
    """The interval of the whole data lies within that of the censored ones."""
    rng = np.random.default_rng(1)
    counts = 100 * np.exp(exponent * np.log(SIZES) + rng.normal(0, 0.5, (20, 5)))
    whole = fit_power_law(SIZES, counts)
    for cap in np.quantile(counts, [0.9, 0.7, 0.5, 0.3]):
        cut = fit_power_law(SIZES, np.where(counts > cap, np.inf, counts))
        assert cut.low <= whole.low
        assert cut.high >= whole.high


def test_a_bound_on_the_exponent_survives_censoring():
    counts = np.tile(SIZES, (9, 1))
    counts[1:, -1] = np.inf  # one replicate shows how far the others went at least
    law = fit_power_law(SIZES, counts)
    assert law.exponent == law.high == np.inf
    assert law.low == pytest.approx(1)


def test_samples_needed_tells_censored_from_not_run():
    runs = pd.DataFrame(
        [(r, 50, n, s) for r, s in ((0, 0.2), (1, 0.9)) for n, s in ((1, s), (2, s + 0.05))]
        + [(0, 90, n, s) for n, s in ((1, 0.0), (3, 1.0), (4, 0.9))],
        columns=["replicate", "length", "samples", "support"],
    )
    needed = samples_needed(runs)
    assert list(needed.columns) == [50, 90]
    np.testing.assert_array_equal(needed, [[np.inf, 3], [2, np.nan]])


@pytest.mark.parametrize(
    ("sizes", "counts", "fault"),
    [
        ([1.0], np.ones((2, 1)), "two or more"),
        ([1.0, 1.0], np.ones((2, 2)), "two or more"),
        ([0.0, 1.0], np.ones((2, 2)), "positive"),
        ([1.0, 2.0], np.ones((2, 3)), r"shape \(2, 3\)"),
        ([1.0, 2.0], np.ones(2), r"shape \(2,\)"),
        ([1.0, 2.0], np.array([[1.0, 0.0]]), "contains 0"),
        ([1.0, 2.0], np.array([[1.0, np.nan]]), "without any"),
    ],
)
def test_bad_input_is_named(sizes, counts, fault):
    with pytest.raises(ValueError, match=fault):
        fit_power_law(sizes, counts)
