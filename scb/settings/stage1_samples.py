"""How many samples a step Stage 1 needs, on tasks of its own."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from scb.footprint import STAGE1_BATCH, Part, entries, matrices, samples
from scb.settings.model import Fault, Model, Section, Seeded, look_up
from scb.settings.training import Tasks
from scb.settings.values import Concentration, Count, Growth, Rates, Replicates, Several, States

# The steps are in proportion to the inverse.
BoostingRate = Annotated[float, Field(ge=1e-4, le=1)]
Doublings = Annotated[int, Field(ge=0, le=20)]


class Doubled(Model):
    """T, doubled from one to the other."""

    shortest: Count
    longest: Count

    def relations(self) -> Iterator[Fault]:
        """At least two, for an exponent."""
        if 2 * self.shortest > self.longest:
            said = f"it must be at least twice {{at}}shortest, {self.shortest}"
            yield self.fault("longest", said)

    @property
    def lengths(self) -> list[int]:
        """``shortest``, twice that and so on, up to ``longest`` at most."""
        return [self.shortest << i for i in range((self.longest // self.shortest).bit_length())]


class Laddered(Seeded):
    """Tasks and batches for Stage 1 alone."""

    replicates: Replicates
    states: States  # N
    sparsity: Count  # Q
    concentration: Concentration  # of the balanced sampler
    halvings: Doublings  # batches below the closed form's
    doublings: Doublings  # and above it

    def batch_bytes(self, batch: int) -> int:
        """Bytes of a batch of all replicates."""
        return samples(self, 1, batch).size

    def refuse(self, section: str, batch: int) -> None:
        """Stop if the largest batch of a section's ladder, at this length, takes too much.

        Raises
        ------
        ValueError
            Naming ``doublings`` of the section.
        """
        if (taken := self.batch_bytes(batch)) > STAGE1_BATCH:
            raise ValueError(
                f"{section}.doublings is {self.doublings}; at T = {look_up(self, 'length')} a "
                f"batch would have {batch} samples, {taken / 1e9:.3g} GB of at most "
                f"{STAGE1_BATCH / 1e9:g}"
            )


class Stage1Alone(Laddered):
    """What it reads, for one kind of mu and one T."""

    length: Count
    stationary: Literal["uniform", "drawn"]
    rates: Rates


class Odds(Model):
    """How often Stage 1 ends with two positive signals, on the tasks of figure 5."""

    length: Count  # T
    batches: Several[Count]  # B
    rates: Several[BoostingRate]  # eta
    growth: Growth  # eta times steps


class EveryOdds(Odds):
    """For several vocabularies."""

    states: Several[States]  # N


class Stage1Odds(Tasks, Odds):
    """What it reads, for one vocabulary."""


class Stage1Samples(Section, Laddered):
    """How many samples a step Stage 1 needs, for two kinds of mu."""

    rate: BoostingRate  # eta
    larger_rate: BoostingRate  # once more
    uniform: Doubled  # T where mu is uniform
    drawn: Doubled  # T where mu is drawn
    odds: EveryOdds

    def relations(self) -> Iterator[Fault]:
        """Two rates, and a pattern that fits every T."""
        yield from super().relations()
        if self.larger_rate == self.rate:
            yield self.fault("larger_rate", "it must differ from {at}rate")
        for shortest in ("uniform.shortest", "drawn.shortest", "odds.length"):
            yield from self.less("sparsity", shortest)

    def jobs(self) -> Iterator[list[Part]]:
        """Stage 1 at the longest T of both kinds; how large its batches are, the tasks decide."""
        for name, lengths in (("uniform", self.uniform), ("drawn", self.drawn)):
            yield [
                matrices(self, 1),
                Part((f"{name}.longest",), 40 * entries(self, lengths.longest)),
                Part(("states",), STAGE1_BATCH),
            ]
        largest = self.model_copy(update={"states": max(self.odds.states)})
        batch = samples(largest, 1, max(self.odds.batches))
        yield [
            Part(("odds.states",), matrices(largest, 1).size),
            Part(("odds.batches",), batch.size),
            Part(("odds.length",), 40 * entries(largest, self.odds.length)),
        ]
