"""The command line: ``python -m scb train`` takes one setting from its tasks to a plot.

It calls the jobs of the pipeline's rules one after the other, so its numbers are those of the
pipeline at the same setting. ``python -m scb verify`` compares results with published ones.
"""

import argparse
import json
import os
import re
import reprlib
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NoReturn

from scb.faults import find_faults, one_line
from scb.settings import Comparison, Stage1, Tasks, Training

if TYPE_CHECKING:
    from scb.data.task import Task

TABLES = ("tasks", "curves", "states")
"""Tables of `train`, each a Parquet file."""

FILES = (*(f"{name}.parquet" for name in TABLES), "overview.pdf", "overview.png", "provenance.json")
"""All that `train` writes."""

OPTIONS = ("seed", "replicates", "log_interval", "states", "length", "sparsity", "batch", "steps")
"""Options of `train` that are keys of a section of ``training``."""

KINDS = ("proximal", "sgd")
"""Optimizers of `train`, each of the kind that it is named after."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status, 1 after one line on what went wrong."""
    parser = _Parser(prog="python -m scb", description="Sparse contextual bigrams, replicated.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    train_command = commands.add_parser(
        "train",
        help="train one setting: tables and a plot",
        description=f"{train.__doc__} Defaults in parentheses.",
        allow_abbrev=False,
    )
    _add_options(train_command)
    train_command.set_defaults(run=partial(_train, train_command))
    verify_command = commands.add_parser(
        "verify", help="compare results with published ones", allow_abbrev=False
    )
    verify_command.add_argument("results", type=Path, help="folder of results")
    verify_command.add_argument("against", type=Path, help="folder of the tables to compare with")
    verify_command.set_defaults(run=_verify)
    options = parser.parse_args(argv)
    run: Callable[[Namespace], int] = options.run
    return run(options)


def _verify(options: Namespace) -> int:
    from scb.analysis.verify import verify  # not at the top: imports pandas

    return verify(options.results, options.against)


def _train(command: "_Parser", options: Namespace) -> int:
    # Rates that a closed form gives are not known yet.
    for fault in find_faults(_section(options, 1.0, 1.0, 0.0), Training):
        key, said = fault.split(" ", 1)
        option = re.sub(r"optimizers\.\w+\.", "", key)
        command.error(f"--{re.sub('[._]', '-', option)} {said}")
    try:
        train(options)
    except (ValueError, OSError) as error:
        print(one_line(f"{command.prog}: {error}"), file=sys.stderr)
        return 1
    except (MemoryError, RuntimeError) as error:
        from scb.experiments.job import is_lack_of_memory

        if not is_lack_of_memory(error):
            raise
        less = "lower --replicates, --states, --length or --batch"
        print(f"{command.prog}: out of memory; {less}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{command.prog}: stopped, nothing written", file=sys.stderr)
        return 130
    return 0


def train(options: Namespace) -> None:
    """Draw tasks, train Stage 1 and the optimizers after it, write Parquet files and a plot."""
    # Not at the top: neither help nor a refusal should wait for torch.
    import pandas as pd

    from scb.data.task import Task
    from scb.experiments import boost, job, optimizers, tasks
    from scb.figures import overview, style
    from scb.learning.tables import CURVES
    from scb.store import provenance
    from scb.store.tables import read, setting, write

    start = provenance.Start.of([])
    device = job.set_up(options.device, options.threads)
    folder: Path = options.output
    for name in FILES:
        if (folder / name).is_dir():
            raise IsADirectoryError(f"{folder / name} is a folder, and would be a file")
    folder.mkdir(parents=True, exist_ok=True)

    # Moved last: a run that fails leaves nothing, and the files of an earlier one as they were.
    with TemporaryDirectory(prefix=".", dir=folder) as scratch:
        part = {name: Path(scratch, f"{name}.parquet") for name in (*TABLES, "boost", "state")}
        given = Training.model_validate(_section(options, 1.0, 1.0, 0.0))
        tasks.draw_tasks(Tasks.of(given), tasks=part["tasks"])
        rates = _rates(options, Task.load(part["tasks"]))
        section = Training.model_validate(_section(options, *rates))
        boost.boost(
            Stage1.of(section),
            tasks=part["tasks"],
            curves=part["boost"],
            state=part["state"],
            device=device,
        )
        optimizers.compare(
            Comparison.of(section),
            tasks=part["tasks"],
            state=part["state"],
            curves=part["curves"],
            states=part["states"],
            device=device,
        )

        said = setting(part["curves"])
        curves = pd.concat(read(part[name], CURVES) for name in ("boost", "curves"))
        write(curves, part["curves"], CURVES, said)
        style.save(overview.draw(part["curves"]), Path(scratch, "overview.pdf"))
        record = Path(scratch, "provenance.json")
        provenance.write(
            record,
            settings=section.model_dump(mode="json"),
            seed=section.seed,
            device=job.describe(device),
            threads=options.threads,
            start=start,
            outputs=[part[name] for name in TABLES],
        )
        _name_outputs_in(folder, record)
        for name in FILES:
            os.replace(Path(scratch, name), folder / name)

    for name in FILES:
        print(folder / name)


def _section(options: Namespace, boost_rate: float, rate: float, penalty: float) -> dict[str, Any]:
    """The options as a section of ``training``; rates and lambda unless they are given."""
    given = vars(options)
    rate = rate if options.rate is None else options.rate
    penalty = penalty if options.penalty is None else options.penalty
    kinds = {
        "proximal": {"kind": "proximal", "rate": rate, "penalty": penalty},
        "sgd": {"kind": "sgd", "rate": rate},
    }
    return {
        **{name: given[name] for name in OPTIONS},
        "sampler": "dirichlet",
        "concentration": 1.0,
        "weights": "uniform",
        "boost": {
            "steps": options.boost_steps,
            "rate": boost_rate if options.boost_rate is None else options.boost_rate,
        },
        "optimizers": {name: kinds[name] for name in dict.fromkeys(options.optimizer)},
    }


def _rates(options: Namespace, task: "Task") -> tuple[float, float, float]:
    """Rates of both stages and lambda; by the closed forms, as in config.yaml, unless given."""
    from scb.theory.population import balancing_penalty, largest_stable_rate

    def one_digit(number: Any) -> float:
        return float(f"{float(number):.0e}")

    boost_rate, rate, penalty = options.boost_rate, options.rate, options.penalty
    if boost_rate is None:
        boost_rate = one_digit(largest_stable_rate(task, options.batch).min() / 2)
    if rate is None:
        rate = boost_rate / 2
    if penalty is None:
        penalty = one_digit(balancing_penalty(task, options.batch, rate).median())
    print(f"eta {boost_rate:g} in Stage 1, then {rate:g}; lambda {penalty:g}", file=sys.stderr)
    return boost_rate, rate, penalty


def _name_outputs_in(folder: Path, record: Path) -> None:
    """Name the outputs of a provenance by where they will be, not by where they were written."""
    content = json.loads(record.read_text(encoding="utf-8"))
    digests = content["outputs"].items()
    content["outputs"] = {str(folder / Path(path).name): digest for path, digest in digests}
    record.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong on one line, without the usage."""
        self.exit(2, one_line(f"{self.prog}: {message}") + "\n")


def _add_options(command: argparse.ArgumentParser) -> None:
    def add(name: str, default: Any, text: str, **more: Any) -> None:
        shown = " ".join(default) if isinstance(default, tuple) else default
        text = text if shown is None else f"{text} ({shown})"
        command.add_argument(f"--{name}", default=default, help=text, **more)

    integer, number = _of(int, "an integer"), _of(float, "a number")
    add("states", 3, "N", type=integer)
    add("length", 5000, "T", type=integer)
    add("sparsity", 2, "Q", type=integer)
    add("batch", 64, "B, samples per step", type=integer)
    add("steps", 1000, "last step", type=integer)
    add("boost-steps", 400, "last step of Stage 1", type=integer)
    closed = "from a closed form of scb.theory.population"
    add("boost-rate", None, f"eta of Stage 1; unless given, {closed}", type=number)
    add("rate", None, "eta after Stage 1; unless given, half of it", type=number)
    add("penalty", None, f"lambda of proximal; unless given, {closed}", type=number)
    add("optimizer", KINDS, "after Stage 1, one or both", nargs="+", choices=KINDS)
    add("replicates", 8, "independent tasks and streams", type=integer)
    add("seed", 0, "root of all seeds", type=integer)
    add("log-interval", 10, "steps between two points of a curve", type=integer)
    add("device", "auto", "auto, cpu, cuda or cuda:NUMBER")
    add("threads", 1, "of the CPU", type=integer)
    add("output", Path("results/train"), "folder, made if need be", type=Path)


def _of(kind: type[int] | type[float], said: str) -> Callable[[str], float]:
    """A type for argparse; bounds are those of `scb.settings.Training`."""

    def parse(text: str) -> float:
        try:
            return kind(text)
        except ValueError:
            raise ArgumentTypeError(f"{reprlib.repr(text)} is not {said}") from None

    return parse
