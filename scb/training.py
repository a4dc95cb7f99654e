"""One setting from its tasks to its curves: what `scb.train` and ``python -m scb train`` run.

It calls the jobs of the pipeline's rules one after the other, so its numbers are those of the
pipeline at the same setting.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from scb.faults import find_faults, show
from scb.settings.training import Comparison, Sampling, Stage1, Training

# Not at run time: neither help nor a refusal should wait for torch.
if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from scb.data.task import Task
    from scb.learning.models import LinearTransformer

TABLES = ("tasks", "curves", "states")
"""Tables of a run, each a Parquet file."""

FILES = (*(f"{name}.parquet" for name in TABLES), "overview.pdf", "overview.png", "provenance.json")
"""All that is written of a run."""

KINDS = ("proximal", "sgd")
"""Optimizers, each of the kind that it is named after."""

REPLICATES = 8
"""Of one task, unless it is said."""

DRAWN = {"sampler": "dirichlet", "concentration": 1.0, "weights": "uniform"}
"""How tasks are drawn that nobody gives."""

LAYOUTS: tuple[tuple[tuple[str, ...], str | None], ...] = (
    (("curves",), "states"),
    (("boost", "optimizers"), "optimizers_state"),
    (("boost",), "boost_state"),
    (("attention",), "attention_state"),
    (("simulation",), None),
    (("check",), None),
)
"""Tables of curves that a folder may hold, and the table of states at their last step."""


class OptionError(ValueError):
    """An argument of `train` that makes no sense; the line begins with its name."""


@dataclass(frozen=True)
class TrainingRun:
    """What was trained, and how it went.

    Attributes
    ----------
    tasks : Task of R replicates
        The ground truths.
    curves : DataFrame
        A row per optimizer, replicate and logged step, with Stage 1 as optimizer ``boost``;
        docs/data.md explains the columns.
    models : dict of LinearTransformer
        V, shape (R, N, N), and A, ``attention``, shape (R, T, N), in single precision, of each
        optimizer at the last step. Simulations have none.
    setting : dict
        What the curves were computed at: N, T, Q, B, steps, rates, penalties.
    folder : Path
        Where it comes from, or was written to; ``.`` if nowhere.
    """

    tasks: "Task"
    curves: "pd.DataFrame"
    models: "dict[str, LinearTransformer]"
    setting: dict[str, Any]
    folder: Path

    def figure(self) -> "Figure":
        """Signals, distances, loss and similarity against the step; a notebook displays it."""
        from scb.analysis.runs import Run
        from scb.figures import overview

        return overview.draw_run(Run.of(self.curves, self.folder, self.setting))


def train(
    task: "Task",
    *,
    batch: int = 64,
    steps: int = 1000,
    boost_steps: int = 400,
    boost_rate: float | None = None,
    rate: float | None = None,
    penalty: float | None = None,
    rounding: float = 0.25,
    optimizers: Sequence[str] = KINDS,
    replicates: int | None = None,
    seed: int = 0,
    log_interval: int = 10,
    device: str = "auto",
    threads: int = 1,
    output: Path | str | None = None,
    overwrite: bool = False,
) -> TrainingRun:
    """Train Stage 1 and then each optimizer after it, on the same samples.

    Parameters
    ----------
    task : Task
        One task, or R of them.
    batch : int
        B, samples in a step.
    steps, boost_steps : int
        The last step, and that of Stage 1.
    boost_rate : float, optional
        eta of Stage 1; by default half the largest stable one
        (`scb.theory.population.largest_stable_rate`), to one digit.
    rate : float, optional
        eta after Stage 1; by default half of ``boost_rate``.
    penalty : float, optional
        lambda of proximal; by default that of `scb.theory.population.balancing_penalty`, to one
        digit.
    rounding : float
        c of the normalised solution.
    optimizers : sequence of str
        Some of `KINDS`.
    replicates : int, optional
        R. One task is trained on so many independent streams, 8 by default; of several tasks the
        first so many are, all by default.
    seed : int
        Root of the seeds of the streams.
    log_interval : int
        Steps between two points of a curve.
    device : str
        auto, cpu, cuda or cuda:NUMBER.
    threads : int
        Of the CPU.
    output : path, optional
        A folder to write `FILES` to, made if need be; `load_run` reads them.
    overwrite : bool
        Whether a run in that folder may be replaced.

    Returns
    -------
    TrainingRun

    Raises
    ------
    ValueError
        One line naming the argument at fault and its value.
    OSError
        If ``output`` cannot be written, or holds a run already.
    """
    from scb.data.task import Task

    if not isinstance(task, Task):
        raise TypeError(f"task is of {type(task).__name__}: it must be an scb.Task")
    options = {
        "batch": batch,
        "steps": steps,
        "boost_steps": boost_steps,
        "boost_rate": boost_rate,
        "rate": rate,
        "penalty": penalty,
        "rounding": rounding,
        "optimizers": optimizers,
        "replicates": replicates,
        "seed": seed,
        "log_interval": log_interval,
        "device": device,
        "threads": threads,
    }
    output = None if output is None else Path(output)
    return train_given(task, options, output, overwrite=overwrite)


def train_given(
    task: "Task",
    options: Mapping[str, Any],
    output: Path | None,
    *,
    overwrite: bool = False,
    inputs: Sequence[Path] = (),
) -> TrainingRun:
    """As `train`, whose keyword arguments are the ``options``.

    Parameters
    ----------
    inputs : sequence of Path
        Files that the task was read from, for the provenance.
    """
    from scb.data.task import Task

    tasks = Task.stack([task]) if task.stationary.ndim == 1 else task
    there, replicates = len(tasks.seeds), options["replicates"]
    if replicates is None:
        replicates = REPLICATES if there == 1 else there
    sizes = {"states": task.states, "length": task.length, "sparsity": task.sparsity}
    known = {**options, **sizes, "replicates": replicates}
    require_options(known)
    if 1 < there < replicates:
        said = f"it must be at most {there}, the number of tasks"
        raise OptionError(f"replicates is {replicates}; {said}")
    some = tasks.select([0] * replicates) if there == 1 else tasks.first(replicates)
    return run(known, some.save, output, overwrite=overwrite, inputs=inputs)


def require_options(options: Mapping[str, Any]) -> None:
    """Refuse options, N, T and Q that make no sense, before any work.

    Raises
    ------
    OptionError
    """
    names = options["optimizers"]
    if isinstance(names, str) or not names or not set(names) <= set(KINDS):
        raise OptionError(f"optimizers is {show(names)}; it must be some of {list(KINDS)}")
    # Rates that a closed form gives are not known yet.
    for fault in find_faults(_section(options, 1.0, 1.0, 0.0), Training):
        key, said = fault.split(" ", 1)
        argument = re.sub(r"optimizers\.\w+\.", "", key).replace(".", "_")
        raise OptionError(f"{argument} {said}")


def run(
    options: Mapping[str, Any],
    save_tasks: Callable[[Path], object],
    output: Path | None,
    *,
    overwrite: bool = False,
    inputs: Sequence[Path] = (),
) -> TrainingRun:
    """Train, and write `FILES` if there is an ``output``.

    Parameters
    ----------
    options : mapping
        Arguments of `train` with N, T and Q, without faults; `DRAWN` too where they are drawn.
    save_tasks : function of a path
        Writes the tasks.
    output, overwrite
        As of `train`.
    inputs : sequence of Path
        Files that the tasks come from.
    """
    import pandas as pd
    import torch

    from scb.data.task import Task
    from scb.experiments import boost, job, optimizers
    from scb.figures import style
    from scb.learning.tables import CURVES
    from scb.store import origin, provenance
    from scb.store.tables import origin_of, read, setting, write

    start = provenance.Start.of(inputs)
    if output is not None:
        _require_free(output, overwrite)
    threads_before = torch.get_num_threads()
    device = job.set_up(options["device"], options["threads"])
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
    try:
        # Moved last: a run that fails leaves nothing, and the files of an earlier one as they were.
        with TemporaryDirectory(prefix=".", dir=output) as name:
            scratch = Path(name)
            part = {name: scratch / f"{name}.parquet" for name in (*TABLES, "boost", "state")}
            save_tasks(part["tasks"])
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
            settings = section.model_dump(mode="json")
            if "sampler" not in options:
                settings = {key: settings[key] for key in settings.keys() - Sampling.model_fields}
            said = setting(part["curves"])
            curves = pd.concat(read(part[name], CURVES) for name in ("boost", "curves"))
            with origin.made_from(settings, {"tasks": origin_of(part["tasks"])["digest"]}):
                write(curves, part["curves"], CURVES, said)
            found = _load(scratch, output or Path())
            if output is not None:
                style.save(found.figure(), scratch / "overview.pdf")
                provenance.write(
                    scratch / "provenance.json",
                    settings=settings,
                    seed=section.seed,
                    device=job.describe(device),
                    threads=options["threads"],
                    start=start,
                    outputs=[part[name] for name in TABLES],
                )
                _name_outputs_in(output, scratch / "provenance.json")
                for name in FILES:
                    os.replace(scratch / name, output / name)
    finally:
        torch.set_num_threads(threads_before)
    return found


def load_run(folder: Path | str) -> TrainingRun:
    """Read a finished run.

    Parameters
    ----------
    folder : path
        Of `train` or ``python -m scb train``, or of a section of the results that has curves, such
        as ``results/convergence``.

    Returns
    -------
    TrainingRun
        Of an attention section, the softmax transformer is one with the same V and A. Of a section
        that ends with Stage 1, the model is that of ``boost``.

    Raises
    ------
    ValueError
        One line naming the file at fault: one that is missing or damaged, or that was made from
        another one than the one in the folder.
    """
    return _load(Path(folder), Path(folder))


def _load(at: Path, folder: Path) -> TrainingRun:
    """The run whose files are ``at``, and which is to be found in ``folder``."""
    import pandas as pd

    from scb.analysis.runs import Run
    from scb.data.task import Task
    from scb.learning import states
    from scb.learning.models import LinearTransformer
    from scb.learning.tables import CURVES
    from scb.store import origin, tables

    layouts = [
        (curves, state)
        for curves, state in LAYOUTS
        if all((at / f"{name}.parquet").exists() for name in curves)
    ]
    if not layouts:
        kinds = ", or ".join(" and ".join(f"{name}.parquet" for name in of) for of, _ in LAYOUTS)
        raise tables.TableError(f"{folder}: no run is there, which has {kinds}")
    curves, state = layouts[0]
    paths = [at / f"{name}.parquet" for name in curves]
    files = {"tasks": at / "tasks.parquet"} | dict(zip(curves, paths, strict=True))
    if state is not None:
        files[state] = at / f"{state}.parquet"
    origin.compare(files, tables.origin_of)
    found = Run.read(*paths)
    models = {}
    if state is not None:
        names, _, value, columns = states.read(files[state])
        models = {
            name: LinearTransformer(value[place], columns[place]).requires_grad_(False)
            for place, name in enumerate(names)
        }
    return TrainingRun(
        tasks=Task.load(files["tasks"]).first(len(found.replicates)),
        curves=pd.concat([tables.read(path, CURVES) for path in paths], ignore_index=True),
        models=models,
        setting=found.setting,
        folder=folder,
    )


def _require_free(output: Path, overwrite: bool) -> None:
    for name in FILES:
        if (output / name).is_dir():
            raise IsADirectoryError(f"{output / name} is a folder, and would be a file")
        if not overwrite and (output / name).exists():
            raise FileExistsError(
                f"{output} holds a run already ({name}): name another output, or ask to overwrite"
            )


def _section(
    options: Mapping[str, Any], boost_rate: float, rate: float, penalty: float
) -> dict[str, Any]:
    """The options as a section of ``training``; rates and lambda unless they are given."""
    rate = rate if options["rate"] is None else options["rate"]
    penalty = penalty if options["penalty"] is None else options["penalty"]
    kinds = {
        "proximal": {"kind": "proximal", "rate": rate, "penalty": penalty},
        "sgd": {"kind": "sgd", "rate": rate},
    }
    return {
        **DRAWN,
        **{key: options[key] for key in Training.model_fields if key in options},
        "boost": {
            "steps": options["boost_steps"],
            "rate": boost_rate if options["boost_rate"] is None else options["boost_rate"],
        },
        "optimizers": {name: kinds[name] for name in dict.fromkeys(options["optimizers"])},
    }


def _rates(options: Mapping[str, Any], task: "Task") -> tuple[float, float, float]:
    """Rates of both stages and lambda; by the closed forms, as in config.yaml, unless given."""
    from scb.theory.population import balancing_penalty, largest_stable_rate

    def one_digit(number: Any) -> float:
        return float(f"{float(number):.0e}")

    boost_rate, rate, penalty = (options[key] for key in ("boost_rate", "rate", "penalty"))
    if boost_rate is None:
        boost_rate = one_digit(largest_stable_rate(task, options["batch"]).min() / 2)
    if rate is None:
        rate = boost_rate / 2
    if penalty is None:
        penalty = one_digit(balancing_penalty(task, options["batch"], rate).median())
    print(f"eta {boost_rate:g} in Stage 1, then {rate:g}; lambda {penalty:g}", file=sys.stderr)
    return boost_rate, rate, penalty


def _name_outputs_in(folder: Path, record: Path) -> None:
    """Name the outputs of a provenance by where they will be, not by where they were written."""
    content = json.loads(record.read_text(encoding="utf-8"))
    digests = content["outputs"].items()
    content["outputs"] = {str(folder / Path(path).name): digest for path, digest in digests}
    record.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
