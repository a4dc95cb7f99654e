"""Derived seeds: frozen, in range, and distinct for distinct axes."""

from hypothesis import given
from hypothesis import strategies as st

from scb.data.seeds import derive

name = st.one_of(st.text(max_size=8), st.integers(0, 99))


def test_frozen():
    # The data of every published number hang on these: they must never change.
    assert derive(0) == 7210762507766007076
    assert derive(0, "task", 3) == 3770214133903558794


@given(st.integers(0, 2**63), st.lists(name, max_size=3), st.lists(name, max_size=3))
def test_distinct_axes_have_distinct_seeds(root, left, right):
    assert (derive(root, *left) == derive(root, *right)) == (left == right)
    assert 0 <= derive(root, *left) < 2**63


def test_a_number_is_not_its_digits():
    assert derive(0, "stream", 1) != derive(0, "stream", "1") != derive(0, "stream1")
