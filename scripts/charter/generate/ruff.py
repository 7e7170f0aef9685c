"""Puts code that was written by a template in order, by ruff."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

COMMON = ("--isolated", "--no-cache", "--quiet", "--line-length", "100")


def tidy(folder: Path, fix: Sequence[str], what: str) -> None:
    """Apply the fixes that `fix` selects to all modules of a folder, and format them.

    Raises RuntimeError for code that is no Python, which is a fault of a template; `what` names it.
    """
    target = ("--target-version", "py311", str(folder))
    for arguments in (("check", *COMMON, "--fix-only", *fix), ("format", *COMMON)):
        command = [sys.executable, "-m", "ruff", *arguments, *target]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{what} is not valid Python:\n{done.stdout}{done.stderr}")
