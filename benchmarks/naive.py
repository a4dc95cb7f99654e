"""The straightforward PyTorch of one replicate: what the benchmark compares with.

Written from sections 1 to 3 of the paper as one would without this project: every sample
of the batch is drawn by ``torch.multinomial``, the context is a one-hot matrix, gradients
come from autograd. It is float32, without a loop over samples or positions, and makes no
copy that it could do without.
"""

from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from scb.data.task import Task

Samples = tuple[Tensor, Tensor, Tensor]
"""Contexts (B, T), queries (B,) and targets (B,), int64."""


def one_hot(tokens: Tensor, states: int) -> Tensor:
    """X of every sample, shape (..., N)."""
    return functional.one_hot(tokens, states).float()


class Naive:
    """The linear transformer of one replicate, trained with the plain preconditioned step.

    Parameters
    ----------
    task : Task of one replicate
    rate : float
        eta.
    seed : int
        Of its own random generator.
    """

    name: ClassVar = "torch"

    def __init__(self, task: Task, rate: float, seed: int = 0) -> None:
        self.states, self.length = task.states, task.length
        self.mu = task.stationary[0].float()  # (N,)
        self.next = task.transition[0].float().mT.contiguous()  # (N, N), row m is P[:, m]
        self.positions = task.positions[0].mT.contiguous()  # (N, Q)
        self.weights = task.weights[0].float().mT.contiguous()  # (N, Q)
        self.value_rate = rate / float(task.attention_energy)  # eta_V
        self.attention_rate = rate / float(task.transition_energy)  # eta_A
        self.generator = torch.Generator().manual_seed(seed)
        # A is kept transposed: to gather its columns is then to copy rows.
        self.value = self.mu[:, None].repeat(1, self.states).requires_grad_()  # (N, N)
        self.columns = torch.full((self.states, self.length), 1 / self.length, requires_grad=True)

    def sample(self, size: int) -> Samples:
        """A batch."""

        def draw(probabilities: Tensor, count: int) -> Tensor:
            return torch.multinomial(
                probabilities, count, replacement=True, generator=self.generator
            )

        contexts = draw(self.mu, size * self.length).view(size, self.length)
        queries = draw(self.mu, size)
        choice = draw(self.weights[queries], 1)  # (B, 1), in 0..Q-1
        sources = self.positions[queries].gather(1, choice)  # (B, 1)
        targets = draw(self.next[contexts.gather(1, sources)[:, 0]], 1)[:, 0]
        return contexts, queries, targets

    def loss(
        self, value: Tensor, columns: Tensor, contexts: Tensor, queries: Tensor, targets: Tensor
    ) -> Tensor:
        """Mean of ``1/2 |e_o - V X a^(k)|^2``."""
        tokens = one_hot(contexts, self.states)  # (B, T, N)
        attended = torch.einsum("btn,bt->bn", tokens, columns[queries])
        prediction = attended @ value.mT  # (B, N)
        return 0.5 * (one_hot(targets, self.states) - prediction).square().sum(1).mean()

    @torch.no_grad()
    def descend(self, gradient: Tensor, slope: Tensor) -> None:
        """``V -= eta_V G_V`` and ``A -= eta_A G_A`` from the gradients (N, N) and (N, T)."""
        gradient = (gradient - gradient.mean(0)) / self.mu
        gradient = gradient - torch.outer(gradient @ self.mu, self.mu / self.mu.dot(self.mu))
        self.value -= self.value_rate * gradient
        slope = slope - slope.mean(1, keepdim=True)
        self.columns -= (self.attention_rate / self.mu)[:, None] * slope

    def update(self, *samples: Tensor) -> None:
        """A step on given samples."""
        self.value.grad = self.columns.grad = None
        self.loss(self.value, self.columns, *samples).backward()
        assert self.value.grad is not None
        assert self.columns.grad is not None
        self.descend(self.value.grad, self.columns.grad)

    def step(self, size: int) -> None:
        """One training step on a fresh batch of ``size`` samples."""
        self.update(*self.sample(size))
