"""What a person sees of a run while it lasts, and what stays in the report directory."""

import json
import shlex
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from charter.contract.api import Api, label
from charter.contract.configuration import PLACEHOLDER
from charter.contract.gate import Run, rows, tally
from charter.contract.probes import Probed
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
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self.task = self.progress.add_task("", total=None)
        self.replay: str | None = None
        """How to get a token; said once, before the first curl line."""

    def say(self, text: str) -> None:
        self.console.print(text, markup=False)

    def begin(self, run: str, total: int) -> None:
        self.progress.reset(self.task, description=run, total=total)
        if not self.console.is_terminal:
            self.say(f"{run} ...")

    def ended(self, event: dict[str, Any], run: str) -> None:
        """One scenario of Schemathesis has ended."""
        where = event["operation"] or event["phase"]
        self.progress.update(self.task, advance=1, description=f"{run}: {where}")
        for failure in event["failures"]:
            self.found(f"{run}: {failure['title']}", failure["message"], failure["curl"])

    def found(self, title: str, message: str = "", curl: str = "") -> None:
        self.say(f"FOUND {title}")
        for line in filter(None, message.splitlines()[:3]):
            self.say(f"      {line}")
        if curl:
            if self.replay is not None:
                self.say(f"      # {self.replay}")
                self.replay = None
            self.say(f"      {with_placeholder(curl)}")


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


def table(api: Api, probed: Probed, runs: Sequence[Run], main: Run | None) -> Table:
    """The figures of a run, one line for each operation."""
    made = Table("operation", box=None, pad_edge=False, header_style="bold")
    made.add_column("requests", justify="right")
    made.add_column("accepted", justify="right")
    for row in rows(api, probed, runs, main):
        made.add_row(*row)
    return made


def summary(probed: Probed, runs: Sequence[Run]) -> str:
    said = [tally(probed)]
    for run in runs:
        if run.scenarios and run.links_counted[1]:
            covered, total = run.links_counted
            said.append(f"{run.scenarios} scenarios along {covered} of {total} links")
        said.append(f"{run.unauthenticated:.1%} of the {run.name} run's tokens refused")
    return ", ".join(said) + "."


# -- files ----------------------------------------------------------------------------------------


def write_junit(
    directory: Path, api: Api, names: Collection[str], probed: Probed, found: Sequence[str]
) -> None:
    """All runs in one file, with what the gate itself objects to: red while the gate is shut."""
    root = ElementTree.Element("testsuites", name="charter fuzz")
    gate = ElementTree.SubElement(root, "testsuite", name="gate")
    for finding in found or ["open"]:
        case = ElementTree.SubElement(gate, "testcase", name=finding, classname="gate")
        if found:
            ElementTree.SubElement(case, "failure", message=finding)
    gate.set("tests", str(max(1, len(found))))
    gate.set("failures", str(len(found)))
    probes = ElementTree.SubElement(root, "testsuite", name="probes")
    for where in map(label, api.operations):
        case = ElementTree.SubElement(probes, "testcase", name=where, classname="probes")
        for finding in probed.findings:
            if finding.startswith(where):
                ElementTree.SubElement(case, "failure", message=finding)
    for name in names:
        for file in sorted((directory / name).glob("junit-*.xml"))[-1:]:
            for suite in ElementTree.parse(file).getroot().iter("testsuite"):  # noqa: S314 - ours
                suite.set("name", name)
                root.append(suite)
    (directory / JUNIT).write_bytes(
        ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    )


def write_verdict(
    directory: Path, found: Sequence[str], probed: Probed, runs: Sequence[Run]
) -> None:
    """The same for programs."""
    said = {
        "open": not found,
        "findings": list(found),
        "implemented": sorted(probed.implemented),
        "mocked": sorted(probed.mocked),
        "requests": {"probes": probed.requests} | {run.name: run.requests for run in runs},
    }
    (directory / "verdict.json").write_text(json.dumps(said, indent=2) + "\n")
