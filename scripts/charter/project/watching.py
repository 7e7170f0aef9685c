"""The work of `charter generate --watch`."""

import sys
from collections.abc import Callable
from pathlib import Path

from watchfiles import watch

from charter.errors import Refusal

START = 250
"""Milliseconds after which the first turn comes, whether or not anything has changed."""


def run(work: Callable[[], int], directory: Path) -> int:
    """Do the work now and after every change, until Ctrl-C.

    The watch begins before the work does: what is saved meanwhile is not missed.
    """
    watching = watch(directory, debounce=100, step=50, rust_timeout=START, yield_on_timeout=True)
    next(watching)
    code = attempt(work)
    print(f"Watching {directory.name}/ ...", flush=True)
    for changed in watching:
        if changed:
            code = attempt(work)
            sys.stdout.flush()
    return code


def attempt(work: Callable[[], int]) -> int:
    """The exit code. What keeps the work from being done is printed: the next edit corrects it."""
    try:
        return work()
    except Refusal as error:
        print(f"charter: {error.whole}", file=sys.stderr, flush=True)
        return error.exit_code
