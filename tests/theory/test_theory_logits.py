"""The closed form of a useless weight's growth, against many batches and by hand."""

import pytest
import torch

from scb.kernels import kernel_for
from scb.learning.logits import logit_gradient
from scb.learning.metrics import ValueStatistics
from scb.theory.logits import Drift


def planted(task, alpha, spread):
    """V and A with signals alpha, and weights of useless positions that differ."""
    value = alpha * task.transition + (1 - alpha) * task.stationary[..., None]
    others = torch.rand((*task.stationary.shape, task.length), dtype=torch.float64) ** spread
    columns = (1 - alpha) * others / others.sum(-1, keepdim=True)
    return value, columns.scatter_add(-1, task.positions.mT, alpha * task.weights.mT)


@pytest.mark.parametrize("alpha", [0.2, 0.4])
def test_growth_is_that_of_many_batches(make_task, make_stream, alpha):
    """By groups of weights, to four standard errors and a tenth for the order left out."""
    task = make_task(3, 60)
    value, columns = planted(task, alpha, 4)
    batch, rate, repeats = 16, torch.full((2,), 0.5, dtype=torch.float64), 2000
    stream, kernel = make_stream(task), kernel_for(columns)
    total, square = torch.zeros(2, *columns.shape, dtype=torch.float64)
    rates = rate[:, None, None] / task.stationary[..., None]
    for step in range(repeats):
        _, gradient = kernel.gradients(value, columns, stream, step, batch)
        moved = (columns.log() - rates * logit_gradient(columns, gradient)).softmax(-1)
        growth = (moved / columns).square() - 1
        total += growth
        square += growth.square()
    mean = total / repeats
    error = ((square / repeats - mean.square()) / repeats).sqrt()
    useless = torch.ones_like(columns, dtype=torch.bool).scatter(-1, task.positions.mT, False)
    closed = Drift.of(task, value, columns, batch).growth(columns, rate[:, None])
    away = (mean - closed).abs()[useless]
    assert (away < 4 * error[useless] + 0.1 * closed.abs()[useless]).all()
    assert closed[useless].min() < -8 * error[useless].median()  # there is something to see


def test_drift_is_the_population_gradient_by_hand(make_task):
    """``pull`` and ``gain`` from a dense expected gradient."""
    task = make_task(4, 30)
    value, columns = planted(task, 0.3, 2)
    drift = Drift.of(task, value, columns, 8)
    energy = ValueStatistics.of(task, value).deviation
    dense = torch.zeros_like(columns).scatter_add(-1, task.positions.mT, task.weights.mT.double())
    overlap = 0.3 * task.transition_energy
    gradient = energy[:, None, None] * columns - overlap[:, None, None] * dense
    torch.testing.assert_close(drift.pull, -(columns * gradient).sum(-1))
    torch.testing.assert_close(drift.gain, -(columns * logit_gradient(columns, gradient)).sum(-1))
    torch.testing.assert_close(drift.energy, energy[:, None].expand(2, 4))


def test_growth_is_0_at_the_threshold_and_changes_sign_there(make_task):
    task = make_task(3, 200)
    value, columns = planted(task, 0.1, 4)
    drift = Drift.of(task, value, columns, 1)
    rate = torch.full((2, 1), 2e3, dtype=torch.float64)
    threshold = drift.threshold(rate)
    assert torch.isfinite(threshold).all()
    below, at, above = drift.growth(
        threshold[..., None] * torch.tensor([0.9, 1.0, 1.1]), rate
    ).unbind(-1)
    assert (below < 0).all()
    assert (above > 0).all()
    torch.testing.assert_close(at, torch.zeros_like(at), atol=1e-9 * rate.max().item(), rtol=0)


def test_without_noise_all_useless_weights_shrink(make_task):
    task = make_task(3, 200)
    drift = Drift.of(task, *planted(task, 0.1, 4), 10**12)
    assert torch.isinf(drift.threshold(torch.ones(2, 1, dtype=torch.float64))).all()
