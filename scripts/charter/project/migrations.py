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
from charter.project import Project
from charter.project.environment import database, exported


class MigrationError(Refusal):
    """The schema can't be brought to where it was asked for; the message says why."""


BASE_REVISIONS = re.compile(r"base|-\d+")


def migrate(revision: str = "head", *, down: bool = False) -> int:
    """Bring the schema to a revision: forwards, or backwards where `down` says so."""
    if BASE_REVISIONS.fullmatch(revision) and not down:
        raise MigrationError(
            f"Going back to {revision} drops what came since, data included. Add --down if that is"
            " meant."
        )
    with database():
        return alembic("downgrade" if down else "upgrade", revision)


def check() -> int:
    """1 where a migration is pending."""
    with database():
        code = alembic("current", "--check-heads")
    print("A migration is pending." if code else "The schema is at the newest revision.")
    return code


def compare() -> int:
    """1 where a model has changed and no migration says so."""
    with database(testing=True) as server, migrated_scratch(server):
        try:
            code = alembic("check")
        except MigrationError as error:
            code = 1
            print(error)
    if code:
        print('The models and the migrations differ: run `charter migrate --new "what changes"`.')
    return 1 if code else 0


def add(project: Project, message: str) -> int:
    """Write the migration from the newest one to the models, where they differ."""
    versions = project.root / "alembic" / "versions"
    before = set(versions.glob("*.py"))
    number = f"{len(before) + 1:04}"
    with database(testing=True) as server, migrated_scratch(server):
        code = alembic("revision", "--autogenerate", "--message", message, "--rev-id", number)
    if code:
        return code
    for path in sorted(set(versions.glob("*.py")) - before):
        tidy(path)
        print(f"{path.relative_to(project.root)} is written: read it before you run it.")
        return 0
    print("The models and the migrations agree: there is nothing to write.")
    return 0


@contextlib.contextmanager
def migrated_scratch(server: Address) -> Iterator[None]:
    """A scratch database with every migration, in the environment of the programs we start."""
    with scratch(server) as address, exported(address.environment()):
        if alembic("upgrade", "head"):
            raise Misconfigured("The migrations don't run on an empty database; see above.")
        yield


def tidy(path: Path) -> None:
    """Without Alembic's remarks, and formatted like the rest."""
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.strip().startswith("# ###")))
    for arguments in (["format"], ["check", "--fix-only"]):
        subprocess.run([sys.executable, "-m", "ruff", *arguments, "--quiet", path], check=False)


def alembic(*arguments: str) -> int:
    """The exit code of the project's Alembic. Raises MigrationError with its own words."""
    done = subprocess.run(
        [sys.executable, "-m", "alembic", *arguments], check=False, capture_output=True, text=True
    )
    said = done.stdout + done.stderr
    if done.returncode and (failed := re.search(r"FAILED: (.*)", said)):
        raise MigrationError(failed[1].strip())
    print(said, end="")
    return done.returncode
