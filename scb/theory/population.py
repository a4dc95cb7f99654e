r"""Closed forms: expected gradients, the variance of their noise, the population path.

All is exact algebra on the model of sections 2 and 3 of the paper, for iterates that the
projected algorithm visits: ``1^T a^(k) = 1``, ``V mu = mu``, ``1^T V = 1^T``. Nothing is
sampled and no T x N matrix is needed: A enters through power sums of its columns, V
through its *deviation* ``U = V - mu 1^T``.

Derivations are for one sample with query k. Tokens are one-hot and centred, ``x~ = x -
mu``; the token sum is ``s = mu + y`` with ``y = sum_t a_t x~_t``, the target ``e_o = mu +
z``, so the residual is ``r = V s - e_o = U y - z``. With ``R = P - mu 1^T``, ``V x~ = U x``
and ``E[z | x_s] = R x_s``. Centred tokens of different positions are independent, so the
expectation of a product is a sum over the ways in which its positions coincide.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from scb.data.task import Task
from scb.learning.metrics import AttentionStatistics
from scb.learning.optimizers import Rate
from scb.theory.path import signals


@dataclass(frozen=True)
class AttentionMoments:
    """Power sums over the positions of each column of A: all that the noise asks of it.

    Attributes
    ----------
    square, cube, fourth : Tensor, shape (..., N)
        ``p_m = sum_t a_t^m``.
    overlap, square_overlap, cube_overlap : Tensor, shape (..., N)
        ``<q, a^m> = sum_t q_t a_t^m`` for m = 1, 2, 3.
    """

    square: Tensor
    cube: Tensor
    fourth: Tensor
    overlap: Tensor
    square_overlap: Tensor
    cube_overlap: Tensor

    @classmethod
    def of(cls, task: Task, columns: Tensor) -> "AttentionMoments":
        """Moments of a dense A, given transposed: shape (..., N, T)."""
        positions = task.positions.mT  # (..., N, Q)
        positions = positions.expand(*columns.shape[:-1], positions.shape[-1])
        square = columns.square()
        sums = square.sum(-1), (square * columns).sum(-1), square.square().sum(-1)
        return cls.of_support(task, columns.gather(-1, positions), *sums)

    @classmethod
    def of_support(
        cls, task: Task, support: Tensor, square: Tensor, cube: Tensor, fourth: Tensor
    ) -> "AttentionMoments":
        """Moments from the power sums and the entries on the true support, (..., N, Q)."""
        weights = task.weights.mT.to(support)
        overlaps = ((weights * support**power).sum(-1) for power in (1, 2, 3))
        return cls(square, cube, fourth, *overlaps)

    def others(self, power: int, support: Tensor) -> Tensor:
        """``sum_t a_t^m`` over the useless coordinates alone, for m = 2 or 4; shape (..., N)."""
        whole = {2: self.square, 4: self.fourth}[power]
        return (whole - support.pow(power).sum(-1)).clamp(min=0)


@dataclass(frozen=True)
class ValueMoments:
    """Moments of the images ``U x`` and ``R x`` of a token: all that the noise asks of V.

    Expectations are over ``x ~ mu``; ``S_U = E[U x x^T U^T]``, ``S_UR = E[U x x^T R^T]``.

    Attributes
    ----------
    energy : Tensor, shape (...)
        ``|V|_mu^2 - |mu|^2 = E|U x|^2 = tr S_U``.
    overlap : Tensor, shape (...)
        ``<V, P>_mu - |mu|^2 = E<U x, R x> = tr S_UR``.
    squares, aligned : Tensor, shape (..., N)
        ``|U x|^2`` and ``<U x, R x>`` of each token x.
    scatter, own_scatter : Tensor, shape (...)
        ``E <U x, z>^2`` for z independent of x, and for a target drawn from x itself.
    common : Tensor, shape (...)
        ``mu^T S_U mu``.
    cross_common : Tensor, shape (...)
        ``mu^T S_UR mu``.
    gram, cross_gram : Tensor, shape (...)
        ``tr(S_U S_U)`` and ``tr(S_U S_UR)``, the only ones that cost O(N^3).
    """

    energy: Tensor
    overlap: Tensor
    squares: Tensor
    aligned: Tensor
    scatter: Tensor
    own_scatter: Tensor
    common: Tensor
    cross_common: Tensor
    gram: Tensor
    cross_gram: Tensor

    @classmethod
    def of(cls, task: Task, value: Tensor) -> "ValueMoments":
        """Moments of V, shape (..., N, N)."""
        return cls.of_deviation(task, value - task.stationary[..., None])

    @classmethod
    def of_deviation(cls, task: Task, deviation: Tensor) -> "ValueMoments":
        """Moments of V from U, which keeps the digits of a V that is close to ``mu 1^T``."""
        mu, transition = task.stationary, task.transition
        ideal = transition - mu[..., None]  # R, (..., N, N)
        square = deviation.square()
        squares, aligned = square.sum(-2), (deviation * ideal).sum(-2)
        # <U x, z> = U[o, x] - mu^T U x, squared and averaged over o.
        chance = (mu[..., None, :] @ deviation).squeeze(-2)  # mu^T U x, (..., N)
        ideal_chance = (mu[..., None, :] @ ideal).squeeze(-2)
        independent = (mu[..., None, :] @ square).squeeze(-2) - chance.square()
        own = (transition * (deviation - chance[..., None, :]).square()).sum(-2)
        weighted = deviation * mu[..., None, :]  # U D
        covariance = weighted @ deviation.mT  # S_U
        return cls(
            energy=(mu * squares).sum(-1),
            overlap=(mu * aligned).sum(-1),
            squares=squares,
            aligned=aligned,
            scatter=(mu * independent).sum(-1),
            own_scatter=(mu * own).sum(-1),
            common=(mu * chance.square()).sum(-1),
            cross_common=(mu * chance * ideal_chance).sum(-1),
            gram=covariance.square().sum((-2, -1)),
            cross_gram=(covariance * (weighted @ ideal.mT)).sum((-2, -1)),
        )

    def scaled(self, factor: Tensor) -> "ValueMoments":
        """Moments of ``V = mu 1^T + factor U``; the factor has shape (...)."""
        each = factor[..., None]
        return ValueMoments(
            energy=factor**2 * self.energy,
            overlap=factor * self.overlap,
            squares=each**2 * self.squares,
            aligned=each * self.aligned,
            scatter=factor**2 * self.scatter,
            own_scatter=factor**2 * self.own_scatter,
            common=factor**2 * self.common,
            cross_common=factor * self.cross_common,
            gram=factor**4 * self.gram,
            cross_gram=factor**3 * self.cross_gram,
        )


def expected_value_gradient(task: Task, value: Tensor, attention: AttentionStatistics) -> Tensor:
    """``E G_V = |A|_mu^2 (V - mu 1^T) - <Q, A>_mu (P - mu 1^T)``, shape (..., N, N)."""
    trivial = task.stationary[..., None]
    square, overlap = (
        (task.stationary * column).sum(-1)[..., None, None]
        for column in (attention.square, attention.overlap)
    )
    return square * (value - trivial) - overlap * (task.transition - trivial)


def expected_attention_gradient(
    value: ValueMoments, entries: Tensor, weights: Tensor | float
) -> Tensor:
    """Expected raw gradient ``E g_a^(k)[t] / mu_k`` of single coordinates of A.

    ``(|V|_mu^2 - |mu|^2) a_t - (<V, P>_mu - |mu|^2) q_t``, from which a proximal step
    starts. Its projection, zero sum over t, is the paper's ``E G_A``.

    Parameters
    ----------
    value : ValueMoments of shape (...)
    entries : Tensor, shape (..., N, K)
        ``a_t`` of any K coordinates of each column.
    weights : Tensor of the same shape or 0
        ``q_t``; 0 for useless coordinates.
    """
    return value.energy[..., None, None] * entries - value.overlap[..., None, None] * weights


def attention_noise(
    task: Task,
    value: ValueMoments,
    attention: AttentionMoments,
    entries: Tensor,
    weights: Tensor | float = 0.0,
) -> Tensor:
    """Variance of coordinates of ``G_A`` for one sample; 1/B of it for a mini-batch.

    With query k the coordinate is ``<U x_t, r>`` up to the mean over positions that the
    projection takes off, a relative error O(1/T), and otherwise 0. The second moment
    pairs position t and the source s with the positions in y::

        a_t^2 E|U x|^4 + (p_2 - a_t^2) tr(S_U S_U)                      from <U x_t, U y>^2
        + q_t E<U x_s, z>^2 + (1 - q_t) E<U x, z>^2                      from <U x_t, z>^2
        - 2 a_t q_t E|U x|^2 <U x, R x> - 2 (<q, a> - q_t a_t) tr(S_U S_UR)   from the product

    and the mean is `expected_attention_gradient`. Only the share mu_k of the samples has
    query k, and G_A divides by mu_k: the variance is second moment / mu_k - mean^2.

    Parameters
    ----------
    task : Task
    value : ValueMoments of shape (...)
    attention : AttentionMoments of shape (..., N)
    entries : Tensor, shape (..., N, K)
        ``a_t`` of any K coordinates of each column.
    weights : Tensor of the same shape or 0
        ``q_t``; 0 for useless coordinates.

    Returns
    -------
    Tensor, shape (..., N, K)
    """
    mu = task.stationary

    def scalar(moment: Tensor) -> Tensor:
        return moment[..., None, None]

    quartic = (mu * value.squares.square()).sum(-1)  # E|U x|^4
    mixed = (mu * value.squares * value.aligned).sum(-1)  # E|U x|^2 <U x, R x>
    gram, cross_gram = scalar(value.gram), scalar(value.cross_gram)
    scatter = scalar(value.scatter)
    constant = (
        scatter + gram * attention.square[..., None] - 2 * cross_gram * attention.overlap[..., None]
    )  # (..., N, 1)
    second = (
        constant
        + (scalar(quartic) - gram) * entries.square()
        + weights * (scalar(value.own_scatter) - scatter)
        - 2 * weights * entries * (scalar(mixed) - cross_gram)
    )
    mean = expected_attention_gradient(value, entries, weights)
    return second / mu[..., None] - mean.square()


@dataclass(frozen=True)
class ColumnNoise:
    """Joint law of the noise within each column of A, for one sample with that query.

    The gradient of a useless coordinate (``q_t = 0``) is ``w a_t`` plus a part of its own: w
    is the *scale*, which all useless coordinates of the column share. It has a covariance
    with the Q coordinates of the support; the own parts have none.

    Attributes
    ----------
    mean : Tensor, shape (..., N, 1 + Q)
        Expected gradients of the scale and of the support, ``E g_a^(k)[t] / mu_k``.
    covariance : Tensor, shape (..., N, 1 + Q, 1 + Q)
        Of the scale and the support.
    constant, square : Tensor, shape (..., N) and (..., 1)
        A useless coordinate's own part has the variance ``constant + square a_t^2``.
    """

    mean: Tensor
    covariance: Tensor
    constant: Tensor
    square: Tensor

    def along(self, task: Task, attention: AttentionMoments, support: Tensor) -> Tensor:
        """Variance of ``<A, G_A>_mu`` for one sample, which is ``<V - mu 1^T, G_V>_mu`` up to b.

        ``sum_t a_t <U x_t, r> = r^T U y``, whatever the sample: what scales A scales V. In
        `value_noise`, b is the part of c that mu lets through; it is 0 for a uniform mu.

        Returns
        -------
        Tensor, shape (...)
        """
        mu = task.stationary
        direction = torch.cat([attention.others(2, support)[..., None], support], -1)
        within = (direction[..., None, :] @ self.covariance @ direction[..., None])[..., 0, 0]
        own = self.constant * direction[..., 0] + self.square * attention.others(4, support)
        mean = (direction * self.mean).sum(-1)
        second = (mu * (within + own + mean.square())).sum(-1)
        return second - (mu * mean).sum(-1).square()


def attention_covariance(
    task: Task, value: ValueMoments, attention: AttentionMoments, support: Tensor
) -> ColumnNoise:
    """Covariance of the coordinates of a column of ``G_A``, for one sample with its query.

    As in `attention_noise`, with two positions t and t'. A target has one source, so z
    does not join two positions, and the second moment of ``<U x_t, r>`` and ``<U x_t', r>`` is::

        a_t a_t' ((E|U x|^2)^2 + tr(S_U S_U))
        - (a_t q_t' + a_t' q_t) (E|U x|^2 E<U x, R x> + tr(S_U S_UR))

    Less the product of the means this is ``a_t a_t' tr(S_U S_U) - (a_t q_t' + a_t' q_t) tr(S_U
    S_UR) - q_t q_t' (E<U x, R x>)^2``: for two useless coordinates it has rank one, which is the
    scale of `ColumnNoise`.

    In a mini-batch, column k gets the mean of its samples times ``n_k / (B mu_k)``, n_k the
    number of its queries. Hence the covariance of ``G_A`` over a batch: ``covariance / (B mu_k)``
    within a column, and ``mean mean^T (delta_kk' / mu_k - 1) / B`` within and between them.

    Parameters
    ----------
    task : Task
    value : ValueMoments of shape (...)
    attention : AttentionMoments of shape (..., N)
    support : Tensor, shape (..., N, Q)
        Entries of A at the positions of the true pattern.
    """
    mu, weights = task.stationary, task.weights.mT.to(support)

    def matrix(moment: Tensor) -> Tensor:
        return moment[..., None, None]

    means = expected_attention_gradient(value, support, weights)
    mean = torch.cat([matrix(value.energy).expand_as(means[..., :1]), means], -1)
    entries = torch.cat([torch.ones_like(support[..., :1]), support], -1)
    weights = torch.cat([torch.zeros_like(weights[..., :1]), weights], -1)
    weights = weights.expand_as(entries)
    mixed = entries[..., None] * weights[..., None, :]
    covariance = (
        matrix(value.gram)[..., None] * entries[..., None] * entries[..., None, :]
        - matrix(value.cross_gram)[..., None] * (mixed + mixed.mT)
        - matrix(value.overlap.square())[..., None] * weights[..., None] * weights[..., None, :]
    )
    variance = attention_noise(task, value, attention, support, task.weights.mT.to(support))
    # From the variance over all samples to that given the query.
    given = mu[..., None] * variance - (1 - mu[..., None]) * means.square()
    covariance.diagonal(dim1=-2, dim2=-1)[..., 1:] = given
    constant = (
        value.scatter[..., None]
        + value.gram[..., None] * attention.square
        - 2 * value.cross_gram[..., None] * attention.overlap
    )
    quartic = (mu * value.squares.square()).sum(-1)
    square = quartic - 2 * value.gram - value.energy.square()
    return ColumnNoise(mean, covariance, constant, square[..., None])


def common_noise(task: Task, value: ValueMoments, attention: AttentionMoments) -> Tensor:
    """Variance, for one sample, of the raw gradient's part that all of a column shares.

    The raw gradient is ``<x_t, V^T r> = <U x_t, r> + mu^T r``: the projection takes the
    second term off, but a proximal step thresholds before it projects. Its mean is 0 and
    its variance ``mu^T E[r r^T] mu / mu_k``, with ``E[r r^T] = p_2 S_U - <q, a> (S_UR +
    S_UR^T) + diag(mu) - mu mu^T``.

    Returns
    -------
    Tensor, shape (..., N)
    """
    mu = task.stationary
    target = (mu * (mu - mu.square().sum(-1, keepdim=True)).square()).sum(-1)
    second = (
        attention.square * value.common[..., None]
        - 2 * attention.overlap * value.cross_common[..., None]
        + target[..., None]
    )
    return second.clamp(min=0) / mu  # 0 up to rounding for a uniform mu


def value_noise(task: Task, value: ValueMoments, attention: AttentionMoments) -> Tensor:
    """Total variance ``E|G_V - E G_V|_mu^2`` for one sample; 1/B of it for a mini-batch.

    For one sample ``G_V = r c^T`` with ``c = (I - mu mu^T / |mu|^2) D^-1 s``, so that
    ``|G_V|_mu^2 = |r|^2 |c|_D^2``. As ``1^T y = 0``, the projection spares y: ``|c|_D^2 =
    y^T D^-1 y + 2 b^T y + b^T D b`` with ``b = 1 - mu / |mu|^2``, which vanishes for a uniform mu.
    Likewise ``|r|^2 = |U y|^2 - 2 z^T U y + |z|^2``. The nine products are below in this
    order, with ``E[x~^T D^-1 x~] = N - 1``; their average over queries loses ``|E G_V|_mu^2``.

    Parameters
    ----------
    task : Task
    value : ValueMoments of shape (...)
    attention : AttentionMoments of shape (..., N)

    Returns
    -------
    Tensor, shape (...)
    """
    mu, states = task.stationary, task.states
    trivial = mu.square().sum(-1, keepdim=True)  # |mu|^2, (..., 1)
    tilt = 1 - mu / trivial  # b, (..., N)
    bias = (mu * tilt.square()).sum(-1, keepdim=True)  # b^T D b
    # |z|^2 given the token that the target is drawn from.
    surprise = ((1 - 2 * mu + trivial)[..., None, :] @ task.transition).squeeze(-2)  # (..., N)
    energy, overlap = value.energy[..., None], value.overlap[..., None]

    def third(image: Tensor) -> Tensor:  # E[f(x) b^T x~]
        return (mu * image * tilt).sum(-1, keepdim=True)

    def fourth(image: Tensor, mean: Tensor) -> Tensor:  # cumulant of f(x) and x~^T D^-1 x~
        return image.sum(-1, keepdim=True) - (states + 2) * mean

    p2, p3, p4 = attention.square, attention.cube, attention.fourth
    q1, q2, q3 = attention.overlap, attention.square_overlap, attention.cube_overlap
    spread = (states + 1) * p2  # independent pairs: tr tr + 2 tr(. D^-1 C .)
    image = (
        p2 * energy * bias
        + 2 * p3 * third(value.squares)
        + p2 * spread * energy
        + p4 * fourth(value.squares, energy)
    )
    product = (
        q1 * overlap * bias
        + 2 * q2 * third(value.aligned)
        + q1 * spread * overlap
        + q3 * fourth(value.aligned, overlap)
    )
    target = (
        (1 - trivial) * bias
        + 2 * q1 * third(surprise)
        + q2 * ((1 - mu) * surprise).sum(-1, keepdim=True)
        + (p2 - q2) * (1 - trivial) * (states - 1)
    )
    second = (mu * (image - 2 * product + target)).sum(-1)
    square, aligned = (mu * p2).sum(-1), (mu * q1).sum(-1)  # |A|_mu^2, <Q, A>_mu
    mean = (
        square.square() * value.energy
        - 2 * square * aligned * value.overlap
        + aligned.square() * task.transition_energy
    )
    return second - mean


def trajectory(
    task: Task, rates: Sequence[float], start: float | Tensor = 0.0, *, scaled: bool = True
) -> Tensor:
    """Signals of gradient descent on the population loss, by default from the paper's start.

    Without noise the iterate stays in the plane of the two signals (section 4); here
    ``eta_V = eta / K_Q`` and ``eta_A = eta / K_P``.

    Parameters
    ----------
    task : Task of R replicates
    rates : sequence of floats
        eta of each step.
    start : float or Tensor of shape (2, R)
        Both signals at the start, or each of them in each replicate.
    scaled : bool
        If false, ``eta_V = eta_A = eta`` instead.

    Returns
    -------
    Tensor, shape (len(rates) + 1, 2, R)
        ``(alpha_V, alpha_A)`` before each step and after the last.
    """
    drift = 1 / (task.length * task.attention_energy)
    both = torch.as_tensor(start).to(drift).expand(2, *drift.shape)
    energies = (1.0, 1.0) if scaled else (task.attention_energy, task.transition_energy)
    each = ((rate * energies[0], rate * energies[1]) for rate in rates)
    return torch.stack([torch.stack(pair) for pair in signals((both[0], both[1]), drift, each)])


def largest_stable_rate(task: Task, batch_size: int) -> Tensor:
    """Estimate of the largest eta at which plain mini-batch steps do not diverge.

    Noise spreads A until V can no longer follow. (1) Let ``V = alpha P + (1 - alpha) mu
    1^T``. Useless coordinates gain the variance ``eta_A^2 alpha^2 tr(S_P Z) / (B mu_k)`` a step
    (`attention_noise`, its scatter alone) and decay at the rate ``eta_A alpha^2 K_P``: alpha
    drops out, and with ``eta = eta_A K_P`` they settle at::

        |Delta_A|_mu^2 = eta T N tr(S_P Z) / (2 B K_P^2)

    So V shrinks with the signal-to-noise ratio of A and no bound is met yet. (2) V itself
    obeys a linear recursion given A; its deviation keeps a bounded mean square while ``eta_V
    |A|_mu^2 (1 + (N + 1) c / B) < 2``, where the second term is the leading noise that the
    deviation itself makes (`value_noise`) and ``c = sum_k 1 / (N^2 mu_k)`` the unevenness of
    (1) over columns. With ``|A|_mu^2 = |Q|_mu^2 + |Delta_A|_mu^2`` and ``eta = eta_V K_Q`` this is
    a quadratic inequality for eta. Left out: fluctuations of ``|Delta_A|``, the slow growth of
    alpha_A along the valley of constant ``alpha_V alpha_A``, the penalty. Runs of a few
    thousand steps stay bounded at half this rate and diverge at twice.

    Parameters
    ----------
    task : Task
    batch_size : int
        B.

    Returns
    -------
    Tensor, shape (...)
    """
    mu, states = task.stationary, task.states
    truth = ValueMoments.of(task, task.transition)
    spread = task.length * states * truth.scatter / (2 * batch_size * truth.energy.square())
    unevenness = (1 / mu).sum(-1) / states**2
    bound = 2 * task.attention_energy / (1 + (states + 1) * unevenness / batch_size)
    # spread eta^2 + |Q|_mu^2 eta = bound
    pattern = task.attention_energy + 1 / task.length
    return 2 * bound / (pattern + (pattern.square() + 4 * spread * bound).sqrt())


def boost_signal_to_noise(task: Task, batch_size: int, rate: float) -> Tensor:
    """Mean over standard deviation of the signals that Stage 1 amplifies.

    Near the start, ``V = mu 1^T`` and ``A = 1 1^T / T``, the recursion is linear: ``alpha_V +
    alpha_A`` grows by ``1 + eta`` a step, fed by the drift ``eta / (K_Q T)`` of alpha_V and
    by the noise of its steps, of standard deviation ``eta s / (K_Q K_P sqrt(B))``. Summed
    over all steps, the ratio of the two is::

        rho = K_P sqrt(2 B / eta) / (s T),   s^2 = Var <G_V, P>_mu = tr(S_P Z) / T + g^T Z g

    with ``S_P = R D R^T``, ``Z = diag(mu) - mu mu^T`` and ``g = R D b`` (b of `value_noise`);
    the correlation of y with z, O(1/T), is left out. Stage 1 ends with positive signals
    with probability Phi(rho). For a uniform mu, g is 0 and the batch that fixes the sign
    grows like T; for any other it ends up growing like T^2.

    It holds while ``|Delta_A|^2`` stays far below K_Q, that is where
    `scb.theory.boosting.noise_growth` is below about 0.3. Above, noise that has spread over A
    slows the signals and goes on to change their signs, which is then less often right:
    `scb.theory.boosting.positive_probability` follows it.

    Returns
    -------
    Tensor, shape (...)
    """
    mu = task.stationary
    truth = ValueMoments.of(task, task.transition)
    ideal = task.transition - mu[..., None]
    trivial = mu.square().sum(-1, keepdim=True)
    tilted = (ideal @ (mu.square() / trivial)[..., None]).squeeze(-1)  # -g
    fixed = (mu * tilted.square()).sum(-1) - (mu * tilted).sum(-1).square()  # g^T Z g
    deviation = ((truth.scatter / task.length + fixed) / batch_size).sqrt()
    return truth.energy * (2 / rate) ** 0.5 / (task.length * deviation)


def balancing_penalty(task: Task, batch_size: int, rate: Rate) -> Tensor:
    """Lambda at which the threshold holds a useless entry of A as tightly as the gradient.

    Near the ground truth a useless entry takes steps of noise ``sigma^2 = eta_A^2 v / B``
    (v of `attention_noise`). The gradient, which takes off ``eta a`` per step, keeps it
    within a standard deviation ``sigma / sqrt(2 eta)``; the threshold alone, which takes
    off lambda, within an exponential law of scale ``sigma^2 / (2 lambda)``. The two agree at
    ``lambda = sigma sqrt(eta / 2)``: below it the penalty does little, and from about
    ``eta / Q`` on it takes the useful entries off as well.

    Parameters
    ----------
    task : Task
    batch_size : int
        B.
    rate : float or Tensor
        eta, with ``eta_A = eta / K_P``.

    Returns
    -------
    Tensor, shape (...)
        Of sigma averaged over queries.
    """
    truth = ValueMoments.of(task, task.transition)
    columns = AttentionMoments.of_support(
        task, task.weights.mT, *((task.weights**m).sum(-2) for m in (2, 3, 4))
    )
    useless = torch.zeros_like(task.stationary)[..., None]
    variance = attention_noise(task, truth, columns, useless)[..., 0] / batch_size  # (..., N)
    sigma = rate / task.transition_energy * (task.stationary * variance.sqrt()).sum(-1)
    return sigma * (rate / 2) ** 0.5
