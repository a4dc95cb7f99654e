"""What the paper leaves open of figure 1, as data: dimensions, their options, evidence for each.

A *reading* takes one option of each dimension, and the runs under a reading are a *universe*. The
first option of a dimension is the default, by which the claims are judged as printed. Values that
the paper states are no dimension.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple


class Option(NamedTuple):
    """One way to read what is left open."""

    name: str
    evidence: str
    """A phrase or a theorem of the paper, or a habit of the field."""


@dataclass(frozen=True)
class Dimension:
    """One thing that is left open.

    Attributes
    ----------
    name : str
        Column of the table of universes.
    question : str
    options : tuple of Option
        The first is the default.
    """

    name: str
    question: str
    options: tuple[Option, ...]

    @property
    def names(self) -> list[str]:
        """Of the options, the default first."""
        return [option.name for option in self.options]

    @property
    def default(self) -> str:
        """Name of the default option."""
        return self.options[0].name


SAMPLER = Dimension(
    "sampler",
    "How is P drawn?",
    (
        Option(
            "dirichlet",
            "Columns uniform on the simplex, Dirichlet(1): how random Markov chains are drawn for "
            "in-context bigrams (Edelman et al. 2024) and causal structure (Nichani et al. 2024). "
            "Redrawn until $\\mu$ meets Assumption 2.1(b).",
        ),
        Option(
            "softmax",
            "Columns are softmaxes of standard Gaussian logits: a habit of the field, and what an "
            "untrained bigram model is.",
        ),
        Option(
            "entries",
            "Uniform entries, columns divided by their sums: the shortest code for a random "
            "stochastic matrix.",
        ),
        Option(
            "nontrivial",
            "Dirichlet, conditioned on Assumption 2.1(c), $K_P \\ge \\lVert\\mu\\rVert_2^2$: the "
            "theorems ask for it, and other samplers seldom meet it at N = 3.",
        ),
        Option(
            "balanced",
            "$\\mu$ first, within Assumption 2.1(b), then P with this stationary distribution: the "
            "transfer theorem prescribes $\\mu$.",
        ),
    ),
)
WEIGHTS = Dimension(
    "weights",
    "Which weights has $q^{(k)}$ on its support?",
    (
        Option("uniform", "$1/Q$: the simplest pattern within Assumption 2.1(b)."),
        Option("drawn", "Assumption 2.1(b) allows any weights within $[1/(CQ), C/Q]$."),
    ),
)
RATES = Dimension(
    "rates",
    "Is the printed $\\eta$ divided by $K_Q$ and $K_P$?",
    (
        Option(
            "divided",
            "The theorems set $\\eta_V = \\eta/K_Q$ and $\\eta_A = \\eta/K_P$; only so do signals "
            "come near the 0.1 that the paper sees at step 400.",
        ),
        Option("undivided", "The settings of figure 1 name $\\eta$ alone, without $K_Q$ or $K_P$."),
    ),
)
BASELINE = Dimension(
    "baseline",
    "What is SGD?",
    (
        Option(
            "sgd",
            "The algorithm's own steps at $\\lambda = 0$, preconditioned and projected: the "
            "paper's analysis of SGD uses these equations.",
        ),
        Option(
            "raw",
            "Steps along the gradient, without preconditioner and projection, at the algorithm's "
            "rates: what SGD means elsewhere.",
        ),
        Option(
            "vanilla",
            "*Vanilla SGD* to the letter: nor are rates divided by $K_Q$ and $K_P$.",
        ),
    ),
)
THRESHOLD = Dimension(
    "threshold",
    "By how much does a proximal step shrink an entry of A?",
    (
        Option("lambda", "The paper's update thresholds at $\\lambda$ itself."),
        Option(
            "relative",
            "$\\eta_A\\lambda$: the proximal step of the penalty $\\lambda\\lVert A\\rVert_1$ as "
            "the field has it (Beck and Teboulle 2009).",
        ),
    ),
)
OPENING = Dimension(
    "opening",
    "Does Stage 2 open with a threshold?",
    (
        Option(
            "threshold",
            "The algorithm thresholds A once between Stages 1 and 2, at the order of "
            "$\\alpha_V/Q$; we take $\\alpha_V/(2Q)$.",
        ),
        Option("none", "The settings of figure 1 name a penalty and no threshold."),
    ),
)
END = Dimension(
    "end",
    "When does Stage 1 end?",
    (
        Option("step", "At step 400, as figure 1 marks it."),
        Option(
            "signal",
            "Once the larger signal is 0.1, run by run: the algorithm ends Stage 1 by the signal, "
            "and 0.1 is what the paper reports at step 400.",
        ),
    ),
)
ROUNDING = Dimension(
    "rounding",
    "Which constant c rounds A in Stage 3 (entries from $c/Q$ on are kept)?",
    (
        Option("0.25", "Lemma F.1 asks for a small constant; half of the next one."),
        Option("0.1", "Lemma F.1 asks for a small constant."),
        Option("0.2", "Lemma F.1 asks for a small constant."),
        Option("0.5", "Half-way between a useless entry, 0, and a useful one, $1/Q$."),
    ),
)

STREAM = (SAMPLER, WEIGHTS, RATES)
"""Dimensions whose options decide tasks, stream and Stage 1: a group of universes shares them."""
WITHIN = (BASELINE, THRESHOLD, OPENING, END, ROUNDING)
"""Those within a group."""
READINGS = (*STREAM, *WITHIN)
"""All dimensions: the columns of the table of universes, in their order."""

Reading = dict[str, str]
"""An option for each dimension, by their names."""


def readings(dimensions: tuple[Dimension, ...] = READINGS) -> Iterator[Reading]:
    """All combinations of options, the default one first."""
    names = [dimension.name for dimension in dimensions]
    for options in product(*(dimension.names for dimension in dimensions)):
        yield dict(zip(names, options, strict=True))


def default() -> Reading:
    """The reading by which claims are judged as printed."""
    return {dimension.name: dimension.default for dimension in READINGS}


def group_of(reading: Mapping[str, str]) -> str:
    """Name of the group that a universe is in, as in ``dirichlet_uniform_divided``."""
    return "_".join(reading[dimension.name] for dimension in STREAM)


def groups() -> dict[str, Reading]:
    """The options that each group shares, by its name."""
    return {group_of(shared): shared for shared in readings(STREAM)}


def markdown() -> str:
    """The readings as a table: a row for each option, the default ones in bold."""
    lines = ["| left open | option | evidence |", "|---|---|---|"]
    for dimension in READINGS:
        question = f"**{dimension.name}**: {dimension.question}"
        for option in dimension.options:
            bold = "**" if option.name == dimension.default else ""
            lines.append(f"| {question} | {bold}{option.name}{bold} | {option.evidence} |")
            question = ""
    return "\n".join(lines) + "\n"
