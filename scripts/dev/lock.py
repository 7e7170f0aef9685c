"""Makes `requirements/*.txt` anew from pyproject.toml: `python -m dev.lock [PACKAGE ...]`.

Versions stay as they are but for the packages that are named; `--upgrade` moves all of them. What
comes out holds hashes and no address of an index, and uv and pip install the same from it.
"""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from charter.errors import Misconfigured

ROOT = Path(__file__).resolve().parents[2]

COMMON = (
    "--universal",  # one lock for all platforms
    "--python-version=3.11",  # the oldest that we support
    "--generate-hashes",
    "--no-header",
    "--no-emit-index-url",
    "--no-annotate",
    "--quiet",
)
SERVICE = ("--extra=service", "--group=service")
DEVELOPMENT = "requirements/dev.txt"
LOCKS = {
    DEVELOPMENT: ("--extra=service", "--extra=test", "--group=dev"),
    # what runs elsewhere is what was tested: no version but those of the first
    "requirements/serve.txt": ("--extra=serve", *SERVICE, "--group=build"),
    "requirements/runtime.txt": SERVICE,
    # the names of what a new project needs; their hashes are those of the first
    "requirements/project.txt": (
        "--extra=service",
        "--extra=test",
        "--group=work",
        "--no-generate-hashes",
    ),  # fmt: skip,
}
"""What each lock holds: what developers need, what serving needs, an image, a new project."""


def run(arguments: Sequence[str]) -> int:
    uv = shutil.which("uv")
    if uv is None:
        raise Misconfigured("Locking needs uv: install it (pip install uv) and start again.")
    upgrades = [name if name == "--upgrade" else f"--upgrade-package={name}" for name in arguments]
    for target, contents in LOCKS.items():
        versions = upgrades if target == DEVELOPMENT else [f"--constraints={DEVELOPMENT}"]
        command = [uv, "pip", "compile", "pyproject.toml", *COMMON, *contents, *versions]
        done = subprocess.run([*command, f"--output-file={target}"], cwd=ROOT, check=False)
        if done.returncode != 0:
            return 1
        print(f"{target} is up to date with pyproject.toml.")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(run(sys.argv[1:]))
    except Misconfigured as error:
        sys.exit(f"charter: {error}")
