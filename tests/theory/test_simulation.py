"""The simulation against the population path, its own closed forms and real training."""

import math

import numpy as np
import pytest
import scipy.stats
import torch

from scb import Task
from scb.data.philox import CONTEXT, philox4x32
from scb.data.stream import Stream
from scb.kernels.draws import BLOCKS
from scb.kernels.reference import soft_threshold
from scb.kernels.simulation import draw_normals
from scb.learning.algorithm import normalise, refit_value, sparsify, switch_threshold, train
from scb.learning.metrics import AttentionStatistics, ValueStatistics, measure
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import preconditioned
from scb.theory.population import (
    AttentionMoments,
    ValueMoments,
    attention_covariance,
    attention_noise,
    boost_signal_to_noise,
    common_noise,
    expected_attention_gradient,
    expected_value_gradient,
    largest_stable_rate,
    trajectory,
    value_noise,
)
from scb.theory.simulation import REFRESH, ParticleColumns, Simulation

SIGMAS = 5.0  # of a two-sided test: a false alarm in 1.7 million


def split(task: Task, columns: torch.Tensor) -> ParticleColumns:
    """Dense columns (..., R, N, T) with every useless coordinate its own particle."""
    useful = task.attention.mT.expand_as(columns) > 0
    rows = columns.shape[:-1]
    return ParticleColumns(
        columns[useful].reshape(*rows, task.sparsity),
        columns[~useful].reshape(*rows, task.length - task.sparsity),
        task.length,
    )


def place(simulation: Simulation, value: torch.Tensor, columns: ParticleColumns) -> None:
    """Put a simulation at an iterate (V, A)."""
    mu = simulation.task.stationary
    deviation = (value - mu[..., None]) * mu.sqrt()[..., None, :]
    simulation._deviation = deviation[None].to(simulation._deviation.dtype).clone()
    simulation.columns = columns.map(
        lambda entries: entries[None].to(simulation._deviation).clone().contiguous()
    )


def repeated(task: Task, replicates: int) -> Task:
    """The one task in every replicate."""
    return Task.stack([task] * replicates)


def test_particles_for_all_coordinates_are_the_dense_columns(make_task, make_iterate):
    task = make_task(4, 15, 3, weights="drawn")
    _, columns = make_iterate(task, leading=(2,), size=1.0)
    particles = split(task, columns)
    for name, moment in vars(AttentionMoments.of(task, columns)).items():
        torch.testing.assert_close(getattr(particles.moments(task), name), moment, msg=name)
    for name, statistic in vars(AttentionStatistics.of(task, columns)).items():
        torch.testing.assert_close(getattr(particles.statistics(task), name), statistic, msg=name)

    value, statistics = normalise(task, columns, 0.25)
    rounded = particles.round(0.25).statistics(task)
    torch.testing.assert_close(refit_value(task, rounded), value)
    torch.testing.assert_close(rounded.square, statistics.square)

    empty = split(task, torch.full_like(columns, 1 / 15)).round(0.25)  # nothing is large enough
    torch.testing.assert_close(empty.particles, torch.full_like(empty.particles, 1 / 15))


def test_a_particle_stands_for_many_coordinates():
    columns = ParticleColumns(torch.tensor([[0.3, 0.1]]), torch.tensor([[0.01, 0.03]]), 42)
    assert columns.multiplicity == 20
    torch.testing.assert_close(columns.sum(), torch.tensor([0.3 + 0.1 + 20 * 0.04]))
    torch.testing.assert_close(columns.project().sum(), torch.tensor([1.0]))


def test_an_infinite_batch_follows_the_population_path(make_task):
    task = make_task(5, 200)
    simulation = Simulation(task, [0, 1], 10**18, 20, torch.float64)
    path = trajectory(task, [0.1] * 120)
    for step in range(121):
        if step % 40 == 0:
            metrics = measure(task, simulation.value, simulation.columns.statistics(task))
            signals = torch.stack([metrics["value_signal"][0], metrics["attention_signal"][0]])
            torch.testing.assert_close(signals, path[step], rtol=1e-6, atol=1e-8)
            assert metrics["value_error"].max() < 1e-8
        simulation.step(0.1)
    assert path[-1].min() > 0.9


def test_starts_at_planted_signals(make_task):
    task = make_task(5, 200)
    simulation = Simulation(task, [0, 1], 10**18, 20, torch.float64, start=0.2)
    path = trajectory(task, [0.1] * 20, 0.2)
    for step in range(21):
        metrics = measure(task, simulation.value, simulation.columns.statistics(task))
        signals = torch.stack([metrics["value_signal"][0], metrics["attention_signal"][0]])
        torch.testing.assert_close(signals, path[step], rtol=1e-6, atol=1e-8)
        assert max(metrics[f"{part}_error"].max() for part in ("value", "attention")) < 1e-7
        simulation.step(0.1)


def readable_step(simulation, rate, penalty, draws):
    """V and A after a step, dense and by the closed forms as they stand; G = 1."""
    task, batch = simulation.task, simulation._batch_size
    value, columns = simulation.value[0], simulation.columns.map(lambda entries: entries[0])
    value_draw, particle_draw, target, mean_draw, common, count, joint_draw = draws
    mu, trivial = task.stationary, task.stationary.square().sum(-1)[:, None]
    root, tilt = mu.sqrt(), 1 - mu / trivial
    useless, particles = task.length - task.sparsity, columns.particles.shape[-1]
    centred = particle_draw - particle_draw.mean(-1, keepdim=True)
    spread = math.sqrt((1 - 1 / useless) / (1 - 1 / particles))
    mean_draw = mean_draw[..., None] / useless**0.5
    moments, powers = ValueMoments.of(task, value), columns.moments(task)
    shared = (common_noise(task, moments, powers).sqrt() * common)[..., None]
    eta = (rate / task.transition_energy)[:, None, None]

    law = attention_covariance(task, moments, powers, columns.support)
    joint = (torch.linalg.cholesky(law.covariance) @ joint_draw[..., None]).squeeze(-1)
    counts = count / root - (root * count).sum(-1, keepdim=True)
    joint = joint / root[..., None] + law.mean * counts[..., None]  # (R, N, 1 + Q)
    scale, support_noise = joint[..., :1], joint[..., 1:]
    deviation = (law.constant[..., None] + law.square[..., None] * columns.particles**2).sqrt()
    deviation = deviation / root[..., None]
    own = deviation * (spread * centred + mean_draw)

    def stepped(entries, weights, noise):
        mean = expected_attention_gradient(moments, entries, weights)
        return soft_threshold(entries - eta * (mean + (noise + shared) / batch**0.5), penalty)

    after = ParticleColumns(
        stepped(columns.support, task.weights.mT, support_noise),
        stepped(columns.particles, 0.0, scale * columns.particles + own),
        task.length,
    ).project()

    many = columns.multiplicity
    along = (
        (columns.support * support_noise).sum(-1)
        + scale[..., 0] * many * columns.particles.square().sum(-1)
        + many**0.5 * (columns.particles * deviation * centred).sum(-1)
        + many * (columns.particles * deviation * mean_draw).sum(-1)
    )
    along = (mu * along).sum(-1)[:, None, None]  # of <A, G_A>_mu

    def residuals(normal):
        return (torch.diag_embed(mu) - mu[..., None] * mu[:, None]) @ (normal / root[..., None])

    own_directions = torch.eye(task.states) - root[..., None] * root[:, None]
    image = (value - mu[..., None]) * root[:, None]  # (V - mu 1^T) D^1/2
    energy = image.square().sum((-2, -1), keepdim=True)
    noise = residuals(value_draw) @ own_directions
    noise = noise - image * (noise * image).sum((-2, -1), keepdim=True) / energy
    # E|noise|^2 is that of all directions less that of one
    scatter = (moments.scatter / moments.energy)[:, None, None]
    total = (1 - trivial[..., None]) * (task.states - 1) - scatter
    square, overlap = (
        (mu * part).sum(-1)[:, None, None] for part in (powers.square, powers.overlap)
    )
    residual = (
        1 - trivial[..., None] + square * energy - 2 * overlap * moments.overlap[:, None, None]
    )
    fixed = residual * (mu * tilt.square()).sum(-1)[:, None, None]
    tied = law.along(task, powers, columns.support)[:, None, None] / energy
    variance = value_noise(task, moments, powers)[:, None, None]
    noise = noise * ((variance - fixed - tied) / total).sqrt() + image * along / energy
    fixed_size = (residual / (1 - trivial[..., None])).sqrt()
    noise = noise + fixed_size * residuals(target[..., None]) * (tilt * root)[:, None]
    gradient = expected_value_gradient(task, value, columns.statistics(task))
    step = (rate / task.attention_energy)[:, None, None]
    return value - step * (gradient + noise / batch**0.5 / root[:, None]), after


@pytest.mark.parametrize("penalty", [0.0, 0.02])
def test_a_compiled_step_is_the_readable_one(make_task, make_iterate, penalty):
    task = make_task(5, 40, weights="drawn")
    value, dense = make_iterate(task)
    columns = split(task, dense)
    columns = ParticleColumns(columns.support, columns.particles[..., :17], 40).project()
    simulation = Simulation(task, [3, 4], 20, 17, torch.float64)
    place(simulation, value, columns)
    simulation._refresh()
    simulation._draw()
    small = simulation._small_draws
    draws = (
        simulation._value_draws.clone(),
        simulation._particle_draws.clone(),
        *small[:, :4].clone().unbind(1),
        small[:, 4:].mT.clone(),
    )
    expected_value, expected = readable_step(simulation, 0.05, penalty, draws)
    simulation._draw = lambda: None  # the draws stay
    simulation.step(0.05, penalty)
    torch.testing.assert_close(simulation.value[0], expected_value)
    torch.testing.assert_close(simulation.columns.support[0], expected.support)
    torch.testing.assert_close(simulation.columns.particles[0], expected.particles)
    assert (expected.particles - columns.particles).abs().max() > 0.01

    for name, number in vars(ValueStatistics.of(task, simulation.value)).items():
        torch.testing.assert_close(getattr(simulation.value_statistics(), name), number, msg=name)


@pytest.mark.parametrize("particles", [28, 7])
def test_noise_of_a_step_has_the_closed_variance(make_iterate, particles):
    replicates, batch, rate = 4000, 50, 0.01
    task = Task.sample(3, 30, 2, 3, weights="drawn")
    one = Task.stack([task])
    value, dense = make_iterate(one)
    columns = split(one, dense)
    if particles < 28:
        columns = ParticleColumns(columns.support, columns.particles[..., :particles], 30).project()
    many = repeated(task, replicates)
    simulation = Simulation(many, list(range(replicates)), batch, particles, torch.float64)
    place(
        simulation,
        value.expand(replicates, 3, 3),
        columns.map(lambda entries: entries.expand(replicates, *entries.shape[1:])),
    )
    simulation.step(rate)
    moments, powers = ValueMoments.of(one, value), columns.moments(one)

    drift = expected_value_gradient(one, value, columns.statistics(one))
    step = (value - simulation.value[0]) / (rate / one.attention_energy) - drift
    assert step.sum(-2).abs().max() < 1e-9  # 1^T V stays
    assert (step @ one.stationary[0]).abs().max() < 1e-9  # V mu stays
    sizes = batch * (step.square() * one.stationary).sum((-2, -1))
    error = sizes.std() / replicates**0.5
    assert abs(sizes.mean() - value_noise(one, moments, powers)) < SIGMAS * error

    stepped = simulation.columns
    eta = (rate / one.transition_energy).item()
    for before, after, weights in (
        (columns.support, stepped.support, one.weights.mT),
        (columns.particles, stepped.particles, 0.0),
    ):
        mean = expected_attention_gradient(moments, before, weights)
        variance = attention_noise(one, moments, powers, before, weights)[0]  # (N, K)
        noise = (before - after[0]) / eta - mean  # (R, N, K), one shift in each column
        noise = noise - noise.mean(-1, keepdim=True)
        sizes = batch * noise.square().sum(-1)  # (R, N)
        # Without its mean, noise of n coordinates keeps a share 1 - 1/n; particles are as many
        # as the coordinates that they stand for.
        represented = 2 if before is columns.support else 28
        expected = variance.sum(-1) * (1 - 1 / represented)
        error = sizes.std(0) / replicates**0.5
        assert ((sizes.mean(0) - expected).abs() < SIGMAS * error + 0.01 * expected).all()


def test_common_noise_is_seen_by_the_threshold():
    # At V = mu 1^T all noise of A is a shift that the entries of a column share. Within lambda
    # the threshold takes it off the useless entries alone: it stays in the difference.
    replicates, rate, penalty = 4000, 0.001, 0.2
    task = repeated(Task.sample(3, 30, 2, 3), replicates)
    mu = task.stationary[0]
    simulation = Simulation(task, list(range(replicates)), 1, 28, torch.float64)
    trivial = task.stationary[..., None].expand_as(task.transition)
    place(simulation, trivial, split(task, task.attention.mT))
    simulation.step(rate, penalty)
    columns = simulation.columns
    shifts = 0.5 - penalty - (columns.support[0, ..., 0] - columns.particles[0, ..., 0])  # (R, N)

    eta = rate / task.transition_energy[0]
    residual = mu - torch.eye(3)  # r = mu - e_o, a row for each o ~ mu
    variance = eta**2 * (mu * (residual @ mu).square()).sum() / mu
    assert (variance.sqrt() < penalty / 6).all()
    error = math.sqrt(2 / replicates)  # relative, of the variance of a normal
    ratio = shifts.square().mean(0) / variance
    assert ((ratio - 1).abs() < SIGMAS * error).all()


def test_moments_between_refreshes_keep_up_with_the_growth_of_v(make_task):
    task = make_task(4, 100)
    simulation = Simulation(task, [0, 1], 10**6, 98, torch.float64)
    for _ in range(2 * REFRESH - 1):
        simulation.step(0.1)
    kept, exact = simulation._value_moments(), ValueMoments.of(task, simulation.value)
    stale = simulation._moments
    assert (exact.scatter > 2 * stale.scatter).all()  # much has happened since
    torch.testing.assert_close(kept.energy, exact.energy)
    torch.testing.assert_close(kept.overlap, exact.overlap)
    for name in ("scatter", "gram", "cross_gram"):
        torch.testing.assert_close(getattr(kept, name), getattr(exact, name), rtol=0.02, atol=0)


def test_replicates_and_branches_are_paired(make_task):
    four, two = make_task(3, 40, replicates=4), make_task(3, 40, replicates=2)
    runs = [Simulation(task, [*range(len(task.seeds))], 32, 10) for task in (four, two)]
    for simulation in runs:
        for _ in range(5):
            simulation.step(0.05)
        simulation.branch([False, False, True])
        for _ in range(15):
            simulation.step(0.05, torch.tensor([0.0, 0.0, 1e-3]))
    torch.testing.assert_close(runs[0].value[:, :2], runs[1].value)  # 2 of 4 are the same
    torch.testing.assert_close(runs[0].value[0], runs[0].value[1], rtol=0, atol=0)
    assert (runs[0].value[0] - runs[0].value[2]).abs().max() > 1e-4


def test_branch_thresholds_like_the_algorithm(make_task, make_iterate):
    task = make_task(4, 15)
    value, dense = make_iterate(task, size=1.0)
    simulation = Simulation(task, [0, 1], 32, 13, torch.float64)
    place(simulation, value, split(task, dense))
    simulation.branch([True, False])
    sparse = sparsify(dense, switch_threshold(task, value))
    torch.testing.assert_close(simulation.columns.particles[0], split(task, sparse).particles)
    torch.testing.assert_close(simulation.columns.support[1], split(task, dense).support)


def run(task: Task, batch: int, particles: int, boost: int, steps: int, rate: float, lam: float):
    """Metrics at the end of Stage 1 (G = 1) and at the end, (SGD, proximal)."""
    simulation = Simulation(task, [*range(len(task.seeds))], batch, particles)
    for _ in range(boost):
        simulation.step(rate)
    middle = measure(task, simulation.value, simulation.columns.statistics(task))
    simulation.branch([False, True])
    for _ in range(boost, steps):
        simulation.step(rate, torch.tensor([0.0, lam]))
    return middle, measure(task, simulation.value, simulation.columns.statistics(task))


def real(task: Task, batch: int, boost: int, steps: int, rate: float, lam: float):
    """The same by training on the stream."""

    def metrics(model: LinearTransformer) -> dict[str, torch.Tensor]:
        columns = AttentionStatistics.of(task, model.columns.detach())
        return measure(task, model.value.detach(), columns)

    stream = Stream(task, [*range(len(task.seeds))])
    model = LinearTransformer.initial(task)
    train(model, preconditioned(task, model, rate), stream, range(boost), batch)
    middle = metrics(model)
    value, columns = model.value.detach(), model.columns.detach()
    sparse = sparsify(columns, switch_threshold(task, value).to(columns))
    model = LinearTransformer(value.expand(2, *value.shape), torch.stack([columns, sparse]))
    penalty = torch.tensor([[0.0], [lam]])
    train(model, preconditioned(task, model, rate, penalty), stream, range(boost, steps), batch)
    return middle, metrics(model)


def assert_same_law(left: dict, right: dict, slack: float) -> None:
    """Means over replicates agree within SIGMAS standard errors plus a relative slack."""
    for name in ("value_signal", "attention_signal", "value_error", "attention_error", "test_loss"):
        # The signs of the signals are noise's in Stage 1; squared errors are what adds up.
        power = 2 if name.endswith("error") else 1
        means, errors = [], []
        for metrics in (left, right):
            sizes = metrics[name].abs() ** power  # (..., R)
            means.append(sizes.mean(-1))
            errors.append(sizes.std(-1) / sizes.shape[-1] ** 0.5)
        bound = SIGMAS * torch.hypot(*errors) + slack * means[0]
        assert ((means[0] - means[1]).abs() <= bound).all(), f"{name}: {means}, bound {bound}"


def test_agrees_with_training_on_sequences():
    # Everything that the module's docstring lists as approximate, at a size that can be
    # trained: 10% of slack, and about as much of statistical error.
    task = repeated(Task.sample(3, 150, 2, 5), 48)
    setting = {"batch": 32, "boost": 120, "steps": 300, "rate": 0.03, "lam": 1e-3}
    trained = real(task, **setting)
    simulated = run(task, particles=148, **setting)
    for left, right in zip(trained, simulated, strict=True):
        assert_same_law(left, right, slack=0.1)
    sgd, proximal = trained[1]["attention_error"].square().mean(-1)
    assert sgd > 1.5 * proximal  # there is a difference to agree on


def test_agrees_with_training_from_planted_signals():
    # As the check of figure 6, whose N and T allow no more than a few replicates.
    task = repeated(Task.sample(5, 200, 2, 5), 64)
    batch, steps, rate, penalty, signal = 64, 150, 0.02, torch.tensor([[5e-4], [0.0]]), 0.2
    simulation = Simulation(task, [*range(64)], batch, 32, start=signal)
    simulation.branch([False, False])
    value = simulation.value.float()
    columns = signal * task.attention.mT + (1 - signal) / task.length
    model = LinearTransformer(value, columns.float().expand(2, *columns.shape))
    for _ in range(steps):
        simulation.step(rate, penalty[:, 0])
    stream = Stream(task, [*range(64)])
    train(model, preconditioned(task, model, rate, penalty), stream, range(steps), batch)
    trained = AttentionStatistics.of(task, model.columns.detach())
    simulated = simulation.columns.statistics(task)
    real, ours = (
        measure(task, model.value.detach(), trained),
        measure(task, simulation.value, simulated),
    )
    assert_same_law(real, ours, slack=0.05)
    proximal, sgd = real["attention_error"].square().mean(-1)
    assert sgd > 1.5 * proximal


@pytest.fixture(scope="module")
def spread():
    """What 400 replicates are trained from and at, and what they are trained to."""
    task, batch, steps, rate, signal = Task.sample(3, 100, 2, 5), 64, 150, 0.05, 0.5
    many = repeated(task, 400)
    model = LinearTransformer(
        Simulation(many, [*range(400)], batch, 1, start=signal).value[0].float(),
        (signal * many.attention.mT + (1 - signal) / task.length).float(),
    )
    train(
        model, preconditioned(many, model, rate), Stream(many, [*range(400)]), range(steps), batch
    )
    return many, batch, steps, rate, signal, model


@pytest.mark.parametrize("particles", [98, 24])
def test_signals_spread_as_in_training(spread, particles):
    # Along the valley (c V, A / c) nothing holds an iterate: its spread is that of noise, which
    # is three times as large where V and A are drawn apart. The ratio's standard error is 0.05.
    many, batch, steps, rate, signal, model = spread
    simulation = Simulation(many, [*range(400)], batch, particles, start=signal)
    for _ in range(steps):
        simulation.step(rate)
    trained = AttentionStatistics.of(many, model.columns.detach())
    real = measure(many, model.value.detach(), trained)
    after = simulation.columns.map(lambda entries: entries[0])
    ours = measure(many, simulation.value[0], after.statistics(many))
    for name in ("value_signal", "attention_signal"):
        assert real[name].std() > 0.05  # there is something to spread
        assert 0.85 < ours[name].std() / real[name].std() < 1.15, name
    if particles == 98:
        real = measure(many, *normalise(many, model.columns.detach(), 0.25))["attention_distance"]
        ours = measure(many, *after.normalise(many, 0.25))["attention_distance"]
        uniform = (many.attention_energy).sqrt()
        assert ((real > 0.1) & (real < uniform)).double().mean() > 0.5  # neither rounded nor lost
        assert 0.95 < ours.mean() / real.mean() < 1.05


def test_few_particles_stand_for_many():
    task = repeated(Task.sample(4, 400, 2, 5, sampler="balanced", concentration=0.3), 128)
    setting = {"batch": 64, "boost": 100, "steps": 250, "rate": 0.04, "lam": 1e-3}
    all_of_them = run(task, particles=398, **setting)
    few = run(task, particles=16, **setting)
    for left, right in zip(all_of_them, few, strict=True):
        assert_same_law(left, right, slack=0.05)


def test_sign_of_stage_1_has_the_closed_odds():
    task = Task.sample(3, 300, 2, 5)
    rate, batch = 0.05, 1130
    ratio = float(boost_signal_to_noise(task, batch, rate))
    assert 0.9 < ratio < 1.1
    odds = (1 + math.erf(ratio / math.sqrt(2))) / 2
    many = repeated(task, 1000)
    simulation = Simulation(many, list(range(1000)), batch, 16)
    for _ in range(85):
        simulation.step(rate)
    metrics = measure(many, simulation.value, simulation.columns.statistics(many))
    positive = (metrics["value_signal"] > 0).double().mean().item()
    assert abs(positive - odds) < SIGMAS * math.sqrt(odds * (1 - odds) / 1000) + 0.01


@pytest.mark.parametrize(("states", "length", "batch"), [(3, 5000, 64), (10, 1000, 128)])
def test_stable_rate_separates_bounded_from_diverging_runs(states, length, batch):
    task = Task.stack([Task.sample(states, length, 2, seed) for seed in range(4)])
    truth = ParticleColumns(task.weights.mT, torch.zeros(4, states, 32), length)
    stable = largest_stable_rate(task, batch).float()

    def sizes(multiple: float, steps: int) -> torch.Tensor:
        simulation = Simulation(task, [0, 1, 2, 3], batch, 32)
        place(simulation, task.transition, truth)
        for _ in range(steps):
            simulation.step(multiple * stable)
        statistics = simulation.columns.statistics(task)
        return measure(task, simulation.value, statistics)["attention_distance"]

    assert (sizes(0.5, 1000) < 10).all()
    assert (~(sizes(2.0, 100) < 1e3)).all()  # infinite and nan count as diverged


def test_refuses_impossible_settings(make_task):
    task = make_task(3, 10)
    with pytest.raises(ValueError, match="particles is 9"):
        Simulation(task, [0, 1], 8, 9)
    with pytest.raises(ValueError, match="batch_size is 0"):
        Simulation(task, [0, 1], 0, 8)
    with pytest.raises(ValueError, match="3 seeds for 2 replicates"):
        Simulation(task, [0, 1, 2], 8, 8)


def box_muller(seed: int, step: int, part: int, count: int) -> np.ndarray:
    """What `draw_normals` computes, in double precision from single-precision u."""
    blocks = torch.arange(-(-count // (4 * BLOCKS)) * BLOCKS)
    zeros = torch.zeros_like(blocks)
    counter = (blocks, zeros + part, zeros + step, zeros + CONTEXT)
    key = (torch.tensor(seed & 0xFFFFFFFF), torch.tensor(seed >> 32))
    words = torch.stack(philox4x32(counter, key), -1).reshape(-1, 2, 2 * BLOCKS).numpy()
    u = (words[:, 0].astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-32)
    radius, angle = np.sqrt(-2 * np.log(u.astype(np.float64))), 2 * np.pi * words[:, 1] / 2**32
    both = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
    return both.reshape(-1)[:count]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("count", [1, 4 * BLOCKS, 4 * BLOCKS + 1, 30_000])
def test_normals_are_box_and_mullers_of_the_counter(count, dtype):
    draws = torch.empty(2, count, dtype=dtype)
    draw_normals(draws, [2**40 + 3, 5], 7, 2)
    for row, seed in zip(draws, [2**40 + 3, 5], strict=True):
        np.testing.assert_allclose(row.numpy(), box_muller(seed, 7, 2, count), atol=3e-6)


def test_normals_are_normal_and_independent():
    count = 2**20
    draws = torch.empty(1, count)
    rows = []
    for seed, step, part in [(1, 0, 0), (2, 0, 0), (1, 1, 0), (1, 0, 1)]:
        draw_normals(draws, [seed], step, part)
        rows.append(draws[0].double().numpy())
    for row in rows:
        assert scipy.stats.kstest(row, "norm").pvalue > math.erfc(SIGMAS / math.sqrt(2))
        # Means of z, z^2, z^3 and z^4, by their standard errors.
        for power, (mean, variance) in enumerate([(0, 1), (1, 2), (0, 15), (3, 96)], start=1):
            assert abs((row**power).mean() - mean) < SIGMAS * math.sqrt(variance / count)
        # Pairs share a radius: neighbours, halves of a chunk and squares must not be related.
        for lag in (1, 2 * BLOCKS, 4 * BLOCKS):
            for one, two in ((row, row), (row**2 - 1, (row**2 - 1) / 2)):
                assert abs((one[lag:] * two[:-lag]).mean()) < SIGMAS / math.sqrt(count - lag)
    correlation = np.corrcoef(rows) - np.eye(len(rows))
    assert abs(correlation).max() < SIGMAS / math.sqrt(count)
