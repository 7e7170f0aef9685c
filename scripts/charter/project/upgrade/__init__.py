"""`charter upgrade`: brings a project to another version of Charter, and keeps every edit.

The old and the new version are unpacked beside each other and asked for the project that they would
make of the recorded answers; what differs between the two is merged into a copy of the team's
files. Nothing is committed, and until the copy is whole the project stays as it was.
"""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.version import InvalidVersion, Version

from charter.document import Document
from charter.errors import Misconfigured, Refusal
from charter.project import SETTINGS, Project
from charter.project.template.locks import WHEELS
from charter.project.upgrade import document
from charter.project.upgrade.locks import merged_lock
from charter.project.upgrade.releases import Release, Rendering, Wheel, chosen, made_with
from charter.project.upgrade.stage import BASE, MARK, OURS, THEIRS, Stage, tracked

LOCKS = "requirements"
MIGRATIONS = "alembic/versions"

NEXT = """
Next: review `git diff`, run ./scripts/test (it installs the new version) and commit."""
NEXT_AFTER_CONFLICTS = """
Next: resolve them (`git diff --check` finds the marks), run ./scripts/test and commit."""


@dataclass
class Report:
    """What an upgrade has to say at its end."""

    conflicts: list[str] = field(default_factory=list)
    """What somebody has to resolve."""
    notes: list[str] = field(default_factory=list)
    """What was decided for the team's files."""


def run(asked: str | None, here: Path) -> int:
    """The exit code: 0 when all is merged or there is nothing to do, 1 when conflicts are left.

    Raises Refusal where the project can't be upgraded, and leaves it as it was.
    """
    project = Project.find(here)
    pinned = recorded_version(project)
    wheel = chosen(asked, project.root, here, pinned)
    if wheel.version == pinned:
        print(f"The project is made with Charter {pinned} already; there is nothing to do.")
        return 0
    if wheel.version < pinned:
        raise Refusal(
            f"The project is made with Charter {pinned}, and {wheel.version} is older:"
            " upgrades only lead to newer versions; `git revert` takes one back."
        )
    paths = tracked(project.root)
    try:
        with TemporaryDirectory(prefix="charter-upgrade-") as folder:
            report = upgrade(project, made_with(pinned, project.root), wheel, paths, Path(folder))
    except OSError as error:
        raise Refusal(
            f"{error.filename or project.root} can't be used ({error.strerror or error}); the"
            " project is as it was."
        ) from error
    show(report, pinned, wheel.version)
    return 1 if report.conflicts else 0


def recorded_version(project: Project) -> Version:
    """Raises Misconfigured where `charter init` recorded nothing that can be read."""
    try:
        return Version(project.pin or "")
    except InvalidVersion as error:
        raise Misconfigured(
            f"{project.root / SETTINGS} records no version in [tool.charter.project]: `charter"
            " upgrade` works on a project of `charter init`, whose first commit has that table."
        ) from error


def upgrade(project: Project, old: Wheel, new: Wheel, paths: list[str], folder: Path) -> Report:
    """Work the upgrade out in a folder, then put it into the project."""
    stage = Stage(folder, project.root, {*paths, *written_by_charter(project)})
    copy = Project.at(stage.root, project.table)
    content = Document(project.document, overlays=project.overlays).content
    recorded = project.table["project"]
    say(f"Reading the template of {old.version}")
    before = Release(old, folder / "old").rendering(recorded, content, None)
    say(f"Reading the template of {new.version}")
    newer = Release(new, folder / "new")
    after = newer.rendering(recorded, content, before.part)

    report = Report()
    labels = called(old), called(new)
    for settings in (before.files / SETTINGS, stage.root / SETTINGS):
        move_pins(settings, old.version, new.version)
    exchange_wheel(stage.root, old, new)
    report.conflicts += merge_locks(stage.root, before, after, labels)
    report.conflicts += merge_document(copy, before, after)
    say(f"Writing generated/ with {new.version}")
    newer.generate(stage.root)
    say("Merging the two templates' difference into your files")
    stage.merge(before.files, after.files, labels)
    for path, where in stage.unmerged().items():
        settle(stage, path, where, report)
    report.notes += new_migrations(before, after)
    stage.install()
    return report


def written_by_charter(project: Project) -> Iterator[str]:
    """The files that an upgrade may replace even where git ignores them."""
    wheels = (project.root / WHEELS).glob("charter-*.whl")
    for path in (*project.generated.rglob("*"), *wheels):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(project.root).as_posix()


def called(wheel: Wheel) -> str:
    """What a side of a conflict is called."""
    return f"charter {wheel.version}"


def say(step: str) -> None:
    print(f"{step} ...", flush=True)


# -- the pin, the wheel and the locks -------------------------------------------------------------


def move_pins(file: Path, old: Version, new: Version) -> None:
    """In both templates and in the team's file alike, so that edits beside them never conflict.

    Raises Refusal where the recorded version has no line of its own.
    """
    pin = rf"(\bcharter(?:\[[\w, -]*\])?==){re.escape(str(old))}(?![\w.])"
    recorded = r'(?m)(^\[tool\.charter\.project\].*\n(?:(?!\[).*\n)*?version *= *)"[^"\n]*"'
    text = re.sub(pin, rf"\g<1>{new}", file.read_text())
    text = re.sub(recorded, rf'\g<1>"{new}"', text)
    if tomllib.loads(text)["tool"]["charter"]["project"]["version"] != str(new):
        raise Refusal(
            f'{SETTINGS} must record the version in a line `version = "{old}"` below the line'
            " `[tool.charter.project]`."
        )
    file.write_text(text)


def exchange_wheel(root: Path, old: Wheel, new: Wheel) -> None:
    (root / WHEELS).mkdir(exist_ok=True)
    (root / WHEELS / old.name).unlink(missing_ok=True)
    (root / WHEELS / new.name).write_bytes(new.content)


def merge_locks(
    root: Path, before: Rendering, after: Rendering, labels: tuple[str, str]
) -> Iterator[str]:
    """Yields the conflicts; takes the locks out of the templates, whose lines git would mix."""
    for lock in sorted((after.files / LOCKS).glob("*.txt")):
        older, path = before.files / LOCKS / lock.name, f"{LOCKS}/{lock.name}"
        if older.exists() and (root / path).exists():
            text, is_clean = merged_lock(
                older.read_text(), (root / path).read_text(), lock.read_text(), labels
            )
            (root / path).write_text(text)
            if not is_clean:
                yield marked(root, path)
            older.unlink()
            lock.unlink()


# -- the document and the other files -------------------------------------------------------------


def merge_document(project: Project, before: Rendering, after: Rendering) -> Iterator[str]:
    """Yields the changes that the document does not take."""
    text, left = document.upgraded(project.document, before.members, after.members)
    if text.encode() != project.document.read_bytes():
        project.document.write_bytes(text.encode())
    for change in left:
        lines = "".join(f"      {line}\n" for line in change.diff().splitlines())
        yield (
            f"{project.document.relative_to(project.root)}: `{change}` is as you have it; make this"
            f" change by hand, then `charter generate`:\n{lines.rstrip()}"
        )


def settle(stage: Stage, path: str, where: set[int], report: Report) -> None:
    """Decide for a path that git does not merge by itself."""
    if where == {BASE, THEIRS}:
        (stage.root / path).unlink(missing_ok=True)
        report.notes.append(f"{path}: you deleted it and Charter changed it; it stays deleted.")
    elif where == {BASE, OURS}:
        report.notes.append(f"{path}: Charter deleted it and you changed it; yours stays.")
    elif where != {BASE}:
        report.conflicts.append(marked(stage.root, path))


def new_migrations(before: Rendering, after: Rendering) -> Iterator[str]:
    """What to do about migrations that both may have put behind the same one."""
    older, newer = (
        {file.name for file in (at.files / MIGRATIONS).iterdir()} for at in (before, after)
    )
    for name in sorted(newer - older):
        yield (
            f"{MIGRATIONS}/{name}: a new migration. If you have migrations of your own,"
            " `alembic merge heads` puts both in line."
        )


def marked(root: Path, path: str) -> str:
    """Where a conflict is, and what to do about it."""
    lines = (root / path).read_bytes().splitlines()
    numbers = [number for number, line in enumerate(lines, 1) if line.startswith(MARK)]
    if numbers:
        return f"{path}:{numbers[0]}: {len(numbers)} marked; choose, and delete the marks."
    return f"{path}: you and Charter both changed it, and it can't be merged by lines; yours stays."


def show(report: Report, old: Version, new: Version) -> None:
    print(f"\nThe project is now made with Charter {new}, before with {old}. Nothing is committed.")
    if report.notes:
        print("\nDecided for you:", *report.notes, sep="\n  ")
    if report.conflicts:
        print("\nConflicts for you to resolve:", *report.conflicts, sep="\n  ")
    print(NEXT_AFTER_CONFLICTS if report.conflicts else NEXT)
