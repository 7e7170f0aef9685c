"""`charter generate`: writes `generated/` anew, checks that it is up to date, and loses no edit."""

import difflib
import hashlib
import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from charter.document.revisions import relative
from charter.errors import Refusal
from charter.generate.generator import (
    FORMATTING,
    READING,
    WRITING,
    Files,
    generate,
    generators,
)
from charter.progress import Steps

COPY = "openapi.json"
MANIFEST = "manifest.json"
STEPS = {READING: 0.5, WRITING: 1.0, FORMATTING: 0.5}
"""With the seconds that they take."""
IGNORED = ("__pycache__", ".mypy_cache", ".ruff_cache")


def run(
    *,
    document: Path,
    out: Path,
    check: bool = False,
    force: bool = False,
    overlays: Sequence[Path] = (),
) -> int:
    """The exit code: 0 when all is well, 1 when something has to be corrected.

    Raises DocumentError and NoDocument.
    """
    overlays = [relative(overlay) for overlay in overlays]
    with Steps(STEPS, names_steps=False) as steps:
        files = generate(relative(document), overlays=overlays, begin=steps.begin)
    files[MANIFEST] = manifest(files, overlays)
    return report_drift(files, out) if check else write(files, out, force)


def write(files: Files, out: Path, force: bool) -> int:
    """Replace what changed, unless somebody has edited the folder by hand.

    Raises Refusal where the folder can't be written; it is as it was then.
    """
    current = existing(out)
    edited = edited_by_hand(current, files)
    if edited and not force:
        print(f"charter: {refusal(edited, current, files, out)}", file=sys.stderr)
        return 1
    if edited:
        print(f"The edited files are kept in {relative(keep(edited, out))}.")
    if current == files:
        print(f"{relative(out)} is up to date.")
        return 0
    try:
        replace(files, out)
    except OSError as error:
        raise Refusal(
            f"{relative(out)} can't be written ({error.strerror or error}), and is as it was:"
            " correct that, and generate again."
        ) from error
    changed = sorted(name for name in files if current.get(name) != files[name])
    gone = sorted(current.keys() - files.keys())
    for name in [*changed, *gone]:
        print(f"{'-' if name in gone else '+'} {relative(out)}/{name}")
    return 0


def report_drift(files: Files, out: Path) -> int:
    """A diff from what is there to what should be there, and how to mend it."""
    current = existing(out)
    if current == files:
        return 0
    for name in sorted(current.keys() | files.keys()):
        if current.get(name) != files.get(name) and name != MANIFEST:
            there = current.get(name, "").splitlines(keepends=True)
            wanted = files.get(name, "").splitlines(keepends=True)
            path = f"{relative(out)}/{name}"
            sys.stdout.writelines(difflib.unified_diff(there, wanted, path, f"{path} (generated)"))
    print(
        f"charter: {relative(out)} is not what the document says. Run `charter generate`.",
        file=sys.stderr,
    )
    return 1


def manifest(files: Files, overlays: Sequence[Path]) -> str:
    """What was written, by what and with what, so that an edit by hand is recognised."""
    digests = {name: digest(content) for name, content in files.items()}
    made_with = {"overlays": [overlay.as_posix() for overlay in overlays]} if overlays else {}
    return json.dumps({"generators": generators(), **made_with, "files": digests}) + "\n"


def edited_by_hand(current: Files, files: Files) -> list[str]:
    """The files that are neither as they were written nor as they will be.

    Without a manifest that can be read, those are all that would change.
    """
    try:
        written = dict(json.loads(current[MANIFEST])["files"])
    except (ValueError, KeyError, TypeError):
        written = {}
    names = sorted(current.keys() - {MANIFEST})
    return [
        name
        for name in names
        # the second is so where a run was killed between two files
        if digest(current[name]) != written.get(name) and current[name] != files.get(name)
    ]


def refusal(edited: list[str], current: Files, files: Files, out: Path) -> str:
    """Where the first edit stands, and what to do about it."""
    name = edited[0]
    place = f"{relative(out)}/{name}"
    if current.get(COPY) == files[COPY]:  # or a difference may be the document's
        place += f":{first_difference(current[name], files.get(name, ''))}"
    others = f" (and {len(edited) - 1} more)" if len(edited) > 1 else ""
    return (
        f"{place} was edited by hand{others}, and nothing was written."
        " Move the edit to impl/ or to the document;"
        " `charter generate --force` writes the folder anew and keeps a copy of the edited files."
    )


def first_difference(there: str, wanted: str) -> int:
    pairs = zip(there.splitlines(), wanted.splitlines(), strict=False)
    same = 0
    for ours, theirs in pairs:
        if ours != theirs:
            break
        same += 1
    return same + 1


def keep(edited: list[str], out: Path) -> Path:
    """Copy the edited files beside the folder, where nothing overwrites them."""
    kept = out.parent / ".data" / f"edited-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    for name in edited:
        target = kept / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(out / name, target)
    return kept


def replace(files: Files, out: Path) -> None:
    """Exchange the files that changed, one by one; the folder stays, for those who watch it.

    Everything is written beside the folder first, so that a full disk changes nothing, and what
    was exchanged before a failure is put back.
    """
    before = existing(out)
    changed = [name for name, content in files.items() if before.get(name) != content]
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as folder:
        fresh, old = Path(folder) / "fresh", Path(folder) / "old"
        put({name: files[name] for name in changed}, fresh)
        put(before, old)
        try:
            exchange(changed, [name for name in before if name not in files], fresh, out)
        except BaseException:
            there = existing(out)
            exchanged = [name for name in before if there.get(name) != before[name]]
            exchange(exchanged, there.keys() - before.keys(), old, out)
            raise


def put(files: Files, folder: Path) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


def exchange(names: Iterable[str], gone: Iterable[str], source: Path, target: Path) -> None:
    for name in names:
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (source / name).replace(path)
        forget(path)
    for name in gone:
        path = target / name
        path.unlink(missing_ok=True)
        forget(path)
        remove_empty(path.parent, target)


def forget(path: Path) -> None:
    """Python takes a file of the same size and second for the one that it has compiled."""
    for compiled in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
        compiled.unlink(missing_ok=True)


def remove_empty(folder: Path, root: Path) -> None:
    """A folder of which nothing but what Python compiled is left."""
    if folder != root and all(path.name in IGNORED for path in folder.iterdir()):
        shutil.rmtree(folder)
        remove_empty(folder.parent, root)


def existing(out: Path) -> Files:
    if not out.exists():
        return {}
    paths = (path for path in out.rglob("*") if path.is_file())
    return {
        str(path.relative_to(out)): path.read_text(errors="replace")
        for path in sorted(paths)
        if not set(path.parts) & set(IGNORED)
    }


def digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()
