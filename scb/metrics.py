"""What is measured of an iterate (V, A): signals, errors, distances, similarity, loss.

All are exact functions of the iterate and the task (paper, section 4); nothing is
sampled. They need V only through six numbers, `ValueStatistics`, and A through
three per column, `AttentionStatistics`, so an iterate that is known in these alone (see
`scb.simulation`) is measured by the same code. Everything broadcasts over leading
dimensions: (condition, replicate).
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
        """Statistics, in float64, of a dense A; no gradient flows through them.

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


@dataclass(frozen=True)
class ValueStatistics:
    """All that the loss and the metrics need to know of V, each of shape (...), in float64.

    Attributes
    ----------
    overlap : Tensor
        ``<V, P>_mu``.
    square : Tensor
        ``|V|_mu^2``.
    deviation, error : Tensor
        ``|V - mu 1^T|_mu^2`` and ``|Delta_V|_mu^2``, which would lose their digits as
        differences of the others.
    centre, chance : Tensor
        ``|V mu|^2`` and ``mu^T V mu``; both ``|mu|^2`` where ``V mu = mu``.
    """

    overlap: Tensor
    square: Tensor
    deviation: Tensor
    error: Tensor
    centre: Tensor
    chance: Tensor

    @classmethod
    def of(cls, task: Task, value: Tensor) -> "ValueStatistics":
        """Statistics of V, shape (..., R, N, N)."""
        value, mu = value.double(), task.stationary
        trivial = mu[..., None]  # mu 1^T, (R, N, 1)
        image = (value @ trivial).squeeze(-1)  # V mu, (..., N)
        overlap = inner(value, task.transition, mu)
        alpha = ((overlap - mu.square().sum(-1)) / task.transition_energy)[..., None, None]
        deviation = value - trivial
        error = torch.addcmul(deviation, alpha, task.transition - trivial, value=-1)
        return cls(
            overlap=overlap,
            square=squared_norm(value, mu),
            deviation=squared_norm(deviation, mu),
            error=squared_norm(error, mu),
            centre=image.square().sum(-1),
            chance=(mu * image).sum(-1),
        )

    @classmethod
    def without_error(cls, task: Task, signal: Tensor) -> "ValueStatistics":
        """Statistics of ``V = alpha_V P + (1 - alpha_V) mu 1^T``, given alpha_V."""
        trivial = task.stationary.square().sum(-1).expand_as(signal)  # |mu|^2
        deviation = signal.square() * task.transition_energy
        return cls(
            overlap=signal * task.transition_energy + trivial,
            square=deviation + trivial,
            deviation=deviation,
            error=torch.zeros_like(signal),
            centre=trivial,
            chance=trivial,
        )


def value_signal(task: Task, value: Tensor) -> Tensor:
    """``alpha_V = (<V, P>_mu - |mu|^2) / K_P``, shape (...)."""
    trivial = task.stationary.square().sum(-1)
    return (inner(value, task.transition, task.stationary) - trivial) / task.transition_energy


def attention_signal(task: Task, attention: AttentionStatistics) -> Tensor:
    """``alpha_A = (<A, Q>_mu - 1/T) / K_Q``, shape (...)."""
    overlap = (task.stationary * attention.overlap).sum(-1)
    return (overlap - 1 / task.length) / task.attention_energy


def test_loss(
    task: Task, value: Tensor | ValueStatistics, attention: AttentionStatistics
) -> Tensor:
    """Population loss ``E 1/2 |e_o - V X a|^2`` in closed form, shape (...)."""
    if isinstance(value, Tensor):
        value = ValueStatistics.of(task, value)
    spread, centre, aligned, chance = (
        number[..., None] for number in (value.square, value.centre, value.overlap, value.chance)
    )  # (..., 1)
    square = attention.square * spread + (attention.total.square() - attention.square) * centre
    cross = attention.overlap * aligned + (attention.total - attention.overlap) * chance
    return (task.stationary * (1 - 2 * cross + square) / 2).sum(-1)


def bayes_loss(task: Task) -> Tensor:
    """`test_loss` at the ground truth (P, Q): the least possible; shape (...)."""
    square = task.weights.square().sum(-2)
    truth = AttentionStatistics(square, square, torch.ones_like(square))
    return test_loss(task, task.transition, truth)


def measure(
    task: Task, value: Tensor | ValueStatistics, attention: AttentionStatistics
) -> dict[str, Tensor]:
    """All of `scb.tables.METRICS` for one iterate, each of shape (...), in float64.

    Distances are ``|V - P|_mu`` and ``|A - Q|_mu``; errors the same norms of
    ``Delta_V = V - [alpha_V P + (1 - alpha_V) mu 1^T]`` and
    ``Delta_A = A - [alpha_A Q + (1 - alpha_A) 1 1^T / T]``. Similarities are cosines in
    the mu-geometry with P and with Q; *centred* ones after removing ``mu 1^T`` and
    ``1 1^T / T``, and 0 where nothing is left.

    Parameters
    ----------
    task : Task with float64 tensors of shape (R, ...)
    value : Tensor of shape (..., R, N, N), or its statistics
    attention : AttentionStatistics of shape (..., R, N)
    """
    if isinstance(value, Tensor):
        value = ValueStatistics.of(task, value)
    mu = task.stationary
    trivial = mu.square().sum(-1)  # |mu|^2
    alpha_value = (value.overlap - trivial) / task.transition_energy

    alpha_attention = attention_signal(task, attention)
    uniform = 1 / task.length
    square = (mu * attention.square).sum(-1)  # |A|_mu^2
    overlap = (mu * attention.overlap).sum(-1)  # <A, Q>_mu
    truth = task.attention_energy + uniform  # |Q|_mu^2
    total = (mu * attention.total).sum(-1)
    centred = square - 2 * uniform * total + uniform  # |A - 1 1^T / T|_mu^2
    # <Delta, truth - trivial>_mu, by which an iterate off its affine space is not orthogonal.
    lean_value = trivial - value.chance
    lean_attention = uniform * (1 - total)
    gap_value = (1 - alpha_value).square() * task.transition_energy  # of the signal to P
    explained = alpha_attention.square() * task.attention_energy

    measured = {
        "value_signal": alpha_value,
        "attention_signal": alpha_attention,
        "value_error": value.error.sqrt(),
        "attention_error": _norm(centred - explained - 2 * alpha_attention * lean_attention),
        # V - P is Delta_V and what the signal lacks of P - mu 1^T.
        "value_distance": _norm(value.error + gap_value - 2 * (1 - alpha_value) * lean_value),
        "attention_distance": _norm(square - 2 * overlap + truth),
        "value_similarity": _cosine(value.overlap, value.square, task.transition_energy + trivial),
        "attention_similarity": _cosine(overlap, square, truth),
        "value_centred_similarity": _cosine(
            alpha_value * task.transition_energy + lean_value,
            value.deviation,
            task.transition_energy,
        ),
        "attention_centred_similarity": _cosine(
            alpha_attention * task.attention_energy + lean_attention,
            centred,
            task.attention_energy,
        ),
        "test_loss": test_loss(task, value, attention),
    }
    return {name: measured[name] for name in METRICS}


def _norm(square: Tensor) -> Tensor:
    """Root of a squared norm, which rounding may have made negative."""
    return square.clamp(min=0).sqrt()


def _cosine(inner_product: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """Cosine from an inner product and two squared norms; 0 if a norm is 0 to rounding."""
    scale = (left.clamp(min=0) * right).sqrt()
    nothing = left <= 1e-14 * right
    return torch.where(nothing, 0.0, inner_product / torch.where(nothing, 1.0, scale))
