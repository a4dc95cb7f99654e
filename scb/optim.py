"""Preconditioned projected proximal gradient descent (paper, section 3).

With penalty 0 this is the plain preconditioned projected step, which is what *SGD*
means in every comparison of this project.
"""

import inspect
from typing import TypeVar

import torch
from torch import Tensor, nn

from scb.kernels import kernel_for

Rate = float | Tensor
"""A number, or one per condition and replicate: broadcastable to (..., R)."""


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
    rate = torch.as_tensor(rate)
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

    add_param_group = inspect.unwrap(torch.optim.Optimizer.add_param_group)

    def _patch_step_function(self) -> None:
        """Torch wraps `step` in its profiler and hooks, which take longer than our steps."""
        self._zero_grad_profile_name = ""


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

    def __init__(self, value: nn.Parameter, stationary: Tensor, rate: Rate) -> None:
        self._preconditioner = _preconditioner(stationary.to(value))
        super().__init__([value], {"lr": _per_matrix("rate", rate, value)})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
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

    def __init__(
        self, columns: nn.Parameter, stationary: Tensor, rate: Rate, penalty: Rate = 0.0
    ) -> None:
        self._stationary = stationary.to(columns)
        lr = _per_matrix("rate", rate, columns)
        threshold = _per_matrix("penalty", penalty, columns, positive=False)
        super().__init__([columns], {"lr": lr, "penalty": threshold})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step from the parameter's ``.grad``."""
        (group,) = self.param_groups
        (columns,) = group["params"]
        rate = group["lr"][..., 0] / self._stationary  # (..., R, N)
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

    def __init__(self, matrix: nn.Parameter, rate: Rate) -> None:
        super().__init__([matrix], {"lr": _per_matrix("rate", rate, matrix)})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step from the parameter's ``.grad``."""
        (group,) = self.param_groups
        (matrix,) = group["params"]
        matrix -= group["lr"] * matrix.grad
