"""The generator against the published vectors and against plain integers."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from scb.data.philox import philox4x32

ONES = "ffffffff"
PI = "243f6a88 85a308d3 13198a2e 03707344"
PI_KEY = "a4093822 299f31d0"
ZERO = "00000000"

PUBLISHED = [  # kat_vectors of the Random123 distribution: rounds, counter, key, output
    (7, f"{ZERO} " * 4, f"{ZERO} " * 2, "5f6fb709 0d893f64 4f121f81 4f730a48"),
    (7, f"{ONES} " * 4, f"{ONES} " * 2, "5207ddc2 45165e59 4d8ee751 8c52f662"),
    (7, PI, PI_KEY, "4dfccaba 190a87f0 c47362ba b6b5242a"),
    (10, f"{ZERO} " * 4, f"{ZERO} " * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    (10, f"{ONES} " * 4, f"{ONES} " * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (10, PI, PI_KEY, "d16cfe09 94fdcceb 5001e420 24126ea1"),
]

word = st.integers(0, 2**32 - 1)


def words(text):
    return tuple(torch.tensor(int(part, 16)) for part in text.split())


def naive_philox(counter, key):
    """Philox4x32-10 in unbounded integers, straight from the paper's definition."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c0, 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c2, 2**32)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return c0, c1, c2, c3


@pytest.mark.parametrize(("rounds", "counter", "key", "output"), PUBLISHED)
def test_published_vectors(rounds, counter, key, output):
    assert philox4x32(words(counter), words(key), rounds) == words(output)


@given(st.tuples(word, word, word, word), st.tuples(word, word))
def test_equals_unbounded_integers(counter, key):
    drawn = philox4x32(tuple(map(torch.tensor, counter)), tuple(map(torch.tensor, key)))
    assert tuple(part.item() for part in drawn) == naive_philox(counter, key)


def test_broadcast_words_equal_expanded_ones():
    counter = (torch.arange(5), torch.arange(3)[:, None], torch.tensor(7), torch.tensor(2**32 - 1))
    key = (torch.tensor([1, 2**32 - 1])[:, None, None], torch.tensor([3, 4])[:, None, None])
    drawn = philox4x32(counter, key)
    expanded = philox4x32(
        tuple(part.expand(2, 3, 5).contiguous() for part in counter),
        tuple(part.expand(2, 3, 5).contiguous() for part in key),
    )
    for part, whole in zip(drawn, expanded, strict=True):
        assert part.shape == (2, 3, 5)
        assert torch.equal(part, whole)


def test_arguments_are_left_alone():
    counter, key = words(PI), words(PI_KEY)
    philox4x32(counter, key)
    assert counter == words(PI)
    assert key == words(PI_KEY)
