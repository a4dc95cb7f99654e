"""Sweeps over lambda, from where settings of ``training`` end Stage 1."""

import math
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from scb.footprint import Part, asked, entries, logged, matrices, samples
from scb.settings.model import Fault, Model, Of
from scb.settings.training import Training
from scb.settings.values import Count, Listed, Names, Penalty, Rate, Replicates, Rounding

Swept = Annotated[float, Field(ge=1e-12, le=1)]


class Penalties(Model):
    """A grid of lambdas."""

    least: Swept  # least lambda above 0
    most: Swept  # largest lambda
    per_decade: Annotated[int, Field(ge=1, le=100)]  # evenly spaced in the logarithm

    def relations(self) -> Iterator[Fault]:
        """A grid with two ends."""
        yield from self.less("least", "most")

    @property
    def penalties(self) -> list[float]:
        """0, then the grid from ``least`` to ``most``."""
        gaps = max(1, round(math.log10(self.most / self.least) * self.per_decade))
        grid = [self.least * (self.most / self.least) ** (place / gaps) for place in range(gaps)]
        rounded = (float(f"{penalty:.3g}") for penalty in [*grid, self.most])
        return [0.0, *dict.fromkeys(rounded)]  # of equal ones, as where the ends nearly meet, one


class Regularization(Penalties):
    """The sweeps, each from a section."""

    sections: Annotated[Names, Of("training", ("proximal",))]
    varied: str  # the one of them that is swept again with another eta, and with another B
    replicates: Replicates  # the first so many of each section
    log_interval: Count
    rounding: Rounding  # c of the normalised solution
    larger_rate: Rate  # eta of one sweep more
    larger_batch: Count  # B of another

    def relations(self) -> Iterator[Fault]:
        """The varied section is swept."""
        yield from super().relations()
        if self.varied not in self.sections:
            yield self.fault("varied", f"it must be one of {{at}}sections, {list(self.sections)}")

    def memory_of(self, section: Training) -> int:
        """Megabytes that a sweep from the end of a section's Stage 1 asks for."""
        count, replicates = len(self.penalties), min(self.replicates, section.replicates)
        swept = section.model_copy(update={"replicates": replicates})
        parts = [
            matrices(section, 1),
            matrices(swept, count),
            samples(swept, count, swept.batch),
            Part(("length",), 32 * entries(section, section.length)),
            Part(("length",), 9 * count * entries(swept, swept.length)),
            logged(swept, count, section.steps, self.log_interval),
        ]
        return asked(parts)


class Windows(Model):
    """What the windows of useful lambdas read."""

    sweeps: Names
    printed: Listed[Penalty]  # lambda of the figures, of each sweep
    varied: str  # the sweep that larger_rate and larger_batch start from
