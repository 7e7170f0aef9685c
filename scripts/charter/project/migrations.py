"""The work of `charter migrate`: the project's own Alembic, with a database made ready for it."""

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from charter.errors import Misconfigured, Refusal
from charter.postgres import Address
from charter.postgres.databases import scratch
from charter.project import Project, start
from charter.project.environment import database, exported


class MigrationError(Refusal):
    """The schema can't be brought to where it was asked for; the message says why."""


BASE_REVISIONS = re.compile(r"base|-\d+")
NEW = '`charter migrate --new "what changes"` writes the migration.'


def migrate(revision: str = "head", *, down: bool = False) -> int:
    """Bring the schema to a revision: forwards, or backwards where `down` says so."""
    if BASE_REVISIONS.fullmatch(revision) and not down:
        raise MigrationError(
            f"Going back to {revision} drops what came since, data included. Add --down if that is"
            " meant."
        )
    with database() as address:
        steps = alembic("downgrade" if down else "upgrade", revision)
    print(steps or "There is nothing to do.\n", end="")
    after = "`charter migrate` brings it to head again" if down else "`charter serve` serves it"
    print(f"The schema of {address.name} is at {revision}; {after}.")
    return 0


def check() -> int:
    """1 where a migration is pending."""
    with database():
        is_newest = "(head)" in alembic("current")
    pending = "A migration is pending: `charter migrate` runs it."
    print("The schema is at the newest revision." if is_newest else pending)
    return 0 if is_newest else 1


def compare() -> int:
    """1 where a model has changed and no migration says so."""
    with database(testing=True) as server, migrated_scratch(server):
        try:
            alembic("check")
        except MigrationError as error:
            print(error, NEW)
            return 1
    print("The models and the migrations agree.")
    return 0


def add(project: Project, message: str) -> int:
    """Write the migration from the newest one to the models, where they differ."""
    versions = project.root / "alembic" / "versions"
    before = set(versions.glob("*.py"))
    number = f"{len(before) + 1:04}"
    with database(testing=True) as server, migrated_scratch(server):
        alembic("revision", "--autogenerate", "--message", message, "--rev-id", number)
    for path in set(versions.glob("*.py")) - before:
        tidy(path)
        print(f"+ {path.relative_to(project.root)}")
        print("Read it first; then `charter migrate` runs it, and so does `charter serve`.")
        return 0
    print("The models and the migrations agree: there is nothing to write.")
    return 0


@contextlib.contextmanager
def migrated_scratch(server: Address) -> Iterator[None]:
    """A scratch database with every migration, in the environment of the programs we start."""
    with scratch(server) as address, exported(address.environment()):
        try:
            alembic("upgrade", "head")
        except MigrationError as error:
            raise Misconfigured(f"The migrations don't run on an empty database. {error}") from None
        yield


def tidy(path: Path) -> None:
    """Without Alembic's remarks, and formatted like the rest."""
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.strip().startswith("# ###")))
    for arguments in (["format"], ["check", "--fix-only"]):
        subprocess.run([sys.executable, "-m", "ruff", *arguments, "--quiet", path], check=False)


def alembic(*arguments: str) -> str:
    """What the project's Alembic prints. Raises MigrationError with the reason that it names."""
    command = start.command("alembic", *arguments)
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        said = done.stdout + done.stderr
        named = re.search(r"^\s*(?:FAILED|charter): (.+)", said, re.MULTILINE)
        print(said[: named.start()] if named else said, end="")
        reason = named[1] if named else "Alembic failed; the reason stands above."
        if reason.startswith("Can't locate revision"):
            reason += ": `charter run alembic history` lists those that there are."
        if reason.startswith("Path doesn't exist"):  # Alembic would have us begin anew
            reason = "The folder alembic is missing: restore it, as by `git restore alembic`."
        raise MigrationError(reason)
    return done.stdout
