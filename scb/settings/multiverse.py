"""The multiverse: every reading of figure 1, and candidates for what the paper leaves open."""

from typing import Annotated

from scb.footprint import Part, asked, entries, logged, matrices, samples
from scb.settings.model import Model, Of, Seeded
from scb.settings.regularization import Penalties
from scb.settings.training import Boost, Optimizer, Schedule, Training
from scb.settings.values import (
    Count,
    Name,
    Names,
    Penalty,
    Rates,
    Replicates,
    Seed,
    Several,
    Signal,
)


class Trained(Model):
    """Candidates for a row of figure 5; the first of each list is the printed one."""

    replicates: Replicates
    rates: Rates  # eta_1; eta_2 is the same share of it as in the section
    batches: Several[Count]
    multiples: Rates  # of the penalty of proximal_large, which follows eta and B


class Simulated(Model):
    """Candidates for a column of figure 6; the first of each list is the printed one."""

    replicates: Replicates
    batches: Several[Count]
    multiples: Rates  # of the section's penalty, which follows B


class Attended(Model):
    """Candidates for figure 2; the first of each list is the printed one."""

    replicates: Replicates
    rates: Rates
    schedules: Several[Schedule]


class Candidates(Model):
    """Values that the paper does not state, by the sections in whose place they would stand."""

    training: Annotated[dict[Name, Trained], Of("training", ("proximal", "proximal_large", "sgd"))]
    simulation: Annotated[dict[Name, Simulated], Of("simulation")]
    attention: Annotated[dict[Name, Attended], Of("attention")]


class Multiverse(Penalties):
    """Every reading of one section, a phase diagram around it, and candidates for the others."""

    seed: Seed  # for tuning alone
    replicates: Replicates
    log_interval: Count
    check_interval: Count
    section: Annotated[str, Of("training", ("proximal", "sgd", "sgd_small"))]
    switch_signal: Signal  # at which Stage 1 ends, where a reading has it end by signal
    scales: Rates  # of both eta, in the phase diagram; its penalties are the grid
    candidates: Candidates

    def memory_of(self, section: Training, conditions: int, replicates: int, batch: int) -> int:
        """Megabytes that a job asks for that goes on in so many conditions."""
        some = section.model_copy(update={"replicates": replicates})
        parts = [
            matrices(some, conditions),
            samples(some, conditions, batch),
            Part(("length",), 24 * (3 + conditions) * entries(some, some.length)),
            logged(some, 8 * (1 + conditions), some.steps, self.log_interval),
        ]
        return asked(parts)


class Universes(Seeded):
    """What Stage 1 and many conditions from its end read, all in one job."""

    log_interval: Count
    check_interval: Count  # steps between two looks at the signals of Stage 1
    roundings: Rates  # c of the normalised solution, each logged
    batch: Count  # B
    steps: Count  # the last one, Stage 1 included
    boost: Boost
    switch_signal: Signal | None  # Stage 1 ends by this signal too, besides by its step
    optimizers: dict[Name, Optimizer]


class Grouped(Model):
    """What judging universes reads."""

    groups: Names  # which each table is of


class Scaled(Model):
    """What the phase diagram reads."""

    scales: Rates
    printed: Penalty  # lambda


class Choosing(Seeded):
    """What choosing among candidates reads."""

    section: str  # of the multiverse
    training: Names
    simulation: Names
    attention: Names
