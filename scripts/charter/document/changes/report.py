"""Changes as a person or a program reads them."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from charter.document import Document, Place
from charter.document.changes.judgement import Change
from charter.document.findings import Finding, Severity, as_sarif
from charter.document.model import Path


class Format(StrEnum):
    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


HEADINGS = {
    Severity.ERROR: "Breaking",
    Severity.WARNING: "May break",
    Severity.INFO: "Harmless",
}


@dataclass(frozen=True)
class Entry:
    """A change, said once for all operations that share it."""

    change: Change
    subjects: tuple[str, ...]
    old: Place | None
    new: Place | None

    @property
    def subject(self) -> str:
        more = f" (and {len(self.subjects) - 1} more)" if len(self.subjects) > 1 else ""
        return self.subjects[0] + more

    @property
    def text(self) -> str:
        return f"{self.subject}: {self.change.message}"

    def as_finding(self) -> Finding:
        place = self.new or self.old
        assert place is not None
        return Finding.at(place, self.change.severity, self.change.rule, self.text)

    def as_json(self) -> Mapping[str, Any]:
        return {
            "rule": self.change.rule,
            "severity": self.change.severity.value,
            "direction": self.change.direction.value if self.change.direction else None,
            "message": self.change.message,
            "where": list(self.subjects),
            "old": placed(self.old),
            "new": placed(self.new),
        }


def entries(base: Document, revision: Document, changes: Sequence[Change]) -> list[Entry]:
    """By severity, and then from the top of the newer document to its end."""
    shared: dict[tuple[Path | None, str, str], list[Change]] = defaultdict(list)
    for change in changes:
        shared[change.new, change.rule, change.message].append(change)
    found = [
        Entry(
            alike[0],
            tuple(dict.fromkeys(change.subject for change in alike)),
            None if alike[0].old is None else base.place(alike[0].old),
            None if alike[0].new is None else revision.place(alike[0].new),
        )
        for alike in shared.values()
    ]
    severities = list(HEADINGS)
    return sorted(found, key=lambda one: (severities.index(one.change.severity), one.as_finding()))


def placed(place: Place | None) -> Mapping[str, Any] | None:
    if place is None:
        return None
    return {"file": str(place.file), "line": place.line, "column": place.column}


def render(found: Sequence[Entry], form: Format) -> str:
    """What is printed; an empty text where there is nothing to say."""
    lines: Mapping[Format, Iterator[str]] = {
        Format.TEXT: (one.as_finding().as_text() for one in found),
        Format.GITHUB: (one.as_finding().as_github() for one in found),
        Format.MARKDOWN: as_markdown(found),
        Format.JSON: iter([json.dumps([one.as_json() for one in found], indent=1)]),
        Format.SARIF: iter([json.dumps(as_sarif(findings(found), "charter diff"), indent=1)]),
    }
    return "\n".join(lines[form])


def findings(found: Sequence[Entry]) -> list[Finding]:
    return [one.as_finding() for one in found]


def as_markdown(found: Sequence[Entry]) -> Iterator[str]:
    for severity, heading in HEADINGS.items():
        alike = [one for one in found if one.change.severity is severity]
        if not alike:
            continue
        yield f"### {heading}\n"
        for one in alike:
            yield f"- **{one.subject}**: {one.change.message} (`{one.change.rule}`)"
        yield ""
