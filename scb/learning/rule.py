"""Optimizers as one rule that a compiled training step follows, where they are closed forms."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scb.kernels.protocol import Rule
from scb.learning.optimizers import Parameters, Part, ProximalGradient, RawGradient, ValueGradient


def rule_of(
    model: Parameters, optimizers: Sequence[torch.optim.Optimizer]
) -> tuple[Rule, list[Part]] | None:
    """The steps of the optimizers, in arrays that hold their numbers of now.

    Returns
    -------
    rule, rest : Rule and list of Part, or None
        The rest has no closed form, as Adam, and steps on conditions that the rule does not move.
        None where there is no such rule.
    """
    value, columns = model.value, model.columns
    if value.dtype != columns.dtype:
        return None
    *leading, replicates, states, _ = columns.shape
    rule = Rule.of(math.prod(leading), columns.detach().numpy().dtype, replicates, states)
    rest: list[Part] = []
    for optimizer in optimizers:
        if not _write(rule, optimizer, model):
            if type(optimizer) is not Part or optimizer.of is not model:
                return None
            rest.append(optimizer)
    value_rates, rates = np.isfinite(rule.value_rates).all(1), np.isfinite(rule.rates).all((1, 2))
    rule.moves[:] = value_rates
    whole = (value_rates == rates).all() and not any(rates[one.conditions].any() for one in rest)
    return (rule, rest) if whole and rates.any() else None


def _write(rule: Rule, optimizer: torch.optim.Optimizer, model: Parameters) -> bool:
    """Write an optimizer's steps on the model, unless they are no closed form or the second ones.

    A subclass may step otherwise than its base: only the very types count.
    """
    kind = type(optimizer)
    if isinstance(optimizer, Part) and kind is Part:
        some = Rule._make(array[optimizer.conditions] for array in rule)
        return optimizer.of is model and all(
            _write(some, part, optimizer) for part in optimizer.optimizers
        )
    if kind not in (ValueGradient, ProximalGradient, RawGradient):
        return False
    (group,) = optimizer.param_groups
    (matrix,) = group["params"]
    rate = group["lr"][..., 0]  # (..., R, 1)
    if matrix is model.value and not isinstance(optimizer, ProximalGradient):
        if isinstance(optimizer, ValueGradient):
            rule.preconditioned[:] = True
            rule.stationary[:] = optimizer.stationary.numpy()
        return _fill(rule.value_rates[..., None], rate, matrix)
    if matrix is model.columns and not isinstance(optimizer, ValueGradient):
        if isinstance(optimizer, ProximalGradient):
            rule.projected[:] = True
            _fill(rule.penalties[..., None], group["penalty"][..., 0], matrix)
            rate = rate / optimizer.stationary  # (..., R, N)
        return _fill(rule.rates, rate, matrix)
    return False


def _fill(array: NDArray[np.floating], numbers: Tensor, matrix: Tensor) -> bool:
    """Numbers of shape (..., R, 1) or (..., R, N) into (G, R, ...); False if some are there."""
    free = bool(np.isnan(array).all())
    shape = *matrix.shape[:-2], numbers.shape[-1]
    array[:] = numbers.expand(shape).reshape(-1, *shape[-2:]).numpy()
    return free
