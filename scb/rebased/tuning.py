"""Which learning rate each kernel is judged at, by validation on the tuning seed.

The rule was written before any rate was tried at these settings. The test split has no part in it.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from scb.rebased.results import LINEAR, Recalled

RULE = (
    "the rate with the best validation accuracy at the end, a mean over runs and then over the "
    "settings that have the kernel; of equal ones that of fewer steps; of the linear kernels the "
    "one that is then better is judged"
)


def worth(found: Mapping[str, Recalled], kernel: str) -> pd.DataFrame:
    """Mean validation accuracy and mean step at the end, by rate, from small to large.

    Means of settings have equal weights.

    Raises
    ------
    ValueError
        If no setting has the kernel.
    """
    of_setting = [
        one.ends[one.ends["kernel"] == kernel]
        .groupby("rate")[["validation_accuracy", "step"]]
        .mean()
        for one in found.values()
        if kernel in one.kernels
    ]
    if not of_setting:
        raise ValueError(f"no setting has the kernel {kernel!r}")
    return pd.concat(of_setting).groupby(level="rate").mean()


def best(table: pd.DataFrame) -> float:
    """The rate that the rule chooses by a table of `worth`."""
    ordered = table.sort_values(["validation_accuracy", "step"], ascending=[False, True])
    return float(ordered.index[0])


def choose(found: Mapping[str, Recalled]) -> dict[str, float]:
    """The rate of each kernel that is judged: all but the worse linear one."""
    kernels = list(dict.fromkeys(kernel for one in found.values() for kernel in one.kernels))
    of_kernel = {kernel: worth(found, kernel) for kernel in kernels}
    linear = [kernel for kernel in kernels if kernel in LINEAR]
    linear.sort(key=lambda kernel: of_kernel[kernel]["validation_accuracy"].max())
    judged = [kernel for kernel in kernels if kernel not in linear[:-1]]
    return {kernel: best(of_kernel[kernel]) for kernel in judged}


def at_the_edge(found: Mapping[str, Recalled], rates: Mapping[str, float]) -> list[str]:
    """The kernels whose rate is the least or the largest that was tried: others may be better."""
    return [kernel for kernel, rate in rates.items() if rate in worth(found, kernel).index[[0, -1]]]


def accuracies(one: Recalled) -> dict[str, dict[float, float]]:
    """Mean validation accuracy by kernel and rate in one setting."""
    return {
        kernel: worth({"": one}, kernel)["validation_accuracy"].round(4).to_dict()
        for kernel in one.kernels
    }


def tell(
    seed: int, found: Mapping[str, Recalled], readings: Mapping[str, Recalled]
) -> dict[str, Any]:
    """All that was chosen and by what, for people to read.

    Parameters
    ----------
    seed : int
    found : mapping of Recalled
        By setting; rates are chosen by these.
    readings : mapping of Recalled
        Settings that choose nothing.
    """
    rates = choose(found)
    return {
        "seed": seed,
        "rule": RULE,
        "rates": rates,
        "at_the_edge": at_the_edge(found, rates),
        "accuracies": {name: accuracies(one) for name, one in found.items()},
        "readings": {name: accuracies(one) for name, one in readings.items()},
    }
