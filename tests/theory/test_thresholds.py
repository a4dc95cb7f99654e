"""Signal and noise of one step, against steps on samples, and the lambdas between them."""

import numpy as np
import pytest
import torch

from scb.data.stream import Stream
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import preconditioned
from scb.theory.population import balancing_penalty
from scb.theory.thresholds import balanced_rate, dying_penalty, step_sizes

BATCH, RATE, SIGNAL = 64, 0.01, 0.1


def planted(task, signal):
    """A model of these signals and without errors."""
    value = signal * task.transition + (1 - signal) * task.stationary[..., None]
    columns = signal * task.attention.mT + (1 - signal) / task.length
    return LinearTransformer(value, columns)


def test_one_step_on_samples_moves_entries_as_the_closed_form_says(make_task):
    """The trained step itself, over many streams."""
    task = make_task(3, 200, replicates=1)
    useful = task.attention.mT[0] > 0  # (N, T)
    moved = []
    for seed in range(200):
        model = planted(task, SIGNAL)
        before = model.columns.detach().clone()
        model.backward(Stream(task, [seed]), 0, BATCH)
        for optimizer in preconditioned(task, model, RATE):
            optimizer.step()
        moved.append((model.columns.detach() - before)[0])
    moved = torch.stack(moved)  # (S, N, T)
    gain, noise = (float(one) for one in step_sizes(task, BATCH, RATE, SIGNAL))
    spread = moved[:, ~useful].reshape(len(moved), 3, -1).std(0).mean(-1)  # (N,)
    assert float((task.stationary[0] * spread).sum()) == pytest.approx(noise, rel=0.04)
    mean = (moved.mean(0) * useful).sum(-1) / task.sparsity
    error = noise / (200 * task.sparsity) ** 0.5
    found = float((task.stationary[0] * mean).sum())
    assert abs(found - gain * (1 - SIGNAL**2)) < 4 * error


def test_no_rate_makes_a_useful_entry_stand_out_in_one_step(make_task):
    task = make_task(3, 5000, replicates=4)
    small, large = (step_sizes(task, BATCH, rate, SIGNAL) for rate in (1e-4, 1e-1))
    np.testing.assert_allclose(small[0] / small[1], large[0] / large[1], rtol=1e-9)
    ratio = small[0] / small[1]  # at the paper's B
    assert ((ratio > 0.5) & (ratio < 2)).all()
    # alpha drops out too, up to what V already explains.
    other = step_sizes(task, BATCH, 1e-4, SIGNAL / 2)
    np.testing.assert_allclose(small[0] / small[1], other[0] / other[1], rtol=0.05)


def test_lambda_must_grow_with_eta(make_task):
    task = make_task(3, 5000, replicates=4)
    for penalty in (1e-6, 1e-5, 1e-4):
        rate = balanced_rate(task, BATCH, penalty)
        np.testing.assert_allclose(balancing_penalty(task, BATCH, rate), penalty, rtol=1e-6)
    np.testing.assert_allclose(dying_penalty(task, 0.005, 0.1), 0.005 * 0.1 / 2, rtol=1e-12)


def test_the_printed_lambda_is_balanced_at_a_rate_at_which_signals_do_not_grow_in_time(make_task):
    """Why no reading has signals of 0.1 at step 400 and an effective lambda of 1e-5 together."""
    task = make_task(3, 5000, replicates=16)
    _, noise = step_sizes(task, 64, 0.005, 0.1)
    assert (noise > 10 * 1e-5).all()  # a tenth of one step's noise at most
    rate = float(balanced_rate(task, 64, 1e-5).median())
    assert rate < 0.005 / 3  # far below the printed eta_2
    assert np.log(1 / 0.1) / rate > 2 * 600  # steps from 0.1 to 1, of which there are 600
