"""The second paper's other half: kernels on language."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from scb.footprint import Part
from scb.settings.model import Fault, Model, OnGpu, Seeded
from scb.settings.rebased import Kernel, Seeds, TuningRates
from scb.settings.values import Commit, Count, Folder, Rate

COMPARED: tuple[Kernel, Kernel] = ("based", "rebased")
"""Kernels that K4 and K5 are about."""


class Tokenizing(Model):
    """What the corpus reads."""

    vocabulary: Annotated[int, Field(ge=256, le=65536)]  # V at most, bytes among it


class Reading(Model):
    """What training on language reads of its section."""

    context: Count  # T, tokens of a sequence
    width: Count  # d, of the model and the values
    features: Count  # f of the square kernels
    blocks: Count
    batch: Count  # B, sequences a step
    steps: Count
    log_interval: Count  # steps between two looks at the validation split
    held_out: Count  # sequences of the validation and of the test split, at most
    rare: Annotated[int, Field(ge=0)]  # times that a repeated bigram may occur in training


class LanguageRuns(Reading, TuningRates, Seeded):
    """What training one kernel reads."""

    kernel: str


class Language(OnGpu, Tokenizing, Reading):
    """Language modelling."""

    text: Folder | None  # a file to read in the place of the standard library
    runs: Seeds  # of text and weights, of Based and ReBased
    runs_of_others: Count  # of the other kernels, which nothing is judged by
    rates: dict[Kernel, Rate]  # of each kernel that is trained, as tuning chose them
    fixed: Commit | None  # at which rules, rates and runs were fixed; null as yet
    tuning: TuningRates

    def relations(self) -> Iterator[Fault]:
        """The two kernels that the claims compare."""
        yield from super().relations()
        yield from self.at_most("runs_of_others", "runs")
        for kernel in COMPARED:
            if kernel not in self.rates:
                said = f"it must have a rate of {kernel}, which K4 and K5 are about"
                yield Fault("rates", sorted(self.rates), said)

    def runs_of(self, kernel: str) -> int:
        """Runs of a kernel: most of those that are compared."""
        return self.runs if kernel in COMPARED else self.runs_of_others

    def jobs(self) -> Iterator[list[Part]]:
        """Weights, logits and scores of one run, and the corpus."""
        batch, context, width = max(self.batch, 16), self.context, self.width
        tokens, blocks = batch * context, self.blocks
        features = self.features**2  # those of the linear kernels are f (f + 1) / 2
        yield [
            Part(("width", "vocabulary"), width * (20 * self.vocabulary + 200 * blocks * width)),
            Part(("vocabulary", "batch", "context"), 14 * self.vocabulary * tokens),
            Part(("vocabulary",), 8 * self.vocabulary**2),
            Part(("batch", "context", "blocks"), 18 * blocks * tokens * context),
            Part(("batch", "context", "width"), 90 * blocks * tokens * width),
            Part(("features", "batch", "context"), 12 * blocks * features * (width + tokens)),
            Part(("held_out", "context"), 100 * self.held_out * context),
        ]


class JudgingLanguage(Model):
    """What the second paper's claims on language read."""

    fixed: Commit | None
    digest: str
    figures: str
