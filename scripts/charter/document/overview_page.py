"""The page that says how a document stands: its operations, what is wrong, and what has changed.

It is rendered here, without a script: that only replaces what has changed since.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import quote

from jinja2 import Template

from charter.templates import templates

State = Literal["implemented", "mocked", "failing"]
Change = Literal["", "added", "changed", "removed"]
Severity = Literal["breaking", "error", "warning", "hint"]


@dataclass(frozen=True)
class Remark:
    """One thing to look at, and where it stands."""

    severity: Severity
    rule: str
    place: str
    """`file:line:column`, or empty."""
    message: str
    excerpt: str = ""
    """The lines around the place, with a caret below its column."""


@dataclass(frozen=True)
class Row:
    """An operation of the document, or one that the last commit had."""

    id: str
    method: str
    path: str
    tag: str
    summary: str
    place: str
    state: State = "mocked"
    change: Change = ""
    fuzz: Literal["", "passed", "failed"] = ""
    """How the operation did in the last run of `charter fuzz`."""
    deprecated: str = ""
    """`deprecated since 2026-06-01, until 2027-01-31`; empty where it is not."""
    remarks: tuple[Remark, ...] = ()

    @property
    def label(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_breaking(self) -> bool:
        return any(remark.severity == "breaking" for remark in self.remarks)


@dataclass(frozen=True)
class Overview:
    """How a document stands."""

    title: str
    version: str
    file: str
    base: str
    """What the changes are compared with, in words."""
    rows: tuple[Row, ...]
    remarks: tuple[Remark, ...] = ()
    """Those that belong to no operation."""
    schemas: tuple[str, ...] = ()
    broken: Remark | None = None
    """Why the document as it was last saved can't be read; all else is then the last good one's."""
    fuzzed: str = ""
    """How the last run of `charter fuzz` ended, in words; empty without one."""

    @property
    def present(self) -> list[Row]:
        return [row for row in self.rows if row.change != "removed"]

    def counts(self) -> Iterator[tuple[str, int, str]]:
        """What stands at a glance: a kind, how many there are, and their noun."""
        states = Counter(row.state for row in self.present)
        changes = Counter(row.change for row in self.rows)
        remarks = [*self.remarks, *(remark for row in self.rows for remark in row.remarks)]
        severities = Counter(remark.severity for remark in remarks)
        for state in ("implemented", "mocked", "failing"):
            if states[state]:
                yield state, states[state], state
        for change in ("added", "changed", "removed"):
            if changes[change]:
                yield change, changes[change], change
        if number := sum(row.is_breaking for row in self.rows):
            yield "breaking", number, "breaking"
        for severity in ("error", "warning", "hint"):
            if number := severities[severity]:
                yield severity, number, severity if number == 1 else f"{severity}s"


def render(overview: Overview) -> str:
    """The whole page. Its version is another one for another overview: the script replaces nothing
    without need."""
    version = hashlib.sha256(repr(overview).encode()).hexdigest()[:16]
    return template().render(overview=overview, version=version, by_tag=by_tag, worst=worst)


@cache
def template() -> Template:
    environment = templates(Path(__file__).parent, html=True)
    environment.filters["quoted"] = partial(quote, safe="")
    return environment.get_template("overview_page.html.jinja2")


def by_tag(rows: Iterable[Row]) -> Iterator[tuple[str, list[Row]]]:
    """In the order in which the tags first appear."""
    first: dict[str, int] = {}
    for row in rows:
        first.setdefault(row.tag, len(first))
    ordered = sorted(rows, key=lambda row: first[row.tag])
    for tag, found in groupby(ordered, key=attrgetter("tag")):
        yield tag or "without a tag", list(found)


def worst(remarks: Iterable[Remark]) -> Severity:
    return min((remark.severity for remark in remarks), key=get_args(Severity).index)
