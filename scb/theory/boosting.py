r"""Stage 1 with the noise in A and V: how fast the signals grow, and the sign that they end with.

`scb.theory.population.boost_signal_to_noise` follows the sum of the signals while A stays
uniform. Here the noise feeds back. With ``|A|^2 = 1/T + K_Q alpha_A^2 + |Delta_A|^2``, ``|U|^2 =
K_P alpha_V^2 + |Delta_V|^2`` (mu-norms, U = V - mu 1^T), ``eta_V = eta / K_Q`` and ``eta_A = eta /
K_P``, the recursions of the paper's section 4 (Lemmas C.5, C.6) are::

    alpha_V <- (1 - eta_V |A|^2) alpha_V + eta_V (1/T + K_Q alpha_A) - (eta_V / K_P) <h_V, P>
    alpha_A <- (1 - eta_A |U|^2) alpha_A + eta_A K_P alpha_V - (eta_A / K_Q) <h_A, Q>
    |Delta_V|^2 <- (1 - eta_V |A|^2)^2 |Delta_V|^2 + eta_V^2 v_V / B
    |Delta_A|^2 <- (1 - eta_A |U|^2)^2 |Delta_A|^2 + eta_A^2 v_A / B

v_V and v_A are the variances of one sample's gradients outside P and Q, to leading order
(`value_noise`, `attention_noise`), with ``Z = diag(mu) - mu mu^T`` and ``S_U = U D U^T``::

    v_V = ((N - 1) |A|^2 + b^T D b) E|r|^2 - Var <h_V, P> / K_P
    v_A = N T tr(S_U Z),    tr(S_U Z) = alpha_V^2 tr(S_P Z) + |Delta_V|^2 tr(Z Z) / tr Z

Two things follow.

*Loss.* The noise that has spread over A takes ``eta_V alpha_V |Delta_A|^2`` off alpha_V. The
larger eigenvalue of the signals' recursion is then not eta but ::

    eta (sqrt(1 + x^2) - x),    x = |Delta_A|^2 / (2 K_Q)

which falls to ``eta / (2 x)``: Stage 1 stalls where ``|Delta_A|^2`` is far above K_Q.

*Feedback.* Noise in A feeds noise in V, ``(N - 1) |Delta_A|^2``, and noise in V feeds noise in A,
``N T |Delta_V|^2 tr(Z Z) / tr Z``. Their product makes both squared errors grow at the rate
``eta^2 sqrt(N (N - 1) T tr(Z Z)) / (K_P K_Q B)``, while squared signals grow at 2 eta. The ratio
of these two is `noise_growth`: it is in proportion to eta / B, and at 1 noise outgrows signal.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import multivariate_normal
from torch import Tensor

from scb.data.task import Task
from scb.theory.population import ValueMoments

KEPT = 0.9
"""Share of eta at which signals must still grow for Stage 1 to work: x is then 0.11, and
``|Delta_A|^2`` a fifth of K_Q."""

BOOSTED = 0.1
"""The signal up to which they must: where Stage 1 of the paper's figure 1 ends."""

GRID = 0.02
"""Of the logarithm of a largest rate."""


@dataclass(frozen=True)
class Boosted:
    """Moments of Stage 1 after some steps, each of shape (R,), by a closure of second moments.

    The squares in the decay rates are replaced by their means; given these, the signals are
    jointly normal.

    Attributes
    ----------
    mean : Tensor, shape (2, R)
        Of alpha_V and alpha_A.
    covariance : Tensor, shape (3, R)
        Variances of the two, and their covariance.
    value_error, attention_error : Tensor
        ``E|Delta_V|_mu^2`` and ``E|Delta_A|_mu^2``.
    slowest : Tensor
        The least growth of the signals so far, as a share of eta.
    """

    mean: Tensor
    covariance: Tensor
    value_error: Tensor
    attention_error: Tensor
    slowest: Tensor

    @property
    def signal(self) -> Tensor:
        """Root mean square of the larger signal."""
        return (self.mean.square() + self.covariance[:2]).amax(0).sqrt()

    @property
    def probability(self) -> Tensor:
        """That both signals are positive; 0 where the moments overflow, as the run diverges."""
        deviation = self.covariance[:2].sqrt()
        correlation = (self.covariance[2] / deviation.prod(0)).clamp(-1, 1)
        chances = []
        for mean, joint in zip(
            (self.mean / deviation).T.tolist(), correlation.tolist(), strict=True
        ):
            # P(X > 0) = P(-X < 0), and -X has the mean -m
            law = [[1.0, joint], [joint, 1.0]]
            chances.append(
                float(multivariate_normal.cdf([0, 0], [-part for part in mean], law, True))
                if all(map(math.isfinite, (*mean, joint)))
                else 0.0
            )
        return self.mean.new_tensor(chances)


@dataclass(frozen=True)
class Boosting:
    """The recursion of Stage 1 for a task of R replicates, a batch size and an eta for each.

    Attributes
    ----------
    task : Task
    batch_size : int
        B.
    rate : Tensor, shape (R,)
        eta.
    """

    task: Task
    batch_size: int
    rate: Tensor

    def run(self, steps: int, level: float = math.inf) -> Boosted:
        """From the paper's start, each replicate until its `Boosted.signal` reaches ``level``."""
        task, batch = self.task, self.batch_size
        mu, states, length = task.stationary, task.states, task.length
        truth = ValueMoments.of(task, task.transition)
        trivial = mu.square().sum(-1)
        tilt = 1 - mu / trivial[..., None]  # b
        tilted = ((task.transition - mu[..., None]) @ (mu * tilt)[..., None]).squeeze(-1)  # g
        constants = (
            self.rate,
            task.transition_energy,  # K_P
            task.attention_energy,  # K_Q
            truth.scatter,
            trivial,  # |mu|^2
            (mu * tilt.square()).sum(-1),  # b^T D b
            (mu * tilted.square()).sum(-1) - (mu * tilted).sum(-1).square(),  # g^T Z g
            noise_scatter(task),
            (mu * task.weights.square().sum(-2)).sum(-1),  # |Q|_mu^2
        )
        # A step is many operations on R numbers: torch takes longer to begin one than NumPy to
        # end it.
        arrays = (constant.cpu().numpy() for constant in constants)
        rate, energy, pattern, aligned, uniform, bias, fixed, noisy, weight = arrays
        value_rate, attention_rate = rate / pattern, rate / energy

        # Means of the signals, their variances and covariance, squared errors.
        moments = np.zeros((7, *energy.shape))
        slowest = np.ones_like(energy)
        with np.errstate(over="ignore", invalid="ignore"):  # of runs that diverge
            for _ in range(steps):
                value, attention, value_spread, attention_spread, joint = moments[:5]
                value_error, attention_error = moments[5:]
                value_second = value * value + value_spread  # E alpha_V^2
                attention_second = attention * attention + attention_spread
                on = np.maximum(value_second, attention_second) < level**2
                if not on.any():
                    break
                square = 1 / length + pattern * attention_second + attention_error  # |A|^2
                size = energy * value_second + value_error  # |U|^2
                both = value * attention + joint
                product = energy * (value / length + pattern * both)  # <Q, A> <V, P> centred
                residual = 1 - uniform + square * size - 2 * product  # E|r|^2
                scatter = value_second * aligned + value_error * noisy
                along_value = aligned * square + fixed  # Var <h_V, P>
                along_attention = weight * scatter  # Var <h_A, Q>
                outside_value = np.maximum(
                    ((states - 1) * square + bias) * residual - along_value / energy, 0
                )
                outside_attention = states * length * scatter

                half = attention_error / (2 * pattern)  # x
                growth = np.sqrt(1 + half * half) - half
                slowest = np.where(on, np.minimum(slowest, growth), slowest)
                value_keep, attention_keep = 1 - value_rate * square, 1 - attention_rate * size
                after = (
                    value_keep * value + value_rate / length + rate * attention,
                    attention_keep * attention + rate * value,
                    value_keep**2 * value_spread
                    + 2 * value_keep * rate * joint
                    + rate**2 * attention_spread
                    + (value_rate / energy) ** 2 * along_value / batch,
                    attention_keep**2 * attention_spread
                    + 2 * attention_keep * rate * joint
                    + rate**2 * value_spread
                    + (attention_rate / pattern) ** 2 * along_attention / batch,
                    (value_keep * attention_keep + rate**2) * joint
                    + rate * (value_keep * value_spread + attention_keep * attention_spread),
                    value_keep**2 * value_error + value_rate**2 * outside_value / batch,
                    attention_keep**2 * attention_error
                    + attention_rate**2 * outside_attention / batch,
                )
                moments = np.where(on, after, moments)
        found, least = (torch.from_numpy(x).to(mu.device) for x in (moments, slowest))
        return Boosted(found[:2], found[2:5], found[5], found[6], least)


def noise_scatter(task: Task) -> Tensor:
    """``tr(Z Z) / tr Z``, the scatter of a V that is noise for each unit of ``|U|_mu^2``."""
    mu = task.stationary
    square, cube = mu.square().sum(-1), (mu**3).sum(-1)
    return (square - 2 * cube + square.square()) / (1 - square)


def noise_growth(task: Task, batch_size: int, rate: float | Tensor) -> Tensor:
    """Growth of the squared errors of Stage 1 over that of its squared signals, shape (R,).

    ``eta sqrt(N (N - 1) T tr(Z Z)) / (2 K_P K_Q B)``; at 1 noise outgrows the signals.
    """
    states = task.states
    trace = noise_scatter(task) * (1 - task.stationary.square().sum(-1))  # tr(Z Z)
    feedback = (states * (states - 1) * task.length * trace).sqrt()
    return rate * feedback / (2 * task.transition_energy * task.attention_energy * batch_size)


def positive_probability(task: Task, batch_size: int, rate: float, steps: int) -> Tensor:
    """Probability that both signals are positive after Stage 1, shape (R,)."""
    rates = torch.full_like(task.transition_energy, rate)
    return Boosting(task, batch_size, rates).run(steps).probability


def largest_boosting_rate(
    task: Task, batch_size: int, kept: float = KEPT, level: float = BOOSTED
) -> Tensor:
    """The largest eta at which Stage 1 works, shape (R,).

    Until the larger signal has the root mean square ``level``, signals grow at no less than
    ``kept`` times eta: their growth beats the loss by the noise in A ten times over. By
    bisection between 1e-4 and 1, as a smaller eta keeps more.

    Parameters
    ----------
    task : Task of R replicates
    batch_size : int
        B.
    kept, level : float
    """
    low = torch.full_like(task.transition_energy, math.log(1e-4))
    high = torch.zeros_like(low)
    # The drift alone, ((1 + eta)^n - 1) / (2 K_Q T), reaches the level after n = growth / eta.
    growth = math.log1p(2 * level * task.length * float(task.attention_energy.max()))
    while float((high - low).max()) > GRID:
        middle = (low + high) / 2
        rate = middle.exp()
        steps = math.ceil(growth / kept / math.log1p(float(rate.min())))
        works = Boosting(task, batch_size, rate).run(steps, level).slowest >= kept
        low, high = torch.where(works, middle, low), torch.where(works, high, middle)
    return low.exp()
