"""Verdicts from planted values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binom

from scb.claims.samples import Median, Share
from scb.claims.verdict import (
    NOT_REPRODUCED,
    REFUTED,
    REPORTED,
    REPRODUCED,
    SHOWN,
    UNDECIDED,
    Bar,
    Claim,
    Part,
    decide,
    holm,
    judge,
)

BELOW = Bar(0.9, "below", none=1)


def flags(beyond, total=64):
    """A statistic of which so many runs lie below 0.9, spread evenly over the quarters."""
    order = np.argsort(np.arange(total) * 0.618034 % 1)  # a golden ratio apart: no pattern
    values = np.where(np.arange(total) < beyond, 0.5, 1.5)
    return Part("ratio", BELOW, Median(values[np.argsort(order)]))


def claim(name, *parts, **options):
    return Claim(name, f"{name} is so.", "", parts, **options)


def p_value(beyond, total=64):
    """By hand: at least so many heads."""
    return sum(binom.pmf(range(beyond, total + 1), total, 0.5))


# --- Bars -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bar", "low", "high", "told"),
    [
        (BELOW, 0.92, 0.98, "the right way, but smaller"),
        (BELOW, 0.95, 1.0, "no effect"),
        (BELOW, 1.01, np.inf, "the other way"),
        (Bar(0.02, "above", none=0), 0.001, 0.01, "the right way, but smaller"),
        (Bar(0.02, "above", none=0), -0.3, -0.1, "the other way"),
        (Bar(0.5, "above"), 0.1, 0.2, ""),
    ],
)
def test_what_a_refuted_statistic_says(bar, low, high, told):
    assert bar.detail(low, high) == told


def test_bar_that_no_effect_passes_is_refused():
    with pytest.raises(ValueError, match="passes the bar"):
        Bar(-0.01, "above", none=0)


def test_claim_that_nothing_decides_is_refused():
    with pytest.raises(ValueError, match="nothing decides C1"):
        claim("C1", Part("x", None, Median([1.0])))


# --- Holm -----------------------------------------------------------------------------


def test_holm_by_hand():
    # 0.01 <= 0.05/4; 0.014 <= 0.05/3; 0.03 > 0.05/2, so neither it nor 0.04 passes.
    rejected, levels = holm([0.03, 0.01, 0.04, 0.014], 0.05)
    assert rejected == [False, True, False, True]
    assert levels == pytest.approx([0.025, 0.0125, 0.025, 0.05 / 3])


@given(st.lists(st.floats(0, 1), max_size=12), st.floats(0.001, 0.5))
def test_holm_is_between_bonferroni_and_no_correction(p_values, family):
    rejected, levels = holm(p_values, family)
    for p, is_rejected, level in zip(p_values, rejected, levels, strict=True):
        assert is_rejected == (p <= level)
        assert family / len(p_values) <= level <= family
        assert is_rejected or p > family / len(p_values)
        assert not is_rejected or p <= family


# --- Claims ---------------------------------------------------------------------------


def test_claim_of_one_statistic_is_the_sign_test():
    # Two-sided, alone in its table: 41 of 64 are enough at 5%, 40 are not.
    assert 2 * p_value(41) <= 0.05 < 2 * p_value(40)
    verdicts = [decide([claim("C1", flags(count))])[0].verdict for count in (41, 40, 24, 23)]
    assert verdicts == [REPRODUCED, UNDECIDED, UNDECIDED, NOT_REPRODUCED]


def test_showing_several_things_needs_no_correction_but_refuting_does():
    both = decide([claim("C1", flags(41), flags(41))])[0]
    assert (both.verdict, both.level) == (REPRODUCED, 0.05)
    # At half of the level 22 are few enough, 23 are not.
    assert 4 * p_value(42) <= 0.05 < 4 * p_value(41)
    assert decide([claim("C1", flags(60), flags(22))])[0].outcomes == [SHOWN, REFUTED]
    found = decide([claim("C1", flags(60), flags(23))])[0]
    assert (found.verdict, found.outcomes) == (UNDECIDED, [SHOWN, UNDECIDED])


def test_levels_across_claims():
    # p values 2 P(Bin >= 45) = 0.0015, 2 P(Bin >= 43) = 0.008, 2 P(Bin >= 40) = 0.06.
    claims = [claim("C1", flags(43)), claim("C2", flags(40)), claim("C3", flags(45))]
    found = decide(claims)
    assert [one.level for one in found] == pytest.approx([0.05 / 2, 0.05, 0.05 / 3])
    assert [one.verdict for one in found] == [REPRODUCED, UNDECIDED, REPRODUCED]


def test_own_claims_are_a_family_of_their_own():
    ours = [claim(f"B{number}", flags(32), paper=False) for number in range(9)]
    (paper, *_) = decide([claim("C1", flags(41)), *ours])
    assert paper == decide([claim("C1", flags(41))])[0]


def test_reported_statistic_decides_nothing():
    extra = Part("extra", None, Median([1.0]))
    found = decide([claim("C1", flags(41), extra)])[0]
    assert found.outcomes == [SHOWN, REPORTED]
    assert found.level == 0.05
    row = judge([claim("C1", flags(41), extra)]).iloc[1]
    assert (row["bar"], row["outcome"]) == ("", REPORTED)
    assert np.isnan(row["p_beyond"])


@given(st.lists(arrays(np.float64, 40, elements=st.floats(0, 2)), min_size=1, max_size=4))
def test_interval_in_the_table_is_the_one_that_decides(samples):
    claims = [
        claim(f"C{at}", Part("x", BELOW, Median(values)), Part("y", BELOW, Median(values[::2])))
        for at, values in enumerate(samples)
    ]
    for row in judge(claims).itertuples():
        if row.detail == "quarters disagree":
            continue
        assert (row.high < 0.9) == (row.outcome == SHOWN)
        assert (row.low >= 0.9) == (row.outcome == REFUTED)


@given(arrays(np.float64, (3, 24), elements=st.floats(0, 2)))
def test_verdict_follows_from_the_outcomes(values):
    found = judge([claim("C1", *(Part("x", BELOW, Median(some)) for some in values))])
    outcomes = set(found["outcome"])
    expected = (
        NOT_REPRODUCED if REFUTED in outcomes else REPRODUCED if outcomes == {SHOWN} else UNDECIDED
    )
    assert set(found["verdict"]) == {expected}


def test_false_verdicts_are_rare():
    """Ten claims with the truth at the bar: some verdict in at most 5% of the tables."""
    generator, tables = np.random.default_rng(1), 1000
    wrong = 0
    for _ in range(tables):
        claims = [
            claim(f"C{at}", Part("x", Bar(0, "above"), Median(generator.normal(size=32))))
            for at in range(10)
        ]
        wrong += any(one.verdict != UNDECIDED for one in decide(claims))
    assert 0 < wrong / tables <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / tables)


# --- Quarters -------------------------------------------------------------------------


def test_quarters_are_judged_each_by_itself():
    values = np.where(np.arange(128) % 4 == 2, 1.5, 0.5)
    row = judge([claim("C1", Part("x", BELOW, Median(values)))]).iloc[0]
    assert [row[f"outcome_{number}"] for number in range(4)] == [SHOWN, SHOWN, REFUTED, SHOWN]
    assert [row[f"verdict_{number}"] for number in (0, 2)] == [REPRODUCED, NOT_REPRODUCED]
    # 96 of 128 lie beyond: enough, but for the quarters.
    assert row["p_beyond"] < 1e-7
    assert (row["outcome"], row["detail"]) == (UNDECIDED, "quarters disagree")
    assert (row["verdict"], row["stable"]) == (UNDECIDED, False)


def test_quarters_go_by_the_number_of_the_replicate():
    """Over some of the runs, quarters are those of all runs."""
    every = np.arange(256)
    some = every[every % 8 != 3]
    part = Part("x", BELOW, Median(np.where(some % 4 == 3, 1.5, 0.5), some))
    row = judge([claim("C1", part)]).iloc[0]
    assert [row[f"outcome_{number}"] for number in range(4)] == [SHOWN, SHOWN, SHOWN, REFUTED]


def test_what_is_refuted_everywhere_is_stable_whatever_else_flips():
    flips = Part("x", BELOW, Median(np.where(np.arange(128) % 4 == 2, 1.5, 0.5)))
    refuted = Part("y", BELOW, Median(np.full(128, 1.5)))
    found = judge([claim("C1", flips, refuted)])
    assert found["outcome"].tolist() == [UNDECIDED, REFUTED]
    assert found["detail"].tolist() == ["quarters disagree", "the other way"]
    assert set(found["verdict"]) == {NOT_REPRODUCED}
    assert found["stable"].all()


def test_quarter_without_runs_is_undecided():
    row = judge([claim("C1", Part("x", BELOW, Median(np.full(32, 0.5), 4 * np.arange(32))))])
    assert row["outcome_1"].item() == UNDECIDED
    assert row["outcome"].item() == SHOWN
    assert row["stable"].item()


# --- The frame ------------------------------------------------------------------------


def test_over_all_runs_is_given_too():
    part = Part("x", BELOW, Median([0.5] * 20), Median([0.5] * 20 + [1.5] * 12))
    row = judge([claim("C1", part)]).iloc[0]
    assert (row["replicates"], row["all_replicates"]) == (20, 32)
    assert (row["estimate"], row["all_estimate"]) == (0.5, 0.5)


def test_values_are_kept():
    part = Part("x", Bar(0.5, "above"), Share([True, False, True]), section="convergence")
    row = judge([claim("C1", part)]).iloc[0]
    assert row["values"].tolist() == [1, 0, 1]
    assert (row["kind"], row["bar_value"], row["beyond"]) == ("share", 0.5, "above")
    assert (row["bar"], row["section"]) == ("above 0.5", "convergence")
