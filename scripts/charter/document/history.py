"""The document as it was in the last commit."""

import io
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from charter.document import Document, DocumentError

SUFFIXES = ("*.yaml", "*.yml", "*.json")


@dataclass(frozen=True)
class Committed:
    """What changes are compared with."""

    words: str
    """For people: which commit it is, or why there is none."""
    document: Document | None = None


def committed(file: Path) -> Committed:
    """The document that HEAD has, of one file or many."""
    folder, name = file.absolute().parent, file.name
    try:
        revision = git(folder, "rev-parse", "--short", "HEAD").decode().strip()
    except FileNotFoundError:
        return Committed("git is not installed: changes are not shown.")
    except subprocess.CalledProcessError:
        return Committed("There is no commit yet: changes are not shown.")
    try:
        text = git(folder, "show", f"HEAD:./{name}")
    except subprocess.CalledProcessError:
        return Committed(f"The last commit ({revision}) does not have it: changes are not shown.")
    try:
        document = of_one_file(name, text) or of_many(folder, name)
    except DocumentError as error:
        return Committed(f"The last commit ({revision}) has it broken: {error}")
    return Committed(f"Compared with the last commit, {revision}.", document)


def of_one_file(name: str, text: bytes) -> Document | None:
    """None where it refers to other files."""
    with TemporaryDirectory() as empty:
        file = Path(empty) / name
        file.write_bytes(text)
        try:
            return Document(file)
        except DocumentError:
            return None


def of_many(folder: Path, name: str) -> Document:
    """Raises DocumentError."""
    archive = git(folder, "archive", "--format=tar", "HEAD", "--", *SUFFIXES)
    with TemporaryDirectory() as copy:
        with tarfile.open(fileobj=io.BytesIO(archive)) as content:
            content.extractall(copy, filter="data")
        return Document(Path(copy) / name)


def git(folder: Path, *arguments: str) -> bytes:
    """What git says. Raises CalledProcessError, and FileNotFoundError without git."""
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, check=True).stdout


def head(file: Path) -> list[Path]:
    """The files that change when something is committed or checked out."""
    try:
        where = git(file.absolute().parent, "rev-parse", "--absolute-git-dir")
    except (FileNotFoundError, subprocess.CalledProcessError):
        return []
    folder = Path(where.decode().strip())
    return [folder / "HEAD", folder / "logs" / "HEAD"]
