"""Every kernel against the reference: tokens equal, values and gradients close."""

import math

import numpy as np
import pytest
import torch

from scb import Task
from scb.data.seeds import derive
from scb.data.stream import Stream
from scb.kernels import cpu, reference
from scb.learning.attend import attend
from scb.learning.models import LinearTransformer, squared_loss

KERNELS = [cpu]


def stream_of(states, length, replicates):
    seeds = [derive(11, "kernel", replicate) for replicate in range(replicates)]
    draw = [Task.sample(states, length, min(2, length), s, sampler="balanced") for s in seeds]
    return Stream(Task.stack(draw), seeds)


def relative_error(actual, expected):
    """Largest deviation, relative to the largest entry."""
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    return float((actual - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("length", [1, 7, 63, 300, 5000])
@pytest.mark.parametrize("states", [2, 3, 10, 20, 100, 300])
def test_agrees_with_the_reference(kernel, states, length):
    """At odd sizes of everything; tolerances are a few roundings of sums over T or B."""
    for size, replicates, conditions in ((1, 3, ()), (5, 1, (2,)), (64, 1, ()), (5, 3, (1, 2))):
        stream = stream_of(states, length, replicates)
        ours, theirs = stream.batch(2, size, first=3), stream.batch(2, size, first=3)
        for dtype, tolerance in ((torch.float32, 2e-5), (torch.float64, 1e-13)):
            generator = torch.Generator().manual_seed(length)
            shape = (*conditions, replicates, states, length)
            columns = torch.randn(shape, generator=generator, dtype=dtype)
            shape = (*conditions, replicates, size, states)
            weights = torch.randn(shape, generator=generator, dtype=dtype)
            expected = reference.attend(columns, theirs), reference.adjoint(weights, theirs)
            assert relative_error(kernel.attend(columns, ours), expected[0]) < tolerance
            assert relative_error(kernel.adjoint(weights, ours), expected[1]) < tolerance
            assert torch.equal(ours.tokens, theirs.tokens)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("length", [1, 7, 63, 300, 5000])
@pytest.mark.parametrize("states", [2, 3, 4, 10, 20, 100, 300])
def test_gradients_agree_with_the_reference(kernel, states, length):
    """At odd sizes of everything, among them groups of one to six samples of a query."""
    for size, replicates, conditions in ((1, 3, ()), (5, 1, (2,)), (64, 1, ()), (40, 3, (1, 2))):
        stream = stream_of(states, length, replicates)
        for dtype, tolerance in ((torch.float32, 5e-5), (torch.float64, 1e-13)):
            generator = torch.Generator().manual_seed(length)
            shape = (*conditions, replicates, states, length)
            columns = torch.randn(shape, generator=generator, dtype=dtype) / length**0.5
            shape = (*conditions, replicates, states, states)
            value = torch.randn(shape, generator=generator, dtype=dtype) / states**0.5
            kept = torch.full_like(columns, torch.nan)  # memory that held something else
            actual = kernel.gradients(value, columns, stream, 2, size, kept)
            assert actual[1].data_ptr() == kept.data_ptr()
            expected = reference.gradients(value, columns, stream, 2, size)
            for one, two in zip(actual, expected, strict=True):
                assert relative_error(one, two) < tolerance


@pytest.mark.parametrize("kernel", [reference, *KERNELS])
def test_gradients_are_those_of_the_loss(kernel):
    """Against autograd through the model, which knows neither groups nor parts."""
    stream = stream_of(5, 40, 2)
    value = torch.randn(3, 2, 5, 5, dtype=torch.float64)
    columns = torch.randn(3, 2, 5, 40, dtype=torch.float64)
    model = LinearTransformer(value, columns)
    batch = stream.batch(4, 30)
    squared_loss(model(batch), batch.targets).sum().backward()
    actual = kernel.gradients(value, columns, stream, 4, 30)
    torch.testing.assert_close(actual, (model.value.grad, model.columns.grad))


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_state_of_almost_no_probability(kernel):
    """Such a vocabulary has no guide table: tokens are searched."""
    stream = stream_of(4, 50, 2)
    rare = torch.tensor([1e-9, 0.5, 1e-9, 0.5 - 2e-9], dtype=torch.float64)
    # Half of the time the state stays, else it is drawn anew: mu is stationary.
    transition = (torch.eye(4, dtype=torch.float64) + rare[:, None]) / 2
    stream = Stream(
        Task(
            transition.expand(2, 4, 4),
            rare.expand(2, 4),
            stream.tasks.positions,
            stream.tasks.weights,
            50,
            stream.tasks.seeds,
        ),
        stream.seeds,
    )
    assert stream.guide.table is None
    ours, theirs = stream.batch(0, 40), stream.batch(0, 40)
    columns = torch.randn(2, 4, 50, dtype=torch.float64)
    torch.testing.assert_close(kernel.attend(columns, ours), reference.attend(columns, theirs))
    assert torch.equal(ours.tokens, theirs.tokens)
    value = torch.randn(2, 4, 4, dtype=torch.float64)
    actual = kernel.gradients(value, columns, stream, 0, 40)
    torch.testing.assert_close(actual, reference.gradients(value, columns, stream, 0, 40))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("states", [2, 3, 20, 300])
@pytest.mark.parametrize("length", [1, 7, 5000])
def test_heads_are_equal(kernel, states, length):
    stream = stream_of(states, length, 3)
    for first, size in ((0, 200), (2**32 - 5, 5)):
        ours, theirs = (k.heads(stream, 9, first, size) for k in (kernel, reference))
        for one, two in zip(ours, theirs, strict=True):
            assert torch.equal(one, two)


@pytest.mark.parametrize("kernel", KERNELS)
def test_gradcheck(kernel):
    stream = stream_of(3, 7, 2)
    columns = torch.randn(2, 2, 3, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda a: attend(a, stream.batch(0, 5), kernel), columns)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("length", [1, 7, 300, 5000])
def test_proximal_step_agrees(kernel, dtype, length):
    columns = torch.randn(2, 3, 4, length, dtype=dtype) / length**0.5
    gradient = torch.randn_like(columns) / length**0.5
    rate = torch.rand(2, 3, 4, dtype=dtype)
    penalty = torch.tensor([[0.2 / length**0.5], [0.0]], dtype=dtype)[..., None]  # (2, 1, 1)
    expected = columns.clone()
    reference.proximal_step(expected, gradient, rate, penalty)
    kernel.proximal_step(columns, gradient, rate, penalty)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-13
    assert relative_error(columns, expected) < tolerance
    torch.testing.assert_close(columns.sum(-1), torch.ones(2, 3, 4, dtype=dtype))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("length", [1, 7, 300, 5000])
def test_moments_agree(kernel, dtype, length):
    columns = torch.randn(2, 3, 4, length, dtype=dtype)
    for least in (-math.inf, 0.25, 9.0):
        actual, expected = kernel.moments(columns, least), reference.moments(columns, least)
        for one, two in zip(actual, expected, strict=True):
            torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-10)


def test_result_does_not_depend_on_threads(monkeypatch):
    monkeypatch.setattr("scb.kernels.threads.MIN_TOKENS_FOR_THREADS", 1)
    stream = stream_of(20, 3000, 3)
    columns, weights = torch.randn(2, 3, 20, 3000), torch.randn(2, 3, 9, 20)
    value = torch.randn(2, 3, 20, 20)
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            batch = stream.batch(0, 9)
            sums = cpu.attend(columns, batch)
            adjoint = cpu.adjoint(weights, batch)
            gradients = cpu.gradients(value, columns, stream, 0, 130)
            stepped = columns.clone()
            cpu.proximal_step(stepped, gradients[1], torch.ones(2, 3, 20), torch.ones(2, 3, 20))
            moments = cpu.moments(columns, 0.5)
            results.append((sums, adjoint, batch.tokens, *gradients, stepped, *moments))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        for one, two in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one.numpy(), two.numpy())


def test_the_second_pass_uses_the_tokens_of_the_first():
    batch = stream_of(3, 40, 2).batch(0, 4)
    columns = torch.randn(2, 3, 40)
    first = cpu.attend(columns, batch)
    assert batch.generated
    torch.testing.assert_close(cpu.attend(columns, batch), first, rtol=0, atol=0)
