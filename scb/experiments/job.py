"""One way to declare a job: a function whose signature says what it is given.

::

    @job
    def boost(
        settings: Stage1, tasks: Input, curves: Output, state: Output, device: torch.device
    ) -> None:
        ...

Its command line follows: ``--settings`` takes the model of `scb.settings` as JSON, ``--tasks`` a
file that is read, ``--curves`` and ``--state`` files that are written, ``--device`` where it is
asked for; ``--threads`` and ``--provenance`` each job has. Called from Python, it is the function.
"""

import argparse
import inspect
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Generic,
    ParamSpec,
    get_args,
    get_origin,
    get_type_hints,
)

from scb.faults import one_line, read_settings
from scb.settings.model import Model
from scb.store import origin, provenance, tables

if TYPE_CHECKING:
    import torch

Input = Annotated[Path, "input"]
"""A file that a job reads."""
Inputs = Annotated[list[Path], "input"]
"""Several of them."""
IfThere = Annotated[Path | None, "aside"]
"""A file of another seed that a job reads where it is given one."""
Asides = Annotated[list[Path], "aside"]
"""Several files that a job reads and that are no tables."""
Output = Annotated[Path, "output"]
"""A file that a job writes."""
IfAsked = Annotated[Path | None, "output"]
"""A file that a job writes where it is given a path."""

P = ParamSpec("P")


class Job(Generic[P]):
    """A function that can be run from a command line.

    Attributes
    ----------
    settings : type of Model
        Of its first argument.
    inputs, asides, outputs : tuple of str
        Its arguments that are files: an aside is an input that need not fit the others.
    """

    def __init__(self, function: Callable[P, None]) -> None:
        self._function = function
        self.__doc__, self.__name__ = function.__doc__, function.__name__
        hints = get_type_hints(function, include_extras=True)
        files = {
            name: get_args(hint) for name, hint in hints.items() if get_origin(hint) is Annotated
        }
        self.settings: type[Model] = hints["settings"]
        self.inputs = tuple(name for name, (_, kind) in files.items() if kind == "input")
        self.asides = tuple(name for name, (_, kind) in files.items() if kind == "aside")
        self.outputs = tuple(name for name, (_, kind) in files.items() if kind == "output")
        self._several = {name for name, (kind, _) in files.items() if get_origin(kind) is list}
        self._optional = {name for name, (kind, _) in files.items() if kind == Path | None}
        self._asked = hints.keys() & {"device", "threads"}

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Do the work, once the tables that are read were found to fit each other.

        Raises
        ------
        ValueError
            One line naming what does not belong together: see `scb.store.origin`.
        """
        given = inspect.signature(self._function).bind(*args, **kwargs).arguments
        settings = json.loads(given["settings"].as_json())
        files = {name: given[name] for name in self.inputs if name in given}
        read = origin.compare(files, tables.origin_of, settings.get("seed"))
        with origin.made_from(settings, read):
            self._function(*args, **kwargs)

    def main(self, argv: Sequence[str] | None = None) -> None:
        """Run the command line.

        Bad input, a lack of memory and Ctrl-C end in one line and status 1.
        """
        module = inspect.getmodule(self._function)
        parser = self._parser(module.__doc__ if module else None)
        options = vars(parser.parse_args(argv))
        try:
            options["settings"] = read_settings(self.settings, options["settings"])
            device, threads = options.pop("device", "cpu"), options.pop("threads")
            record = options.pop("provenance")
            start = (
                None
                if record is None
                else provenance.Start.of(self._files(options, (*self.inputs, *self.asides)))
            )
            own = {"device": set_up(device, threads), "threads": threads} if self._asked else {}
            call: Callable[..., None] = self
            call(**options, **{name: own[name] for name in self._asked})
            if start is not None:
                self._write_provenance(record, options, own.get("device"), threads, start)
        except (ValueError, OSError) as error:
            sys.exit(one_line(f"{parser.prog}: {error}"))
        except (MemoryError, RuntimeError) as error:
            if not is_lack_of_memory(error):
                raise
            said = [parser.prog, "out of memory", *str(error).splitlines()[:1]]
            sys.exit(one_line(": ".join(said)))
        except KeyboardInterrupt:
            sys.exit(f"{parser.prog}: interrupted")

    def _parser(self, description: str | None) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(description=description, allow_abbrev=False)
        fields = ", ".join(self.settings.model_fields)
        parser.add_argument("--settings", required=True, metavar="JSON", help=f"of {fields}")
        for name in (*self.inputs, *self.asides, *self.outputs):
            parser.add_argument(
                f"--{name.replace('_', '-')}",
                type=Path,
                nargs="+" if name in self._several else None,
                required=name not in self._optional,
                help="output" if name in self.outputs else "input",
            )
        if "device" in self._asked:
            parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:NUMBER")
        parser.add_argument("--threads", type=int, default=1, help="of the CPU")
        parser.add_argument("--provenance", type=Path, help="JSON output; none by default")
        return parser

    def _write_provenance(
        self,
        path: Path,
        options: dict[str, Any],
        device: "torch.device | None",
        threads: int,
        start: provenance.Start,
    ) -> None:
        settings = options["settings"].model_dump(mode="json")
        provenance.write(
            path,
            settings=settings,
            seed=settings.get("seed"),
            device="cpu" if device is None else describe(device),
            threads=threads,
            start=start,
            outputs=self._files(options, self.outputs),
        )

    def _files(self, options: dict[str, Any], names: tuple[str, ...]) -> list[Path]:
        paths = (options[name] for name in names if options[name] is not None)
        return [one for path in paths for one in (path if isinstance(path, list) else [path])]


def job(function: Callable[P, None]) -> Job[P]:
    """Declare a function as a job; see the module."""
    return Job(function)


def is_lack_of_memory(error: Exception) -> bool:
    """Whether memory ran out; torch says so, on the CPU, in the message alone."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return any(words in str(error) for words in ("can't allocate memory", "out of memory"))


def set_up(device: str, threads: int) -> "torch.device":
    """Give all threads to the kernels, one to torch, and resolve the device."""
    if threads < 1:
        raise ValueError(f"threads is {threads}; it must be at least 1")
    import torch  # not at the top: what only reads tables does not need it

    from scb.kernels.threads import set_threads

    set_threads(threads)
    torch.set_num_threads(1)
    return resolve_device(device)


def resolve_device(name: str) -> "torch.device":
    """The device that ``auto``, ``cpu``, ``cuda`` or ``cuda:NUMBER`` means here."""
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    found = re.fullmatch(r"cpu|cuda(?::([0-9]+))?", name)
    if not found:
        raise ValueError(f"device is {name}: use auto, cpu, cuda or cuda:NUMBER")
    if name != "cpu" and int(found[1] or 0) >= (there := torch.cuda.device_count()):
        raise ValueError(f"device is {name}, but {there or 'no'} CUDA devices are there")
    return torch.device(name)


def describe(device: "torch.device") -> str:
    """The device, and which GPU it is."""
    if device.type != "cuda":
        return "cpu"
    import torch

    return f"{device} ({torch.cuda.get_device_name(device)})"
