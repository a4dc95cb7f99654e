"""The two models of section 2: one attention layer, linear or softmax, then V.

Both predict ``F(x, k) = V X a^(k)``: the linear transformer learns the attention A
itself, the softmax transformer its logits W, ``a^(k) = softmax(w^(k))``. Parameters
carry leading dimensions (condition, replicate); all are trained at once.
"""

from typing import Protocol

import torch
from torch import Tensor, nn

from scb.data.stream import Batch, Step, Stream
from scb.data.task import Task
from scb.kernels import kernel_for
from scb.learning.attend import attend


class Model(Protocol):
    """What `train` trains: V, an attention, and how a mini-batch gives their gradients."""

    value: nn.Parameter

    @property
    def columns(self) -> Tensor:
        """Attention transposed, shape (..., R, N, T)."""

    def backward(self, stream: Stream, step: Step, size: int) -> None:
        """Set the parameters' ``.grad`` from the mini-batch of a step."""


class LinearTransformer(nn.Module):
    """``F = V X a^(k)``; V = P, A = Q is the ground truth.

    Parameters
    ----------
    value : Tensor, shape (..., R, N, N)
        Value matrix V.
    columns : Tensor, shape (..., R, N, T)
        Attention A transposed, so that a column ``a^(k)`` is contiguous in memory.
    """

    def __init__(self, value: Tensor, columns: Tensor) -> None:
        super().__init__()
        self.value = nn.Parameter(value.clone(memory_format=torch.contiguous_format))
        self.columns = nn.Parameter(columns.clone(memory_format=torch.contiguous_format))

    @classmethod
    def initial(cls, tasks: Task, dtype: torch.dtype = torch.float32) -> "LinearTransformer":
        """The paper's start, ``V = mu 1^T`` and ``A = 1 1^T / T``, on the tasks' device."""
        stationary = tasks.stationary.to(dtype)  # (R, N)
        states, length = tasks.states, tasks.length
        value = stationary[..., None].expand(*stationary.shape, states)  # (R, N, N)
        columns = stationary.new_full((*stationary.shape, length), 1 / length)  # (R, N, T)
        return cls(value, columns)

    @property
    def attention(self) -> Tensor:
        """A, shape (..., R, T, N); a view."""
        return self.columns.mT

    def forward(self, batch: Batch) -> Tensor:
        """Predictions ``V X a^(k)``, shape (..., R, B, N)."""
        return attend(self.columns, batch) @ self.value.mT

    def backward(self, stream: Stream, step: Step, size: int) -> None:
        """Set the parameters' ``.grad`` from the mini-batch of a step, in closed form."""
        kernel = kernel_for(self.columns)
        self.value.grad, self.columns.grad = kernel.gradients(
            self.value.detach(), self.columns.detach(), stream, step, size, self.columns.grad
        )


class SoftmaxTransformer(nn.Module):
    """``F = V X softmax(w^(k))``.

    Parameters
    ----------
    value : Tensor, shape (..., R, N, N)
        Value matrix V.
    logits : Tensor, shape (..., R, N, T)
        W transposed: row k holds the logits ``w^(k)``.
    """

    def __init__(self, value: Tensor, logits: Tensor) -> None:
        super().__init__()
        self.value = nn.Parameter(value.clone(memory_format=torch.contiguous_format))
        self.logits = nn.Parameter(logits.clone(memory_format=torch.contiguous_format))

    @classmethod
    def initial(cls, tasks: Task, dtype: torch.dtype = torch.float32) -> "SoftmaxTransformer":
        """The start of the linear model: ``V = mu 1^T``, W = 0, so A = 1 1^T / T."""
        linear = LinearTransformer.initial(tasks, dtype)
        return cls(linear.value.detach(), torch.zeros_like(linear.columns))

    @property
    def columns(self) -> Tensor:
        """Attention transposed, shape (..., R, N, T)."""
        return self.logits.softmax(-1)

    @property
    def attention(self) -> Tensor:
        """A, shape (..., R, T, N)."""
        return self.columns.mT

    def forward(self, batch: Batch) -> Tensor:
        """Predictions, shape (..., R, B, N)."""
        return attend(self.columns, batch) @ self.value.mT

    def backward(self, stream: Stream, step: Step, size: int) -> None:
        """Set the parameters' ``.grad`` from the mini-batch of a step."""
        self.logits.grad = None
        columns = self.columns
        self.value.grad, gradient = kernel_for(columns).gradients(
            self.value.detach(), columns.detach(), stream, step, size
        )
        columns.backward(gradient)


def squared_loss(prediction: Tensor, targets: Tensor) -> Tensor:
    """Mini-batch loss ``mean 1/2 |e_o - F|^2``.

    Parameters
    ----------
    prediction : Tensor, shape (..., R, B, N)
    targets : Tensor, shape (R, B), int64

    Returns
    -------
    Tensor, shape (..., R)
    """
    hit = prediction.gather(-1, targets[..., None].expand(*prediction.shape[:-1], 1))  # F_o
    return (prediction.square().sum(-1) - 2 * hit[..., 0] + 1).mean(-1) / 2
