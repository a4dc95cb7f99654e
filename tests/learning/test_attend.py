"""attend and its adjoint against dense one-hot algebra, and their gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import one_hot

from scb.data.seeds import derive
from scb.data.stream import Stream
from scb.data.task import Task
from scb.learning.attend import attend


def case(states, length, size, replicates, seed=0, leading=()):
    seeds = [derive(seed, "task", r) for r in range(replicates)]
    # A mild sampler: at N = 300 the Dirichlet one would be redrawn for long.
    tasks = [Task.sample(states, length, min(2, length), s, sampler="balanced") for s in seeds]
    stream = Stream(Task.stack(tasks), seeds)
    generator = torch.Generator().manual_seed(seed)
    shape = (*leading, replicates, states, length)
    columns = torch.randn(*shape, generator=generator, dtype=torch.float64)
    return stream.batch(3, size), columns


def dense(columns, batch):
    """``s = X a^(k)`` with X the one-hot context, by einsum."""
    states = columns.shape[-2]
    context = one_hot(batch.tokens.long(), states).to(columns)  # (R, B, T, N)
    query = one_hot(batch.queries, states).to(columns)  # (R, B, N)
    return torch.einsum("rbtn,...rkt,rbk->...rbn", context, columns, query)


@given(
    states=st.sampled_from([2, 3, 10, 300]),
    length=st.sampled_from([1, 7, 63, 300]),
    size=st.sampled_from([1, 5, 64]),
    replicates=st.sampled_from([1, 3]),
    conditions=st.sampled_from([None, 2]),
)
@settings(max_examples=25, deadline=None)
def test_attend_and_adjoint_equal_dense_algebra(states, length, size, replicates, conditions):
    if states * length * size > 300 * 300 * 5:
        size = 1  # the dense one-hot is the large one here
    leading = () if conditions is None else (conditions,)
    batch, columns = case(states, length, size, replicates, leading=leading)
    ours = columns.clone().requires_grad_()
    theirs = columns.clone().requires_grad_()
    sums, expected = attend(ours, batch), dense(theirs, batch)
    torch.testing.assert_close(sums, expected, rtol=1e-12, atol=1e-12)
    weights = torch.randn(expected.shape, dtype=torch.float64)
    sums.backward(weights)
    expected.backward(weights)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("states", "length", "size", "leading"), [(2, 7, 5, ()), (3, 5, 2, (2,))])
def test_gradcheck(states, length, size, leading):
    batch, columns = case(states, length, size, replicates=2, leading=leading)
    assert torch.autograd.gradcheck(lambda a: attend(a, batch), columns.requires_grad_())


def test_mass_is_conserved():
    batch, columns = case(10, 63, 5, 3)
    sums = attend(columns, batch)
    queries = batch.queries[..., None]
    expected = columns.sum(-1).gather(-1, queries.squeeze(-1))
    torch.testing.assert_close(sums.sum(-1), expected)


def test_float32_stays_float32():
    batch, columns = case(3, 63, 5, 1)
    assert attend(columns.float(), batch).dtype == torch.float32


def test_wrong_shape_is_named():
    batch, columns = case(3, 7, 5, 2)
    with pytest.raises(ValueError, match=r"\(2, 3, 6\).*\(2, 3, 7\)"):
        attend(columns[..., :-1], batch)
