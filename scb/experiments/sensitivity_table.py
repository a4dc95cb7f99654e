"""Judge claims C1 to C5 under each reading, by the rules that judge the replication."""

import pandas as pd
import pyarrow as pa

from scb.analysis.runs import Run
from scb.claims.convergence import claims as claims_of
from scb.claims.tables import CLAIMS
from scb.claims.verdict import REPORTED, SHOWN, count_intervals, judge
from scb.experiments.job import Inputs, Output, job
from scb.settings import Variants
from scb.store import tables
from scb.store.files import replacing
from scb.store.tables import Schema

SENSITIVITY = Schema(CLAIMS.fields.insert(0, pa.field("variant", pa.string(), nullable=False)))
"""One row per variant and statistic: the variant, then the columns of `CLAIMS`."""

READINGS = {
    "as_we_read": "as we read the paper: the runs of figure 1",
    "rates": "eta_V = eta_A = eta, not divided by K_Q and K_P",
    "raw_sgd": "SGD without preconditioner and projection",
    "no_threshold": "no threshold where Stage 2 begins",
    "sampler": "tasks from the other sampler",
    "switch": "Stage 1 of each run ends at a signal, not at a step",
}

NOTE = """\
Each row changes one reading of the runs of figure 1, on the same seeds. A cell is the verdict, how
many of the claim's deciding statistics are shown, and the estimate and interval of its first
statistic (below), by the same rules as the table of claims. All intervals hold together at 95%, so
they are wider here than there. *Positive runs* have both signals positive at the end of Stage 1;
the statistics are over them, and a run that diverged
counts as infinitely far. All statistics are in `sensitivity.parquet`."""


def cell(rows: pd.DataFrame) -> str:
    """Verdict, statistics shown, and the first statistic of a claim."""
    deciding, first = rows[rows["outcome"] != REPORTED], rows.iloc[0]
    shown = (deciding["outcome"] == SHOWN).sum()
    estimate = "none" if pd.isna(first["estimate"]) else f"{first['estimate']:.3g}"
    interval = f"{estimate} [{first['low']:.3g}, {first['high']:.3g}]"
    return f"{first['verdict']} ({shown} of {len(deciding)}); {interval}"


def counts(run_: Run) -> str:
    """Two cells: how many runs were positive, and how many diverged with which optimizer."""
    total = len(run_.replicates)
    diverged = [
        f"{name} {len(steps)}" for name in run_.optimizers if (steps := run_.divergence(name))
    ]
    return f"{len(run_.positive('boost'))} of {total} | {', '.join(diverged) or 'none'}"


def render(judged: pd.DataFrame, runs: dict[str, Run]) -> str:
    """The table as Markdown: a row per variant, a column per claim."""
    firsts = judged.groupby("id", sort=False).first()
    lines = [
        "# Sensitivity of C1 to C5 to our readings\n",
        f"{NOTE}\n",
        f"| reading | positive runs | diverged | {' | '.join(firsts.index)} |",
        "|---" * (3 + len(firsts)) + "|",
    ]
    for variant, rows in judged.groupby("variant", sort=False):
        claims = dict(list(rows.groupby("id")))
        cells = [cell(claims[name]) if name in claims else "not run" for name in firsts.index]
        lines.append(
            f"| {READINGS[str(variant)]} | {counts(runs[str(variant)])} | {' | '.join(cells)} |"
        )
    lines.append("\n| | claim | first statistic |\n|---|---|---|")
    lines += [f"| {name} | {row.claim} | {row.statistic} |" for name, row in firsts.iterrows()]
    return "\n".join(lines) + "\n"


@job
def sensitivity_table(
    settings: Variants, boost: Inputs, curves: Inputs, table: Output, markdown: Output
) -> None:
    """Read, judge and write both tables."""
    files = zip(settings.variants, boost, curves, strict=True)
    runs = {variant: Run.read(*paths) for variant, *paths in files}
    claims = {variant: claims_of(found) for variant, found in runs.items()}
    intervals = sum(map(count_intervals, claims.values()))
    judged = pd.concat(
        judge(found, intervals).assign(variant=variant) for variant, found in claims.items()
    )
    tables.write(judged, table, SENSITIVITY, settings.model_dump(mode="json"))
    with replacing(markdown) as temporary:
        temporary.write_text(render(judged, runs), encoding="utf-8")


if __name__ == "__main__":
    sensitivity_table.main()
