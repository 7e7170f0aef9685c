"""`python -m dev.bench`."""

import typer

from dev.bench import run

typer.run(run)
