"""Intervals and p values of samples: exact, and in agreement."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.stats import binom

from scb.claims.samples import Exponent, Median, Share
from scb.claims.verdict import Bar, Estimate

BARS = st.builds(Bar, st.sampled_from([-1.0, 0.0, 0.5, 2.0]), st.sampled_from(["above", "below"]))
# Few different values, so that there are ties among them and with the bar.
VALUES = arrays(
    np.float64,
    st.integers(0, 40),
    elements=st.sampled_from([-np.inf, -1, -0.5, 0, 0.5, 0.7, 1, 2, 3, np.inf]),
)
LEVELS = st.floats(1e-4, 0.4)


def lies(found, bar):
    """Whether an interval lies beyond the bar, and whether short of it."""
    if bar.beyond == "above":
        return found.low > bar.value, found.high <= bar.value
    return found.high < bar.value, found.low >= bar.value


def agree(sample, bar, level):
    """Whether interval and p values say the same, and where."""
    tails = sample.tails(bar)
    return lies(sample.estimate(1 - level), bar) == (
        tails.beyond <= level / 2,
        tails.short <= level / 2,
    )


@given(VALUES, BARS, LEVELS)
def test_interval_and_p_values_of_a_median_agree(values, bar, level):
    assert agree(Median(values), bar, level)


@given(
    arrays(np.bool_, st.integers(0, 60)),
    st.builds(Bar, st.floats(0.01, 0.99), st.sampled_from(["above", "below"])),
    LEVELS,
)
def test_interval_and_p_values_of_a_share_agree(flags, bar, level):
    assert agree(Share(flags), bar, level)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99), st.floats(0.3, 0.7), st.sampled_from(["above", "below"]), LEVELS)
def test_interval_and_p_values_of_an_exponent_agree(seed, value, beyond, level):
    generator = np.random.default_rng(seed)
    counts = np.array([10.0, 100.0]) ** 0.5 * generator.lognormal(0, 0.5, (12, 2))
    counts[generator.random((12, 2)) < 0.2] = np.inf
    sample = Exponent([10, 100], counts)
    sample.resamples = 499
    assert agree(sample, Bar(value, beyond), level)


@given(VALUES, BARS)
def test_p_values_of_a_median_are_the_sign_test(values, bar):
    found = Median(values).tails(bar)
    if len(values):
        count = int(sum(value > bar.value for value in values))
        if bar.beyond == "below":
            count = int(sum(value < bar.value for value in values))
        test = stats.binomtest(count, len(values), alternative="greater")
        assert found.beyond == pytest.approx(test.pvalue)
        other = stats.binomtest(count, len(values), alternative="less")
        assert found.short == pytest.approx(other.pvalue)
    else:
        assert found == (1, 1)


def test_interval_of_the_median_is_exact():
    # Of 32 values, the 7th and the 26th: both tails beyond them hold 2 P(Bin(32, 1/2) <= 6).
    found = Median(np.arange(1.0, 33)).estimate(0.999)
    assert found == Estimate(16.5, 7, 26, 32)
    assert 2 * binom.cdf(6, 32, 0.5) <= 0.001 < 2 * binom.cdf(7, 32, 0.5)


def test_interval_of_the_median_is_that_of_scipy():
    values = np.random.default_rng(3).normal(size=41)
    expected = stats.quantile_test(values, p=0.5).confidence_interval(0.95)
    found = Median(values).estimate(0.95)
    assert (found.low, found.high) == (expected.low, expected.high)


@given(VALUES, LEVELS)
def test_interval_holds_the_median_and_grows_with_confidence(values, level):
    sample = Median(values)
    found, wider = sample.estimate(1 - level), sample.estimate(1 - level / 2)
    assert wider.low <= found.low <= found.high <= wider.high
    if len(values) and not np.isnan(found.estimate):
        assert found.low <= found.estimate <= found.high
    assert found.replicates == len(values)


def test_what_ties_with_the_bar_falls_short():
    """A median of differences that is 0 where nobody learnt anything is no improvement."""
    sample, bar = Median(np.zeros(64)), Bar(0, "above", none=0)
    assert sample.tails(bar).short == pytest.approx(2.0**-64)
    assert sample.tails(bar).beyond == 1
    found = sample.estimate(0.99)
    assert (found.low, found.high) == (0, 0)
    assert bar.detail(found.low, found.high) == "no effect"


def test_runs_that_diverged_count():
    values = np.array([np.inf] * 20 + [1.0] * 12)
    found = Median(values).estimate(0.9)
    assert found.estimate == np.inf
    assert found.high == np.inf
    assert Median(values).tails(Bar(5, "above")).beyond == pytest.approx(binom.sf(19, 32, 0.5))


@pytest.mark.parametrize("sample", [Median([]), Share([])])
def test_too_few_runs_say_nothing(sample):
    assert sample.tails(Bar(0.5, "above")) == (1, 1)
    assert sample.tails(Bar(0.5, "below")) == (1, 1)


def test_share_is_that_of_clopper_and_pearson():
    found = Share([True] * 8 + [False] * 24).estimate(0.95)
    assert found.estimate == 0.25
    # The bounds are the shares that make the count just improbable.
    assert binom.sf(7, 32, found.low) == pytest.approx(0.025)
    assert binom.cdf(8, 32, found.high) == pytest.approx(0.025)


@pytest.mark.parametrize("value", [0, 1, 1.5])
def test_bar_that_no_share_can_pass_or_fail_is_refused(value):
    with pytest.raises(ValueError, match="between 0 and 1"):
        Share([True]).tails(Bar(value, "above"))


@pytest.mark.parametrize("kind", [Median, Share])
def test_errors_are_as_rare_as_they_say(kind):
    """Where the truth is at the bar, each outcome is at most as frequent as its p value says."""
    generator, level = np.random.default_rng(0), 0.1
    wrong = np.zeros(2)
    for _ in range(2000):
        if kind is Median:
            tails = Median(generator.exponential(size=25)).tails(Bar(np.log(2), "above"))
        else:
            tails = Share(generator.random(25) < 0.8).tails(Bar(0.8, "above"))
        wrong += np.array(tails) <= level
    # Four standard errors.
    assert (wrong / 2000 <= level + 4 * np.sqrt(level * (1 - level) / 2000)).all()
    assert (wrong > 0).all()


def test_exponent():
    sizes = np.array([100.0, 1000.0, 10000.0])
    spread = np.exp(0.1 * np.random.default_rng(0).standard_normal((32, 3)))
    sample = Exponent(sizes, 7 * sizes**1.5 * spread)
    found = sample.estimate(0.999)
    assert found.low < 1.5 < found.high
    assert found.high - found.low < 0.2
    assert found.replicates == 32
    assert sample.tails(Bar(1, "above")) == (1e-4, 1)


def test_exponent_with_too_few_runs_at_a_size_says_nothing():
    counts = np.full((32, 2), 10.0)
    counts[3:, 1] = np.nan
    sample = Exponent([1, 2], counts)
    assert (sample.estimate(0.5).low, sample.estimate(0.5).high) == (-np.inf, np.inf)
    assert sample.tails(Bar(0.5, "above")) == (1, 1)


@pytest.mark.parametrize(
    "sample",
    [
        Median([1.0, 2.0, 3.0], [4, 5, 9]),
        Share([True, False, True], [4, 5, 9]),
        Exponent([1, 2], [[1.0, 2.0]] * 3, [4, 5, 9]),
    ],
)
def test_some_replicates(sample):
    some = sample.select(sample.replicates % 4 == 1)
    assert type(some) is type(sample)
    assert some.replicates.tolist() == [5, 9]
    assert len(some.values) == 2 * len(sample.values) / 3


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="not a number"):
        Median([1.0, np.nan])
    with pytest.raises(ValueError, match="2 replicates have values"):
        Median([1.0, 2.0], [1])
    with pytest.raises(ValueError, match="must be"):
        Exponent([1, 2], [1.0, 2.0])
