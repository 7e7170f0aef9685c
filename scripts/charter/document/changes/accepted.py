"""Changes that a team has agreed to: a file that names them, each with a reason.

    - rule: request-parameter-removed
      operation: GET /books
      where: query parameter genre
      reason: No client has sent it since May.

`operation` and `where` may be left out, and then every one of them is meant; `*` in them stands for
any text.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from charter.document.changes.judgement import Change
from charter.document.source import DocumentError, Source, load

KEYS = ("rule", "operation", "where", "reason")


@dataclass(frozen=True)
class Agreement:
    rule: str
    operation: str
    where: str
    reason: str
    place: str

    def covers(self, change: Change) -> bool:
        return (
            fnmatchcase(change.rule, self.rule)
            and fnmatchcase(change.operation, self.operation)
            and fnmatchcase(change.where, self.where)
        )


def agreements(file: Path) -> list[Agreement]:
    """Raises DocumentError, which names file, line and remedy."""
    source = load(file)
    if not isinstance(source.content, list):
        raise DocumentError(source.place(()), "Write a list of changes: `- rule: ...`.")
    return [agreement(source, index, entry) for index, entry in enumerate(source.content)]


def agreement(source: Source, index: int, entry: Any) -> Agreement:
    def fault(message: str, *tokens: str) -> DocumentError:
        return DocumentError(source.place((index, *tokens)), message)

    if not isinstance(entry, dict):
        raise fault("Write `rule:` and `reason:` of the change.")
    for name, value in entry.items():
        if name not in KEYS:
            raise fault(f"`{name}` means nothing here: use {', '.join(KEYS)}.", name)
        if not isinstance(value, str) or not value.strip():
            raise fault(f"`{name}` has to be a text.", name)
    for name in ("rule", "reason"):
        if name not in entry:
            raise fault(f"`{name}` is missing: say which change is meant, and why it is right.")
    return Agreement(
        entry["rule"], entry.get("operation", "*"), entry.get("where", "*"), entry["reason"],
        str(source.place((index,))),
    )  # fmt: skip


def apart(
    changes: Sequence[Change], agreed: Sequence[Agreement]
) -> tuple[list[Change], list[Agreement]]:
    """The changes that nobody agreed to, and the agreements that cover no change."""
    left = [change for change in changes if not any(one.covers(change) for one in agreed)]
    unused = [one for one in agreed if not any(map(one.covers, changes))]
    return left, unused
