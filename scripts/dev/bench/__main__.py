"""`python -m dev.bench`."""

import sys

from dev.bench import run

sys.exit(run())
