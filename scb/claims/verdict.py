"""From statistics over replicates to verdicts.

A claim has one or more *parts*, each a statistic with the rule that it must meet. The
statistic is an estimate with an interval; the intervals of all statistics of a table hold
together at 95%, by Bonferroni. A part is

- *shown* if its whole interval lies where the claim puts it, and the estimate goes as far
  as the rule asks, so that neither chance nor a trifle decides;
- *contradicted* if the whole interval lies elsewhere;
- *not shown* otherwise, too few replicates included.

A claim is reproduced if all of its deciding parts are shown, partly if some are, and not
reproduced if none is, be they contradicted or not: the outcomes say which.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from scb.analysis.runs import Array
from scb.analysis.scaling import fit_power_law

FAMILY = 0.95
"""Confidence that all intervals of one table hold at once."""

SHOWN, NOT_SHOWN, CONTRADICTED = "shown", "not shown", "contradicted"
REPORTED = "reported only"
"""Outcome of a statistic that has no rule."""


class Estimate(NamedTuple):
    """An estimate with its interval, infinite where the replicates bound nothing."""

    estimate: float
    low: float
    high: float
    replicates: int


Statistic = Callable[[float], Estimate]
"""The estimate at a confidence."""


def median(values: ArrayLike) -> Statistic:
    """Median over replicates, with the interval between two order statistics.

    The interval is exact for any law of the replicates (`scipy.stats.quantile_test`), and
    infinite values of diverged runs count like any other.

    Raises
    ------
    ValueError
        If a value is not a number.
    """
    sample = np.asarray(values, dtype=np.float64)
    if np.isnan(sample).any():
        raise ValueError("a replicate's value is not a number")

    def estimate(confidence: float) -> Estimate:
        if not len(sample):
            return Estimate(np.nan, -np.inf, np.inf, 0)
        with np.errstate(invalid="ignore"):
            middle = float(np.median(sample))
        interval = stats.quantile_test(sample, p=0.5).confidence_interval(confidence)
        # scipy answers nan where there are too few values for a bound.
        low = -np.inf if np.isnan(interval.low) else float(interval.low)
        high = np.inf if np.isnan(interval.high) else float(interval.high)
        return Estimate(middle, low, high, len(sample))

    return estimate


def share(flags: ArrayLike) -> Statistic:
    """Share of replicates with a property, with the interval of Clopper and Pearson."""
    found = np.asarray(flags, dtype=bool)

    def estimate(confidence: float) -> Estimate:
        count, total = int(found.sum()), len(found)
        if not total:
            return Estimate(np.nan, 0.0, 1.0, 0)
        interval = stats.binomtest(count, total).proportion_ci(confidence, method="exact")
        return Estimate(count / total, float(interval.low), float(interval.high), total)

    return estimate


def exponent(sizes: Array, counts: Array) -> Statistic:
    """Exponent of the power law of median counts, with its bootstrap interval.

    Parameters
    ----------
    sizes : array, shape (S,)
    counts : array, shape (R, S)
        Infinite where censored, NaN where not run (`scb.analysis.scaling.fit_power_law`). All R are
        counted as the runs, though a size may have fewer.
    """

    def estimate(confidence: float) -> Estimate:
        # Enough resamples for a tail that thin.
        resamples = int(np.ceil(10 / (1 - confidence)))
        law = fit_power_law(sizes, counts, level=confidence, resamples=resamples)
        return Estimate(law.exponent, law.low, law.high, len(counts))

    return estimate


@dataclass(frozen=True)
class Rule:
    """Where the interval of a shown part lies.

    Attributes
    ----------
    above, below : float
        The interval must lie strictly between them.
    reach : float, optional
        The estimate must lie at this value or beyond, away from the bound: at least this
        if only ``above`` is set, at most this if only ``below`` is.
    """

    above: float = -np.inf
    below: float = np.inf
    reach: float | None = None

    def __post_init__(self) -> None:
        """Refuse bounds that nothing meets, and a reach without a side."""
        if not self.above < self.below:
            raise ValueError(f"no interval lies above {self.above} and below {self.below}")
        if self.reach is not None and np.isfinite(self.above) == np.isfinite(self.below):
            raise ValueError("reach needs one bound, above or below")

    def outcome(self, found: Estimate) -> str:
        """`SHOWN`, `NOT_SHOWN` or `CONTRADICTED`."""
        lower, upper = np.isfinite(self.above), np.isfinite(self.below)
        if (lower and found.high <= self.above) or (upper and found.low >= self.below):
            return CONTRADICTED
        inside = not ((lower and found.low <= self.above) or (upper and found.high >= self.below))
        return SHOWN if inside and self._reached(found.estimate) else NOT_SHOWN

    def _reached(self, estimate: float) -> bool:
        if self.reach is None:
            return True
        return estimate >= self.reach if np.isfinite(self.above) else estimate <= self.reach

    def __str__(self) -> str:
        """The rule in words, as the table has it."""
        if np.isfinite(self.above) and np.isfinite(self.below):
            return f"interval between {self.above:g} and {self.below:g}"
        if np.isfinite(self.above):
            words, bound, least = "above", self.above, "at least"
        else:
            words, bound, least = "below", self.below, "at most"
        reach = "" if self.reach is None else f" and estimate {least} {self.reach:g}"
        return f"interval {words} {bound:g}{reach}"


@dataclass(frozen=True)
class Part:
    """One statistic of a claim.

    Attributes
    ----------
    statistic : str
        What is measured, exactly.
    rule : Rule, optional
        None for what is reported only, and decides nothing.
    over : Statistic
        Over the replicates that decide.
    over_all : Statistic, optional
        Over all replicates, where ``over`` leaves some out.
    """

    statistic: str
    rule: Rule | None
    over: Statistic
    over_all: Statistic | None = None

    @property
    def intervals(self) -> int:
        """How many intervals it adds to the table."""
        return 1 + (self.over_all is not None)


@dataclass(frozen=True)
class Claim:
    """A sentence and what decides it.

    Attributes
    ----------
    id : str
    sentence : str
    figure : str
        Name of the figure that shows it; empty if there is none.
    parts : sequence of Part
        The first is the one that a short table shows.
    paper : bool
        False for what we found and the paper does not say.
    """

    id: str
    sentence: str
    figure: str
    parts: Sequence[Part]
    paper: bool = True

    def verdict(self, outcomes: Sequence[str]) -> str:
        """The verdict, from the outcome of each part."""
        deciding = [outcome for outcome in outcomes if outcome != REPORTED]
        shown = deciding.count(SHOWN)
        if not shown:
            return "not reproduced" if self.paper else "not shown"
        if shown < len(deciding):
            return "partly"
        return "reproduced" if self.paper else "shown"


def judge(claims: Sequence[Claim], intervals: int | None = None) -> pd.DataFrame:
    """Judge claims: a row per part, in the columns of `scb.claims.tables.CLAIMS`.

    Parameters
    ----------
    claims : sequence of Claim
    intervals : int, optional
        Number of intervals that are to hold together; those of ``claims`` unless they are
        only a part of a larger table.
    """
    intervals = intervals or count_intervals(claims)
    confidence = 1 - (1 - FAMILY) / intervals
    rows = []
    for claim in claims:
        outcomes = []
        for part in claim.parts:
            found = part.over(confidence)
            outcomes.append(part.rule.outcome(found) if part.rule else REPORTED)
            over_all = (part.over_all or part.over)(confidence)
            rows.append(
                {
                    "id": claim.id,
                    "claim": claim.sentence,
                    "statistic": part.statistic,
                    **found._asdict(),
                    **{f"all_{name}": value for name, value in over_all._asdict().items()},
                    "rule": str(part.rule) if part.rule else "decides nothing",
                    "outcome": outcomes[-1],
                    "figure": claim.figure,
                    "confidence": confidence,
                }
            )
        for row in rows[-len(outcomes) :]:
            row["verdict"] = claim.verdict(outcomes)
    return pd.DataFrame(rows)


def count_intervals(claims: Sequence[Claim]) -> int:
    """How many intervals the claims' statistics have."""
    return sum(part.intervals for claim in claims for part in claim.parts)
