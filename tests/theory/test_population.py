"""Closed forms against autograd, against real mini-batches, and against runs."""

import math

import numpy as np
import pytest
import torch

from scb import Task
from scb.data.samplers import SAMPLERS
from scb.data.stream import Stream
from scb.kernels.reference import project_columns, soft_threshold
from scb.learning import metrics
from scb.learning.algorithm import train
from scb.learning.metrics import AttentionStatistics, attention_signal, measure, value_signal
from scb.learning.models import LinearTransformer, squared_loss
from scb.learning.optimizers import precondition_value, preconditioned
from scb.theory.population import (
    AttentionMoments,
    ValueMoments,
    attention_covariance,
    attention_noise,
    balancing_penalty,
    boost_signal_to_noise,
    common_noise,
    expected_attention_gradient,
    expected_value_gradient,
    largest_stable_rate,
    trajectory,
    value_noise,
)


def pattern(task: Task) -> torch.Tensor:
    return task.attention.mT


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_expected_gradients_are_those_of_the_population_loss(make_task, make_iterate, sampler):
    task = make_task(5, 11, sampler=sampler, weights="drawn")
    value, columns = (part.requires_grad_() for part in make_iterate(task, leading=(3,)))
    # As `AttentionStatistics.of`, through which no gradient flows.
    overlap = (pattern(task) * columns).sum(-1)
    differentiable = AttentionStatistics(overlap, columns.square().sum(-1), columns.sum(-1))
    metrics.test_loss(task, value, differentiable).sum().backward()
    mu = task.stationary

    statistics = AttentionStatistics.of(task, columns.detach())
    expected = expected_value_gradient(task, value.detach(), statistics)
    torch.testing.assert_close(precondition_value(value.grad, mu), expected)

    raw = expected_attention_gradient(
        ValueMoments.of(task, value.detach()), columns.detach(), pattern(task)
    )
    gradient = columns.grad / mu[..., None]
    # Stepping and projecting either from the paper's start must be the same.
    start = torch.full_like(columns, 1 / 11).detach()
    torch.testing.assert_close(project_columns(start - gradient), project_columns(start - raw))


def test_expected_gradients_vanish_along_the_valley_of_minima(make_task):
    task = make_task(4, 9)
    trivial = task.stationary[..., None].expand_as(task.transition)
    value = 2 * task.transition - trivial  # alpha_V = 2
    overlap = task.weights.square().sum(-2)
    # a = q / 2; what is missing from its sum lies elsewhere, spread thin
    attention = AttentionStatistics(overlap / 2, overlap / 4, torch.ones_like(overlap))
    gradient = expected_value_gradient(task, value, attention)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient))


def test_power_sums_of_the_columns(make_task, make_iterate):
    task = make_task(4, 9, 3, weights="drawn")
    _, columns = make_iterate(task)
    moments = AttentionMoments.of(task, columns)
    weights = pattern(task)
    for name, expected in {
        "square": (columns**2).sum(-1),
        "cube": (columns**3).sum(-1),
        "fourth": (columns**4).sum(-1),
        "overlap": (weights * columns).sum(-1),
        "square_overlap": (weights * columns**2).sum(-1),
        "cube_overlap": (weights * columns**3).sum(-1),
    }.items():
        torch.testing.assert_close(getattr(moments, name), expected, msg=name)


def test_moments_of_a_scaled_deviation(make_task, make_iterate):
    task = make_task(4, 9)
    value, _ = make_iterate(task)
    trivial = task.stationary[..., None]
    factor = torch.tensor([0.5, 3.0], dtype=torch.float64)
    direct = ValueMoments.of(task, trivial + factor[:, None, None] * (value - trivial))
    scaled = ValueMoments.of(task, value).scaled(factor)
    for name, moment in vars(direct).items():
        torch.testing.assert_close(getattr(scaled, name), moment, msg=name)


BATCH, REPLICATES, LENGTH = 4, 500, 200
SIGMAS = 5.0  # of a two-sided test: a false alarm in 1.7 million


def gradients(task: Task, value: torch.Tensor, columns: torch.Tensor):
    """G_V and the raw ``g_A / mu`` of tens of thousands of mini-batches of the true stream."""
    copies = Task.stack([task] * REPLICATES)
    stream = Stream(copies, list(range(REPLICATES)))
    shape = REPLICATES, task.states
    model = LinearTransformer(
        value.float().expand(*shape, task.states), columns.float().expand(*shape, task.length)
    )
    for step in range(160 // task.states + 8):  # few states, heavy tails
        batch = stream.batch(step, BATCH)
        model.zero_grad()
        squared_loss(model(batch), batch.targets).sum().backward()
        mu = copies.stationary
        yield (
            precondition_value(model.value.grad.double(), mu),
            model.columns.grad.double() / mu[..., None],
        )


@pytest.mark.parametrize("states", [3, 10, 20])
@pytest.mark.parametrize("iterate", ["initial", "middle", "truth"])
def test_gradient_noise_of_real_batches_within_3_percent(make_iterate, states, iterate):
    # The relative standard error of each estimate is asserted to be below 1%; the bound
    # of 3% so leaves room for the O(1/T) that the closed form drops (0.5% here).
    task = Task.sample(states, LENGTH, 2, 11, weights="drawn")
    mu = task.stationary
    if iterate == "initial":
        value = mu[:, None].expand(states, states)
        columns = torch.full((states, LENGTH), 1 / LENGTH, dtype=torch.float64)
    elif iterate == "middle":
        value, columns = (part[0] for part in make_iterate(Task.stack([task]), size=0.5))
    else:
        value, columns = task.transition, pattern(task)
    moments, powers = ValueMoments.of(task, value), AttentionMoments.of(task, columns)
    weights = pattern(task)
    noise = attention_noise(task, moments, powers, columns, weights)  # (N, T)
    raw = expected_attention_gradient(moments, columns, weights)
    mean = raw - raw.mean(-1, keepdim=True)
    value_mean = expected_value_gradient(task, value, AttentionStatistics.of(task, columns))
    useful = weights > 0
    expected = {
        "value": value_noise(task, moments, powers),
        "useful": (mu[:, None] * noise)[useful].sum(),
        "useless": (mu[:, None] * noise)[~useful].sum(),
        "common": (mu * (common_noise(task, moments, powers) + noise.mean(-1) / LENGTH)).sum(),
    }
    samples: dict[str, list[torch.Tensor]] = {name: [] for name in expected}
    for value_gradient, attention_gradient in gradients(task, value, columns):
        shared = attention_gradient.mean(-1, keepdim=True)
        error = mu[:, None] * (attention_gradient - shared - mean).square()
        samples["value"].append(((value_gradient - value_mean).square() * mu).sum((-2, -1)))
        samples["useful"].append(error[:, useful].sum(-1))
        samples["useless"].append(error[:, ~useful].sum(-1))
        samples["common"].append((mu[:, None] * shared.square()).sum((-2, -1)))
    for name, closed_form in expected.items():
        drawn = BATCH * torch.cat(samples[name])
        if iterate == "initial" and name.startswith("use"):
            assert closed_form == 0  # V mu^T: the images of all tokens are the same
            assert drawn.max() < 1e-12
            continue
        estimate, standard_error = drawn.mean(), drawn.std() / len(drawn) ** 0.5
        assert standard_error < 0.01 * estimate, f"{name}: too few batches to tell"
        assert abs(closed_form - estimate) < 0.03 * estimate, (
            f"{name}: closed form {closed_form:.5g}, batches {estimate:.5g} +- {standard_error:.2g}"
        )


@pytest.mark.parametrize("iterate", ["middle", "truth"])
def test_covariance_of_real_batches(make_iterate, iterate):
    # Of the useless part along A and of the support of every column, all pairs; the bound is 5
    # standard errors, and 1% of the standard deviations for the O(1/T) that is dropped.
    task = Task.sample(3, LENGTH, 2, 11, weights="drawn")
    mu, weights = task.stationary, pattern(task)
    if iterate == "middle":
        value, columns = (part[0] for part in make_iterate(Task.stack([task]), size=0.5))
    else:
        value, columns = task.transition, weights
    moments, powers = ValueMoments.of(task, value), AttentionMoments.of(task, columns)
    support = columns.gather(-1, task.positions.mT)  # (N, Q)
    law = attention_covariance(task, moments, powers, support)
    square, fourth = powers.others(2, support), powers.others(4, support)  # (N,)
    outer = torch.cat([square[:, None], torch.ones_like(support)], -1)  # of w: w sum a^2
    within = law.covariance * outer[..., None] * outer[:, None]
    within[:, 0, 0] += law.constant * square + law.square[..., 0] * fourth
    mean = (outer * law.mean).flatten()
    between = torch.block_diag(*(within / mu[:, None, None])) - mean[:, None] * mean
    rate = torch.block_diag(*(torch.ones(3, 3, dtype=mu.dtype) / mu[:, None, None]))
    expected = between + rate * mean[:, None] * mean  # (N (1 + Q), N (1 + Q))

    useless = columns.clone()
    useless.scatter_(-1, task.positions.mT, 0.0)
    drawn = []
    for _, gradient in gradients(task, value, columns):
        gradient = gradient - gradient.mean(-1, keepdim=True)  # (REPLICATES, N, T)
        entries = gradient.gather(-1, task.positions.mT.expand(REPLICATES, -1, -1))
        drawn.append(
            torch.cat([(gradient * useless).sum(-1, keepdim=True), entries], -1).flatten(1)
        )
    samples = BATCH**0.5 * torch.cat(drawn)
    samples = samples - samples.mean(0)
    products = samples[:, :, None] * samples[:, None]
    estimate, error = products.mean(0), products.std(0) / len(samples) ** 0.5
    sizes = expected.diagonal().sqrt()
    slack = 5 * error + 0.01 * sizes[:, None] * sizes
    assert ((estimate - expected).abs() <= slack).all(), (estimate - expected) / slack
    apart = expected - torch.diag(expected.diagonal())
    assert (apart.abs() > slack).any()  # independent coordinates would not do


def test_what_scales_attention_scales_the_value_matrix(make_iterate):
    uniform = torch.full((4,), 0.25, dtype=torch.float64)
    task = Task.sample(4, LENGTH, 2, 1, sampler="balanced", stationary=uniform)
    value, columns = (part[0] for part in make_iterate(Task.stack([task]), size=0.5))
    deviation, mu = value - task.stationary[:, None], task.stationary
    support = columns.gather(-1, task.positions.mT)
    powers = AttentionMoments.of(task, columns)
    law = attention_covariance(task, ValueMoments.of(task, value), powers, support)
    drawn = []
    for value_gradient, gradient in gradients(task, value, columns):
        left = (deviation * value_gradient * mu).sum((-2, -1))
        right = (columns * gradient * mu[:, None]).sum((-2, -1))
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-4)
        drawn.append(right)
    samples = BATCH**0.5 * torch.cat(drawn)
    variance, error = samples.var(), samples.square().std() / len(samples) ** 0.5
    assert error < 0.02 * variance
    assert abs(law.along(task, powers, support) - variance) < SIGMAS * error


@pytest.mark.parametrize("scaled", [True, False])
def test_trajectory_is_descent_on_the_population_loss(make_task, scaled):
    task = make_task(4, 30, weights="drawn")
    rates = [0.1] * 40 + [0.05] * 20
    path = trajectory(task, rates, scaled=scaled)
    energies = [energy[:, None, None] if scaled else 1.0
                for energy in (task.attention_energy, task.transition_energy)]  # fmt: skip
    trivial = task.stationary[..., None].expand_as(task.transition)
    value, columns = trivial.clone(), torch.full_like(pattern(task), 1 / 30)
    for step, rate in enumerate(rates):
        statistics = AttentionStatistics.of(task, columns)
        measured = torch.stack([value_signal(task, value), attention_signal(task, statistics)])
        torch.testing.assert_close(path[step], measured)
        value_rate, attention_rate = (rate / energy for energy in energies)
        raw = expected_attention_gradient(ValueMoments.of(task, value), columns, pattern(task))
        value = value - value_rate * expected_value_gradient(task, value, statistics)
        columns = project_columns(columns - attention_rate * raw)
    measured = measure(task, value, AttentionStatistics.of(task, columns))
    torch.testing.assert_close(path[-1, 0], measured["value_signal"])
    assert measured["value_error"].max() < 1e-12  # the plane of the signals is invariant
    assert path.shape == (61, 2, 2)
    assert (path[-1] > (0.5 if scaled else 0)).all()


def test_trajectory_goes_on_from_the_signals_of_each_replicate(make_task):
    task = make_task(4, 30)
    path = trajectory(task, [0.1] * 10 + [0.05] * 5)  # (16, 2, R)
    assert (path[10, 0] != path[10, 1]).all()
    torch.testing.assert_close(trajectory(task, [0.05] * 5, path[10]), path[10:])


def test_training_with_large_batches_follows_the_trajectory(make_task, make_stream):
    """The deviation falls like 1 / sqrt(B): below 0.05 at B = 32768, a fraction of it at 16 B."""
    task = make_task(3, 20, sampler="balanced")
    path = trajectory(task, [0.1] * 100)  # (101, 2, R)
    assert (path[5] < 0.1).all()
    assert (path[100].prod(0) > 0.99).all()
    worst = []
    for batch_size in (2048, 32768):
        model = LinearTransformer.initial(task)
        signals = []

        def observe(step, model=model, signals=signals):
            if step % 10 == 0:
                value, columns = model.value.detach().double(), model.columns.detach()
                statistics = AttentionStatistics.of(task, columns)
                signals.append(
                    torch.stack([value_signal(task, value), attention_signal(task, statistics)])
                )

        steps = preconditioned(task, model, 0.1)
        train(model, steps, make_stream(task), range(101), batch_size, observe)
        worst.append((torch.stack(signals) - path[::10]).abs().max())
    assert worst[1] < 0.05
    assert worst[1] < worst[0] / 2


def test_real_runs_stay_bounded_below_the_stable_rate_and_diverge_above():
    task = Task.stack([Task.sample(3, 100, 2, seed) for seed in range(6)])
    rate = largest_stable_rate(task, 32)

    def sizes(multiple: float, steps: int) -> torch.Tensor:
        model = LinearTransformer(task.transition.float(), pattern(task).float())
        stream = Stream(task, list(range(6)))
        train(model, preconditioned(task, model, multiple * rate), stream, range(steps), 32)
        statistics = AttentionStatistics.of(task, model.columns.detach())
        return measure(task, model.value.detach(), statistics)["attention_distance"]

    assert (sizes(0.5, 400) < 10).all()
    assert (~(sizes(2.0, 100) < 1e3)).all()  # infinite and nan count as diverged


def test_stable_rate_scales_with_the_batch_over_the_length(make_task):
    # In the limit of much noise eta ~ 2 sqrt(K_P K_Q B / T), see the docstring.
    task = make_task(10, 100_000, sampler="balanced")
    rates = [largest_stable_rate(task, batch) for batch in (1000, 4000)]
    torch.testing.assert_close(
        rates[1] / rates[0], torch.full((2,), 2.0).double(), rtol=0.05, atol=0
    )


def test_signal_to_noise_of_the_boost_knows_how_uniform_mu_is():
    # The noise along P at the start is all of it that counts; sampled here directly.
    uniform = torch.full((4,), 0.25, dtype=torch.float64)
    options = {"sampler": "balanced", "concentration": 0.5}
    level = Task.sample(4, 500, 2, 1, stationary=uniform, **options)
    tilted = Task.sample(4, 500, 2, 1, **options)
    generator = torch.Generator().manual_seed(0)
    for task in (level, tilted):
        mu, size = task.stationary, 200_000
        # s, independent of the target up to O(1/T)
        counts = np.random.default_rng(0).multinomial(500, mu.numpy(), size)
        sums = torch.from_numpy(counts / 500)
        target = torch.multinomial(mu, size, replacement=True, generator=generator)
        residual = mu - torch.nn.functional.one_hot(target, 4)
        token = sums / mu
        token = token - (token @ mu)[:, None] * mu / mu.square().sum()
        along = ((residual @ task.transition) * mu * token).sum(-1)  # <r c^T, P>_mu
        ratio = task.transition_energy * math.sqrt(2 / 0.01) / (500 * along.std() / math.sqrt(64))
        torch.testing.assert_close(boost_signal_to_noise(task, 64, 0.01), ratio, rtol=0.02, atol=0)
    longer = [
        Task.sample(4, 50_000, 2, 1, **options, **extra) for extra in ({"stationary": uniform}, {})
    ]
    loss = [
        float(boost_signal_to_noise(short, 64, 0.01) / boost_signal_to_noise(long, 64, 0.01))
        for short, long in zip((level, tilted), longer, strict=True)
    ]
    assert loss[0] == pytest.approx(10, rel=0.01)  # sqrt(T): the batch must grow like T
    assert loss[1] > 50  # towards T: the batch must grow like T^2


def test_balancing_penalty_holds_an_entry_as_the_gradient_does():
    uniform = torch.full((4,), 0.25, dtype=torch.float64)
    task = Task.sample(4, 500, 2, 1, sampler="balanced", concentration=0.5, stationary=uniform)
    batch, rate = 64, 0.02
    truth = pattern(task)
    variance = attention_noise(
        task,
        ValueMoments.of(task, task.transition),
        AttentionMoments.of(task, truth),
        torch.zeros(4, 1),
    )
    assert variance.max() / variance.min() == pytest.approx(1)  # uniform mu, uniform weights
    sigma = rate / task.transition_energy * (variance[0, 0] / batch).sqrt()
    penalty = balancing_penalty(task, batch, rate)
    generator = torch.Generator().manual_seed(0)
    entries = torch.zeros(20_000, dtype=torch.float64)
    for _ in range(400):  # ten relaxation times
        step = torch.randn(len(entries), generator=generator, dtype=torch.float64)
        entries = soft_threshold(entries + sigma * step, penalty)
    # Mean size of the exponential law; the discrete step of the threshold shifts it a little.
    assert entries.abs().mean() == pytest.approx(float(sigma / (2 * rate) ** 0.5), rel=0.15)
