r"""Transfer (paper, sections 3 and 4): what a pretrained value matrix saves.

Pretraining on (P_hat, Q_hat) leaves a V close to P_hat. A downstream task (P, Q) with the
same mu starts from ``V = theta V_hat + (1 - theta) mu 1^T`` and a uniform A. With
``kappa = <P_hat, P>_mu - |mu|^2`` the expected gradient of A is ``-theta kappa q`` there, up
to O(1/T) (`scb.theory.population.expected_attention_gradient`): one step shows the support of Q,
once its noise is below ``theta kappa / Q``. The noise of the T useless coordinates is
independent and its largest grows like sqrt(2 log T). So the samples that the step needs grow
like log T, where training from scratch must first find a direction for V.

The theorem asks for (1) the same mu, (2) ``|P_hat|_mu`` comparable to ``|P|_mu`` and (3) ``kappa >=
|mu|^2``. As P and P_hat are nonnegative, ``kappa >= -|mu|^2``: anticorrelated transitions exist,
but not strongly anticorrelated ones of large norm.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from scb.data.geometry import inner, squared_norm
from scb.data.task import Task
from scb.kernels.reference import project_columns, soft_threshold
from scb.learning.algorithm import sparsify, switch_threshold
from scb.learning.metrics import AttentionStatistics, attention_signal, value_signal
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import Optimizer, Rate, preconditioned
from scb.store import tables
from scb.theory.population import ValueMoments
from scb.theory.tables import PRETRAINED


def correlated(task: Task, other: Tensor, correlation: float) -> Tensor:
    """Transition with the task's mu whose centred mu-cosine with P is ``correlation``.

    The convex mixture ``(1 - w) B + w R`` with an independent R, where B is P, or, for a
    correlation below that of R and P, the reflected ``mu 1^T - eps (P - mu 1^T)`` with the
    largest eps that keeps it nonnegative. With ``b = <B, P~>``, ``r = <R, P~>`` and ``s`` the
    norm of what R has orthogonal to P (all centred, ``P~`` of norm 1), the cosine is rho at::

        w = b / (b - r + s rho / sqrt(1 - rho^2))

    Parameters
    ----------
    task : Task of R replicates
    other : Tensor, shape (R, N, N)
        R, drawn independently, of the same mu.
    correlation : float
        rho, in (-1, 1].

    Returns
    -------
    Tensor, shape (R, N, N)

    Raises
    ------
    ValueError
        If the correlation is out of range or ``other`` has another mu.
    """
    if not -1 < correlation <= 1:
        raise ValueError(f"correlation is {correlation}: it must be in (-1, 1]")
    mu = task.stationary
    if not torch.allclose((other @ mu[..., None]).squeeze(-1), mu):
        raise ValueError("other has another stationary distribution than the task")
    if correlation == 1:
        return task.transition
    trivial = mu[..., None]
    own, independent = task.transition - trivial, other - trivial
    norm = squared_norm(own, mu).sqrt()
    along = inner(independent, own, mu) / norm  # r
    across = (squared_norm(independent, mu) - along.square()).sqrt()  # s
    target = across * correlation / (1 - correlation**2) ** 0.5
    # mu + eps U >= 0 where U = mu 1^T - P is negative: eps = min mu / (P - mu).
    excess = own.clamp(min=torch.finfo(own.dtype).tiny)
    reflection = (trivial / excess).amin((-2, -1))
    scale = torch.where(target >= along, torch.ones_like(norm), -reflection)
    base = scale * norm  # b
    weight = (base / (base - along + target))[..., None, None]  # w
    mixed = trivial + (1 - weight) * scale[..., None, None] * own + weight * independent
    return mixed.clamp(min=0)  # the reflection has a 0, up to rounding


@dataclass(frozen=True)
class Conditions:
    """How far the paper's conditions on a pretrained transition hold, each of shape (R,).

    Attributes
    ----------
    drift : Tensor
        ``max |P_hat mu - mu|``; (1) asks for 0.
    energy_ratio : Tensor
        ``(|P_hat|_mu^2 - |mu|^2) / K_P``; (2) asks for order 1.
    overlap_ratio : Tensor
        ``kappa / |mu|^2``; (3) asks for at least 1.
    correlation : Tensor
        ``kappa / sqrt((|P_hat|_mu^2 - |mu|^2) K_P)``, 0 for ``mu 1^T``.
    """

    drift: Tensor
    energy_ratio: Tensor
    overlap_ratio: Tensor
    correlation: Tensor

    @classmethod
    def of(cls, task: Task, value: Tensor) -> "Conditions":
        """Of a transition, or of a value matrix that learned one; shape (R, N, N)."""
        mu = task.stationary
        floor = mu.square().sum(-1)
        energy = squared_norm(value, mu) - floor
        kappa = inner(value, task.transition, mu) - floor
        scale = (energy.clamp(min=0) * task.transition_energy).sqrt()
        nothing = energy <= 1e-14
        return cls(
            drift=((value @ mu[..., None]).squeeze(-1) - mu).abs().amax(-1),
            energy_ratio=energy / task.transition_energy,
            overlap_ratio=kappa / floor,
            correlation=torch.where(nothing, 0.0, kappa / torch.where(nothing, 1.0, scale)),
        )


def read_pretrained(path: Path, tasks: Task) -> tuple[Tensor, dict[str, Any]]:
    """Learned V, (C, R, N, N), of a table of `PRETRAINED`, and what to report of it.

    There may be more pretrained replicates than tasks: the first are taken. Reported are the
    correlations asked for, the least and the largest that V has with P, and ``kappa / |mu|^2``.
    """
    frame = tables.read(path, PRETRAINED)
    replicates, states = tasks.stationary.shape
    frame = frame[frame["replicate"] < replicates].sort_values(["replicate", "state"])
    correlations = tables.setting(path)["correlations"]
    parts = [frame[frame["correlation"] == correlation] for correlation in correlations]
    if any(len(part) != replicates * states for part in parts):
        raise ValueError(f"{path}: not pretrained for the states and replicates of the tasks")
    stacked = np.stack([np.stack(part["value"].to_list()) for part in parts])
    value = torch.from_numpy(stacked).reshape(-1, replicates, states, states).mT
    drift = ((value @ tasks.stationary[..., None]).squeeze(-1) - tasks.stationary).abs().max()
    if drift > 1e-4 * value.abs().max().clamp(min=1):  # V was learned in single precision
        raise ValueError(f"{path}: pretrained with another mu than that of the tasks")
    reported = {"correlations": correlations}
    for name in ("learned", "overlap_ratio"):
        reported[name] = [[float(part[name].min()), float(part[name].max())] for part in parts]
    return value, reported


def start_value(task: Task, pretrained: Tensor, mixing: float) -> Tensor:
    """``V = theta V_hat + (1 - theta) mu 1^T``, shape (..., R, N, N).

    Parameters
    ----------
    task : Task of R replicates
    pretrained : Tensor, shape (..., R, N, N)
        V_hat.
    mixing : float
        theta, in (0, 1].
    """
    if not 0 < mixing <= 1:
        raise ValueError(f"mixing is {mixing}: it must be in (0, 1]")
    return mixing * pretrained + (1 - mixing) * task.stationary[..., None]


def start_model(
    task: Task, pretrained: Tensor, mixing: float, dtype: torch.dtype = torch.float32
) -> LinearTransformer:
    """The model at `start_value` and a uniform A; pretrained is (..., R, N, N)."""
    value = start_value(task, pretrained, mixing).to(dtype)
    columns = value.new_full((*value.shape[:-1], task.length), 1 / task.length)
    return LinearTransformer(value, columns)


def start_penalty(task: Task, mixing: float) -> Tensor:
    """Lambda of the one step, ``theta |mu|^2 / (2 Q K_P)``, shape (R,).

    Of the paper's order theta / (N K_P), as ``|mu|^2`` is of order 1/N: half of what the step
    gives a useful entry in expectation where condition (3) holds with equality, as the
    threshold between Stages 1 and 2 is half of the useful entries.
    """
    return mixing * task.stationary.square().sum(-1) / (2 * task.sparsity * task.transition_energy)


def start_samples(task: Task) -> Tensor:
    """Samples at which the noise of the one step passes below `start_penalty`, shape (R,).

    Of ``N T`` Gaussian coordinates the largest is near ``sigma sqrt(2 log(N T))``; ``sigma^2 =
    eta_A^2 theta^2 tr(S_P Z) / (n mu_k)`` (the scatter alone of
    `scb.theory.population.attention_noise`: A is uniform), averaged over the queries, with the
    norm of P for the comparable one of P_hat. theta cancels::

        n = 2 log(N T) (2 Q / |mu|^2)^2 N tr(S_P Z)
    """
    floor = task.stationary.square().sum(-1)
    states = task.states
    scatter = ValueMoments.of(task, task.transition).scatter
    largest = 2 * math.log(states * task.length)
    return largest * (2 * task.sparsity / floor).square() * states * scatter


class MeanGradient(Optimizer):
    """Averages the gradients of a parameter and leaves it where it is.

    While (V, A) stay fixed, the mean gradient of n samples is a running mean: one pass over
    the stream gives the one-step start of every n.

    Parameters
    ----------
    parameter : Parameter

    Attributes
    ----------
    mean : Tensor
        Of the gradients so far.
    """

    def __init__(self, parameter: nn.Parameter) -> None:
        super().__init__([parameter], {})
        self.mean = torch.zeros_like(parameter, requires_grad=False)
        self._count = 0

    def update(self) -> None:
        """Count the parameter's ``.grad`` in."""
        ((parameter,),) = (group["params"] for group in self.param_groups)
        self._count += 1
        self.mean.lerp_(parameter.grad, 1 / self._count)


def one_step(task: Task, gradient: Tensor, penalty: Rate) -> Tensor:
    """The one step of A from uniform, thresholded and projected; shape (..., R, N, T).

    ``eta = 1``, hence ``eta_A = 1 / K_P``. The gradient is projected before the threshold too
    (our reading): the raw one carries a shift common to a column
    (`scb.theory.population.common_noise`) that does not shrink with theta, so that a small theta
    would drown in it.

    Parameters
    ----------
    task : Task of R replicates
    gradient : Tensor, shape (..., R, N, T)
        Raw gradient with respect to the transposed A, at a uniform A.
    penalty : float or Tensor broadcastable to (..., R)
        lambda.
    """
    scale = (task.transition_energy[..., None] * task.stationary).to(gradient)  # K_P mu_k
    uniform = 1 / task.length
    stepped = project_columns(uniform - gradient / scale[..., None])
    threshold = torch.as_tensor(penalty, dtype=torch.float64).to(gradient)[..., None, None]
    return project_columns(soft_threshold(stepped, threshold))


def proximal_stage(
    task: Task, model: LinearTransformer, rate: Tensor, threshold: Tensor
) -> list[torch.optim.Optimizer]:
    """Stage 2 for a run whose useful entries are about twice ``threshold``.

    Its penalty is ``eta threshold``: what a step at the full gradient adds to such an entry is
    ``2 eta threshold``, so that useful entries grow and useless ones shrink.

    Parameters
    ----------
    task : Task of R replicates
    model : LinearTransformer
    rate, threshold : Tensor broadcastable to (..., R)
    """
    return preconditioned(task, model, rate, rate * threshold)


class Scratch:
    """Training from the paper's start, each replicate through Stages 1 and 2 in its own time.

    Stage 1 of a replicate ends at the first look at which ``max(|alpha_V|, |alpha_A|) >=
    1/(QN)``; its A is then thresholded, and eta halved as in figure 1. To be given to
    `scb.learning.algorithm.train`, with `look` called between steps.

    Parameters
    ----------
    task : Task of R replicates
    model : LinearTransformer
    rate : Tensor, shape (R,)
        eta of Stage 1.

    Attributes
    ----------
    optimizers : list of torch optimizers
        Of all replicates; replaced in place when a replicate changes stage.
    boosting : Tensor, shape (R,), bool
    """

    def __init__(self, task: Task, model: LinearTransformer, rate: Tensor) -> None:
        self.task, self.model, self.rate = task, model, rate
        self.boosting = torch.ones_like(rate, dtype=torch.bool)
        self._penalty = torch.zeros_like(rate)
        self.optimizers = preconditioned(task, model, rate)

    @torch.no_grad()
    def look(self) -> None:
        """Let the replicates whose signals are strong enough go on to Stage 2."""
        statistics = AttentionStatistics.of(self.task, self.model.columns)
        alpha_value = value_signal(self.task, self.model.value.double())
        alpha_attention = attention_signal(self.task, statistics)
        strongest = torch.maximum(alpha_value.abs(), alpha_attention.abs())
        level = 1 / (self.task.sparsity * self.task.states)
        leaving = self.boosting & (strongest >= level)
        self.boosting = self.boosting & ~leaving
        if not leaving.any():
            return
        threshold = switch_threshold(self.task, self.model.value)
        sparse = sparsify(self.model.columns, threshold.to(self.model.columns))
        self.model.columns.copy_(torch.where(leaving[..., None, None], sparse, self.model.columns))
        rate = torch.where(self.boosting, self.rate, self.rate / 2)
        self._penalty = torch.where(leaving, rate * threshold, self._penalty)
        self.optimizers[:] = preconditioned(self.task, self.model, rate, self._penalty)
