"""``python -m scb``: see `scb.cli`."""

import signal
import sys

from scb.cli import main

# As Ctrl-C does, so that a run cleans up when a scheduler or a shutdown ends it.
signal.signal(signal.SIGTERM, signal.default_int_handler)
sys.exit(main())
