"""The data dictionary: what each column of every table means, for docs/data.md.

`make gallery` fills that page. The meanings stand beside the schemas, in ``tables.py`` of each
room, and those of metrics in their docstrings.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from scb.analysis import tables as analysis
from scb.analysis.endpoints import ENDPOINTS
from scb.claims import tables as claims
from scb.data import tables as data
from scb.learning import tables as learning
from scb.learning.curves import TRANSFER_METRICS
from scb.learning.metrics import METRICS
from scb.rebased import tables as rebased
from scb.store.tables import Column, Schema
from scb.theory import tables as theory

NORMALISED = "normalised_"


def _phrase(docstring: str) -> str:
    """Sentences as one phrase."""
    sentences = " ".join(docstring.split()).rstrip(".").split(". ")
    return "; ".join(sentence[:1].lower() + sentence[1:] for sentence in sentences)


METRICS_OF_ITERATES = {
    name: Column(pa.float64(), _phrase(metric.__doc__ or "")) for name, metric in METRICS.items()
}
"""Of the iterate, as their docstrings say."""


def _of_transfer(name: str) -> Column:
    if name == "support":
        return learning.SUPPORT
    if name.startswith(NORMALISED):
        plain = name.removeprefix(NORMALISED)
        return Column(pa.float64(), f"`{plain}` of the normalised solution")
    return METRICS_OF_ITERATES[name]


def _endpoint(name: str) -> Column:
    when, metric = name.split("_", 1)
    return Column(pa.float64(), f"`{metric}` {analysis.WHEN[when]}")


@dataclass(frozen=True)
class Table:
    """A table, or several of one schema.

    Attributes
    ----------
    name : str
        Of the schema.
    schema : Schema
    row : str
        What a row is, in Markdown.
    files : str
        Where such tables lie, in the folder of results.
    source : str
        What computes them, and the place in the paper.
    further : mapping of Column
        The columns that a measured table has besides its schema's.
    metrics : bool
        Whether it has all metrics too, of the iterate and of its normalised solution.
    """

    name: str
    schema: Schema
    row: str
    files: str
    source: str
    further: Mapping[str, Column] = field(default_factory=dict)
    metrics: bool = False

    @property
    def columns(self) -> dict[str, Column]:
        """Those of the schema, then the others, but for `metrics`."""
        return {**self.schema.columns, **self.further}


TABLES = (
    Table(
        "TASKS",
        data.TASKS,
        "A replicate and a state k: column k of P and of Q.",
        "`SECTION/tasks.parquet`; `tasks.parquet` of `scb train`",
        "`scb.data.task.Task`; section 2.1",
    ),
    Table(
        "CURVES",
        learning.CURVES,
        "An optimizer, a replicate and a logged step.",
        "`SECTION/boost.parquet`, `optimizers.parquet`, `attention.parquet`, `simulation.parquet`, "
        "`check.parquet`, `softmax/softmax.parquet`; `regularization/SWEEP.parquet`; "
        "`rebased/columns.parquet`; `curves.parquet` of `scb train`",
        "`scb.learning.curves.Curves` and `scb.learning.metrics`; sections 3 and 4",
        metrics=True,
    ),
    Table(
        "STATES",
        learning.STATES,
        "An optimizer, a replicate and a state k: column k of V and of A.",
        "`SECTION/boost_state.parquet`, `optimizers_state.parquet`, `attention_state.parquet`; "
        "`states.parquet` of `scb train`",
        "`scb.learning.states`; section 2",
    ),
    Table(
        "TRANSFER",
        learning.TRANSFER,
        "A run and a number of samples seen.",
        "`transfer/one_step_T.parquet`, `finetune_T.parquet`, `scratch_T.parquet`",
        "`scb.learning.curves.TransferCurves`; section 4",
        {
            "correlation": learning.CORRELATION,
            **{name: _of_transfer(name) for name in TRANSFER_METRICS},
        },
    ),
    Table(
        "PRETRAINED",
        theory.PRETRAINED,
        "A correlation asked for, a replicate and a state k.",
        "`transfer/pretrained.parquet`",
        "`scb.theory.transfer.Conditions`; section 4, conditions (1) to (3)",
    ),
    Table(
        "ALIKE",
        learning.ALIKE,
        "A softmax model, a replicate and a logged step.",
        "`softmax/alike.parquet`",
        "`scb.experiments.softmax`; section 5.2",
    ),
    Table(
        "WEIGHTS",
        theory.WEIGHTS,
        "A bin of weights.",
        "`softmax/weights.parquet`",
        "`scb.theory.logits.Drift`; section 5.2",
    ),
    Table(
        "CLOSED_FORMS",
        theory.CLOSED_FORMS,
        "A quantity.",
        "`closed_forms.parquet`",
        "`scb.experiments.closed_forms`; section 3",
    ),
    Table(
        "STAGE1",
        analysis.STAGE1,
        "A run of Stage 1.",
        "`stage1_samples/MU_T.parquet`",
        "`scb.theory.stage1`; section 3",
    ),
    Table(
        "STAGE1_PROBABILITIES",
        analysis.STAGE1_PROBABILITIES,
        "A choice of mu, T, eta and B.",
        "`stage1_samples/probabilities.parquet`",
        "`scb.experiments.stage1_fit`; section 3",
    ),
    Table(
        "STAGE1_BATCHES",
        analysis.STAGE1_BATCHES,
        "A choice of mu, T and eta.",
        "`stage1_samples/batches.parquet`",
        "`scb.theory.stage1.fit`; section 3",
    ),
    Table(
        "STAGE1_ODDS",
        analysis.STAGE1_ODDS,
        "A choice of N, eta and B.",
        "`stage1_samples/odds_N.parquet`",
        "`scb.theory.boosting`; section 3",
    ),
    Table(
        "SOFTMAX_SAMPLES",
        analysis.SOFTMAX_SAMPLES,
        "A run of the first stage.",
        "`softmax_samples/T.parquet`",
        "`scb.experiments.softmax_samples`; section 5.2",
    ),
    Table(
        "EXPONENTS",
        analysis.EXPONENTS,
        "A quantity, and another one that it grows with.",
        "`stage1_samples/exponents.parquet`, `regularization/exponents.parquet`",
        "`scb.experiments.stage1_fit`, `scb.experiments.windows`",
    ),
    Table(
        "PENALTIES",
        analysis.PENALTIES,
        "A sweep, a replicate and a lambda, at the last step.",
        "`regularization/ends.parquet`",
        "`scb.experiments.windows`; section 3",
        metrics=True,
    ),
    Table(
        "WINDOWS",
        analysis.WINDOWS,
        "A sweep and a replicate.",
        "`regularization/windows.parquet`",
        "`scb.analysis.windows`; section 3",
    ),
    Table(
        "UNIVERSES",
        analysis.UNIVERSES,
        "An end of Stage 1, a constant c, a condition and a replicate.",
        "`multiverse/GROUP.parquet`",
        "`scb.analysis.endpoints`; figure 1",
        analysis.OF_A_RUN
        | {name: _endpoint(name) for name in ENDPOINTS if name not in analysis.OF_A_RUN},
    ),
    Table(
        "MULTIVERSE",
        analysis.MULTIVERSE,
        "A universe: an option of each dimension of the readings.",
        "`multiverse.parquet`",
        "`scb.analysis.readings`, `scb.experiments.multiverse`; figure 1",
    ),
    Table(
        "PHASES",
        analysis.PHASES,
        "A scale of both learning rates, and a lambda.",
        "`multiverse/phases.parquet`",
        "`scb.theory.thresholds`, `scb.experiments.phases`; figure 1",
    ),
    Table(
        "STATISTICS",
        claims.STATISTICS,
        "A statistic of a claim, at a setting.",
        "`statistics.parquet`, `rebased_statistics.parquet`, `rebased_rates_statistics.parquet`, "
        "`language_statistics.parquet`",
        "`scb.claims.verdict.judge`",
    ),
    Table(
        "CLAIMS",
        claims.CLAIMS,
        "A claim.",
        "`claims.parquet`, `rebased_claims.parquet`, `language_claims.parquet`",
        "`scb.claims.tables.summarise`",
    ),
    Table(
        "RECALL",
        rebased.RECALL,
        "A kernel, a learning rate, a run and a look at the validation split.",
        "`rebased/SETTING/KERNEL.parquet`, `rebased_tuning/SETTING/KERNEL.parquet`",
        "`scb.rebased.recall`; the second paper",
    ),
    Table(
        "CORPUS",
        rebased.CORPUS,
        "A document.",
        "`language/corpus.parquet`",
        "`scb.rebased.corpus`; the second paper",
    ),
    Table(
        "VOCABULARY",
        rebased.VOCABULARY,
        "A token.",
        "`language/vocabulary.parquet`",
        "`scb.rebased.bpe`; the second paper",
    ),
    Table(
        "LANGUAGE",
        rebased.LANGUAGE,
        "A kernel, a learning rate, a run and a look at the validation split.",
        "`language/runs/KERNEL.parquet`, `language/tuning/KERNEL.parquet`",
        "`scb.rebased.language_training`; the second paper",
    ),
    Table(
        "RATES",
        rebased.RATES,
        "A kernel and a learning rate of the tuning.",
        "`language/rates.parquet`",
        "`scb.rebased.language_results`; the second paper",
    ),
)
"""All that a job writes."""

MEASURED = f"""\
## METRICS

What is measured of an iterate $(V, A)$. A table with metrics has each of these columns, and
another one, named `{NORMALISED}...`, of the normalised solution (Stage 3 applied to the iterate).
All are null from the step on at which a run has diverged. Norms and cosines are those of the
$\\mu$-geometry, $\\lVert M\\rVert_\\mu^2 = \\sum_k \\mu_k \\lVert m_k\\rVert^2$ over the columns.

Source: `scb.learning.metrics`; section 4
"""


def page() -> str:
    """Metrics and all tables, in Markdown."""
    metrics = "\n".join([MEASURED, *_lines(METRICS_OF_ITERATES), ""])
    return "\n".join([metrics, *map(_section, TABLES)]).strip()


def _section(table: Table) -> str:
    lines = [
        f"## {table.name}",
        "",
        f"A row: {table.row}  ",
        f"Files: {table.files}  ",
        f"Source: {table.source}",
        "",
        *_lines(table.columns),
        "",
    ]
    if table.metrics:
        lines += ["And all of METRICS, above.", ""]
    return "\n".join(lines)


def _lines(columns: Mapping[str, Column]) -> list[str]:
    """The table of these columns, in Markdown."""
    lines = ["| column | symbol | meaning | type | unit or shape |", "|---|---|---|---|---|"]
    for name, column in columns.items():
        cells = f"`{name}`", column.symbol, column.meaning, _type(column.kind), column.unit
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    return lines


def _type(kind: pa.DataType) -> str:
    return f"list of {_type(kind.value_type)}" if pa.types.is_list(kind) else str(kind)


def _cell(text: str) -> str:
    """Without what ends a cell, and with code as Markdown has it."""
    return re.sub("``(.*?)``", r"`\1`", text).replace("|", r"\|")
