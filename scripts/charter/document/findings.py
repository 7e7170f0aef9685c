"""What is said about a document: one line for a person, or for GitHub's pull requests."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from charter.document import Place
from charter.document.source import one_line


class Format(StrEnum):
    TEXT = "text"
    GITHUB = "github"


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


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
        return cls(place.line, place.column, str(place.file), severity, rule, one_line(message))

    def as_text(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}"
        return f"{place}: {self.severity}: {self.rule}: {self.message}"

    def as_github(self) -> str:
        """A workflow command, which becomes a note beside the line."""
        where = f"file={escaped(self.file)},line={self.line},col={self.column}"
        return f"::{self.severity} {where},title={escaped(self.rule)}::{escaped(self.message)}"


def escaped(text: str) -> str:
    for character, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"), (":", "%3A"), (",", "%2C")):
        text = text.replace(character, code)
    return text


def print_all(findings: Iterable[Finding], form: Format) -> None:
    for finding in findings:
        print(finding.as_github() if form is Format.GITHUB else finding.as_text())
