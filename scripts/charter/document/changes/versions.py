"""Which part of `info.version` has to grow (Semantic Versioning 2.0.0), and whether it did."""

import re
from collections.abc import Sequence
from enum import IntEnum

from charter.document import Document
from charter.document.changes.judgement import Change
from charter.document.findings import Severity
from charter.document.model import mapping

SEMANTIC = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:[-+].*)?")


class Bump(IntEnum):
    NONE = 0
    PATCH = 1
    MINOR = 2
    MAJOR = 3

    def __str__(self) -> str:
        return self.name.lower()


def needed(changes: Sequence[Change], *, texts_differ: bool) -> Bump:
    """A breaking change is major; any other one that clients notice, minor; the rest a patch."""
    if any(change.severity is Severity.ERROR for change in changes):
        return Bump.MAJOR
    if changes:
        return Bump.MINOR
    return Bump.PATCH if texts_differ else Bump.NONE


def least(document: Document, bump: Bump) -> str:
    """The version that follows. Before 1.0.0 a breaking change makes the minor number grow."""
    found = numbers(version(document)) or (0, 0, 0)
    major, minor, patch = found
    if bump is Bump.MAJOR and major:
        return f"{major + 1}.0.0"
    if bump is Bump.MAJOR or bump is Bump.MINOR:
        return f"{major}.{minor + 1}.0"
    return f"{major}.{minor}.{patch + (bump is Bump.PATCH)}"


def suffices(base: Document, revision: Document, bump: Bump) -> bool:
    older, newer = numbers(version(base)), numbers(version(revision))
    required = numbers(least(base, bump))
    if older is None or newer is None or required is None:
        return bump is Bump.NONE or version(base) != version(revision)
    return newer >= required


def version(document: Document) -> str:
    return str(mapping(document.content.get("info")).get("version", ""))


def numbers(text: str) -> tuple[int, int, int] | None:
    found = SEMANTIC.fullmatch(text.strip())
    return (int(found[1]), int(found[2] or 0), int(found[3] or 0)) if found else None
