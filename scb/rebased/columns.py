"""The bigram model with its attention column given by a similarity.

In the models of the first paper a^(k)_t depends on the query's token k and on the position t
alone. So a similarity makes a column of a vector for each token and one for each position:
``a^(k)_t = sim(q_k, p_t) / sum_t sim(q_k, p_t)``. With vectors of N entries scores can be
anything; what a similarity adds is the way from scores to weights.
"""

import torch
from torch import Tensor, nn

from scb.data.stream import Step, Stream
from scb.data.task import Task
from scb.kernels import kernel_for
from scb.rebased.attention import EPS
from scb.rebased.similarity import Similarity

SPREAD = 0.1
"""Standard deviation of the initial entries about +1 and -1, before all are scaled."""


class KernelTransformer(nn.Module):
    """``F = V X a^(k)``, with G similarities side by side on the same tokens.

    Queries and keys start near one direction, the same draws for every similarity, so that all
    columns start near the paper's 1/T. Unnormalised weights are divided by T instead.

    Parameters
    ----------
    tasks : Task of R replicates
    similarities : sequence of G Similarity
    width : int
        f, the entries of each vector; even.
    generator : torch.Generator
        Of the initial vectors, on the CPU.
    """

    def __init__(
        self,
        tasks: Task,
        similarities: list[Similarity],
        width: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        if width % 2:
            raise ValueError(f"width is {width}: it must be even")
        stationary = tasks.stationary.float()  # (R, N)
        replicates, states = stationary.shape
        self.similarities = similarities
        value = stationary[..., None].expand(len(similarities), replicates, states, states)
        self.value = nn.Parameter(value.clone(memory_format=torch.contiguous_format))
        # A LayerNorm leaves this direction alone: its entries have mean 0 and variance 1.
        direction = torch.tensor([1.0, -1.0]).repeat(width // 2)

        def vectors(count: int) -> nn.ParameterList:
            noise = torch.randn(replicates, count, width, generator=generator)
            start = (direction + SPREAD * noise).to(stationary.device)
            # So that q.k / sqrt(f), or q.k, starts near 1; after a LayerNorm near sqrt(f).
            scales = (width ** (-0.25 if each.scaled else -0.5) for each in similarities)
            return nn.ParameterList(start * scale for scale in scales)

        self.queries, self.keys = vectors(states), vectors(tasks.length)
        shape = replicates, 1, width
        ones, zeros = stationary.new_ones(shape), stationary.new_zeros(shape)
        # Of queries and of keys, whether a similarity has them or not.
        self.gammas = nn.ParameterList(ones.clone() for _ in range(2 * len(similarities)))
        self.betas = nn.ParameterList(zeros.clone() for _ in range(2 * len(similarities)))

    @property
    def columns(self) -> Tensor:
        """Attention transposed, shape (G, R, N, T)."""
        return torch.stack([self._columns(index) for index in range(len(self.similarities))])

    def _columns(self, index: int) -> Tensor:
        """Of one similarity, shape (R, N, T)."""
        similarity = self.similarities[index]
        queries, keys = (
            similarity.prepare(
                vectors[index],
                self.gammas[2 * index + side] if similarity.gamma else None,
                self.betas[2 * index + side] if similarity.beta else None,
            )
            for side, vectors in enumerate((self.queries, self.keys))
        )
        scores = queries @ keys.mT  # (R, N, T)
        if similarity.features is None:
            return scores.softmax(-1)
        weights = similarity.weigh(scores)
        if similarity.normalised:
            return weights / (weights.sum(-1, keepdim=True) + EPS)
        return weights / weights.shape[-1]

    @property
    def vectors(self) -> list[nn.Parameter]:
        """All parameters but V."""
        return [parameter for parameter in self.parameters() if parameter is not self.value]

    def backward(self, stream: Stream, step: Step, size: int) -> None:
        """Set the parameters' ``.grad`` from the mini-batch of a step."""
        self.zero_grad()
        columns = self.columns
        self.value.grad, gradient = kernel_for(columns).gradients(
            self.value.detach(), columns.detach(), stream, step, size
        )
        columns.backward(gradient)
