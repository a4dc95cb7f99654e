"""What a ground truth (P, mu, Q) must satisfy; what does not is named by argument, place, value."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Matrix = NDArray[np.float64]

TOLERANCE = 1e-6
"""Of sums and of ``P mu = mu``: what numbers in single precision miss them by."""

EXACT = 1e-12
"""What sums in double precision miss 1 by."""


def check_truth(
    transition: Tensor,
    stationary: Tensor,
    positions: Tensor,
    weights: Tensor,
    length: int,
    seeds: tuple[int, ...],
) -> None:
    """Refuse what is no ground truth of a sparse contextual bigram, or of R of them.

    Parameters
    ----------
    transition, stationary, positions, weights, length, seeds
        As the attributes of `scb.data.task.Task`.

    Raises
    ------
    ValueError
        One line naming the argument, the place of the first entry at fault, and its value. If
        several things are wrong, it names one.
    """
    _check_shapes(transition, stationary, positions, weights, length, seeds)
    # In double precision, so that the sums add nothing to what is summed.
    transition, stationary, weights = (x.double() for x in (transition, stationary, weights))
    for name, values in (
        ("transition", transition),
        ("stationary", stationary),
        ("weights", weights),
    ):
        _refuse(name, values, ~values.isfinite(), "it must be a finite number")
    _refuse("transition", transition, transition < 0, "it must be at least 0")
    _refuse("weights", weights, weights < 0, "it must be at least 0")
    _refuse("stationary", stationary, stationary <= 0, "it must be positive")
    _check_sums("transition", transition)
    _check_sums("weights", weights)
    total = stationary.sum(-1)
    if place := _first((total - 1).abs() > TOLERANCE):
        where = _at([*place[:-1], ":"]) if stationary.ndim > 1 else ""
        found = total[tuple(place)] if stationary.ndim > 1 else total
        raise ValueError(f"stationary{where} sums to {found:.9g}: it must sum to 1")
    moved = (transition @ stationary[..., None]).squeeze(-1)  # P mu, (..., N)
    most = stationary.amax(-1, keepdim=True)
    if place := _first((moved - stationary).abs() > TOLERANCE * most):
        at, at_place = _at(place), tuple(place)
        raise ValueError(
            f"stationary{at} is {stationary[at_place]:.9g}, but (P mu){at} is "
            f"{moved[at_place]:.9g}: it must be the stationary distribution of transition"
        )
    outside = (positions < 0) | (positions >= length)
    _refuse("positions", positions, outside, f"it must be in [0, length) = [0, {length})")
    if place := _first(positions.diff(dim=-2) <= 0):
        *some, entry, column = place
        low, high = (positions[(*some, entry + more, column)].item() for more in (0, 1))
        said = f"has {low} twice" if low == high else f"has {high} after {low}"
        raise ValueError(
            f"positions{_at([*some, ':', column])} {said}: a column's positions must increase"
        )
    spread = (transition - stationary[..., None]).abs().amax((-2, -1))
    if place := _first(spread <= EXACT * most.squeeze(-1)):
        where = _at(place) if stationary.ndim > 1 else ""
        raise ValueError(
            f"transition{where} has equal columns, so K_P is 0: "
            "the next token would not depend on the context"
        )


def _check_shapes(
    transition: Tensor,
    stationary: Tensor,
    positions: Tensor,
    weights: Tensor,
    length: int,
    seeds: tuple[int, ...],
) -> None:
    if stationary.ndim not in (1, 2):
        raise ValueError(
            f"stationary has shape {tuple(stationary.shape)}: it must be (N,) or (R, N)"
        )
    *replicates, states = stationary.shape
    shape = tuple(transition.shape)
    if shape != (wanted := (*replicates, states, states)):
        raise ValueError(f"transition has shape {shape}: it must be {wanted}, as stationary has")
    shape = tuple(positions.shape)
    if len(shape) != len(replicates) + 2 or (*shape[:-2], shape[-1]) != (*replicates, states):
        named = ", ".join(map(str, [*replicates, "Q", states]))
        raise ValueError(f"positions has shape {shape}: it must be ({named}), as stationary has")
    if weights.shape != positions.shape:
        raise ValueError(
            f"weights has shape {tuple(weights.shape)}: it must be that of positions, {shape}"
        )
    if positions.dtype != torch.int64:
        raise ValueError(f"positions is of {positions.dtype}: it must be of torch.int64")
    check_sizes(states, length, shape[-2])
    if len(seeds) != (replicates[0] if replicates else 1):
        raise ValueError(f"seeds has {len(seeds)} entries: there must be one for each replicate")


MAX_STATES = 65536
"""Largest vocabulary: tokens are kept as uint8 up to 256 states, as int32 above."""


def check_sizes(states: int, length: int, sparsity: int) -> None:
    """Refuse N, T and Q out of range.

    Raises
    ------
    ValueError
        One line naming the argument and its value.
    """
    if not 2 <= states <= MAX_STATES:
        raise ValueError(f"states is {states}: it must be in [2, {MAX_STATES}]")
    if length < 1:
        raise ValueError(f"length is {length}: it must be at least 1")
    if not 1 <= sparsity <= length:
        raise ValueError(f"sparsity is {sparsity}: it must be in [1, length] = [1, {length}]")


def as_matrix(name: str, given: Any) -> Matrix:
    """An array, tensor or list of lists in double precision, on the CPU; finite, at least 0.

    Raises
    ------
    ValueError
        One line naming the argument.
    """
    if isinstance(given, Tensor):
        given = given.detach().cpu()
        given = (given.double() if given.is_floating_point() else given).numpy()
    try:
        array = np.asarray(given)
    except ValueError:
        raise ValueError(f"{name} has rows of several lengths: it must be a matrix") from None
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name} has entries of type {array.dtype}: they must be real numbers")
    matrix = array.astype(np.float64)
    for fault, said in (
        (~np.isfinite(matrix), "a finite number"),
        (matrix < 0, "at least 0"),
    ):
        if fault.any():
            place = np.argwhere(fault)[0].tolist()
            raise ValueError(f"{name}{_at(place)} is {matrix[tuple(place)]:g}: it must be {said}")
    return matrix


def as_columns(name: str, matrix: Matrix) -> Matrix:
    """The same with columns that sum to 1, of a matrix whose columns do so to `TOLERANCE`.

    Raises
    ------
    ValueError
        One line naming the argument, and whether it is transposed.
    """
    total = matrix.sum(0)
    if (away := np.abs(total - 1) > TOLERANCE).any():
        column = int(away.argmax())
        if (np.abs(matrix.sum(1) - 1) <= TOLERANCE).all():
            raise ValueError(
                f"{name} is row-stochastic: its rows sum to 1, and {name}[:, {column}] to "
                f"{total[column]:.9g}: its columns must be distributions, so give its transpose"
            )
        raise ValueError(
            f"{name}[:, {column}] sums to {total[column]:.9g}: each column must sum to 1"
        )
    # What sums to 1 already stays as it is, to the last bit.
    return np.where(np.abs(total - 1) > EXACT, matrix / total, matrix)


def check_irreducible(transition: Matrix) -> None:
    """Refuse P of which some state is never reached from another.

    Otherwise mu would not be unique, or not positive.

    Raises
    ------
    ValueError
        One line naming the two states.
    """
    from scipy.sparse import csr_array  # not at the top: no job needs it
    from scipy.sparse.csgraph import breadth_first_order

    follows = csr_array(transition > 0)  # [n, m]: n may follow m
    for graph, there in ((follows.T, True), (follows, False)):
        reached = breadth_first_order(graph, 0, return_predecessors=False)
        if len(reached) < len(transition):
            (first, *_) = sorted(set(range(len(transition))) - {int(state) for state in reached})
            one, other = (0, first) if there else (first, 0)
            raise ValueError(
                f"transition is reducible: state {other} is never reached from state {one}, "
                "so its stationary distribution is not unique or not positive; "
                "if you mean a certain one, give it as stationary"
            )


def _check_sums(name: str, columns: Tensor) -> None:
    """Columns, of shape (..., M, N), sum to 1."""
    total = columns.sum(-2)
    if place := _first((total - 1).abs() > TOLERANCE):
        where = _at([*place[:-1], ":", place[-1]])
        raise ValueError(f"{name}{where} sums to {total[tuple(place)]:.9g}: it must sum to 1")


def _refuse(name: str, values: Tensor, wrong: Tensor, said: str) -> None:
    if place := _first(wrong):
        raise ValueError(f"{name}{_at(place)} is {values[tuple(place)].item():.9g}: {said}")


def _first(wrong: Tensor) -> list[int]:
    """The first place that is true; empty if there is none."""
    if not wrong.any():
        return []
    return wrong.reshape(wrong.shape or (1,)).nonzero()[0].tolist()


def _at(place: list[Any]) -> str:
    return f"[{', '.join(map(str, place))}]"
