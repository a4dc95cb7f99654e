r"""Closed forms of softmax attention: which weights shrink and which grow under steps on logits.

For iterates on the simplex with ``V mu = mu``, as in `scb.theory.population`. A step multiplies the
weight of a position by ``exp(-eta_w dw_t) / Z``, where ``dw_t = a_t (g_t - <a, g>)``, g is the
gradient over mu_k and Z keeps the sum. docs/softmax.md derives how much a useless position's weight
grows by it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from scb.data.task import Task
from scb.theory.population import AttentionMoments, ValueMoments, attention_noise


@dataclass(frozen=True)
class Drift:
    """How the weights of useless positions of each column move, each of shape (..., N).

    Attributes
    ----------
    pull : Tensor
        ``-<a, E g> = <V-, P->_mu <q, a> - |V-|_mu^2 |a|^2`` with ``V- = V - mu 1^T``: positive
        while the signals are, and below 1.
    gain : Tensor
        ``-<a, E dw>``: what the useful positions gain, and all others pay alike.
    energy : Tensor
        ``|V|_mu^2 - |mu|^2``.
    noise : Tensor
        s^2, the variance of g at a useless position, over a mini-batch.
    shared : Tensor
        ``(p_3 - 3 p_4) / 2`` with ``p_m = sum_t a_t^m``: what the normalisation makes of the noise
        at all positions.
    """

    pull: Tensor
    gain: Tensor
    energy: Tensor
    noise: Tensor
    shared: Tensor

    @classmethod
    def of(cls, task: Task, value: Tensor, columns: Tensor, batch_size: int) -> "Drift":
        """Of V, shape (..., R, N, N), and a dense A on the simplex, (..., R, N, T)."""
        of_value = ValueMoments.of(task, value.double())
        of_attention = AttentionMoments.of(task, columns.double())
        energy, overlap = of_value.energy[..., None], of_value.overlap[..., None]
        pull = overlap * of_attention.overlap - energy * of_attention.square
        gain = (
            overlap * of_attention.square_overlap
            - energy * of_attention.cube
            - pull * of_attention.square
        )
        nothing = torch.zeros_like(pull)[..., None]  # (..., N, 1)
        noise = attention_noise(task, of_value, of_attention, nothing)[..., 0] / batch_size
        shared = (of_attention.cube - 3 * of_attention.fourth) / 2
        return cls(pull, gain, energy.expand_as(pull), noise, shared)

    def growth(self, weights: Tensor, rate: Tensor) -> Tensor:
        """Expected relative growth of ``a^2`` in a step, to second order in eta_w.

        ``2 eta_w [eta_w s^2 (a^2 - shared) - a (energy a + pull) - gain]``

        Parameters
        ----------
        weights : Tensor, shape (..., N, K)
            a of K useless positions of each column.
        rate : Tensor, broadcastable to (..., N)
            eta_w.

        Returns
        -------
        Tensor, shape (..., N, K)
        """
        rate, noise, shared, energy, pull, gain = (
            part.expand_as(self.gain)[..., None]
            for part in (rate, self.noise, self.shared, self.energy, self.pull, self.gain)
        )
        spread = rate * noise * (weights.square() - shared)
        return 2 * rate * (spread - weights * (energy * weights + pull) - gain)

    def threshold(self, rate: Tensor) -> Tensor:
        """The weight at which `growth` is 0, shape (..., N): smaller ones shrink.

        Infinite where all shrink. It is meant for positive ``pull`` and ``gain``.
        """
        excess = rate * self.noise - self.energy
        paid = self.gain + rate * self.noise * self.shared
        root = (self.pull.square() + 4 * excess.clamp(min=0) * paid).sqrt()
        return torch.where(excess > 0, (self.pull + root) / (2 * excess), torch.inf)
