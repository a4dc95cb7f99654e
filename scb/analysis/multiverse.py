"""The table of universes: what is shown in which share of them, and what decides.

Each universe weighs the same. That is no probability of anything: a share says how much of a claim
hangs on what the paper leaves open.
"""

from itertools import combinations
from typing import NamedTuple

import pandas as pd

from scb.analysis.readings import READINGS

CLAIMS = ("C1", "C2", "C3", "C4", "C5")
"""The claims that are judged in every universe."""

OUTCOMES = ("shown", "refuted", "undecided")

OBSERVATIONS = {
    "ahead": "proximal is clearly ahead: median |A-Q| over SGD's below 0.9",
    "close": "its star is close: median normalised |A-Q| below 0.1 sqrt(K_Q)",
    "similar": "its similarity is close to 1: median cos(A, Q) above 0.9 at the last step",
    "signal": "signals are near 0.1 at step 400: their median mean within a factor of 2",
    "struggles": "SGD struggles: median |Delta_A| above its signal, |alpha_A| sqrt(K_Q)",
}
"""What the paper reports of its own figures 1, 3 and 4, as a column each says of a universe. All
are of the runs that end Stage 1 with positive signals."""


class Across(NamedTuple):
    """A claim across readings.

    Attributes
    ----------
    shares : dict
        Of universes, by outcome: shown, refuted, undecided.
    dimension : str
        The one whose options differ most in the share that is shown, or, where none is shown, in
        the share that is refuted. Empty if no dimension makes any difference.
    by_option : dict
        The three shares at each option of that dimension, in the order of the readings.
    """

    shares: dict[str, float]
    dimension: str
    by_option: dict[str, dict[str, float]]


def shares(outcomes: pd.Series) -> dict[str, float]:
    """Share of each outcome."""
    return {outcome: float((outcomes == outcome).mean()) for outcome in OUTCOMES}


def by_option(table: pd.DataFrame, claim: str, dimension: str) -> dict[str, dict[str, float]]:
    """Shares of the outcomes of a claim at each option of a dimension."""
    known = next(one.names for one in READINGS if one.name == dimension)
    groups = dict(list(table.groupby(dimension)[claim]))
    return {option: shares(groups[option]) for option in known if option in groups}


def across(table: pd.DataFrame, claim: str) -> Across:
    """A claim across readings: shares, and the dimension that decides.

    Parameters
    ----------
    table : DataFrame
        In the columns of `scb.analysis.tables.MULTIVERSE`.
    claim : str
        Of `CLAIMS`.
    """
    options = {one.name: by_option(table, claim, one.name) for one in READINGS}

    def spread(dimension: str) -> tuple[float, float]:
        found = options[dimension].values()
        by = {outcome: [option[outcome] for option in found] for outcome in OUTCOMES}
        return tuple(max(by[name]) - min(by[name]) for name in ("shown", "refuted"))  # type: ignore[return-value]

    decides = max(options, key=spread)
    if spread(decides) == (0, 0):
        return Across(shares(table[claim]), "", {})
    return Across(shares(table[claim]), decides, options[decides])


def together(table: pd.DataFrame) -> pd.DataFrame:
    """Which observations are met together, a row for each set of them that is: most of them first.

    Returns
    -------
    DataFrame
        A column for each of `OBSERVATIONS`, and ``universes``, how many meet these and no others.
    """
    names = list(OBSERVATIONS)
    counted = table.groupby(names, as_index=False).size().rename(columns={"size": "universes"})
    met = counted[names].sum(axis=1)
    order = counted.assign(met=met).sort_values(["met", "universes"], ascending=False)
    return order.drop(columns="met").reset_index(drop=True)


def never_together(table: pd.DataFrame) -> list[tuple[str, ...]]:
    """The smallest sets of observations that no universe meets together."""
    found: list[tuple[str, ...]] = []
    for size in range(1, len(OBSERVATIONS) + 1):
        for names in combinations(OBSERVATIONS, size):
            if any(set(known) <= set(names) for known in found):
                continue
            if not table[list(names)].all(axis=1).any():
                found.append(names)
    return found


def markdown(table: pd.DataFrame) -> str:
    """What the universes say, as two tables: claims with what decides, and observations."""
    lines = ["| claim | shown | refuted | undecided | decided most by | shown (refuted) at each |"]
    lines.append("|---" * 6 + "|")
    for claim in CLAIMS:
        found = across(table, claim)
        each = ", ".join(
            f"{name} {option['shown']:.0%} ({option['refuted']:.0%})"
            for name, option in found.by_option.items()
        )
        cells = [claim, *(f"{found.shares[outcome]:.1%}" for outcome in OUTCOMES)]
        lines.append(f"| {' | '.join([*cells, found.dimension, each])} |")
    lines += ["", f"| {' | '.join(OBSERVATIONS)} | universes |"]
    lines.append("|---" * (len(OBSERVATIONS) + 1) + "|")
    for _, row in together(table).iterrows():
        met = ["met" if row[name] else "" for name in OBSERVATIONS]
        lines.append(f"| {' | '.join(met)} | {row['universes']} |")
    sets = "; ".join(", ".join(names) for names in never_together(table))
    lines += ["", f"The smallest sets that none of the {len(table)} universes meets: {sets}."]
    return "\n".join(lines)
