"""The optimizers: preconditioned gradients, invariants, the threshold."""

import subprocess
import sys
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch

from scb.kernels.reference import project_columns, soft_threshold
from scb.learning.algorithm import train
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import (
    KINDS,
    ProximalGradient,
    RawGradient,
    Spec,
    ValueGradient,
    build_optimizers,
    precondition_value,
    preconditioned,
)
from scb.settings.training import Plain, Proximal, Sgd


def test_value_preconditioner_is_the_papers_formula(make_task, make_iterate):
    task = make_task(5, 10)
    gradient = torch.randn(2, 5, 5, dtype=torch.float64)
    for replicate, mu in enumerate(task.stationary):
        eye = torch.eye(5, dtype=torch.float64)
        left = eye - torch.ones_like(eye) / 5
        right = eye - torch.outer(mu, mu) / mu.square().sum()
        expected = left @ gradient[replicate] @ torch.diag(1 / mu) @ right
        actual = precondition_value(gradient, task.stationary)[replicate]
        torch.testing.assert_close(actual, expected)


def test_soft_threshold_shrinks_both_signs():
    entries = torch.tensor([0.5, 0.2, 0.1, 0.0, -0.1, -0.2, -0.5])
    expected = torch.tensor([0.3, 0.0, 0.0, 0.0, 0.0, 0.0, -0.3])
    torch.testing.assert_close(soft_threshold(entries, 0.2), expected)


def test_threshold_is_lambda_not_eta_lambda(make_task):
    task = make_task(3, 6, replicates=1)
    columns = torch.nn.Parameter(torch.tensor([[[0.9, 0.3, -0.3, 0.1, 0.0, 0.0]] * 3]))
    optimizer = ProximalGradient(columns, task.stationary, rate=1e-3, penalty=0.2)
    columns.grad = torch.zeros_like(columns)
    optimizer.step()
    shrunk = torch.tensor([0.7, 0.1, -0.1, 0.0, 0.0, 0.0])
    torch.testing.assert_close(columns.detach()[0, 0], shrunk + (1 - shrunk.sum()) / 6)


def test_zero_penalty_is_the_projected_step(make_task):
    task = make_task(3, 7)
    columns = torch.nn.Parameter(project_columns(torch.randn(2, 3, 7, dtype=torch.float64)))
    gradient = torch.randn_like(columns)
    projected = gradient - gradient.mean(-1, keepdim=True)
    rate = torch.tensor([0.1, 0.2], dtype=torch.float64)
    expected = columns.detach() - rate[:, None, None] / task.stationary[..., None] * projected
    columns.grad = gradient.clone()
    ProximalGradient(columns, task.stationary, rate).step()
    torch.testing.assert_close(columns.detach(), expected)


@pytest.mark.parametrize("penalty", [0.0, 1e-5])
def test_invariants_hold_after_1000_steps(make_task, make_stream, penalty):
    task = make_task(4, 60)
    model = LinearTransformer.initial(task)
    train(model, preconditioned(task, model, 0.01, penalty), make_stream(task), range(1000), 16)
    value, columns = model.value.detach().double(), model.columns.detach().double()
    moved = (value - task.stationary[..., None]).abs().amax((-2, -1))
    assert (moved > 1e-2).all()
    torch.testing.assert_close(value.sum(-2), torch.ones(2, 4).double(), rtol=0, atol=1e-4)
    image = (value @ task.stationary[..., None])[..., 0]
    torch.testing.assert_close(image, task.stationary, rtol=0, atol=1e-4)
    torch.testing.assert_close(columns.sum(-1), torch.ones(2, 4).double(), rtol=0, atol=1e-5)


def test_conditions_train_as_if_alone(make_task, make_stream):
    task, steps = make_task(3, 40), range(20)
    rate, penalty = torch.tensor([[0.02], [0.01]]), torch.tensor([[1e-3], [0.0]])
    start = LinearTransformer.initial(task)
    both = LinearTransformer(
        start.value.detach().expand(2, *start.value.shape),
        start.columns.detach().expand(2, *start.columns.shape),
    )
    train(both, preconditioned(task, both, rate, penalty), make_stream(task), steps, 8)
    for condition in range(2):
        alone = LinearTransformer.initial(task)
        options = float(rate[condition]), float(penalty[condition])
        train(alone, preconditioned(task, alone, *options), make_stream(task), steps, 8)
        torch.testing.assert_close(both.columns[condition], alone.columns)
        torch.testing.assert_close(both.value[condition], alone.value)


def test_raw_steps_are_those_of_torch(make_task, make_stream):
    task, rates = make_task(3, 12), torch.tensor([0.1, 0.3])
    model = LinearTransformer.initial(task)
    train(model, [RawGradient(part, rates) for part in model.parameters()], make_stream(task),
          range(5), 8)  # fmt: skip
    for replicate, rate in enumerate(rates.tolist()):
        plain = LinearTransformer.initial(task)
        train(plain, [torch.optim.SGD(plain.parameters(), rate)], make_stream(task), range(5), 8)
        torch.testing.assert_close(model.value[replicate], plain.value[replicate])
        torch.testing.assert_close(model.columns[replicate], plain.columns[replicate])
    assert not torch.allclose(model.columns.sum(-1), torch.ones(()), atol=1e-4)  # no projection


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan")])
def test_rates_must_be_positive(make_task, rate):
    task = make_task(3, 5)
    model = LinearTransformer.initial(task)
    with pytest.raises(ValueError, match="rate must be positive"):
        ValueGradient(model.value, task.stationary, rate)
    with pytest.raises(ValueError, match="rate must be positive"):
        ProximalGradient(model.columns, task.stationary, rate)
    with pytest.raises(ValueError, match="rate must be positive"):
        RawGradient(model.value, rate)
    with pytest.raises(ValueError, match="penalty must be at least 0"):
        ProximalGradient(model.columns, task.stationary, 0.1, -1e-3)


# --- from settings -----------------------------------------------------------------------

SPECS = {
    kind: model(
        kind=kind,
        rate=0.02,
        **dict.fromkeys({"penalty", "logit_rate"} & set(model.model_fields), 1e-3),
    )
    for model in get_args(Spec)
    for kind in get_args(model.model_fields["kind"].annotation)
}


def conditions(task, count, dtype=torch.float32):
    """The paper's start, ``count`` times."""
    start = LinearTransformer.initial(task, dtype)
    matrices = start.value.detach(), start.columns.detach()
    return LinearTransformer(*(matrix.expand(count, *matrix.shape) for matrix in matrices))


def trained(task, stream, specs, steps=10):
    model = conditions(task, len(specs))
    train(model, build_optimizers(task, model, specs), stream, range(steps), 8)
    return model.value.detach(), model.columns.detach()


def test_every_kind_of_the_settings_is_built_and_no_other():
    assert SPECS.keys() == KINDS.keys()


@pytest.mark.parametrize("kinds", [[*SPECS], [*reversed(SPECS), *SPECS], [*SPECS] * 2])
def test_conditions_step_among_other_kinds_as_if_alone(make_task, make_stream, kinds):
    task = make_task(3, 40)
    specs = [
        spec.model_copy(update={"rate": spec.rate / (1 + place)})
        for place, spec in enumerate(SPECS[kind] for kind in kinds)
    ]
    mixed = trained(task, make_stream(task), specs)
    for place, spec in enumerate(specs):
        alone = trained(task, make_stream(task), [spec])
        for one, other in zip(mixed, alone, strict=True):
            assert torch.equal(one[place], other[0]), spec


def test_sgd_is_proximal_at_0(make_task, make_stream):
    task = make_task(3, 40)
    sgd, proximal = (
        trained(task, make_stream(task), [spec])
        for spec in (
            Sgd(kind="sgd", rate=0.02),
            Proximal(kind="proximal", rate=0.02, penalty=0, threshold=False),
        )
    )
    for one, other in zip(sgd, proximal, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("kind", ["proximal", "sgd", "raw"])
def test_scaled_rates_are_over_the_energies_and_others_as_they_are(make_task, kind):
    task = make_task(3, 12)
    for scaled, energies in (
        (True, (task.attention_energy, task.transition_energy)),
        (False, (torch.ones(2), torch.ones(2))),
    ):
        spec = SPECS[kind].model_copy(update={"scaled": scaled})
        model = conditions(task, 1, torch.float64)
        for optimizer, energy in zip(build_optimizers(task, model, [spec]), energies, strict=True):
            rate = optimizer.param_groups[0]["lr"].flatten()
            torch.testing.assert_close(rate, 0.02 / energy.double(), rtol=1e-15, atol=0)


@pytest.mark.parametrize(
    ("kind", "theirs"), [("vanilla", torch.optim.SGD), ("adam", torch.optim.Adam)]
)
def test_plain_steps_are_those_of_torch_and_know_nothing_of_the_task(
    make_task, make_stream, kind, theirs
):
    """Another mu, P and Q in the optimizer's task changes no step: no K_Q, K_P or 1/mu."""
    task, other = make_task(3, 40), make_task(3, 40, weights="drawn", replicates=4)
    foreign = replace(other.select([2, 3]), seeds=task.seeds)
    found = []
    for known in (task, foreign):
        model = conditions(task, 1)
        specs = [Plain(kind=kind, rate=0.02)]
        train(model, build_optimizers(known, model, specs), make_stream(task), range(10), 8)
        found.append((model.value.detach(), model.columns.detach()))
    plain = conditions(task, 1)
    train(plain, [theirs(plain.parameters(), lr=0.02)], make_stream(task), range(10), 8)
    assert not torch.equal(plain.columns, conditions(task, 1).columns)
    for one, other, expected in zip(*found, (plain.value, plain.columns), strict=True):
        assert torch.equal(one, other)
        torch.testing.assert_close(one, expected.detach())


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (kind, name)
        for kind, spec in SPECS.items()
        for name, field in type(spec).model_fields.items()
        if field.annotation is float
    ],
)
def test_numbers_keep_double_precision(make_task, kind, name):
    """A step of a run in float64 tells 0.1 from the nearest float32."""
    task, spec = make_task(3, 12), SPECS[kind]
    found = []
    for number in (0.1, float(np.float32(0.1))):
        model = conditions(task, 1, torch.float64)
        generator = torch.Generator().manual_seed(0)
        for matrix in (model.value, model.columns):
            matrix.grad = torch.randn(matrix.shape, generator=generator, dtype=torch.float64)
        changed = spec.model_copy(update={"rate": 0.1, name: number})
        for optimizer in build_optimizers(task, model, [changed]):
            optimizer.step()
        found.append(torch.cat([part.detach().flatten() for part in (model.value, model.columns)]))
    assert not torch.equal(*found)
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-7)


def test_given_rates_keep_double_precision(make_task):
    task = make_task(3, 12)
    model = LinearTransformer.initial(task, torch.float64)
    for optimizer in (
        ValueGradient(model.value, task.stationary, 0.1),
        ProximalGradient(model.columns, task.stationary, 0.1, 0.1),
        RawGradient(model.columns, 0.1),
    ):
        (group,) = optimizer.param_groups
        assert set(group["lr"].flatten().tolist()) == {0.1}
        assert set(group.get("penalty", group["lr"]).flatten().tolist()) == {0.1}


def test_a_cpu_needs_no_compiler_and_no_triton_for_the_optimisers_of_torch():
    script = """
import sys
import torch
import scb.learning.algorithm
from scb.learning import optimizers as optim

assert "triton" not in sys.modules

def trained(kind):
    torch.manual_seed(0)
    parameter = torch.nn.Parameter(torch.randn(3, 4))
    optimizer = kind([parameter], lr=0.1)
    for _ in range(5):
        optimizer.zero_grad()
        parameter.square().sum().backward()
        optimizer.step()
    return parameter

names = ("Adam", "AdamW")
ours = [trained(getattr(optim, name)) for name in names]
assert "torch._dynamo" not in sys.modules
for name, one in zip(names, ours):
    assert torch.equal(one, trained(getattr(torch.optim, name))), name
"""
    subprocess.run([sys.executable, "-c", script], check=True)
