"""Tests the gate: plants one defect after the other in the service, and the gate must notice each.

`python -m dev.mutants [NAME ...]` prints which run noticed what; exit code 1 if one passed.
`--probes` tries the probes alone, `--quick` what `charter fuzz --quick` does; `--page` writes the
result of all into docs/proof.md.
"""

import argparse
import contextlib
import multiprocessing
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path

from charter.contract.fuzz import DAILY, QUICK, REPORTS, Attempt, Depth
from charter.contract.report import Screen
from charter.contract.service_under_test import (
    NotStarted,
    Process,
    free_port,
    wait_until_it_answers,
)
from charter.errors import Misconfigured

APP = "tests.contract.defects:create_app"
PAGE = Path(__file__).parents[2] / "docs" / "proof.md"
TABLE = re.compile(r"^\d+ of \d+ are noticed.*?\n\n(?:\|[^\n]*\n)+", re.MULTILINE | re.DOTALL)
DEFECTS = Path(__file__).parents[2] / "tests" / "contract" / "defects"
GONE = re.compile(r"AttributeError: [^\"\\]+")
EARLY = ("--max-failures", "1")


def names() -> list[str]:
    """In the order of the files; read, not imported, for that is slow."""
    texts = (file.read_text() for file in sorted(DEFECTS.glob("*.py")))
    return [name for text in texts for name in re.findall(r"@defect\ndef (\w+)\(", text)]


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 when every defect was noticed, 2 when one could not be planted."""
    parser = argparse.ArgumentParser(prog="python -m dev.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="of the defects; all if left out")
    parser.add_argument("--probes", action="store_true", help="try the probes alone")
    parser.add_argument("--quick", action="store_true", help="look no closer than --quick does")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="how many are tried at a time")
    parser.add_argument("--page", action="store_true", help="write the result into docs/proof.md")
    chosen = parser.parse_args(arguments)
    wanted = [name for name in names() if name in chosen.names or not chosen.names]
    if unknown := set(chosen.names) - set(wanted):
        parser.error(f"there is no defect {', '.join(sorted(unknown))}")
    depth = QUICK if chosen.quick else DAILY
    runs = 1 if chosen.probes else 4
    original = Attempt(chosen.seed, reports=REPORTS / "defects", screen=Screen(quiet=True))
    print(f"{'planted':<58}{'noticed':<10}{'seconds':>8}  by")
    with original.prepared() as database, ThreadPoolExecutor(chosen.jobs) as workers:

        def noticed(name: str) -> "Noticed":
            attempt = Attempt(
                chosen.seed, APP, {"DEFECT": name}, REPORTS / "defects" / name,
                screen=Screen(quiet=True), database=replace(database, serve=forked),
            )  # fmt: skip
            return notice(attempt, depth, runs)

        found = []
        for name, one in zip(wanted, workers.map(noticed, wanted), strict=True):
            print(f"{name:<58}{one.run or 'NO':<10}{one.seconds:>8.0f}  {one.finding}", flush=True)
            found.append(one)
    print(f"{sum(one.is_noticed for one in found)} of {len(found)} defects were noticed.")
    if chosen.page:
        PAGE.write_text(with_table(PAGE.read_text(), dict(zip(wanted, found, strict=True))))
    if any(one.run == UNPLANTED for one in found):
        return 2
    return 0 if all(one.is_noticed for one in found) else 1


UNPLANTED = "unplanted"


# -- serving --------------------------------------------------------------------------------------


@contextlib.contextmanager
def forked(log: Path, app: str, environ: Mapping[str, str]) -> Iterator[tuple[str, Process]]:
    """As `served`, by a copy of a process that has imported the service already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", app.partition(":")[0], "uvicorn"])
    port = free_port()
    process = context.Process(target=serve, args=(log, app, dict(environ), port), daemon=True)
    process.start()
    try:
        base_url = f"http://127.0.0.1:{port}"
        wait_until_it_answers(Forked(process), base_url, log)
        yield base_url, Forked(process)
    finally:
        process.kill()
        process.join()


def serve(log: Path, app: str, environ: Mapping[str, str], port: int) -> None:
    """In the copy: print to the log, and serve."""
    import uvicorn

    with log.open("ab") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.environ.update(environ)
    uvicorn.run(app, factory=True, port=port, access_log=False, server_header=False)


@dataclass(frozen=True)
class Forked:
    process: BaseProcess

    @property
    def returncode(self) -> int | None:
        return self.process.exitcode

    def poll(self) -> int | None:
        return self.process.exitcode


@dataclass(frozen=True)
class Noticed:
    """The run that noticed a defect and its first finding; empty strings if none did."""

    run: str
    finding: str
    seconds: float

    @property
    def is_noticed(self) -> bool:
        return self.run not in ("", UNPLANTED)


def notice(attempt: Attempt, depth: Depth, runs: int) -> Noticed:
    """Try the cheapest run first, and end with the first finding."""
    started = time.monotonic()
    name = finding = ""
    for name, findings in tuple(tries(attempt, depth))[:runs]:
        try:
            finding = next(iter(findings()), "")
        except NotStarted as error:
            name, finding = UNPLANTED, str(error)
        except Misconfigured as error:
            finding = str(error)
        if finding:
            break
    if reason := why_not_planted(attempt.reports):
        name, finding = UNPLANTED, reason
    said = finding.removeprefix(f"{name}: ")
    return Noticed(name if finding else "", said, time.monotonic() - started)


def why_not_planted(reports: Path) -> str:
    """The error of a defect that asks the service for what it no longer has; "" without one.

    The gate would notice that error, and not the mistake that the defect is meant to be.
    """
    for log in sorted(reports.glob("*/service.log")):
        for line in log.read_text().splitlines():
            if f"/{DEFECTS.name}/" in line and (found := GONE.search(line)):
                return found[0]
    return ""


def with_table(page: str, found: Mapping[str, Noticed]) -> str:
    """The page with how many defects were noticed, and by what, in the place of what it had."""
    noticed = [one for one in found.values() if one.is_noticed]
    by_probes = sum(one.run == "probes" for one in noticed)
    lines = [
        f"{len(noticed)} of {len(found)} are noticed, {by_probes} of them by the probes alone,"
        " which is what `charter fuzz --quick` begins with.",
        "",
        "| planted | noticed by | first finding |",
        "|---|---|---|",
        *(
            f"| {name.replace('_', ' ')} | {one.run or 'nothing'} | {one.finding} |"
            for name, one in found.items()
        ),
    ]
    table = "\n".join(lines) + "\n"
    return TABLE.sub(lambda match: table, page)


def tries(attempt: Attempt, depth: Depth) -> Iterable[tuple[str, Callable[[], Iterable[str]]]]:
    yield "probes", attempt.findings
    yield "main", lambda: attempt.main(depth.examples, *EARLY).failures()
    if depth.scenarios:
        yield "stateful", lambda: attempt.stateful(depth.scenarios, *EARLY).failures()
        yield "peers", lambda: peers(attempt, depth)


def peers(attempt: Attempt, depth: Depth) -> Iterable[str]:
    run = attempt.peers(max(1, depth.examples // 4))
    return run.failures() if run is not None else ()


if __name__ == "__main__":
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    sys.exit(main(sys.argv[1:]))
