"""The rule that chooses among candidates, on planted ones."""

import math

import numpy as np
import pytest

from scb.claims.best import WORST, choose, margin
from scb.claims.samples import Median, Share
from scb.claims.verdict import Bar, Claim, Part


def claim(*parts):
    return Claim("C0", "A sentence.", "", tuple(parts))


def test_margin_is_the_least_over_the_deciding_statistics():
    ratio = Part("ratio", Bar(0.9, "below", none=1), Median([0.45, 0.45, 0.45]))
    share = Part("share", Bar(0.5, "above"), Share([True, True, True, False]))
    told = Part("told", None, Median([9.0]))
    assert margin(claim(ratio, told)) == pytest.approx(0.5)  # half of the bar
    assert margin(claim(share)) == pytest.approx(0.25)  # of runs
    assert margin(claim(ratio, share, told)) == pytest.approx(0.25)
    assert margin(claim(ratio, share), lambda part: part.statistic == "ratio") == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("values", "wanted"),
    [([math.inf] * 3, WORST), ([], WORST), ([0.0] * 3, 1.0), ([0.9] * 3, 0.0), ([1.8] * 3, -1.0)],
)
def test_margin_where_runs_diverged_or_there_is_none(values, wanted):
    assert margin(claim(Part("ratio", Bar(0.9, "below"), Median(values)))) == wanted


def test_the_largest_score_is_chosen_and_the_printed_one_of_equal_ones():
    assert choose([0.1, 0.3, 0.2]) == 1
    assert choose([0.3, 0.3, 0.2]) == 0
    assert choose(np.array([-1.0, -1.0])) == 0
