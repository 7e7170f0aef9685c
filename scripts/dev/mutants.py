"""Tests the gate: plants one defect after the other in the service, and the gate must notice each.

`python -m dev.mutants [NAME ...]` prints which run noticed what; exit code 1 if one passed.
"""

import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from charter.contract.fuzz import REPORTS, Attempt
from charter.contract.gate import Run
from charter.contract.service_under_test import TrialError

APP = "tests.contract.defects:create_app"
DEFECTS = Path(__file__).parents[1] / "tests" / "contract" / "defects.py"
EXAMPLES = 100
STATEFUL_SECONDS = 60


def names() -> list[str]:
    """In the order of the file; read, not imported: importing it plants nothing, but it is slow."""
    return re.findall(r"@defect\ndef (\w+)\(", DEFECTS.read_text())


def run(chosen: Sequence[str] = (), seed: int = 1) -> int:
    """The exit code: 0 when every defect was noticed."""
    wanted = [name for name in names() if name in chosen or not chosen]
    passed = []
    print(f"{'planted':<42}{'noticed':<10}{'seconds':>8}  by")
    for name in wanted:
        started = time.monotonic()
        noticed_in, finding = notice(name, seed)
        seconds = time.monotonic() - started
        print(f"{name:<42}{noticed_in or 'NO':<10}{seconds:>8.0f}  {finding}", flush=True)
        if not noticed_in:
            passed.append(name)
    print(f"{len(wanted) - len(passed)} of {len(wanted)} defects were noticed.")
    return 1 if passed else 0


def notice(name: str, seed: int) -> tuple[str, str]:
    """The run that noticed the defect and its first finding; two empty strings if none did."""
    attempt = Attempt(seed, APP, {"DEFECT": name}, REPORTS / "defects" / name)
    early = ("--max-failures", "1")
    runs: tuple[tuple[str, Callable[[], Run]], ...] = (
        ("main", lambda: attempt.main(EXAMPLES, *early)),
        ("stateful", lambda: attempt.stateful(STATEFUL_SECONDS, *early)),
        ("peers", lambda: attempt.peers(EXAMPLES // 4)),
    )
    for run_name, start in runs:
        try:
            found = first_failure(start())
        except TrialError as error:
            return "start", str(error)
        if found:
            return run_name, found
    return "", ""


def first_failure(run: Run) -> str:
    return next(run.failures(), "").partition(": ")[2]


if __name__ == "__main__":
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    sys.exit(run(sys.argv[1:]))
