"""Preconditioned projected proximal gradient descent (paper, section 3), and its rivals.

`build_optimizers` makes them from settings: one entry of `KINDS` for each kind that
`scb.settings` knows. With penalty 0 a proximal step is the plain preconditioned projected one,
which is what *SGD* means in every comparison of this project.
"""

import inspect
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from scb.data.task import Task
from scb.kernels import kernel_for
from scb.learning.logits import logit_gradient, matched_rate
from scb.settings.training import Logits, LogitsAdam, Plain, Proximal, Sgd

Rate = float | Tensor
"""A number, or one per condition and replicate: broadcastable to (..., R)."""

Spec = Proximal | Sgd | Logits | LogitsAdam | Plain
"""What the settings say of an optimizer."""


class Parameters(Protocol):
    """What optimizers of both matrices step on, with a condition for each of them."""

    value: nn.Parameter
    """V, shape (G, R, N, N)."""
    columns: nn.Parameter
    """A transposed, shape (G, R, N, T)."""


def build_optimizers(
    task: Task, model: Parameters, specs: Sequence[Spec]
) -> list[torch.optim.Optimizer]:
    """Optimizers of a model that has a condition for each of ``specs``, in their order.

    Parameters
    ----------
    task : Task of R replicates
    model : Parameters of G conditions
    specs : sequence of G
    """
    found: list[torch.optim.Optimizer] = []
    for build, group in groupby(range(len(specs)), key=lambda place: KINDS[specs[place].kind]):
        places = list(group)
        some = [specs[place] for place in places]
        if len(some) == len(specs):
            return build(task, model, some)
        found.append(Part(model, slice(places[0], places[-1] + 1), task, some, build))
    return found


def preconditioned(
    task: Task, model: Parameters, rate: Rate, penalty: Rate = 0.0, *, scaled: bool | Tensor = True
) -> list[torch.optim.Optimizer]:
    """The paper's steps on (V, A), with ``eta_V = eta / K_Q`` and ``eta_A = eta / K_P``.

    Parameters
    ----------
    task : Task of R replicates
    model : Parameters, with any leading dimensions
    rate : float or Tensor broadcastable to (..., R)
        eta.
    penalty : float or Tensor broadcastable to (..., R)
        lambda; 0 is what *SGD* means in every comparison.
    scaled : bool or Tensor broadcastable to (..., R)
        Where it is false, ``eta_V = eta_A = eta``.
    """
    value_rate, attention_rate = _rates(task, rate, scaled)
    return [
        ValueGradient(model.value, task.stationary, value_rate),
        ProximalGradient(model.columns, task.stationary, attention_rate, penalty),
    ]


def _rates(task: Task, rate: Rate, scaled: bool | Tensor) -> tuple[Tensor, Tensor]:
    """eta_V and eta_A."""
    keep = torch.as_tensor(scaled, device=task.stationary.device)
    energies = task.attention_energy, task.transition_energy
    first, second = (rate / torch.where(keep, energy, 1.0) for energy in energies)
    return first, second


def _proximal(task: Task, model: Parameters, specs: Sequence[Any]) -> list[torch.optim.Optimizer]:
    rate, penalty, scaled, relative = (
        _per_condition(task, [getattr(spec, name, 0.0) for spec in specs])
        for name in ("rate", "penalty", "scaled", "relative")
    )
    _, attention_rate = _rates(task, rate, scaled > 0)
    penalty = torch.where(relative > 0, attention_rate * penalty, penalty)  # (G, R)
    return preconditioned(task, model, rate, penalty, scaled=scaled > 0)


def _raw(task: Task, model: Parameters, specs: Sequence[Any]) -> list[torch.optim.Optimizer]:
    rate, scaled = (
        _per_condition(task, [getattr(spec, name, 0.0) for spec in specs])
        for name in ("rate", "scaled")
    )
    rates = _rates(task, rate, scaled > 0)
    matrices = model.value, model.columns
    return [RawGradient(matrix, eta) for matrix, eta in zip(matrices, rates, strict=True)]


def _adam(task: Task, model: Parameters, specs: Sequence[Any]) -> list[torch.optim.Optimizer]:
    def build(task: Task, part: Parameters, some: Sequence[Any]) -> list[torch.optim.Optimizer]:
        return [Adam([part.value, part.columns], lr=some[0].rate)]

    return [Part(model, slice(i, i + 1), task, [spec], build) for i, spec in enumerate(specs)]


def _logits(task: Task, model: Parameters, specs: Sequence[Any]) -> list[torch.optim.Optimizer]:
    value_rate, _ = _rates(task, _per_condition(task, [spec.rate for spec in specs]), scaled=True)
    logit_rate = torch.stack(
        [spec.factor * matched_rate(task, spec.rate, spec.signal) for spec in specs]
    )  # (G, R)
    # A first: what has no closed form is to be found before V is taken for a rule's.
    return [
        LogitGradient(model.columns, task.stationary, logit_rate),
        ValueGradient(model.value, task.stationary, value_rate),
    ]


def _logits_adam(
    task: Task, model: Parameters, specs: Sequence[Any]
) -> list[torch.optim.Optimizer]:
    def build(task: Task, part: Parameters, some: Sequence[Any]) -> list[torch.optim.Optimizer]:
        value_rate, _ = _rates(task, some[0].rate, scaled=True)
        return [
            LogitAdam(part.columns, some[0].logit_rate),
            ValueGradient(part.value, task.stationary, value_rate),
        ]

    return [Part(model, slice(i, i + 1), task, [spec], build) for i, spec in enumerate(specs)]


Build = Callable[[Task, Parameters, Sequence[Any]], list[torch.optim.Optimizer]]

KINDS: dict[str, Build] = {
    "proximal": _proximal,
    "sgd": _proximal,  # at lambda = 0
    "raw": _raw,  # without preconditioner and projection
    "vanilla": _raw,  # nor K_Q and K_P: eta as it is
    "adam": _adam,
    "softmax": _logits,  # on the logits of A
    "softmax_adam": _logits_adam,
}
"""How the optimizers of each kind are built, of a model with a condition for each spec."""


def _per_condition(task: Task, numbers: Sequence[float]) -> Tensor:
    """A number for each condition, to go with one for each replicate; shape (G, 1), float64."""
    return torch.tensor(numbers, dtype=torch.float64, device=task.stationary.device)[:, None]


def precondition_value(gradient: Tensor, stationary: Tensor) -> Tensor:
    """``G_V = (I - 1 1^T / N) g_V diag(1/mu) (I - mu mu^T / |mu|^2)``.

    A step along G_V keeps ``1^T V`` and ``V mu``.

    Parameters
    ----------
    gradient : Tensor, shape (..., R, N, N)
    stationary : Tensor, shape (R, N)
    """
    return _precondition(gradient, *_preconditioner(stationary))


def _preconditioner(stationary: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """mu as a row and as a column, and ``mu / |mu|^2``, as `_precondition` takes them."""
    row = stationary[..., None, :]  # (R, 1, N)
    return row, row.mT, row / row.square().sum(-1, keepdim=True)


def _precondition(gradient: Tensor, row: Tensor, column: Tensor, direction: Tensor) -> Tensor:
    scaled = (gradient - gradient.mean(-2, keepdim=True)) / row  # (..., R, N, N)
    return scaled - (scaled @ column) * direction


def _per_matrix(name: str, rate: Rate, like: Tensor, *, positive: bool = True) -> Tensor:
    """Checked rate of shape (..., R, 1, 1) in the dtype and on the device of ``like``."""
    # In double precision first: a float is not to be rounded to single where the run is not.
    rate = rate if isinstance(rate, Tensor) else torch.tensor(rate, dtype=torch.float64)
    if not bool((rate > 0).all() if positive else (rate >= 0).all()):
        raise ValueError(f"{name} must be {'positive' if positive else 'at least 0'}, not {rate}")
    return rate.to(like)[..., None, None]


Kind = TypeVar("Kind", bound=type[torch.optim.Optimizer])


def without_compiler(kind: Kind) -> Kind:
    """An optimiser of torch's as it is, without its import of the compiler: 145 MB, a second."""
    unwrap, base = inspect.unwrap, torch.optim.Optimizer
    plain = {name: unwrap(getattr(base, name)) for name in ("add_param_group", "zero_grad")}
    plain["step"] = torch.no_grad()(unwrap(kind.step))
    return type(kind.__name__, (kind,), plain)  # type: ignore[return-value]


Adam = without_compiler(torch.optim.Adam)
AdamW = without_compiler(torch.optim.AdamW)


class Optimizer(torch.optim.Optimizer):
    """Torch's base class without what it costs: see `without_compiler`."""

    replayable = False
    """Whether a step is a function of tensors alone, so that a CUDA graph can repeat it.

    A subclass that counts, or keeps other numbers of its own, says False.
    """

    add_param_group = inspect.unwrap(torch.optim.Optimizer.add_param_group)

    def _patch_step_function(self) -> None:
        """Torch wraps `step` in its profiler and hooks, which take longer than our steps."""
        self._zero_grad_profile_name = ""

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step from the parameters' ``.grad``."""
        self.update()

    def update(self) -> None:
        """What a step does."""


class Part(Optimizer):
    """Optimizers of some conditions of a model, which step on views of its parameters.

    Parameters
    ----------
    model : Parameters
    conditions : slice
    task, specs, build
        ``build(task, part, specs)`` makes them, where ``part`` has the views.
    """

    def __init__(
        self, model: Parameters, conditions: slice, task: Task, specs: Sequence[Any], build: Build
    ) -> None:
        self.conditions, self.of = conditions, model
        self.value, self.columns = (
            nn.Parameter(matrix.detach()[conditions]) for matrix in (model.value, model.columns)
        )
        super().__init__([self.value, self.columns], {})
        self.optimizers = build(task, self, specs)
        self.replayable = all(getattr(one, "replayable", False) for one in self.optimizers)

    def update(self) -> None:
        """One step of each of them."""
        for mine, whole in ((self.value, self.of.value), (self.columns, self.of.columns)):
            assert whole.grad is not None
            mine.grad = whole.grad[self.conditions]
        for optimizer in self.optimizers:
            optimizer.step()


class ValueGradient(Optimizer):
    """Preconditioned steps on the value matrix, ``V <- V - eta_V G_V``.

    Parameters
    ----------
    value : Parameter, shape (..., R, N, N)
    stationary : Tensor, shape (R, N)
    rate : float or Tensor broadcastable to (..., R)
        eta_V, positive.

    Raises
    ------
    ValueError
        If a rate is not positive.
    """

    replayable = True

    def __init__(self, value: nn.Parameter, stationary: Tensor, rate: Rate) -> None:
        self.stationary = stationary.to(value)
        self._preconditioner = _preconditioner(self.stationary)
        super().__init__([value], {"lr": _per_matrix("rate", rate, value)})

    def update(self) -> None:
        """One step from the parameter's ``.grad``."""
        (group,) = self.param_groups
        (value,) = group["params"]
        value -= group["lr"] * _precondition(value.grad, *self._preconditioner)


class ProximalGradient(Optimizer):
    """Preconditioned proximal steps on the attention, column by column.

    The raw gradient step ``a' = a - (eta_A / mu_k) g_a^(k)``, the soft threshold at
    ``penalty`` (lambda itself, not eta lambda), the projection back on ``1^T a = 1``. At
    penalty 0 the three amount to ``a - eta_A G_a^(k)`` with the preconditioned, projected
    gradient ``G_a^(k) = (1/mu_k) (I - 1 1^T / T) g_a^(k)``.

    Parameters
    ----------
    columns : Parameter, shape (..., R, N, T)
        A transposed.
    stationary : Tensor, shape (R, N)
    rate : float or Tensor broadcastable to (..., R)
        eta_A, positive.
    penalty : float or Tensor broadcastable to (..., R)
        lambda, at least 0.

    Raises
    ------
    ValueError
        If a rate is not positive or a penalty negative.
    """

    replayable = True

    def __init__(
        self, columns: nn.Parameter, stationary: Tensor, rate: Rate, penalty: Rate = 0.0
    ) -> None:
        self.stationary = stationary.to(columns)
        lr = _per_matrix("rate", rate, columns)
        threshold = _per_matrix("penalty", penalty, columns, positive=False)
        super().__init__([columns], {"lr": lr, "penalty": threshold})

    def update(self) -> None:
        """One step from the parameter's ``.grad``."""
        (group,) = self.param_groups
        (columns,) = group["params"]
        rate = group["lr"][..., 0] / self.stationary  # (..., R, N)
        kernel_for(columns).proximal_step(columns, columns.grad, rate, group["penalty"][..., 0])


class RawGradient(Optimizer):
    """Plain steps ``parameter <- parameter - eta g``, without preconditioner or projection.

    Not the paper's algorithm: what *SGD* could also mean. (`torch.optim.SGD` takes one
    rate for all replicates, and eta_V and eta_A differ between them.)

    Parameters
    ----------
    matrix : Parameter, shape (..., R, M, N)
        V, or A transposed.
    rate : float or Tensor broadcastable to (..., R)
        Positive.

    Raises
    ------
    ValueError
        If a rate is not positive.
    """

    replayable = True

    def __init__(self, matrix: nn.Parameter, rate: Rate) -> None:
        super().__init__([matrix], {"lr": _per_matrix("rate", rate, matrix)})

    def update(self) -> None:
        """One step from the parameter's ``.grad``."""
        (group,) = self.param_groups
        (matrix,) = group["params"]
        matrix -= group["lr"] * matrix.grad


class LogitGradient(Optimizer):
    """Plain steps on the logits of each column, ``w <- w - (eta_w / mu_k) dw``.

    mu_k is as in the steps on A of the linear transformer. Logits follow from A up to a constant,
    which a softmax ignores, so A is all that is stored.

    Parameters
    ----------
    columns : Parameter, shape (..., R, N, T)
        A transposed, positive.
    stationary : Tensor, shape (R, N)
    rate : float or Tensor broadcastable to (..., R)
        eta_w, positive.

    Raises
    ------
    ValueError
        If a rate is not positive.
    """

    replayable = True

    def __init__(self, columns: nn.Parameter, stationary: Tensor, rate: Rate) -> None:
        self.stationary = stationary.to(columns)
        super().__init__([columns], {"lr": _per_matrix("rate", rate, columns)})

    def update(self) -> None:
        """One step from the parameter's ``.grad``."""
        (group,) = self.param_groups
        (columns,) = group["params"]
        rate = group["lr"] / self.stationary[..., None]  # (..., R, N, 1)
        moved = columns.log() - rate * logit_gradient(columns, columns.grad)  # (..., R, N, T)
        columns.copy_(moved.softmax(-1))


class LogitAdam(Optimizer):
    """Adam's steps on the logits.

    Parameters
    ----------
    columns : Parameter, shape (..., R, N, T)
        A transposed, positive.
    rate : float
        Adam's, positive.
    """

    def __init__(self, columns: nn.Parameter, rate: float) -> None:
        self.logits = nn.Parameter(columns.detach().log())
        self.adam = Adam([self.logits], lr=rate)
        super().__init__([columns], {})

    def update(self) -> None:
        """One step from the parameter's ``.grad``."""
        (group,) = self.param_groups
        (columns,) = group["params"]
        self.logits.grad = logit_gradient(columns, columns.grad)
        self.adam.step()
        columns.copy_(self.logits.softmax(-1))
