"""Tests the gate: plants one defect after the other in the service, and the gate must notice each.

`python -m dev.mutants [NAME ...]` prints which run noticed what; exit code 1 if one passed.
`--probes` tries the probes alone, which is quick.
"""

import argparse
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from charter.contract.fuzz import REPORTS, Attempt
from charter.contract.report import Screen
from charter.errors import Misconfigured

APP = "tests.contract.defects:create_app"
DEFECTS = Path(__file__).parents[2] / "tests" / "contract" / "defects.py"
EXAMPLES = 100
SCENARIOS = 40


def names() -> list[str]:
    """In the order of the file; read, not imported: importing it plants nothing, but it is slow."""
    return re.findall(r"@defect\ndef (\w+)\(", DEFECTS.read_text())


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 when every defect was noticed."""
    parser = argparse.ArgumentParser(prog="python -m dev.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="of the defects; all if left out")
    parser.add_argument("--probes", action="store_true", help="try the probes alone")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    wanted = [name for name in names() if name in chosen.names or not chosen.names]
    passed = []
    print(f"{'planted':<42}{'noticed':<10}{'seconds':>8}  by")
    for name in wanted:
        started = time.monotonic()
        noticed_in, finding = notice(name, chosen.seed, probes_alone=chosen.probes)
        seconds = time.monotonic() - started
        print(f"{name:<42}{noticed_in or 'NO':<10}{seconds:>8.0f}  {finding}", flush=True)
        if not noticed_in:
            passed.append(name)
    print(f"{len(wanted) - len(passed)} of {len(wanted)} defects were noticed.")
    return 1 if passed else 0


def notice(name: str, seed: int, *, probes_alone: bool = False) -> tuple[str, str]:
    """The run that noticed the defect and its first finding; two empty strings if none did."""
    attempt = Attempt(
        seed, APP, {"DEFECT": name}, REPORTS / "defects" / name, screen=Screen(quiet=True)
    )
    early = ("--max-failures", "1")
    runs: tuple[tuple[str, Callable[[], Iterable[str]]], ...] = (
        ("probes", lambda: attempt.probe().findings),
        ("main", lambda: attempt.main(EXAMPLES, *early).failures()),
        ("stateful", lambda: attempt.stateful(SCENARIOS, *early).failures()),
        ("peers", lambda: peers(attempt)),
    )
    for run_name, start in runs[: 1 if probes_alone else None]:
        try:
            finding = next(iter(start()), "")
        except Misconfigured as error:
            return run_name, str(error)
        if finding:
            return run_name, finding.removeprefix(f"{run_name}: ")
    return "", ""


def peers(attempt: Attempt) -> Iterable[str]:
    run = attempt.peers(EXAMPLES // 4)
    return run.failures() if run is not None else ()


if __name__ == "__main__":
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    sys.exit(main(sys.argv[1:]))
