"""The work of `charter generate --watch`."""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from watchfiles import watch

from charter.errors import Refusal

START = 250
"""Milliseconds after which the first turn comes, whether or not anything has changed."""


def run(work: Callable[[], int], files: Iterable[Path]) -> int:
    """Do the work now and after every change in the folders of some files, until Ctrl-C.

    The watch begins before the work does: what is saved meanwhile is not missed.
    """
    folders = sorted({file.parent for file in files})
    watching = watch(*folders, debounce=100, step=50, rust_timeout=START, yield_on_timeout=True)
    next(watching)
    code = attempt(work)
    print(f"Watching {', '.join(f'{folder.name}/' for folder in folders)} ...", flush=True)
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
