"""The population path of the signals, on arrays of any library: figures draw it without torch."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Signals = TypeVar("Signals", "Tensor", NDArray[np.float64])


def signals(
    start: tuple[Signals, Signals],
    drift: Signals,
    rates: Iterable[tuple[float | Signals, float | Signals]],
) -> Iterator[tuple[Signals, Signals]]:
    """Both signals under gradient descent on the population loss (paper, Lemmas C.5 and C.6).

    Parameters
    ----------
    start : pair of arrays, shape (...)
        ``alpha_V`` and ``alpha_A`` at the start.
    drift : array, shape (...)
        ``1 / (T K_Q)``, the uniform start's share of Q.
    rates : iterable of pairs
        ``eta_V K_Q`` and ``eta_A K_P`` of each step: both are eta where the rates are scaled.

    Yields
    ------
    pair of arrays, shape (...)
        ``alpha_V`` and ``alpha_A`` before each step and after the last.
    """
    value, attention = start
    yield value, attention
    for value_rate, attention_rate in rates:
        missing = 1 - value * attention
        value, attention = (
            value + value_rate * (missing * attention + (1 - value) * drift),
            attention + attention_rate * missing * value,
        )
        yield value, attention
