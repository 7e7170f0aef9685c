"""The document as it was in the last commit."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from charter.document import Document, DocumentError
from charter.document.revisions import at_revision, git
from charter.errors import Misconfigured


@dataclass(frozen=True)
class Committed:
    """What changes are compared with."""

    words: str
    """For people: which commit it is, or why there is none."""
    document: Document | None = None


def committed(file: Path, overlays: Sequence[Path] = ()) -> Committed:
    """The document that HEAD has, of one file or many, with overlays."""
    try:
        revision = git(file.absolute().parent, "rev-parse", "--short", "HEAD").decode().strip()
    except FileNotFoundError:
        return Committed("git is not installed: changes are not shown.")
    except subprocess.CalledProcessError:
        return Committed("There is no commit yet: changes are not shown.")
    try:
        document = at_revision(file, "HEAD", overlays)
    except Misconfigured:
        return Committed(f"The last commit ({revision}) does not have it: changes are not shown.")
    except DocumentError as error:
        return Committed(f"The last commit ({revision}) has it broken: {error}")
    return Committed(f"Compared with the last commit, {revision}.", document)


def head(file: Path) -> list[Path]:
    """The files that change when something is committed or checked out."""
    try:
        where = git(file.absolute().parent, "rev-parse", "--absolute-git-dir")
    except (FileNotFoundError, subprocess.CalledProcessError):
        return []
    folder = Path(where.decode().strip())
    return [folder / "HEAD", folder / "logs" / "HEAD"]
