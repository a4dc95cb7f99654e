r"""The batch that the first stage needs to find the support of Q, beside that which fixes the sign.

Three things must hold, each from a batch on; docs/softmax.md derives them. The signals' sign must
be right (`scb.theory.stage1.required_batch`). A useful position's gradient must stand out of those
of T useless ones (`rank_batch`). And what noise has made of these must be less than what the drift
has made of the useful one (`calm_batch`): of a linear A when Stage 1 ends, of a softmax when logits
reach 1, as from then on a larger weight takes larger steps.

All are in proportion to the rate at which the signals grow, and the steps to its inverse. So the
samples depend on neither eta nor the logit rate.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm
from torch import Tensor

from scb.data.task import Task
from scb.theory.boosting import noise_scatter
from scb.theory.population import ValueMoments, boost_signal_to_noise
from scb.theory.stage1 import PROBABILITY


def growth_rate(rate: float, factor: float) -> float:
    """Rate at which signals grow if A moves at ``factor`` times its rate: ``sqrt(factor) eta``."""
    return rate * math.sqrt(factor)


def drift_steps(task: Task, rate: float, level: float) -> int:
    """Steps by which the noiseless ``alpha_A = (cosh(rate n) - 1) / (K_Q T)`` is ``level``.

    Parameters
    ----------
    task : Task of R replicates
        The steps are those of the slowest.
    rate : float
        Of `growth_rate`.
    level : float
    """
    most = 1 + level * task.length * float(task.attention_energy.max())
    return math.ceil(math.acosh(most) / math.log1p(rate))


def rank_batch(task: Task, rate: float) -> Tensor:
    """B from which a useful entry of A is above the largest of T useless ones, shape (R,).

    The gradient of one position over a single batch, at ``V = mu 1^T + alpha R``, has the mean
    ``alpha K_P / Q`` if the position is useful, and the standard deviation ``alpha sqrt(N tr(S_P Z)
    / B)``, both whatever T. Growing at ``rate``, ``2 / rate`` batches count. So ``B = rate Q^2 N
    tr(S_P Z) ln(T) / K_P^2``.
    """
    scatter = ValueMoments.of(task, task.transition).scatter  # tr(S_P Z)
    size = task.sparsity**2 * task.states * scatter * math.log(task.length)
    return rate * size / task.transition_energy.square()


def calm_batch(task: Task, rate: float, level: float) -> Tensor:
    """B from which no useless logit is above the useful ones when those are ``level``, shape (R,).

    A logit is ``T a_t - 1`` here, as of a softmax near its start. Noise in V makes useless ones
    that grow like ``c tau`` in root mean square, ``tau = rate n``, and the drift the useful one,
    ``(cosh(tau) - 1) / (Q K_Q)``. The largest of T Gaussians is ``sqrt(2 ln T)``. So ``c tau sqrt(2
    ln T)`` is to be at most ``level``, at the tau at which the useful one is there::

        c = T rate sqrt(N v tr(Z Z) / (2 tr Z)) / (K_P K_Q B)
        v = (1 - |mu|^2) ((N - 1) / T + b^T D b)

    with v the variance of one sample's G_V at the start, and b of `scb.theory.boosting`.
    """
    mu, length, states = task.stationary, task.length, task.states
    trivial = mu.square().sum(-1)
    bias = (mu * (1 - mu / trivial[..., None]).square()).sum(-1)  # b^T D b
    noise = (1 - trivial) * ((states - 1) / length + bias)  # v
    root = (states * noise * noise_scatter(task) / 2).sqrt()
    pattern = task.attention_energy
    time = torch.acosh(1 + level * task.sparsity * pattern)
    growth = length * rate * root / (task.transition_energy * pattern)  # c B
    return growth * time * math.sqrt(2 * math.log(length)) / level


def support_chance(
    task: Task, batch: float, rate: float, level: float, *, softmax: bool
) -> NDArray[np.float64]:
    """Chance of each task to find the support, shape (R,).

    It is the chance ``Phi(rho)`` of the right sign, as in `scb.theory.stage1.required_batch`, and 0
    below `rank_batch` and `calm_batch`.

    Parameters
    ----------
    task : Task of R replicates
    batch : float
        B.
    rate : float
        Of `growth_rate`.
    level : float
        alpha_A at which a run ends: a useful logit is then ``level T / Q``.
    softmax : bool
        Whether A is a softmax, whose noise must be small when a useful logit is 1 already.
    """
    last = level * task.length / task.sparsity
    calm = calm_batch(task, rate, min(1.0, last) if softmax else last)
    least = torch.maximum(rank_batch(task, rate), calm).cpu().numpy()
    sign = boost_signal_to_noise(task, 1, rate).cpu().numpy() * math.sqrt(batch)
    return np.asarray(norm.cdf(sign) * (least <= batch))


def support_batch(task: Task, rate: float, level: float, *, softmax: bool) -> float:
    """Batch at which the mean of `support_chance` over the tasks is nine in ten."""

    def excess(log_batch: float) -> float:
        chance = support_chance(task, math.exp(log_batch), rate, level, softmax=softmax)
        return float(chance.mean() - PROBABILITY)

    enough = 1.0
    while excess(enough) < 0:
        enough += 1.0
    return math.exp(brentq(excess, -30.0, enough))
