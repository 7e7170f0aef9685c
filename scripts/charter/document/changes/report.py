"""Changes as a person or a program reads them."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from charter.document import Document, Place
from charter.document.changes.judgement import Change
from charter.document.findings import SEVERITIES, Finding, Severity
from charter.document.findings import render as render_findings
from charter.document.model import Path

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
    return sorted(found, key=lambda one: (SEVERITIES.index(one.change.severity), one.as_finding()))


def placed(place: Place | None) -> Mapping[str, Any] | None:
    if place is None:
        return None
    return {"file": str(place.file), "line": place.line, "column": place.column}


def render(found: Sequence[Entry], form: str) -> str:
    """What is printed: `text`, `markdown`, `json`, or what findings are printed as as well."""
    findings = [one.as_finding() for one in found]
    match form:
        case "text":
            return "\n".join(one.as_text() for one in findings)
        case "markdown":
            return "\n".join(as_markdown(found))
        case "json":
            return json.dumps([one.as_json() for one in found], indent=1)
    return render_findings(findings, form, "charter diff")


def as_markdown(found: Sequence[Entry]) -> Iterator[str]:
    for severity, heading in HEADINGS.items():
        alike = [one for one in found if one.change.severity is severity]
        if not alike:
            continue
        yield f"### {heading}\n"
        for one in alike:
            yield f"- **{one.subject}**: {one.change.message} (`{one.change.rule}`)"
        yield ""
