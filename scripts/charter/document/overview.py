"""How a document stands: its operations, what has changed since the last commit, and findings."""

import json
import threading
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from charter.document import Document
from charter.document.changes import changes, shape_of
from charter.document.checks import check
from charter.document.excerpts import excerpt, excerpt_of, lines_of
from charter.document.findings import Finding, Severity
from charter.document.history import Committed, committed, head
from charter.document.lint import DEFAULT, Configuration, lint
from charter.document.model import Model, Operation, keyworded, mapping
from charter.document.overview_page import Change, Overview, Remark, Row, render
from charter.document.overview_page import Severity as Shown
from charter.document.signature import Signature, signature
from charter.document.source import UNREADABLE, Unreadable
from charter.runtime.lifecycle import period
from charter.runtime.references import at, has, tokens_of

Read = Callable[[str], Sequence[str]]
"""The lines of a file, which is read once however many remarks are about it."""

Key = tuple[str, str]
"""A path without the names of its parameters, and a method."""


class Live(Protocol):
    """A document that something else follows: the last good one, and why it is not the newest."""

    document: Document
    error: Unreadable | None


class Overviews:
    """The overview of a document that is being edited, worked out once for each edit."""

    def __init__(
        self,
        file: Path,
        refine: Callable[[Overview], Overview] = lambda overview: overview,
        others: Callable[[], Iterable[Path]] = tuple,
        configuration: Configuration = DEFAULT,
        live: Live | None = None,
        overlays: Sequence[Path] = (),
    ) -> None:
        """`refine` adds what the document does not say, which it reads from the `others`.

        `configuration` is that of the rules of `charter lint`; `live` has the document read already
        where something else follows it, too.
        """
        self.file = file
        self.overlays = overlays
        self.refine = refine
        self.others = others
        self.configuration = configuration
        self.live = live
        self.history = head(file)
        self.read: tuple[Document, Signature] | None = None
        """The last good document, where nothing else follows it, and what it was read from."""
        self.described: tuple[Document, Signature, Overview] | None = None
        """Of which document and which last commit."""
        self.known: tuple[Overview, Unreadable | None, Signature, Overview] | None = None
        """Made of which description, error and other files."""
        self.base = Committed("")
        self.lock = threading.Lock()

    def page(self) -> str:
        """The same as a page of HTML."""
        return render(self.current())

    def current(self) -> Overview:
        """Raises DocumentError or NoDocument as long as there was no good document yet."""
        with self.lock:
            document, error = self._document()
            base = self._description(document)
            others = signature(self.others())
            if self.known is None or self.known[:3] != (base, error, others):
                broken = remark_of(error) if error is not None else None
                made = replace(self.refine(base), broken=broken)
                self.known = base, error, others, made
            return self.known[3]

    @property
    def files(self) -> list[Path]:
        return self.read[0].files if self.read is not None else [self.file, *self.overlays]

    def _document(self) -> tuple[Document, Unreadable | None]:
        """The last good document, and why it is not the one that was saved last."""
        if self.live is not None:
            return self.live.document, self.live.error
        seen = signature(self.files)
        if self.read is not None and self.read[1] == seen:
            return self.read[0], None
        try:
            document = Document(self.file, overlays=self.overlays)
            check(document)
        except UNREADABLE as error:
            if self.read is None:
                raise
            return self.read[0], error
        self.read = document, signature(document.files)
        return document, None

    def _description(self, document: Document) -> Overview:
        history = signature(self.history)
        if self.described is None or self.described[:2] != (document, history):
            if self.described is None or self.described[1] != history:
                self.base = committed(self.file, self.overlays)
            made = described(document, self.base, self.configuration)
            self.described = document, history, made
        return self.described[2]


def described(document: Document, base: Committed, configuration: Configuration) -> Overview:
    """The overview of a document, whose operations all are mocked."""
    model = Model(document)
    info = mapping(model.content.get("info"))
    changes = dict(compared(base.document, document)) if base.document is not None else {}
    read = cache(lines_of)
    breaks = broken_clients(base.document, document, read) if base.document is not None else {}
    owners = Owners(document, model)
    found: dict[Key | None, list[Remark]] = defaultdict(list)
    for key, remarks in breaks.items():
        found[key] += remarks
    for finding in lint(document, configuration):
        found[owners.owner(finding)].append(remark(finding, read))
    rows = [row(document, one, changes.get(key_of(one), ""), found[key_of(one)])
            for one in model.operations]  # fmt: skip
    if base.document is not None:
        rows += [
            replace(row(base.document, one, "removed", found[key_of(one)]), place="")
            for one in Model(base.document).operations
            if changes.get(key_of(one)) == "removed"
        ]
    return Overview(
        title=str(info.get("title") or document.file.name),
        version=str(info.get("version", "")),
        file=str(document.file),
        base=base.words,
        rows=tuple(rows),
        remarks=tuple(found[None]),
        schemas=tuple(model.components("schemas")),
    )


def row(document: Document, operation: Operation, change: Change, remarks: Iterable[Remark]) -> Row:
    value = operation.node.value
    return Row(
        id=str(value.get("operationId", "")),
        method=operation.method.upper(),
        path=operation.template,
        tag=str(next(iter(operation.node.entries("tags")), "")),
        summary=str(value.get("summary", "")),
        place=str(document.place(operation.node.path)),
        change=change,
        remarks=tuple(remarks),
        deprecated=deprecation(value),
    )


def deprecation(operation: Mapping[str, Any]) -> str:
    is_deprecated = operation.get("deprecated") is True
    return f"deprecated {period(operation)}".rstrip() if is_deprecated else ""


KINDS: Mapping[Severity, Shown] = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "hint",
}


def remark(finding: Finding, read: Read) -> Remark:
    lines = excerpt_of(read(finding.file), finding.line, finding.column)
    return Remark(KINDS[finding.severity], finding.rule, finding.place, finding.message, lines)


def remark_of(error: Unreadable) -> Remark:
    """Why a document can't be read."""
    place = error.place
    message = str(error).removeprefix(f"{place}: ").removeprefix(f"{place.file}: ")
    lines = excerpt(place.file, place.line, place.column)
    return Remark("error", "document", str(place), message, lines)


def key_of(operation: Operation) -> Key:
    return shape_of(operation.template), operation.method


class Owners:
    """Says to which operation a finding belongs, by its line."""

    def __init__(self, document: Document, model: Model) -> None:
        keys = {operation.node.path: key_of(operation) for operation in model.operations}
        self.starts: dict[str, list[tuple[int, Key | None]]] = defaultdict(list)
        for path, place in document.places.items():
            if len(path) <= (3 if path[:1] == ("paths",) else 2):
                self.starts[str(place.file)].append((place.line, keys.get(path)))
        for starts in self.starts.values():
            starts.sort(key=lambda start: start[0])

    def owner(self, finding: Finding) -> Key | None:
        """The operation that begins last before the finding, unless something else does."""
        starts = self.starts.get(finding.file, [])
        index = bisect_right(starts, finding.line, key=lambda start: start[0])
        return starts[index - 1][1] if index else None


# -- changes --------------------------------------------------------------------------------------


def compared(base: Document, revision: Document) -> Iterator[tuple[Key, Change]]:
    """The operations that are not as they were; what they refer to belongs to them."""
    was, now = fingerprints(base), fingerprints(revision)
    for key, fingerprint in now.items():
        if key not in was:
            yield key, "added"
        elif fingerprint != was[key]:
            yield key, "changed"
    for key in was.keys() - now.keys():
        yield key, "removed"


def fingerprints(document: Document) -> dict[Key, Any]:
    model = Model(document)
    fingerprint = Fingerprint(model)
    return {key_of(operation): fingerprint.of(operation) for operation in model.operations}


class Fingerprint:
    """What an operation says, with all that it refers to, in a form that can be compared."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.digests: dict[str, str] = {}
        self.direct: dict[str, frozenset[str]] = {}

    def of(self, operation: Operation) -> tuple[str, frozenset[str]]:
        own = {
            "template": shape_of(operation.template),
            "operation": operation.node.value,
            "parameters": operation.item.entries("parameters"),
            "security": self.model.security(operation)[1],
        }
        return digest(own), frozenset(map(self.digest, self.reached(own)))

    def reached(self, node: Any) -> set[str]:
        """All references that can be followed from a node, and from what they lead to."""
        seen: set[str] = set()
        waiting = set(references(node)) | set(self.schemes(node))
        while waiting:
            target = waiting.pop()
            seen.add(target)
            if target not in self.direct:
                self.direct[target] = frozenset(references(self.at(target)))
            waiting |= self.direct[target] - seen
        return seen

    def schemes(self, own: Mapping[str, Any]) -> Iterator[str]:
        """The security schemes that an operation names, which are no references."""
        for alternative in own["security"] if isinstance(own["security"], list) else ():
            yield from (f"#/components/securitySchemes/{name}" for name in mapping(alternative))

    def digest(self, target: str) -> str:
        if target not in self.digests:
            self.digests[target] = target + digest(self.at(target))
        return self.digests[target]

    def at(self, target: str) -> Any:
        tokens = tokens_of(target) if target.startswith("#/") else ()
        return (
            at(self.model.content, tokens) if tokens and has(self.model.content, tokens) else None
        )


def references(node: Any) -> Iterator[str]:
    for _, value in keyworded(node):
        if isinstance(target := value.get("$ref"), str):
            yield target


def digest(node: Any) -> str:
    return sha256(json.dumps(node, sort_keys=True, default=str).encode()).hexdigest()


def broken_clients(base: Document, revision: Document, read: Read) -> dict[Key, list[Remark]]:
    """What breaks the clients of each operation of the older document."""
    found: dict[Key, list[Remark]] = defaultdict(list)
    operations = [*Model(revision).operations, *Model(base).operations]
    keys = {operation.label: key_of(operation) for operation in operations}
    for change in changes(base, revision):
        if change.severity is not Severity.ERROR or change.operation not in keys:
            continue
        place = revision.place(change.new or ())
        lines = excerpt_of(read(str(place.file)), place.line, place.column)
        message = f"{change.where}: {change.message}" if change.where else change.message
        message = message[:1].upper() + message[1:]
        one = Remark("breaking", change.rule, str(place), message, lines)
        if one not in found[keys[change.operation]]:
            found[keys[change.operation]].append(one)
    return found
