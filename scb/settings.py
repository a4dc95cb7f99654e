"""The settings: every section of config.yaml as a typed model, with bounds and relations.

This is the one source of keys, defaults, bounds and of what a job is given. A job is given just the
fields that it reads, as JSON, so that a changed key runs again what reads it and nothing else.
Those fields are a model of their own, which the section inherits: `Boosting` is what Stage 1 reads
of a section of `Training`. `Model.of` takes it from there, and `Model.as_json` and pydantic's
``model_validate_json`` bring it to the job.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from scb.footprint import (
    CONDITIONS,
    KERNELS,
    LARGEST,
    LARGEST_OF_GPU,
    LEAST,
    ROW,
    STACKED,
    STAGE1_BATCH,
    TASK,
    Part,
    entries,
    logged,
    matrices,
    megabytes,
    points,
    samples,
)

Count = Annotated[int, Field(ge=1, le=2**31 - 1)]  # the tables hold 32 bits
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Replicates = Annotated[int, Field(ge=1, le=10**6)]
States = Annotated[int, Field(ge=2, le=65536)]
# In single precision far less is 0, and far more infinite.
Rate = Annotated[float, Field(ge=1e-30, le=1e30)]
Penalty = Annotated[float, Field(ge=0, le=1e30)]
Signal = Annotated[float, Field(ge=1e-30, le=1)]
# Below, mu is too rarely within a factor 4 of uniform to be drawn; above, P is uniform.
Concentration = Annotated[float, Field(ge=0.1, le=1000)]
# The steps are in proportion to the inverse.
BoostingRate = Annotated[float, Field(ge=1e-4, le=1)]
Growth = Annotated[float, Field(ge=1e-30, le=100)]  # eta times steps: these are in proportion
Sampler = Literal["dirichlet", "nontrivial", "softmax", "entries", "balanced"]
Rounding = Annotated[float, Field(gt=0, le=1)]  # above 1 not even Q itself is kept
Weights = Literal["uniform", "drawn"]
ClaimId = Literal["C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8"]
Schedule = Literal["constant", "decayed"]
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


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) < len(values):
        raise PydanticCustomError("wrong", "its entries must differ")
    return values


def _pattern(pattern: str, said: str) -> AfterValidator:
    """A check that the whole text is of a pattern, which is ``said`` in words."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise PydanticCustomError("wrong", f"it must be {said}")
        return text

    return AfterValidator(check)


_LIST: Any = Field(strict=False, min_length=1)  # YAML has no tuples
Rates = Annotated[tuple[Rate, ...], _LIST, AfterValidator(_distinct)]
Names = Annotated[tuple[str, ...], _LIST, AfterValidator(_distinct)]
Lengths = Annotated[tuple[Count, ...], Field(strict=False, min_length=2), AfterValidator(_distinct)]
Cosine = Annotated[float, Field(gt=-1, le=1)]
Correlations = Annotated[tuple[Cosine, ...], _LIST, AfterValidator(_distinct)]
Name = Annotated[str, _pattern("[a-z][a-z0-9_]{0,59}", "a name of a-z, 0-9 and '_'")]
Commit = Annotated[str, _pattern("[0-9a-f]{7,40}", "a commit")]
Device = Annotated[str, _pattern("auto|cpu|cuda(:[0-9]+)?", "auto, cpu, cuda or cuda:NUMBER")]
# The command line of Snakemake makes text of `true`.
Flag = Annotated[
    bool, BeforeValidator(lambda told: told == "true" if told in ("true", "false") else told)
]
# No dot at the start of a part, so neither `..` nor a hidden folder.
_PART = "[A-Za-z0-9_][A-Za-z0-9._-]*"
Folder = Annotated[
    str,
    Field(max_length=200),  # file systems allow 255 bytes a name
    _pattern(f"/?{_PART}(/{_PART})*", "a path of letters, digits, '_', '-', '.' and '/'"),
]

LEAKS = 1.0e-3
"""Held-out sequences of recall that may be in another split, in the mean: one ends the run."""

DEFAULTS = ("seed", "replicates", "log_interval", "rounding")
"""What a section may set for itself, and else takes from the top of config.yaml."""


class Fault(NamedTuple):
    """A value that does not go with another one; ``{at}`` in the message is its section."""

    key: str
    value: Any
    message: str


class Model(BaseModel):
    """Settings that cannot be changed, and know no other keys than their own."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True
    )

    @classmethod
    def of(cls, *sources: BaseModel, **own: Any) -> Self:
        """This model, each field as in ``own``, or in the first of ``sources`` that has it."""
        found = {
            name: getattr(source, name)
            for source in reversed(sources)
            for name in cls.model_fields
            if hasattr(source, name)
        }
        return cls(**found | own)

    def as_json(self) -> str:
        """All fields with sorted keys: what a job does is decided by them, and not by defaults."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)

    def relations(self) -> Iterator[Fault]:
        """Faults between two fields."""
        yield from ()

    @model_validator(mode="after")
    def _related(self) -> Self:
        if faults := list(self.relations()):
            raise PydanticCustomError("relation", "related", {"faults": faults})
        return self


class Section(Model):
    """A section that is as large as its jobs."""

    largest: ClassVar[int] = LARGEST

    def jobs(self) -> Iterator[list[Part]]:
        """What each kind of its jobs holds."""
        yield []

    @property
    def memory(self) -> int:
        """Megabytes that its jobs ask for."""
        return max(LEAST, *map(megabytes, self.jobs()))

    def relations(self) -> Iterator[Fault]:
        """A job holds it in memory."""
        yield from super().relations()
        parts = max(self.jobs(), key=megabytes)
        if (taken := megabytes(parts)) > self.largest:
            keys = max(parts, key=lambda part: part.size).keys
            key = max(keys, key=lambda key: look_up(self, key))
            said = f"with the other settings {_gigabytes(taken, self.largest)}"
            yield Fault(key, look_up(self, key), said)


# --- Tasks, Stage 1 and the optimizers after it: what jobs read, then the section of it all ---


class Sampling(Model):
    """How the ground truth (P, mu, Q) is drawn: see `scb.data.samplers`."""

    sampler: Sampler
    concentration: Concentration  # of the Dirichlet or Gamma distribution behind P
    weights: Weights  # of the attention pattern: 1/Q, or drawn


class Tasks(Sampling):
    """What drawing tasks reads."""

    seed: Seed
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
            yield Fault("states", self.states, "it must be at least 3 for the sampler nontrivial")
        if self.sparsity >= self.length:
            yield _less("sparsity", self.sparsity, "length", self.length)


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


class Stage1(Model):
    """What Stage 1 reads."""

    seed: Seed
    log_interval: Count
    rounding: Rounding  # c of the normalised solution
    batch: Count  # B
    boost: Boost


class FirstStage(Stage1):
    """What the first stage of softmax attention reads, and one step after it."""

    softmax: Logits  # what takes that step


class Comparison(Model):
    """What the optimizers after Stage 1 read."""

    seed: Seed
    replicates: Replicates
    log_interval: Count
    rounding: Rounding  # c of the normalised solution
    batch: Count  # B
    steps: Count  # the last one, Stage 1 included
    optimizers: dict[Name, Optimizer]


class Training(Section, Tasks, Stage1, Comparison):
    """A setting that trains; without optimizers, Stage 1 is all."""

    steps: Count = 1  # only optimizers need it
    optimizers: dict[Name, Optimizer] = {}

    def relations(self) -> Iterator[Fault]:
        """Stage 1 ends before the optimizers do."""
        yield from super().relations()
        if self.optimizers:
            yield from _stages(self)

    def jobs(self) -> Iterator[list[Part]]:
        """Stage 1 and the optimizers, which hold more."""
        count = max(1, len(self.optimizers))
        steps = max(self.steps, self.boost.steps)
        yield [
            matrices(self, count),
            samples(self, count, self.batch),
            Part(("states", "length"), 24 * (1 + count) * entries(self, self.length)),
            logged(self, (1 + count) * points(steps, self.log_interval)),
        ]


class Attending(Model):
    """What the comparison of softmax and linear attention reads."""

    seed: Seed
    log_interval: Count
    rounding: Rounding  # c of the normalised solution
    batch: Count  # B
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
            logged(self, 2 * points(self.steps, self.log_interval)),
        ]


# --- Figure 6 ---


class Particles(Model):
    """What simulations read: useless entries of A are followed as particles."""

    seed: Seed
    log_interval: Count
    rounding: Rounding  # c of the normalised solution
    batch: Count  # B; the noise has variance 1/B
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


class Simulation(Section, Tasks, Simulating):
    """Stages 1 and 2 at a T that no training reaches."""

    def relations(self) -> Iterator[Fault]:
        """Stage 1 ends before Stage 2 does; there are as many useless entries as are followed."""
        yield from super().relations()
        yield from _stages(self)
        yield from _followed(self)

    def jobs(self) -> Iterator[list[Part]]:
        """All tasks, and at a time one replicate or several small ones."""
        states, matrix = self.states, self.states**2
        yield [
            Part(("states",), self.replicates * (TASK * states + 60 * matrix) + 250 * matrix),
            Part(("states", "particles"), 70 * max(states * self.particles, 2**20)),
            logged(self, 4 * points(self.steps, self.log_interval)),
        ]


class Check(Section, Tasks, Checking):
    """The check of the simulation."""

    def relations(self) -> Iterator[Fault]:
        """There are as many useless entries as are followed."""
        yield from super().relations()
        yield from _followed(self)

    def jobs(self) -> Iterator[list[Part]]:
        """All replicates simulated at once, then one after the other trained."""
        always = [matrices(self, 2), logged(self, 5 * points(self.steps, self.log_interval))]
        yield [*always, Part(("states", "particles"), 70 * entries(self, self.particles))]
        yield [
            *always,
            Part(("states", "length"), 40 * self.states * self.length),
            Part(("states", "batch"), self.batch * (60 + 14 * 2 * self.states)),
        ]


# --- Transfer, section 4 of the paper ---


class Pretrain(Model):
    """Pretraining of a value matrix on a related task."""

    length: Count  # T
    batch: Count  # B
    steps: Count  # of Stages 1 and 2, at most
    fit_steps: Count  # of Stage 3
    fit_rate: Rate  # eta of Stage 3


class Pretraining(Pretrain):
    """What it reads."""

    seed: Seed
    rounding: Rounding  # c of Stage 3
    concentration: Concentration
    correlations: Correlations


class OneStep(Model):
    """The one step, after every number of batches."""

    steps: Count  # batches to average, at most
    ratio: Annotated[float, Field(ge=1.01, le=10)]  # of the numbers of samples looked at


class Stepping(OneStep):
    """What it reads."""

    seed: Seed
    rounding: Rounding  # c of the normalised solution
    batch: Count
    mixing: float


class Budget(Model):
    """How long to train."""

    growth: Growth


class Scratching(Budget):
    """What training from scratch reads."""

    seed: Seed
    log_interval: Count
    rounding: Rounding  # c of the normalised solution
    batch: Count


class Finetuning(Scratching):
    """What finetuning reads."""

    mixing: float


class Transfer(Section):
    """Transfer against training from scratch."""

    seed: Seed
    replicates: Replicates
    log_interval: Count
    rounding: Rounding  # c of Stage 3
    states: States  # N
    sparsity: Count  # Q
    concentration: Concentration  # of the balanced sampler
    batch: Count  # B, for all starts
    correlations: Correlations  # of the pretrained P_hat with P
    mixing: Annotated[float, Field(gt=0, le=1)]  # theta
    lengths: Lengths  # T
    replicates_at: Annotated[tuple[Replicates, ...], _LIST]  # at each T, if there are as many
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
            yield Fault(
                "curve_length", self.curve_length, f"it must be one of {{at}}lengths, {lengths}"
            )
        shortest = min(*lengths, self.pretrain.length)
        if self.sparsity >= shortest:
            both = f"{{at}}lengths and {{at}}pretrain.length, {shortest}"
            yield Fault("sparsity", self.sparsity, f"it must be less than all of {both}")

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


# --- The wider sweeps ---


class Doubled(Model):
    """T, doubled from one to the other."""

    shortest: Count
    longest: Count

    def relations(self) -> Iterator[Fault]:
        """At least two, for an exponent."""
        if 2 * self.shortest > self.longest:
            said = f"it must be at least twice {{at}}shortest, {self.shortest}"
            yield Fault("longest", self.longest, said)

    @property
    def lengths(self) -> list[int]:
        """``shortest``, twice that and so on, up to ``longest`` at most."""
        return [self.shortest << i for i in range((self.longest // self.shortest).bit_length())]


class Laddered(Model):
    """Tasks and batches for Stage 1 alone."""

    seed: Seed
    replicates: Replicates
    states: States  # N
    sparsity: Count  # Q
    concentration: Concentration  # of the balanced sampler
    halvings: Annotated[int, Field(ge=0, le=20)]  # batches below the closed form's
    doublings: Annotated[int, Field(ge=0, le=20)]  # and above it

    def batch_bytes(self, batch: int) -> int:
        """Bytes of a batch of all replicates."""
        return samples(self, 1, batch).size


class Stage1Alone(Laddered):
    """What it reads, for one kind of mu and one T."""

    length: Count
    stationary: Literal["uniform", "drawn"]
    rates: Rates


class Odds(Model):
    """How often Stage 1 ends with two positive signals, on the tasks of figure 5."""

    length: Count  # T
    batches: Annotated[tuple[Count, ...], _LIST, AfterValidator(_distinct)]  # B
    rates: Annotated[tuple[BoostingRate, ...], _LIST, AfterValidator(_distinct)]  # eta
    growth: Growth  # eta times steps


class EveryOdds(Odds):
    """For several vocabularies."""

    states: Annotated[tuple[States, ...], _LIST, AfterValidator(_distinct)]  # N


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
            yield Fault("larger_rate", self.larger_rate, "it must differ from {at}rate")
        for name, lengths in (("uniform", self.uniform), ("drawn", self.drawn)):
            if self.sparsity >= lengths.shortest:
                yield _less("sparsity", self.sparsity, f"{name}.shortest", lengths.shortest)
        if self.sparsity >= self.odds.length:
            yield _less("sparsity", self.sparsity, "odds.length", self.odds.length)

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


class Seeded(Model):
    """What a job reads that draws, but knows no other setting."""

    seed: Seed


class Penalties(Model):
    """A grid of lambdas."""

    least: Annotated[float, Field(ge=1e-12, le=1)]  # least lambda above 0
    most: Annotated[float, Field(ge=1e-12, le=1)]  # largest lambda
    per_decade: Annotated[int, Field(ge=1, le=100)]  # evenly spaced in the logarithm

    def relations(self) -> Iterator[Fault]:
        """A grid with two ends."""
        if self.least >= self.most:
            yield _less("least", self.least, "most", self.most)

    @property
    def penalties(self) -> list[float]:
        """0, then the grid from ``least`` to ``most``."""
        gaps = max(1, round(math.log10(self.most / self.least) * self.per_decade))
        grid = [self.least * (self.most / self.least) ** (place / gaps) for place in range(gaps)]
        rounded = (float(f"{penalty:.3g}") for penalty in [*grid, self.most])
        return [0.0, *dict.fromkeys(rounded)]  # of equal ones, as where the ends nearly meet, one


class Regularization(Penalties):
    """Sweeps over lambda, from where settings of ``training`` end Stage 1."""

    sections: Names
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
            said = f"it must be one of {{at}}sections, {list(self.sections)}"
            yield Fault("varied", self.varied, said)

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
            logged(swept, count * points(section.steps, self.log_interval)),
        ]
        return max(LEAST, megabytes(parts))


class Windows(Model):
    """What the windows of useful lambdas read."""

    sweeps: Names
    printed: Annotated[tuple[Penalty, ...], _LIST]  # lambda of the figures, of each sweep
    varied: str  # the sweep that larger_rate and larger_batch start from


# --- The multiverse: every reading of figure 1, and candidates for what the paper leaves open ---


class Universes(Model):
    """What Stage 1 and many conditions from its end read, all in one job."""

    seed: Seed
    log_interval: Count
    check_interval: Count  # steps between two looks at the signals of Stage 1
    roundings: Rates  # c of the normalised solution, each logged
    batch: Count  # B
    steps: Count  # the last one, Stage 1 included
    boost: Boost
    switch_signal: Signal | None  # Stage 1 ends by this signal too, besides by its step
    optimizers: dict[Name, Optimizer]


class Trained(Model):
    """Candidates for a row of figure 5; the first of each list is the printed one."""

    replicates: Replicates
    rates: Rates  # eta_1; eta_2 is the same share of it as in the section
    batches: Annotated[tuple[Count, ...], _LIST, AfterValidator(_distinct)]
    multiples: Rates  # of the penalty of proximal_large, which follows eta and B


class Simulated(Model):
    """Candidates for a column of figure 6; the first of each list is the printed one."""

    replicates: Replicates
    batches: Annotated[tuple[Count, ...], _LIST, AfterValidator(_distinct)]
    multiples: Rates  # of the section's penalty, which follows B


class Attended(Model):
    """Candidates for figure 2; the first of each list is the printed one."""

    replicates: Replicates
    rates: Rates
    schedules: Annotated[tuple[Schedule, ...], _LIST, AfterValidator(_distinct)]


class Candidates(Model):
    """Values that the paper does not state, by the sections in whose place they would stand."""

    training: dict[Name, Trained]
    simulation: dict[Name, Simulated]
    attention: dict[Name, Attended]


class Multiverse(Penalties):
    """Every reading of one section, a phase diagram around it, and candidates for the others."""

    seed: Seed  # for tuning alone
    replicates: Replicates
    log_interval: Count
    check_interval: Count
    section: str  # of training
    switch_signal: Signal  # at which Stage 1 ends, where a reading has it end by signal
    scales: Rates  # of both eta, in the phase diagram; its penalties are the grid
    candidates: Candidates

    def memory_of(self, section: Training, conditions: int, replicates: int, batch: int) -> int:
        """Megabytes that a job asks for that goes on in so many conditions."""
        parts = [
            matrices(section.model_copy(update={"replicates": replicates}), conditions),
            Part(("batch",), replicates * batch * (60 + 14 * conditions * section.states)),
            Part(
                ("length",),
                24 * (3 + conditions) * replicates * section.states * section.length,
            ),
            Part(
                ("steps",),
                8 * ROW * replicates * (1 + conditions) * points(section.steps, self.log_interval),
            ),
        ]
        return max(LEAST, megabytes(parts))


class Grouped(Model):
    """What judging universes reads."""

    groups: Names  # which each table is of


class Scaled(Model):
    """What the phase diagram reads."""

    scales: Rates
    printed: Penalty  # lambda


class Choosing(Model):
    """What choosing among candidates reads."""

    seed: Seed
    section: str  # of the multiverse
    training: Names
    simulation: Names
    attention: Names


# --- The second paper ---


class OneRecall(Section):
    """What training one kernel on multi-query associative recall reads of its setting."""

    vocabulary: Count  # V
    length: Count  # T
    pairs: Count  # keys with a value
    width: Count  # d, of the model and the values
    features: Count  # f of the square kernels
    batch: Count  # sequences a step
    steps: Count  # the cap, where the cosine of the rate ends
    log_interval: Count  # steps between two looks at the validation split
    solved: Annotated[float, Field(gt=0, le=1)]  # validation accuracy at which a run ends
    validation: Count  # sequences by which runs end and a rate is chosen
    test: Count  # sequences by which kernels are judged
    std: Annotated[float, Field(gt=0, le=10)]  # of the initial weights
    placement: Literal["before", "after"]  # of the LayerNorms of the blocks

    largest: ClassVar[int] = LARGEST_OF_GPU

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
        length, pairs, vocabulary = self.length, self.pairs, self.vocabulary
        if length < 4 * pairs:
            yield Fault("length", length, f"it must be at least 4 {{at}}pairs, {4 * pairs}")
        elif length % 2:
            yield Fault("length", length, "it must be even")
        elif vocabulary <= length:
            said = f"it must be greater than {{at}}length, {length}"
            yield Fault("vocabulary", vocabulary, said)
        elif (leaks := self.expected_leaks) > LEAKS:
            said = (
                f"with {{at}}pairs {pairs} there are so few sequences that about {leaks:.1g} of "
                "those held out would be in another split"
            )
            yield Fault("vocabulary", vocabulary, said)

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

    kernels: Annotated[tuple[Kernel, ...], _LIST, AfterValidator(_distinct)]  # that are trained


class Recalling(OneRecall):
    """What training one kernel on it reads."""

    seed: Seed
    rates: Rates
    runs: Count
    kernel: Kernel


class Kernelising(Attending):
    """What training every kernel on the task of figure 2 reads."""

    features: Count


class TuningRecall(Model):
    """How the learning rates of recall are chosen, on the seed of the multiverse."""

    rates: Rates
    runs: Count  # of each rate
    # Settings that choose nothing: what another reading would give.
    readings: Annotated[tuple[str, ...], Field(strict=False), AfterValidator(_distinct)]


class Rebased(Model):
    """Kernelised attention."""

    section: str  # of attention, the task of figure 2
    features: Count  # f on the task of figure 2
    rates: dict[Kernel, Rate]  # of recall, as tuning chose them; others are not trained
    runs: Annotated[int, Field(ge=2, le=10**6)]  # seeds of data and of initial weights
    fixed: Commit | None  # at which rules, rates and runs were fixed; null as yet
    settings: Names  # of recall, a size of the state each
    limited: Names  # those of them in which the state is small for the task, as K1 and K2 ask
    tuning: TuningRecall
    recall: dict[Name, Recall]

    def relations(self) -> Iterator[Fault]:
        """Names of settings that are there, with the kernels that the claims compare."""
        if self.features % 2:
            yield Fault("features", self.features, "it must be even")
        known = self.recall
        yield from _unknown("settings", self.settings, known, "{at}recall")
        yield from _unknown("limited", self.limited, self.settings, "{at}settings")
        yield from _unknown("tuning.readings", self.tuning.readings, known, "{at}recall")
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
            logged(section, KERNELS * points(section.steps, section.log_interval)),
        ]
        return max(LEAST, megabytes(parts))


# --- Its other half: language ---


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


class LanguageRuns(Reading):
    """What training one kernel reads."""

    seed: Seed
    rates: Rates
    runs: Count
    kernel: str


class TuningRates(Model):
    """How the rates were chosen, on the seed of the multiverse."""

    rates: Rates
    runs: Count


class Language(Section, Tokenizing, Reading):
    """Language modelling."""

    text: Folder | None  # a file to read in the place of the standard library
    runs: Annotated[int, Field(ge=2, le=10**6)]  # of Based and ReBased: seeds of text and weights
    runs_of_others: Count  # of the other kernels, which nothing is judged by
    rates: dict[Kernel, Rate]  # of each kernel that is trained
    tuning: TuningRates

    largest: ClassVar[int] = LARGEST_OF_GPU

    def relations(self) -> Iterator[Fault]:
        """The two kernels that the claims compare."""
        yield from super().relations()
        if self.runs_of_others > self.runs:
            said = f"it must be at most {{at}}runs, {self.runs}"
            yield Fault("runs_of_others", self.runs_of_others, said)
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


# --- What figures draw and claims judge ---


class Curves(Model):
    """A figure of one setting."""

    section: str  # of training
    optimizers: Names  # of that setting, in the order of the legend


class Rows(Model):
    """A figure with a row for each of several settings."""

    sections: Names  # of training
    optimizers: Names  # of each of them, in the order of the legend


class Columns(Model):
    """A figure with a column for each of several simulations."""

    sections: Names  # of simulation


class Matrices(Model):
    """A figure of what both transformers learn in one setting."""

    section: str  # of attention


class Draw(Model):
    """What each figure draws, and once more with silent values that favour the claims."""

    fig1_convergence: Curves
    fig1_convergence_best: Curves | None = None
    fig2_softmax_vs_linear: Matrices
    fig2_softmax_vs_linear_best: Matrices | None = None
    fig3_signals: Curves
    fig3_signals_best: Curves | None = None
    fig4_similarity: Curves
    fig4_similarity_best: Curves | None = None
    fig5_vocabulary: Rows
    fig5_vocabulary_best: Rows | None = None
    fig6_simulation: Columns
    fig6_simulation_best: Columns | None = None
    softmax: Curves


class Judged(Model):
    """The settings by which all claims are judged."""

    convergence: str  # C1 to C5, C9 and B1 to B4; of training
    vocabulary: Names  # C6; of training
    simulation: Names  # C7; of simulation
    attention: str  # C8; of attention
    population: str  # C11; of training
    softmax: str  # C12 and B6; of training


class Elsewhere(Model):
    """Settings by which one claim is judged once more."""

    said: str  # what differs, as the table has it
    sections: Names  # a row each, as of the claim as printed
    proximal: Name = (
        "proximal"  # the optimizers that are judged as proximal, SGD and small-rate SGD
    )
    sgd: Name = "sgd"
    sgd_small: Name | None = None  # which C2 asks for


class Claims(Model):
    """What the claims are judged by."""

    fixed: Commit | None  # at which rules, readings and replicates were fixed; null as yet
    printed: Judged  # stated values as stated, silent ones by the default reading
    best: dict[ClaimId, Elsewhere] | None  # silent values that favour the claim
    changed: dict[ClaimId, Elsewhere] | None  # a stated value changed


class Judging(Model):
    """What the claims read."""

    claims: Claims
    digest: str  # of the settings of these results
    figures: str  # folder of figures, seen from the document


class ClosedForms(Model):
    """What the closed forms beside the claims read."""

    seed: Seed
    replicates: Replicates
    batch: Count  # B
    boost: Boost
    optimizers: dict[Name, Optimizer]


class Writing(Model):
    """What the article tells of the settings."""

    seed: Seed
    rounding: Rounding
    training: dict[Name, Training]
    simulation: dict[Name, Simulation]
    attention: dict[Name, Attention]
    check: Check
    transfer: Transfer
    reported: Signal  # what the paper reports of the signals at the end of Stage 1
    claims: Claims


class ChoosingRates(Model):
    """What choosing the learning rates of recall reads."""

    seed: Seed
    settings: Names
    limited: Names


class JudgingRebased(Model):
    """What the second paper's claims read."""

    limited: Names
    fixed: Commit | None
    digest: str
    figures: str


class Settings(Model):
    """All of config.yaml."""

    seed: Seed  # root of every other seed
    replicates: Replicates  # independent tasks and streams
    log_interval: Count  # steps between two points of a curve
    rounding: Rounding  # c of Stage 3, which keeps a_t >= c/Q
    device: Device  # the same data on all
    results: Folder  # of tables, logs and benchmarks
    figures: Folder
    overwrite: Flag  # whether results may be replaced that were made with other settings
    tasks: Sampling
    training: dict[Name, Training]
    simulation: dict[Name, Simulation]
    check: Check
    attention: dict[Name, Attention]
    transfer: Transfer
    stage1_samples: Stage1Samples
    regularization: Regularization
    multiverse: Multiverse
    rebased: Rebased
    language: Language
    draw: Draw
    claims: Claims

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, config: Any) -> Any:
        """The settings, with the defaults in each section that does not set them for itself."""
        if not isinstance(config, Mapping):
            return config
        sampling: Any = config.get("tasks")
        sampling = sampling if isinstance(sampling, Mapping) else {}
        top = {key: config[key] for key in DEFAULTS if key in config} | dict(sampling)

        def fill(section: Any, model: Any) -> Any:
            if not isinstance(section, Mapping):
                return section
            return {key: top[key] for key in model.model_fields if key in top} | dict(section)

        filled = dict(config)
        for name, model in SEVERAL.items():
            if isinstance(several := filled.get(name), Mapping):
                filled[name] = {key: fill(one, model) for key, one in several.items()}
        for name in ("check", "transfer", "stage1_samples", "regularization", "multiverse"):
            if name in filled:
                filled[name] = fill(filled[name], cls.model_fields[name].annotation)
        return filled

    def relations(self) -> Iterator[Fault]:
        """Names of settings that are there."""
        taken = _TAKEN | set(Settings.model_fields) - {"attention"}  # a section has this name
        for kind in SEVERAL:
            for name in look_up(self, kind):
                if name in taken:
                    yield Fault(f"{kind}.{name}", name, "this name is taken by another section")
                taken.add(name)
        for name in set(self.regularization.sections) & set(self.training):
            swept = self.training[name].optimizers.get("proximal")
            if swept and swept.kind != "proximal":
                at = f"training.{name}.optimizers.proximal.kind"
                yield Fault(at, swept.kind, "it must be proximal: regularization sweeps its lambda")
        on_logits = self.training.get(self.claims.printed.softmax)
        trained = on_logits and on_logits.optimizers.get("softmax")
        if trained and trained.kind != "softmax":
            at = f"training.{self.claims.printed.softmax}.optimizers.softmax.kind"
            yield Fault(at, trained.kind, "it must be softmax: C12 is about its steps")
        grid = self.regularization
        for name, section in self._swept():
            if (needed := grid.memory_of(section)) > LARGEST:
                said = f"with training.{name}, and {len(grid.penalties)} lambdas in all, "
                said += _gigabytes(needed, LARGEST)
                yield Fault("regularization.per_decade", grid.per_decade, said)
        for at, needed in self._branched():
            if needed > LARGEST:
                yield Fault(at, look_up(self, at), _gigabytes(needed, LARGEST))
        on = self.attention.get(self.rebased.section)
        if on and (needed := self.rebased.memory_of(on)) > LARGEST:
            said = f"with attention.{self.rebased.section} {_gigabytes(needed, LARGEST)}"
            yield Fault("rebased.features", self.rebased.features, said)
        for place, kind in _NAMED.items():
            if (named := look_up(self, place)) is None:  # a figure that is not drawn
                continue
            names = (named,) if isinstance(named, str) else named
            yield from _unknown(place, names, look_up(self, kind), kind)
            drawn = getattr(look_up(self, place.rpartition(".")[0]), "optimizers", ())
            for name in names:
                if kind == "training" and name in self.training:
                    known = self.training[name].optimizers
                    where = f"training.{name}.optimizers"
                    key = f"{place.rpartition('.')[0]}.optimizers"
                    yield from _unknown(key, drawn, known, where)
                    for optimizer in _JUDGED.get(place, ()):
                        if optimizer not in known:
                            said = f"it must have an optimizer named {optimizer}"
                            yield Fault(place, name, said)
        for how in ("best", "changed"):
            for claim, one in (getattr(self.claims, how) or {}).items():
                yield from self._elsewhere(f"claims.{how}.{claim}", claim, one)

    def _branched(self) -> Iterator[tuple[str, int]]:
        """Megabytes of each kind of job of the multiverse, with the setting to blame."""
        asked = self.multiverse
        candidates = asked.candidates
        if section := self.training.get(asked.section):
            for key, conditions in (
                ("multiverse.replicates", CONDITIONS),
                ("multiverse.per_decade", len(asked.penalties) + 1),
            ):
                yield key, asked.memory_of(section, conditions, asked.replicates, section.batch)
        for name, trained in candidates.training.items():
            if section := self.training.get(name):
                conditions, batch = len(trained.multiples) + 2, max(trained.batches)
                needed = asked.memory_of(section, conditions, trained.replicates, batch)
                yield f"multiverse.candidates.training.{name}.replicates", needed
        for kind in ("simulation", "attention"):
            for name, candidate in look_up(candidates, kind).items():
                if one := look_up(self, kind).get(name):
                    some = one.model_copy(update={"replicates": candidate.replicates})
                    needed = max(map(megabytes, some.jobs()))
                    yield f"multiverse.candidates.{kind}.{name}.replicates", needed

    def _elsewhere(self, at: str, claim: str, one: Elsewhere) -> Iterator[Fault]:
        """Sections of the claim's kind, as many as it reads, with the optimizers that it judges."""
        kind = {"C7": "simulation", "C8": "attention"}.get(claim, "training")
        yield from _unknown(f"{at}.sections", one.sections, look_up(self, kind), kind)
        if len(one.sections) > 1 and claim not in ("C6", "C7"):
            yield Fault(f"{at}.sections", list(one.sections), f"{claim} is of one section")
        for name in one.sections:
            if kind == "training" and name in self.training:
                known = self.training[name].optimizers
                where = f"training.{name}.optimizers"
                for judged in ("proximal", "sgd", "sgd_small"):
                    named = [name for name in (getattr(one, judged),) if name]
                    yield from _unknown(f"{at}.{judged}", named, known, where)

    def _swept(self) -> Iterator[tuple[str, Training]]:
        """The section of each sweep over lambda; another eta takes no more memory."""
        grid = self.regularization
        for name in grid.sections:
            if section := self.training.get(name):
                yield name, section
                if name == grid.varied:
                    yield name, section.model_copy(update={"batch": grid.larger_batch})


SEVERAL: dict[str, type[Section]] = {
    "training": Training,
    "attention": Attention,
    "simulation": Simulation,
}
"""Kinds of sections of which config.yaml has several, by name."""

_NAMED = {
    "claims.printed.convergence": "training",
    "claims.printed.vocabulary": "training",
    "claims.printed.simulation": "simulation",
    "claims.printed.attention": "attention",
    "claims.printed.population": "training",
    "claims.printed.softmax": "training",
    "rebased.section": "attention",
    "regularization.sections": "training",
    "multiverse.section": "training",
    "multiverse.candidates.training": "training",
    "multiverse.candidates.simulation": "simulation",
    "multiverse.candidates.attention": "attention",
    **{
        f"draw.{figure}{best}.{key}": kind
        for figure, key, kind in (
            ("fig1_convergence", "section", "training"),
            ("fig2_softmax_vs_linear", "section", "attention"),
            ("fig3_signals", "section", "training"),
            ("fig4_similarity", "section", "training"),
            ("fig5_vocabulary", "sections", "training"),
            ("fig6_simulation", "sections", "simulation"),
            ("softmax", "section", "training"),
        )
        for best in ("", "_best")
    },
}
"""Where settings are named, and of which kind they are."""


_JUDGED = {
    "claims.printed.convergence": ("proximal", "proximal_large", "sgd"),
    "claims.printed.vocabulary": ("proximal", "sgd"),
    "claims.printed.softmax": ("proximal_best", "sgd", "sgd_simplex", "softmax"),
    "regularization.sections": ("proximal",),
    "multiverse.section": ("proximal", "sgd", "sgd_small"),
    "multiverse.candidates.training": ("proximal", "proximal_large", "sgd"),
}
"""The optimizers that claims and sweeps know by name."""

_TAKEN = {"logs", "benchmarks", "ends", "windows", "exponents", "larger_rate", "larger_batch"}
"""Names of folders and tables that no section may have."""


def look_up(settings: Any, key: str) -> Any:
    """The setting at a dotted key: ``look_up(settings, "training.convergence.boost.rate")``."""
    for part in key.split("."):
        settings = (
            settings[part] if isinstance(settings, Mapping) else getattr(settings, part, None)
        )
    return settings


def _gigabytes(taken: int, largest: int) -> str:
    return f"it takes {taken / 1000:.3g} GB, which must be at most {largest // 1000} GB"


def _less(key: str, value: Any, other: str, bound: Any) -> Fault:
    return Fault(key, value, f"it must be less than {{at}}{other}, {bound}")


def _stages(section: Training | Simulation) -> Iterator[Fault]:
    if section.boost.steps > section.steps:
        said = f"it must be at most {{at}}steps, {section.steps}"
        yield Fault("boost.steps", section.boost.steps, said)


def _followed(section: Simulation | Check) -> Iterator[Fault]:
    useless = section.length - section.sparsity
    if 0 < useless < section.particles:
        said = f"it must be at most {{at}}length less {{at}}sparsity, {useless}"
        yield Fault("particles", section.particles, said)


def _unknown(key: str, names: Iterable[str], known: Iterable[str], where: str) -> Iterator[Fault]:
    """Names that are not in ``known``, the settings at ``where``."""
    for name in names:
        if name not in known:
            yield Fault(key, name, f"it must be one of {where}: {', '.join(known) or 'none'}")
