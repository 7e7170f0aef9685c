"""Brings the accounts' part of a team's document to another version, member by member.

A member is a path, a tag or a component. It changes only where the new version has another content
for it. Its lines are replaced where the team left them as they were; where not, the two changes are
merged as text. What can't be merged stays as the team has it, and is reported with the change.
"""

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from charter.document import Document, DocumentError
from charter.document.checks import check
from charter.project.init.documents import (
    Block,
    NoPlaceError,
    behind,
    block,
    child,
    column,
)
from charter.project.upgrade.texts import merged_text

Json = Any
At = tuple[str, ...]
"""Where a member is: `("paths", "/users")`, `("components", "schemas", "User")`."""


@dataclass(frozen=True)
class Member:
    at: At
    content: Json
    text: str
    """Its lines, not indented."""


@dataclass(frozen=True)
class Change:
    """What a new version does to a member."""

    at: At
    before: Member | None
    after: Member | None

    def __str__(self) -> str:
        return " ".join(self.at)

    def diff(self) -> str:
        older = self.before.text.splitlines(keepends=True) if self.before else []
        newer = self.after.text.splitlines(keepends=True) if self.after else []
        return "".join(list(difflib.unified_diff(older, newer))[2:])


class CannotMergeError(Exception):
    """The team's lines and the change don't go together."""


Edit = tuple[int, int, str]
"""Lines from the first number to before the second are replaced by this text."""


def upgraded(
    file: Path, before: Iterable[Member], after: Iterable[Member]
) -> tuple[str, list[Change]]:
    """The text of the document with all changes that can be made, and the others."""
    text = file.read_bytes().decode()
    made: list[Change] = []
    left: list[Change] = []
    rows = Rows(text)
    for change in changes(before, after):
        try:
            rows.apply(change)
            made.append(change)
        except (CannotMergeError, NoPlaceError):
            left.append(change)
    if not made:
        return text, left
    result = rows.result()
    try:
        check(Document(file, result))
    except DocumentError:
        return text, made + left
    return result, left


def changes(before: Iterable[Member], after: Iterable[Member]) -> Iterator[Change]:
    """Removals come last: what the rest still refers to stays."""
    older = {member.at: member for member in before}
    newer = {member.at: member for member in after}
    for at, member in newer.items():
        if at not in older or older[at].content != member.content:
            yield Change(at, older.get(at), member)
    for at in older.keys() - newer.keys():
        yield Change(at, older[at], None)


class Rows:
    """The lines of a document, and what is to be done to them."""

    def __init__(self, text: str) -> None:
        self.rows = (text if text.endswith("\n") else f"{text}\n").splitlines(keepends=True)
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
        assert isinstance(root, Block)
        self.root = root
        self.edits: list[Edit] = []
        self.removals: list[tuple[At, Edit]] = []
        self.new_kinds: dict[str, list[str]] = {}

    def apply(self, change: Change) -> None:
        """Raises CannotMergeError and NoPlaceError, and then changes nothing."""
        span = self.span(change.at)
        match change.before, change.after, span:
            case (None, after, None) if after:
                self.add(after)
            case (before, after, None):  # the team took it out
                return
            case (None, after, (start, end, indent)) if after:
                if self.text(start, end) != indented(after.text, indent):
                    raise CannotMergeError
            case (before, None, (start, end, indent)) if before:
                if self.text(start, end) != indented(before.text, indent):
                    raise CannotMergeError
                self.removals.append((change.at, (start, end, "")))
            case (before, after, (start, end, indent)) if before and after:
                base, theirs = indented(before.text, indent), indented(after.text, indent)
                merged, clean = merged_text(base, self.text(start, end), theirs)
                if not clean:
                    raise CannotMergeError
                self.edits.append((start, end, merged))

    def span(self, at: At) -> tuple[int, int, int] | None:
        """The lines of a member and their indentation; None where it isn't there."""
        *outer, name = at
        holder = self.holder(outer)
        if holder is None:
            return None
        for entry in holder.value:
            key, value = entry if isinstance(entry, tuple) else (child(entry, "name"), entry)
            if key is not None and key.value == name:
                start = (key if isinstance(entry, tuple) else value).start_mark.line
                return start, behind(value), int(holder.start_mark.column)
        return None

    def holder(self, outer: Iterable[str]) -> Block | None:
        """The collection that members stand in. Raises NoPlaceError where it has no lines."""
        node = self.root
        for name in outer:
            if child(node, name) is None:
                return None
            node = block(node, name)
        return node

    def add(self, member: Member) -> None:
        match member.at:
            case "tags", _:
                if child(self.root, "tags") is not None:  # else the document lists none
                    self.insert(self.root, "tags", member.text)
            case "components", kind, _ if child(block(self.root, "components"), kind) is None:
                self.new_kinds.setdefault(kind, []).append(member.text)
            case "components", kind, _:
                self.insert(block(self.root, "components"), kind, member.text)
            case name, _:
                self.insert(self.root, name, member.text)

    def insert(self, around: Block, name: str, text: str) -> None:
        line = behind(block(around, name))
        self.edits.append((line, line, indented(text, column(around, name))))

    def text(self, start: int, end: int) -> str:
        return "".join(self.rows[start:end])

    def result(self) -> str:
        """With what was to be removed, as far as nothing that stays refers to it."""
        removed = dict(self.removals)
        added = [self.new_kind(kind, texts) for kind, texts in self.new_kinds.items()]
        while True:
            text = self.edited([*self.edits, *added, *removed.values()])
            needed = [at for at in removed if refers(text, at)]
            if not needed:
                return text
            for at in needed:
                del removed[at]

    def new_kind(self, kind: str, texts: Iterable[str]) -> Edit:
        line = behind(block(self.root, "components"))
        text = f"{kind}:\n{indented(''.join(texts), 2)}"
        return line, line, indented(text, column(self.root, "components"))

    def edited(self, edits: Iterable[Edit]) -> str:
        """Last line first, so that the numbers stay true; of one place, the first comes first."""
        rows = list(self.rows)
        numbered = sorted(enumerate(edits), key=lambda entry: (entry[1][:2], entry[0]))
        for _, (start, end, text) in reversed(numbered):
            rows[start:end] = [text]
        return "".join(rows)


def refers(text: str, at: At) -> bool:
    """Whether something is left that needs a component or a tag."""
    match at:
        case "paths", _:
            return False
        case ("tags", name) | ("components", "securitySchemes", name):
            return re.search(rf"\b{re.escape(name)}\b", text) is not None
        case _:
            return re.search(rf"#/{re.escape('/'.join(at))}(?![\w.-])", text) is not None


def indented(text: str, indent: int) -> str:
    rows = text.splitlines(keepends=True)
    return "".join(f"{' ' * indent}{row}" if row.strip() else row for row in rows)
