"""The work of `charter check`: all that can be said about the code without running the tests."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from charter.errors import Misconfigured


@dataclass(frozen=True)
class Check:
    name: str
    command: tuple[str, ...]
    remedy: str


def program(name: str) -> str:
    """A program of this environment, whether or not it is on PATH."""
    return str(Path(sys.executable).parent / name)


CHECKS = (
    Check("lint", (program("ruff"), "check", "--no-fix", "."), "ruff check --fix"),
    Check("format", (program("ruff"), "format", "--check", "."), "ruff format"),
    Check("types", (program("mypy"),), "see above"),
    Check("imports", (program("lint-imports"),), "see the contracts in pyproject.toml"),
    Check("document", (program("charter"), "lint"), "see above"),
    Check("generated code", (program("charter"), "generate", "--check"), "charter generate"),
    Check("services", (program("charter"), "scaffold", "--check"), "see above"),
    Check(
        "migrations",
        (program("charter"), "migrate", "--compare"),
        'charter migrate --new "what changes"',
    ),
)


def run() -> int:
    """Run all of them, whichever fail. The exit code: 1 when one has.

    Raises Misconfigured where one of the programs isn't installed.
    """
    programs = {check.command[0] for check in CHECKS}
    missing = sorted(Path(name).name for name in programs if not Path(name).exists())
    if missing:
        raise Misconfigured(
            f"The environment has no {', '.join(missing)}: `./scripts/test` installs what"
            " developers need."
        )
    results = [(check, *run_one(check)) for check in CHECKS]
    print()
    for check, passed, seconds in results:
        verdict = "ok    " if passed else "FAILED"
        remedy = "" if passed else f"   remedy: {check.remedy}"
        print(f"{verdict}  {check.name:<15} {seconds:5.1f} s{remedy}")
    return 0 if all(passed for _, passed, _ in results) else 1


def run_one(check: Check) -> tuple[bool, float]:
    print(
        f"\n== {check.name}: {Path(check.command[0]).name} {' '.join(check.command[1:])}",
        flush=True,
    )
    started = monotonic()
    passed = subprocess.run(check.command, check=False).returncode == 0
    return passed, monotonic() - started
