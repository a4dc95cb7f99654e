"""A short causal convolution, one for each channel, with its gradient in closed form."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def causal_convolution(x: Tensor, taps: Tensor) -> Tensor:
    """``y_t = sum_lag taps[lag] * x_{t - L + 1 + lag}``, with x = 0 before the first token.

    Parameters
    ----------
    x : Tensor, shape (*runs, B, T, d)
    taps : Tensor, shape (*runs, L, d)
        The last one is of the token itself.

    Returns
    -------
    Tensor, shape (*runs, B, T, d)
    """
    y: Tensor = _Convolution.apply(x, taps)
    return y


class _Convolution(torch.autograd.Function):
    """Autograd would pad, and fill a tensor with zeros for each tap: twice the time."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, taps: Tensor) -> Tensor:
        ctx.save_for_backward(x, taps)
        length, (*earlier, own) = x.shape[-2], _by_tap(taps)
        y = x * own
        for back, tap in enumerate(reversed(earlier), 1):
            y[..., back:, :].addcmul_(x[..., : length - back, :], tap)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        x, taps = ctx.saved_tensors
        length, (*earlier, own) = x.shape[-2], _by_tap(taps)
        of_x, of_taps = gradient * own, [(gradient * x).sum((-3, -2))]
        for back, tap in enumerate(reversed(earlier), 1):
            later, sooner = gradient[..., back:, :], x[..., : length - back, :]
            of_x[..., : length - back, :].addcmul_(later, tap)
            of_taps.append((later * sooner).sum((-3, -2)))  # (*runs, d)
        return of_x, torch.stack(of_taps[::-1], -2)


def _by_tap(taps: Tensor) -> list[Tensor]:
    """Each tap as (*runs, 1, 1, d)."""
    return [tap[..., None, None, :] for tap in taps.unbind(-2)]
