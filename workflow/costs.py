"""What a call takes, before it runs.

Times come from the benchmarks that Snakemake writes for each job: those in the folder of results,
of an earlier run, and those that `make gallery` keeps in `RECORD`. At other settings than a
benchmark's, the time beyond that of starting Python is in proportion to the replicates and steps,
and to the batch and the length where sequences are drawn.
"""

import csv
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from workflow.jobs import BEST

RECORD = Path("docs/gallery/benchmarks.json")

SCALES = ("replicates", "runs", "steps", "growth", "batch", "length")
"""Settings that the time of a job is in proportion to."""
UNDRAWN = {"scb.experiments.simulate": {"batch", "length"}}
"""Those that it is not: a simulation draws no sequences."""


class Cost(NamedTuple):
    """A benchmark of a job."""

    module: str
    """What it ran."""
    size: dict[str, float]
    """Of its settings those that its time is in proportion to."""
    seconds: float


PRIOR = 0.1
"""The share of a plan's time that counts as seen, at the pace of the benchmarks, from the start."""

Costs = Mapping[str, Cost]
"""By the place of the job's benchmark in its folder, such as ``convergence/boost``."""


def size_of(module: str, settings: Any, inputs: Iterable[Any]) -> dict[str, float]:
    """What the time of a job is in proportion to.

    Parameters
    ----------
    module : str
        What it runs.
    settings : mapping
        Its own.
    inputs : iterable of mapping
        Those of the jobs that made its inputs. They say what it does not, if they agree.
    """
    own = _numbers(settings)
    others = [_numbers(some) for some in inputs]
    found = {}
    for key in SCALES:
        said = {own[key]} if key in own else {some[key] for some in others if key in some}
        if len(said) == 1 and key not in UNDRAWN.get(module, ()):
            (found[key],) = said
    return found


def _numbers(settings: Any) -> dict[str, float]:
    """Of `SCALES`; Stage 1 alone has its steps one level below."""
    own = _mapping(settings)
    flat = {**_mapping(own.get("boost")), **own}
    return {
        key: float(value)
        for key, value in flat.items()
        if key in SCALES and isinstance(value, int | float) and 0 < value < math.inf
    }


def measured(results: Path) -> dict[str, Cost]:
    """The benchmarks in a folder of results; what cannot be read is left out."""
    provenance = {path: _json(path) for path in results.rglob("*.provenance.json")}
    settings = {
        name: record.get("settings")
        for record in provenance.values()
        for name in _mapping(record.get("outputs"))
    }
    found = {}
    for path in sorted((results / "benchmarks").rglob("*.tsv")):
        name = path.relative_to(results / "benchmarks").with_suffix("").as_posix()
        record = provenance.get(results / f"{name}.provenance.json", {})
        words = str(record.get("command", "")).split()
        drawn = f"scb.{name.replace('/', '.')}".removesuffix(BEST)
        module = words[2] if len(words) > 2 else drawn
        read = [settings.get(table) for table in _mapping(record.get("inputs"))]
        try:
            with path.open(encoding="utf-8", newline="") as file:
                (row,) = csv.DictReader(file, delimiter="\t")
            seconds = float(row["s"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        size = size_of(module, record.get("settings"), read)
        found[name] = Cost(module, size, seconds)
    return found


def recorded(path: Path = RECORD) -> dict[str, Cost]:
    """The benchmarks that are kept; none where the file cannot be read."""
    try:
        return {name: Cost(**cost) for name, cost in _json(path).items()}
    except TypeError:
        return {}


def record(results: Path, path: Path) -> None:
    """Keep the benchmarks of a folder of results; what was not run again stays as it was."""
    if new := measured(results):
        kept = sorted((recorded(path) | new).items())
        rows = [f"  {json.dumps(name)}: {json.dumps(cost._asdict())}" for name, cost in kept]
        path.write_text("{\n" + ",\n".join(rows) + "\n}\n", encoding="utf-8")


def seconds_of(name: str, module: str, size: Mapping[str, float], *known: Costs) -> float | None:
    """How long a job takes, by the benchmark of this job that is nearest in size.

    A job that has none is taken for as fast as the median of those that run the same module. None
    where there are none of these either.

    Parameters
    ----------
    name : str
        Place of its benchmark.
    module : str
        What it runs.
    size : mapping
        As of `size_of`.
    *known : mapping
        Benchmarks.
    """
    costs = [cost for some in known for cost in some.values()]
    start = min((cost.seconds for cost in costs), default=0.0)

    def scaled(cost: Cost) -> tuple[float, float]:
        ratio = math.prod(size[key] / cost.size[key] for key in size.keys() & cost.size.keys())
        return abs(math.log(ratio)), start + (cost.seconds - start) * ratio

    if own := [scaled(some[name]) for some in known if name in some]:
        return min(own)[1]
    alike = [scaled(cost)[1] for cost in costs if cost.module == module]
    return median(alike) if alike else None


class Planned(NamedTuple):
    """A job that will run."""

    seconds: float | None
    """None where nothing like it was measured."""
    memory: int
    """MB that its rule asks for."""
    threads: int
    after: frozenset[int]
    """Ids of the jobs that it waits for."""


class Plan:
    """The jobs of a call, by their ids, and what is known of them."""

    def __init__(self, workflow: Any, results: Path) -> None:
        dag = workflow.dag
        self.here, self.kept = measured(results), recorded()
        needed = set(dag.needrun_jobs(exclude_finished=False))
        self.jobs = {
            dag.jobid(job): Planned(
                self._seconds(dag, job, results / "benchmarks"),
                int(job.resources.get("mem_mb", 0)),
                job.threads,
                frozenset(dag.jobid(other) for other in dag.dependencies[job] if other in needed),
            )
            for job in needed
            if job.output  # others only gather
        }
        limits = [limit for limit in (workflow._cores, workflow.nodes) if limit]
        self.cores = min(limits, default=max(1, len(self.jobs)))

    def _seconds(self, dag: Any, job: Any, benchmarks: Path) -> float | None:
        if job.benchmark is None or not hasattr(job.params, "module"):  # a rule of somebody's own
            return None
        name = Path(job.benchmark).relative_to(benchmarks).with_suffix("").as_posix()
        module = str(job.params.module)
        inputs = map(_settings, dag.dependencies[job])
        size = size_of(module, _settings(job), inputs)
        return seconds_of(name, module, size, self.here, self.kept)

    def left(self, done: Iterable[int], spent: Mapping[int, float]) -> float:
        """Seconds until all jobs are done: at least as long as the cores or a chain of jobs take.

        Parameters
        ----------
        done : iterable of int
            Ids of the jobs that have ended.
        spent : mapping
            Seconds that each of those that run has run for.
        """
        ended = set(done)
        rest = {
            id: max(0.0, (job.seconds or 0.0) - spent.get(id, 0.0))
            for id, job in self.jobs.items()
            if id not in ended
        }
        chains: dict[int, float] = {}

        def chain(id: int) -> float:
            if id not in chains:
                before = [chain(other) for other in self.jobs[id].after if other in rest]
                chains[id] = rest[id] + max(before, default=0.0)
            return chains[id]

        work = sum(seconds * self.jobs[id].threads for id, seconds in rest.items())
        return max(work / self.cores, *map(chain, rest)) if rest else 0.0

    def pace(self, took: Mapping[int, float]) -> float:
        """How much longer than estimated jobs take here, by those that have ended.

        Parameters
        ----------
        took : mapping
            Seconds, by id.
        """
        known = {id: job.seconds for id, job in self.jobs.items() if job.seconds is not None}
        prior = PRIOR * sum(known.values()) or 1.0
        ended = known.keys() & took.keys()
        return (sum(took[id] for id in ended) + prior) / (sum(known[id] for id in ended) + prior)

    def __str__(self) -> str:
        """What it takes, and what this rests on, in one line."""
        jobs = self.jobs.values()
        times = [job.seconds * job.threads for job in jobs if job.seconds is not None]
        most = sorted((job.memory for job in jobs), reverse=True)[: self.cores]
        known = [
            f"{_counted(len(costs), 'benchmark')} {where}"
            for costs, where in ((self.here, "of earlier jobs here"), (self.kept, f"in {RECORD}"))
            if costs
        ]
        basis = f"by {' and '.join(known)}" if known else "by no benchmark"
        if unlike := len(jobs) - len(times):
            basis += f", without {_counted(unlike, 'job')} that none is like"
        return (
            f"Plan: {_counted(len(jobs), 'job')}, about {max(0.1, sum(times) / 60):.1f} "
            f"core-minutes, {duration(self.left((), {}))} on {_counted(self.cores, 'core')}, "
            f"at most {sum(most) / 1000:.1f} GB of memory at once: {basis}"
        )


def _counted(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def duration(seconds: float) -> str:
    """In words."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _settings(job: Any) -> dict[str, Any]:
    """Of a planned job; a figure has none that its time depends on."""
    told = job.params.get("settings")
    return json.loads(told) if isinstance(told, str) else {}


def _json(path: Path) -> dict[str, Any]:
    try:
        return _mapping(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _mapping(found: Any) -> dict[str, Any]:
    """What may have been read from a broken file, if it is a mapping."""
    return found if isinstance(found, dict) else {}
