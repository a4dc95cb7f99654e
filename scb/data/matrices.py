"""A matrix from a file: numbers separated by commas (``.csv``), or an array of numpy (``.npy``)."""

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def read_matrix(path: Path) -> NDArray[np.generic]:
    """The array in a file; what it holds is for others to check.

    Raises
    ------
    ValueError
        One line naming the file and the fault.
    """
    if path.suffix not in (".csv", ".npy"):
        raise ValueError(f"{path}: its name must end in .csv or .npy")
    try:
        if path.suffix == ".npy":
            with path.open("rb") as file:
                return np.lib.format.read_array(file, allow_pickle=False)
        with path.open(encoding="utf-8-sig") as text, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of an empty file
            matrix = np.loadtxt(text, delimiter=",", ndmin=2)
    except OSError as error:
        raise ValueError(f"{path}: it cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise ValueError(f"{path}: no matrix of numbers: {error}".splitlines()[0]) from None
    if not matrix.size:
        raise ValueError(f"{path}: it is empty")
    return matrix
