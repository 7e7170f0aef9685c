"""The page that says how a document stands: its operations, what is wrong, and what has changed.

It is rendered here, without a script: that only replaces what has changed since.
"""

import hashlib
import html
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Literal, get_args
from urllib.parse import quote

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


# -- HTML -----------------------------------------------------------------------------------------


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Content = str | Html | None


def element(name: str, *content: Content, **attributes: str | bool) -> Html:
    """An element; text that is not Html is escaped. `class_` is class, `data_x` is data-x."""
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}"
        + ("" if value is True else f'="{html.escape(str(value))}"')
        for key, value in attributes.items()
        if value is not False and value != ""
    )
    inner = "".join(
        part if isinstance(part, Html) else html.escape(part) for part in content if part
    )
    return Html(f"<{name}{written}>{inner}</{name}>")


def joined(parts: Iterable[Html]) -> Html:
    return Html("".join(parts))


HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" type="image/png" href="/docs/favicon.png">
<link rel="stylesheet" href="/docs/bar.css">
<link rel="stylesheet" href="/docs/overview.css">
<script src="/docs/overview.js" type="module"></script>
</head>
"""


def render(overview: Overview) -> str:
    """The whole page."""
    title = f"{'Broken: ' if overview.broken else ''}{overview.title}"
    body = element(
        "body",
        element("a", "Skip to the operations", href="#operations", class_="skip"),
        navigation(overview),
        element("main", *main(overview), id="overview", data_version=version(overview)),
        element("p", role="status", id="news", class_="news"),
        data_mode="live",
    )
    return f"{HEAD.format(title=html.escape(title))}{body}\n</html>\n"


def version(overview: Overview) -> str:
    """Is another one for another overview: the script replaces nothing without need."""
    return hashlib.sha256(repr(overview).encode()).hexdigest()[:16]


def navigation(overview: Overview) -> Html:
    links = [
        element("a", "Overview", href="/docs/overview", aria_current="page"),
        element("a", "Try it", href="/docs"),
        element("a", "Read it", href="/redoc"),
        element("a", "openapi.yaml", href="/openapi.yaml"),
        element("a", "openapi.json", href="/openapi.json"),
    ]
    if overview.fuzzed:
        links.append(element("a", "Fuzz report", href="/docs/fuzz"))
    return element("nav", *links, id="pages", class_="pages", aria_label="Pages")


def main(overview: Overview) -> Iterator[Html]:
    if overview.broken is not None:
        yield banner(overview.broken)
    number = element("span", overview.version, class_="version")
    yield element("h1", overview.title, Html(" "), number)
    yield element("p", element("code", overview.file), f" · {overview.base}", class_="file")
    yield element("ul", *map(count, overview.counts()), class_="counts", aria_label="At a glance")
    yield element("div", outline(overview), operations(overview), class_="columns")


def banner(broken: Remark) -> Html:
    return element(
        "section",
        element("h2", "The document is broken", id="broken-title"),
        element("p", "The last good version goes on answering. Correct this and save:"),
        remark_item(broken, "div"),
        class_="banner",
        role="alert",
        aria_labelledby="broken-title",
    )


def count(counted: tuple[str, int, str]) -> Html:
    kind, number, noun = counted
    return element("li", element("strong", str(number)), f" {noun}", data_kind=kind)


SHORT = 30
"""Operations that the outline shows without being asked."""


def outline(overview: Overview) -> Html:
    parts: list[Html] = []
    for tag, rows in by_tag(overview.present):
        items = [
            element(
                "li",
                element(
                    "a", method(row), Html(" "), element("span", row.path), href=f"#{anchor(row)}"
                ),
            )
            for row in rows
        ]
        title = f"{tag} ({len(items)})"
        is_open = len(overview.present) <= SHORT
        parts.append(folded(f"tag-{tag}", title, element("ul", *items), is_open))
    if overview.schemas:
        items = [element("li", name) for name in overview.schemas]
        title = f"Schemas ({len(items)})"
        parts.append(folded("schemas", title, element("ul", *items, class_="schemas")))
    return element("nav", element("h2", "Outline"), *parts, class_="outline", aria_label="Outline")


def folded(name: str, title: str, content: Html, is_open: bool = False) -> Html:
    summary = element("summary", title)
    return element("details", summary, content, id=f"outline-{name}", open=is_open)


COLUMNS = ("Operation", "State", "Change", "Fuzz")


def operations(overview: Overview) -> Html:
    header = element(
        "thead",
        element(
            "tr",
            *(element("th", title, scope="col", role="columnheader") for title in COLUMNS),
            role="row",
        ),
        role="rowgroup",
    )
    groups = [group(tag, rows) for tag, rows in by_tag(overview.rows)]
    caption = element("caption", "Operations, by tag", class_="hidden")
    table = element("table", caption, header, *groups, role="table", class_="operations")
    empty = element("p", "The document has no operations yet.")
    return element(
        "section",
        element("h2", "Operations"),
        table if overview.rows else empty,
        general(overview.remarks),
        id="operations",
        tabindex="-1",
    )


def general(remarks: Sequence[Remark]) -> Html | None:
    """The findings that belong to no operation."""
    if not remarks:
        return None
    title = f"Of the whole document: {findings(remarks)}"
    items = element("ul", *map(remark_item, remarks), class_="remarks")
    return element("details", element("summary", title), items, id="general", class_="general")


def findings(remarks: Sequence[Remark]) -> str:
    number = len(remarks)
    return f"{number} finding{'' if number == 1 else 's'}"


def by_tag(rows: Iterable[Row]) -> Iterator[tuple[str, list[Row]]]:
    """In the order in which the tags first appear."""
    first: dict[str, int] = {}
    for row in rows:
        first.setdefault(row.tag, len(first))
    ordered = sorted(rows, key=lambda row: first[row.tag])
    for tag, found in groupby(ordered, key=attrgetter("tag")):
        yield tag or "without a tag", list(found)


def group(tag: str, rows: Iterable[Row]) -> Html:
    heading = element("th", tag, colspan="4", scope="rowgroup", role="rowheader")
    title = element("tr", heading, class_="tag", role="row")
    return element("tbody", title, *map(operation, rows), role="rowgroup")


def operation(row: Row) -> Html:
    is_gone = row.change == "removed"
    link = f"/docs#/{quote(row.tag or 'default', safe='')}/{quote(row.id, safe='')}"
    path = element("span", row.path, class_="path")
    about = element(
        "span",
        path if is_gone else element("a", path, href=link),
        element("span", row.summary, class_="summary") if row.summary else None,
    )
    name = element("div", method(row), about, class_="name")
    change = badge(row.change) if row.change else None
    breaks = badge("breaking") if row.is_breaking else None
    shown = element(
        "tr",
        element("th", name, scope="row", role="rowheader"),
        cell("State", None if is_gone else badge(row.state), ends(row)),
        cell("Change", change, breaks),
        cell("Fuzz", badge(row.fuzz) if row.fuzz else None),
        id=anchor(row),
        role="row",
        data_change=row.change,
    )
    return joined([shown, remarks(row)]) if row.remarks else shown


def cell(title: str, *content: Html | None) -> Html:
    empty = not any(content)
    return element("td", *content, role="cell", data_title=title, class_="empty" if empty else "")


def ends(row: Row) -> Html | None:
    """That it is deprecated, and until when."""
    if not row.deprecated:
        return None
    return element("span", row.deprecated, class_="badge", data_kind="deprecated")


def badge(kind: str) -> Html:
    return element("span", kind, class_="badge", data_kind=kind)


def method(row: Row) -> Html:
    return element("span", row.method, class_="method", data_method=row.method)


def anchor(row: Row) -> str:
    return f"operation-{quote(row.label, safe='')}"


def remarks(row: Row) -> Html:
    """A row of its own, below that of the operation."""
    worst = min((remark.severity for remark in row.remarks), key=get_args(Severity).index)
    summary = element("summary", findings(row.remarks), data_kind=worst)
    items = element("ul", *map(remark_item, row.remarks), class_="remarks")
    name = f"remarks-{quote(row.label, safe='')}"
    details = element("details", summary, items, id=name)
    return element(
        "tr", element("td", details, colspan="4", role="cell"), role="row", class_="look"
    )


def remark_item(remark: Remark, name: str = "li") -> Html:
    return element(
        name,
        badge(remark.severity),
        Html(" "),
        element("span", *with_code(remark.message), class_="message"),
        element("span", f"{remark.place} {remark.rule}".strip(), class_="place"),
        element("pre", remark.excerpt) if remark.excerpt else None,
    )


def with_code(text: str) -> Iterator[Content]:
    """A text whose parts between backticks are code."""
    for index, part in enumerate(text.split("`")):
        yield element("code", part) if index % 2 else part
