"""The count that is enough, and its growth with a size."""

import numpy as np
import pytest

from scb.analysis.shares import Growth, enough

COUNTS = np.array([10.0, 20.0, 40.0, 80.0])


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ([0.1, 0.5, 0.8, 1.0], 40 * 2**0.5),  # half of the way from 0.8 to 1
        ([0.1, 0.9, 0.9, 1.0], 20),
        ([0.1, 1.0, 0.8, 1.0], 20),  # the two in the middle are 0.9 each
        ([0.95, 0.9, 1.0, 1.0], 10),
        ([0.1, 0.5, 0.8, 0.89], np.inf),
    ],
)
def test_enough_by_hand(shares, expected):
    assert enough(COUNTS, shares) == pytest.approx(expected)


def successes(size, power, replicates=40):
    """Each replicate succeeds from its own count on, around ``size ** power``."""
    counts = size**power * 2.0 ** np.arange(-4, 5)
    needs = size**power * np.exp(np.linspace(-1, 1, replicates))
    return counts, counts[:, None] >= needs


def test_growth_is_that_of_the_runs():
    sizes = [50, 100, 200, 400]
    law = Growth.of(sizes, [successes(size, 1.5) for size in sizes])
    assert law.exponent == pytest.approx(1.5, abs=1e-9)
    assert law.least < 1.5 < law.most
    assert ((law.low <= law.counts) & (law.counts <= law.high)).all()


def test_a_count_that_is_not_enough_leaves_the_exponent_open():
    cells = [successes(size, 1.5) for size in (50, 100)]
    counts, right = cells[1]
    law = Growth.of([50, 100], [cells[0], (counts, np.zeros_like(right))])
    assert np.isinf(law.counts[1])
    assert np.isnan([law.exponent, law.least, law.most]).all()
    assert law.high[1] == 2 * counts[-1]
