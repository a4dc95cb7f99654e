"""Softmax attention as steps on A: the start, gradients, both optimizers."""

import pytest
import torch

from scb.learning.algorithm import branch, train
from scb.learning.logits import (
    logit_gradient,
    matched_rate,
    matched_weight,
    to_simplex,
)
from scb.learning.models import LinearTransformer, SoftmaxTransformer
from scb.learning.optimizers import LogitAdam, LogitGradient, build_optimizers
from scb.settings.training import Logits, LogitsAdam, Sgd


def nearest_by_bisection(column):
    """The simplex's nearest point by bisection of the threshold, without sorting."""
    low, high = column.min() - 1, column.max()
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if (column - middle).clamp(min=0).sum() > 1 else (low, middle)
    return (column - low).clamp(min=0)


@pytest.mark.parametrize("spread", [0.001, 0.1, 3.0])
def test_start_is_the_nearest_point_of_the_simplex_with_no_weight_0(spread):
    length = 40
    columns = 1 / length + spread * torch.randn(3, length, dtype=torch.float64)
    found = to_simplex(columns)
    torch.testing.assert_close(found.sum(-1), torch.ones(3, dtype=torch.float64))
    assert (found > 0).all()
    nearest = torch.stack([nearest_by_bisection(column) for column in columns])
    assert (found - nearest).abs().sum(-1).max() <= 2 / length  # what no weight of 0 costs
    assert (found[nearest == 0] <= 1 / length**2).all()


def test_start_leaves_a_softmax_as_it_is():
    columns = torch.rand(2, 3, 20, dtype=torch.float64).softmax(-1)  # above 1/T^2 everywhere
    torch.testing.assert_close(to_simplex(columns), columns)


def test_gradient_is_that_of_autograd(make_task, make_stream):
    task = make_task(3, 12)
    model = SoftmaxTransformer(
        torch.randn(2, 3, 3, dtype=torch.float64), torch.randn(2, 3, 12, dtype=torch.float64)
    )
    stream = make_stream(task)
    model.backward(stream, 0, 9)
    linear = LinearTransformer(model.value.detach(), model.columns.detach())
    linear.backward(stream, 0, 9)
    found = logit_gradient(linear.columns.detach(), linear.columns.grad)
    torch.testing.assert_close(found, model.logits.grad)


def test_steps_are_gradient_descent_on_logits(make_task):
    """Three steps on A against three on the logits, each with mu_k."""
    task = make_task(3, 8)
    logits = torch.randn(2, 3, 8, dtype=torch.float64)
    columns = torch.nn.Parameter(logits.softmax(-1))
    rate = torch.tensor([0.7, 2.0], dtype=torch.float64)
    optimizer = LogitGradient(columns, task.stationary, rate)
    for _ in range(3):
        gradient = torch.randn_like(columns)
        columns.grad = gradient
        optimizer.step()
        w = logits.clone().requires_grad_()
        (w.softmax(-1) * gradient).sum().backward()
        logits = logits - rate[:, None, None] / task.stationary[..., None] * w.grad
    torch.testing.assert_close(columns.detach(), logits.softmax(-1))


def test_adam_is_torchs_on_logits(make_task):
    logits = torch.nn.Parameter(torch.randn(2, 3, 8, dtype=torch.float64))
    columns = torch.nn.Parameter(logits.detach().softmax(-1))
    ours, theirs = LogitAdam(columns, 0.1), torch.optim.Adam([logits], lr=0.1)
    for _ in range(3):
        gradient = torch.randn_like(columns)
        columns.grad = gradient
        ours.step()
        theirs.zero_grad()
        (logits.softmax(-1) * gradient).sum().backward()
        theirs.step()
    torch.testing.assert_close(columns.detach(), logits.detach().softmax(-1))


def test_uniform_weights_move_as_in_the_linear_transformer(make_task):
    """To first order in the step, at the rate that is matched at 1/T."""
    task = make_task(3, 10)
    start = torch.full((2, 3, 10), 0.1, dtype=torch.float64)
    gradient = torch.randn_like(start)
    small = 1e-11  # what is of second order is then below rounding
    moved = []
    for spec in (
        Sgd(kind="sgd", rate=small),
        Logits(kind="softmax", rate=small, signal=None),
    ):
        model = LinearTransformer(torch.zeros(1, 2, 3, 3, dtype=torch.float64), start[None])
        model.columns.grad = gradient[None].clone()
        model.value.grad = torch.zeros_like(model.value)
        for optimizer in build_optimizers(task, model, [spec]):
            optimizer.step()
        moved.append((model.columns.detach()[0] - start) / small)
    largest = moved[0].abs().max()
    assert (moved[1] - moved[0]).abs().max() < 1e-4 * largest
    assert largest > 1


def test_signal_grows_at_first_as_under_sgd(make_task):
    """By the population gradient, where a column has its signal at useful positions alone.

    By hand: ``d alpha_A = eta_w alpha_A^2 (1 - alpha_A)^2 K_P alpha_V (1 - alpha_V alpha_A) / Q^2``
    for softmax, as many others share the rest, and ``eta_A K_P alpha_V (1 - alpha_V alpha_A)``.
    """
    length, signal, alpha = 20000, 0.1, 0.2
    task = make_task(3, length, replicates=1)
    rest = (1 - signal) / length
    columns = torch.full((1, 3, length), rest, dtype=torch.float64)
    columns.scatter_add_(-1, task.positions.mT, signal * task.weights.mT)
    energy = task.transition_energy
    gradient = energy * alpha**2 * columns  # E g / mu_k, up to a constant
    gradient.scatter_add_(-1, task.positions.mT, -energy * alpha * task.weights.mT)
    rate = 1e-4
    eta = matched_rate(task, rate, signal)
    moved = (columns.log() - eta * logit_gradient(columns, gradient)).softmax(-1)
    useful = (moved - columns).gather(-1, task.positions.mT).sum(-1)
    expected = rate * alpha * (1 - alpha * signal)
    torch.testing.assert_close(useful, torch.full_like(useful, expected), rtol=0.01, atol=0)


def test_matched_weights(make_task):
    task = make_task(3, 40)
    assert matched_weight(task, None) == 1 / 40
    assert matched_weight(task, 0.5) == 0.125


def test_softmax_starts_from_the_simplex_and_linear_models_do_not(make_task):
    task = make_task(3, 30)
    columns = 1 / 30 + 0.1 * torch.randn(2, 3, 30)
    specs = [
        Sgd(kind="sgd", rate=0.1),
        Sgd(kind="sgd", rate=0.1, simplex=True),
        Logits(kind="softmax", rate=0.1),
        LogitsAdam(kind="softmax_adam", rate=0.1, logit_rate=0.1),
    ]
    found = branch(task, torch.zeros(2, 3, 3), columns, specs).columns.detach()
    assert torch.equal(found[0], columns)
    for place in (1, 2, 3):
        assert torch.equal(found[place], to_simplex(columns))


def test_columns_stay_on_the_simplex_among_other_conditions(make_task, make_stream):
    task = make_task(3, 30)
    start = LinearTransformer.initial(task)
    specs = [
        Sgd(kind="sgd", rate=0.1),
        Logits(kind="softmax", rate=0.1, signal=None),
        LogitsAdam(kind="softmax_adam", rate=0.1, logit_rate=0.1),
    ]
    model = branch(task, start.value.detach(), start.columns.detach(), specs)
    train(model, build_optimizers(task, model, specs), make_stream(task), range(20), 16)
    some = model.columns.detach()[1:]
    assert (some >= 0).all()
    torch.testing.assert_close(some.sum(-1), torch.ones(2, 2, 3))
    assert not torch.allclose(some[0], some[1])


@pytest.mark.parametrize("rate", [0.0, -1.0])
def test_rates_must_be_positive(make_task, rate):
    task = make_task(3, 8)
    columns = torch.nn.Parameter(torch.full((2, 3, 8), 1 / 8))
    with pytest.raises(ValueError, match="rate must be positive"):
        LogitGradient(columns, task.stationary, rate)
