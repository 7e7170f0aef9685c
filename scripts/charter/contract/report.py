"""What a person sees of a run while it lasts, and what stays in the report directory."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from charter.contract.api import Api, label
from charter.contract.configuration import PLACEHOLDER
from charter.contract.gate import Runs, rows, tally
from charter.contract.subject import Subject

JUNIT = "junit.xml"


class Screen:
    """Prints findings when they happen, and how far a run is by operation."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = Console(highlight=False, soft_wrap=True, quiet=quiet)
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self.task = self.progress.add_task("", total=None)
        self.replay: str | None = None
        """How to get a token; said before the first curl line."""
        self.failures: list[Failure] = []

    def say(self, text: str) -> None:
        self.console.print(text, markup=False)

    def begin(self, run: str, total: int) -> None:
        self.progress.reset(self.task, description=run, total=total)
        if not self.console.is_terminal:
            self.say(f"{run} ...")

    def advance(self, run: str, where: str) -> None:
        self.progress.update(self.task, advance=1, description=f"{run}: {where}")

    def ended(self, event: dict[str, Any], run: str) -> None:
        """One scenario of Schemathesis has ended."""
        self.advance(run, event["operation"] or event["phase"])
        for failure in event["failures"]:
            self.found(Failure(run, failure["title"], failure["message"], [failure["curl"]]))

    def found_by_probes(self, finding: str, curls: list[str]) -> None:
        self.found(Failure("probes", finding, "", curls))

    def found(self, failure: "Failure") -> None:
        """Print a failure when it happens, the way to a token with the first."""
        failure = replace(failure, curls=[with_placeholder(curl) for curl in failure.curls])
        self.say(f"FOUND {failure.run}: {failure.title}")
        for line in filter(None, failure.message.splitlines()[:3]):
            self.say(f"      {line}")
        if failure.curls and self.replay is not None and not self.failures:
            self.say(f"      # {self.replay}")
        for curl in failure.curls:
            self.say(f"      {curl}")
        self.failures.append(failure)


@dataclass(frozen=True)
class Failure:
    """What a run has found, and the requests that show it again."""

    run: str
    title: str
    message: str
    curls: list[str]


def with_placeholder(curl: str) -> str:
    """A curl line whose shell fills the token in: it stands in double quotes."""
    for scheme in ("", "Bearer "):
        curl = curl.replace(
            f"'Authorization: {scheme}{PLACEHOLDER}'", f'"Authorization: Bearer {PLACEHOLDER}"'
        )
    return curl


def how_to_get_a_token(subject: Subject) -> str | None:
    """A shell line that logs in and keeps the token."""
    if subject.login is None:
        return None
    form = subject.form(subject.plan.accounts.callers[0])
    data = " ".join(f"-d {shlex.quote(f'{name}={text}')}" for name, text in form.items())
    steps = "".join(f"[{step!r}]" for step in subject.settings.login.token.split("/")[1:])
    url = subject.plan.base_url + subject.login.path
    reads = f"import json,sys; print(json.load(sys.stdin){steps})"
    return f"TOKEN=$(curl -s {data} {url} | python -c {shlex.quote(reads)})"


def table(api: Api, runs: Runs) -> Table:
    """The figures of a run, one line for each operation."""
    made = Table("operation", box=None, pad_edge=False, header_style="bold")
    made.add_column("requests", justify="right")
    made.add_column("accepted", justify="right")
    for row in rows(api, runs):
        made.add_row(*row)
    return made


def summary(runs: Runs) -> str:
    said = [tally(runs.probed)]
    for run in runs.all:
        if run.scenarios and run.links_counted[1]:
            covered, total = run.links_counted
            said.append(f"{run.scenarios} scenarios along {covered} of {total} links")
        said.append(f"{run.unauthenticated:.1%} of the {run.name} run's tokens refused")
    return ", ".join(said) + "."


# -- files ----------------------------------------------------------------------------------------


def write_junit(directory: Path, api: Api, runs: Runs, found: Sequence[str]) -> None:
    """All runs in one file, with what the gate itself objects to: red while the gate is shut."""
    root = ElementTree.Element("testsuites", name="charter fuzz")
    root.append(suite("gate", {finding: [finding] for finding in found} or {"open": []}))
    by_operation = {
        where: [one for one in runs.probed.findings if one.startswith(where)]
        for where in map(label, api.operations)
    }
    root.append(suite("probes", by_operation))
    for run in runs.all:
        for file in sorted((directory / run.name).glob("junit-*.xml"))[-1:]:
            for read in ElementTree.parse(file).getroot().iter("testsuite"):  # noqa: S314 - ours
                read.set("name", run.name)
                root.append(read)
    (directory / JUNIT).write_bytes(
        ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    )


def suite(name: str, cases: Mapping[str, Sequence[str]]) -> ElementTree.Element:
    """Test cases by their names, each with its failures."""
    made = ElementTree.Element("testsuite", name=name, tests=str(len(cases)))
    for title, failures in cases.items():
        case = ElementTree.SubElement(made, "testcase", name=title, classname=name)
        for failure in failures:
            ElementTree.SubElement(case, "failure", message=failure)
    made.set("failures", str(sum(map(bool, cases.values()))))
    return made


def write_verdict(directory: Path, runs: Runs, found: Sequence[str]) -> None:
    """The same for programs."""
    said = {
        "open": not found,
        "findings": list(found),
        "implemented": sorted(runs.probed.implemented),
        "mocked": sorted(runs.probed.mocked),
        "requests": {"probes": runs.probed.requests} | {one.name: one.requests for one in runs.all},
    }
    (directory / "verdict.json").write_text(json.dumps(said, indent=2) + "\n")
