"""Repositories of git that a test looks into."""

import subprocess
from pathlib import Path


def commit(folder: Path) -> None:
    """Commit everything in a folder, by somebody."""
    author = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    for command in (("init", "-q"), ("add", "."), (*author, "commit", "-qm", "Go on")):
        subprocess.run(["git", *command], cwd=folder, check=True)
