r"""The similarities ``sim(q, k)`` that attention weighs tokens with.

A similarity first *prepares* queries and keys, each by itself: a LayerNorm's parts, elu + 1,
a scale. Of the prepared vectors it takes the inner product ``s``, which for all but the two
linear similarities is the familiar ``q.k / sqrt(f)``, and weighs a token by a function of ``s``:

=================  =========================  ===================  ==========================
name               prepared x                 sim                  features, besides the scale
=================  =========================  ===================  ==========================
``softmax``        x                          exp(s)               none that are finite
``identity``       x, unscaled                s, not normalised    x
``elu``            elu(x) + 1, unscaled       s                    elu(x) + 1
``based``          x                          1 + s + s^2/2        1, x, x x^T / sqrt 2
``based_shifted``  x                          (1 + s)^2 / 2        1/sqrt 2, x, x x^T / sqrt 2
``square``         x                          s^2                  x x^T
``square_gamma``   gamma x                    s^2                  x x^T
``square_affine``  gamma x + beta             s^2                  x x^T
``square_norm``    norm(x)                    s^2                  x x^T
``rebased``        gamma norm(x) + beta       s^2                  x x^T
=================  =========================  ===================  ==========================

Based is the second-order Taylor polynomial of exp. It is at least 1/2 whatever q and k are, so
no token can be ignored: ReBased's complaint, and the reason for its plain square, which is 0
where q and k are orthogonal and lets gamma and beta learn where that is. Both square the inner
product, that is the *outer product* of the features, not each feature by itself. The five
squares take ReBased apart; ``based_shifted`` moves Based's parabola down to 0 and changes
nothing else.

Queries and keys have a gamma and a beta of their own, of the width of all heads together; here
there is one head.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

NORM_EPS = 1e-5
"""Under the root of LayerNorm."""


@dataclass(frozen=True)
class Similarity:
    """A similarity and, where it has one, its finite feature map.

    Attributes
    ----------
    weigh : callable
        sim as a function of the inner product s of prepared vectors, elementwise.
    features : callable or None
        The map phi of prepared vectors, (..., f) to (..., D), with
        ``phi(q) . phi(k) = sim(q, k)``; None if D is infinite.
    elu : bool
        Whether x becomes elu(x) + 1.
    norm, gamma, beta : bool
        Which parts of a LayerNorm prepare queries and keys.
    scaled : bool
        Whether s is q.k / sqrt(f) or q.k.
    normalised : bool
        Whether the weights of the tokens are divided by their sum.
    """

    weigh: Callable[[Tensor], Tensor]
    features: Callable[[Tensor], Tensor] | None
    elu: bool = False
    norm: bool = False
    gamma: bool = False
    beta: bool = False
    scaled: bool = True
    normalised: bool = True

    def prepare(self, x: Tensor, gamma: Tensor | None = None, beta: Tensor | None = None) -> Tensor:
        """Queries or keys as the inner product takes them.

        Parameters
        ----------
        x : Tensor, shape (..., f)
        gamma, beta : Tensor broadcastable to x
            Only those that the similarity has.
        """
        if self.norm:
            x = F.layer_norm(x, x.shape[-1:], eps=NORM_EPS)
        if self.elu:
            x = F.elu(x) + 1
        if gamma is not None:
            x = x * gamma
        if beta is not None:
            x = x + beta
        return x / x.shape[-1] ** 0.25 if self.scaled else x  # the root of 1/sqrt(f), twice

    @property
    def linear(self) -> bool:
        """Whether the features are no more than queries and keys have."""
        return not self.scaled

    def feature_count(self, width: int) -> int | None:
        """D for vectors of f = ``width``, None if infinite."""
        if self.features is None:
            return None
        return self.features(torch.empty(width, device="meta")).shape[-1]

    def state_size(self, width: int, value_width: int, length: int) -> int:
        """Numbers that generating token T + 1 needs to keep of the T before it.

        The D x d_v sum of features and values and, if normalised, the D sums of features;
        without finite features, all T keys and values.
        """
        features = self.feature_count(width)
        if features is None:
            return length * (width + value_width)
        return features * (value_width + self.normalised)


def outer(x: Tensor) -> Tensor:
    """``x x^T`` without what is there twice, such that ``outer(q) . outer(k) = (q . k)^2``.

    Parameters
    ----------
    x : Tensor, shape (..., f)

    Returns
    -------
    Tensor, shape (..., f (f + 1) / 2)
    """
    row, column = torch.triu_indices(x.shape[-1], x.shape[-1], device=x.device)
    once = (row == column).to(x.dtype)
    return x[..., row] * x[..., column] * (once + (1 - once) * math.sqrt(2))


def _taylor(constant: float) -> Callable[[Tensor], Tensor]:
    """Feature map of ``constant + s + s^2 / 2``."""

    def features(x: Tensor) -> Tensor:
        ones = torch.full_like(x[..., :1], math.sqrt(constant))
        return torch.cat([ones, x, outer(x) / math.sqrt(2)], -1)

    return features


def _itself(x: Tensor) -> Tensor:
    return x


SIMILARITIES: dict[str, Similarity] = {
    "softmax": Similarity(torch.exp, None),
    "identity": Similarity(_itself, _itself, scaled=False, normalised=False),
    "elu": Similarity(_itself, _itself, elu=True, scaled=False),
    "based": Similarity(lambda s: torch.addcmul(1 + s, s, s, value=0.5), _taylor(1.0)),
    "based_shifted": Similarity(lambda s: (1 + s).square() / 2, _taylor(0.5)),
    "square": Similarity(torch.square, outer),
    "square_gamma": Similarity(torch.square, outer, gamma=True),
    "square_affine": Similarity(torch.square, outer, gamma=True, beta=True),
    "square_norm": Similarity(torch.square, outer, norm=True),
    "rebased": Similarity(torch.square, outer, norm=True, gamma=True, beta=True),
}
"""Every similarity by its name."""
