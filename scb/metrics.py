"""What is measured of an iterate (V, A): signals, errors, distances, similarity, loss.

All are exact functions of the iterate and the task; nothing is sampled. Everything
broadcasts over leading dimensions: (condition, replicate) in the experiments.
"""

from torch import Tensor

from scb.task import Task

DIVERGED = 1e3
"""A run has diverged once |V - P|_mu or |A - Q|_mu is not finite or exceeds this."""


def value_signal(task: Task, value: Tensor) -> Tensor:
    """``alpha_V = (<V, P>_mu - |mu|^2) / K_P``."""
    ...


def attention_signal(task: Task, attention: Tensor) -> Tensor:
    """``alpha_A = (<A, Q>_mu - 1/T) / K_Q``."""
    ...


def test_loss(task: Task, value: Tensor, attention: Tensor) -> Tensor:
    """Population loss ``E 1/2 |e_o - V X a|^2`` in closed form."""
    ...


def bayes_loss(task: Task) -> Tensor:
    """`test_loss` at the ground truth (P, Q): the least possible."""
    ...


METRICS: tuple[str, ...] = (
    "value_signal",
    "attention_signal",
    "value_error",
    "attention_error",
    "value_distance",
    "attention_distance",
    "value_similarity",
    "attention_similarity",
    "value_centred_similarity",
    "attention_centred_similarity",
    "test_loss",
)
"""Keys of `measure`, in the order of the curve tables' columns."""


def measure(task: Task, value: Tensor, attention: Tensor) -> dict[str, Tensor]:
    """All of `METRICS` for one iterate, each of shape (...).

    Parameters
    ----------
    task : Task with tensors of shape (R, ...)
    value : Tensor, shape (..., R, N, N)
    attention : Tensor, shape (..., R, T, N)
    """
    ...
