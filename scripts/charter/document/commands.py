"""`charter lint`, `diff`, `show` and `bundle`: what can be done with any document.

Each verb returns an exit code: 0 when all is well, 1 when there is something to correct. It raises
DocumentError for a document that can't be read.
"""

import json
import subprocess
import sys
from pathlib import Path

from charter.document import Document, breaking, rules
from charter.document.findings import Format, print_all
from charter.document.model import Model, Operation, mapping, sequence
from charter.errors import Misconfigured


def lint(file: Path, form: str = Format.TEXT) -> int:
    """Check structure, references, examples, and whether everything is explained."""
    found = rules.lint(Document(relative(file)))
    print_all(found, Format(form))
    print(f"{counted(len(found), 'finding')}." if found else "Nothing to correct.", file=sys.stderr)
    return 1 if found else 0


def show(file: Path) -> int:
    """List the operations: method, path, operationId, scopes."""
    model = Model(Document(relative(file)))
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


def bundle(file: Path) -> int:
    """Print the document as JSON, as the service publishes it."""
    content = Document(relative(file)).content
    print(json.dumps(content, indent=1, ensure_ascii=False))
    return 0


def diff(base: str | Path, revision: Path, form: str = Format.TEXT) -> int:
    """Name every change since `base` that breaks clients.

    `base` is a file, or `git:REV` for the document as it was in that revision of the repository.
    """
    older, newer = base_document(str(base), revision), Document(relative(revision))
    found = breaking.breaking(older, newer)
    print_all(found, Format(form))
    said = f"{counted(len(found), 'breaking change')} since {base}." if found else "Nothing breaks."
    print(said, file=sys.stderr)
    return 1 if found else 0


def base_document(base: str, file: Path) -> Document:
    scheme, separator, revision = base.partition(":")
    if scheme == "git" and separator:
        return Document(Path(f"{revision}:{file.name}"), at_revision(file, revision))
    return Document(relative(Path(base)))


def at_revision(file: Path, revision: str) -> str:
    """The document as git has it. Raises Misconfigured."""
    folder = str(file.absolute().parent)
    command = ["git", "-C", folder, "show", "--end-of-options", f"{revision}:./{file.name}"]
    try:
        shown = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Misconfigured("git is not installed: name a file instead of a revision.") from None
    if shown.returncode:
        reason = shown.stderr.strip().splitlines()[0].removeprefix("fatal: ")
        raise Misconfigured(
            f"git has no {file.name} at `{revision}` ({reason}):"
            " name a revision that has one, or fetch it."
        )
    return shown.stdout


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def relative(path: Path) -> Path:
    """The path as the caller would write it."""
    path, here = path.absolute(), Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
