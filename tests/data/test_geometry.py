"""The mu-geometry against its definition as a trace."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from scb.data.geometry import inner, squared_norm


def draw(seed, *shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_inner_by_hand():
    left = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    right = torch.tensor([[5.0, 6.0], [7.0, 8.0]])
    # 0.25 (1*5 + 3*7) + 0.75 (2*6 + 4*8)
    assert inner(left, right, torch.tensor([0.25, 0.75])).item() == 39.5


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 5))
def test_inner_is_the_trace(seed, rows, states):
    left, right = draw(seed, rows, states), draw(seed + 1, rows, states)
    stationary = draw(seed + 2, states).softmax(0)
    trace = torch.trace(left @ torch.diag(stationary) @ right.T)
    torch.testing.assert_close(inner(left, right, stationary), trace)


@settings(deadline=None)
@given(st.integers(0, 10**6))
def test_cauchy_schwarz(seed):
    left, right, stationary = draw(seed, 4, 3), draw(seed + 1, 4, 3), draw(seed + 2, 3).softmax(0)
    bound = squared_norm(left, stationary) * squared_norm(right, stationary)
    assert inner(left, right, stationary) ** 2 <= bound * (1 + 1e-12)


@pytest.mark.parametrize("leading", [(4,), (2, 4)])
def test_leading_dimensions_broadcast(leading):
    matrix, stationary = draw(0, *leading, 5, 3), draw(1, 4, 3).softmax(-1)
    norms = squared_norm(matrix, stationary)
    assert norms.shape == leading
    for index in torch.cartesian_prod(*(torch.arange(size) for size in leading)).view(
        -1, len(leading)
    ):
        one = squared_norm(matrix[tuple(index)], stationary[index[-1]])
        torch.testing.assert_close(norms[tuple(index)], one)
