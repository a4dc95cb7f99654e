"""Conditions that config.yaml does not spell out: its sections with something changed."""

from typing import Any, NamedTuple, TypeVar

from scb.settings import Comparison, Model, Settings, Variant

PROXIMAL = "proximal"
"""The optimizer whose lambda is swept."""

M = TypeVar("M", bound=Model)


class Sweep(NamedTuple):
    """Proximal steps at many lambdas, from where a section ends Stage 1."""

    section: str
    settings: Comparison
    printed: float
    """The section's own lambda."""
    memory: int
    """Megabytes that it asks for."""


def sweeps(settings: Settings) -> dict[str, Sweep]:
    """A sweep of each section, and two more of one: with another eta, and with another B."""
    grid = settings.regularization

    def sweep(section: str, **changed: Any) -> Sweep:
        start = _with(settings.training[section], **changed)
        steps: Any = _with(start.optimizers[PROXIMAL], **changed)
        swept = {
            f"penalty_{place:02}": _with(steps, penalty=penalty)
            for place, penalty in enumerate(grid.penalties)
        }
        return Sweep(
            section,
            Comparison.of(grid, start, optimizers=swept),
            steps.penalty,
            grid.memory_of(start),
        )

    return {
        **{section: sweep(section) for section in grid.sections},
        "larger_rate": sweep(grid.varied, rate=grid.larger_rate),
        "larger_batch": sweep(grid.varied, batch=grid.larger_batch),
    }


def variants(settings: Settings) -> dict[str, Variant]:
    """The runs of one section with a reading changed; `sampler` differs in its tasks alone."""
    read = Variant.of(settings.training[settings.sensitivity.section])

    def variant(boost: dict[str, Any], **changed: Any) -> Variant:
        optimizers = {name: _with(spec, **changed) for name, spec in read.optimizers.items()}
        return _with(read, boost=_with(read.boost, **boost), optimizers=optimizers)

    raw = {
        name: _with(spec, kind="raw") if spec.kind == "sgd" else spec
        for name, spec in read.optimizers.items()
    }
    return {
        "rates": variant({"scaled": False}, scaled=False),
        "raw_sgd": _with(read, optimizers=raw),
        "no_threshold": variant({}, threshold=False),
        "sampler": read,
        "switch": variant({"signal": settings.sensitivity.switch_signal}),
    }


def _with(model: M, **changed: Any) -> M:
    """The model with those of the fields changed that it has."""
    own = {name: value for name, value in changed.items() if name in type(model).model_fields}
    return model.model_copy(update=own)
