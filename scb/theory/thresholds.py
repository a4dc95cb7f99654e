r"""What one proximal step does to A: signal, noise, and the lambdas between them.

Let V = alpha P + (1 - alpha) mu 1^T. In a step a useful entry, ``q_t = 1/Q`` and ``a_t`` still
small, gains ``eta_A alpha K_P / Q`` in the mean, and a useless one moves by noise of standard
deviation ``sigma = eta_A sqrt(v / B)`` (`attention_noise`). V's part of the residual is small at
first, so v is ``alpha^2 tr(S_P Z) / mu_k`` and ::

    signal / noise = K_P sqrt(B mu_k) / (Q sqrt(tr(S_P Z)))

eta has dropped out, and alpha nearly: at figure 1's size the ratio is about 1 at every rate, among
5000 useless entries. A threshold tells them apart over many steps only, and two lambdas bound it:

- *balancing*, ``sigma sqrt(eta / 2)`` (`balancing_penalty`): the threshold holds a useless entry as
  tightly as the gradient does. Well below it proximal is SGD.
- *dying*, ``eta alpha / Q``: the threshold takes off a useful entry what the signal adds. Above it
  the signal shrinks, in Stage 2's first steps already.

The first grows like eta^(3/2), the second like eta alpha: so lambda must grow with eta. A window
is open while ``eta < 2 B (K_P alpha / Q)^2 / v``. A lambda that is given is effective at one rate,
`balanced_rate`, and signals need about ``ln(1/alpha) / eta`` steps after Stage 1: the two, taken
together, are what a figure asks for.
"""

import torch
from torch import Tensor

from scb.data.task import Task
from scb.learning.optimizers import Rate
from scb.theory.population import (
    AttentionMoments,
    ValueMoments,
    attention_noise,
    balancing_penalty,
)


def step_sizes(task: Task, batch_size: int, rate: Rate, signal: Rate) -> tuple[Tensor, Tensor]:
    """Mean gain of a useful entry of A, and standard deviation of a useless one, in one step.

    Parameters
    ----------
    task : Task
    batch_size : int
        B.
    rate : float or Tensor
        eta, with ``eta_A = eta / K_P``.
    signal : float or Tensor
        alpha, of V and A both; neither has an error.

    Returns
    -------
    gain, noise : Tensor, shape (...)
        Averaged over queries.
    """
    alpha = torch.as_tensor(signal, dtype=task.stationary.dtype).to(task.transition_energy.device)
    alpha = alpha.expand(task.transition_energy.shape)
    value = ValueMoments.of(task, task.transition).scaled(alpha)
    each = alpha[..., None]
    uniform = (1 - each) / task.length
    support = each[..., None] * task.weights.mT + uniform[..., None]  # (..., N, Q)
    useless = task.length - task.sparsity
    sums = (support.pow(power).sum(-1) + useless * uniform**power for power in (2, 3, 4))
    columns = AttentionMoments.of_support(task, support, *sums)
    entry = uniform[..., None].expand(*task.stationary.shape, 1)
    variance = attention_noise(task, value, columns, entry)[..., 0] / batch_size  # (..., N)
    noise = (task.stationary * variance.clamp(min=0).sqrt()).sum(-1)
    return dying_penalty(task, rate, alpha), rate / task.transition_energy * noise


def dying_penalty(task: Task, rate: Rate, signal: Rate) -> Tensor:
    """Lambda that takes off a useful entry what the signal adds at first: ``eta alpha / Q``.

    Parameters
    ----------
    task : Task
    rate : float or Tensor
        eta, with ``eta_A = eta / K_P``.
    signal : float or Tensor
        alpha_V.

    Returns
    -------
    Tensor, shape (...)
    """
    like = task.stationary
    return torch.as_tensor(rate * signal / task.sparsity, dtype=like.dtype, device=like.device)


def balanced_rate(task: Task, batch_size: int, penalty: float) -> Tensor:
    """The eta at which a lambda is the balancing one, which grows like eta^(3/2).

    Returns
    -------
    Tensor, shape (...)
    """
    return (penalty / balancing_penalty(task, batch_size, 1.0)) ** (2 / 3)
