"""A document as it was: in a file, or in a revision of the repository."""

import io
import os
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from charter.document import Document, Place
from charter.document.source import NoDocument
from charter.errors import Misconfigured

SUFFIXES = (".json", ".yaml", ".yml")
"""Of the files that a document may consist of."""


def base_document(base: str, file: Path, overlays: Sequence[Path] = ()) -> Document:
    """`base` is a file, or a revision (`main`, `git:v1.2`) that has `file` in it; with overlays.

    Raises Misconfigured where it is neither, and DocumentError.
    """
    scheme, separator, revision = base.partition(":")
    if scheme == "git" and separator:
        return at_revision(file, revision, overlays)
    try:
        return Document(relative(Path(base)), overlays=overlays)
    except NoDocument:
        if Path(base).suffix in SUFFIXES:
            raise
        if not is_revision(file, base):
            raise Misconfigured(
                f"{base} is neither a file nor a revision that git has of {relative(file)}: name"
                " one of them, such as `git:HEAD`."
            ) from None
    return at_revision(file, base, overlays)


def at_revision(file: Path, revision: str, overlays: Sequence[Path] = ()) -> Document:
    """The document, all files that it refers to, and overlays, as git has them.

    An overlay that the revision does not have is taken as it is now: what is new is a view of the
    document, which changed nothing. Raises Misconfigured.
    """
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
    old = {overlay: inside_of(Path(top), overlay) for overlay in overlays}
    old = {overlay: path for overlay, path in old.items() if path in names}
    literal = [inside.as_posix(), *old.values()]
    wanted = [*(f":(literal){path}" for path in literal), *patterns]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        archive = git(Path(top), "archive", "--format=tar", tree, "--", *wanted)
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(root, filter="data")
        views = [root / old[overlay] if overlay in old else overlay for overlay in overlays]
        document = Document(root / inside, overlays=views)
        document.places = {
            tokens: in_revision(place, root, revision) for tokens, place in document.places.items()
        }
        return document


def inside_of(top: Path, file: Path) -> str:
    """The path of a file in a repository; where it is outside, that is of no file in it."""
    return Path(os.path.relpath(file.resolve(), top.resolve())).as_posix()


def in_revision(place: Place, root: Path, revision: str) -> Place:
    if not place.file.is_relative_to(root):
        return place
    return replace(place, file=Path(f"{revision}:{place.file.relative_to(root)}"))


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
