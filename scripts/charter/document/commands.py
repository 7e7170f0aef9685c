"""`charter lint`, `diff`, `show` and `bundle`: what can be done with any document.

Each verb returns an exit code: 0 when all is well, 1 when there is something to correct. It raises
DocumentError for a document that can't be read.
"""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from charter.document import Document
from charter.document.changes import Change, changes, report, versions
from charter.document.changes.accepted import agreements, apart
from charter.document.findings import Finding, Severity, is_as_severe, render
from charter.document.lint import DEFAULT, Configuration
from charter.document.lint import lint as rules_of
from charter.document.model import Model, Operation, mapping, sequence
from charter.document.overlays import warn
from charter.document.revisions import base_document, relative


def lint(
    file: Path,
    form: str = "text",
    configuration: Configuration = DEFAULT,
    fails_from: str | None = None,
    overlays: Sequence[Path] = (),
) -> int:
    """Check structure, references, examples and habits; the exit code is 1 if there is a finding
    of the severity that fails, by default the configuration's."""
    found = rules_of(Document(relative(file), overlays=overlays), configuration)
    if shown := render(found, form, "charter lint"):
        print(shown)
    print(lint_summary(found), file=sys.stderr)
    least = fails_from or configuration.fail_on
    return 1 if any(is_as_severe(finding.severity, least) for finding in found) else 0


def lint_summary(found: Sequence[Finding]) -> str:
    if not found:
        return "Nothing to correct."
    numbers = Counter(finding.severity for finding in found)
    parts = [
        counted(numbers[severity], noun)
        for severity, noun in (
            (Severity.ERROR, "error"), (Severity.WARNING, "warning"), (Severity.INFO, "hint"),
        )
        if numbers[severity]
    ]  # fmt: skip
    return f"{', '.join(parts)}."


def show(file: Path, overlays: Sequence[Path] = ()) -> int:
    """List the operations: method, path, operationId, scopes."""
    model = Model(with_warnings(file, overlays))
    rows = [
        (
            operation.method.upper(),
            operation.template,
            str(operation.node.value.get("operationId", "")),
            access(model, operation),
        )
        for operation in model.operations
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())
    return 0


def access(model: Model, operation: Operation) -> str:
    """Who may call it, in words: the scopes, `any user` or `public`."""
    alternatives = [mapping(found) for found in sequence(model.security(operation)[1])]
    if not all(alternatives) or not alternatives:
        return "public"
    scopes = {str(scope) for found in alternatives for part in found.values() for scope in part}
    return " ".join(sorted(scopes)) or "any user"


def bundle(file: Path, overlays: Sequence[Path] = ()) -> int:
    """Print the document as JSON, as the service publishes it."""
    content = with_warnings(file, overlays).content
    print(json.dumps(content, indent=1, ensure_ascii=False))
    return 0


def with_warnings(file: Path, overlays: Sequence[Path]) -> Document:
    """The document; what is doubtful about its overlays is printed."""
    document = Document(relative(file), overlays=overlays)
    warn(document.cautions)
    return document


def diff(
    base: str | Path,
    revision: Path,
    form: str = "text",
    *,
    accepted: Path | None = None,
    notice: int = 0,
    fails_from: str = Severity.ERROR,
    check_version: bool = False,
    overlays: Sequence[Path] = (),
) -> int:
    """Name every change since `base` that a client could notice.

    `base` is a file or a revision of the repository; overlays are applied to both. `accepted` names
    the changes that the team agreed to; by default ACCEPTED beside the document, where there is
    one. `notice` are the days that a deprecation has to leave until its sunset. The exit code is 1
    from the severity `fails_from` on (or `never`), and where `check_version` finds `info.version`
    too small.
    """
    older = base_document(str(base), revision, overlays)
    newer = with_warnings(revision, overlays)
    found = changes(older, newer, notice=timedelta(days=notice))
    beside = revision.parent / ACCEPTED
    file = accepted or (beside if beside.exists() else None)
    agreed = agreements(relative(file)) if file else []
    left, unused = apart(found, agreed)
    entries = report.entries(older, newer, left)
    if shown := report.render(entries, form):
        print(shown)
    for one in unused:
        print(f"{one.place}: `{one.rule}` covers no change any more: remove it.", file=sys.stderr)
    print(summary(entries, len(found) - len(left), base), file=sys.stderr)
    is_right = not check_version or is_version_right(older, newer, found)
    failed = any(is_as_severe(change.severity, fails_from) for change in left)
    return 1 if failed or not is_right else 0


ACCEPTED = "accepted-changes.yaml"


def summary(left: Sequence[report.Entry], accepted: int, base: str | Path) -> str:
    numbers = Counter(entry.change.severity for entry in left)
    parts = [
        counted(numbers[Severity.ERROR], "breaking change"),
        f"{numbers[Severity.WARNING]} that may break",
        f"{numbers[Severity.INFO]} harmless",
    ]
    agreed = f" {counted(accepted, 'change')} accepted." if accepted else ""
    if not left:
        return f"Nothing changed for clients since {base}.{agreed}"
    return f"{', '.join(parts)} since {base}.{agreed}"


def is_version_right(older: Document, newer: Document, found: Sequence[Change]) -> bool:
    """Say which version follows, where `info.version` is too small."""
    bump = versions.needed(found, texts_differ=older.content != newer.content)
    if versions.suffices(older, newer, bump):
        return True
    place = newer.place(("info", "version"))
    print(
        f"{place}: The version is {versions.version(newer)}; after {versions.version(older)} a"
        f" {bump} change needs {versions.least(older, bump)} or higher.",
        file=sys.stderr,
    )
    return False


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
