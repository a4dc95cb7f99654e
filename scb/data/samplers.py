"""How tasks are drawn: samplers of (P, mu), and of the weights of the attention pattern.

A sampler is a function in `SAMPLERS`, under the name that the settings give it.
"""

from collections.abc import Callable

import numpy as np
from torch import Tensor

TRIES = 1000
"""Transition matrices drawn before a sampler gives up."""

SWEEPS = 1000
"""Sinkhorn sweeps before a random matrix is given up, and another one drawn."""

BALANCED = 1e-13
"""Residual of ``P mu = mu`` at which Sinkhorn stops: rounding errors, no more."""

Drawn = tuple[np.ndarray, np.ndarray]
"""P, shape (N, N), and mu, shape (N,)."""


def within(values: np.ndarray, count: int, constant: float) -> bool:
    """Whether values are within [1/(Cn), C/n], clause (b); rounding errors are allowed."""
    lower, upper = 1 / (constant * count), constant / count
    return bool((values >= lower * (1 - 1e-12)).all() and (values <= upper * (1 + 1e-12)).all())


def bounded(generator: np.random.Generator, shape: tuple[int, ...], constant: float) -> np.ndarray:
    """Random distributions down the first dimension, of n entries within [1/(Cn), C/n].

    Entries between C^(-1/2) and C^(1/2), divided by their sum, always are.
    """
    half = np.log(constant) / 2
    raw = np.exp(generator.uniform(-half, half, shape))
    return raw / raw.sum(0)


def dirichlet(
    generator: np.random.Generator,
    states: int,
    concentration: float,
    constant: float,
    stationary: Tensor | None,
) -> Drawn:
    """Columns of P i.i.d. Dirichlet, redrawn until mu satisfies clause (b)."""
    if stationary is not None:
        raise ValueError("stationary is given: only sampler 'balanced' prescribes it")
    ones = np.ones(states)
    for _ in range(TRIES):
        transition = generator.dirichlet(concentration * ones, states).T  # (N, N)
        # For an irreducible chain mu is the one solution of (I - P + 1 1^T / N) mu = 1 / N.
        system = np.eye(states) - transition + 1 / states
        try:
            mu = np.linalg.solve(system, ones / states)
        except np.linalg.LinAlgError:
            continue
        mu /= mu.sum()
        if within(mu, states, constant):
            return np.ascontiguousarray(transition), mu
    raise ValueError(
        f"no mu within [1/(CN), C/N] in {TRIES} draws for states {states}, "
        f"concentration {concentration}, constant {constant}: raise concentration or constant, "
        "or use sampler 'balanced'"
    )


def balanced(
    generator: np.random.Generator,
    states: int,
    concentration: float,
    constant: float,
    stationary: Tensor | None,
) -> Drawn:
    """mu first, within clause (b) or prescribed, then P with this stationary distribution.

    P is a matrix of i.i.d. Gamma entries scaled to row and column sums mu (Sinkhorn) and divided
    by mu.
    """
    if stationary is None:
        mu = bounded(generator, (states,), constant)
    else:
        mu = _distribution(stationary, states)
    for _ in range(TRIES):
        joint = generator.gamma(concentration, size=(states, states))
        rows = np.ones(states)
        for _ in range(SWEEPS):
            with np.errstate(all="ignore"):  # a matrix without support is redrawn
                columns = mu / (rows @ joint)
                residual = np.abs(rows * (joint @ columns) - mu).max()
                if not residual > BALANCED:
                    break
                rows = mu / (joint @ columns)
        if residual <= BALANCED:
            return rows[:, None] * joint * (columns / mu), mu
    raise ValueError(
        f"no matrix could be balanced in {TRIES} draws for states {states}, "
        f"concentration {concentration}: raise concentration"
    )


def _distribution(stationary: Tensor, states: int) -> np.ndarray:
    """The prescribed mu, checked."""
    mu = stationary.detach().cpu().double().numpy().copy()
    if mu.shape != (states,):
        raise ValueError(f"stationary has shape {mu.shape}: it must be ({states},)")
    if not (mu > 0).all() or abs(mu.sum() - 1) > 1e-9:
        raise ValueError(
            f"stationary has minimum {mu.min()} and sum {mu.sum()}: "
            "it must be positive and sum to 1"
        )
    return mu


Sample = Callable[[np.random.Generator, int, float, float, Tensor | None], Drawn]

SAMPLERS: dict[str, Sample] = {"dirichlet": dirichlet, "balanced": balanced}
"""Samplers of (P, mu), given N, the concentration, C of Assumption 2.1 and a prescribed mu."""


def uniform_weights(generator: np.random.Generator, shape: tuple[int, int], _: float) -> np.ndarray:
    """``1/Q``, shape (Q, N)."""
    return np.full(shape, 1 / shape[0])


WEIGHTS: dict[str, Callable[[np.random.Generator, tuple[int, int], float], np.ndarray]] = {
    "uniform": uniform_weights,
    "drawn": bounded,
}
"""Nonzero weights of the attention pattern, given their shape (Q, N) and C."""
