"""Transfer from a related task, against training from scratch: section 4 of the paper."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from scb.footprint import Part, entries, matrices, samples
from scb.settings.model import Fault, Logged, Model, Section, Seeded
from scb.settings.values import (
    Concentration,
    Count,
    Growth,
    Lengths,
    Listed,
    Rate,
    Replicates,
    Rounding,
    Several,
    Share,
    States,
)

Correlations = Several[Annotated[float, Field(gt=-1, le=1)]]


class Pretrain(Model):
    """Pretraining of a value matrix on a related task."""

    length: Count  # T
    batch: Count  # B
    steps: Count  # of Stages 1 and 2, at most
    fit_steps: Count  # of Stage 3
    fit_rate: Rate  # eta of Stage 3


class Pretraining(Pretrain, Seeded):
    """What it reads."""

    rounding: Rounding  # c of Stage 3
    concentration: Concentration
    correlations: Correlations


class OneStep(Model):
    """The one step, after every number of batches."""

    steps: Count  # batches to average, at most
    ratio: Annotated[float, Field(ge=1.01, le=10)]  # of the numbers of samples looked at


class Stepping(OneStep, Seeded):
    """What it reads."""

    rounding: Rounding  # c of the normalised solution
    batch: Count
    mixing: float


class Budget(Model):
    """How long to train."""

    growth: Growth


class Scratching(Budget, Logged):
    """What training from scratch reads."""


class Finetuning(Scratching):
    """What finetuning reads."""

    mixing: float


class Transfer(Section, Logged):
    """Transfer against training from scratch; B is that of all starts."""

    replicates: Replicates
    states: States  # N
    sparsity: Count  # Q
    concentration: Concentration  # of the balanced sampler
    correlations: Correlations  # of the pretrained P_hat with P
    mixing: Share  # theta
    lengths: Lengths  # T
    replicates_at: Listed[Replicates]  # at each T, if there are as many
    curve_length: Count  # T of the curves
    pretrain: Pretrain
    one_step: OneStep
    finetune: Budget
    scratch: Budget

    def relations(self) -> Iterator[Fault]:
        """Lists of equal length, and a pattern that fits every T."""
        yield from super().relations()
        lengths, counts = list(self.lengths), list(self.replicates_at)
        if len(counts) != len(lengths):
            said = f"it must have an entry for each of {{at}}lengths, {lengths}"
            yield Fault("replicates_at", counts, said)
        if self.curve_length not in lengths:
            yield self.fault("curve_length", f"it must be one of {{at}}lengths, {lengths}")
        shortest = min(*lengths, self.pretrain.length)
        if self.sparsity >= shortest:
            both = f"{{at}}lengths and {{at}}pretrain.length, {shortest}"
            yield self.fault("sparsity", f"it must be less than all of {both}")

    def jobs(self) -> Iterator[list[Part]]:
        """Pretraining, and the runs of all correlations at each T; their curves are short."""
        yield [
            matrices(self, 1),
            samples(self, 1, self.pretrain.batch, "pretrain.batch"),
            Part(("pretrain.length",), 40 * entries(self, self.pretrain.length)),
        ]
        count = len(self.correlations)
        for length, replicates in zip(self.lengths, self.replicates_at, strict=False):
            all_entries = min(self.replicates, replicates) * self.states * length
            yield [
                matrices(self, count),
                samples(self, count, self.batch),
                Part(("lengths",), 42 * count * all_entries),
            ]

    def replicates_of(self, length: int) -> int:
        """Replicates at a T: fewer where they cost most."""
        most = dict(zip(self.lengths, self.replicates_at, strict=True))
        return min(self.replicates, most.get(length, self.replicates))
