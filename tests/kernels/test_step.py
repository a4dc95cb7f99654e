"""The compiled training step against the readable pieces that define it."""

import pytest
import torch

from scb.data.seeds import derive
from scb.data.stream import Stream
from scb.data.task import Task
from scb.kernels import reference, training_step_for
from scb.learning import models, optimizers, replay
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import Adam, RawGradient, build_optimizers, preconditioned
from scb.learning.replay import plain_step, stepping
from scb.learning.rule import rule_of
from scb.settings.training import Plain, Proximal, Sgd

SPECS = [
    Proximal(kind="proximal", rate=0.01, penalty=1e-4),
    Sgd(kind="sgd", rate=0.02),
    Sgd(kind="raw", rate=0.003),
    Plain(kind="vanilla", rate=0.002),
]
"""Every kind that has a closed form."""


def tasks_of(states, length, replicates):
    """Tasks with states of unequal probability."""
    seeds = [derive(5, "step", replicate) for replicate in range(replicates)]
    drawn = [Task.sample(states, length, 2, seed, sampler="balanced") for seed in seeds]
    mu = Task.stack(drawn).stationary
    assert (mu.amax(-1) > 1.2 * mu.amin(-1)).any()
    return Task.stack(drawn)


def conditions(task, count, dtype):
    """A start that is no fixed point of any projection, a little different in each condition."""
    start = LinearTransformer.initial(task, dtype)
    generator = torch.Generator().manual_seed(3)
    matrices = []
    for matrix in start.parameters():
        shape = count, *matrix.shape
        noise = torch.randn(shape, generator=generator, dtype=dtype) / matrix.shape[-1]
        matrices.append(matrix.detach() + 0.1 * noise)
    return LinearTransformer(*matrices)


def trained(task, specs, dtype, way, steps=3, size=30):
    """V and A^T after some steps, taken one ``way`` or the other."""
    model = conditions(task, len(specs), dtype)
    stream = Stream(task, [derive(1, "stream", r) for r in range(len(task.seeds))])
    take = way(model, build_optimizers(task, model, specs), stream, size)
    for step in range(steps):
        take(step)
    return model.value.detach(), model.columns.detach()


@pytest.fixture
def readable(monkeypatch):
    """Pieces take the reference kernels; `stepping` compiled ones all the same."""
    for module in (models, optimizers):
        monkeypatch.setattr(module, "kernel_for", lambda tensor: reference)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("states", "length", "size"),
    [(2, 7, 40), (3, 5000, 64), (10, 300, 200), (20, 1000, 64), (60, 500, 300), (130, 301, 20)],
)
def test_a_step_is_that_of_the_readable_pieces(readable, states, length, size, dtype):
    # Of sums over T, B and N, in three steps: a sum of n terms is off by n eps at most.
    tolerance = 3 * (length + size + states) * torch.finfo(dtype).eps
    task = tasks_of(states, length, 3)
    ours = trained(task, SPECS, dtype, stepping, size=size)
    theirs = trained(task, SPECS, dtype, plain_step, size=size)
    start = conditions(task, len(SPECS), dtype).parameters()
    for one, two, before in zip(ours, theirs, start, strict=True):
        scale = two.flatten(2).abs().amax(-1)  # (G, R)
        error = (one - two).flatten(2).abs().amax(-1)
        assert (error < tolerance * scale).all(), error / scale
        moved = (one - before).flatten(2).abs().amax(-1)
        assert (moved > 100 * error).all(), moved / error  # a step that is left out would show


@pytest.mark.parametrize("replicates", [1, 2, 3])
def test_a_step_does_not_depend_on_threads(monkeypatch, replicates):
    """Neither where they share out replicates, nor where they share out queries."""
    monkeypatch.setattr("scb.kernels.threads.MIN_TOKENS_FOR_THREADS", 1)
    task, before, found = tasks_of(20, 1000, replicates), torch.get_num_threads(), []
    try:
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            found.append(trained(task, SPECS, torch.float32, stepping, size=130))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            assert torch.equal(one, two)


@pytest.fixture
def counted(monkeypatch):
    """Compiled steps taken."""
    calls = []

    def counting(tensor):
        step = training_step_for(tensor)
        return lambda *args: calls.append(args) or step(*args)

    monkeypatch.setattr(replay, "training_step_for", counting)
    return calls


def test_rates_may_change_from_step_to_step(readable, counted):
    """As other objects, under a schedule, or in place."""
    task, found = tasks_of(3, 40, 2), []
    for way in (stepping, plain_step):
        model = LinearTransformer.initial(task, torch.float64)
        stepped = preconditioned(task, model, 0.05, 1e-4)
        take = way(model, stepped, Stream(task, [1, 2]), 8)
        take(0)
        for optimizer in stepped:
            optimizer.param_groups[0]["lr"] = 0.5 * optimizer.param_groups[0]["lr"]
        take(1)
        stepped[1].param_groups[0]["penalty"].mul_(3)
        take(2)
        found.append((model.value.detach(), model.columns.detach()))
    assert len(counted) == 3
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-14)


class Sign(RawGradient):
    """A subclass that steps otherwise."""

    def update(self):
        (group,) = self.param_groups
        (matrix,) = group["params"]
        matrix -= group["lr"] * matrix.grad.sign()


@pytest.mark.parametrize(
    "build",
    [
        lambda task, model: [Adam([model.value, model.columns])],
        lambda task, model: [Sign(part, 0.01) for part in model.parameters()],
        lambda task, model: preconditioned(task, model, 0.01)[:1],  # A stays
        lambda task, model: [*preconditioned(task, model, 0.01), RawGradient(model.value, 0.1)],
    ],
    ids=["adam", "a subclass", "one matrix", "one matrix twice"],
)
def test_other_steps_are_taken_plainly(counted, build):
    task = tasks_of(3, 40, 2)
    model, other = (conditions(task, 5, torch.float64) for _ in range(2))
    stream = Stream(task, [1, 2])
    assert rule_of(model, build(task, model)) is None
    stepping(model, build(task, model), stream, 8)(0)
    plain_step(other, build(task, other), stream, 8)(0)
    assert not counted
    assert torch.equal(model.columns, other.columns)
    assert torch.equal(model.value, other.value)
    assert not torch.equal(model.value, conditions(task, 5, torch.float64).value)
