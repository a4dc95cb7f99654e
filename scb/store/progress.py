"""Progress of long work: a bar on a terminal, a line now and then in a log."""

import sys
import time
from collections.abc import Iterator

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 15.0


def progress(steps: range, label: str) -> Iterator[int]:
    """Iterate over ``steps``, saying on standard error how far along they are.

    Parameters
    ----------
    steps : range
    label : str
        What is being done, in a word or two.
    """
    if sys.stderr.isatty():
        yield from tqdm(steps, desc=label, unit="step")
        return
    start = last = time.monotonic()
    for done, step in enumerate(steps):
        now = time.monotonic()
        if done and now - last >= SECONDS_BETWEEN_LINES:
            last = now
            _line(label, done, len(steps), now - start)
        yield step
    _line(label, len(steps), len(steps), time.monotonic() - start)


def _line(label: str, done: int, total: int, elapsed: float) -> None:
    rate = done / max(elapsed, 1e-9)
    left = tqdm.format_interval((total - done) / rate) if rate else "?"
    print(
        f"{label}: step {done}/{total}, {rate:.1f} steps/s, {left} left",
        file=sys.stderr,
        flush=True,
    )
