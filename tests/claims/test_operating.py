"""Operating characteristics against simulation and against the sign test's own power."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from scb.claims.operating import ODDS, SHIFT, binomial, markdown, operating, tilt
from scb.claims.samples import Exponent, Median, Share
from scb.claims.tables import PRINTED, tabulate
from scb.claims.verdict import Bar, Claim, Part, judge

MEDIAN = Bar(0.9, "below", none=1)


def tuned(*parts, claims=1):
    """Statistics of tuning runs: so many claims of these parts."""
    each = [Claim(f"C{at}", "", "", parts) for at in range(claims)]
    return tabulate({PRINTED: judge(each)})


def part(sample, bar, over_all=None):
    return Part("x", bar, sample, over_all, section="convergence")


def test_tilt():
    assert tilt(0.5, 3) == 0.75
    assert tilt(0.9, 3) == pytest.approx(27 / 28)
    assert tilt(tilt(0.3, 5), 1 / 5) == pytest.approx(0.3)


@pytest.mark.parametrize("runs", [8, 50])
def test_power_of_the_sign_test_by_summing(runs):
    """Over all counts, those whose p value is small enough."""
    found = binomial(runs, 0.5, 0.7, 0.01)
    counts = np.arange(runs + 1)
    p_values = np.array([binom.pmf(range(count, runs + 1), runs, 0.5).sum() for count in counts])
    assert found == pytest.approx(binom.pmf(counts[p_values <= 0.01], runs, 0.7).sum())


@pytest.mark.parametrize(
    ("bar", "make"),
    [
        (MEDIAN, lambda generator, share: Median(np.where(generator.random(60) < share, 0.5, 1.5))),
        (Bar(0.5, "above"), lambda generator, share: Share(generator.random(60) < share)),
        (Bar(0.5, "below"), lambda generator, share: Share(generator.random(60) >= share)),
    ],
    ids=["median", "share above", "share below"],
)
def test_power_is_that_of_the_tests_themselves(bar, make):
    """Samples of the tilted laws, judged as runs are: four standard errors at most apart."""
    generator, tries = np.random.default_rng(0), 1000
    statistics = tuned(part(make(generator, 0.6), bar), part(Median([1.0]), MEDIAN), claims=3)
    row = operating(statistics, {"convergence": 60}).iloc[0]
    tail = 0.05 / 3 / 2
    shown = [make(generator, ODDS / (1 + ODDS)).tails(bar).beyond <= tail for _ in range(tries)]
    refuted = [make(generator, 1 / (1 + ODDS)).tails(bar).short <= tail / 2 for _ in range(tries)]
    power = min(np.mean(shown), np.mean(refuted))
    assert abs(row["power"] - power) < 4 * np.sqrt(0.25 / tries)
    assert 0 < row["error"] <= tail


def test_power_of_an_exponent_is_about_that_of_the_bootstrap():
    sizes = np.array([10.0, 100.0, 1000.0])

    def sample(generator, exponent):
        return Exponent(sizes, sizes**exponent * generator.lognormal(0, 1.2, (24, 3)))

    generator, tries = np.random.default_rng(0), 60
    bar = Bar(0.5, "above")
    # The tuning runs may have any exponent: the law is shifted.
    row = operating(tuned(part(sample(generator, 0.9), bar)), {"convergence": 24}).iloc[0]
    shown = []
    for _ in range(tries):
        found = sample(generator, 0.5 + SHIFT)
        found.resamples = 999
        shown.append(found.tails(bar).beyond <= 0.025)
    assert 0.2 < np.mean(shown) < 0.95  # neither hopeless nor certain
    assert abs(row["power"] - np.mean(shown)) < 0.25
    assert 0.01 < row["error"] < 0.1  # approximate, as the percentile bootstrap of 24 runs is
    assert row["needed"] > 24


def test_needed_replicates_are_enough_and_one_fewer_is_not():
    statistics = tuned(part(Median(np.full(16, 0.5)), MEDIAN, Median(np.full(32, 0.5))), claims=11)
    needed = int(operating(statistics, {"convergence": 32})["needed"].iloc[0])
    assert needed % 2 == 0  # half of the replicates are runs that count
    power = {
        count: operating(statistics, {"convergence": count})["power"].iloc[0]
        for count in range(needed - 2, needed + 40, 2)
    }
    assert power.pop(needed - 2) < 0.9 <= min(power.values())


def test_share_that_cannot_be_shown_needs_more_than_is_looked_at():
    row = operating(tuned(part(Share([True] * 32), Bar(0.9999, "above"))), {"convergence": 64})
    assert np.isnan(row["needed"].item())
    assert row["power"].item() < 0.9
    assert "over 4096" in markdown(row)


def test_what_is_decided_as_tuned():
    generator = np.random.default_rng(0)
    clear, close = generator.normal(0.5, 0.1, 32), generator.normal(0.9, 0.1, 32)
    found = operating(tuned(part(Median(clear), MEDIAN), part(Median(close), MEDIAN)),
                      {"convergence": 128})["decided"]  # fmt: skip
    assert found[0] > 0.99
    assert found[1] < 0.5


def test_level_is_the_worst_of_holm():
    one, many = (
        operating(tuned(part(Median(np.ones(32)), MEDIAN), claims=claims), {"convergence": 64})
        for claims in (1, 12)
    )
    assert one["power"][0] == min(binomial(64, 0.5, 0.75, 0.025), binomial(64, 0.5, 0.75, 0.025))
    assert many["power"][0] == binomial(64, 0.5, 0.75, 0.025 / 12)


def test_statistic_without_a_section_is_refused():
    with pytest.raises(ValueError, match="its section, none,"):
        operating(tuned(Part("x", MEDIAN, Median([1.0]))), {"convergence": 64})


def test_reported_statistics_have_none():
    statistics = tuned(part(Median([1.0]), MEDIAN), Part("y", None, Median([1.0])))
    found = operating(statistics, {"convergence": 64})
    assert found["statistic"].tolist() == ["x"]
    assert isinstance(found, pd.DataFrame)
