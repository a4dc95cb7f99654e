"""Conditions that config.yaml does not spell out: its sections with something changed."""

from itertools import product
from typing import Any, NamedTuple, TypeVar

from scb.analysis.readings import (
    BASELINE,
    OPENING,
    RATES,
    ROUNDING,
    SAMPLER,
    STREAM,
    THRESHOLD,
    WEIGHTS,
    Reading,
    groups,
    readings,
)
from scb.settings.model import Model
from scb.settings.multiverse import Multiverse, Universes
from scb.settings.rebased import Rebased, Recalling
from scb.settings.simulation import Simulating
from scb.settings.training import Comparison, Optimizer, Plain, Scheduled, Sgd, Tasks, Training
from scb.settings.whole import Settings

PROXIMAL, LARGE, SGD, SMALL = "proximal", "proximal_large", "sgd", "sgd_small"
"""The optimizers that are known by name."""

M = TypeVar("M", bound=Model)


TUNING = "rebased_tuning"
"""Folder of the runs by which the learning rates of recall are chosen."""


def recalling(settings: Settings, folder: str, setting: str, kernel: str) -> Recalling:
    """One kernel on recall: at its own rate, or at all rates on the tuning seed."""
    rebased = settings.rebased
    if folder == TUNING:
        seed, asked = settings.multiverse.seed, rebased.tuning
        rates, runs = asked.rates, asked.runs
    else:
        # Some kernels of a setting have no rate: their jobs are not asked for.
        seed, runs = settings.seed, rebased.runs
        rates = tuple(rate for name, rate in rebased.rates.items() if name == kernel)
    return Recalling.of(rebased.recall[setting], seed=seed, kernel=kernel, rates=rates, runs=runs)


def recalled(rebased: Rebased, folder: str) -> list[str]:
    """Tables of recall: of what is judged, or of what rates are chosen by."""
    tuning = folder == TUNING
    return [
        f"<results>/{folder}/{name}/{kernel}.parquet"
        for name in (*rebased.settings, *(rebased.tuning.readings if tuning else ()))
        for kernel in (rebased.recall[name].kernels if tuning else rebased.trained(name))
    ]


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


# --- The multiverse ---


class Drawn(NamedTuple):
    """Tasks of a reading, of a section that has candidates, or of transfer."""

    settings: Tasks
    memory: int


class Planned(NamedTuple):
    """A job of the multiverse, on tasks of `multiverse_tasks`."""

    tasks: str
    """Their name."""
    settings: Model
    memory: int

    @property
    def table(self) -> str:
        """Where the tasks lie."""
        return f"<results>/multiverse/tasks/{self.tasks}.parquet"


def drawn_by(reading: Reading) -> str:
    """Name of the tasks of a reading, as in ``dirichlet_uniform``."""
    return "_".join(reading[dimension.name] for dimension in (SAMPLER, WEIGHTS))


def condition_of(reading: Reading) -> str:
    """Name of the proximal condition of a reading, as in ``proximal_lambda_threshold``."""
    return "_".join((PROXIMAL, reading[THRESHOLD.name], reading[OPENING.name]))


def multiverse_tasks(settings: Settings) -> dict[str, Drawn]:
    """Tasks of all readings, and of the sections that have candidates, all on the tuning seed."""
    asked = settings.multiverse
    section = settings.training[asked.section]
    memory = section.model_copy(update={"replicates": asked.replicates}).memory
    found = {}
    for one in readings((SAMPLER, WEIGHTS)):
        read = Tasks.of(
            section,
            seed=asked.seed,
            replicates=asked.replicates,
            sampler=one[SAMPLER.name],
            weights=one[WEIGHTS.name],
        )
        found[drawn_by(one)] = Drawn(read, memory)
    for kind in ("training", "simulation", "attention"):
        for name, candidate in getattr(asked.candidates, kind).items():
            some = _few(getattr(settings, kind)[name], candidate.replicates)
            found[name] = Drawn(Tasks.of(some, seed=asked.seed), some.memory)
    return found


def transfer_tasks(settings: Settings) -> dict[str, Drawn]:
    """Downstream tasks at each T, and P and mu of all replicates, of which a T may have fewer.

    P and mu of a replicate are the same at every T.
    """
    asked = settings.transfer
    found = {
        f"tasks_{length}": Tasks.of(
            asked,
            settings.tasks,
            length=length,
            replicates=asked.replicates_of(length),
            sampler="balanced",
        )
        for length in asked.lengths
    }
    found["pretraining_tasks"] = Tasks.of(asked.pretrain, asked, settings.tasks, sampler="balanced")
    return {name: Drawn(read, asked.memory) for name, read in found.items()}


def further_tasks(settings: Settings) -> dict[str, Drawn]:
    """Tasks that are no section's, by where they lie in the results."""
    places = {"transfer": transfer_tasks, "multiverse/tasks": multiverse_tasks}
    return {
        f"{place}/{name}": drawn
        for place, tasks in places.items()
        for name, drawn in tasks(settings).items()
    }


def _few(section: M, replicates: int) -> M:
    """The section with so many replicates."""
    return section.model_copy(update={"replicates": replicates})


def optimizers_of(section: Training, scaled: bool) -> dict[str, Optimizer]:
    """The conditions of a group: proximal under each reading, and each SGD at both rates."""
    proximal: Any = _with(section.optimizers[PROXIMAL], scaled=scaled)
    found: dict[str, Optimizer] = {
        condition_of(reading): _with(
            proximal,
            relative=reading[THRESHOLD.name] == "relative",
            threshold=reading[OPENING.name] == "threshold",
        )
        for reading in readings((THRESHOLD, OPENING))
    }
    for kind in BASELINE.names:
        for name in (SGD, SMALL):
            rate = section.optimizers[name].rate
            found[name.replace(SGD, kind)] = (
                Plain(kind="vanilla", rate=rate)
                if kind == "vanilla"
                else Sgd.model_validate({"kind": kind, "rate": rate, "scaled": scaled})
            )
    return found


def universes(settings: Settings) -> dict[str, Planned]:
    """A job for each group of universes."""
    asked = settings.multiverse
    section = settings.training[asked.section]
    roundings = tuple(map(float, ROUNDING.names))
    found = {}
    for name, reading in groups().items():
        scaled = reading[RATES.name] == RATES.default
        optimizers = optimizers_of(section, scaled)
        read = Universes.of(
            asked,
            section,
            roundings=roundings,
            boost=_with(section.boost, scaled=scaled),
            optimizers=optimizers,
        )
        memory = asked.memory_of(section, len(optimizers), asked.replicates, section.batch)
        found[name] = Planned(drawn_by(reading), read, memory)
    return found


def phases(settings: Settings) -> dict[str, Planned]:
    """A job for each scale of both eta: SGD, and proximal at each lambda of the grid."""
    asked = settings.multiverse
    section = settings.training[asked.section]
    default = next(iter(readings(STREAM)))
    found = {}
    for place, scale in enumerate(asked.scales):
        proximal, sgd = (
            _with(section.optimizers[name], rate=_bounded(scale * section.optimizers[name].rate))
            for name in (PROXIMAL, SGD)
        )
        optimizers: dict[str, Any] = {SGD: sgd} | {
            f"penalty_{at:02}": _with(proximal, penalty=penalty)
            for at, penalty in enumerate(asked.penalties)
        }
        read = _one_ended(asked, section, _bounded(scale * section.boost.rate), optimizers)
        memory = asked.memory_of(section, len(optimizers), asked.replicates, section.batch)
        found[f"scale_{place}"] = Planned(drawn_by(default), read, memory)
    return found


def trained_candidates(settings: Settings) -> dict[str, Planned]:
    """A job for each eta and B that a row of figure 5 could have, with several lambdas.

    The balancing lambda grows like eta^(3/2) and shrinks like B^(-1/2)
    (`scb.theory.population.balancing_penalty`); so do the candidates, from proximal_large's.
    """
    asked = settings.multiverse
    found = {}
    for name, one in asked.candidates.training.items():
        section = settings.training[name]
        large: Any = section.optimizers[LARGE]
        for place, (rate, batch) in enumerate(product(one.rates, one.batches)):
            share = rate / section.boost.rate
            balance = large.penalty * share**1.5 * (section.batch / batch) ** 0.5
            printed: Any = section.optimizers[PROXIMAL]
            optimizers: dict[str, Any] = {
                SGD: _with(
                    section.optimizers[SGD], rate=_bounded(share * section.optimizers[SGD].rate)
                ),
                "penalty_00": _with(printed, rate=_bounded(share * printed.rate)),
            } | {
                f"penalty_{at:02}": _with(
                    large,
                    rate=_bounded(share * large.rate),
                    penalty=_bounded(multiple * balance, 2),
                )
                for at, multiple in enumerate(one.multiples, start=1)
            }
            # Stage 1 takes the steps that grow the signals as much, whatever eta.
            steps = min(section.steps, max(1, round(section.boost.steps / share)))
            changed = section.model_copy(
                update={"batch": batch, "boost": _with(section.boost, steps=steps)}
            )
            read = _one_ended(asked, changed, rate, optimizers)
            memory = asked.memory_of(section, len(optimizers), one.replicates, batch)
            found[f"{name}_{place:02}"] = Planned(name, read, memory)
    return found


def simulated_candidates(settings: Settings) -> dict[str, Planned]:
    """A job for each B and lambda that a column of figure 6 could have."""
    asked = settings.multiverse
    found = {}
    for name, one in asked.candidates.simulation.items():
        section = _few(settings.simulation[name], one.replicates)
        for place, (batch, multiple) in enumerate(product(one.batches, one.multiples)):
            penalty = multiple * section.penalty * (section.batch / batch) ** 0.5
            read = Simulating.of(
                section, seed=asked.seed, batch=batch, penalty=_bounded(penalty, 2)
            )
            found[f"{name}_{place:02}"] = Planned(name, read, section.memory)
    return found


def attended_candidates(settings: Settings) -> dict[str, Planned]:
    """A job for each eta and schedule that figure 2 could have."""
    asked = settings.multiverse
    found = {}
    for name, one in asked.candidates.attention.items():
        section = _few(settings.attention[name], one.replicates)
        for place, (rate, schedule) in enumerate(product(one.rates, one.schedules)):
            read = Scheduled.of(section, seed=asked.seed, rate=rate, schedule=schedule)
            found[f"{name}_{place:02}"] = Planned(name, read, section.memory)
    return found


def _one_ended(
    asked: Multiverse, section: Training, rate: float, optimizers: dict[str, Any]
) -> Universes:
    """Stage 1 at a rate, ended by its step, and optimizers from there, at the default c."""
    return Universes.of(
        asked,
        section,
        roundings=(section.rounding,),
        boost=_with(section.boost, rate=rate),
        switch_signal=None,
        optimizers=optimizers,
    )


def _bounded(value: float, digits: int = 12) -> float:
    """A rate or a penalty to so many digits, within what settings allow."""
    return min(max(float(f"{value:.{digits}g}"), 1e-30), 1e30)


def _with(model: M, **changed: Any) -> M:
    """The model with those of the fields changed that it has."""
    own = {name: value for name, value in changed.items() if name in type(model).model_fields}
    return model.model_copy(update=own)
