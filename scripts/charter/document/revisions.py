"""A document as it was: in a file, or in a revision of the repository."""

import io
import subprocess
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path

from charter.document import Document
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
    top, prefix = asked(
        file, revision, "rev-parse", "--show-toplevel", "--show-prefix"
    ).splitlines()
    tree = asked(file, revision, "rev-parse", "--verify", *commit(revision, "tree")).strip()
    names = asked(file, revision, "ls-tree", "-rz", "--name-only", "--full-tree", tree).split("\0")
    inside = Path(prefix, file.name)
    if inside.as_posix() not in names:
        raise absent(file, revision, f"there is no {inside} in it")
    # what no document consists of may be large, and stays where it is
    patterns = [f"*{one}" for one in SUFFIXES if any(name.endswith(one) for name in names)]
    wanted = [f":(literal){inside.as_posix()}", *patterns]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        archive = git(Path(top), "archive", "--format=tar", tree, "--", *wanted)
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(root, filter="data")
        document = Document(root / inside)
        document.places = {
            tokens: replace(place, file=Path(f"{revision}:{place.file.relative_to(root)}"))
            for tokens, place in document.places.items()
        }
        return document


def is_revision(file: Path, name: str) -> bool:
    try:
        asked(file, name, "rev-parse", "--verify", "--quiet", *commit(name, "commit"))
    except Misconfigured:
        return False
    return True


def commit(name: str, kind: str) -> tuple[str, str]:
    """Arguments by which git takes a name for a revision, whatever it looks like."""
    return "--end-of-options", f"{name}^{{{kind}}}"


def asked(file: Path, revision: str, *arguments: str) -> str:
    """What git says in the folder of a file about a revision. Raises Misconfigured."""
    try:
        return git(file.absolute().parent, *arguments).decode(errors="surrogateescape")
    except FileNotFoundError:
        raise Misconfigured("git is not installed: name a file instead of a revision.") from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().splitlines() or ["no such commit"]
        raise absent(file, revision, said[0].removeprefix("fatal: ")) from None


def git(folder: Path, *arguments: str) -> bytes:
    """What git says. Raises CalledProcessError, and FileNotFoundError without git."""
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, check=True).stdout


def absent(file: Path, revision: str, reason: str) -> Misconfigured:
    return Misconfigured(
        f"git has no {file.name} at `{revision}` ({reason}):"
        " name a revision that has one, or fetch it."
    )


def relative(path: Path) -> Path:
    """The path as the caller would write it."""
    path, here = path.absolute(), Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
