"""The work of `charter generate --watch`."""

from collections.abc import Callable
from pathlib import Path

from watchfiles import watch


def run(work: Callable[[], int], directory: Path) -> int:
    """Do the work now and after every change, until Ctrl-C."""
    code = work()
    print(f"Watching {directory.name}/ ...", flush=True)
    for _ in watch(directory, debounce=100, step=50):
        code = work()
    return code
