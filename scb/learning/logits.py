"""A softmax transformer's steps on its logits, seen as steps on its attention A.

With ``a = softmax(w)`` and g the gradient of a column of A, the gradient of its logits is
``dw_t = a_t (g_t - <a, g>)``. So gradients come from the same kernels as the linear transformer's,
and a plain step on the logits multiplies the weights, ``a_t <- a_t exp(-eta dw_t) / Z``. Both are
derived in docs/softmax.md.
"""

import torch
from torch import Tensor

from scb.data.task import Task


def to_simplex(columns: Tensor) -> Tensor:
    """The softmax columns that are nearest to A: projected onto the simplex, and no weight 0.

    The projection subtracts a threshold from each column and drops what is negative. A softmax has
    no weight 0, so each weight is ``1 / T^2`` at least: ``1 / T`` in a column at most.

    Parameters
    ----------
    columns : Tensor, shape (..., T)

    References
    ----------
    Duchi, Shalev-Shwartz, Singer and Chandra, *Efficient projections onto the l1-ball for learning
    in high dimensions*, ICML 2008, figure 1.
    """
    length = columns.shape[-1]
    ordered = columns.double().sort(-1, descending=True).values
    ranks = torch.arange(1, length + 1, device=columns.device, dtype=torch.float64)
    thresholds = (ordered.cumsum(-1) - 1) / ranks  # (..., T)
    kept = (ordered > thresholds).sum(-1, keepdim=True)  # (..., 1), at least 1
    projected = columns - thresholds.gather(-1, kept - 1)
    positive = projected.clamp(min=length**-2.0)
    return (positive / positive.sum(-1, keepdim=True)).to(columns.dtype)


def matched_weight(task: Task, signal: float | None) -> float:
    """The weight a that moves as under SGD at the logit rate ``eta_A / a^2``.

    Parameters
    ----------
    task : Task
        With weights 1/Q.
    signal : float or None
        alpha_A in (0, 1): ``a = alpha_A (1 - alpha_A) / Q``, at which the signal grows as under SGD
        in a column that has the weight ``alpha_A / Q`` at its Q useful positions and next to
        nothing at each other. None: ``a = 1 / T``, at which all of a uniform column moves so.
    """
    return 1 / task.length if signal is None else signal * (1 - signal) / task.sparsity


def matched_rate(task: Task, rate: float | Tensor, signal: float | None) -> Tensor:
    """The logit rate ``eta_A / a^2``, with `matched_weight` and ``eta_A = eta / K_P``; (..., R)."""
    return rate / task.transition_energy / matched_weight(task, signal) ** 2


def logit_gradient(columns: Tensor, gradient: Tensor) -> Tensor:
    """``a_t (g_t - <a, g>)`` of columns and their gradients, shape (..., T)."""
    return columns * (gradient - (columns * gradient).sum(-1, keepdim=True))
