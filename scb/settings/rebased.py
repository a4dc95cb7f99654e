"""The second paper: kernels on associative recall, and on the task of figure 2."""

import math
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from scb.footprint import KERNELS, STACKED, Part, asked, entries, logged, matrices, samples
from scb.settings.model import Fault, Model, Of, OnGpu, Seeded, unknown
from scb.settings.training import Attending, Attention
from scb.settings.values import Commit, Count, Name, Names, NoNames, Rate, Rates, Several, Share

Seeds = Annotated[int, Field(ge=2, le=10**6)]  # runs, so many that they have a spread
Kernel = Literal[
    "softmax",
    "identity",
    "elu",
    "based",
    "based_shifted",
    "square",
    "square_gamma",
    "square_affine",
    "square_norm",
    "rebased",
]

LEAKS = 1.0e-3
"""Held-out sequences of recall that may be in another split, in the mean: one ends the run."""


class OneRecall(OnGpu):
    """What training one kernel on multi-query associative recall reads of its setting."""

    vocabulary: Count  # V
    length: Count  # T
    pairs: Count  # keys with a value
    width: Count  # d, of the model and the values
    features: Count  # f of the square kernels
    batch: Count  # sequences a step
    steps: Count  # the cap, where the cosine of the rate ends
    log_interval: Count  # steps between two looks at the validation split
    solved: Share  # validation accuracy at which a run ends
    validation: Count  # sequences by which runs end and a rate is chosen
    test: Count  # sequences by which kernels are judged
    std: Annotated[float, Field(gt=0, le=10)]  # of the initial weights
    placement: Literal["before", "after"]  # of the LayerNorms of the blocks

    def jobs(self) -> Iterator[list[Part]]:
        """Weights, logits, scores and draws of stacked runs, of the kernel that takes most."""
        vocabulary, length, width = self.vocabulary, self.length, self.width
        batch = max(self.batch, 16)  # as many are judged at once
        features = self.features**2  # those of the linear kernels are f (f + 1) / 2
        parts = [
            Part(("width", "vocabulary"), width * (20 * vocabulary + 110 * width)),
            Part(("vocabulary", "batch", "pairs"), 17 * vocabulary * batch * self.pairs),
            Part(("batch", "length", "width"), batch * length * (23 * length + 62 * width)),
            Part(("features", "batch", "length"), features * (40 * width + 10 * batch * length)),
            Part(("steps", "batch"), 32 * self.steps * self.batch),
            *(
                Part((key, "vocabulary"), getattr(self, key) * (8 * vocabulary + 32 * length))
                for key in ("validation", "test")
            ),
        ]
        yield [part._replace(size=STACKED * part.size) for part in parts]

    def relations(self) -> Iterator[Fault]:
        """Sequences that exist, and enough of them for three splits."""
        yield from super().relations()
        length, pairs = self.length, self.pairs
        if length < 4 * pairs:
            yield self.fault("length", f"it must be at least 4 {{at}}pairs, {4 * pairs}")
        elif length % 2:
            yield self.fault("length", "it must be even")
        elif self.vocabulary <= length:
            yield self.fault("vocabulary", f"it must be greater than {{at}}length, {length}")
        elif (leaks := self.expected_leaks) > LEAKS:
            said = (
                f"with {{at}}pairs {pairs} there are so few sequences that about {leaks:.1g} of "
                "those held out would be in another split"
            )
            yield self.fault("vocabulary", said)

    @property
    def expected_leaks(self) -> float:
        """How many held-out sequences are in another split, about and in the mean."""
        pairs, half = self.pairs, self.vocabulary // 2
        seen = self.steps * self.batch + self.validation
        choices = (half - 1, self.vocabulary - half, self.length // 2 - pairs)
        sequences = sum(math.lgamma(n + 1) - math.lgamma(n - pairs + 1) for n in choices)  # log
        return seen * (self.validation + self.test) * math.exp(-sequences)


class Recall(OneRecall):
    """A setting of multi-query associative recall."""

    kernels: Several[Kernel]  # that are trained


class Recalling(OneRecall, Seeded):
    """What training one kernel on it reads."""

    rates: Rates
    runs: Count
    kernel: Kernel


class Kernelising(Attending):
    """What training every kernel on the task of figure 2 reads."""

    features: Count


class TuningRates(Model):
    """How learning rates are chosen, on the seed of the multiverse."""

    rates: Rates
    runs: Count  # of each rate


class TuningRecall(TuningRates):
    """The same, of recall."""

    readings: NoNames  # settings that choose nothing: what another reading would give


class Rebased(Model):
    """Kernelised attention."""

    section: Annotated[str, Of("attention")]  # the task of figure 2
    features: Count  # f on the task of figure 2
    rates: dict[Kernel, Rate]  # of recall, as tuning chose them; others are not trained
    runs: Seeds  # of data and of initial weights
    fixed: Commit | None  # at which rules, rates and runs were fixed; null as yet
    settings: Names  # of recall, a size of the state each
    limited: Names  # those of them in which the state is small for the task, as K1 and K2 ask
    tuning: TuningRecall
    recall: dict[Name, Recall]

    def relations(self) -> Iterator[Fault]:
        """Names of settings that are there, with the kernels that the claims compare."""
        if self.features % 2:
            yield self.fault("features", "it must be even")
        known = self.recall
        yield from unknown("settings", self.settings, known, "{at}recall")
        yield from unknown("limited", self.limited, self.settings, "{at}settings")
        yield from unknown("tuning.readings", self.tuning.readings, known, "{at}recall")
        for name in (name for name in self.settings if name in known):
            trained = self.trained(name)
            claimed = ("based", "rebased", "square", *("square_norm",) * (name in self.limited))
            missing = [kernel for kernel in claimed if kernel not in trained]
            if not {"identity", "elu"} & {*trained}:
                missing.append("identity or elu")
            if missing:
                said = f"with {{at}}rates it lacks {missing[0]}, which the claims compare"
                yield Fault(f"recall.{name}.kernels", [*known[name].kernels], said)

    def trained(self, setting: str) -> list[str]:
        """The kernels that are judged in a setting of recall."""
        return [kernel for kernel in self.recall[setting].kernels if kernel in self.rates]

    def memory_of(self, section: Attention) -> int:
        """Megabytes that all kernels on the task of figure 2 ask for."""
        vectors = section.replicates * section.length * self.features  # of keys
        parts = [
            matrices(section, KERNELS),
            samples(section, KERNELS, section.batch),
            Part(("length",), KERNELS * 47 * entries(section, section.length)),
            Part(("features",), KERNELS * 28 * vectors),
            logged(section, KERNELS, section.steps, section.log_interval),
        ]
        return asked(parts)


class ChoosingRates(Seeded):
    """What choosing the learning rates of recall reads."""

    settings: Names
    limited: Names


class JudgingRebased(Model):
    """What the second paper's claims on recall read."""

    limited: Names
    fixed: Commit | None
    digest: str
    figures: str
