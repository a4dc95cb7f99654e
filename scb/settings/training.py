"""Sections that train: tasks, Stage 1 and the optimizers after it, and the two models of figure 2.

What jobs read of a section comes before the section of it all.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from scb.footprint import Part, entries, logged, matrices, samples
from scb.settings.model import Fault, Logged, Model, Section, Seeded
from scb.settings.values import (
    Concentration,
    Count,
    Name,
    Penalty,
    Rate,
    Replicates,
    Signal,
    States,
)

Sampler = Literal["dirichlet", "nontrivial", "softmax", "entries", "balanced"]
Weights = Literal["uniform", "drawn"]
Schedule = Literal["constant", "decayed"]


class Sampling(Model):
    """How the ground truth (P, mu, Q) is drawn: see `scb.data.samplers`."""

    sampler: Sampler
    concentration: Concentration  # of the Dirichlet or Gamma distribution behind P
    weights: Weights  # of the attention pattern: 1/Q, or drawn


class Tasks(Sampling, Seeded):
    """What drawing tasks reads."""

    replicates: Replicates
    states: States  # N
    length: Count  # T
    sparsity: Count  # Q

    def relations(self) -> Iterator[Fault]:
        """A pattern of all positions may be uniform attention, of energy K_Q = 0.

        Of two states no P satisfies clause (c) but permutations, with equality.
        """
        yield from super().relations()
        if self.sampler == "nontrivial" and self.states < 3:
            yield self.fault("states", "it must be at least 3 for the sampler nontrivial")
        yield from self.less("sparsity", "length")


class Boost(Model):
    """Stage 1: plain preconditioned steps from the paper's start."""

    steps: Count  # its last one
    rate: Rate  # eta_1
    scaled: bool = True  # eta_V = eta/K_Q and eta_A = eta/K_P; else both are eta


class Proximal(Model):
    """Preconditioned, projected, proximal steps."""

    kind: Literal["proximal"]
    rate: Rate  # eta
    penalty: Penalty  # lambda
    relative: bool = False  # entries of A lose eta_A lambda a step rather than lambda
    threshold: bool = True  # Stage 2 opens with a threshold at alpha_V/(2Q)
    scaled: bool = True  # as of Stage 1


class Sgd(Model):
    """The same steps at lambda = 0, or, of kind raw, without preconditioner and projection."""

    kind: Literal["sgd", "raw"]
    rate: Rate  # eta
    scaled: bool = True  # as of Stage 1
    simplex: bool = False  # from A as softmax has it at the start


class Logits(Model):
    """Plain steps on the logits of a softmax, at the rate ``factor eta_A / a^2``."""

    kind: Literal["softmax"]
    rate: Rate  # eta, of V and in eta_A
    factor: Rate = 1.0  # 1: an entry of weight a moves as under SGD
    signal: Signal | None = 0.1  # a is of a useful entry at this alpha_A; null: a = 1/T


class LogitsAdam(Model):
    """Adam on the logits of a softmax."""

    kind: Literal["softmax_adam"]
    rate: Rate  # eta, of V
    logit_rate: Rate  # Adam's


class Plain(Model):
    """Steps that know nothing of the task: see `scb.learning.optimizers`."""

    kind: Literal["vanilla", "adam"]
    rate: Rate  # of V and of A


Optimizer = Annotated[Proximal | Sgd | Plain | Logits | LogitsAdam, Field(discriminator="kind")]


class Stage1(Logged):
    """What Stage 1 reads."""

    boost: Boost


class FirstStage(Stage1):
    """What the first stage of softmax attention reads, and one step after it."""

    softmax: Logits  # what takes that step


class Comparison(Logged):
    """What the optimizers after Stage 1 read."""

    replicates: Replicates
    steps: Count  # the last one, Stage 1 included
    optimizers: dict[Name, Optimizer]


class Training(Section, Tasks, Stage1, Comparison):
    """A setting that trains; without optimizers, Stage 1 is all."""

    steps: Count = 1  # only optimizers need it
    optimizers: dict[Name, Optimizer] = Field(default_factory=dict)

    def relations(self) -> Iterator[Fault]:
        """Stage 1 ends before the optimizers do."""
        yield from super().relations()
        if self.optimizers:
            yield from self.at_most("boost.steps", "steps")

    def jobs(self) -> Iterator[list[Part]]:
        """Stage 1 and the optimizers, which hold more."""
        count = max(1, len(self.optimizers))
        steps = max(self.steps, self.boost.steps)
        yield [
            matrices(self, count),
            samples(self, count, self.batch),
            Part(("states", "length"), 24 * (1 + count) * entries(self, self.length)),
            logged(self, 1 + count, steps, self.log_interval),
        ]


class Attending(Logged):
    """What the comparison of softmax and linear attention reads."""

    steps: Count
    rate: Rate  # eta of V in both models and of A in the linear one
    logit_rate: Rate  # Adam's, of the softmax model's logits


class Scheduled(Attending):
    """The same, and how rates change."""

    schedule: Schedule = "constant"  # of all rates: decayed ones fall to 0 along a line


class Attention(Section, Tasks, Scheduled):
    """Figure 2: a linear and a softmax transformer on one ground truth."""

    def jobs(self) -> Iterator[list[Part]]:
        """Both models."""
        yield [
            matrices(self, 2),
            samples(self, 2, self.batch),
            Part(("states", "length"), 80 * entries(self, self.length)),
            logged(self, 2, self.steps, self.log_interval),
        ]
