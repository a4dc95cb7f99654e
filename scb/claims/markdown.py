"""The table of claims as Markdown: a row per claim, then every statistic with its bar."""

import re

import numpy as np
import pandas as pd

from scb.claims.tables import BEST, CHANGED, PRINTED
from scb.claims.verdict import (
    FAMILY,
    NOT_REPRODUCED,
    REFUTED,
    REPORTED,
    REPRODUCED,
    SHOWN,
    UNDECIDED,
)

COLUMNS = {PRINTED: "as printed", BEST: "at its best", CHANGED: "with a stated value changed"}
"""Settings, as columns."""

INTERVALS = """\
A statistic has one bar: what a reader would ask of it, given the claim's sentence. It is *shown*
if its whole interval lies beyond the bar, *refuted* if its whole interval falls short of it, and
*undecided* otherwise. A refuted statistic is *the right way, but smaller*, *no effect* or *the
other way*. A claim is *reproduced* if all of its statistics are shown, *not reproduced* if one is
refuted, and *undecided* otherwise. What is *reported only* decides nothing."""

LEVELS = f"""\
A false verdict is somewhere in a column with a probability of at most {FAMILY:.0%}. For that,
levels are Holm's across the claims of the paper, and apart from them across our own (B). Within a
claim all statistics must be shown, so this needs no correction; each refutes at the claim's level
over the number of its statistics. Intervals below are the ones that decide, each at its own level.

*Stable* tells whether quarters of the runs, each judged by itself, contradict each other: if a
statistic is shown in one quarter and refuted in another, it is undecided."""

NOTE = f"""\
Statistics are over independent replicates (task seed and stream seed), which optimizers share, so
that they are compared in pairs. They are medians with exact intervals between order statistics,
shares of runs with those of Clopper and Pearson, and exponents of power laws with bootstrap
intervals, which are approximate.

{INTERVALS}

{LEVELS}

*As printed* takes what the paper states as stated, and reads what it leaves open by our default.
*At its best* chooses what it leaves open in favour of the claim, on runs of another seed. *With a
stated value changed* asks where the paper's picture would appear. *Across
readings* judges C1 to C5 under every combination of the readings of figure 1: the shares of
combinations in which the claim is reproduced, not reproduced and undecided, and the choice that
decides. Each combination has few runs, and too few of them ever to show C5. `docs/verdicts.md` in
the repository says why verdicts are made like this.

*Positive runs* have both signals positive at the end of Stage 1, which is before the optimizers
part. A statistic over them alone is given over all runs too. A run that diverged counts as
infinitely far, and its signals as minus infinity: an estimate of 0 or of infinity says that most
runs of one optimizer diverged."""


def render(claims: pd.DataFrame, statistics: pd.DataFrame, figures: str, note: str) -> str:
    """The whole document.

    Parameters
    ----------
    claims, statistics : DataFrame
        In the columns of `scb.claims.tables.CLAIMS` and `scb.claims.tables.STATISTICS`.
    figures : str
        Where the figures lie, as seen from the document.
    note : str
        How the claims are judged, such as `note_of`.
    """
    details = [
        _details(claim, rows) for claim, rows in _by_claim(claims, statistics) if not rows.empty
    ]
    parts = ["# Claims", table(claims, figures), "## How they are judged", note]
    return "\n\n".join([*parts, "## Every statistic", *details]) + "\n"


def note_of(fixed: str | None) -> str:
    """How the claims of the paper are judged, and at which commit that was fixed, if it was."""
    return f"{NOTE}\n\n{fixed_at('Rules, readings and numbers of replicates', fixed)}"


def fixed_at(chosen: str, fixed: str | None, used: str = "used") -> str:
    """At which commit it was fixed what was ``chosen``, if it was."""
    if fixed is None:
        return f"{chosen} are not fixed yet."
    return (
        f"{chosen} were fixed at commit `{fixed}`, before the seed of these runs was first {used}."
    )


def table(claims: pd.DataFrame, figures: str) -> str:
    """The table of verdicts, a row per claim."""
    head = ["id", "claim", *COLUMNS.values(), "across readings", "stable", "bar", "figure"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for _, row in claims.iterrows():
        cells = [
            row["id"],
            row["claim"],
            *(_verdict(row, setting) for setting in COLUMNS),
            _across(row),
            "yes" if row["stable"] else "**no**",
            f"{row['statistic']}: {row['bar']}",
            link(row["figure"], figures),
        ]
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    return "\n".join(lines)


def link(figure: str, figures: str) -> str:
    """A link to a figure in a folder, if there is one."""
    return f"[{_short(figure)}]({figures}/{figure}.png)" if figure else ""


def word(claim: pd.Series, verdict: str) -> str:
    """A verdict; of our own claims nothing is reproduced."""
    own = {REPRODUCED: SHOWN, NOT_REPRODUCED: REFUTED}
    return verdict if claim["paper"] else own.get(verdict, verdict)


def interval(row: pd.Series, prefix: str = "") -> str:
    """``estimate [low, high]`` of a statistic, or with the prefix ``all_`` of all its runs."""
    estimate, low, high = (_number(row[f"{prefix}{name}"]) for name in ("estimate", "low", "high"))
    return f"{estimate} [{low}, {high}]"


def _by_claim(
    claims: pd.DataFrame, statistics: pd.DataFrame
) -> list[tuple[pd.Series, pd.DataFrame]]:
    """Each claim with its statistics."""
    return [(claim, statistics[statistics["id"] == claim["id"]]) for _, claim in claims.iterrows()]


def _verdict(row: pd.Series, setting: str) -> str:
    """A claim's verdict at a setting, with what came of its statistics."""
    if pd.isna(row[setting]):
        return ""
    said = f" ({row[f'{setting}_said']})" if row[f"{setting}_said"] else ""
    return f"**{word(row, row[setting])}**{said}: {row[f'{setting}_outcomes']}"


def _across(row: pd.Series) -> str:
    """Shares of the readings, and the dimension that decides."""
    if pd.isna(row[SHOWN]):
        return ""
    shares = zip((SHOWN, REFUTED, UNDECIDED), ("reproduced", "not", "undecided"), strict=True)
    told = ", ".join(f"{row[name]:.0%} {words}" for name, words in shares)
    return f"{told}; {row['dimension']}" if row["dimension"] else told


def _details(claim: pd.Series, rows: pd.DataFrame) -> str:
    told = []
    for setting, words in COLUMNS.items():
        of_it = rows[rows["setting"] == setting]
        if not of_it.empty:
            told += ["", _heading(claim, setting, words.capitalize()), "", *_statistics(of_it)]
    return "\n".join([f"### {claim['id']}", "", claim["claim"], *told])


def _heading(claim: pd.Series, setting: str, words: str) -> str:
    quarters = claim[f"{setting}_quarters"].split("; ")
    alike = quarters.count(claim[setting])
    against = sum(other not in (claim[setting], UNDECIDED) for other in quarters)
    rest = f", {against} against" if against and claim[setting] != UNDECIDED else ""
    said = f", {claim[f'{setting}_said']}" if claim[f"{setting}_said"] else ""
    agree = f"of {len(quarters)} quarters {alike} say so{rest}"
    return f"{words}{said}: **{word(claim, claim[setting])}** ({agree})."


def _statistics(rows: pd.DataFrame) -> list[str]:
    estimate = "estimate [interval] | runs"
    lines = [
        f"| statistic | {estimate} | over all runs | runs | bar | outcome | quarters |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for _, row in rows.iterrows():
        here, everywhere = (
            (interval(row, prefix), str(row[f"{prefix}replicates"])) for prefix in ("", "all_")
        )
        judged = row["outcome"] != REPORTED
        outcome = row["outcome"] + (f": {row['detail']}" if row["detail"] else "")
        cells = [
            row["statistic"],
            *here,
            *(everywhere if everywhere != here else ("same", "same")),
            row["bar"] or "none",
            outcome,
            _quarters([row[f"outcome_{number}"] for number in range(4)]) if judged else "",
        ]
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    return lines


def _quarters(outcomes: list[str]) -> str:
    """*3 shown, 1 undecided*."""
    counts = {outcome: outcomes.count(outcome) for outcome in (SHOWN, REFUTED, UNDECIDED)}
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count)


def _number(value: float) -> str:
    """Three digits, or as many as the integer part has if these are more."""
    if np.isnan(value):
        return "none"
    if np.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.3g}".replace("-", "−") if abs(value) < 1000 else f"{value:.0f}"


def _cell(text: str) -> str:
    r"""A table's cell: GFM takes ``\|`` for a bar, which would make norms absolute values.

    Within a formula every other ``\|`` opens a norm.
    """

    def norms(formula: re.Match[str]) -> str:
        pieces = formula[0].split(r"\|")
        ends = [r"\rVert" if place % 2 else r"\lVert " for place in range(len(pieces) - 1)]
        return "".join(piece + end for piece, end in zip(pieces, [*ends, ""], strict=True))

    return re.sub(r"\$[^$]*\$", norms, text)


def _short(figure: str) -> str:
    """``fig1_convergence`` as ``figure 1``, other names in words."""
    number = re.match(r"fig(\d+)_", figure)
    return f"figure {number[1]}" if number else figure.replace("_", " ")
