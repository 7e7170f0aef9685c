"""The report of a run as one HTML page, which needs nothing beside it."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from charter.contract.api import label
from charter.contract.gate import Gate, Runs, rows
from charter.contract.report import Failure, Screen
from charter.runtime import Operation
from charter.templates import templates

PAGE = "report.html"
SLOWEST = 10
BASE = "$BASE"


@dataclass(frozen=True)
class Row:
    """What is known of one operation."""

    where: str
    requests: str
    accepted: str
    reached: list[tuple[int, int]]
    """Statuses, and how often each was answered."""
    missing: list[int]
    """Declared statuses that the gate asks for, and no request was answered with."""
    excused: list[int]
    """Declared statuses that no client can provoke, or for which a reason is given."""
    sent: list[tuple[str, int]]
    """Parameters and members of the body, and how often each was sent."""
    checks: dict[str, int]


@dataclass(frozen=True)
class Pace:
    where: str
    slowest: float
    median: float
    """Both in milliseconds."""


def write(
    directory: Path, gate: Gate, runs: Runs, found: Sequence[str], screen: Screen, seconds: float
) -> None:
    operations = list(operation_rows(gate, runs))
    tried = sum((run.tried_by_keyword() for run in runs.all), Counter[str]())
    said = (
        templates(Path(__file__).parent, html=True)
        .get_template("page.html.jinja2")
        .render(
            title=gate.api.judge.document["info"]["title"],
            when=datetime.now(UTC),
            seconds=seconds,
            found=found,
            failures=[replayable(one) for one in screen.failures],
            replay=with_base(screen.replay or ""),
            runs=runs.all,
            probed=runs.probed,
            operations=operations,
            checks=sorted({name for row in operations for name in row.checks}),
            keywords=tried.most_common(),
            paces=paces(runs),
        )
    )
    (directory / PAGE).write_text(said)


def operation_rows(gate: Gate, runs: Runs) -> Iterator[Row]:
    figures = {where.removesuffix(" (mocked)"): rest for where, *rest in rows(gate.api, runs)}
    statuses = sum((run.statuses for run in runs.all), Counter(runs.probed.statuses))
    checks = sum((run.checks for run in runs.all), Counter[tuple[str, str]]())
    sent = sum((run.sent for run in runs.all), Counter[tuple[str, str, str]]())
    for operation in gate.chosen:
        where = label(operation)
        reached = sorted((s, n) for (at, s), n in statuses.items() if at == where)
        unseen = sorted(operation.response_specs.keys() - {status for status, _ in reached})
        missing = [one for one in unseen if gate.can_see(operation, one)]
        asked, accepted = figures[where]
        taken = takes(gate, operation)
        yield Row(
            where,
            asked,
            accepted,
            reached,
            missing,
            [one for one in unseen if one not in missing],
            [(f"{place} {name}", sent[where, place, name]) for place, name in taken],
            {name: n for (at, name), n in checks.items() if at == where},
        )


def takes(gate: Gate, operation: Operation) -> Iterator[tuple[str, str]]:
    """The parameters and members that an operation takes, by place and name."""
    for parameter in operation.parameters:
        if parameter.place != "cookie":
            yield parameter.place, parameter.name
    for name in sorted(gate.api.writable(operation)):
        yield "body", name


def paces(runs: Runs) -> list[Pace]:
    """Of the slowest operations."""
    times: dict[str, list[float]] = {}
    for run in runs.all:
        for where, seconds in run.seconds.items():
            times.setdefault(where, []).extend(seconds)
    found = [
        Pace(where, max(all_) * 1000, sorted(all_)[len(all_) // 2] * 1000)
        for where, all_ in times.items()
    ]
    return sorted(found, key=lambda pace: -pace.slowest)[:SLOWEST]


def replayable(failure: Failure) -> Failure:
    return replace(failure, curls=[with_base(curl) for curl in failure.curls])


def with_base(line: str) -> str:
    """A line of shell that goes to another service than the one that has ended by now."""
    line = re.sub(r"'http://127\.0\.0\.1:\d+", f'"{BASE}"\'', line)
    return re.sub(r"http://127\.0\.0\.1:\d+", f'"{BASE}"', line)
