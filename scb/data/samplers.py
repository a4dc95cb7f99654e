"""How tasks are drawn: samplers of (P, mu), and of the weights of the attention pattern.

A sampler is a function in `SAMPLERS`, under the name that the settings give it.
"""

from collections.abc import Callable

import numpy as np
from torch import Tensor

TRIES = 1000
"""Transition matrices drawn before a sampler gives up."""

RARE = 100 * TRIES
"""Drawn where clause (c) is asked for too: at N = 3 it holds in 1 of 570 draws."""

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


def stationary_distribution(transition: np.ndarray) -> np.ndarray:
    """mu of an irreducible P: the one solution of ``(I - P + 1 1^T / N) mu = 1 / N``.

    Raises
    ------
    numpy.linalg.LinAlgError
        If the system is singular.
    """
    states = len(transition)
    mu = np.linalg.solve(np.eye(states) - transition + 1 / states, np.ones(states) / states)
    return np.asarray(mu / mu.sum())


def _conditioned(
    states: int,
    constant: float,
    draw: Callable[[], np.ndarray],
    accept: Callable[[np.ndarray, np.ndarray], bool] = lambda transition, mu: True,
    tries: int = TRIES,
) -> Drawn:
    """P as drawn, redrawn until mu satisfies clause (b) and (P, mu) is accepted."""
    for _ in range(tries):
        transition = draw()  # (N, N)
        try:
            mu = stationary_distribution(transition)
        except np.linalg.LinAlgError:
            continue
        if within(mu, states, constant) and accept(transition, mu):
            return np.ascontiguousarray(transition), mu
    raise ValueError(
        f"no P in {tries} draws for states {states} and constant {constant} has what the sampler "
        "asks for, such as mu within [1/(CN), C/N]: change concentration, raise constant, or use "
        "sampler 'balanced'"
    )


def _free(stationary: Tensor | None) -> None:
    if stationary is not None:
        raise ValueError("stationary is given: only sampler 'balanced' prescribes it")


def dirichlet(
    generator: np.random.Generator,
    states: int,
    concentration: float,
    constant: float,
    stationary: Tensor | None,
) -> Drawn:
    """Columns of P i.i.d. Dirichlet, redrawn until mu satisfies clause (b)."""
    _free(stationary)
    parameters = concentration * np.ones(states)
    return _conditioned(states, constant, lambda: generator.dirichlet(parameters, states).T)


def nontrivial(
    generator: np.random.Generator,
    states: int,
    concentration: float,
    constant: float,
    stationary: Tensor | None,
) -> Drawn:
    """As `dirichlet`, redrawn until clause (c) holds too: ``|P|_mu^2 - |mu|^2 >= |mu|^2``."""
    _free(stationary)
    parameters = concentration * np.ones(states)

    def satisfies(transition: np.ndarray, mu: np.ndarray) -> bool:
        return bool((transition**2 @ mu).sum() >= 2 * (mu**2).sum())

    return _conditioned(
        states, constant, lambda: generator.dirichlet(parameters, states).T, satisfies, RARE
    )


def softmax(
    generator: np.random.Generator,
    states: int,
    concentration: float,
    constant: float,
    stationary: Tensor | None,
) -> Drawn:
    """Columns of P are softmax of i.i.d. standard Gaussian logits; no concentration."""
    _free(stationary)

    def draw() -> np.ndarray:
        entries = np.exp(generator.standard_normal((states, states)))
        return np.asarray(entries / entries.sum(0))

    return _conditioned(states, constant, draw)


def entries(
    generator: np.random.Generator,
    states: int,
    concentration: float,
    constant: float,
    stationary: Tensor | None,
) -> Drawn:
    """Columns of P are i.i.d. uniform entries divided by their sum; no concentration."""
    _free(stationary)

    def draw() -> np.ndarray:
        drawn = generator.uniform(size=(states, states))
        return np.asarray(drawn / drawn.sum(0))

    return _conditioned(states, constant, draw)


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

SAMPLERS: dict[str, Sample] = {
    "dirichlet": dirichlet,
    "nontrivial": nontrivial,
    "softmax": softmax,
    "entries": entries,
    "balanced": balanced,
}
"""Samplers of (P, mu), given N, the concentration, C of Assumption 2.1 and a prescribed mu."""


def uniform_weights(generator: np.random.Generator, shape: tuple[int, int], _: float) -> np.ndarray:
    """``1/Q``, shape (Q, N)."""
    return np.full(shape, 1 / shape[0])


WEIGHTS: dict[str, Callable[[np.random.Generator, tuple[int, int], float], np.ndarray]] = {
    "uniform": uniform_weights,
    "drawn": bounded,
}
"""Nonzero weights of the attention pattern, given their shape (Q, N) and C."""
