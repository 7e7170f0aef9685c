"""Three-way merges of texts, by `git merge-file`."""

import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

YOURS = "yours"


def merged_text(
    base: str, ours: str, theirs: str, labels: tuple[str, str] = ("before", "after")
) -> tuple[str, bool]:
    """The merged text, and whether no conflict is marked in it."""
    with TemporaryDirectory(prefix="charter-") as name:
        files = [Path(name) / part for part in ("ours", "base", "theirs")]
        for file, text in zip(files, (ours, base, theirs), strict=True):
            file.write_bytes(text.encode())
        named = [word for label in (YOURS, *labels) for word in ("-L", label)]
        done = subprocess.run(
            ["git", "merge-file", "--stdout", "--diff3", *named, *map(str, files)],
            capture_output=True,
            check=False,
        )
        return done.stdout.decode(), done.returncode == 0
