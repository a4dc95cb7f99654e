"""Metrics against their definitions, on dense matrices and by Monte Carlo."""

import pytest
import torch

from scb.data.geometry import inner, squared_norm
from scb.learning.metrics import METRICS, AttentionStatistics, ValueStatistics, bayes_loss, measure
from scb.learning.metrics import test_loss as population_loss
from scb.learning.models import LinearTransformer, squared_loss


@pytest.fixture
def case(make_task, make_iterate):
    task = make_task(4, 12, weights="drawn")
    return task, *make_iterate(task, leading=(3,))


def measured(task, value, columns):
    return measure(task, value, AttentionStatistics.of(task, columns))


def test_statistics_are_of_the_dense_columns(case):
    task, _, columns = case
    statistics = AttentionStatistics.of(task, columns)
    torch.testing.assert_close(statistics.overlap, (task.attention.mT * columns).sum(-1))
    torch.testing.assert_close(statistics.square, columns.square().sum(-1))
    torch.testing.assert_close(statistics.total, columns.sum(-1))


def test_statistics_of_a_value_without_error(make_task):
    task = make_task(4, 12)
    signal = torch.tensor([[0.3, -0.7], [0.0, 1.0]]).double()  # (G, R)
    trivial = task.stationary[..., None]
    value = trivial + signal[..., None, None] * (task.transition - trivial)
    closed, dense = ValueStatistics.without_error(task, signal), ValueStatistics.of(task, value)
    for name, number in vars(dense).items():
        torch.testing.assert_close(getattr(closed, name), number, msg=name)


@pytest.mark.parametrize("affine", [True, False])
def test_every_metric_is_its_definition(case, affine):
    task, value, columns = case
    if not affine:  # as steps without a projection leave them
        value = value + 0.2 * torch.rand_like(value)
        columns = columns + 0.1 * torch.rand_like(columns)
    mu, transition, truth = task.stationary, task.transition, task.attention
    attention = columns.mT  # (3, R, T, N)
    trivial = mu[..., None].expand_as(transition)
    uniform = torch.full_like(truth, 1 / task.length)
    alpha_value = (inner(value, transition, mu) - mu.square().sum(-1)) / task.transition_energy
    alpha_attention = (inner(attention, truth, mu) - 1 / task.length) / task.attention_energy

    def explained(alpha, matrix, rest):
        return alpha[..., None, None] * matrix + (1 - alpha[..., None, None]) * rest

    def cosine(left, right):
        return inner(left, right, mu) / (squared_norm(left, mu) * squared_norm(right, mu)).sqrt()

    delta_value = value - explained(alpha_value, transition, trivial)
    delta_attention = attention - explained(alpha_attention, truth, uniform)
    expected = {
        "value_signal": alpha_value,
        "attention_signal": alpha_attention,
        "value_error": squared_norm(delta_value, mu).sqrt(),
        "attention_error": squared_norm(delta_attention, mu).sqrt(),
        "value_distance": squared_norm(value - transition, mu).sqrt(),
        "attention_distance": squared_norm(attention - truth, mu).sqrt(),
        "value_similarity": cosine(value, transition),
        "attention_similarity": cosine(attention, truth),
        "value_centred_similarity": cosine(value - trivial, transition - trivial),
        "attention_centred_similarity": cosine(attention - uniform, truth - uniform),
    }
    actual = measured(task, value, columns)
    assert actual.keys() == METRICS.keys()
    for name, metric in expected.items():
        torch.testing.assert_close(actual[name], metric, msg=lambda m, name=name: f"{name}: {m}")


def test_ground_truth_measures_as_such(make_task):
    task = make_task(5, 30)
    actual = measured(task, task.transition, task.attention.mT)
    ones, zeros = torch.ones(2).double(), torch.zeros(2).double()
    for part in ("value", "attention"):
        torch.testing.assert_close(actual[f"{part}_signal"], ones)
        torch.testing.assert_close(actual[f"{part}_similarity"], ones)
        torch.testing.assert_close(actual[f"{part}_centred_similarity"], ones)
        torch.testing.assert_close(actual[f"{part}_distance"], zeros, rtol=0, atol=1e-7)
        torch.testing.assert_close(actual[f"{part}_error"], zeros, rtol=0, atol=1e-7)
    torch.testing.assert_close(actual["test_loss"], bayes_loss(task))


def test_start_has_no_signal_and_no_direction(make_task):
    task = make_task(5, 30)
    model = LinearTransformer.initial(task, torch.float64)
    actual = measured(task, model.value.detach(), model.columns.detach())
    for part in ("value", "attention"):
        for metric in ("signal", "error", "centred_similarity"):
            torch.testing.assert_close(
                actual[f"{part}_{metric}"], torch.zeros(2).double(), rtol=0, atol=1e-7
            )
    # Predicting mu whatever the context: E |e_o - mu|^2 / 2 = (1 - |mu|^2) / 2.
    torch.testing.assert_close(actual["test_loss"], (1 - task.stationary.square().sum(-1)) / 2)


def test_bayes_loss_is_the_least(case):
    task, value, columns = case
    assert (measured(task, value, columns)["test_loss"] > bayes_loss(task)).all()
    posterior = task.weights.square().sum(-2)  # (R, N)
    # Bayes: 1/2 E |e_o - p|^2 with p = P X q, so 1/2 (1 - E |p|^2).
    square = task.stationary.square().sum(-1, keepdim=True)
    spread = squared_norm(task.transition, task.stationary)[..., None]
    expected = (task.stationary * (1 - posterior * spread - (1 - posterior) * square)).sum(-1) / 2
    torch.testing.assert_close(bayes_loss(task), expected)


@pytest.mark.parametrize("states", [3, 10])
def test_loss_agrees_with_monte_carlo(make_task, make_stream, make_iterate, states):
    """Within 5 standard errors (false alarm below 1e-5 over the four comparisons)."""
    task = make_task(states, 30)
    value, columns = make_iterate(task, seed=states)
    columns = columns * 1.1  # off the affine space 1^T a = 1, too
    model, stream = LinearTransformer(value, columns), make_stream(task)
    with torch.no_grad():
        batches = [stream.batch(step, 1000) for step in range(100)]
        losses = torch.stack([squared_loss(model(batch), batch.targets) for batch in batches])
    exact = population_loss(task, value, AttentionStatistics.of(task, columns))
    error = losses.std(0) / len(batches) ** 0.5
    assert error.max() < 0.01 * exact.min()
    assert ((losses.mean(0) - exact).abs() < 5 * error).all()
