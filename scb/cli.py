"""The command line, ``python -m scb`` or ``scb``.

``train`` takes one setting from its tasks to a plot (`scb.training`). ``verify`` compares results
with published ones, ``compare`` two folders of results with each other.
"""

import argparse
import reprlib
import sys
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from functools import partial
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from scb import training
from scb.faults import one_line
from scb.settings.training import Tasks

if TYPE_CHECKING:
    from scb.data.task import Task

SIZES = {"states": ("N", 3), "length": ("T", 5000), "sparsity": ("Q", 2)}
"""Symbols of the sizes of a task, and their values unless they are given."""

OPTIONS = {
    name: parameter.default
    for name, parameter in signature(training.train).parameters.items()
    if name not in ("task", "output", "overwrite")
}
"""Options of ``train`` that are arguments of `scb.training.train`, with their defaults."""


def main(argv: Sequence[str] | None = None, prog: str = "python -m scb") -> int:
    """Run a command; returns its exit status, 1 after one line on what went wrong."""
    parser = _Parser(prog=prog, description="Sparse contextual bigrams, replicated.")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_train(commands)
    _add_verify(commands)
    _add_compare(commands)
    options = parser.parse_args(argv)
    run: Callable[[Namespace], int] = options.run
    return run(options)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong on one line, without the usage."""
        self.exit(2, one_line(f"{self.prog}: {message}") + "\n")


Commands = Any  # argparse names the type of its subparsers privately


def _add_verify(commands: Commands) -> None:
    command = commands.add_parser(
        "verify", help="compare results with published ones", allow_abbrev=False
    )
    command.add_argument("results", type=Path, help="folder of results")
    command.add_argument("against", type=Path, help="folder of the tables to compare with")
    command.set_defaults(run=_verify)


def _verify(options: Namespace) -> int:
    from scb.analysis.verify import verify  # not at the top: imports pandas

    return verify(options.results, options.against)


def _add_compare(commands: Commands) -> None:
    command = commands.add_parser(
        "compare",
        help="overlay two folders of results: curves, settings, verdicts",
        description=_compare.__doc__,
        allow_abbrev=False,
    )
    command.add_argument("mine", metavar="A", type=Path, help="folder of results")
    command.add_argument("other", metavar="B", type=Path, help="another")
    said = "figure of the curves that differ, a .pdf; a .png goes beside it (%(default)s)"
    command.add_argument("--output", type=Path, default=Path("compare.pdf"), help=said)
    command.set_defaults(run=partial(_compare, command))


def _compare(command: _Parser, options: Namespace) -> int:
    """Say where settings and verdicts of two folders differ, and overlay curves that do."""
    from scb.analysis.compare import Folders, said  # not at the top: imports pandas
    from scb.claims.changes import changes
    from scb.figures.overlay import overlay, require_ours, save

    try:
        require_ours(options.output)
        folders = Folders.of(options.mine, options.other)
        verdicts, outcomes = changes(options.mine, options.other)
        settings = list(map(said, folders.settings()))
        print(f"{options.mine} | {options.other}")
        for what, lines in (("settings", settings), ("verdicts", verdicts), ("outcomes", outcomes)):
            print("\n  ".join([f"{what} that differ: {len(lines)}", *lines]))
        differing = folders.differing()
        print(f"curves that differ: {len(differing)} of {len(folders.sections)} sections")
        if differing:
            runs = {section: folders.runs(section) for section in differing}
            save(overlay(runs, (options.mine, options.other)), options.output)
            print(f"  {', '.join(differing)}: drawn in {options.output}")
    except (ValueError, OSError) as error:
        print(one_line(f"{command.prog}: {error}"), file=sys.stderr)
        return 1
    return 0


def _add_train(commands: Commands) -> None:
    command = commands.add_parser(
        "train",
        help="train one setting: tables and a plot",
        description="Train Stage 1 and the optimizers after it, on tasks that are drawn or your "
        "own; write Parquet files and a plot. Defaults in parentheses.",
        allow_abbrev=False,
    )
    command.set_defaults(run=partial(_train, command))

    def add(name: str, text: str, default: Any = None, **more: Any) -> None:
        more["dest"] = more.get("dest", name.replace("-", "_"))
        default = OPTIONS.get(more["dest"], default)
        shown = " ".join(default) if isinstance(default, tuple) else default
        text = text if shown is None else f"{text} ({shown})"
        command.add_argument(f"--{name}", default=default, help=text, **more)

    integer, number = _of(int, "an integer"), _of(float, "a number")
    for size, (symbol, default) in SIZES.items():
        add(size, f"{symbol} ({default}, or that of your own task)", type=integer)
    file = {"type": Path, "metavar": "FILE"}
    add("tasks", "tasks of your own, as tasks.parquet of a run or of Task.save", **file)
    add("transition", "P of your own task, .csv or .npy; columns are distributions", **file)
    add("attention", "Q of your own task, T rows and N columns, .csv or .npy", **file)
    add("batch", "B, samples per step", type=integer)
    add("steps", "last step", type=integer)
    add("boost-steps", "last step of Stage 1", type=integer)
    closed = "from a closed form of scb.theory.population"
    add("boost-rate", f"eta of Stage 1; unless given, {closed}", type=number)
    add("rate", "eta after Stage 1; unless given, half of it", type=number)
    add("penalty", f"lambda of proximal; unless given, {closed}", type=number)
    add("rounding", "c of the normalised solution", type=number)
    kinds = training.KINDS
    add("optimizer", "after Stage 1, one or both", nargs="+", choices=kinds, dest="optimizers")
    several = f"independent streams, each of a task drawn for it or of yours \
({training.REPLICATES}, or as many as you give tasks)"
    add("replicates", several, type=integer)
    add("seed", "root of all seeds", type=integer)
    add("log-interval", "steps between two points of a curve", type=integer)
    add("device", "auto, cpu, cuda or cuda:NUMBER")
    add("threads", "of the CPU", type=integer)
    add("output", "folder, made if need be", Path("results/train"), type=Path)
    command.add_argument("--overwrite", action="store_true", help="replace a run in that folder")


def _train(command: _Parser, options: Namespace) -> int:
    own = [path for path in (options.tasks, options.transition, options.attention) if path]
    if options.tasks and len(own) > 1:
        command.error("--tasks is a whole task: --transition and --attention do not go with it")
    if not options.tasks and len(own) == 1:
        command.error("--transition and --attention go together: P and Q make a task")
    given = {name: getattr(options, name) for name in OPTIONS}
    where = {"output": options.output, "overwrite": options.overwrite}
    try:
        if own:
            task = _own_task(options)
            for name in SIZES:
                if (asked := getattr(options, name)) not in (None, there := getattr(task, name)):
                    command.error(f"--{name} is {asked}; it is {there} in {own[-1]}")
            training.train_given(task, given, **where, inputs=own)
        else:
            _train_on_drawn(options, given, where)
    except training.OptionError as fault:
        key, said = str(fault).split(" ", 1)
        option = {"optimizers": "optimizer"}.get(key, key.replace("_", "-"))
        command.error(f"{'' if own and key in SIZES else '--'}{option} {said}")
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
    for name in training.FILES:
        print(options.output / name)
    return 0


def _train_on_drawn(options: Namespace, given: dict[str, Any], where: dict[str, Any]) -> None:
    for name, (_, default) in SIZES.items():
        asked = getattr(options, name)
        given[name] = default if asked is None else asked
    if given["replicates"] is None:
        given["replicates"] = training.REPLICATES
    given |= training.DRAWN
    training.require_options(given)
    from scb.experiments.tasks import draw_tasks  # not before: imports torch

    settings = Tasks(**{name: given[name] for name in Tasks.model_fields})
    training.run(given, lambda path: draw_tasks(settings, tasks=path), **where)


def _own_task(options: Namespace) -> "Task":
    """The task in the files that are named.

    Raises
    ------
    ValueError
        One line naming the file, and the place in it, at fault.
    """
    from scb.data.matrices import read_matrix
    from scb.data.task import Task

    if options.tasks:
        return Task.load(options.tasks)
    transition, attention = read_matrix(options.transition), read_matrix(options.attention)
    try:
        return Task.from_matrices(transition, attention)
    except ValueError as fault:
        of_transition = str(fault).startswith(("transition", "stationary", "states"))
        path = options.transition if of_transition else options.attention
        raise ValueError(f"{path}: {fault}") from None


def _of(kind: type[int] | type[float], said: str) -> Callable[[str], float]:
    """A type for argparse; bounds are those of `scb.settings.training.Training`."""

    def parse(text: str) -> float:
        try:
            return kind(text)
        except ValueError:
            raise ArgumentTypeError(f"{reprlib.repr(text)} is not {said}") from None

    return parse
