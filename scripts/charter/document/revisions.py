"""A document as it was: in a file, or in a revision of the repository."""

import io
import subprocess
import tarfile
import tempfile
from pathlib import Path

from charter.document import Document, Place
from charter.document.source import NoDocument
from charter.errors import Misconfigured

SUFFIXES = (".json", ".yaml", ".yml")
"""Of the files that a document may consist of."""


def base_document(base: str, file: Path) -> Document:
    """`base` is a file, or a revision (`main`, `git:v1.2`) that has `file` in it.

    Raises Misconfigured where it is neither, and DocumentError.
    """
    scheme, separator, revision = base.partition(":")
    if scheme == "git" and separator:
        return at_revision(file, revision)
    try:
        return Document(relative(Path(base)))
    except NoDocument:
        if Path(base).suffix in SUFFIXES:
            raise
        if not is_revision(file, base):
            raise Misconfigured(
                f"{base} is neither a file nor a revision that git has of {relative(file)}: name"
                " one of them, such as `git:HEAD`."
            ) from None
    return at_revision(file, base)


def at_revision(file: Path, revision: str) -> Document:
    """The document and all files that it refers to, as git has them. Raises Misconfigured."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        inside = Path(git(file, revision, "rev-parse", "--show-prefix").decode().strip(), file.name)
        top = Path(git(file, revision, "rev-parse", "--show-toplevel").decode().strip())
        archive = git(file, revision, "-C", str(top), "archive", "--format=tar", revision)
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            for member in files:
                if member.isfile() and member.name.endswith(SUFFIXES):
                    files.extract(member, root, filter="data")
        if not (root / inside).is_file():
            raise absent(file, revision, f"there is no {inside} in it")
        document = Document(root / inside)
        document.places = {
            tokens: Place(
                Path(f"{revision}:{place.file.relative_to(root)}"), place.line, place.column
            )
            for tokens, place in document.places.items()
        }
        return document


def is_revision(file: Path, name: str) -> bool:
    try:
        git(
            file, name, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"
        )
    except Misconfigured:
        return False
    return True


def git(file: Path, revision: str, *arguments: str) -> bytes:
    command = ["git", "-C", str(file.absolute().parent), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except FileNotFoundError:
        raise Misconfigured("git is not installed: name a file instead of a revision.") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["no such commit"]
        raise absent(file, revision, said[0].removeprefix("fatal: "))
    return done.stdout


def absent(file: Path, revision: str, reason: str) -> Misconfigured:
    return Misconfigured(
        f"git has no {file.name} at `{revision}` ({reason}):"
        " name a revision that has one, or fetch it."
    )


def relative(path: Path) -> Path:
    """The path as the caller would write it."""
    path, here = path.absolute(), Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
