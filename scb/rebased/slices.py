"""Repeated bigrams: the tokens that a model can know only by what stands before in the sequence.

After Arora et al., *Zoology*, 2023, whose *associative-recall hits* these are.
"""

import torch
from torch import Tensor


def bigrams(tokens: Tensor, vocabulary: int) -> Tensor:
    """A number for each token with the one before it, shapes (..., T + 1) to (..., T)."""
    return tokens[..., :-1] * vocabulary + tokens[..., 1:]


def repeated(sequences: Tensor, training: Tensor, vocabulary: int, rare: int) -> Tensor:
    """Which tokens complete a bigram that occurred before in their sequence and is rare.

    ::

        sequence         the  quick  fox  saw   the  quick  dog
        bigram before?         no    no   no    no    yes   no

    Parameters
    ----------
    sequences : Tensor, shape (n, T + 1), int64
    training : Tensor, shape (M,), int64
        The tokens of the training split, one after the other.
    vocabulary : int
        V.
    rare : int
        Times that a bigram may occur in the training split.

    Returns
    -------
    Tensor, shape (n, T), bool
        Of the second to the last token of each sequence.
    """
    counts = torch.bincount(bigrams(training, vocabulary), minlength=vocabulary**2)
    pairs = bigrams(sequences, vocabulary)  # (n, T)
    ordered, places = pairs.sort(dim=-1, stable=True)  # equal ones side by side, the earlier first
    again = torch.zeros_like(pairs, dtype=torch.bool)
    again.scatter_(-1, places[:, 1:], ordered[:, 1:] == ordered[:, :-1])
    return again & (counts[pairs] <= rare)
