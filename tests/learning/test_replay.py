"""Steps and metrics as a GPU replays them: nothing in them is read back to the host.

No GPU is needed. The kernels run in Triton's interpreter, and what stands for a graph calls the
function again, with the tensors that it was captured with.
"""

import pytest
import torch
from torch.overrides import TorchFunctionMode

from scb.data.stream import Stream
from scb.learning import replay
from scb.learning.algorithm import rounded, train
from scb.learning.curves import Curves
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import build_optimizers, preconditioned
from scb.learning.replay import Replayed, stepping
from scb.settings.training import Proximal, Sgd

pytest.importorskip("triton")
from scb.kernels import cuda, reference

READS = {
    *("item", "tolist", "numpy", "cpu", "nonzero", "masked_select", "unique", "equal", "allclose"),
    *("__bool__", "__int__", "__float__", "__index__", "__complex__", "__array__", "__contains__"),
}
"""What makes the host wait for a tensor's data."""


class ReadBack(AssertionError):
    """A tensor was read back."""


class NoReadBack(TorchFunctionMode):
    """Refuses what reads a tensor back."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if getattr(function, "__name__", None) in READS:
            raise ReadBack(function.__name__)
        if function is torch.Tensor.__getitem__ and any(
            isinstance(index, torch.Tensor) and index.dtype == torch.bool
            for index in (args[1] if isinstance(args[1], tuple) else (args[1],))
        ):
            raise ReadBack("an index by truth values")
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    "read",
    [
        lambda x: x.item(),
        lambda x: bool(x > 0),
        lambda x: 1 if x > 0 else 2,
        lambda x: float(x),
        lambda x: int(x),
        lambda x: [1, 2, 3][x.long()],
        lambda x: x.tolist(),
        lambda x: x.cpu(),
        lambda x: x.numpy(),
        lambda x: x.nonzero(),
        lambda x: x[x > 0],
        lambda x: max(x, x + 1),
    ],
)
def test_what_reads_back_is_noticed(read):
    x = torch.tensor(1.0)
    read(x)
    with NoReadBack(), pytest.raises(ReadBack):
        read(x)


@pytest.fixture
def on_a_gpu(monkeypatch):
    """The CUDA kernels, interpreted; work is captured, and what was captured is called again."""
    run = cuda._run

    def launch(*args, **options):
        with torch._C.DisableTorchFunction():  # the interpreter reads what a GPU would not
            run(*args, **options)

    monkeypatch.setattr(cuda, "_run", launch)
    for module in ("algorithm", "metrics", "models", "optimizers"):
        monkeypatch.setattr(f"scb.learning.{module}.kernel_for", lambda tensor: cuda)
    monkeypatch.setattr(replay, "training_step_for", lambda tensor: None)
    monkeypatch.setattr(replay, "captures", lambda device: True)
    calls = []

    def captured(function):
        calls.append(function)
        return function

    monkeypatch.setattr(replay, "captured", captured)
    return calls


SPECS = [
    Proximal(kind="proximal", rate=0.01, penalty=1e-3),
    Sgd(kind="sgd", rate=0.02),
    Sgd(kind="raw", rate=0.01),
]


def run(task, steps=5, guard=None):
    """V, A^T and the curves after some steps of three optimizers."""
    initial = LinearTransformer.initial(task, torch.float64)
    model = LinearTransformer(
        *(matrix.detach().expand(3, *matrix.shape) for matrix in initial.parameters())
    )
    stream = Stream(task, range(len(task.seeds)))
    optimizers = build_optimizers(task, model, SPECS)
    curves = Curves(task, ["proximal", "sgd", "raw"], "train", 1, steps, 0.25)
    observe = curves.observe(model)
    if guard is None:
        train(model, optimizers, stream, range(steps), 8, observe)
    else:
        with guard:
            train(model, optimizers, stream, range(steps), 8, observe)
    return model.value.detach(), model.columns.detach(), curves.frame()


def test_replayed_steps_read_nothing_back_and_are_those_of_the_reference(
    make_task, on_a_gpu, monkeypatch
):
    """Neither while it captures nor before: steps, optimizers and every metric."""
    task = make_task(3, 12)
    ours = run(task, guard=NoReadBack())
    assert len(on_a_gpu) == 2  # the step, and the metrics
    monkeypatch.setattr(replay, "captures", lambda device: False)
    for module in ("algorithm", "metrics", "models", "optimizers"):
        monkeypatch.setattr(f"scb.learning.{module}.kernel_for", lambda tensor: reference)
    theirs = run(task)
    torch.testing.assert_close(ours[:2], theirs[:2], rtol=1e-12, atol=1e-14)
    metrics = ours[2].columns.difference(["optimizer", "stage"])
    torch.testing.assert_close(
        *(torch.tensor(frame[metrics].to_numpy(dtype=float)) for frame in (ours[2], theirs[2])),
        rtol=1e-9,
        atol=1e-12,
    )


def test_a_reader_in_the_loop_is_noticed(make_task, on_a_gpu, monkeypatch):
    monkeypatch.setattr(
        "scb.learning.optimizers.ValueGradient.update",
        lambda self: bool(self.param_groups[0]["params"][0].sum() > 0),
    )
    with pytest.raises(ReadBack):
        run(make_task(3, 12), guard=NoReadBack())


def test_a_schedule_is_followed(make_task, on_a_gpu):
    """Rates that are replaced: a graph would go on with those that it was captured with."""
    task = make_task(3, 12)
    model = LinearTransformer.initial(task)
    optimizers = preconditioned(task, model, 0.01)
    take = stepping(model, optimizers, Stream(task, [1, 2]), 2)
    for step in range(replay.WARM_UP + 1):
        take(step)
    assert len(on_a_gpu) == 1
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = 0 * group["lr"]
    before = model.value.detach().clone()
    take(9)
    assert torch.equal(model.value, before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_threshold_is_rounded_as_a_tensor_would(dtype):
    for number in (0.25 / 3, 0.1, 1e-30, 2.0):
        assert rounded(number, dtype) == torch.tensor(number, dtype=dtype).item()


def test_optimizers_that_count_are_not_captured(make_task, on_a_gpu):
    task = make_task(3, 12)
    model = LinearTransformer.initial(task)
    adam = [torch.optim.Adam([model.value, model.columns])]
    take = stepping(model, adam, Stream(task, [1, 2]), 2)
    for step in range(4):
        take(step)
    assert on_a_gpu == []


@pytest.mark.filterwarnings("error")
def test_what_cannot_be_captured_is_called_plainly(monkeypatch):
    """Here torch has no CUDA, or no graph: one warning, and the same results."""
    monkeypatch.setattr(replay, "captures", lambda device: True)

    def refuse(function):
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    monkeypatch.setattr(replay, "captured", refuse)
    count = []
    replayed = Replayed(lambda: count.append(1), torch.device("cpu"))
    for _ in range(replay.WARM_UP):
        replayed()
    with pytest.warns(UserWarning, match="not permitted when stream is capturing$"):
        replayed()
    replayed()  # a second warning would be an error
    assert len(count) == replay.WARM_UP + 2


@pytest.mark.gpu
def test_a_replayed_run_is_the_plain_one(make_task, monkeypatch):
    task = make_task(3, 300).to("cuda")
    ours = run(task, 8)
    monkeypatch.setattr(replay, "captures", lambda device: False)
    theirs = run(task, 8)
    for one, two in zip(ours[:2], theirs[:2], strict=True):
        assert torch.equal(one, two)
    assert ours[2].equals(theirs[2])
