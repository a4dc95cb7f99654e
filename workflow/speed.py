"""What documents say of speed, filled from what `make benchmark` wrote.

The README quotes one sentence of ratios, docs/kernels.md the tables behind it.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from workflow.published import GALLERY

RESULT, RECORD = "benchmark.json", GALLERY / "speed.json"
"""What `make benchmark` writes, and where it is kept."""
OURS, FLOOR, NAIVE = "this project", "C", "torch"
AIMS = {3: (1.3, 6), 20: (1.5, 12), 100: (2.2, 10)}
"""At R = 1: at most so many times the floor, at least so many times as fast as the best rival."""

Row = dict[str, Any]


class Speed:
    """A benchmark.

    Parameters
    ----------
    found : dict
        What `benchmarks.benchmark` wrote.
    """

    def __init__(self, found: Row) -> None:
        self.found = found
        self.race: list[Row] = found["against_rivals"]

    @classmethod
    def read(cls, root: Path) -> "Speed":
        """The published one."""
        return cls(json.loads((root / RECORD).read_text(encoding="utf-8")))

    @property
    def programs(self) -> list[str]:
        """Of the race, in its order."""
        return list(dict.fromkeys(row["program"] for row in self.race))

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """N and R of the race."""
        return sorted({(row["states"], row["replicates"]) for row in self.race})

    def entry(self, states: int, replicates: int, program: str) -> Row:
        """The row of a program."""
        (row,) = (
            row
            for row in self.race
            if (row["states"], row["replicates"], row["program"]) == (states, replicates, program)
        )
        return row

    def ratio(self, states: int, replicates: int, program: str) -> float | None:
        """How many times as long as ours a program takes; None if it did not run."""
        row = self.entry(states, replicates, program)
        return row["ratio"]["median"] if "ratio" in row else None

    def best(self, states: int, replicates: int) -> tuple[float, str] | None:
        """The least ratio of a compiled rival, and its name; None where none ran."""
        rows = (self.entry(states, replicates, name) for name in self.programs)
        ran = [row for row in rows if row["compiled"] and "ratio" in row]
        return min(((row["ratio"]["median"], row["program"]) for row in ran), default=None)

    def of(self, key: str, **wanted: Any) -> Row:
        """The one row of a list with these values."""
        (row,) = (
            row for row in self.found[key] if all(row[name] == wanted[name] for name in wanted)
        )
        return row


def sentence(root: Path) -> str:
    """The README's: the best compiled rival first, then straightforward torch, then the floor.

    Raises
    ------
    ValueError
        If no compiled rival ran.
    """
    speed = Speed.read(root)
    states = [n for n, replicates in speed.sizes if replicates == 1]
    best = [found for n in states if (found := speed.best(n, 1))]
    if not best or len(best) < len(states):
        raise ValueError(f"{RECORD}: no compiled rival ran")
    ran = [row["program"] for row in speed.race if row["compiled"] and "ratio" in row]
    libraries = list(dict.fromkeys(name.partition(",")[0] for name in ran))
    times = _each([ratio for ratio, _ in best])
    slower = _each([speed.ratio(n, 1, NAIVE) for n in states])
    floor = [speed.ratio(n, 1, FLOOR) for n in states]
    lines = [
        f"At N = {_each(states)} a training step is {times} times as fast as the best of",
        f"{_and(libraries)}, and {slower} times as fast as straightforward torch.",
    ]
    if all(floor):
        over = _each([1 / ratio for ratio in floor if ratio])
        lines.append(f"It takes {over} times as long as a C program that draws the same tokens.")
    centre = speed.found["centre"]
    lines.append(
        f"(`make benchmark`: T = {centre['length']}, B = {centre['batch']}, one replicate, "
        f"one thread of {speed.found['device']['model']}.)"
    )
    return "\n".join(lines)


def tables(root: Path) -> str:
    """The part of docs/kernels.md."""
    return "\n".join(_document(Speed.read(root)))


def _document(speed: Speed) -> Iterator[str]:
    versions, centre = speed.found["versions"], speed.found["centre"]
    named = (f"{name} {versions[name]}" for name in ("torch", "numba", "jax") if versions[name])
    device, minutes = speed.found["device"], speed.found["seconds_of_benchmark"] / 60
    yield (
        f"By `make benchmark`, in {minutes:.0f} minutes, on {device['threads']} cores of "
        f"{device['model']}: {', '.join(named)}, {versions['c'] or 'no C compiler'}. "
        f"T = {centre['length']}, B = {centre['batch']}. Numbers are medians."
    )
    yield ""
    yield from _race(speed)
    yield ""
    yield from _aims(speed)
    yield ""
    yield from _steps(speed)
    yield ""
    yield from _rest(speed)


def _race(speed: Speed) -> Iterator[str]:
    others = [name for name in speed.programs if name != OURS]
    yield "Process time of a step over this project's in the same round, with quartiles:"
    yield ""
    yield f"| N | R | {OURS}: ms, ns per token | {' | '.join(others)} |"
    yield "|---|---|---|" + "---|" * len(others)
    for states, replicates in speed.sizes:
        row = speed.entry(states, replicates, OURS)
        seconds = row["seconds"]["median"]
        tokens = replicates * row["batch"] * row["length"]
        cells = [f"{1e3 * seconds:.3g}, {1e9 * seconds / tokens:.2f}"]
        for name in others:
            other = speed.entry(states, replicates, name)
            cells.append(_quartiles(other["ratio"]) if "ratio" in other else "not run")
        yield f"| {states} | {replicates} | {' | '.join(cells)} |"
    reasons = {row["program"]: row["missing"] for row in speed.race if row["missing"]}
    if reasons:
        yield ""
    yield from (f"Not run: {name}, as {reason}." for name, reason in reasons.items())


def _aims(speed: Speed) -> Iterator[str]:
    yield "| R = 1 | times C | aim, at most | times the best compiled rival | aim, at least |"
    yield "|---|---|---|---|---|"
    for states, (most, least) in AIMS.items():
        if (states, 1) not in speed.sizes:
            continue
        floor, best = speed.ratio(states, 1, FLOOR), speed.best(states, 1)
        one = _verdict(1 / floor, 1 / floor <= most) if floor else "not run"
        two = _verdict(best[0], best[0] >= least) + f" ({best[1]})" if best else "not run"
        yield f"| N = {states} | {one} | {most} | {two} | {least} |"


def _steps(speed: Speed) -> Iterator[str]:
    yield "One replicate, one thread, by N; torch and the parts are timed in runs of their own:"
    yield ""
    parts = "generation_forward_adjoint", "step"
    yield "| N | ms per step | times torch | ns per token: gradients and tokens | the whole step |"
    yield "|---|---|---|---|---|"
    for row in speed.found["ns_per_token"]:
        if row["threads"] > 1:
            continue
        where = {name: row[name] for name in ("states", "length", "batch", "replicates", "threads")}
        ratio = speed.of("speedup_over_naive", **where)
        seconds = speed.of("seconds_per_step", **where)["seconds"]["median"]
        faster = _quartiles(ratio) if ratio["median"] else "not run"
        costs = (f"{row[part]['median']:.1f}" for part in parts)
        yield f"| {row['states']} | {1e3 * seconds:.2f} | {faster} | {' | '.join(costs)} |"


def _rest(speed: Speed) -> Iterator[str]:
    found = speed.found
    length = found["centre"]["length"]
    for row in found["exponent_of_cost_in_length"]:
        if row["threads"] == 1 and row["from_length"] == length:
            yield (
                f"- Length: from T = {length} on, the cost grows like T^{row['exponent']:.2f} at "
                f"N = {row['states']}."
            )
    for row in found["speedup_of_threads"]:
        if (row["length"], row["batch"]) == (length, found["centre"]["batch"]) and (
            row["replicates"] in (1, 8, 32) and row["states"] in found["centre"]["states"]
        ):
            yield (
                f"- Threads: at N = {row['states']}, R = {row['replicates']}, {row['threads']} are "
                f"{row['speedup']:.2f} times as fast as one."
            )
    for job in found["peak_memory_mb"]:
        yield (
            f"- Memory of a training job: {job['megabytes']:.0f} MB at N = {job['states']}, "
            f"R = {job['replicates']}, B = {job['batch']}, {job['steps']} steps."
        )
    share = found["share_of_metrics"]["share"]["median"]
    yield f"- Metrics take {share:.1%} of a job's time at the default log interval."
    if first := found["first_call_seconds"]:
        yield (
            f"- Compiling the kernels takes {first['compiling']:.1f} seconds, once. Loading them "
            f"takes {first['from_disk']:.1f} seconds."
        )


def _digits(number: float) -> str:
    return f"{number:.0f}" if number >= 100 else f"{number:.2g}"


def _quartiles(ratio: Row) -> str:
    names = ("median", "lower_quartile", "upper_quartile")
    middle, low, high = (_digits(ratio[name]) for name in names)
    return f"{middle} ({low} to {high})"


def _verdict(number: float, reached: bool) -> str:
    return f"{_digits(number)}, {'reached' if reached else 'missed'}"


def _each(numbers: Sequence[float | None]) -> str:
    return " / ".join("?" if number is None else _digits(number) for number in numbers)


def _and(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
