"""What all sections are: models that know their own keys, relations between these, and memory."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from scb.footprint import LARGEST, LARGEST_OF_GPU, Part, asked, megabytes
from scb.settings.values import Count, Rounding, Seed

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

    def fault(self, key: str, said: str) -> Fault:
        """What is ``said`` of the value at a key."""
        return Fault(key, look_up(self, key), said)

    def less(self, key: str, other: str) -> Iterator[Fault]:
        """A fault where the value at one key is not less than that at the other."""
        if look_up(self, key) >= (bound := look_up(self, other)):
            yield self.fault(key, f"it must be less than {{at}}{other}, {bound}")

    def at_most(self, key: str, other: str) -> Iterator[Fault]:
        """A fault where the value at one key is greater than that at the other."""
        if look_up(self, key) > (bound := look_up(self, other)):
            yield self.fault(key, f"it must be at most {{at}}{other}, {bound}")


class Section(Model):
    """A section that is as large as its jobs."""

    largest: ClassVar[int] = LARGEST

    def jobs(self) -> Iterator[list[Part]]:
        """What each kind of its jobs holds."""
        yield []

    @property
    def memory(self) -> int:
        """Megabytes that its jobs ask for."""
        return max(map(asked, self.jobs()))

    def relations(self) -> Iterator[Fault]:
        """A job holds it in memory."""
        yield from super().relations()
        parts = max(self.jobs(), key=megabytes)
        if (taken := megabytes(parts)) > self.largest:
            keys = max(parts, key=lambda part: part.size).keys
            key = max(keys, key=lambda key: look_up(self, key))
            yield self.fault(key, f"with the other settings {too_much(taken, self.largest)}")


class OnGpu(Section):
    """A section whose published sizes are for a GPU."""

    largest = LARGEST_OF_GPU


class Seeded(Model):
    """What a job reads that draws."""

    seed: Seed


class Logged(Seeded):
    """What a job reads that trains, and logs curves."""

    log_interval: Count
    rounding: Rounding  # c of Stage 3, and of the normalised solution
    batch: Count  # B


def look_up(settings: Any, key: str) -> Any:
    """The setting at a dotted key: ``look_up(settings, "training.convergence.boost.rate")``."""
    for part in key.split("."):
        settings = (
            settings[part] if isinstance(settings, Mapping) else getattr(settings, part, None)
        )
    return settings


def too_much(taken: int, largest: int = LARGEST) -> str:
    """What is said of a job that takes more megabytes than ``largest``."""
    return f"it takes {taken / 1000:.3g} GB, which must be at most {largest // 1000} GB"


def unknown(key: str, names: Iterable[str], known: Iterable[str], where: str) -> Iterator[Fault]:
    """Names that are not in ``known``, the settings at ``where``."""
    for name in names:
        if name not in known:
            yield Fault(key, name, f"it must be one of {where}: {', '.join(known) or 'none'}")


class Of(NamedTuple):
    """Marks a key that names sections; `named` finds it."""

    kind: str
    """Of which kind these are: the key of config.yaml that they stand under."""
    optimizers: tuple[str, ...] = ()
    """What each of them must train, because who reads the key knows it by name."""


def named(model: Model, at: str = "") -> Iterator[tuple[str, str, Of, Model]]:
    """Each marked key: where it stands, its name, its mark and the model that has it."""
    for key, field in type(model).model_fields.items():
        yield from ((at, key, mark, model) for mark in field.metadata if isinstance(mark, Of))
        if isinstance(inner := getattr(model, key), Model):
            yield from named(inner, f"{at}{key}.")
