"""Stage 1 with the noise in A: limits that are known, runs, and the largest eta."""

import math

import pytest
import torch
from scipy.stats import binom, norm

from scb import Task
from scb.data.seeds import derive
from scb.experiments.stage1_odds import count_positive
from scb.learning.metrics import measure
from scb.theory.boosting import (
    KEPT,
    Boosting,
    largest_boosting_rate,
    noise_growth,
    noise_scatter,
    positive_probability,
)
from scb.theory.population import ValueMoments, boost_signal_to_noise, trajectory
from scb.theory.simulation import Simulation


def tasks(states, length, replicates=4, **options):
    seeds = [derive(5, "task", replicate) for replicate in range(replicates)]
    return Task.stack([Task.sample(states, length, 2, seed, **options) for seed in seeds])


def boosted(task, batch, rate, steps, level=math.inf):
    return Boosting(task, batch, torch.full_like(task.transition_energy, rate)).run(steps, level)


def test_large_batches_follow_the_population_path():
    task = tasks(4, 100)
    path = trajectory(task, [0.05] * 120)
    found = boosted(task, 10**14, 0.05, 120)
    torch.testing.assert_close(found.mean, path[-1], rtol=1e-4, atol=0)
    assert (found.attention_error < 1e-6).all()
    assert (found.probability > 1 - 1e-6).all()


def test_weak_feedback_is_the_closed_form():
    # While |Delta_A|^2 is far below K_Q, and at the small eta that the closed form is for.
    task = tasks(3, 5000)
    assert (noise_growth(task, 10_000, 0.01) < 0.01).all()
    expected = norm.cdf(boost_signal_to_noise(task, 10_000, 0.01))
    found = positive_probability(task, 10_000, 0.01, 500)
    assert abs(found.numpy() - expected).max() < 0.01


def test_probability_is_that_of_both_signals():
    task = tasks(3, 50, replicates=1)
    found = boosted(task, 8, 0.1, 20)
    generator = torch.Generator().manual_seed(0)
    first, second, joint = found.covariance[:, 0]
    law = torch.tensor([[first, joint], [joint, second]], dtype=torch.float64)
    normals = torch.randn(200_000, 2, generator=generator, dtype=torch.float64)
    drawn = normals @ torch.linalg.cholesky(law).T + found.mean[:, 0]
    share = (drawn > 0).all(1).double().mean()
    assert abs(share - found.probability[0]) < 5 * 0.5 / 200_000**0.5


def test_scatter_of_noise_is_that_of_a_v_of_noise():
    task = Task.sample(6, 20, 2, 1)
    mu = task.stationary
    covariance = torch.diag(mu) - mu[:, None] * mu
    generator = torch.Generator().manual_seed(0)
    normals = torch.randn(4000, 6, 6, generator=generator, dtype=torch.float64)
    factor = torch.linalg.cholesky(covariance[:-1, :-1])  # the last row follows from 1^T U = 0
    rows = factor @ normals[:, :-1]
    deviation = torch.cat([rows, -rows.sum(-2, keepdim=True)], -2) / mu.sqrt()
    moments = ValueMoments.of_deviation(Task.stack([task]), deviation)
    ratio = moments.scatter.mean() / moments.energy.mean()
    assert float(ratio) == pytest.approx(float(noise_scatter(task)), rel=0.02)


def test_errors_grow_as_in_simulations():
    # Noise in V and in A feed each other: no less than the closure says, and not much more.
    task = Task.stack([Task.sample(20, 5000, 2, 3)] * 8)
    rate, batch, steps = 0.03, 256, 300
    simulation = Simulation(task, list(range(8)), batch, 128)
    for _ in range(steps):
        simulation.step(rate)
    measured = measure(task, simulation.value, simulation.columns.statistics(task))
    found = boosted(task, batch, rate, steps)
    assert (found.attention_error > 0.3 * task.attention_energy).all()  # enough to stall
    for part in ("value", "attention"):
        error = measured[f"{part}_error"].square().mean()
        assert float(error) == pytest.approx(float(getattr(found, f"{part}_error")[0]), rel=0.3)


def test_stalled_runs_end_positive_as_often_as_predicted():
    # Where the closed form without feedback is wrong: outside the central 1 - 1e-4 of its law.
    task = Task.stack([Task.sample(8, 400, 2, 3)] * 400)
    rate, batch, steps = 0.1, 60, 60
    one = task.select([0])
    predicted = float(positive_probability(one, batch, rate, steps))
    without = float(norm.cdf(boost_signal_to_noise(one, batch, rate))[0])
    positive = count_positive(task, list(range(400)), rate, batch, steps)
    low, high = binom.interval(1 - 1e-4, 400, predicted)
    assert low - 12 <= positive <= high + 12, (positive, 400 * predicted, 400 * without)
    assert positive < binom.interval(1 - 1e-4, 400, without)[0], (positive, 400 * without)


def test_the_largest_rate_keeps_what_it_should():
    task = tasks(5, 500)
    rate = largest_boosting_rate(task, 64)
    for factor, works in ((1.0, True), (1.05, False)):
        found = Boosting(task, 64, factor * rate).run(4000, 0.1)
        assert ((found.slowest >= KEPT) == works).all()
    assert (largest_boosting_rate(task, 256) > 2 * rate).all()  # about in proportion to B


def test_noise_growth_is_that_of_the_recursion():
    # Of the feedback alone: far from the start, and long before |Delta_A|^2 is K_Q.
    task = tasks(
        20, 20_000, stationary=torch.full((20,), 0.05, dtype=torch.float64), sampler="balanced"
    )
    rate, batch = 0.002, 16
    first, later = (boosted(task, batch, rate, steps) for steps in (576, 768))
    assert (later.attention_error < 0.1 * task.attention_energy).all()
    growth = (later.attention_error / first.attention_error).log() / 192
    expected = 2 * rate * noise_growth(task, batch, rate)
    torch.testing.assert_close(growth, expected, rtol=0.03, atol=0)
