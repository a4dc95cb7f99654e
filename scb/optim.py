"""Preconditioned projected proximal gradient descent (paper, section 3).

With penalty 0 this is the plain preconditioned projected step, which is what *SGD*
means in every comparison of this project.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

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
    scaled = (gradient - gradient.mean(-2, keepdim=True)) / stationary[..., None, :]
    direction = stationary / stationary.square().sum(-1, keepdim=True)  # (R, N)
    along = (scaled @ stationary[..., None]) * direction[..., None, :]
    return scaled - along


def soft_threshold(entries: Tensor, threshold: Rate) -> Tensor:
    """Shrink entries of both signs towards 0 by ``threshold``, to 0 within it."""
    return torch.sign(entries) * relu(entries.abs() - threshold)


def project_columns(columns: Tensor) -> Tensor:
    """Projection on the affine space ``1^T a = 1``: ``a + (1 - 1^T a) 1/T``.

    Parameters
    ----------
    columns : Tensor, shape (..., T)
    """
    return columns + (1 - columns.sum(-1, keepdim=True)) / columns.shape[-1]


class ProximalGradient(torch.optim.Optimizer):
    """Proximal steps on A and preconditioned steps on V, for all replicates at once.

    One step is ``V <- V - eta_V G_V`` and, for each column of A: the raw gradient step
    ``a' = a - (eta_A / mu_k) g_a^(k)``, the soft threshold at ``penalty`` (lambda itself,
    not eta lambda), the projection back on ``1^T a = 1``. At penalty 0 the last two
    amount to ``a - eta_A G_a^(k)`` with ``G_a^(k) = (1/mu_k) (I - 1 1^T / T) g_a^(k)``.

    Parameters
    ----------
    value : Parameter, shape (..., R, N, N)
    columns : Parameter, shape (..., R, N, T)
    stationary : Tensor, shape (R, N)
    value_rate, attention_rate : float or Tensor broadcastable to (..., R)
        eta_V and eta_A, positive.
    penalty : float or Tensor broadcastable to (..., R)
        lambda, not negative.

    Raises
    ------
    ValueError
        If a rate is not positive or the penalty is negative.
    """

    def __init__(
        self,
        value: nn.Parameter,
        columns: nn.Parameter,
        stationary: Tensor,
        *,
        value_rate: Rate,
        attention_rate: Rate,
        penalty: Rate = 0.0,
    ) -> None:
        for name, rate in (("value_rate", value_rate), ("attention_rate", attention_rate)):
            if not bool(torch.as_tensor(rate).gt(0).all()):
                raise ValueError(f"{name} must be positive, not {rate}")
        if not bool(torch.as_tensor(penalty).ge(0).all()):
            raise ValueError(f"penalty must not be negative, not {penalty}")

        def expand(rate: Rate) -> Tensor:
            return torch.as_tensor(rate).to(value)[..., None, None]  # (..., R, 1, 1)

        super().__init__(
            [
                {"name": "value", "params": [value], "lr": expand(value_rate)},
                {
                    "name": "attention",
                    "params": [columns],
                    "lr": expand(attention_rate),
                    "penalty": expand(penalty),
                },
            ],
            {},
        )
        self._stationary = stationary.to(value)
        self._penalised = bool(torch.as_tensor(penalty).gt(0).any())

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step on both parameters from their ``.grad``."""
        value_group, attention_group = self.param_groups
        value, columns = value_group["params"][0], attention_group["params"][0]
        value -= value_group["lr"] * precondition_value(value.grad, self._stationary)
        columns -= attention_group["lr"] / self._stationary[..., None] * columns.grad
        if self._penalised:
            columns.copy_(soft_threshold(columns, attention_group["penalty"]))
        columns.copy_(project_columns(columns))
