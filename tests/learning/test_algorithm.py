"""The three stages: gradients in expectation, the switch, rounding, the refit."""

import numpy as np
import pytest
import torch
from scipy import optimize

from scb.data.geometry import inner, squared_norm
from scb.learning.algorithm import (
    learn,
    normalise,
    refit_value,
    round_columns,
    sparsify,
    switch_threshold,
    train,
)
from scb.learning.metrics import AttentionStatistics, bayes_loss, measure, value_signal
from scb.learning.metrics import test_loss as population_loss
from scb.learning.models import LinearTransformer, squared_loss
from scb.learning.optimizers import precondition_value, preconditioned


def test_minibatch_gradient_has_the_closed_form_expectation(make_task, make_stream, make_iterate):
    """Every entry within 5.5 standard errors of the paper's formula (section 4).

    False alarm below 1e-5: 2 x (9 + 60) entries at 4e-8 each, standard errors from the
    400 batches themselves.
    """
    task = make_task(3, 20)
    value, columns = make_iterate(task)
    model, stream = LinearTransformer(value, columns), make_stream(task)
    mu = task.stationary
    value_gradients, attention_gradients = [], []
    for step in range(400):
        batch = stream.batch(step, 1000)
        model.zero_grad()
        squared_loss(model(batch), batch.targets).sum().backward()
        value_gradients.append(precondition_value(model.value.grad, mu))
        raw = model.columns.grad
        attention_gradients.append((raw - raw.mean(-1, keepdim=True)) / mu[..., None])

    attention, truth, trivial = columns.mT, task.attention, mu[..., None]
    expected_value = squared_norm(attention, mu)[..., None, None] * (value - trivial) - inner(
        truth, attention, mu
    )[..., None, None] * (task.transition - trivial)
    chance = mu.square().sum(-1)
    expected_attention = (squared_norm(value, mu) - chance)[..., None, None] * (
        attention - 1 / 20
    ) - (inner(value, task.transition, mu) - chance)[..., None, None] * (truth - 1 / 20)
    for gradients, expected in (
        (value_gradients, expected_value),
        (attention_gradients, expected_attention.mT),
    ):
        sample = torch.stack(gradients)
        error = sample.std(0) / len(gradients) ** 0.5
        assert error.max() < 0.05 * expected.abs().max()
        assert ((sample.mean(0) - expected).abs() < 5.5 * error + 1e-12).all()


def test_sparsify_keeps_large_entries_of_both_signs():
    columns = torch.tensor([[[0.5, -0.4, 0.1, -0.1, 0.9]]])
    kept = torch.tensor([0.5, -0.4, 0.0, 0.0, 0.9])
    expected = kept + (1 - kept.sum()) / 5
    torch.testing.assert_close(sparsify(columns, torch.tensor([0.3]))[0, 0], expected)


def test_switch_threshold_is_half_the_signal_per_useful_token(make_task, make_iterate):
    task = make_task(4, 10)
    value, _ = make_iterate(task)
    expected = value_signal(task, value).abs() / 4
    torch.testing.assert_close(switch_threshold(task, value), expected)


def test_rounding_with_an_empty_column():
    columns = torch.tensor([[0.6, 0.3, 0.1, 0.0], [0.2, 0.2, 0.2, 0.2], [-0.9, 0.2, 0.1, 0.0]])
    uniform = [0.25] * 4
    expected = torch.tensor([[2 / 3, 1 / 3, 0.0, 0.0], uniform, uniform])
    torch.testing.assert_close(round_columns(columns, sparsity=2, rounding=0.5), expected)


def test_refit_minimises_the_population_loss(make_task, make_iterate):
    task = make_task(3, 10, replicates=1)
    _, columns = make_iterate(task)
    statistics = AttentionStatistics.of(task, columns)

    def loss(entries: np.ndarray) -> float:
        value = torch.from_numpy(entries).reshape(1, 3, 3)
        return float(population_loss(task, value, statistics))

    found = optimize.minimize(loss, np.full(9, 1 / 3), method="BFGS", options={"gtol": 1e-10})
    np.testing.assert_allclose(refit_value(task, statistics).numpy().ravel(), found.x, atol=1e-5)


def test_refit_solves_the_normal_equations(make_task, make_iterate):
    """``V E[s s^T] = E[e_o s^T]`` with the moments of section 3, at several N."""
    for states in (2, 5, 20):
        task = make_task(states, 30)
        _, columns = make_iterate(task)
        statistics = AttentionStatistics.of(task, columns)
        mu = task.stationary
        diagonal, outer = torch.diag_embed(mu), mu[..., :, None] * mu[..., None, :]
        overlap = (mu * statistics.overlap).sum(-1)[..., None, None]
        square = (mu * statistics.square).sum(-1)[..., None, None]
        cross = overlap * task.transition @ diagonal + (1 - overlap) * outer
        moment = square * diagonal + (1 - square) * outer
        torch.testing.assert_close(refit_value(task, statistics) @ moment, cross)


def test_rounding_and_refit_recover_the_truth(make_task):
    task = make_task(5, 50)
    noise = 0.1 * torch.rand(2, 5, 50, dtype=torch.float64)
    value, statistics = normalise(task, 0.8 * task.attention.mT + noise, 0.5)
    torch.testing.assert_close(value, refit_value(task, statistics))
    kept = measure(task, value, statistics)
    assert (kept["attention_distance"] < 0.1).all()
    exact = normalise(task, 0.8 * task.attention.mT, 0.5)
    torch.testing.assert_close(exact[0], task.transition)
    torch.testing.assert_close(population_loss(task, *exact), bayes_loss(task))


def test_training_resumes_where_it_ended(make_task, make_stream):
    task = make_task(3, 40)
    whole, parts = LinearTransformer.initial(task), LinearTransformer.initial(task)
    train(whole, preconditioned(task, whole, 0.02), make_stream(task), range(30), 8)
    for steps in (range(13), range(13, 30)):
        train(parts, preconditioned(task, parts, 0.02), make_stream(task), steps, 8)
    torch.testing.assert_close(whole.value, parts.value, rtol=0, atol=0)
    torch.testing.assert_close(whole.columns, parts.columns, rtol=0, atol=0)


def test_a_batch_in_parts_is_the_batch(make_task, make_stream, monkeypatch):
    task = make_task(3, 40)
    whole, parts = (LinearTransformer.initial(task, torch.float64) for _ in range(2))
    train(whole, preconditioned(task, whole, 0.02), make_stream(task), range(5), 20)
    monkeypatch.setattr("scb.data.stream.TOKENS_AT_ONCE", 7 * 2 * 40)
    assert list(make_stream(task).parts(20)) == [(7, 0), (7, 7), (6, 14)]
    train(parts, preconditioned(task, parts, 0.02), make_stream(task), range(5), 20)
    torch.testing.assert_close(whole.columns, parts.columns)
    torch.testing.assert_close(whole.value, parts.value)


def test_training_ends_when_told(make_task, make_stream):
    task = make_task(3, 40)
    model = LinearTransformer.initial(task)
    steps = preconditioned(task, model, 0.02)
    assert train(model, steps, make_stream(task), range(30), 8, lambda step: step == 7) == 7
    assert train(model, steps, make_stream(task), range(7, 30), 8) == 30


@pytest.mark.parametrize("states", [3, 5])
def test_learn_finds_an_easy_ground_truth(make_task, make_stream, states):
    """T = 20, B = 512: samples abound, so the paper's guarantee has to show."""
    task = make_task(states, 20, replicates=4)
    value, columns, steps = learn(
        task,
        make_stream(task),
        batch_size=512,
        boost_rate=0.05,
        rate=0.05,
        penalty=1e-4,
        max_steps=600,
    )
    assert steps < 600
    reached = measure(task, value, AttentionStatistics.of(task, columns))
    assert (reached["attention_distance"] < 0.1).all()
    assert (reached["value_distance"] < 0.1).all()
