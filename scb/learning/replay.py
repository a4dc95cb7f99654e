"""A training step as fast as it goes: one compiled call on a CPU, a CUDA graph on a GPU.

At the paper's sizes a GPU ends a kernel before the host has launched the next. A graph holds the
launches of a whole step, or of all metrics. While it is captured nothing may be read back to the
host, so a step finds its index in a tensor.
"""

import warnings
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Generic, TypeVar, cast

import torch
from torch import Tensor

from scb.data.stream import Step, Stream
from scb.kernels import training_step_for
from scb.learning.models import LinearTransformer, Model
from scb.learning.rule import rule_of

WARM_UP = 2
"""Plain calls before the capture: they compile kernels and fill caches, which a capture cannot."""


Result = TypeVar("Result", bound=Tensor | None)


def captures(device: torch.device) -> bool:
    """Whether work on the device is captured."""
    return device.type == "cuda"


class Replayed(Generic[Result]):
    """A function that is called again and again, captured at the first call after `WARM_UP`.

    Parameters
    ----------
    function : Callable
        Takes nothing and returns a tensor or None. It may only read and write tensors that stay
        where they are, and must do the same on every call.
    device : torch.device
        Where it works.
    """

    def __init__(self, function: Callable[[], Result], device: torch.device) -> None:
        self._call: Callable[[], Result] = function
        self._left = WARM_UP if captures(device) else -1

    def __call__(self) -> Result:
        """What the function returns: a tensor of its own for each call."""
        if self._left == 0:
            try:
                self._call = captured(self._call)
            except RuntimeError as error:
                said = next(iter(str(error).splitlines()), "")
                warnings.warn(f"no CUDA graph, launched one by one: {said}", stacklevel=2)
        self._left -= 1
        return self._call()


def captured(function: Callable[[], Result]) -> Callable[[], Result]:
    """The function as a CUDA graph; what it returned is copied after each replay.

    Raises
    ------
    RuntimeError
        If it does what cannot be captured.
    """
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = function()

    def replay() -> Result:
        graph.replay()
        return result if result is None else cast(Result, result.clone())

    return replay


def plain_step(
    model: Model, optimizers: Sequence[torch.optim.Optimizer], stream: Stream, size: int
) -> Callable[[Step], None]:
    """What a step is: gradients of its mini-batch of B samples, then optimizers."""

    def take(step: Step) -> None:
        model.backward(stream, step, size)
        for optimizer in optimizers:
            optimizer.step()

    return take


def stepping(
    model: Model, optimizers: Sequence[torch.optim.Optimizer], stream: Stream, size: int
) -> Callable[[int], None]:
    """A function that takes the step of an index: `plain_step`, or a faster equal of it.

    There is one for a `LinearTransformer`. On a CPU it is one compiled call, where all optimizers
    have a closed form (`rule_of`). On a GPU it is replayed, where they have ``replayable = True``:
    their step is a function of tensors alone. Once a rate is another object than at the start, as
    under a schedule, steps on a GPU are plain, because a graph would go on with the old one.

    Parameters
    ----------
    model : Model
    optimizers : torch optimizers
    stream : Stream
    size : int
        B.
    """
    take = plain_step(model, optimizers, stream, size)
    if type(model) is not LinearTransformer:
        return take
    device = model.value.device
    compiled = training_step_for(model.columns)
    if compiled is not None:
        return _in_one_call(compiled, model, optimizers, stream, size, take)
    if not (captures(device) and all(getattr(one, "replayable", False) for one in optimizers)):
        return take
    index = torch.zeros((), dtype=torch.int64, device=device)
    replayed = Replayed(lambda: take(index), device)
    start = _options(optimizers)

    def replay(step: int) -> None:
        if all(now is then for now, then in zip(_options(optimizers), start, strict=True)):
            index.fill_(step)
            replayed()
        else:
            take(step)

    return replay


def _in_one_call(
    compiled: Callable[..., None],
    model: LinearTransformer,
    optimizers: Sequence[torch.optim.Optimizer],
    stream: Stream,
    size: int,
    take: Callable[[int], None],
) -> Callable[[int], None]:
    """A compiled step, and then those of optimizers without closed form; ``take`` if all are."""
    found, known = rule_of(model, optimizers), _editions(optimizers)

    def call(step: int) -> None:
        nonlocal found, known
        now = _editions(optimizers)
        if any(one is not two or n != m for (one, n), (two, m) in zip(now, known, strict=True)):
            found, known = rule_of(model, optimizers), now  # as under a schedule
        if found is None:
            take(step)
            return
        rule, rest = found
        gradients = None
        if rest:
            for matrix in (model.value, model.columns):
                matrix.grad = torch.zeros_like(matrix) if matrix.grad is None else matrix.grad
            gradients = model.value.grad, model.columns.grad
        compiled(model.value, model.columns, stream, step, size, rule, gradients)
        for optimizer in rest:
            optimizer.step()

    return call


def _editions(optimizers: Sequence[torch.optim.Optimizer]) -> list[tuple[object, int]]:
    """Each option with the number of edits in place, where it is a tensor."""
    return [(option, getattr(option, "_version", 0)) for option in _options(optimizers)]


def _options(optimizers: Sequence[torch.optim.Optimizer]) -> list[object]:
    groups = chain.from_iterable(optimizer.param_groups for optimizer in optimizers)
    return [value for group in groups for value in group.values()]
