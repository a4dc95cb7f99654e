"""The tables of this room, and how they follow from what was judged."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa

from scb.claims.verdict import REFUTED, REPORTED, SHOWN, UNDECIDED
from scb.store.tables import Column, schema_of

PRINTED, BEST, CHANGED = SETTINGS = "printed", "best", "changed"
"""Settings at which claims are judged: as the paper states them, at the best of the values that it
leaves open, and with a stated value changed."""

JUDGED = {
    "claims": "statistics",
    "rebased_claims": "rebased_statistics",
    "language_claims": "language_statistics",
}
"""Tables of claims, those of the second paper's two halves too, and those of their statistics."""

_SAID = {
    PRINTED: "as printed",
    BEST: "at the best of what the paper leaves open",
    CHANGED: "with a stated value changed",
}

ESTIMATE = {
    "estimate": Column(pa.float64(), "its value over replicates; null if there are none"),
    "low": Column(pa.float64(), "lower end of its interval"),
    "high": Column(pa.float64(), "its upper end"),
    "replicates": Column(pa.int32(), "how many replicates it is over", "$R$", "replicates"),
}
"""Of a statistic."""


def _prefixed(prefix: str, said: str) -> dict[str, Column]:
    return {
        f"{prefix}_{name}": column._replace(meaning=f"{column.meaning}, {said}")
        for name, column in ESTIMATE.items()
    }


STATISTICS = schema_of(
    {
        "setting": Column(pa.string(), f"at which it is judged: {', '.join(map(repr, SETTINGS))}"),
        "id": Column(pa.string(), "the claim"),
        "paper": Column(pa.bool_(), "whether the paper claims it; else we do"),
        "statistic": Column(pa.string(), "the statistic, in words"),
        "section": Column(pa.string(), "section of config.yaml that its runs are of"),
        "bar": Column(pa.string(), "what it must be, in words; empty if it is reported only"),
        **ESTIMATE,
        "p_beyond": Column(
            pa.float64(), "one-sided p-value, small where it lies beyond the bar; null without one"
        ),
        "p_short": Column(pa.float64(), "the same, small where it falls short; null likewise"),
        "outcome": Column(pa.string(), "shown, refuted, undecided or reported"),
        "detail": Column(
            pa.string(), "of a refuted one, what the effect is; or that quarters disagree"
        ),
        "level": Column(pa.float64(), "the interval holds with probability 1 - level"),
        **_prefixed("all", "of all runs, whatever their signals"),
        **{
            f"outcome_{number}": Column(
                pa.string(), f"outcome over the replicates r with r mod 4 = {number}"
            )
            for number in range(4)
        },
        "kind": Column(pa.string(), "what is estimated of the values, by `scb.claims.samples`"),
        "bar_value": Column(pa.float64(), "the bar as a number; null if there is none"),
        "beyond": Column(pa.string(), "on which side of the bar it must be"),
        "values": Column(
            pa.list_(pa.float64()), "what is estimated of, by replicate and size", "", "(R S,)"
        ),
        "sizes": Column(
            pa.list_(pa.float64()),
            "of an exponent, the sizes that its values are counts at; else empty",
        ),
    },
    ("estimate", "p_beyond", "p_short", "all_estimate", "bar_value"),
)  # fmt: skip
"""One row per statistic of a claim and setting; `scb.claims.operating` reads the last five."""

CLAIMS = schema_of(
    {
        "id": Column(pa.string(), "the claim"),
        "claim": Column(pa.string(), "its sentence"),
        "figure": Column(pa.string(), "the figure that shows it"),
        "paper": Column(pa.bool_(), "whether the paper claims it; else we do"),
        **{
            f"{setting}{name}": Column(pa.string(), f"{meaning}, {said}{gap}")
            for setting, said in _SAID.items()
            for gap in ["" if setting == PRINTED else "; null where it is not judged so"]
            for name, meaning in {
                "": "verdict",
                "_said": "what differs from what is printed, in words",
                "_outcomes": "how many statistics are shown, refuted, undecided, in words",
                "_quarters": "verdicts of the quarters, separated by semicolons",
            }.items()
        },
        "stable": Column(pa.bool_(), "whether no verdict flips among quarters"),
        SHOWN: Column(pa.float64(), "share of the readings that show it; null if none is judged"),
        REFUTED: Column(pa.float64(), "share that refute it; null likewise"),
        UNDECIDED: Column(pa.float64(), "share that leave it undecided; null likewise"),
        "dimension": Column(
            pa.string(), "the dimension of the readings that decides, in words; null likewise"
        ),
        "bar": Column(pa.string(), "bar of the first statistic, in words"),
        "statistic": Column(pa.string(), "the first statistic"),
        **{
            name: column
            for setting, said in _SAID.items()
            for name, column in _prefixed(setting, said).items()
        },
    },
    (
        *(
            f"{setting}{name}"
            for setting in (BEST, CHANGED)
            for name in ("", *(f"_{name}" for name in ("said", "outcomes", "quarters", *ESTIMATE)))
        ),
        *(SHOWN, REFUTED, UNDECIDED, "dimension"),
        f"{PRINTED}_estimate",
    ),
)  # fmt: skip
"""One row per claim."""


class Across(NamedTuple):
    """How a claim fares across readings: shares of the readings, and the dimension that decides."""

    shown: float
    refuted: float
    undecided: float
    dimension: str


def tabulate(judged: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """All statistics, in the columns of `STATISTICS`.

    Parameters
    ----------
    judged : mapping of DataFrame
        Of `scb.claims.verdict.judge`, by setting.
    """
    both = pd.concat([frame.assign(setting=setting) for setting, frame in judged.items()])
    return both[STATISTICS.names].reset_index(drop=True)


def summarise(
    judged: Mapping[str, pd.DataFrame],
    across: Mapping[str, Across],
    said: Mapping[tuple[str, str], str] | None = None,
) -> pd.DataFrame:
    """A row per claim, in the columns of `CLAIMS`.

    Parameters
    ----------
    judged : mapping of DataFrame
        Of `scb.claims.verdict.judge`, by setting; `PRINTED` is among them.
    across : mapping of Across
        By the id of the claim.
    said : mapping of str, optional
        By setting and id, what differs from what is printed.
    """
    said = said or {}
    rows: dict[str, dict[str, Any]] = {}
    for name, parts in judged[PRINTED].groupby("id", sort=False):
        first = parts.iloc[0]
        rows[str(name)] = {
            **first[["id", "claim", "figure", "paper", "bar", "statistic", "stable"]],
            **(across[str(name)]._asdict() if name in across else {}),
        }
    for setting, frame in judged.items():
        for name, parts in frame.groupby("id", sort=False):
            first, row = parts.iloc[0], rows[str(name)]
            row["stable"] = bool(row["stable"] and first["stable"])
            row[setting] = first["verdict"]
            row[f"{setting}_said"] = said.get((setting, str(name)), "")
            row[f"{setting}_outcomes"] = outcomes(parts)
            row[f"{setting}_quarters"] = "; ".join(first[f"verdict_{n}"] for n in range(4))
            row |= {f"{setting}_{column}": first[column] for column in ESTIMATE}
    frame = pd.DataFrame(rows.values()).reindex(columns=CLAIMS.names)
    return frame.astype({f"{setting}_replicates": "Int32" for setting in SETTINGS})


def outcomes(parts: pd.DataFrame) -> str:
    """How many of a claim's statistics came out how: *3 shown, 2 refuted (1 no effect)*.

    A detail of all of them has no number.
    """
    deciding = parts[parts["outcome"] != REPORTED]
    told = []
    for outcome in (SHOWN, REFUTED, UNDECIDED):
        of_it = deciding[deciding["outcome"] == outcome]
        counts = of_it.loc[of_it["detail"] != "", "detail"].value_counts(sort=False)
        details = "; ".join(
            detail if count == len(of_it) else f"{count} {detail}"
            for detail, count in counts.items()
        )
        if len(of_it):
            told.append(f"{len(of_it)} {outcome}" + (f" ({details})" if details else ""))
    return ", ".join(told)
