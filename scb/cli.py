"""The command line: ``python -m scb train`` takes one setting from its tasks to a plot.

It runs the modules of the pipeline's rules one after the other, so its numbers are those
of the pipeline at the same setting.
"""

import argparse
import json
import math
import os
import reprlib
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from scb.data.task import Task

TABLES = ("tasks", "curves", "states")
"""Tables of `train`, each a Parquet file."""

FILES = (*(f"{name}.parquet" for name in TABLES), "overview.pdf", "overview.png", "provenance.json")
"""All that `train` writes."""

LARGEST = 2 * 10**8
"""Numbers in a model or a batch of all replicates, as the pipeline allows: 800 MB."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status, 1 after one line on what went wrong."""
    parser = _Parser(prog="python -m scb", description="Sparse contextual bigrams, replicated.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    command = commands.add_parser(
        "train",
        help="train one setting: tables and a plot",
        description=f"{train.__doc__} Defaults in parentheses.",
        allow_abbrev=False,
    )
    _add_options(command)
    options = parser.parse_args(argv)
    if options.sparsity >= options.length:  # as in workflow/settings.py
        command.error(
            f"argument --sparsity: {options.sparsity} is not below --length, {options.length}"
        )
    if options.boost_steps > options.steps:
        command.error(
            f"argument --boost-steps: {options.boost_steps} is above --steps, {options.steps}"
        )
    states, replicates = options.states, options.replicates
    for name, other in (("length", states + options.length), ("batch", options.batch)):
        if (numbers := replicates * states * other) > LARGEST:
            command.error(
                f"--replicates {replicates}, --states {states} and --{name} "
                f"{getattr(options, name)} make {numbers:,} numbers, above {LARGEST:,}"
            )
    try:
        train(options)
    except (ValueError, OSError) as error:
        print(f"{command.prog}: {error}", file=sys.stderr)
        return 1
    except (MemoryError, RuntimeError) as error:
        from scb.experiments.common import is_lack_of_memory  # not at the top: imports torch

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
    from scb.experiments import boost, common, optimizers, tasks
    from scb.figures import overview, style
    from scb.store import provenance, tables

    started = provenance.now()
    device = common.resolve_device(options.device)
    folder: Path = options.output
    for name in FILES:
        if (folder / name).is_dir():
            raise IsADirectoryError(f"{folder / name} is a folder, and would be a file")
    folder.mkdir(parents=True, exist_ok=True)

    def run(module: Any, names: str, *words: object, **files: Path) -> None:
        same = {name: getattr(options, name.replace("-", "_")) for name in names.split()}
        paths = {name.replace("_", "-"): path for name, path in files.items()}
        pairs = [(f"--{name}", value) for name, value in (same | paths).items()]
        line = [str(word) for word in (*chain.from_iterable(pairs), *words)]
        module.main(module.command_line().parse_args(line))

    # Moved last: a run that fails leaves nothing, and the files of an earlier one as they were.
    with TemporaryDirectory(prefix=".", dir=folder) as scratch:
        part = {name: Path(scratch, f"{name}.parquet") for name in (*TABLES, "boost", "state")}
        run(tasks, "seed states length sparsity replicates", output=part["tasks"])
        boost_rate, rate, penalty = _rates(options, Task.load(part["tasks"]))
        training = "seed batch log-interval device threads"
        files = {"tasks": part["tasks"], "state": part["state"]}
        steps = "--steps", options.boost_steps, "--rate", boost_rate
        run(boost, training, *steps, **files, curves=part["boost"])
        rules = {"proximal": (rate, penalty, 1), "sgd": (rate, 0, 0)}  # 1: threshold first
        chosen = [("--optimizer", name, *rules[name]) for name in dict.fromkeys(options.optimizer)]
        files |= {"curves": part["curves"], "state_output": part["states"]}
        run(optimizers, f"{training} steps", *chain.from_iterable(chosen), **files)

        curves = [tables.read(part[name], CURVES) for name in ("boost", "curves")]
        setting = tables.setting(part["curves"])
        tables.write(pd.concat(curves), part["curves"], CURVES, setting)
        style.save(overview.draw(part["curves"]), Path(scratch, "overview.pdf"))
        beside = "seed", "replicates", "log_interval"  # decide the result too
        record = Path(scratch, "provenance.json")
        provenance.write(
            record,
            settings=setting | {name: getattr(options, name) for name in beside},
            seed=options.seed,
            device=common.describe(device),
            threads=options.threads,
            inputs=[],
            outputs=[part[name] for name in TABLES],
            started=started,
        )
        _name_outputs_in(folder, record)
        for name in FILES:
            os.replace(Path(scratch, name), folder / name)

    for name in FILES:
        print(folder / name)


def _name_outputs_in(folder: Path, record: Path) -> None:
    """Name the outputs of a provenance by where they will be, not by where they were written."""
    content = json.loads(record.read_text(encoding="utf-8"))
    digests = content["outputs"].items()
    content["outputs"] = {str(folder / Path(path).name): digest for path, digest in digests}
    record.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


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


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong on one line, without the usage."""
        self.exit(2, f"{self.prog}: {message}\n")


def _add_options(command: argparse.ArgumentParser) -> None:
    count, names = _number(int, 1, 2**31 - 1), ("proximal", "sgd")  # the tables hold 32 bits
    # In single precision far less is 0, and far more infinite.
    positive, penalty = _number(float, 1e-30, 1e30), _number(float, 0, 1e30)

    def add(name: str, default: Any, text: str, **more: Any) -> None:
        shown = " ".join(default) if isinstance(default, list) else default
        text = text if shown is None else f"{text} ({shown})"
        command.add_argument(f"--{name}", default=default, help=text, **more)

    add("states", 3, "N", type=_number(int, 2, 65536))
    add("length", 5000, "T", type=count)
    add("sparsity", 2, "Q", type=count)
    add("batch", 64, "B, samples per step", type=count)
    add("steps", 1000, "last step", type=count)
    add("boost-steps", 400, "last step of Stage 1", type=count)
    closed = "from a closed form of scb.theory.population"
    add("boost-rate", None, f"eta of Stage 1; unless given, {closed}", type=positive)
    add("rate", None, "eta after Stage 1; unless given, half of it", type=positive)
    add("penalty", None, f"lambda of proximal; unless given, {closed}", type=penalty)
    add("optimizer", list(names), "after Stage 1, one or both", nargs="+", choices=names)
    add("replicates", 8, "independent tasks and streams", type=count)
    add("seed", 0, "root of all seeds", type=_number(int, 0, 2**63 - 1))
    add("log-interval", 10, "steps between two points of a curve", type=count)
    add("device", "auto", "auto, cpu, cuda or cuda:NUMBER")
    add("threads", 1, "of the CPU", type=count)
    add("output", Path("results/train"), "folder, made if need be", type=Path)


def _number(
    kind: type[int] | type[float], least: float, most: float = math.inf
) -> Callable[[str], float]:
    """A type for argparse: a finite number from ``least`` to ``most``."""
    noun = "an integer" if kind is int else "a number"
    bounds = f"of at least {least}" if most == math.inf else f"from {least} to {most}"

    def parse(text: str) -> float:
        try:
            number = kind(text)
        except ValueError:
            number = math.nan
        # No math.isfinite: an integer of 400 digits overflows it.
        if not (least <= number <= most and number < math.inf):
            raise ArgumentTypeError(f"{reprlib.repr(text)} is not {noun} {bounds}")
        return number

    return parse
