"""``python -m scb``, and ``scb``: see `scb.cli`."""

import signal
import sys

from scb.cli import main


def run(prog: str = "scb") -> int:
    """Run the command line; returns its exit status."""
    # As Ctrl-C does, so that a run cleans up when a scheduler or a shutdown ends it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return main(prog=prog)


if __name__ == "__main__":
    sys.exit(run("python -m scb"))
