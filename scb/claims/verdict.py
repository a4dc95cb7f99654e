"""From statistics over replicates to verdicts.

A claim has one or more *parts*: a statistic, and the bar that a reader of the claim's sentence
would ask of it. A part is

- *shown* if its whole interval lies beyond the bar;
- *refuted* if its whole interval falls short of the bar;
- *undecided* otherwise: there are too few replicates.

A claim is *reproduced* if all of its parts are shown. That is an intersection-union test (Berger
1982), so there is no correction within a claim. It is *not reproduced* if one part is refuted, at
the claim's level divided by its number of parts, else *undecided*. Across the claims of a table,
levels are Holm's (1979), and those of our own claims are apart from those of the paper.
docs/verdicts.md tells this at length.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]

FAMILY = 0.05
"""Chance that a table has a false verdict, at most."""

SHOWN, REFUTED, UNDECIDED = "shown", "refuted", "undecided"
REPORTED = "reported only"
"""Outcome of a statistic that has no bar."""
REPRODUCED, NOT_REPRODUCED = "reproduced", "not reproduced"
SMALLER, NOTHING, OTHER_WAY = "the right way, but smaller", "no effect", "the other way"
UNSTABLE = "quarters disagree"

QUARTERS = 4


@dataclass(frozen=True)
class Bar:
    """What the sentence asks of a statistic: to lie strictly beyond a value.

    Attributes
    ----------
    value : float
    beyond : "above" or "below"
        Which side of ``value`` the sentence asks for.
    none : float, optional
        Value of no effect (1 of a ratio, 0 of a difference), not beyond the bar. What is refuted
        is told as *the right way, but smaller*, *no effect* or *the other way* by it.

    Raises
    ------
    ValueError
        If no effect would pass.
    """

    value: float
    beyond: Literal["above", "below"]
    none: float | None = None

    def __post_init__(self) -> None:
        """Refuse a bar that no effect passes."""
        if self.none is not None and self.passed(self.none):
            raise ValueError(f"no effect, {self.none:g}, passes the bar: {self}")

    def passed(self, values: Any) -> Any:
        """Whether values lie beyond the bar, strictly."""
        return values > self.value if self.beyond == "above" else values < self.value

    def detail(self, low: float, high: float) -> str:
        """What an interval that falls short of the bar says of the effect."""
        if self.none is None:
            return ""
        if low <= self.none <= high:
            return NOTHING
        return SMALLER if (low > self.none) == (self.beyond == "above") else OTHER_WAY

    def __str__(self) -> str:
        """In words, as the table has it."""
        return f"{self.beyond} {self.value:g}"


class Estimate(NamedTuple):
    """An estimate with its interval, infinite where the replicates bound nothing."""

    estimate: float
    low: float
    high: float
    replicates: int


class Tails(NamedTuple):
    """One-sided p values at a bar.

    Attributes
    ----------
    beyond : float
        Of the null that the law is at the bar or short of it; small where it lies beyond.
    short : float
        Of the null that the law is beyond the bar; small where it falls short.
    """

    beyond: float
    short: float


class Sample(Protocol):
    """Values of replicates, by which a statistic is estimated: see `scb.claims.samples`.

    Attributes
    ----------
    kind : str
        *median*, *share*, *exponent* or *mean*.
    values : array
        The numbers, flat; of an exponent the counts at ``sizes``, a replicate after the other.
    sizes : array
        Empty but for an exponent.
    replicates : array of int, shape (R,)
        Which replicates.
    """

    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def values(self) -> Array: ...  # noqa: D102
    @property
    def sizes(self) -> Array: ...  # noqa: D102
    @property
    def replicates(self) -> NDArray[np.int64]: ...  # noqa: D102

    def estimate(self, confidence: float) -> Estimate:
        """With the two-sided interval."""

    def tails(self, bar: Bar) -> Tails:
        """P values that agree with the interval: at most ``a / 2`` if it lies there at 1 - a."""

    def select(self, some: NDArray[np.bool_]) -> "Sample":
        """Some of the replicates, such as a quarter."""


@dataclass(frozen=True)
class Part:
    """One statistic of a claim.

    Attributes
    ----------
    statistic : str
        What is measured, exactly, in words and symbols.
    bar : Bar or None
        None for what is reported only.
    over : Sample
        Over the runs that the sentence is about.
    over_all : Sample, optional
        Over all runs, where ``over`` leaves some out.
    section : str
        The section of config.yaml that says how many replicates there are.
    """

    statistic: str
    bar: Bar | None
    over: Sample
    over_all: Sample | None = None
    section: str = ""

    def quarter(self, number: int) -> "Part":
        """The replicates r with r mod 4 = ``number``."""

        def select(sample: Sample) -> Sample:
            return sample.select(sample.replicates % QUARTERS == number)

        return Part(self.statistic, self.bar, select(self.over), section=self.section)


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper and what decides it.

    Attributes
    ----------
    id : str
    sentence : str
    figure : str
        Name of the figure that shows it; empty if there is none.
    parts : sequence of Part
        The first is the one that a short table shows.
    paper : bool
        False for what we found and the paper does not say (B).

    Raises
    ------
    ValueError
        If no part has a bar.
    """

    id: str
    sentence: str
    figure: str
    parts: tuple[Part, ...]
    paper: bool = True

    def __post_init__(self) -> None:
        """Refuse what nothing decides."""
        if not any(part.bar for part in self.parts):
            raise ValueError(f"nothing decides {self.id}: no part has a bar")

    def quarter(self, number: int) -> "Claim":
        """The claim over a quarter of the replicates."""
        parts = tuple(part.quarter(number) for part in self.parts)
        return Claim(self.id, self.sentence, self.figure, parts, self.paper)


class Decision(NamedTuple):
    """What the p values of a claim decide.

    Attributes
    ----------
    verdict : str
    outcomes : list of str
        Of each part.
    level : float
        That Holm gives to the claim.
    """

    verdict: str
    outcomes: list[str]
    level: float


def holm(p_values: Sequence[float], family: float) -> tuple[list[bool], list[float]]:
    """Holm's step-down: which nulls are rejected, and the level that each is compared with.

    The smallest p value is compared with the family's level over their number, the next with that
    over one fewer, and so on. All from the first failure on are kept, at the level of that failure.
    """
    count = len(p_values)
    rejected, levels = [False] * count, [0.0] * count
    failed = None
    for rank, at in enumerate(np.argsort(p_values, kind="stable")):
        level = family / (count - rank) if failed is None else failed
        if p_values[at] > level:
            failed = level
        rejected[at], levels[at] = failed is None, level
    return rejected, levels


def decide(claims: Sequence[Claim], family: float = FAMILY) -> list[Decision]:
    """Verdicts, with Holm's levels among the claims of the paper, and among our own.

    A claim's p value is two-sided: twice the smaller one of *not all parts are beyond their bars*,
    the largest of the parts, and of *all are*, the smallest times the number of parts.
    """
    tails = [[part.over.tails(part.bar) for part in claim.parts if part.bar] for claim in claims]
    p_values = [
        min(1.0, 2 * max(p.beyond for p in parts), 2 * len(parts) * min(p.short for p in parts))
        for parts in tails
    ]
    levels = [0.0] * len(claims)
    for paper in (True, False):
        members = [at for at, claim in enumerate(claims) if claim.paper == paper]
        _, found = holm([p_values[at] for at in members], family)
        for at, level in zip(members, found, strict=True):
            levels[at] = level
    return [
        _decide(claim, parts, level)
        for claim, parts, level in zip(claims, tails, levels, strict=True)
    ]


def _decide(claim: Claim, tails: list[Tails], level: float) -> Decision:
    def outcome(p: Tails) -> str:
        if 2 * p.beyond <= level:
            return SHOWN
        return REFUTED if 2 * len(tails) * p.short <= level else UNDECIDED

    found = iter([outcome(p) for p in tails])
    outcomes = [next(found) if part.bar else REPORTED for part in claim.parts]
    return Decision(_verdict(outcomes), outcomes, level)


def _verdict(outcomes: Sequence[str]) -> str:
    if REFUTED in outcomes:
        return NOT_REPRODUCED
    return UNDECIDED if UNDECIDED in outcomes else REPRODUCED


def judge(claims: Sequence[Claim], family: float = FAMILY) -> pd.DataFrame:
    """Judge claims: a row per part, with the claim's verdict and stability over quarters.

    Quarters are replicates r with r mod 4 = 0, 1, 2, 3, each judged by itself. A statistic that is
    shown in one and refuted in another is undecided; the verdict follows.

    Returns
    -------
    DataFrame
        In the columns of `scb.claims.tables.STATISTICS` but for the setting, and with claim,
        figure, paper, verdict and stable, which are of the claim, and verdict_0 to verdict_3, of
        the quarters.
    """
    quarters = [
        decide([claim.quarter(number) for claim in claims], family) for number in range(QUARTERS)
    ]
    rows: list[dict[str, Any]] = []
    for at, (claim, decision) in enumerate(zip(claims, decide(claims, family), strict=True)):
        verdicts = [quarter[at].verdict for quarter in quarters]
        outcomes = list(zip(*(quarter[at].outcomes for quarter in quarters), strict=True))
        deciding = sum(part.bar is not None for part in claim.parts)
        parts = [
            _row(part, outcome, told, decision.level, deciding)
            for part, outcome, told in zip(claim.parts, decision.outcomes, outcomes, strict=True)
        ]
        verdict = _verdict([row["outcome"] for row in parts])
        of_claim = {
            "id": claim.id,
            "claim": claim.sentence,
            "figure": claim.figure,
            "paper": claim.paper,
            "verdict": verdict,
            "stable": verdict == decision.verdict and not _flips(verdicts),
            **{f"verdict_{number}": told for number, told in enumerate(verdicts)},
        }
        rows += [of_claim | row for row in parts]
    return pd.DataFrame(rows)


def _flips(found: Sequence[str]) -> bool:
    return {SHOWN, REFUTED} <= set(found) or {REPRODUCED, NOT_REPRODUCED} <= set(found)


def _row(
    part: Part, outcome: str, quarters: Sequence[str], level: float, deciding: int
) -> dict[str, Any]:
    """A part's row; its interval is the one that decides.

    That is at the claim's level for what is shown or has no bar, and at the level over the number
    of deciding parts for what is refuted or neither.
    """
    if outcome not in (SHOWN, REPORTED):
        level /= deciding
    found = part.over.estimate(1 - level)
    over_all = (part.over_all or part.over).estimate(1 - level)
    detail = ""
    if _flips(quarters):
        outcome, detail = UNDECIDED, UNSTABLE
    elif outcome == REFUTED and part.bar:
        detail = part.bar.detail(found.low, found.high)
    p = part.over.tails(part.bar) if part.bar else None
    return {
        "statistic": part.statistic,
        "section": part.section,
        "bar": str(part.bar) if part.bar else "",
        **found._asdict(),
        "p_beyond": p.beyond if p else np.nan,
        "p_short": p.short if p else np.nan,
        "outcome": outcome,
        "detail": detail,
        "level": level,
        **{f"all_{name}": value for name, value in over_all._asdict().items()},
        **{f"outcome_{number}": told for number, told in enumerate(quarters)},
        "kind": part.over.kind,
        "bar_value": part.bar.value if part.bar else np.nan,
        "beyond": part.bar.beyond if part.bar else "",
        "values": part.over.values,
        "sizes": part.over.sizes,
    }
