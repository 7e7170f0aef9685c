"""What is said about a document: for a person, for an editor, or for a program."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from charter.document import Place
from charter.document.excerpts import excerpt_of, lines_of
from charter.document.source import one_line


class Severity(StrEnum):
    """How bad a finding is, the worst first."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


SEVERITIES = tuple(Severity)


def is_as_severe(severity: Severity, least: str) -> bool:
    """Whether a severity reaches the least one that counts; none reaches `never`."""
    return least != "never" and SEVERITIES.index(severity) <= SEVERITIES.index(Severity(least))


@dataclass(frozen=True, order=True)
class Finding:
    """One thing to correct: where, how bad, which rule, what and how."""

    line: int
    column: int
    file: str
    severity: Severity
    rule: str
    message: str

    @classmethod
    def at(cls, place: Place, severity: Severity, rule: str, message: str) -> "Finding":
        said = one_line(place.telling(message))
        return cls(place.line, place.column, str(place.file), severity, rule, said)

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"

    def as_text(self) -> str:
        return f"{self.place}: {self.severity}: {self.rule}: {self.message}"

    def as_github(self) -> str:
        """A workflow command, which becomes a note beside the line."""
        where = f"file={escaped(self.file)},line={self.line},col={self.column}"
        command = "notice" if self.severity is Severity.INFO else self.severity.value
        return f"::{command} {where},title={escaped(self.rule)}::{escaped(self.message)}"

    def as_json(self) -> Mapping[str, Any]:
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "severity": self.severity.value,
            "rule": self.rule,
            "message": self.message,
        }


def escaped(text: str) -> str:
    for character, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"), (":", "%3A"), (",", "%2C")):
        text = text.replace(character, code)
    return text


def render(findings: Sequence[Finding], form: str, tool: str) -> str:
    """What is printed: `github`, `json`, `sarif`, `junit` or text. `tool` is the verb."""
    match form:
        case "github":
            return "\n".join(finding.as_github() for finding in findings)
        case "json":
            return json.dumps([finding.as_json() for finding in findings], indent=1)
        case "sarif":
            return json.dumps(as_sarif(findings, tool), indent=1)
        case "junit":
            return as_junit(findings, tool)
    return "\n".join(with_excerpts(findings))


def with_excerpts(findings: Iterable[Finding]) -> Iterator[str]:
    """Each finding, and below it the line that it is about with a caret."""
    read = cache(lines_of)
    for finding in findings:
        yield finding.as_text()
        shown = excerpt_of(read(finding.file), finding.line, finding.column, around=0)
        margin = " " * (GUTTER - len(str(finding.line)))
        yield from (margin + row for row in shown.splitlines())


GUTTER = 6
"""Columns before an excerpt, line numbers included."""


def as_sarif(findings: Sequence[Finding], tool: str) -> Mapping[str, Any]:
    """Static Analysis Results Interchange Format 2.1.0."""
    levels = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
    rules = [{"id": rule} for rule in sorted({finding.rule for finding in findings})]
    results = [
        {
            "ruleId": finding.rule,
            "level": levels[finding.severity],
            "message": {"text": finding.message},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": Path(finding.file).as_posix()},
                        "region": {"startLine": finding.line, "startColumn": finding.column},
                    }
                }
            ],
        }
        for finding in findings
    ]
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": {"name": tool, "rules": rules}}, "results": results}],
    }


def as_junit(findings: Sequence[Finding], tool: str) -> str:
    """One failed test for each finding, in the form that CI servers read."""
    suite = ElementTree.Element(
        "testsuite", name=tool, tests=str(max(1, len(findings))), failures=str(len(findings))
    )
    for finding in findings:
        names = {"classname": finding.rule, "name": finding.place}
        case = ElementTree.SubElement(suite, "testcase", names)
        failure = ElementTree.SubElement(case, "failure", type=finding.severity.value)
        failure.text = finding.message
    if not findings:
        ElementTree.SubElement(suite, "testcase", classname=tool, name="nothing to correct")
    return ElementTree.tostring(suite, encoding="unicode")
