"""Transfer: mixtures of set correlation, the one step against closed forms, both starts."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from scb import Task
from scb.data.seeds import derive
from scb.learning.algorithm import train
from scb.learning.metrics import support_found
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import preconditioned
from scb.theory.population import ValueMoments, expected_attention_gradient
from scb.theory.transfer import (
    Conditions,
    MeanGradient,
    Scratch,
    correlated,
    one_step,
    start_model,
    start_penalty,
    start_samples,
    start_value,
)


def pair(states=5, length=30, replicates=3, root=0):
    """Downstream tasks, and independent transitions of the same mu."""
    options = {"sampler": "balanced", "concentration": 0.2}
    tasks = Task.stack(
        [
            Task.sample(states, length, 2, derive(root, "task", r), **options)
            for r in range(replicates)
        ]
    )
    others = [
        Task.sample(states, length, 2, derive(root, "other", r), stationary=mu, **options)
        for r, mu in enumerate(tasks.stationary)
    ]
    return tasks, Task.stack(others).transition


@settings(max_examples=60, deadline=None)
@given(correlation=st.floats(-0.95, 1), root=st.integers(0, 20))
def test_mixture_is_a_transition_of_the_same_mu_and_the_set_correlation(correlation, root):
    task, other = pair(root=root)
    mixed = correlated(task, other, correlation)
    assert (mixed >= 0).all()
    torch.testing.assert_close(mixed.sum(-2), torch.ones_like(task.stationary))
    conditions = Conditions.of(task, mixed)
    assert conditions.drift.max() < 1e-9
    expected = torch.full_like(conditions.correlation, correlation)
    torch.testing.assert_close(conditions.correlation, expected, rtol=0, atol=1e-6)
    # Nonnegative matrices: <P_hat, P>_mu >= 0.
    assert (conditions.overlap_ratio >= -1 - 1e-9).all()


def test_every_mixture_is_a_task_of_its_own():
    task, other = pair(states=3, root=111)  # an entry of the reflection is below 0 by rounding
    mixed = correlated(task, other, -0.95)
    assert mixed.min() == 0
    Task(mixed, task.stationary, task.positions, task.weights, task.length, task.seeds)


def test_mixture_runs_from_the_other_to_the_task():
    task, other = pair()
    torch.testing.assert_close(correlated(task, other, 1.0), task.transition)
    own = Conditions.of(task, other).correlation
    for replicate, rho in enumerate(own.tolist()):
        mixed = correlated(task, other, rho)[replicate]
        torch.testing.assert_close(mixed, other[replicate])


def test_conditions_of_the_task_itself_and_of_nothing_learned():
    task, _ = pair()
    own = Conditions.of(task, task.transition)
    floor = task.stationary.square().sum(-1)
    torch.testing.assert_close(own.correlation, torch.ones_like(floor))
    torch.testing.assert_close(own.energy_ratio, torch.ones_like(floor))
    torch.testing.assert_close(own.overlap_ratio, task.transition_energy / floor)
    nothing = Conditions.of(task, task.stationary[..., None].expand_as(task.transition))
    assert (nothing.correlation == 0).all()


@pytest.mark.parametrize("correlation", [-1.0, 1.1, math.nan])
def test_correlation_out_of_range(correlation):
    task, other = pair()
    with pytest.raises(ValueError, match="correlation is"):
        correlated(task, other, correlation)


def test_another_mu_is_refused():
    task, _ = pair()
    with pytest.raises(ValueError, match="another stationary"):
        correlated(task, pair(root=1)[1], 0.5)


def test_a_replicate_has_the_same_transition_at_every_length():
    """So that one pretraining serves all T."""
    short, long = pair(length=30)[0], pair(length=90)[0]
    assert torch.equal(short.transition, long.transition)
    assert torch.equal(short.stationary, long.stationary)


def test_start_value_lies_between():
    task, other = pair()
    value = start_value(task, other, 0.25)
    trivial = task.stationary[..., None]
    torch.testing.assert_close(value - trivial, 0.25 * (other - trivial))
    for mixing in (0.0, 1.5):
        with pytest.raises(ValueError, match="mixing is"):
            start_value(task, other, mixing)


def start(task, other, correlation, mixing=0.2):
    pretrained = correlated(task, other, correlation)
    return start_model(task, pretrained, mixing, torch.float64)


def test_mean_gradient_is_that_of_all_samples_at_once(make_stream):
    task, other = pair()
    model = start(task, other, 0.5)
    before = model.columns.detach().clone()
    stream = make_stream(task)
    mean = MeanGradient(model.columns)
    train(model, [mean], stream, range(6), 8)
    assert torch.equal(model.columns, before)
    gradients = []
    for step in range(6):
        single = MeanGradient(model.columns)
        train(model, [single], stream, range(step, step + 1), 8)
        gradients.append(single.mean)
    torch.testing.assert_close(mean.mean, torch.stack(gradients).mean(0))


@pytest.mark.parametrize("correlation", [0.9, 0.0, -0.3])
def test_one_step_of_the_expected_gradient_is_the_pattern(correlation):
    """``theta kappa / K_P (q - 1/T)`` over uniform, less the threshold: by hand."""
    task, other = pair()
    model = start(task, other, correlation)
    value, columns = model.value.detach(), model.columns.detach()
    moments = ValueMoments.of(task, value)
    expected = expected_attention_gradient(moments, columns, task.attention.mT)
    stepped = one_step(task, task.stationary[..., None] * expected, 0.0)
    kappa = Conditions.of(task, value).overlap_ratio * task.stationary.square().sum(-1)
    signal = (kappa / task.transition_energy)[..., None, None]
    uniform = 1 / task.length
    pattern = uniform + signal * (task.attention.mT - uniform)
    torch.testing.assert_close(stepped, pattern)

    penalty = 0.01
    thresholded = one_step(task, task.stationary[..., None] * expected, penalty)
    kept = torch.sign(pattern) * (pattern.abs() - penalty).clamp(min=0)
    kept = kept + (1 - kept.sum(-1, keepdim=True)) / task.length
    torch.testing.assert_close(thresholded, kept)


def test_penalty_is_half_of_a_useful_entry_where_the_condition_holds_with_equality():
    task, _ = pair()
    floor = task.stationary.square().sum(-1)
    entry = 0.2 * floor / task.transition_energy / task.sparsity  # theta kappa / (K_P Q)
    torch.testing.assert_close(start_penalty(task, 0.2), entry / 2)


def test_start_samples_bring_the_noise_below_the_penalty(make_stream):
    """Root mean square of the useless entries after n samples against the closed form.

    20 columns of 298 useless entries, nearly independent: the ratio of a replicate has a
    standard deviation of 0.02, and what the closed form leaves out is O(1/T).
    """
    task, other = pair(length=300, replicates=4)
    penalty = start_penalty(task, 0.2)
    model = start(task, other, 1.0)
    mean = MeanGradient(model.columns)
    train(model, [mean], make_stream(task), range(40), 100)
    stepped = one_step(task, mean.mean, 0.0)
    useless = (task.attention.mT == 0).double()
    centre = (stepped * useless).sum(-1, keepdim=True) / useless.sum(-1, keepdim=True)
    per_column = ((stepped - centre).square() * useless).sum(-1) / useless.sum(-1)  # (R, N)
    noise = (task.stationary * per_column).sum(-1).sqrt()
    largest = math.sqrt(2 * math.log(task.states * task.length))
    predicted = penalty / largest * (start_samples(task) / 4000).sqrt()
    assert ((noise / predicted - 1).abs() < 0.1).all(), noise / predicted


def test_the_step_of_many_samples_keeps_the_support_alone(make_stream):
    task, other = pair(length=300)
    model = start(task, other, 0.9)
    mean = MeanGradient(model.columns)
    batch = 2 * math.ceil(start_samples(task).max().item())
    train(model, [mean], make_stream(task), range(1), batch)
    stepped = one_step(task, mean.mean, start_penalty(task, 0.2))
    least = stepped.amin(-1, keepdim=True)  # what the projection leaves everywhere
    assert torch.equal(stepped > least + 1e-9, task.attention.mT > 0)
    assert (support_found(task, stepped) == 1).all()


def test_support_is_found_by_size():
    task, _ = pair(replicates=2)
    uniform = torch.full_like(task.attention.mT, 1 / task.length)
    assert (support_found(task, task.attention.mT) == 1).all()
    assert (support_found(task, 2 * uniform - task.attention.mT) == 1).all()  # mirrored
    assert (support_found(task, 2 * uniform - task.attention.mT, signed=True) == 0).all()
    assert (support_found(task, task.attention.mT, signed=True) == 1).all()
    assert (support_found(task, uniform) == 0).all()
    columns = uniform.clone()
    first = task.positions.mT[..., :1]
    columns.scatter_(-1, first, 0.9)
    assert (support_found(task, columns) == 0.5).all()
    stacked = torch.stack([uniform, task.attention.mT])
    assert support_found(task, stacked).tolist() == [[0, 0], [1, 1]]


def test_scratch_takes_plain_steps_until_its_signals_are_strong(make_stream):
    task, _ = pair()
    rate = torch.full((3,), 0.05, dtype=torch.float64)
    model, plain = (LinearTransformer.initial(task, torch.float64) for _ in range(2))
    scratch = Scratch(task, model, rate)
    train(model, scratch.optimizers, make_stream(task), range(5), 16, lambda step: scratch.look())
    train(plain, preconditioned(task, plain, 0.05), make_stream(task), range(5), 16)
    assert scratch.boosting.all()
    torch.testing.assert_close(model.columns, plain.columns)


def test_scratch_moves_each_replicate_on_alone():
    task, _ = pair()
    rate = torch.tensor([0.04, 0.06, 0.08], dtype=torch.float64)
    model = LinearTransformer.initial(task, torch.float64)
    uniform = 1 / task.length
    with torch.no_grad():
        model.columns[1] += 0.5 * (task.attention.mT[1] - uniform)
        model.value[1] += 0.5 * (task.transition[1] - task.stationary[1, :, None])
    before = model.columns.detach().clone()
    scratch = Scratch(task, model, rate)
    steps = scratch.optimizers
    scratch.look()
    assert scratch.boosting.tolist() == [True, False, True]
    assert torch.equal(model.columns[0], before[0])
    assert scratch.optimizers is steps
    value, attention = (optimizer.param_groups[0] for optimizer in steps)
    eta = value["lr"].flatten() * task.attention_energy
    torch.testing.assert_close(eta, torch.tensor([0.04, 0.03, 0.08], dtype=torch.float64))
    # eta / 2 times the threshold alpha_V / (2 Q) = 0.5 / 4
    expected = torch.tensor([0, 0.03 * 0.125, 0], dtype=torch.float64)
    torch.testing.assert_close(attention["penalty"].flatten(), expected)
    assert (model.columns[1] > 0.2).sum() == task.attention[1].count_nonzero()
    scratch.look()  # nobody changes stage twice
    torch.testing.assert_close(attention["penalty"].flatten(), expected)
