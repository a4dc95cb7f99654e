"""The table of claims as Markdown: a row per claim, then every statistic with its rule."""

import re

import numpy as np
import pandas as pd

from scb.claims.verdict import FAMILY, REPORTED, SHOWN

BEGIN, END = "<!-- claims: begin -->", "<!-- claims: end -->"
"""Around the table of verdicts, here and in the README."""

NOTE = f"""\
Each claim is judged by statistics over independent replicates (task seed and stream seed),
paired across optimizers by a common stream. An estimate is a median over replicates with an
exact interval between order statistics, a share with the interval of Clopper and Pearson, or
the exponent of a power law with its bootstrap interval. All intervals below hold together at
{FAMILY:.0%}: each is at confidence {{confidence:.4%}} (Bonferroni). Bootstrap intervals of
exponents are approximate: the longest T have few runs (`transfer.replicates_at` in config.yaml;
*runs* counts those at any T).

A statistic is *shown* if its whole interval lies where its rule says and its estimate goes as
far as the rule asks, *contradicted* if the whole interval lies elsewhere, and *not shown*
otherwise. A claim is *reproduced* if all of its statistics are shown, *partly* if some are,
*not reproduced* if none is, be they contradicted or only not shown; claims of our own (B and
after) are *shown*, *partly* or *not shown*. What is *reported only* decides nothing.

*Positive runs* are those with both signals positive at the end of Stage 1, which is before the
optimizers part. A statistic over them alone is reported over all runs too. A run that diverged
counts as infinitely far. *Normalised* solutions are rounded, with V fitted on the population loss;
that gives P exactly even where A has learnt nothing, so a normalised V decides nothing. "Knowing
nothing" is the start of training, at the distances √K_P and √K_Q from the ground truth."""


def render(claims: pd.DataFrame, figures: str, note: str = NOTE) -> str:
    """The whole document.

    Parameters
    ----------
    claims : DataFrame
        In the columns of `scb.claims.tables.CLAIMS`.
    figures : str
        Where the figures lie, as seen from the document.
    note : str
        How the claims are judged, with a place for ``confidence``.
    """
    note = note.format(confidence=claims["confidence"].iloc[0])
    details = [_details(rows) for _, rows in claims.groupby("id", sort=False)]
    return "\n\n".join(["# Claims", table(claims, figures), "## How they are judged", note,
                        "## Every statistic", *details]) + "\n"  # fmt: skip


def table(claims: pd.DataFrame, figures: str) -> str:
    """The table of verdicts between its markers, a row per claim with its first statistic."""
    lines = [
        BEGIN,
        "| id | claim | first statistic | estimate [interval] | runs | verdict | figure |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, rows in claims.groupby("id", sort=False):
        first, deciding = rows.iloc[0], rows[rows["outcome"] != REPORTED]
        shown = (deciding["outcome"] == SHOWN).sum()
        link = f"[{_short(first['figure'])}]({figures}/{first['figure']}.png)"
        lines.append(
            f"| {name} | {first['claim']} | {first['statistic']} | {_interval(first)} "
            f"| {first['replicates']} | **{first['verdict']}** ({shown} of {len(deciding)}) "
            f"| {link if first['figure'] else ''} |"
        )
    return "\n".join([*lines, END])


def extract(document: str) -> str:
    """The table of verdicts in a document, markers included.

    Raises
    ------
    ValueError
        Unless the document has both markers, once each and in order.
    """
    found = re.findall(f"{BEGIN}.*?{END}", document, re.DOTALL)
    if len(found) != 1 or document.count(BEGIN) != 1 or document.count(END) != 1:
        raise ValueError(f"the document needs {BEGIN} and {END}, once each")
    return str(found[0])


def _details(rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    lines = [
        f"### {first['id']}: {first['verdict']}",
        "",
        first["claim"],
        "",
        "| statistic | estimate [interval] | runs | over all runs | runs | rule | outcome |",
        "|---|---|---|---|---|---|---|",
    ]
    for _, row in rows.iterrows():
        here, everywhere = (
            f"{_interval(row, prefix)} | {row[f'{prefix}replicates']}" for prefix in ("", "all_")
        )
        lines.append(
            f"| {row['statistic']} | {here} "
            f"| {everywhere if everywhere != here else 'same | same'} "
            f"| {row['rule']} | {row['outcome']} |"
        )
    return "\n".join(lines)


def _interval(row: pd.Series, prefix: str = "") -> str:
    """``estimate [low, high]``."""
    estimate, low, high = (_number(row[f"{prefix}{name}"]) for name in ("estimate", "low", "high"))
    return f"{estimate} [{low}, {high}]"


def _number(value: float) -> str:
    """Three digits, or two decimals if that is fewer than the integer part has."""
    if np.isnan(value):
        return "none"
    if np.isinf(value):
        return "∞" if value > 0 else "−∞"
    return f"{value:.3g}".replace("-", "−") if abs(value) < 1000 else f"{value:.0f}"


def _short(figure: str) -> str:
    """``fig1_convergence`` as ``figure 1``, other names in words."""
    number = re.match(r"fig(\d+)_", figure)
    return f"figure {number[1]}" if number else figure.replace("_", " ")
