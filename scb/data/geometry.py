"""The mu-weighted inner product in which the paper measures matrices (section 2).

Every function broadcasts over leading dimensions, which hold conditions and
replicates.
"""

from torch import Tensor


def inner(left: Tensor, right: Tensor, stationary: Tensor) -> Tensor:
    """Inner product ``<A, B>_mu = tr(A diag(mu) B^T)``.

    Parameters
    ----------
    left, right : Tensor, shape (..., M, N)
        Matrices A and B; column k carries the weight ``mu_k``.
    stationary : Tensor, shape (..., N)
        Stationary distribution mu.

    Returns
    -------
    Tensor, shape (...)
    """
    return ((left * right).sum(-2) * stationary).sum(-1)


def squared_norm(matrix: Tensor, stationary: Tensor) -> Tensor:
    """Squared norm ``|A|_mu^2 = <A, A>_mu``; shapes as in `inner`."""
    return inner(matrix, matrix, stationary)
