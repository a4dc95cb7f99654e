"""All of config.yaml: its sections, the defaults that they share, and what one asks of another."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, model_validator

from scb.footprint import CONDITIONS, LARGEST
from scb.settings.claims import Claims, Elsewhere
from scb.settings.draw import Draw
from scb.settings.language import Language
from scb.settings.model import DEFAULTS, Fault, Model, Section, look_up, named, too_much, unknown
from scb.settings.multiverse import Multiverse
from scb.settings.rebased import Rebased
from scb.settings.regularization import Regularization
from scb.settings.simulation import Check, Simulation
from scb.settings.softmax_samples import SoftmaxSamples
from scb.settings.stage1_samples import Stage1Samples
from scb.settings.training import Attention, Sampling, Training
from scb.settings.transfer import Transfer
from scb.settings.values import Count, Folder, Name, Replicates, Rounding, Seed, pattern

Device = Annotated[str, pattern("auto|cpu|cuda(:[0-9]+)?", "auto, cpu, cuda or cuda:NUMBER")]
# The command line of Snakemake makes text of `true`.
Flag = Annotated[
    bool, BeforeValidator(lambda told: told == "true" if told in ("true", "false") else told)
]

SEVERAL: dict[str, type[Section]] = {
    "training": Training,
    "attention": Attention,
    "simulation": Simulation,
}
"""Kinds of sections of which config.yaml has several, by name."""

_TAKEN = {"logs", "benchmarks", "ends", "windows", "exponents", "larger_rate", "larger_batch"}
"""Names of folders and tables that no section may have."""


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
    softmax_samples: SoftmaxSamples
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
        filled = dict(config)
        top = {key: config[key] for key in DEFAULTS if key in config}
        if isinstance(sampling := config.get("tasks"), Mapping):
            top |= sampling

        def fill(section: Any, model: Any) -> Any:
            if not isinstance(section, Mapping):
                return section
            return {key: top[key] for key in model.model_fields if key in top} | dict(section)

        for name, model in SEVERAL.items():
            if isinstance(several := filled.get(name), Mapping):
                filled[name] = {key: fill(one, model) for key, one in several.items()}
        for name in (
            *("check", "transfer", "stage1_samples", "softmax_samples"),
            *("regularization", "multiverse"),
        ):
            if name in filled:
                filled[name] = fill(filled[name], cls.model_fields[name].annotation)
        return filled

    def relations(self) -> Iterator[Fault]:
        """What one section asks of another."""
        yield from self._taken()
        yield from self._named()
        yield from self._elsewhere()
        yield from self._kinds()
        for key, needed, beside in self._memory():
            if needed > LARGEST:
                yield self.fault(key, beside + too_much(needed))

    def _taken(self) -> Iterator[Fault]:
        """A section's name is also its folder, so no two have the same."""
        taken = _TAKEN | set(Settings.model_fields) - {"attention"}  # a section has this name
        for kind in SEVERAL:
            for name in look_up(self, kind):
                if name in taken:
                    yield Fault(f"{kind}.{name}", name, "this name is taken by another section")
                taken.add(name)

    def _named(self) -> Iterator[Fault]:
        """Sections that are named are there, and train what is asked of them."""
        for at, key, mark, model in named(self):
            names = getattr(model, key)
            names = (names,) if isinstance(names, str) else names
            yield from unknown(f"{at}{key}", names, look_up(self, mark.kind), mark.kind)
            for name in names if mark.kind == "training" else ():
                drawn = getattr(model, "optimizers", ())
                yield from self._untrained(f"{at}optimizers", drawn, name)
                for optimizer in mark.optimizers:
                    if name in self.training and optimizer not in self.training[name].optimizers:
                        said = f"it must have an optimizer named {optimizer}"
                        yield Fault(f"{at}{key}", name, said)

    def _untrained(self, key: str, optimizers: Any, section: str) -> Iterator[Fault]:
        """Optimizers that a section of training does not have."""
        if section in self.training:
            known = self.training[section].optimizers
            yield from unknown(key, optimizers, known, f"training.{section}.optimizers")

    def _elsewhere(self) -> Iterator[Fault]:
        """Sections of the claim's kind, as many as it reads, with the optimizers that it judges."""
        for how in ("best", "changed"):
            judged: dict[str, Elsewhere] = look_up(self.claims, how) or {}
            for claim, one in judged.items():
                at = f"claims.{how}.{claim}"
                kind = {"C7": "simulation", "C8": "attention"}.get(claim, "training")
                yield from unknown(f"{at}.sections", one.sections, look_up(self, kind), kind)
                if len(one.sections) > 1 and claim not in ("C6", "C7"):
                    yield Fault(f"{at}.sections", [*one.sections], f"{claim} is of one section")
                for name in one.sections if kind == "training" else ():
                    for key in ("proximal", "sgd", "sgd_small"):
                        if optimizer := getattr(one, key):
                            yield from self._untrained(f"{at}.{key}", (optimizer,), name)

    def _kinds(self) -> Iterator[Fault]:
        """Optimizers of these names are of this kind."""
        swept = self.regularization.sections
        for name, kind, why in (
            *((name, "proximal", "regularization sweeps its lambda") for name in swept),
            (self.claims.printed.softmax, "softmax", "C12 is about its steps"),
        ):
            section = self.training.get(name)
            trained = section and section.optimizers.get(kind)
            if trained and trained.kind != kind:
                key = f"training.{name}.optimizers.{kind}.kind"
                yield Fault(key, trained.kind, f"it must be {kind}: {why}")

    def _memory(self) -> Iterator[tuple[str, int, str]]:
        """Megabytes of jobs that read two sections: with the key to blame, and the other one."""
        grid, asked = self.regularization, self.multiverse
        for name in grid.sections:
            if section := self.training.get(name):
                beside = f"with training.{name}, and {len(grid.penalties)} lambdas in all, "
                for batch in (section.batch, *(grid.larger_batch,) * (name == grid.varied)):
                    swept = section.model_copy(update={"batch": batch})
                    yield "regularization.per_decade", grid.memory_of(swept), beside
        if on := self.attention.get(self.rebased.section):
            beside = f"with attention.{self.rebased.section} "
            yield "rebased.features", self.rebased.memory_of(on), beside
        if section := self.training.get(asked.section):
            many = {"replicates": CONDITIONS, "per_decade": len(asked.penalties) + 1}
            for key, conditions in many.items():
                needed = asked.memory_of(section, conditions, asked.replicates, section.batch)
                yield f"multiverse.{key}", needed, ""
        candidates = "multiverse.candidates"
        for name, one in asked.candidates.training.items():
            if section := self.training.get(name):
                conditions, batch = len(one.multiples) + 2, max(one.batches)
                needed = asked.memory_of(section, conditions, one.replicates, batch)
                yield f"{candidates}.training.{name}.replicates", needed, ""
        for kind in ("simulation", "attention"):
            for name, candidate in look_up(asked.candidates, kind).items():
                if there := look_up(self, kind).get(name):
                    some = there.model_copy(update={"replicates": candidate.replicates})
                    yield f"{candidates}.{kind}.{name}.replicates", some.memory, ""
