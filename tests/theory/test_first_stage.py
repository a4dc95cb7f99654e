"""What the first stage needs to find the support: closed forms against runs and by hand."""

import math

import pytest
import torch

from scb import Task
from scb.data.seeds import derive
from scb.learning.algorithm import train
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import preconditioned
from scb.theory.first_stage import (
    calm_batch,
    drift_steps,
    growth_rate,
    rank_batch,
    support_batch,
)
from scb.theory.population import AttentionMoments, ValueMoments, attention_noise
from scb.theory.stage1 import required_batch


def tasks(length, replicates=8, uniform=False):
    stationary = torch.full((3,), 1 / 3, dtype=torch.float64) if uniform else None
    options = {"sampler": "balanced", "concentration": 0.1, "stationary": stationary}
    seeds = [derive(3, "task", replicate) for replicate in range(replicates)]
    return Task.stack([Task.sample(3, length, 2, seed, **options) for seed in seeds])


def test_rank_batch_is_from_the_signal_to_noise_of_one_gradient():
    """Twice ``ln T`` over its square in one batch, of which ``2 / rate`` count."""
    task, rate, alpha = tasks(2000, uniform=True), 0.1, 0.01
    value = ValueMoments.of(
        task, alpha * task.transition + (1 - alpha) * task.stationary[..., None]
    )
    columns = torch.full((8, 3, 2000), 1 / 2000, dtype=torch.float64)
    entry = columns[..., :1]
    noise = attention_noise(task, value, AttentionMoments.of(task, columns), entry)[..., 0]
    single = 2 * math.log(2000) * noise / (value.overlap[:, None] / 2) ** 2  # (R, N)
    expected = (rate / 2 * single).mean(-1)
    torch.testing.assert_close(rank_batch(task, rate), expected, rtol=2e-3, atol=0)


@pytest.mark.parametrize("uniform", [False, True])
def test_noise_of_logits_is_that_of_a_linear_run(make_stream, uniform):
    """Root mean square of ``T a - 1`` at useless positions where calm_batch has its level."""
    task, level, steps = tasks(200, uniform=uniform), 0.5, 50
    time = torch.acosh(1 + level * task.sparsity * task.attention_energy)
    # Its batch at the rate at which these steps take this time.
    batch = calm_batch(task, 1.0, level) * time / steps
    size = int(batch.mean())
    model = LinearTransformer.initial(task)
    train(model, preconditioned(task, model, time / steps), make_stream(task), range(steps), size)
    logits = 200 * model.columns.detach().double() - 1
    useless = torch.ones_like(logits, dtype=torch.bool).scatter(-1, task.positions.mT, False)
    noise = (logits.square() * useless).sum((-2, -1)) / useless.sum((-2, -1))
    expected = level / math.sqrt(2 * math.log(200)) * batch / size
    ratio = float((noise.sqrt() / expected).mean())
    assert 0.75 < ratio < 1.33, ratio


@pytest.mark.parametrize("factor", [1.0, 0.01])
def test_drift_steps_are_those_of_the_recursion(factor):
    task, rate, level = tasks(300, replicates=1), 0.01, 0.1
    pattern = float(task.attention_energy)
    value = attention = 0.0
    steps = 0
    while attention < level:
        value, attention = (
            value + rate * (attention + 1 / (300 * pattern)),
            attention + factor * rate * value,
        )
        steps += 1
    found = drift_steps(task, growth_rate(rate, factor), level)
    assert found == pytest.approx(steps, rel=0.02)


def test_what_the_batches_grow_with():
    short, long = tasks(20_000), tasks(200_000)
    logs = math.log(200_000) / math.log(20_000)
    torch.testing.assert_close(
        rank_batch(long, 0.1), logs * rank_batch(short, 0.1), rtol=1e-9, atol=0
    )
    growth = calm_batch(long, 0.1, 1.0) / calm_batch(short, 0.1, 1.0)
    torch.testing.assert_close(growth, torch.full_like(growth, 10 * logs**0.5), rtol=1e-2, atol=0)
    torch.testing.assert_close(calm_batch(short, 0.2, 1.0), 2 * calm_batch(short, 0.1, 1.0))


def test_sign_decides_if_t_is_long_and_noise_of_logits_if_it_is_short():
    long = tasks(20_000)
    for softmax in (False, True):
        assert support_batch(long, 0.1, 0.1, softmax=softmax) == pytest.approx(
            required_batch(long, 0.1), rel=1e-6
        )
    short = tasks(50)
    linear, softmax = (support_batch(short, 0.1, 0.1, softmax=on) for on in (False, True))
    assert required_batch(short, 0.1) <= linear * (1 + 1e-9)
    assert linear < softmax


def test_support_batch_of_one_task_is_its_largest_need():
    task = tasks(100, replicates=1)
    calm = float(calm_batch(task, 0.1, 1.0))
    sign = required_batch(task, 0.1)
    assert support_batch(task, 0.1, 0.1, softmax=True) == pytest.approx(max(calm, sign), rel=1e-6)
