"""Of all candidates the values that favour each claim most, by the rule of `scb.claims.best`.

They are of the tuning seed: what is chosen here is judged on another one. They are written as YAML,
for people to read; config.yaml has what is judged.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import yaml

from scb.analysis.endpoints import Endpoints
from scb.analysis.multiverse import CLAIMS
from scb.analysis.readings import READINGS
from scb.analysis.runs import Run
from scb.analysis.tables import MULTIVERSE, PHASES, UNIVERSES
from scb.claims import attention, simulation, vocabulary
from scb.claims.best import RULE, choose, margin
from scb.claims.verdict import Claim, Part
from scb.data.tables import TASKS
from scb.experiments.job import Inputs, Output, job
from scb.learning.tables import STATES
from scb.settings.multiverse import Choosing
from scb.store import tables
from scb.store.files import replacing

TYPICAL = 0.5
"""Share of runs whose star is close, from which on a lambda is one at which it is."""


class Candidate(NamedTuple):
    """Values that a section could have, and by how much its claim then holds."""

    values: dict[str, Any]
    margin: float


def of_universes(table: pd.DataFrame) -> dict[str, Any]:
    """The reading that favours C1 to C5 most, all at once and each by itself."""
    names = [dimension.name for dimension in READINGS]

    def best(margins: pd.Series) -> dict[str, Any]:
        row = table.iloc[choose(margins.to_numpy())]
        return {"values": {name: row[name] for name in names}, "margin": round(margins.max(), 4)}

    of_claim = {claim: table[f"{claim}_margin"] for claim in CLAIMS}
    return best(pd.concat(of_claim.values(), axis=1).min(axis=1)) | {
        claim: best(margins) for claim, margins in of_claim.items()
    }


def of_penalties(cells: pd.DataFrame) -> dict[str, Any]:
    """The lambda that is most ahead of SGD at the printed eta, of those whose star is close.

    The paper states lambda: this is a second line, marked so.
    """
    some = cells[(cells["scale"] == 1) & (cells["close"] > TYPICAL)].sort_values("penalty")
    if some.empty:
        return {"stated": True, "values": None}
    row = some.iloc[choose(-some["ratio"].to_numpy())]
    return {
        "stated": True,
        "values": {"penalty": float(row["penalty"])},
        "ratio": round(float(row["ratio"]), 4),
    }


def trained(paths: Sequence[Path], largest: int) -> Iterator[Candidate]:
    """Candidates for a row of figure 5, which differ in eta, B and lambda.

    Noise is large at the ``largest`` N of the figure, which decides what is asked of SGD.
    """
    for path in paths:
        runs, setting = tables.read(path, UNIVERSES), tables.setting(path)
        states, optimizers = setting["states"], setting["optimizers"]
        for name in sorted(optimizers):
            if name == "sgd":
                continue
            rows = runs[runs["optimizer"].isin([name, "sgd"])]
            read = Endpoints(rows.assign(optimizer=rows["optimizer"].replace(name, "proximal")))
            values = {
                "batch": setting["batch"],
                "boost_rate": setting["boost_rate"],
                "boost_steps": setting["boost_steps"],
                "rate": optimizers[name]["rate"],
                "penalty": optimizers[name]["penalty"],
            }
            # The row of the largest N only says which one that is: its parts are left out.
            claim = vocabulary.c6(list({largest: read, states: read}.items()))
            yield Candidate(values, margin(claim, partial(_is_of, label=f"N = {states}")))


def _is_of(part: Part, label: str) -> bool:
    return part.statistic.endswith(label)


def simulated(paths: Sequence[Path]) -> Iterator[Candidate]:
    """Candidates for a column of figure 6, which differ in B and lambda."""
    for path in paths:
        run = Run.read(path)
        claim = simulation.c7([(run["states"], Endpoints.of(run))])
        penalty = run["optimizers"]["proximal"]["penalty"]
        yield Candidate({"batch": run["batch"], "penalty": penalty}, margin(claim))


def attended(paths: Sequence[Path], tasks: Path) -> Iterator[Candidate]:
    """Candidates for figure 2, which differ in eta and its schedule."""
    drawn = tables.read(tasks, TASKS)
    for path in paths:
        run = Run.read(path)
        states = tables.read(path.with_name(f"{path.stem}_state.parquet"), STATES)
        claim: Claim = attention.c8("", run, states, drawn)
        values = {name: run[name] for name in ("rate", "schedule")}
        yield Candidate(values, margin(claim))


def chosen(candidates: Sequence[Candidate]) -> dict[str, Any]:
    """What the rule chooses of a section's candidates, of which the first is the printed one."""
    at = choose([candidate.margin for candidate in candidates])
    return {
        "values": candidates[at].values,
        "margin": round(candidates[at].margin, 4),
        "printed": candidates[0].values | {"margin": round(candidates[0].margin, 4)},
        "candidates": len(candidates),
    }


@job
def best(settings: Choosing, results: Inputs, best: Output) -> None:
    """Score all candidates, choose and write."""
    table = {path.stem: path for path in results if path.parent.name != "tasks"}
    drawn = {path.stem: path for path in results if path.parent.name == "tasks"}

    def of(section: str) -> list[Path]:
        """Tables of a section's candidates, in their order."""
        names = sorted(name for name in table if name.rpartition("_")[0] == section)
        return [table[name] for name in names if name.rpartition("_")[2].isdecimal()]

    found: dict[str, Any] = {
        "seed": settings.seed,
        "rule": RULE,
        settings.section: of_universes(tables.read(table["multiverse"], MULTIVERSE)),
        f"{settings.section} with lambda": of_penalties(tables.read(table["phases"], PHASES)),
    }
    rows = {section: of(section) for section in settings.training}
    largest = max(tables.setting(paths[0])["states"] for paths in rows.values())
    for section, paths in rows.items():
        found[section] = chosen([*trained(paths, largest)])
    for section in settings.simulation:
        found[section] = chosen([*simulated(of(section))])
    for section in settings.attention:
        found[section] = chosen([*attended(of(section), drawn[section])])
    with replacing(best) as temporary:
        temporary.write_text(yaml.safe_dump(_plain(found), sort_keys=False), encoding="utf-8")


def _plain(found: Any) -> Any:
    """Numbers of NumPy as Python's."""
    if isinstance(found, dict):
        return {name: _plain(value) for name, value in found.items()}
    return found.item() if isinstance(found, np.generic) else found


if __name__ == "__main__":
    best.main()
