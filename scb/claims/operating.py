"""What each statistic can decide: its operating characteristic at the configured replicates.

*Power* is the chance that it is shown where the claim is true by a margin, or refuted where it is
false by a margin, whichever is less. *Error* is the chance that it is decided the wrong way where
the truth lies at the bar, the worst place. Both are at the level that Holm would give at worst,
that of a table in which nothing else is decided.

The law is the one of the tuning runs, tilted [1]_: runs beyond the bar are made more, or less,
probable until the odds of one are `ODDS` (or `WIDE`) times those at the bar, or as many times less.
Which runs lie beyond is all that a median or a share is judged by, so its chances are binomial, and
exact. For a median with the bar at even odds, odds of 3 mean that three runs of four lie beyond:
the law is shifted by half of its spread, until a quartile is at the bar. For an exponent it is that
of the bootstrap, shifted by `SHIFT`; its width falls with the root of the number of replicates.

.. [1] Efron, *Nonparametric standard errors and confidence intervals*, Canadian Journal of
   Statistics 9, 1981, section 7.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from scb.claims.samples import Exponent
from scb.claims.verdict import FAMILY, Array

Runs = NDArray[np.int64]

ODDS = 3.0
"""Margin of medians and shares: factor of the odds that a run lies beyond the bar."""
WIDE = dict.fromkeys(("C6", "C7", "C10", "K1", "K2", "K3"), 9.0)
"""Wider ones, where a run costs ten times one of figure 1. The paper's words of these runs (*almost
perfectly*, *never*, *very small*) leave more room: nine runs of ten."""
SHIFT = 0.25
"""Margin of exponents."""
POWER, ERROR = 0.9, 0.05
"""What is asked for: at least, and at most."""
MOST = 4096
"""Largest number of runs that is looked at."""


class Tail(NamedTuple):
    """Largest one-sided p values by which a statistic is shown, and by which it is refuted."""

    beyond: float
    short: float


def operating(statistics: pd.DataFrame, replicates: Mapping[str, int]) -> pd.DataFrame:
    """Operating characteristic of each statistic that has a bar.

    Parameters
    ----------
    statistics : DataFrame
        Of tuning runs and not of means, in the columns of `scb.claims.tables.STATISTICS`.
    replicates : mapping of int
        How many are configured, by section.

    Raises
    ------
    ValueError
        If the section of a statistic is not among them.

    Returns
    -------
    DataFrame
        A row per statistic: setting, id, statistic, section, ``replicates`` (configured), ``runs``
        (how many of them the statistic is over, by their share in the tuning runs), ``power``,
        ``error``, ``needed`` (replicates for `POWER` and `ERROR`; NaN if more than `MOST` runs)
        and ``decided``, the chance of an outcome if the law is that of the tuning runs.
    """
    rows = []
    barred = statistics[statistics["bar"] != ""]
    for _, family in barred.groupby(["setting", "paper"], sort=False):
        level = FAMILY / family["id"].nunique()
        for _, parts in family.groupby("id", sort=False):
            tail = Tail(level / 2, level / (2 * len(parts)))
            rows += [_row(part, replicates, tail) for _, part in parts.iterrows()]
    return pd.DataFrame(rows)


def _row(part: pd.Series, replicates: Mapping[str, int], tail: Tail) -> dict[str, Any]:
    if part["section"] not in replicates:
        raise ValueError(
            f"{part['id']}, {part['statistic']}: its section, {part['section'] or 'none'}, says "
            "not how many replicates there are"
        )
    configured = replicates[part["section"]]
    # Of all replicates, those that the statistic is over.
    share = part["replicates"] / max(part["all_replicates"], 1)
    runs = int(configured * share)
    find = _of_exponent if part["kind"] == "exponent" else _of_odds
    found = find(part, runs, tail)
    needed = found["needed"] / share if share else np.nan
    return {
        **part[["setting", "id", "statistic", "section"]],
        "replicates": configured,
        "runs": runs,
        **found,
        "needed": np.ceil(needed),
    }


def binomial(runs: int | Runs, bar: float, truth: float, tail: float) -> Array:
    """Chance of at least so many successes that their p value at ``bar`` is at most ``tail``.

    Parameters
    ----------
    runs : int or array
    bar, truth : float
        Probability of a success, by the null and in truth.
    tail : float
    """
    most = stats.binom.isf(tail, runs, bar)  # the largest count that is not improbable
    return np.asarray(stats.binom.sf(most, runs, truth))


def tilt(share: float, odds: float) -> float:
    """A share with ``odds`` times its odds."""
    return share * odds / (share * odds + 1 - share)


def _of_odds(part: pd.Series, runs: int, tail: Tail) -> dict[str, float]:
    """Of a median or a share; a run beyond the bar is a success."""
    values, odds = np.asarray(part["values"], np.float64), WIDE.get(part["id"], ODDS)
    if part["kind"] == "share":
        bar = part["bar_value"] if part["beyond"] == "above" else 1 - part["bar_value"]
        beyond = values if part["beyond"] == "above" else 1 - values
    else:
        bar = 0.5
        above = part["beyond"] == "above"
        beyond = values > part["bar_value"] if above else values < part["bar_value"]
    # Never quite 0 or 1, as another run may come out otherwise.
    tuned = (beyond.sum() + 0.5) / (len(values) + 1)
    return {
        "power": float(_power(runs, bar, tail, odds)),
        "error": float(
            max(binomial(runs, bar, bar, tail.beyond), binomial(runs, 1 - bar, 1 - bar, tail.short))
        ),
        "needed": _needed(bar, tail, odds),
        "decided": float(
            binomial(runs, bar, tuned, tail.beyond) + binomial(runs, 1 - bar, 1 - tuned, tail.short)
        ),
    }


def _power(runs: int | Runs, bar: float, tail: Tail, odds: float) -> Array:
    shown = binomial(runs, bar, tilt(bar, odds), tail.beyond)
    refuted = binomial(runs, 1 - bar, 1 - tilt(bar, 1 / odds), tail.short)
    return np.minimum(shown, refuted)


@lru_cache
def _needed(bar: float, tail: Tail, odds: float) -> float:
    """Number of runs from which on the power is enough: it does not grow with each run."""
    enough = _power(np.arange(1, MOST + 1, dtype=np.int64), bar, tail, odds) >= POWER
    short = np.flatnonzero(~enough)
    last = short[-1] + 1 if len(short) else 0  # runs are counted from 1
    return float(last + 1) if last < MOST else np.nan


def _of_exponent(part: pd.Series, runs: int, tail: Tail) -> dict[str, float]:
    """Of an exponent: the bootstrap's law around it, narrowed to ``runs``."""
    sizes = np.asarray(part["sizes"], np.float64)
    counts = np.asarray(part["values"], np.float64).reshape(-1, len(sizes))
    sample = Exponent(sizes, counts)
    if not sample.known or not np.isfinite(sample.bounds).all():
        return dict.fromkeys(("power", "error", "decided"), 0.0) | {"needed": np.nan}
    law = np.mean(sample.bounds, axis=0)
    centre = float(np.median(law))
    sign = 1 if part["beyond"] == "above" else -1
    away = sign * (law - centre)

    def chances(runs: float, truth: float) -> tuple[float, float]:
        """Of *shown* and *refuted* where the truth lies so far beyond the bar."""
        scale = np.sqrt(len(counts) / runs)
        # The bound of an estimate is as far from it as that of the tuning runs is from theirs.
        beyond = truth + scale * away + scale * np.quantile(away, tail.beyond) > 0
        short = truth + scale * away + scale * np.quantile(away, 1 - tail.short) < 0
        return float(beyond.mean()), float(short.mean())

    def power(runs: float) -> float:
        return min(chances(runs, SHIFT)[0], chances(runs, -SHIFT)[1])

    candidates = np.unique(np.geomspace(1, MOST, 200).astype(int))
    enough = [count for count in candidates if power(float(count)) >= POWER]
    effect = sign * (centre - part["bar_value"])
    runs = max(runs, 1)
    return {
        "power": power(runs),
        "error": max(chances(runs, 0.0)),
        "needed": float(enough[0]) if enough else np.nan,
        "decided": sum(chances(runs, effect)),
    }


def rows(table: pd.DataFrame) -> str:
    """The rows of `operating` as a table of Markdown."""
    head = ("setting", "claim", "statistic", "replicates", "runs", "power", "error", "needed")
    lines = [f"| {' | '.join(head)} | decided |", "|---" * (len(head) + 1) + "|"]
    for _, row in table.iterrows():
        needed = f"over {MOST}" if np.isnan(row["needed"]) else f"{row['needed']:.0f}"
        chances = " | ".join(f"{row[name]:.3f}" for name in ("power", "error"))
        lines.append(
            f"| {row['setting']} | {row['id']} | {row['statistic']} | {row['replicates']} "
            f"| {row['runs']} | {chances} | {needed} | {row['decided']:.0%} |"
        )
    return "\n".join(lines)


def markdown(table: pd.DataFrame) -> str:
    """The table of `operating` as a page of the documentation."""
    wide = [claim for claim in WIDE if claim in {*table["id"]}]
    lines = [
        "# What each statistic can decide",
        "",
        "Written by `python -m workflow.gallery` from runs on the tuning seed "
        "(`docs/tuning/statistics.parquet`).",
        "",
        "*Power* is the chance that a statistic is shown where the claim is true by a margin, or "
        "refuted where it is false by a margin, whichever is less. It is to be at least "
        f"{POWER:.0%}. *Error* is the chance that a statistic is decided the wrong way where the "
        f"truth lies at its bar. It is to be at most {ERROR:.0%}. Both are at the least level that "
        "Holm can give. *Needed* is the number of replicates from which on the power is enough.",
        "",
        f"The margin is one of odds. The odds that a run lies beyond the bar are {ODDS:g} times "
        f"those at the bar where the claim is true, and 1/{ODDS:g} of them where it is false. "
        "For a median, three runs of four then lie beyond the bar, or one of four: a quartile of "
        f"the law is at the bar. For {', '.join(wide)}, whose runs cost most, the factor is "
        f"{next(iter(WIDE.values())):g}: nine runs of ten lie beyond, or one of ten. Exponents are "
        f"off by {SHIFT:g}. *Runs* estimates how many of the configured replicates the statistic "
        "is over (such as the positive ones), from their share in the tuning runs. *Decided* is "
        "the chance that the statistic is not undecided if the law is that of the tuning runs.",
        "",
        rows(table),
    ]
    return "\n".join(lines) + "\n"
