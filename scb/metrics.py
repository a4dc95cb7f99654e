"""What is measured of an iterate (V, A): signals, errors, distances, similarity, loss.

All are exact functions of the iterate and the task (paper, section 4); nothing is
sampled. They need A only through three numbers per column, `AttentionStatistics`,
so an iterate whose columns are known in law (see `scb.simulation`) is measured by the
same code. Everything broadcasts over leading dimensions: (condition, replicate).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from scb.geometry import inner, squared_norm
from scb.kernels import kernel_for
from scb.tables import METRICS
from scb.task import Task

DIVERGED = 1e3
"""A run has diverged once |V - P|_mu or |A - Q|_mu is not finite or exceeds this."""


@dataclass(frozen=True)
class AttentionStatistics:
    """All that the loss and the metrics need to know of the columns of A.

    Attributes
    ----------
    overlap : Tensor, shape (..., N)
        ``<q^(k), a^(k)>``.
    square : Tensor, shape (..., N)
        ``|a^(k)|^2``.
    total : Tensor, shape (..., N)
        ``1^T a^(k)``; 1 for every iterate of the projected algorithms.
    """

    overlap: Tensor
    square: Tensor
    total: Tensor

    @classmethod
    def of(cls, task: Task, columns: Tensor) -> "AttentionStatistics":
        """Statistics, in float64, of a dense A.

        Parameters
        ----------
        task : Task
        columns : Tensor, shape (..., N, T)
            A transposed: row k is the column ``a^(k)``.
        """
        total, square = kernel_for(columns).moments(columns)
        overlap = (task.weights.mT * useful_entries(task, columns)).sum(-1)
        return cls(overlap, square, total)


def useful_entries(task: Task, columns: Tensor) -> Tensor:
    """Entries of A at the Q positions of each true pattern, shape (..., N, Q), float64."""
    positions = task.positions.mT  # (R, N, Q)
    positions = positions.expand(*columns.shape[:-1], positions.shape[-1])
    return columns.gather(-1, positions).double()


def value_signal(task: Task, value: Tensor) -> Tensor:
    """``alpha_V = (<V, P>_mu - |mu|^2) / K_P``, shape (...)."""
    trivial = task.stationary.square().sum(-1)
    return (inner(value, task.transition, task.stationary) - trivial) / task.transition_energy


def attention_signal(task: Task, attention: AttentionStatistics) -> Tensor:
    """``alpha_A = (<A, Q>_mu - 1/T) / K_Q``, shape (...)."""
    overlap = (task.stationary * attention.overlap).sum(-1)
    return (overlap - 1 / task.length) / task.attention_energy


def test_loss(task: Task, value: Tensor, attention: AttentionStatistics) -> Tensor:
    """Population loss ``E 1/2 |e_o - V X a|^2`` in closed form, shape (...)."""
    transition, stationary = task.transition, task.stationary
    image = value @ stationary[..., None]  # m = V mu, (..., N, 1)
    spread = squared_norm(value, stationary)[..., None]  # tr(V D V^T), (..., 1)
    centre = image.square().sum((-2, -1))[..., None]  # |m|^2
    aligned = inner(transition, value, stationary)[..., None]  # tr(P^T V D)
    chance = (stationary[..., None] * image).sum((-2, -1))[..., None]  # mu^T m
    square = attention.square * spread + (attention.total.square() - attention.square) * centre
    cross = attention.overlap * aligned + (attention.total - attention.overlap) * chance
    return (stationary * (1 - 2 * cross + square) / 2).sum(-1)


def bayes_loss(task: Task) -> Tensor:
    """`test_loss` at the ground truth (P, Q): the least possible; shape (...)."""
    square = task.weights.square().sum(-2)
    truth = AttentionStatistics(square, square, torch.ones_like(square))
    return test_loss(task, task.transition, truth)


def measure(task: Task, value: Tensor, attention: AttentionStatistics) -> dict[str, Tensor]:
    """All of `scb.tables.METRICS` for one iterate, each of shape (...), in float64.

    Distances are ``|V - P|_mu`` and ``|A - Q|_mu``; errors the same norms of
    ``Delta_V = V - [alpha_V P + (1 - alpha_V) mu 1^T]`` and
    ``Delta_A = A - [alpha_A Q + (1 - alpha_A) 1 1^T / T]``. Similarities are cosines in
    the mu-geometry with P and with Q; *centred* ones after removing ``mu 1^T`` and
    ``1 1^T / T``, and 0 where nothing is left.

    Parameters
    ----------
    task : Task with float64 tensors of shape (R, ...)
    value : Tensor, shape (..., R, N, N)
    attention : AttentionStatistics of shape (..., R, N)
    """
    value = value.double()
    transition, mu = task.transition, task.stationary
    trivial = mu[..., None].expand_as(transition)  # mu 1^T
    alpha_value = value_signal(task, value)
    explained = alpha_value[..., None, None] * (transition - trivial)

    alpha_attention = attention_signal(task, attention)
    uniform = 1 / task.length
    square = (mu * attention.square).sum(-1)  # |A|_mu^2
    overlap = (mu * attention.overlap).sum(-1)  # <A, Q>_mu
    truth = task.attention_energy + uniform  # |Q|_mu^2
    # |A - 1 1^T / T|_mu^2
    centred = square - 2 * uniform * (mu * attention.total).sum(-1) + uniform
    residual = centred - alpha_attention.square() * task.attention_energy

    measured = {
        "value_signal": alpha_value,
        "attention_signal": alpha_attention,
        "value_error": squared_norm(value - trivial - explained, mu).sqrt(),
        "attention_error": residual.clamp(min=0).sqrt(),
        "value_distance": squared_norm(value - transition, mu).sqrt(),
        "attention_distance": (square - 2 * overlap + truth).clamp(min=0).sqrt(),
        "value_similarity": _cosine(
            inner(value, transition, mu),
            squared_norm(value, mu),
            squared_norm(transition, mu),
        ),
        "attention_similarity": _cosine(overlap, square, truth),
        "value_centred_similarity": _cosine(
            alpha_value * task.transition_energy,
            squared_norm(value - trivial, mu),
            task.transition_energy,
        ),
        "attention_centred_similarity": _cosine(
            alpha_attention * task.attention_energy, centred, task.attention_energy
        ),
        "test_loss": test_loss(task, value, attention),
    }
    return {name: measured[name] for name in METRICS}


def _cosine(inner_product: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """Cosine from an inner product and two squared norms; 0 if a norm is 0 to rounding."""
    scale = (left.clamp(min=0) * right).sqrt()
    nothing = left <= 1e-14 * right
    return torch.where(nothing, 0.0, inner_product / torch.where(nothing, 1.0, scale))
