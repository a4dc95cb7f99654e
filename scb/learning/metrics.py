"""What is measured of an iterate (V, A): signals, errors, distances, similarity, loss.

All are exact functions of the iterate and the task (paper, section 4); nothing is
sampled. They need V only through six numbers, `ValueStatistics`, and A through
three per column, `AttentionStatistics`, so an iterate that is known in these alone (see
`scb.theory.simulation`) is measured by the same code. Everything broadcasts over leading
dimensions: (condition, replicate).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from scb.data.geometry import inner, squared_norm
from scb.data.task import Task
from scb.kernels import kernel_for

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


@dataclass(frozen=True)
class Iterate:
    """An iterate (V, A), and what several metrics ask of it.

    Attributes
    ----------
    task : Task with float64 tensors of shape (R, ...)
    value : ValueStatistics of shape (..., R)
    attention : AttentionStatistics of shape (..., R, N)
    """

    task: Task
    value: ValueStatistics
    attention: AttentionStatistics

    @cached_property
    def trivial(self) -> Tensor:
        """``|mu|^2``."""
        return self.task.stationary.square().sum(-1)

    @cached_property
    def uniform(self) -> float:
        """``1/T``."""
        return 1 / self.task.length

    @cached_property
    def square(self) -> Tensor:
        """``|A|_mu^2``."""
        return (self.task.stationary * self.attention.square).sum(-1)

    @cached_property
    def overlap(self) -> Tensor:
        """``<A, Q>_mu``."""
        return (self.task.stationary * self.attention.overlap).sum(-1)

    @cached_property
    def truth(self) -> Tensor:
        """``|Q|_mu^2``."""
        return self.task.attention_energy + self.uniform

    @cached_property
    def total(self) -> Tensor:
        """``sum_k mu_k 1^T a^(k)``."""
        return (self.task.stationary * self.attention.total).sum(-1)

    @cached_property
    def centred(self) -> Tensor:
        """``|A - 1 1^T / T|_mu^2``."""
        return self.square - 2 * self.uniform * self.total + self.uniform

    # <Delta, truth - trivial>_mu, by which an iterate off its affine space is not orthogonal.

    @cached_property
    def lean_value(self) -> Tensor:
        """Of V."""
        return self.trivial - self.value.chance

    @cached_property
    def lean_attention(self) -> Tensor:
        """Of A."""
        return self.uniform * (1 - self.total)

    @cached_property
    def alpha_value(self) -> Tensor:
        """``alpha_V``."""
        return (self.value.overlap - self.trivial) / self.task.transition_energy

    @cached_property
    def alpha_attention(self) -> Tensor:
        """``alpha_A``."""
        return attention_signal(self.task, self.attention)


Metric = Callable[[Iterate], Tensor]

METRICS: dict[str, Metric] = {}
"""What is measured of an iterate in every curve, by name: add a function with `metric`."""


def metric(function: Metric) -> Metric:
    """Have a function of an iterate, of shape (...) in float64, measured in every curve."""
    METRICS[function.__name__.removeprefix("_")] = function
    return function


@metric
def _value_signal(x: Iterate) -> Tensor:
    """``alpha_V``: 0 at ``V = mu 1^T``, 1 at ``V = P``."""
    return x.alpha_value


@metric
def _attention_signal(x: Iterate) -> Tensor:
    """``alpha_A``: 0 at ``A = 1 1^T / T``, 1 at ``A = Q``."""
    return x.alpha_attention


@metric
def _value_error(x: Iterate) -> Tensor:
    """``|Delta_V|_mu`` with ``Delta_V = V - [alpha_V P + (1 - alpha_V) mu 1^T]``."""
    return x.value.error.sqrt()


@metric
def _attention_error(x: Iterate) -> Tensor:
    """``|Delta_A|_mu`` with ``Delta_A = A - [alpha_A Q + (1 - alpha_A) 1 1^T / T]``."""
    explained = x.alpha_attention.square() * x.task.attention_energy
    return _norm(x.centred - explained - 2 * x.alpha_attention * x.lean_attention)


@metric
def _value_distance(x: Iterate) -> Tensor:
    """``|V - P|_mu``: Delta_V, and what the signal lacks of ``P - mu 1^T``."""
    gap = (1 - x.alpha_value).square() * x.task.transition_energy
    return _norm(x.value.error + gap - 2 * (1 - x.alpha_value) * x.lean_value)


@metric
def _attention_distance(x: Iterate) -> Tensor:
    """``|A - Q|_mu``."""
    return _norm(x.square - 2 * x.overlap + x.truth)


@metric
def _value_similarity(x: Iterate) -> Tensor:
    """Cosine of V and P in the mu-geometry."""
    return _cosine(x.value.overlap, x.value.square, x.task.transition_energy + x.trivial)


@metric
def _attention_similarity(x: Iterate) -> Tensor:
    """Cosine of A and Q in the mu-geometry."""
    return _cosine(x.overlap, x.square, x.truth)


@metric
def _value_centred_similarity(x: Iterate) -> Tensor:
    """Cosine of ``V - mu 1^T`` and ``P - mu 1^T`` in the mu-geometry.

    It is 0 where nothing is left.
    """
    energy = x.task.transition_energy
    return _cosine(x.alpha_value * energy + x.lean_value, x.value.deviation, energy)


@metric
def _attention_centred_similarity(x: Iterate) -> Tensor:
    """Cosine of ``A - 1 1^T / T`` and ``Q - 1 1^T / T`` in the mu-geometry.

    It is 0 where nothing is left.
    """
    energy = x.task.attention_energy
    return _cosine(x.alpha_attention * energy + x.lean_attention, x.centred, energy)


@metric
def _test_loss(x: Iterate) -> Tensor:
    """Population loss ``E 1/2 |e_o - V X a|^2``."""
    return test_loss(x.task, x.value, x.attention)


def measure(
    task: Task, value: Tensor | ValueStatistics, attention: AttentionStatistics
) -> dict[str, Tensor]:
    """All of `METRICS` of one iterate, each of shape (...), in float64.

    Parameters
    ----------
    task : Task with float64 tensors of shape (R, ...)
    value : Tensor of shape (..., R, N, N), or its statistics
    attention : AttentionStatistics of shape (..., R, N)
    """
    if isinstance(value, Tensor):
        value = ValueStatistics.of(task, value)
    iterate = Iterate(task, value, attention)
    return {name: measured(iterate) for name, measured in METRICS.items()}


def support_found(task: Task, columns: Tensor, *, signed: bool = False) -> Tensor:
    """Share of the support of Q that is among the Q largest deviations of its column.

    The support is where the weights are positive; Q is the largest number of such positions.

    Deviations ``|a_t - 1^T a / T|`` count by size: the measure knows neither threshold nor
    sign, so it is the same for one step, for a run in progress and for one that learned
    the mirror image. An entry that only ties with the next largest is not found.

    If ``signed``, the largest entries count, as of logits. In a softmax all entries that are next
    to nothing deviate by ``1 / T``, and so by more than a useful one of less than ``2 / T``.

    Parameters
    ----------
    task : Task of R replicates
    columns : Tensor, shape (..., R, N, T)
    signed : bool

    Returns
    -------
    Tensor, shape (..., R), float64
    """
    deviation = columns if signed else (columns - columns.mean(-1, keepdim=True)).abs()
    positions = task.positions.mT  # (R, N, Q)
    positions = positions.expand(*columns.shape[:-1], positions.shape[-1])
    if task.sparsity == task.length:
        return torch.ones(columns.shape[:-2], dtype=torch.float64, device=columns.device)
    rival = deviation.topk(task.sparsity + 1, dim=-1).values[..., -1:]  # (..., R, N, 1)
    support = task.weights.mT > 0  # (R, N, Q)
    found = (deviation.gather(-1, positions) > rival) & support
    return found.double().sum((-2, -1)) / support.double().sum((-2, -1))


def _norm(square: Tensor) -> Tensor:
    """Root of a squared norm, which rounding may have made negative."""
    return square.clamp(min=0).sqrt()


def _cosine(inner_product: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """Cosine from an inner product and two squared norms; 0 if a norm is 0 to rounding."""
    scale = (left.clamp(min=0) * right).sqrt()
    nothing = left <= 1e-14 * right
    return torch.where(nothing, 0.0, inner_product / torch.where(nothing, 1.0, scale))
