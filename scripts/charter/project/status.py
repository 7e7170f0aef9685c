"""How a project stands: which operations have code, what keeps them from working, what was fuzzed.

What the document says of itself is `charter.document.overview`.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from charter.document.commands import counted
from charter.document.excerpts import excerpt
from charter.document.lint import Configuration
from charter.document.overview import Live, Overviews
from charter.document.overview_page import Overview, Remark, Row, State
from charter.document.revisions import relative
from charter.errors import Refusal
from charter.project import Project
from charter.project.scaffold import Scaffold, composition
from charter.project.scaffold.resources import Description
from charter.project.scaffold.services import Service

VERDICT = Path(".data") / "fuzz" / "verdict.json"
"""Where `charter fuzz` leaves its verdict."""
REPORT = VERDICT.with_name("report.html")
"""What it leaves for people."""
PROBLEMS = Path(".data") / "dev" / "problems.json"
"""Where `charter dev` says what the type checker found, for the page that another process shows."""


def overviews(project: Project, live: Live | None = None) -> Overviews:
    """How the document and its services stand, as of now."""
    return Overviews(
        relative(project.document),
        refine=partial(refined, project),
        others=lambda: sources(project),
        configuration=Configuration.of(project.table.get("lint", {})),
        live=live,
        overlays=[relative(overlay) for overlay in project.overlays],
    )


def sources(project: Project) -> list[Path]:
    """What the services' states are read from."""
    return [
        *sorted((project.root / "impl").rglob("*.py")),
        project.generated / "openapi.json",
        project.root / VERDICT,
        project.root / PROBLEMS,
    ]


def refined(project: Project, overview: Overview) -> Overview:
    """The overview with the states of the project's services."""
    remarks = list(overview.remarks)
    problems = read_problems(project)
    codes: Mapping[str, Code] = {}
    try:
        codes = {code.operation_id: code for code in written(project)}
        remarks += [of_text(problem) for problem in composition.mismatches(project)]
    except Refusal as error:  # of a module that is missing or isn't Python
        remarks.append(of_text(str(error)))
    verdict = read_verdict(project)
    rows = []
    for row in overview.rows:
        code = codes.get(row.id)
        own = [one for one in problems if code is not None and code.holds(one)]
        problems = [one for one in problems if one not in own]
        rows.append(with_fuzz(with_code(row, code, own), verdict))
    return replace(
        overview,
        rows=tuple(rows),
        remarks=(*remarks, *problems),
        fuzzed=verdict.words if verdict else "",
    )


# -- code -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Code:
    """The method that implements an operation."""

    operation_id: str
    file: Path
    first: int
    last: int

    def holds(self, remark: Remark) -> bool:
        """Whether a remark is about this method."""
        file, _, place = remark.place.partition(":")
        line = place.partition(":")[0]
        return file == str(self.file) and line.isdecimal() and self.first <= int(line) <= self.last


def written(project: Project) -> Iterator[Code]:
    """The operations that have code. Raises Refusal where it can't be read."""
    api = Description(project)
    methods = {
        (operation.tags[0], api.names.methods[operation.id]): operation.id
        for operation in api.contract.operations.values()
    }
    for tag, module in api.names.modules.items():
        protocol = api.sources.protocol(api.names.protocols[tag])
        if protocol is None:
            continue
        scaffold = Scaffold(api, module, protocol)
        if scaffold.service is not None:
            yield from of_service(project, scaffold, scaffold.service, methods, tag)


def of_service(
    project: Project,
    scaffold: Scaffold,
    service: Service,
    methods: Mapping[tuple[str, str], str],
    tag: str,
) -> Iterator[Code]:
    without_code = {*service.unwritten, *scaffold.unchecked(service)}
    file = service.path.relative_to(project.root)
    for name, node in service.methods.items():
        operation_id = methods.get((tag, name))
        if operation_id is not None and name not in without_code:
            yield Code(operation_id, file, node.lineno, node.end_lineno or node.lineno)


def with_code(row: Row, code: Code | None, problems: Iterable[Remark]) -> Row:
    problems = tuple(problems)
    state: State = "mocked" if code is None else "implemented"
    return replace(row, state="failing" if problems else state, remarks=(*row.remarks, *problems))


def of_text(text: str) -> Remark:
    """A problem that begins with its place, `file:line: `."""
    found = re.match(r"(\S+?):(\d+): (.*)", text)
    if found is None:
        return Remark("error", "service", "", text)
    file, line, message = found.groups()
    lines = excerpt(file, int(line), 1)
    return Remark("error", "service", f"{file}:{line}", message[:1].upper() + message[1:], lines)


def write_problems(project: Project, problems: Iterable[Remark]) -> None:
    """Leave what the type checker found for the page."""
    file = project.root / PROBLEMS
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps([asdict(problem) for problem in problems]))
    fresh.replace(file)


def read_problems(project: Project) -> list[Remark]:
    with suppress(OSError, ValueError, TypeError):
        return [Remark(**one) for one in json.loads((project.root / PROBLEMS).read_text())]
    return []


# -- fuzzing --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Verdict:
    """What the last run of the fuzzer found."""

    is_open: bool
    findings: list[str]
    tried: frozenset[str]
    """The operations that it asked, by method and path."""
    ended: datetime

    @property
    def words(self) -> str:
        """How it ended, in a sentence."""
        found = counted(len(self.findings), "finding") if self.findings else "nothing"
        return f"Fuzzed at {self.ended:%Y-%m-%d %H:%M} UTC: {found}."

    def of(self, label: str) -> list[str]:
        """The findings about an operation."""
        pattern = re.compile(rf"(?<![A-Z]){re.escape(label)}(?![\w/{{.-])")
        return [finding for finding in self.findings if pattern.search(finding)]


def read_verdict(project: Project) -> Verdict | None:
    """None where nothing has been fuzzed."""
    file = project.root / VERDICT
    try:
        said: Any = json.loads(file.read_text())
        return Verdict(
            bool(said["open"]),
            list(said["findings"]),
            frozenset(said["implemented"]),
            datetime.fromtimestamp(file.stat().st_mtime, UTC),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def fuzz_report(project: Project) -> str | None:
    """The page of the last run; None where nothing has been fuzzed."""
    try:
        return (project.root / REPORT).read_text()
    except OSError:
        return None


def with_fuzz(row: Row, verdict: Verdict | None) -> Row:
    if verdict is None or row.change == "removed":
        return row
    if findings := verdict.of(row.label):
        found = (Remark("error", "fuzz", "", finding) for finding in findings)
        return replace(row, state="failing", fuzz="failed", remarks=(*row.remarks, *found))
    return replace(row, fuzz="passed" if row.label in verdict.tried else "")
