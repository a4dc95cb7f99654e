"""A task of one's own, as matrices, and what may be wrong with them."""

import numpy as np

P = np.array([[0.5, 0.2, 0.3], [0.3, 0.7, 0.1], [0.2, 0.1, 0.6]])
Q = np.array([[0, 0.5, 0], [0.25, 0.5, 0], [0.75, 0, 0], [0, 0, 1.0]])


def changed(matrix, *changes):
    matrix = np.array(matrix, dtype=float)
    for place, value in changes:
        matrix[place] = value
    return matrix


WRONG = {
    "a row-stochastic P": ((P.T, Q), "transition is row-stochastic: .* give its transpose"),
    "a negative entry": ((changed(P, ((1, 2), -0.1)), Q), r"transition\[1, 2\] is -0.1: "),
    "a missing entry": ((changed(P, ((0, 1), np.nan)), Q), r"transition\[0, 1\] is nan: "),
    "a column sum": ((changed(P, ((0, 1), 0.1)), Q), r"transition\[:, 1\] sums to 0.9: "),
    "a P that is not square": ((P[:2], Q), r"transition has shape \(2, 3\): it must be square"),
    "a P of one state": (([[1.0]], Q), r"transition has shape \(1, 1\)"),
    "a P that is a number": ((3.0, Q), r"transition has shape \(\)"),
    "words": (([["a", "b"], ["c", "d"]], Q), "transition has entries of type <U1"),
    "complex numbers": ((P + 0j, Q), "transition has entries of type complex128"),
    "a ragged list": (([[1.0, 0.0], [1.0]], Q), "transition has rows of several lengths"),
    "a reducible P": (
        ([[1.0, 0.5, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 1.0]], Q),
        "transition is reducible: state 1 is never reached from state 0, ",
    ),
    "a state that is left for good": (
        ([[0.5, 0, 0], [0.5, 0.5, 0.5], [0, 0.5, 0.5]], Q),
        "transition is reducible: state 0 is never reached from state 1, ",
    ),
    "equal columns": ((np.tile(P[:, :1], 3), Q), "transition has equal columns, so K_P is 0"),
    "a transposed Q": ((P, Q.T), r"attention has shape \(3, 4\): .*\(T, 3\).*give its transpose"),
    "a Q for other states": ((P, Q[:, :2]), r"attention has shape \(4, 2\): it must be \(T, 3\)"),
    "a column sum of Q": ((P, changed(Q, ((3, 2), 0.5))), r"attention\[:, 2\] sums to 0.5: "),
    "an infinite entry": ((P, changed(Q, ((3, 2), np.inf))), r"attention\[3, 2\] is inf: "),
    "a dense column": (
        (P, np.full((4, 3), 0.25)),
        r"attention\[:, 0\] has no entry that is 0: a column must be sparse",
    ),
}
"""What is wrong, the two matrices, and what is said of them."""
