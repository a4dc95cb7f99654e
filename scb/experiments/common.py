"""What the experiments share: arguments, device, states, provenance, one-line faults."""

import argparse
import re
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from scb.data.seeds import derive
from scb.data.stream import Stream
from scb.data.task import Task
from scb.kernels import cpu
from scb.learning.algorithm import normalise
from scb.learning.metrics import AttentionStatistics
from scb.learning.tables import STATES
from scb.store import provenance, tables
from scb.theory.tables import PRETRAINED

Arguments = argparse.Namespace


def arguments(
    description: str | None, *, steps: bool = True, device: bool = True
) -> argparse.ArgumentParser:
    """Parser with the options that experiments have in common."""
    parser = argparse.ArgumentParser(description=description, allow_abbrev=False)
    parser.add_argument("--seed", type=int, required=True, help="root of all seeds")
    if steps:
        parser.add_argument("--batch", type=int, required=True, help="B, samples per step")
        parser.add_argument("--steps", type=int, required=True, help="last step, from 0")
        parser.add_argument("--log-interval", type=int, required=True, help="steps between rows")
        parser.add_argument("--threads", type=int, default=1)
    if device:
        parser.add_argument("--device", default="auto", help="cpu, cuda or auto")
    return parser


def add_outputs(parser: argparse.ArgumentParser, *names: str, required: bool = True) -> None:
    """Options for the tables that a job writes: ``add_outputs(parser, "curves", "state")``.

    Provenance tells them from the other files on the command line, which are inputs.
    """
    for name in names:
        parser.add_argument(f"--{name}", type=Path, required=required, help="output")
    known = parser.get_default("outputs") or []
    parser.set_defaults(outputs=[*known, *(name.replace("-", "_") for name in names)])


def run(main: Callable[[Arguments], None], parser: argparse.ArgumentParser) -> None:
    """Parse the command line and run.

    Bad input, a lack of memory and Ctrl-C end in one line and status 1.
    """
    started = provenance.now()
    parser.add_argument("--provenance", type=Path, help="JSON output; none by default")
    options = parser.parse_args()
    try:
        main(options)
        if options.provenance is not None:
            write_provenance(options, started)
    except (ValueError, OSError) as error:
        sys.exit(f"{parser.prog}: {error}")
    except (MemoryError, RuntimeError) as error:
        if not is_lack_of_memory(error):
            raise
        sys.exit(": ".join([parser.prog, "out of memory", *str(error).splitlines()[:1]]))
    except KeyboardInterrupt:
        sys.exit(f"{parser.prog}: interrupted")


def is_lack_of_memory(error: Exception) -> bool:
    """Whether memory ran out; torch says so, on the CPU, in the message alone."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(words in str(error) for words in ("can't allocate memory", "out of memory"))


def write_provenance(options: Arguments, started: datetime) -> None:
    """Write the provenance of a job; its settings are all but files, device and threads."""
    words = dict(vars(options))
    output, outputs = words.pop("provenance"), words.pop("outputs", ())
    device, threads = words.pop("device", "cpu"), words.pop("threads", 1)
    files = {name: paths for name, word in words.items() if (paths := _paths(word))}
    provenance.write(
        output,
        settings={name: word for name, word in words.items() if name not in files},
        seed=words.get("seed"),
        device=describe(resolve_device(device)),
        threads=threads,
        inputs=[path for name in files if name not in outputs for path in files[name]],
        outputs=[path for name in outputs for path in files.get(name, ())],
        started=started,
    )


def _paths(word: Any) -> list[Path]:
    words = word if isinstance(word, list) else [word]
    return [word for word in words if isinstance(word, Path)]


def set_up(options: Arguments) -> torch.device:
    """Give all threads to the kernels, one to torch, and resolve the device."""
    cpu.set_threads(options.threads)
    torch.set_num_threads(1)
    return resolve_device(options.device)


def resolve_device(name: str) -> torch.device:
    """The device that ``auto``, ``cpu``, ``cuda`` or ``cuda:NUMBER`` means here."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    found = re.fullmatch(r"cpu|cuda(?::([0-9]+))?", name)
    if not found:
        raise ValueError(f"device is {name}: use auto, cpu, cuda or cuda:NUMBER")
    if name != "cpu" and int(found[1] or 0) >= (there := torch.cuda.device_count()):
        raise ValueError(f"device is {name}, but {there or 'no'} CUDA devices are there")
    return torch.device(name)


def describe(device: torch.device) -> str:
    """The device, and which GPU it is."""
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else "cpu"


def stream_of(tasks: Task, root: int) -> Stream:
    """Stream of an experiment: replicate r draws from its own seed, whatever trains on it."""
    seeds = [derive(root, "stream", replicate) for replicate in range(len(tasks.seeds))]
    return Stream(tasks, seeds)


def iterate(task: Task, value: Tensor, columns: Tensor) -> dict[str, Any]:
    """Arguments of `Curves.record` for an iterate, with its normalised solution."""
    value, columns = value.detach(), columns.detach()
    return {
        "iterate": (value, AttentionStatistics.of(task, columns)),
        "normalised": normalise(task, columns),
    }


def write_states(
    path: Path,
    optimizers: list[str],
    step: int,
    value: Tensor,
    columns: Tensor,
    setting: dict[str, Any],
) -> None:
    """Write iterates of shape (G, R, N, N) and (G, R, N, T) to a table of `STATES`."""
    index = np.indices(columns.shape[:-1]).reshape(3, -1)

    def lists(rows: Tensor) -> pa.Array:
        flat = rows.detach().float().cpu().contiguous().numpy()
        return pa.FixedSizeListArray.from_arrays(flat.ravel(), flat.shape[-1]).cast(
            pa.list_(pa.float32())
        )

    table = pa.table(
        {
            "optimizer": pa.array(np.array(optimizers, dtype=object)[index[0]], pa.string()),
            "replicate": pa.array(index[1], pa.int32()),
            "step": pa.array(np.full(index.shape[1], step), pa.int32()),
            "state": pa.array(index[2], pa.int32()),
            "value": lists(value.mT),  # column k of V
            "attention": lists(columns),  # column k of A
        }
    )
    tables.write(table, path, STATES, setting)


def read_states(path: Path) -> tuple[list[str], int, Tensor, Tensor]:
    """Read what `write_states` wrote: optimizers, step, V (G, R, N, N), A^T (G, R, N, T)."""
    table = tables.read_arrow(path, STATES)  # lists of floats: objects in a data frame
    optimizers = table["optimizer"].unique().to_pylist()
    replicates, states = (len(table[name].unique()) for name in ("replicate", "state"))

    def rows(name: str) -> Tensor:
        flat = table[name].combine_chunks().flatten().to_numpy().copy()
        return torch.from_numpy(flat).view(len(optimizers), replicates, states, -1)

    return optimizers, table["step"][0].as_py(), rows("value").mT, rows("attention")


def read_pretrained(path: Path, tasks: Task) -> tuple[Tensor, dict[str, Any]]:
    """Learned V, (C, R, N, N), of a table of `PRETRAINED`, and what to say of it.

    There may be more pretrained replicates than tasks: the first are taken. Said are the
    correlations asked for, the least and the largest that V has with P, and ``kappa / |mu|^2``.
    """
    frame = tables.read(path, PRETRAINED)
    replicates, states = tasks.stationary.shape
    frame = frame[frame["replicate"] < replicates].sort_values(["replicate", "state"])
    correlations = tables.setting(path)["correlations"]
    parts = [frame[frame["correlation"] == correlation] for correlation in correlations]
    if any(len(part) != replicates * states for part in parts):
        raise ValueError(f"{path}: not pretrained for the states and replicates of the tasks")
    stacked = np.stack([np.stack(part["value"].to_list()) for part in parts])
    value = torch.from_numpy(stacked).reshape(-1, replicates, states, states).mT
    drift = ((value @ tasks.stationary[..., None]).squeeze(-1) - tasks.stationary).abs().max()
    if drift > 1e-4:
        raise ValueError(f"{path}: pretrained with another mu than that of the tasks")
    told = {"correlations": correlations}
    for name in ("learned", "overlap_ratio"):
        told[name] = [[float(part[name].min()), float(part[name].max())] for part in parts]
    return value, told
