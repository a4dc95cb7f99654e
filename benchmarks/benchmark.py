"""Time of a training step beside what one would otherwise use, side by side in one process.

All do the same work: generation, forward, adjoint, the steps on V and A. Measurements alternate,
so that what else the machine does slows all down alike; numbers are medians, with quartiles.
First come the rivals (`benchmarks.race`), then sweeps beside the straightforward PyTorch. Run by
``make benchmark``; nothing here is a timed test.
"""

import argparse
import contextlib
import io
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch

from benchmarks import plot
from benchmarks.floor import compiler
from benchmarks.naive import Naive
from benchmarks.race import COMPILED, FLOOR, OURS, RIVALS, Program, floor, race, ready, rivals
from benchmarks.rivals import Missing, Numba
from scb.data.seeds import derive
from scb.data.stream import Stream
from scb.data.task import Task
from scb.figures.style import save
from scb.kernels import kernel_for
from scb.kernels.threads import set_threads
from scb.learning.algorithm import train
from scb.learning.curves import Curves
from scb.learning.models import LinearTransformer
from scb.learning.optimizers import preconditioned
from scb.settings.training import Boost, Stage1

ROOT = Path(__file__).parents[1]
RATE = 1e-3  # small: no iterate leaves the usual numbers, however many steps are timed
SEED = 0
LEAST_PAIRS = 3
LOG_INTERVAL = 10  # the default of config.yaml
REST = 0.25  # seconds: after an operation of several threads torch's others spin for 0.2 s
NOT_RUN = {"median": None, "lower_quartile": None, "upper_quartile": None}
BYTES_OF_ONE_HOT = 12  # a context token as a row of N: 8-byte integers, then floats


@dataclass(frozen=True)
class Setting:
    """N, T, B and R of a training step."""

    states: int
    length: int
    batch: int
    replicates: int

    @property
    def tokens(self) -> int:
        """Context tokens of a step, ``R B T``."""
        return self.replicates * self.batch * self.length


SIZES = tuple(field.name for field in fields(Setting))


@dataclass(frozen=True)
class Job:
    """A training job whose peak memory is measured."""

    states: int
    replicates: int
    batch: int
    steps: int
    length: int = 5000


@dataclass(frozen=True)
class Preset:
    """What is measured: each sweep varies one dimension around T, B and R = 1.

    Attributes
    ----------
    length, batch : int
        T and B around which the sweeps go.
    around : tuple of N at which T, B and R are swept
    lengths, states, batches, replicates : tuples of what is swept
    against : tuples of N and of R
        At which rivals take part.
    rivals : tuple of classes
    race : float
        Seconds of their measurements at each of them.
    jobs : tuple of Job
    first_call : bool
        Whether to compile the kernels anew, to see how long it takes.
    pairs : int
        Pairs of measurements of a setting, as many as fit in its time.
    least : float
        Seconds that each measurement should take, by taking several steps.
    seconds : float
        For the pairs of a setting; where not even `LEAST_PAIRS` fit, the straightforward
        PyTorch is left out.
    total : float
        Seconds in which the sweeps should end: on a slow machine the rest takes less each.
    memory : float
        Bytes that its one-hot matrices may take.
    """

    length: int
    batch: int
    around: tuple[int, ...]
    lengths: tuple[int, ...]
    states: tuple[int, ...]
    batches: tuple[int, ...]
    replicates: tuple[int, ...]
    against: tuple[tuple[int, ...], tuple[int, ...]]
    rivals: tuple[Any, ...]
    race: float
    jobs: tuple[Job, ...]
    first_call: bool
    pairs: int
    least: float
    seconds: float
    total: float
    memory: float = 4e9

    def centre(self, states: int) -> Setting:
        """Where the sweeps of T, B and R cross."""
        return Setting(states, self.length, self.batch, 1)

    def settings(self) -> list[Setting]:
        """Every setting of the sweeps, once."""
        found = [self.centre(states) for states in self.states]
        for centre in map(self.centre, self.around):
            found += [replace(centre, length=length) for length in self.lengths]
            found += [replace(centre, batch=batch) for batch in self.batches]
            found += [replace(centre, replicates=replicates) for replicates in self.replicates]
        return list(dict.fromkeys(found))


FULL = Preset(
    length=5000,
    batch=64,
    around=(3, 20),
    lengths=(500, 1500, 5000, 15000, 40000, 100000),
    states=(3, 10, 20, 50, 100, 300),
    batches=(1, 4, 16, 64, 256, 1024),
    replicates=(1, 2, 4, 8, 16, 32, 64),
    against=((3, 20, 100), (1, 32)),
    rivals=RIVALS,
    race=15.0,
    jobs=(
        *(Job(states, replicates, 64, 20) for states in (3, 20) for replicates in (32, 1, 8, 64)),
        Job(3, 32, 1024, 20),
        Job(3, 32, 64, 160),
    ),
    first_call=True,
    pairs=11,
    least=0.04,
    seconds=6.0,
    total=240.0,
)

QUICK = Preset(
    length=200,
    batch=8,
    around=(3,),
    lengths=(50, 100, 200),
    states=(3, 5),
    batches=(1, 8),
    replicates=(1, 2),
    against=((3,), (1,)),
    rivals=(Naive, Numba),  # others take seconds to compile
    race=0.5,
    jobs=(Job(3, 1, 4, 2, length=100),),
    first_call=False,
    pairs=3,
    least=0.0,
    seconds=0.5,
    total=20.0,
)


class Ours:
    """Training steps of this project on all replicates of a setting."""

    def __init__(self, task: Task, batch: int) -> None:
        self.stream = Stream(task, [derive(SEED, "stream", r) for r in range(len(task.seeds))])
        self.model = LinearTransformer.initial(task)
        self.optimizers = preconditioned(task, self.model, RATE)
        self.batch, self.done = batch, 0

    def steps(self, count: int) -> None:
        """Take ``count`` steps, by the loop that the experiments use."""
        with contextlib.redirect_stderr(io.StringIO()), torch_threads(1):  # its progress
            steps = range(self.done, self.done + count)
            self.done = train(self.model, self.optimizers, self.stream, steps, self.batch)


def sample_tasks(states: int, length: int, replicates: int) -> Task:
    """Ground truths; the balanced sampler has one for every N."""
    return Task.stack(
        [
            Task.sample(states, length, 2, derive(SEED, "task", r), sampler="balanced")
            for r in range(replicates)
        ]
    )


def seconds_of(work: Callable[[int], None], count: int) -> float:
    """Seconds that each of ``count`` steps took."""
    start = time.perf_counter()
    work(count)
    return (time.perf_counter() - start) / count


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and quartiles."""
    low, median, high = np.percentile(values, [25, 50, 75])
    return {"median": float(median), "lower_quartile": float(low), "upper_quartile": float(high)}


def alternate(
    ours: Callable[[int], None], theirs: Callable[[int], None] | None, preset: Preset
) -> tuple[list[float], list[float]]:
    """Seconds of a step of each, in pairs; both are warm already."""
    counts = [
        max(1, min(1000, round(preset.least / seconds_of(work, 1))))
        for work in (ours, theirs)
        if work is not None
    ]
    one: list[float] = []
    two: list[float] = []
    end = time.perf_counter() + preset.seconds
    while len(one) < LEAST_PAIRS or (len(one) < preset.pairs and time.perf_counter() < end):
        if theirs is not None and torch.get_num_threads() > 1:
            time.sleep(REST)  # else they keep a core from ours
        one.append(seconds_of(ours, counts[0]))
        if theirs is not None:
            two.append(seconds_of(theirs, counts[1]))
    return one, two


def compare(setting: Setting, task: Task, preset: Preset) -> dict[str, Any]:
    """Seconds of a step, and how many times the straightforward PyTorch takes."""
    ours = Ours(task, setting.batch)
    ours.steps(3)
    models = [Naive(task.replicate(r), RATE, r) for r in range(setting.replicates)]

    def naive(count: int) -> None:
        for model in models:  # one after the other: it has no dimension of replicates
            for _ in range(count):
                model.step(setting.batch)

    theirs = None
    tokens = setting.batch * setting.length
    if tokens * setting.states * BYTES_OF_ONE_HOT <= preset.memory:
        models[0].step(setting.batch)
        one = seconds_of(lambda _: models[0].step(setting.batch), 1)
        if LEAST_PAIRS * setting.replicates * one <= preset.seconds:
            theirs = naive
    seconds, naive_seconds = alternate(ours.steps, theirs, preset)
    ratios = [slow / fast for fast, slow in zip(seconds, naive_seconds, strict=False)]
    return {
        "pairs": len(seconds),
        "seconds": spread(seconds),
        "naive_seconds": spread(naive_seconds) if theirs else None,
        "speedup": spread(ratios) if theirs else None,
    }


def against_rivals(states: int, preset: Preset) -> list[dict[str, Any]]:
    """Each program's step, a row each: seconds, and how many times as long as ours it takes."""
    rows: list[dict[str, Any]] = []
    compiled = {kind.name for kind in COMPILED}
    for replicates in preset.against[1]:
        setting = replace(preset.centre(states), replicates=replicates)
        task = sample_tasks(states, setting.length, replicates)
        ours = Ours(task, setting.batch)
        makers: dict[str, Callable[[], Program]] = {
            OURS: partial(Program, ours.steps, replicates),
            FLOOR: partial(floor, task, ours.stream, RATE, setting.batch),
        }
        with all_threads(1):
            if not rows:
                others, absent = ready(rivals(preset.rivals, task, RATE, setting.batch))
            both, missing = ready(makers)
            limits = preset.pairs, preset.least, preset.race
            seconds = race(both | others, replicates, *limits)
        for name in (*makers, *(kind.name for kind in preset.rivals)):
            row: dict[str, Any] = {**asdict(setting), "program": name, "compiled": name in compiled}
            row["missing"] = (missing | absent).get(name)
            if name in seconds:
                pairs = zip(seconds[name], seconds[OURS], strict=True)
                row |= {"rounds": len(seconds[name]), "seconds": spread(seconds[name])}
                row["ratio"] = spread([one / us for one, us in pairs])
            rows.append(row)
    return rows


def parts_of_a_step(setting: Setting, task: Task, preset: Preset) -> dict[str, dict[str, float]]:
    """Nanoseconds per token of a whole step and of its parts, measured in turn.

    ``generation_forward_adjoint`` is one call: both gradients from the counter up, queries and
    targets included. ``rest`` is the steps on V and A.
    """
    ours = Ours(task, setting.batch)
    value, columns = ours.model.value.detach(), ours.model.columns.detach()
    out = torch.empty_like(columns)
    kernel = kernel_for(columns)
    ours.steps(3)
    timed: dict[str, list[float]] = {}
    end = time.perf_counter() + preset.seconds
    for step in range(10 * preset.pairs):
        if step >= LEAST_PAIRS and time.perf_counter() > end:
            break
        clock = [time.perf_counter()]
        kernel.gradients(value, columns, ours.stream, step, setting.batch, out)
        clock.append(time.perf_counter())
        ours.steps(1)
        clock.append(time.perf_counter())
        gradients, whole = clock[1] - clock[0], clock[2] - clock[1]
        one = {
            "generation_forward_adjoint": gradients,
            "rest": whole - gradients,
            "step": whole,
        }
        for name, seconds in one.items():
            timed.setdefault(name, []).append(1e9 * seconds / setting.tokens)
    return {name: spread(values) for name, values in timed.items()}


def share_of_metrics(job: Job, preset: Preset) -> dict[str, float]:
    """What measuring the iterate takes of a job's time, as its log interval has it."""
    task = sample_tasks(job.states, job.length, job.replicates)
    ours = Ours(task, job.batch)
    model = ours.model
    curves = Curves(task, ["measured"], "train", LOG_INTERVAL, 0, rounding=0.25)
    shares = []
    for repeat in range(preset.pairs):
        steps = seconds_of(ours.steps, LOG_INTERVAL)
        start = time.perf_counter()
        curves.log(repeat, model.value, model.columns)
        measuring = time.perf_counter() - start
        shares.append(measuring / (measuring + LOG_INTERVAL * steps))
    return spread(shares[1:])


def slope(lengths: Sequence[int], seconds: Sequence[float]) -> dict[str, float]:
    """Least-squares slope of log cost against log length, with its standard error."""
    x, y = np.log(lengths), np.log(seconds)
    x, y = x - x.mean(), y - y.mean()
    exponent = (x @ y) / (x @ x)
    variance = np.square(y - exponent * x).sum() / (len(x) - 2)
    return {"exponent": float(exponent), "standard_error": float(np.sqrt(variance / (x @ x)))}


def exponents(rows: Sequence[dict[str, Any]], preset: Preset) -> list[dict[str, Any]]:
    """`slope` of our steps by N and threads, over all lengths and over the longer ones."""
    found = []
    for states in preset.around:
        for threads in thread_counts():
            times = {
                row["length"]: row["seconds"]["median"]
                for row in rows
                if (row["states"], row["threads"]) == (states, threads)
                and (row["batch"], row["replicates"]) == (preset.batch, 1)
            }
            for least in (min(preset.lengths), preset.length):
                lengths = [length for length in preset.lengths if length >= least]
                if len(lengths) > 2:
                    found.append(
                        {"states": states, "threads": threads, "from_length": least}
                        | slope(lengths, [times[length] for length in lengths])
                    )
    return found


def thread_counts() -> list[int]:
    """One thread, then as many as this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return sorted({1, cores or 1})


@contextlib.contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Torch's operations on so many threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def all_threads(threads: int) -> Iterator[None]:
    """Torch's operations and our kernels on so many threads."""
    set_threads(threads)
    try:
        with torch_threads(threads):
            yield
    finally:
        set_threads(None)


def thread_speedups(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """How many times faster a step is on all threads than on one."""

    def setting(row: dict[str, Any]) -> dict[str, int]:
        return {name: row[name] for name in SIZES}

    alone = [row for row in rows if row["threads"] == 1]
    return [
        setting(row)
        | {
            "threads": row["threads"],
            "speedup": one["seconds"]["median"] / row["seconds"]["median"],
        }
        for one in alone
        for row in rows
        if row["threads"] > 1 and setting(row) == setting(one)
    ]


MEMORY_OF = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""Runs a command and prints its peak memory. A process of its own, and a small one: Linux
counts what the parent held when a child started as the child's peak."""


def peak_memory(job: Job) -> float:
    """Peak resident memory of the training job, in MB (1e6 bytes), interpreter included."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        tasks = folder / "tasks.parquet"
        sample_tasks(job.states, job.length, job.replicates).save(tasks)
        settings = Stage1(
            seed=SEED,
            log_interval=LOG_INTERVAL,
            rounding=0.25,
            batch=job.batch,
            boost=Boost(steps=job.steps, rate=RATE),
        )
        files = {"tasks": tasks, "curves": folder / "curves.parquet"}
        files["state"] = folder / "state.parquet"
        command = [sys.executable, "-m", "scb.experiments.boost", "--device", "cpu"]
        command += ["--settings", settings.as_json()]
        command += [str(word) for name, path in files.items() for word in (f"--{name}", path)]
        measured = subprocess.run(
            [sys.executable, "-c", MEMORY_OF, *command],
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
    unit = 1 if sys.platform == "darwin" else 1024
    return int(measured.stdout) * unit / 1e6


def first_step() -> None:
    """Print the seconds of the first step of a process."""
    ours = Ours(sample_tasks(3, 100, 1), 4)
    print(seconds_of(ours.steps, 1))


def first_call_seconds() -> dict[str, float]:
    """Seconds of the first step, which compiles the kernels or loads them from disk."""
    command = [sys.executable, "-c", "from benchmarks.benchmark import first_step; first_step()"]
    with tempfile.TemporaryDirectory() as folder:
        return {
            name: float(
                subprocess.run(
                    command,
                    cwd=ROOT,
                    env=os.environ | {"NUMBA_CACHE_DIR": folder},
                    check=True,
                    stdout=subprocess.PIPE,
                    text=True,
                ).stdout
            )
            for name in ("compiling", "from_disk")
        }


def commit() -> str | None:
    """Commit of the code, marked if it was changed since."""
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        return subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
    return None


def processor() -> str:
    """Model of the CPU."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def version_of(package: str) -> str | None:
    """Of a package that may not be there."""
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(package)
    return None


def c_compiler() -> str | None:
    """What the C compiler calls itself."""
    with contextlib.suppress(Missing, OSError, subprocess.CalledProcessError):
        command = [compiler(), "--version"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return done.stdout.splitlines()[0]
    return None


def measure(preset: Preset) -> dict[str, Any]:
    """Everything, as it is written to JSON."""
    start = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - start:4.0f} s] {line}", file=sys.stderr, flush=True)

    say("the first step: kernels are compiled")
    first_call = first_call_seconds() if preset.first_call else None
    memory = []
    for job in preset.jobs:
        memory.append(asdict(job) | {"megabytes": peak_memory(job)})
        say(
            f"N={job.states} R={job.replicates} B={job.batch}, {job.steps} steps: "
            f"{memory[-1]['megabytes']:.0f} MB at most"
        )

    against = []
    for states in preset.against[0]:
        for row in against_rivals(states, preset):
            against.append(row)
            found = f"{row['ratio']['median']:.2f} times ours" if "ratio" in row else row["missing"]
            say(f"N={states} R={row['replicates']} {row['program']}: {found}")

    measuring = asdict(preset.jobs[0]) | {"share": share_of_metrics(preset.jobs[0], preset)}
    settings = preset.settings()
    rows, breakdown = [], []
    end = time.monotonic() + preset.total
    for number, setting in enumerate(settings, 1):
        left = max(0.0, end - time.monotonic())
        # Most settings take less than their share, so that some may take more.
        share = 2 * left / len(thread_counts()) / (len(settings) - number + 1)
        now = replace(preset, seconds=min(preset.seconds, share))
        task = sample_tasks(setting.states, setting.length, setting.replicates)
        for threads in thread_counts():
            where = asdict(setting) | {"threads": threads}
            with all_threads(threads):
                rows.append(where | compare(setting, task, now))
                if setting == preset.centre(setting.states):
                    breakdown.append(where | parts_of_a_step(setting, task, now))
            ratio = rows[-1]["speedup"]
            say(
                f"{number}/{len(settings)} N={setting.states} T={setting.length} "
                f"B={setting.batch} R={setting.replicates}, {threads} thread(s): "
                f"{1e3 * rows[-1]['seconds']['median']:.3f} ms a step, "
                + (f"{ratio['median']:.1f} times faster" if ratio else "alone")
            )
    keys = (*SIZES, "threads")
    return {
        "against_rivals": against,
        "speedup_over_naive": [
            {key: row[key] for key in keys} | (row["speedup"] or NOT_RUN) for row in rows
        ],
        "ns_per_token": breakdown,
        "exponent_of_cost_in_length": exponents(rows, preset),
        "speedup_of_threads": thread_speedups(rows),
        "seconds_per_step": [
            {key: row[key] for key in (*keys, "pairs", "seconds", "naive_seconds")} for row in rows
        ],
        "peak_memory_mb": memory,
        "share_of_metrics": measuring,
        "first_call_seconds": first_call,
        "centre": {
            "length": preset.length,
            "batch": preset.batch,
            "replicates": 1,
            "states": list(preset.around),
        },
        "device": {"kind": "cpu", "model": processor(), "threads": thread_counts()[-1]},
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numba": numba.__version__,
            "numpy": np.__version__,
            "jax": version_of("jax"),
            "c": c_compiler(),
            "scb": metadata.version("scb"),
            "commit": commit(),
        },
        "seconds_of_benchmark": time.monotonic() - start,
    }


def write(results: dict[str, Any], output: Path) -> None:
    """Write the JSON and the plots beside it; each file whole or not at all."""
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(results, indent=1, allow_nan=False) + "\n")
        os.replace(temporary, output)
    finally:
        temporary.unlink(missing_ok=True)
    save(plot.draw(results), output.with_suffix(".pdf"))


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--quick", action="store_true", help="small sizes: does it work?")
    parser.add_argument("--output", type=Path, default=ROOT / "results/benchmark.json")
    options = parser.parse_args(argv)
    write(measure(QUICK if options.quick else FULL), options.output)


if __name__ == "__main__":
    main()
