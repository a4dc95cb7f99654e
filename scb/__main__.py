"""``python -m scb``: see `scb.cli`."""

import sys

from scb.cli import main

sys.exit(main())
