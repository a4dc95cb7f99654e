"""The command line of a figure, from the signature of the function that draws it.

::

    @drawing
    def draw(settings: Curves, boost: Path, curves: Path) -> Figure:
        ...

``--settings`` takes the model of `scb.settings` as JSON, ``--boost`` and ``--curves`` a table each
(or several, of a list), ``--output`` the PDF; the PNG goes beside it. Called from Python, it is the
function.
"""

import argparse
import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, ParamSpec, get_type_hints

from matplotlib.figure import Figure

from scb.faults import one_line, read_settings
from scb.figures.style import save
from scb.settings.model import Model
from scb.store import origin, tables

P = ParamSpec("P")


class Drawing(Generic[P]):
    """A function that draws a figure, and can be run from a command line.

    Attributes
    ----------
    settings : type of Model, optional
        Of what config.yaml says of the figure, if anything.
    inputs : dict
        Its tables: `Path`, or a list of paths, by name.
    """

    def __init__(self, function: Callable[P, Figure]) -> None:
        self._function = function
        self.__doc__ = function.__doc__
        hints = get_type_hints(function)
        self.settings: type[Model] | None = hints.pop("settings", None)
        self.inputs = {name: hints[name] for name in hints if name != "return"}

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Figure:
        """Draw, once the tables were found to fit each other.

        Raises
        ------
        ValueError
            One line naming what does not belong together: see `scb.store.origin`.
        """
        given = inspect.signature(self._function).bind(*args, **kwargs).arguments
        origin.compare({name: given[name] for name in self.inputs}, tables.origin_of)
        return self._function(*args, **kwargs)

    def main(self, argv: Sequence[str] | None = None) -> None:
        """Run the command line.

        A table, a setting or a file at fault and Ctrl-C end in one line and status 1.
        """
        parser = self._parser()
        options = vars(parser.parse_args(argv))
        output = options.pop("output")
        if output.suffix != ".pdf":
            parser.error(f"--output must end in .pdf, not {output}")
        if len({len(files) for files in options.values() if isinstance(files, list)}) > 1:
            names = " and ".join(f"--{name}" for name in self.inputs)
            parser.error(f"{names} must take equally many files")
        try:
            if self.settings:
                options["settings"] = read_settings(self.settings, options["settings"])
            draw: Callable[..., Figure] = self
            save(draw(**options), output)
        except (ValueError, OSError) as error:
            sys.exit(one_line(f"{parser.prog}: {error}"))
        except KeyboardInterrupt:
            sys.exit(f"{parser.prog}: interrupted")

    def _parser(self) -> argparse.ArgumentParser:
        module = inspect.getmodule(self._function)
        description = module.__doc__ if module else None
        parser = argparse.ArgumentParser(description=description, allow_abbrev=False)
        if self.settings:
            fields = ", ".join(self.settings.model_fields)
            parser.add_argument("--settings", required=True, metavar="JSON", help=f"of {fields}")
        for name, kind in self.inputs.items():
            several = None if kind is Path else "+"
            parser.add_argument(f"--{name}", type=Path, required=True, nargs=several, help="input")
        parser.add_argument("--output", type=Path, required=True, help=".pdf; .png goes beside it")
        return parser


def drawing(function: Callable[P, Figure]) -> Drawing[P]:
    """Declare a function that draws a figure; see the module."""
    return Drawing(function)
