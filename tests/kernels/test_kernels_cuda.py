"""The Triton kernels against the reference on the CPU.

Without a CUDA device they run in Triton's interpreter, on CPU tensors and small grids.
"""

from itertools import product
from types import SimpleNamespace

import pytest
import torch

from scb import Task
from scb.data.seeds import derive
from scb.data.stream import Stream
from scb.kernels import kernel_for, reference
from scb.learning.algorithm import sparsify, switch_threshold, train
from scb.learning.attend import attend
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import preconditioned

pytest.importorskip("triton")
from scb.kernels import cuda

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"

# The interpreter takes about 0.2 ms for each state of a stretch of a sample: each size is the
# least that takes the way of the kernels that stands beside it.
SMALL = [
    # N, T, B, R, conditions
    (2, 1, 1, 1, ()),
    (2, 63, 3, 2, ()),  # T is no multiple of 4
    (3, 7, 5, 3, (2,)),
    (3, 300, 3, 2, (1, 3)),  # 3 conditions, padded to 4, on two stretches of the adjoint
    (3, 1025, 2, 1, ()),  # a second stretch of attend, of one position
    (3, 2052, 3, 1, (2,)),  # a third, of a T that is a multiple of 4
    (3, 64, 3, 2, (9,)),  # more conditions than the adjoint holds at once
    (10, 1, 5, 1, (5,)),
    (10, 300, 5, 1, ()),
    (20, 63, 3, 2, ()),
    (20, 7, 1, 2, (2,)),
    (257, 7, 1, 1, ()),  # tokens of more than a byte
]
FULL = [
    (*sizes, (2,))
    for sizes in product((2, 3, 10, 20, 100, 300), (1, 7, 63, 300, 5000), (1, 5, 64), (1, 3))
]


def tasks_of(states, length, replicates, sparsity=2):
    seeds = [derive(13, "kernel", replicate) for replicate in range(replicates)]
    sparsity = min(sparsity, length)
    return Task.stack([Task.sample(states, length, sparsity, s, sampler="balanced") for s in seeds])


def streams_of(tasks):
    """The same stream on the CPU and where the kernels run."""
    seeds = [derive(17, "stream", replicate) for replicate in range(len(tasks.seeds))]
    return Stream(tasks, seeds), Stream(tasks, seeds, DEVICE)


def normal(*shape, dtype, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def relative_error(actual, expected):
    """Largest deviation, relative to the largest entry."""
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    return float((actual.cpu() - expected).abs().max() / expected.abs().max())


def check(states, length, size, replicates, conditions):
    """Tokens and the small parts equal; tolerances are a few roundings of sums over T or B."""
    host, device = streams_of(tasks_of(states, length, replicates))
    theirs, ours = host.batch(2, size, first=3), device.batch(2, size, first=3)
    assert torch.equal(cuda.tokens(device, 2, 3, size).cpu(), theirs.tokens)
    for name, drawn in zip(
        ("queries", "targets", "sources"), cuda.heads(device, 2, 3, size), strict=True
    ):
        assert torch.equal(drawn.cpu(), getattr(theirs, name))
    for dtype, tolerance in ((torch.float32, 2e-5), (torch.float64, 1e-13)):
        columns = normal(*conditions, replicates, states, length, dtype=dtype)
        weights = normal(*conditions, replicates, size, states, dtype=dtype)
        sums = cuda.attend(columns.to(DEVICE), ours)
        looked_up = cuda.adjoint(weights.to(DEVICE), ours)
        assert relative_error(sums, reference.attend(columns, theirs)) < tolerance
        assert relative_error(looked_up, reference.adjoint(weights, theirs)) < tolerance


@pytest.mark.parametrize("sizes", SMALL, ids=str)
def test_agrees_with_the_reference(sizes):
    check(*sizes)


@pytest.mark.gpu
@pytest.mark.parametrize("sizes", FULL, ids=str)
def test_agrees_with_the_reference_on_a_device(sizes):
    check(*sizes)


def test_a_state_of_almost_no_probability():
    """Such a vocabulary has no guide table: tokens and queries are searched."""
    tasks = tasks_of(4, 50, 2)
    rare = torch.tensor([1e-9, 0.5, 1e-9, 0.5 - 2e-9], dtype=torch.float64)
    # Half of the time the state stays, else it is drawn anew: mu is stationary.
    transition = (torch.eye(4, dtype=torch.float64) + rare[:, None]) / 2
    truth = transition.expand(2, 4, 4), rare.expand(2, 4)
    shape = *truth, tasks.positions, tasks.weights, 50, tasks.seeds
    host, device = streams_of(Task(*shape))
    assert host.guide.table is None
    theirs, ours = host.batch(0, 6), device.batch(0, 6)
    assert torch.equal(cuda.tokens(device, 0, 0, 6).cpu(), theirs.tokens)
    assert torch.equal(cuda.heads(device, 0, 0, 6)[0].cpu(), theirs.queries)
    columns = normal(2, 4, 50, dtype=torch.float64)
    sums = cuda.attend(columns.to(DEVICE), ours)
    assert relative_error(sums, reference.attend(columns, theirs)) < 1e-13


@pytest.mark.parametrize("sparsity", [1, 7])
def test_sources_of_any_sparsity(sparsity):
    host, device = streams_of(tasks_of(5, 30, 2, sparsity))
    batch = host.batch(1, 200)
    expected = batch.queries, batch.targets, batch.sources
    for drawn, other in zip(cuda.heads(device, 1, 0, 200), expected, strict=True):
        assert torch.equal(drawn.cpu(), other)


@pytest.mark.parametrize("step", [0, 1, 16, 2**31 + 5, 2**32 - 1])
def test_the_step_may_live_on_the_device(step):
    host, device = streams_of(tasks_of(3, 9, 2))
    expected = host.batch(step, 4, first=2**31).tokens
    for where in (step, torch.tensor(step, device=DEVICE)):
        assert torch.equal(cuda.tokens(device, where, 2**31, 4).cpu(), expected)


def test_gradcheck():
    _, stream = streams_of(tasks_of(2, 2, 1))
    columns = normal(2, 1, 2, 2, dtype=torch.float64).to(DEVICE).requires_grad_()
    batch = stream.batch(0, 3)
    assert torch.autograd.gradcheck(lambda a: attend(a, batch, cuda), columns)


def test_a_sample_does_not_depend_on_its_batch():
    _, stream = streams_of(tasks_of(3, 40, 2))
    columns = normal(2, 3, 40, dtype=torch.float32).to(DEVICE)
    whole = cuda.attend(columns, stream.batch(4, 6))
    part = cuda.attend(columns, stream.batch(4, 2, first=3))
    assert torch.equal(part, whole[:, 3:5])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("length", [1, 7, 300, 5000])
def test_proximal_step_agrees(dtype, length):
    columns = normal(2, 3, 4, length, dtype=dtype) / length**0.5
    gradient = normal(2, 3, 4, length, dtype=dtype, seed=1) / length**0.5
    rate = normal(2, 3, 4, dtype=dtype, seed=2).abs()
    penalty = torch.tensor([[0.2 / length**0.5], [0.0]], dtype=dtype)[..., None]  # (2, 1, 1)
    stepped = columns.to(DEVICE, copy=True)
    cuda.proximal_step(stepped, *(x.to(DEVICE) for x in (gradient, rate, penalty)))
    reference.proximal_step(columns, gradient, rate, penalty)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-13
    assert relative_error(stepped, columns) < tolerance
    torch.testing.assert_close(stepped.sum(-1).cpu(), torch.ones(2, 3, 4, dtype=dtype))


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("fault", [float("nan"), float("inf")])
def test_proximal_step_does_not_hide_a_divergence(fault):
    columns = torch.zeros(1, 2, 9, device=DEVICE)
    columns[0, 0, 4] = fault
    rate = torch.ones(1, 2, device=DEVICE)
    cuda.proximal_step(columns, torch.zeros_like(columns), rate, 0.1 * rate)
    assert not columns[0, 0].isfinite().any()
    torch.testing.assert_close(columns[0, 1], torch.full_like(columns[0, 1], 1 / 9))


@pytest.mark.parametrize("grid", [(2**31,), (1, 2**16), (1, 1, 2**16)])
def test_a_launch_beyond_the_grid_of_cuda_is_refused(grid):
    with pytest.raises(ValueError, match="CUDA has at most"):
        cuda._run(None, grid, torch.zeros(1))


def test_more_replicates_than_a_grid_has_are_refused():
    stream = SimpleNamespace(
        device="meta",
        key=[torch.empty(2**16, dtype=torch.int64, device="meta")] * 2,
        guide=SimpleNamespace(offsets=torch.empty(2**16, 4, device="meta"), shift=30),
    )
    batch = SimpleNamespace(
        stream=stream, step=0, first=0, size=8, queries=torch.empty(2**16, 8, device="meta")
    )
    with pytest.raises(ValueError, match="65536"):
        cuda.attend(torch.empty(2**16, 3, 128, device="meta"), batch)


def test_a_batch_that_stores_no_tokens_is_not_split(monkeypatch):
    _, stream = streams_of(tasks_of(3, 40, 2))
    monkeypatch.setattr("scb.data.stream.TOKENS_AT_ONCE", 1)
    assert len(list(stream.parts(8))) == 8
    assert list(cuda.parts(stream, 8)) == [(8, 0)]
    value, columns = normal(2, 3, 3, dtype=torch.float64), normal(2, 3, 40, dtype=torch.float64)
    ours = cuda.gradients(value.to(DEVICE), columns.to(DEVICE), stream, 1, 8)
    theirs = reference.gradients(value, columns, streams_of(tasks_of(3, 40, 2))[0], 1, 8)
    for one, two in zip(ours, theirs, strict=True):
        assert relative_error(one, two) < 1e-13


def trajectory(device, steps, replicates=2):
    """(V, A^T) of figure 1's setting: its first stage, then proximal steps."""
    tasks = Task.stack([Task.sample(3, 5000, 2, seed) for seed in range(replicates)]).to(device)
    stream = Stream(tasks, range(replicates), device)
    model = LinearTransformer.initial(tasks)
    boost = 2 * steps // 5
    train(model, preconditioned(tasks, model, 0.01), stream, range(boost), 64)
    with torch.no_grad():
        threshold = switch_threshold(tasks, model.value).float()
        model.columns.copy_(sparsify(model.columns, threshold))
    train(model, preconditioned(tasks, model, 0.005, 1e-5), stream, range(boost, steps), 64)
    return model.value.detach().cpu(), model.columns.detach().cpu()


@pytest.mark.gpu
def test_a_trajectory_agrees_with_the_cpu():
    for ours, theirs in zip(trajectory("cuda", 1000), trajectory("cpu", 1000), strict=True):
        assert relative_error(ours, theirs) < 1e-4


@pytest.mark.gpu
def test_a_run_repeats_bit_for_bit():
    for one, two in zip(trajectory("cuda", 50), trajectory("cuda", 50), strict=True):
        assert torch.equal(one, two)


@pytest.mark.gpu
def test_training_never_waits_for_the_device():
    tasks = tasks_of(3, 300, 2).to("cuda")
    stream = Stream(tasks, [1, 2], "cuda")
    model = LinearTransformer.initial(tasks)
    assert kernel_for(model.columns) is cuda
    steps = preconditioned(tasks, model, 0.01, 1e-5)
    train(model, steps, stream, range(3), 8)  # compiles
    torch.cuda.set_sync_debug_mode("error")
    try:
        train(model, steps, stream, range(3, 6), 8)
    finally:
        torch.cuda.set_sync_debug_mode("default")
