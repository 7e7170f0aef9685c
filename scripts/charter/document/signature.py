"""Whether files have changed since they were last looked at."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

MOST_ENTRIES = 1000
"""Of a folder; the document may lie in a home directory."""

Signature = tuple[tuple[str, int, int], ...]


def signature(paths: Iterable[Path]) -> Signature:
    """The time of change and the size of each file; -1 for one that is not there."""
    return tuple((str(path), *stamp(path)) for path in paths)


def stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return -1, -1
    return status.st_mtime_ns, status.st_size


def surroundings(paths: Iterable[Path]) -> Signature:
    """The same of everything in the folders of some files.

    A file that a reference misses may appear there; a folder changes when one appears in it.
    """
    found: list[Path] = []
    for folder in sorted({path.parent for path in paths}):
        with suppress(OSError), os.scandir(folder) as entries:
            found += [Path(entry) for entry, _ in zip(entries, range(MOST_ENTRIES), strict=False)]
    return signature(sorted(found))
