"""Stages 1 and 2 without sequences, and the check against training: figure 6."""

from collections.abc import Iterator

from scb.footprint import TASK, Part, entries, logged, matrices
from scb.settings.model import Fault, Logged, Section
from scb.settings.training import Boost, Tasks
from scb.settings.values import Count, Penalty, Rate, Signal


class Particles(Logged):
    """What simulations read: useless entries of A are followed as particles.

    The noise has variance 1/B.
    """

    steps: Count
    rate: Rate  # eta
    penalty: Penalty  # lambda
    particles: Count  # followed for each column of A


class Simulating(Particles):
    """What Stages 1 and 2 without sequences read."""

    boost: Boost


class Checking(Particles):
    """What Stage 2, simulated and trained from planted signals, reads."""

    signal: Signal  # both, at the start
    trained: Count  # replicates trained; all are simulated


class Followed(Section, Tasks, Particles):
    """Particles on tasks."""

    def relations(self) -> Iterator[Fault]:
        """There are as many useless entries as are followed."""
        yield from super().relations()
        useless = self.length - self.sparsity
        if 0 < useless < self.particles:
            said = f"it must be at most {{at}}length less {{at}}sparsity, {useless}"
            yield self.fault("particles", said)


class Simulation(Followed, Simulating):
    """Stages 1 and 2 at a T that no training reaches."""

    def relations(self) -> Iterator[Fault]:
        """Stage 1 ends before Stage 2 does."""
        yield from super().relations()
        yield from self.at_most("boost.steps", "steps")

    def jobs(self) -> Iterator[list[Part]]:
        """All tasks, and at a time one replicate or several small ones."""
        states, matrix = self.states, self.states**2
        yield [
            Part(("states",), self.replicates * (TASK * states + 60 * matrix) + 250 * matrix),
            Part(("states", "particles"), 70 * max(states * self.particles, 2**20)),
            logged(self, 4, self.steps, self.log_interval),
        ]


class Check(Followed, Checking):
    """The check of the simulation."""

    def jobs(self) -> Iterator[list[Part]]:
        """All replicates simulated at once, then one after the other trained."""
        always = [matrices(self, 2), logged(self, 5, self.steps, self.log_interval)]
        yield [*always, Part(("states", "particles"), 70 * entries(self, self.particles))]
        yield [
            *always,
            Part(("states", "length"), 40 * self.states * self.length),
            Part(("states", "batch"), self.batch * (60 + 14 * 2 * self.states)),
        ]
