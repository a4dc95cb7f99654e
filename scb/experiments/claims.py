"""Judge the paper's claims by the tables of all experiments."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from scb.analysis.endpoints import PARTS, Endpoints
from scb.analysis.multiverse import CLAIMS as ACROSS
from scb.analysis.multiverse import Across as Fared
from scb.analysis.multiverse import across
from scb.analysis.runs import Array, Run
from scb.analysis.tables import MULTIVERSE
from scb.claims import (
    attention,
    convergence,
    population,
    simulation,
    softmax,
    transfer,
    vocabulary,
)
from scb.claims.document import Published, publish
from scb.claims.markdown import note_of
from scb.claims.tables import BEST, CHANGED, PRINTED, Across
from scb.claims.verdict import REFUTED, SHOWN, Claim, judge
from scb.data.tables import TASKS
from scb.data.task import Task
from scb.experiments.job import IfThere, Inputs, Output, job
from scb.learning.tables import ALIKE, STATES, TRANSFER
from scb.settings.claims import Elsewhere, Judged, Judging
from scb.store.tables import read
from scb.theory.population import trajectory
from scb.theory.tables import PRETRAINED


@job
def judge_claims(
    settings: Judging,
    tables: Inputs,
    claims: Output,
    statistics: Output,
    markdown: Output,
    multiverse: IfThere = None,
) -> None:
    """Read, judge and write the tables.

    ``multiverse`` is of the tuning seed: no run is judged twice.
    """
    named, found = settings.claims, Tables.of(tables)
    judged = {PRINTED: judge(printed(found, named.printed))}
    said: dict[tuple[str, str], str] = {}
    for setting, elsewhere in ((BEST, named.best), (CHANGED, named.changed)):
        if elsewhere:
            judged[setting] = judge([again(found, id_, one) for id_, one in elsewhere.items()])
            said |= {(setting, id_): one.said for id_, one in elsewhere.items()}
    publish(
        judged,
        Published(claims, statistics, markdown),
        stored={"digest": settings.digest, "fixed": settings.claims.fixed},
        figures=settings.figures,
        note=note_of(settings.claims.fixed),
        across=across_readings(multiverse),
        said=said,
    )


def across_readings(multiverse: Path | None) -> dict[str, Across]:
    """How C1 to C5 fare across the readings of figure 1; nothing, if these were not run."""
    if multiverse is None:
        return {}
    universes = read(multiverse, MULTIVERSE)
    return {claim: _in_words(across(universes, claim)) for claim in ACROSS}


def _in_words(found: Fared) -> Across:
    """With what the dimension that decides makes of the claim, at each of its options."""
    told = SHOWN if found.shares[SHOWN] else REFUTED
    words = "reproduced" if told == SHOWN else "not reproduced"
    options = ", ".join(
        f"{shares[told]:.0%} at *{name}*" for name, shares in found.by_option.items()
    )
    dimension = f"{words} by **{found.dimension}**: {options}" if found.dimension else ""
    return Across(**found.shares, dimension=dimension)


@dataclass(frozen=True)
class Tables:
    """The tables of all experiments, by ``SECTION/NAME``."""

    paths: dict[str, Path]

    @classmethod
    def of(cls, paths: Sequence[Path]) -> "Tables":
        """Tables ``SECTION/NAME.parquet``."""
        return cls({f"{path.parent.name}/{path.stem}": path for path in paths})

    def trained(self, section: str) -> Run:
        """Stage 1 and the optimizers after it."""
        return Run.read(self.paths[f"{section}/boost"], self.paths[f"{section}/optimizers"])

    def endpoints(self, section: str, *, followed: bool = False) -> tuple[int, Endpoints]:
        """N and endpoints of what was trained, with the population paths if they are asked for."""
        run = self.trained(section)
        paths = stage2_paths(run, self.tasks(section)) if followed else None
        return run["states"], Endpoints.of(run, paths, section)

    def simulated(self, section: str) -> tuple[int, Endpoints]:
        """N and endpoints of what was simulated."""
        run = Run.read(self.paths[f"{section}/simulation"])
        return run["states"], Endpoints.of(run, section=section)

    def tasks(self, section: str) -> Task:
        """Ground truths."""
        return Task.load(self.paths[f"{section}/tasks"])

    def plain(self, section: str) -> tuple[str, Run, Array]:
        """Stage 1 alone, with the population path of its tasks."""
        run = Run.read(self.paths[f"{section}/boost"])
        rates = [run["boost_rate"]] * run["boost_steps"]
        return section, run, trajectory(self.tasks(section), rates).numpy()

    def attention(self, section: str) -> Claim:
        """C8."""
        return attention.c8(
            section,
            Run.read(self.paths[f"{section}/attention"]),
            read(self.paths[f"{section}/attention_state"], STATES),
            read(self.paths[f"{section}/tasks"], TASKS),
        )


def printed(tables: Tables, named: Judged) -> list[Claim]:
    """All claims, by the sections that have what the paper states."""
    figure1 = tables.trained(named.convergence)
    _, read1 = tables.endpoints(named.convergence, followed=True)
    pretrained = read(tables.paths["transfer/pretrained"], PRETRAINED)
    transferred = pd.concat(
        read(path, TRANSFER)
        for name, path in tables.paths.items()
        if name.startswith("transfer/") and name != "transfer/pretrained"
    )
    _, read12 = tables.endpoints(named.softmax)
    return [
        *convergence.claims(read1),
        vocabulary.c6([tables.endpoints(section) for section in named.vocabulary]),
        simulation.c7([tables.simulated(section) for section in named.simulation]),
        tables.attention(named.attention),
        transfer.c9(read1, figure1, transferred),
        transfer.c10(pretrained, transferred),
        population.c11(tables.plain(named.population), tables.plain(named.convergence)),
        *softmax.c12(
            read12,
            tables.trained(named.softmax),
            Run.read(tables.paths[f"{named.softmax}/softmax"]),
            read(tables.paths[f"{named.softmax}/alike"], ALIKE),
        ),
        *convergence.beyond(read1),
        softmax.b6(read12),
    ]


def again(tables: Tables, claim: str, one: Elsewhere) -> Claim:
    """A claim by other sections and optimizers."""
    if claim == "C8":
        (section,) = one.sections
        return tables.attention(section)
    if claim == "C7":
        return simulation.c7([tables.simulated(section) for section in one.sections])
    names = {one.proximal: "proximal", one.sgd: "sgd"}
    if one.sgd_small:
        names[one.sgd_small] = "sgd_small"
    rows = [
        (states, read.renamed(names))
        for states, read in (
            tables.endpoints(section, followed=claim != "C6") for section in one.sections
        )
    ]
    if claim == "C6":
        return vocabulary.c6(rows)
    ((_, read1),) = rows
    return next(found for found in convergence.claims(read1) if found.id == claim)


def stage2_paths(run: Run, task: Task) -> dict[str, Array]:
    """Population paths that go on from each run's signals at the end of Stage 1.

    Returns
    -------
    dict of array of shape (steps + 1, 2, R)
        By optimizer, at its rates, for `Endpoints.of`.
    """
    signals = [run.values("boost", f"{part}_signal", run.replicates)[1] for part in PARTS]
    start = torch.as_tensor(np.stack([signal[:, -1] for signal in signals]))  # (2, R)
    some, steps = task.select(run.replicates), run.last - run.switch

    def path(entry: dict[str, Any]) -> Array:
        rates = [entry["rate"]] * steps
        return trajectory(some, rates, start, scaled=entry.get("scaled", False)).numpy()

    return {name: path(entry) for name, entry in run["optimizers"].items()}


if __name__ == "__main__":
    judge_claims.main()
