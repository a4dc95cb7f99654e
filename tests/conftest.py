"""Shared small tasks and streams."""

import os
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

if not torch.cuda.is_available():  # read when Triton is first imported
    os.environ["TRITON_INTERPRET"] = "1"

from scb import Task
from scb.data.seeds import derive
from scb.data.stream import Stream
from scb.store.tables import Schema

torch.set_num_threads(1)

HOSTILE = "hostile"
"""The marker of what is wrong on purpose, and the property by which a report tells of it."""


def pytest_collection_modifyitems(items):
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="no CUDA device"))
    # The longest first, so that no process has a long one left when the others have ended.
    names = (
        *("test_faults.py", "test_fuzz.py", "test_extending.py", "test_pipeline.py"),
        *("test_guard.py", "test_report.py", "test_figures.py", "test_kernels_cuda.py"),
    )
    order = {name: place for place, name in enumerate(names)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))


def pytest_itemcollected(item):
    for mark in item.iter_markers("hostile"):  # a report brings it from another process
        kind, count = (*mark.args, 1)[:2]
        item.user_properties.append((HOSTILE, [kind, count]))


def pytest_terminal_summary(terminalreporter):
    """How many hostile cases passed, as docs/reliability.md tells."""
    counts = Counter()
    for report in terminalreporter.getreports("passed"):
        for key, value in report.user_properties if report.when == "call" else ():
            if key == HOSTILE:
                counts[value[0]] += value[1]
    if counts:
        told = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
        terminalreporter.write_line(f"Hostile cases passed: {told}")


@pytest.fixture(scope="session")
def make_task():
    """Tasks of one shape, a replicate each: ``make_task(states, length, sparsity, replicates)``."""

    def make(states: int, length: int, sparsity: int = 2, replicates: int = 2, **options) -> Task:
        seeds = [derive(7, "task", replicate) for replicate in range(replicates)]
        draw = [Task.sample(states, length, sparsity, seed, **options) for seed in seeds]
        return Task.stack(draw)

    return make


@pytest.fixture(scope="session")
def make_stream():
    """Stream of a stacked task: ``make_stream(task, root)``."""

    def make(task: Task, root: int = 0) -> Stream:
        seeds = [derive(root, "stream", replicate) for replicate in range(len(task.seeds))]
        return Stream(task, seeds)

    return make


@pytest.fixture(scope="session")
def call():
    """Run a job's command line in this process: ``call(job, settings, folder, curves="c", ...)``.

    Files are named without their folder and ``.parquet``; several of them in a list. Other words
    follow the settings.
    """

    def call(job, settings, folder: Path, *words: str, **files: str | list[str]) -> None:
        argv = ["--settings", settings.as_json(), *words]
        for name, stems in files.items():
            stems = [stems] if isinstance(stems, str) else stems
            argv += [f"--{name}", *(str(folder / f"{stem}.parquet") for stem in stems)]
        job.main(argv)

    return call


@pytest.fixture(scope="session")
def diverge():
    """A table in which runs diverged: ``diverge(frame, schema, ["replicate"], "step", share)``.

    That ``share`` of them did so, each from a row of its own on, and grew large before; all did so
    from their first row on where the share is 1.
    """

    def diverge(
        frame: pd.DataFrame, schema: Schema, run: list[str], by: str, share: float
    ) -> pd.DataFrame:
        rng = np.random.default_rng(3)
        frame = frame.sort_values([*run, by], ignore_index=True)
        gone, growth = frame["diverged"].to_numpy(copy=True), np.ones(len(frame))
        for rows in frame.groupby(run, dropna=False).indices.values():
            if rng.random() < share:
                first = 0 if share == 1 else rng.integers(len(rows))
                gone[rows[first:]], growth[rows[first:]] = True, np.nan
                growth[rows[:first]] = np.geomspace(1, 1e3, first)
        measured = [name for name in frame if name not in (*schema.names, *run)]
        return frame.assign(diverged=gone, **frame[measured].mul(growth, axis=0))

    return diverge


@pytest.fixture(scope="session")
def without_rendering():
    """Where figures are drawn and their files written, but nothing is laid out or rendered.

    That is most of the work of a figure, for tests that look at neither pixels nor pages.
    """
    from matplotlib.figure import Figure

    def write(figure: Figure, path: Path, *, format: str, **_: object) -> None:
        Path(path).write_bytes({"pdf": b"%PDF-", "png": b"\x89PNG"}[format])

    @contextmanager
    def place():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Figure, "draw_without_rendering", lambda figure: None)
            patch.setattr(Figure, "savefig", write)
            yield

    return place


@pytest.fixture
def unrendered(without_rendering):
    """A test `without_rendering`."""
    with without_rendering():
        yield


@pytest.fixture
def make_iterate():
    """A random (V, A^T) that obeys the invariants, in float64: ``make_iterate(task, seed)``."""

    def make(task: Task, seed: int = 0, size: float = 0.3, leading: tuple[int, ...] = ()):
        generator = torch.Generator().manual_seed(seed)
        mu = task.stationary
        replicates, states = mu.shape

        def normal(*shape: int) -> torch.Tensor:
            return torch.randn(*shape, generator=generator, dtype=torch.float64)

        noise = normal(*leading, replicates, states, states) / states
        noise -= noise.mean(-2, keepdim=True)
        direction = mu / mu.square().sum(-1, keepdim=True)
        noise -= (noise @ mu[..., None]) * direction[..., None, :]
        value = mu[..., None] + 0.5 * (task.transition - mu[..., None]) + size * noise
        noise = normal(*leading, replicates, states, task.length) / task.length**0.5
        noise -= noise.mean(-1, keepdim=True)
        columns = 1 / task.length + 0.5 * (task.attention.mT - 1 / task.length) + size * noise
        return value, columns

    return make
