"""AdamW for runs that are trained as one tensor, each at a learning rate of its own."""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

BETAS = (0.9, 0.999)
EPS = 1e-8


class StackedAdamW:
    """Torch's AdamW, but with a learning rate for each run, and runs that can be left out.

    Parameters
    ----------
    parameters : iterable of Parameter
        Each with a leading run dimension R.
    rates : sequence of R float
    weight_decay : float
    """

    def __init__(
        self, parameters: Iterable[nn.Parameter], rates: Sequence[float], weight_decay: float
    ) -> None:
        self.parameters, self.weight_decay = list(parameters), weight_decay
        self.rates = self.parameters[0].new_tensor(rates)  # (R,)
        self.means = [torch.zeros_like(each) for each in self.parameters]
        self.squares = [torch.zeros_like(each) for each in self.parameters]
        self.steps = 0

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self, scale: float) -> None:
        """One step from the parameters' ``.grad``, at ``scale`` times the rates."""
        self.steps += 1
        first, second = (1 - beta**self.steps for beta in BETAS)
        rates = scale * self.rates
        kept = 1 - self.weight_decay * rates
        for parameter, mean, square in zip(self.parameters, self.means, self.squares, strict=True):
            gradient = parameter.grad
            assert gradient is not None
            mean.lerp_(gradient, 1 - BETAS[0])
            square.mul_(BETAS[1]).addcmul_(gradient, gradient, value=1 - BETAS[1])
            move = mean / square.sqrt().div_(math.sqrt(second)).add_(EPS)
            parameter.mul_(_along(kept, parameter)).addcmul_(
                move, _along(-rates / first, parameter)
            )

    def keep(self, some: Sequence[int]) -> None:
        """Leave ``some`` of the runs, also in the parameters."""
        chosen = torch.tensor(some, device=self.rates.device)
        self.zero_grad()
        self.rates = self.rates[chosen]
        for moments in (self.means, self.squares):
            moments[:] = [moment[chosen] for moment in moments]
        for parameter in self.parameters:
            parameter.data = parameter.data[chosen]


def _along(of_run: Tensor, like: Tensor) -> Tensor:
    """A number for each run, shape (R,), as (R, 1, ..., 1)."""
    return of_run.view(-1, *(1,) * (like.ndim - 1))
