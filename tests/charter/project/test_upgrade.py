"""`charter upgrade`: a project of this version, edited in many places, and a build of the next."""

import gzip
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml
from packaging.version import Version

import charter
from charter.document import Document
from charter.errors import Refusal
from charter.project import upgrade
from charter.project.init.accounts import accounts, accounts_again
from charter.project.template import Answers
from charter.project.upgrade import document, releases
from charter.project.upgrade.document import Member
from charter.project.upgrade.locks import merged_lock
from charter.project.wheel import packed
from tests.charter.command_line import charter_in
from tests.data import DOCUMENT, ROOT

LIBRARY = Path(__file__).with_name("library.yaml")
NOW, NEXT = charter.__version__, "99.0"
TEMPLATES = Path("scripts/charter/project/template/files")
BUILT_FROM = ("scripts/charter", "pyproject.toml", "README.md")
UNWANTED = shutil.ignore_patterns("__pycache__")

OPERATION = """\
  /special-events/{eventId}/speakers:
    parameters:
      - $ref: "#/components/parameters/EventId"
    get:
      summary: Who speaks at an event
      operationId: listSpeakers
      tags:
        - Events
      responses:
        '204':
          description: Nobody is named.
"""
UNAUTHENTICATED = "The access token is missing, malformed, expired or revoked."


# -- the next version -----------------------------------------------------------------------------


class Source:
    """A folder whose files are edited, each edit checked to be one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def replace(self, path: str | Path, old: str, new: str) -> None:
        file = self.folder / path
        text = file.read_text()
        assert old in text, f"{path} has no {old!r}"
        file.write_text(text.replace(old, new, 1))

    def first_line(self, path: str, line: str) -> None:
        rows = (self.folder / path).read_text().splitlines(keepends=True)
        (self.folder / path).write_text("".join([f"{line}\n", *rows[1:]]))

    def append(self, path: str, text: str) -> None:
        with (self.folder / path).open("a") as file:
            file.write(text)

    def read(self, path: str) -> str:
        return (self.folder / path).read_text()


def change(charter: Source) -> None:
    """What the next version has otherwise."""
    charter.replace("scripts/charter/__init__.py", f'"{NOW}"', f'"{NEXT}"')
    charter.first_line("impl/core/links.py", '"""Links, as the next version writes them."""')
    charter.first_line("impl/core/passwords.py", '"""Passwords, said anew by Charter.')
    charter.first_line("impl/db/base.py", '"""The base, said anew by Charter."""')
    charter.first_line("impl/db/pages.py", '"""Pages, said anew by Charter."""')
    charter.first_line("impl/models/users.py", '"""Users, said anew by Charter."""')
    (charter.folder / "impl/db/explain").mkdir()
    (charter.folder / "impl/db/explain/__init__.py").write_text('"""New."""\n')
    migration = charter.read("alembic/versions/0001_accounts.py")
    (charter.folder / "alembic/versions/0009_new.py").write_text(migration)
    entry = '"{0}0001_accounts.py" = "charter/project/template/verbatim/{0}0001_accounts.py"\n'
    included = entry.format("alembic/versions/")
    both = included + included.replace("0001_accounts", "0009_new")
    charter.replace("pyproject.toml", included, both)
    (charter.folder / "tests/accounts/test_health.py").unlink()
    (charter.folder / "tests/accounts/test_permissions.py").unlink()
    charter.replace(TEMPLATES / "README.md.jinja2", "## How to go on", "## What comes next")
    charter.replace(TEMPLATES / "Dockerfile.jinja2", "EXPOSE 8000", "EXPOSE 8000/tcp")
    charter.replace(".env.example", "#PORT=8000", "#PORT=8000 # or another")
    words = charter.folder / "impl/core/common-passwords.txt.gz"
    words.write_bytes(gzip.compress(b"charter\n"))
    charter.replace("openapi/openapi.yaml", "summary: Log in.", "summary: Log in, anew.")
    charter.replace("openapi/openapi.yaml", UNAUTHENTICATED, "Charter says no.")
    for lock in ("dev", "project", "runtime"):
        charter.replace(f"requirements/{lock}.txt", "alembic==1.20.1", "alembic==1.20.2")


def copy_of_charter(folder: Path) -> Source:
    """What a wheel is built from."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    included = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    for path in dict.fromkeys([*BUILT_FROM, *included]):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / path).is_dir():
            shutil.copytree(ROOT / path, target, ignore=UNWANTED, dirs_exist_ok=True)
        else:
            shutil.copy2(ROOT / path, target)
    return Source(folder)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = copy_of_charter(tmp_path_factory.mktemp("charter"))
    change(source)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist"]
    subprocess.run(command, cwd=source.folder, check=True, capture_output=True)
    return source.folder / "dist" / f"charter-{NEXT}-py3-none-any.whl"


# -- the team's edits -----------------------------------------------------------------------------


def edit(team: Source) -> None:
    """What a team does to its project."""
    (team.folder / "impl/services/events.py").write_text('"""Ours."""\n')
    team.append("impl/core/links.py", "\n\nOURS = 1\n")
    team.first_line("impl/core/passwords.py", '"""Passwords, said anew by the team.')
    (team.folder / "impl/db/base.py").unlink()
    git(team.folder, "mv", "impl/db/pages.py", "impl/db/paging.py")
    team.append("tests/accounts/test_permissions.py", "\n\nOURS = 1\n")
    team.append("README.md", "\nOurs.\n")
    team.replace("scripts/serve", "# From a", "# Ours: from a")
    (team.folder / "README.md").chmod(0o755)
    team.append(".env.example", "#STRIPE_KEY=\n")
    team.replace(
        "pyproject.toml",
        f'"charter[service]=={NOW}",\n',
        f'"charter[service]=={NOW}",\n    "stripe>=1",\n',
    )
    lines = team.read("requirements/dev.txt").splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if line.startswith("charter=="))
    lines.insert(at, "chardet==5.0 --hash=sha256:00\n")
    (team.folder / "requirements/dev.txt").write_text("".join(lines))
    words = team.folder / "impl/core/common-passwords.txt.gz"
    words.write_bytes(gzip.compress(b"museum\n"))
    team.replace("openapi/openapi.yaml", "paths:\n", f"paths:\n{OPERATION}")
    team.replace("openapi/openapi.yaml", UNAUTHENTICATED, "The museum says no.")


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=team", "-c", "user.email=team@localhost", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Ours")


@dataclass(frozen=True)
class Upgraded(Source):
    folder: Path
    code: int
    said: str


@pytest.fixture(scope="module")
def upgraded(
    museum_project: Path, wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> Upgraded:
    folder = tmp_path_factory.mktemp("upgraded") / "museum"
    shutil.copytree(museum_project, folder)
    edit(Source(folder))
    with_code = charter_in(folder, "generate")
    assert with_code.returncode == 0, with_code.stderr
    commit(folder)
    done = charter_in(folder / "impl", "upgrade", os.path.relpath(wheel, folder / "impl"))
    return Upgraded(folder, done.returncode, done.stdout + done.stderr)


@pytest.fixture
def project(museum_project: Path, tmp_path: Path) -> Path:
    """One that no test has changed."""
    return shutil.copytree(museum_project, tmp_path / "museum")


Contents = dict[Path, tuple[bytes, int]]


def contents(folder: Path) -> Contents:
    """Of every file but git's: what is in it, and its mode."""
    return {
        path.relative_to(folder): (path.read_bytes(), path.stat().st_mode)
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


def next_version(wheel: Path, unpacked: Path, *arguments: str, within: Path = ROOT) -> None:
    """Run the program of the wheel."""
    with ZipFile(wheel) as archive:
        archive.extractall(unpacked / "code")
    done = subprocess.run(
        [sys.executable, "-P", "-m", "charter", *arguments],
        cwd=within,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(unpacked / "code")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


# -- what an upgrade does -------------------------------------------------------------------------


def test_the_pin_the_wheel_and_the_record_are_of_the_next_version(
    upgraded: Upgraded, wheel: Path
) -> None:
    settings = tomllib.loads(upgraded.read("pyproject.toml"))

    assert f"charter[service]=={NEXT}" in settings["project"]["dependencies"]
    assert f"charter[test]=={NEXT}" in settings["dependency-groups"]["dev"]
    assert settings["tool"]["charter"]["project"]["version"] == NEXT
    (there,) = (upgraded.folder / "wheels").iterdir()
    assert (there.name, there.read_bytes()) == (wheel.name, wheel.read_bytes())


def test_the_locks_have_the_wheel_and_the_packages_of_both(upgraded: Upgraded, wheel: Path) -> None:
    digest = sha256(wheel.read_bytes()).hexdigest()

    for lock in ("dev", "runtime"):
        text = upgraded.read(f"requirements/{lock}.txt")
        assert text.startswith("--find-links ../wheels\n")
        assert f"\ncharter=={NEXT} --hash=sha256:{digest}\n" in text
        assert "\nalembic==1.20.2 --hash" in text
        assert "\nalembic==1.20.1 " not in text
        assert "<<<<" not in text
    assert "\nchardet==5.0 --hash=sha256:00\n" in upgraded.read("requirements/dev.txt")


def test_what_the_template_changed_is_there(upgraded: Upgraded) -> None:
    assert "## What comes next" in upgraded.read("README.md")
    assert "EXPOSE 8000/tcp" in upgraded.read("Dockerfile")
    assert "as the next version writes them" in upgraded.read("impl/core/links.py")
    assert "said anew by Charter" in upgraded.read("impl/models/users.py")
    assert "#PORT=8000 # or another\n" in upgraded.read(".env.example")
    assert upgraded.read("impl/db/explain/__init__.py") == '"""New."""\n'
    assert not (upgraded.folder / "tests/accounts/test_health.py").exists()


def test_a_new_migration_is_there_and_named(upgraded: Upgraded) -> None:
    assert (upgraded.folder / "alembic/versions/0009_new.py").exists()
    assert "alembic/versions/0009_new.py: a new migration" in upgraded.said


def test_what_the_team_changed_is_there(upgraded: Upgraded) -> None:
    assert upgraded.read("impl/services/events.py") == '"""Ours."""\n'
    assert upgraded.read("impl/core/links.py").endswith("\nOURS = 1\n")
    assert upgraded.read("README.md").endswith("\nOurs.\n")
    assert (upgraded.folder / "README.md").stat().st_mode & 0o777 == 0o755
    assert "# Ours: from a fresh clone" in upgraded.read("scripts/serve")
    assert (upgraded.folder / "scripts/serve").stat().st_mode & 0o111
    assert upgraded.read(".env.example").endswith("#STRIPE_KEY=\n")
    assert '"stripe>=1",' in upgraded.read("pyproject.toml")


def test_a_renamed_file_takes_the_change_under_its_new_name(upgraded: Upgraded) -> None:
    assert "said anew by Charter" in upgraded.read("impl/db/paging.py")
    assert not (upgraded.folder / "impl/db/pages.py").exists()


def test_a_deleted_file_stays_deleted_and_a_changed_one_stays(upgraded: Upgraded) -> None:
    assert not (upgraded.folder / "impl/db/base.py").exists()
    assert "impl/db/base.py: you deleted it" in upgraded.said
    assert upgraded.read("tests/accounts/test_permissions.py").endswith("OURS = 1\n")
    assert "tests/accounts/test_permissions.py: Charter deleted it" in upgraded.said


def test_both_changes_of_one_line_are_marked_as_git_marks_them(upgraded: Upgraded) -> None:
    marked = upgraded.read("impl/core/passwords.py")

    assert re.match(
        r'<<<<<<< yours\n"""Passwords, said anew by the team\.\n'
        rf'\|{{7}} charter {NOW}\n"""Passwords: .+\n'
        rf'=======\n"""Passwords, said anew by Charter\.\n>>>>>>> charter {NEXT}\n',
        marked,
    )
    assert "impl/core/passwords.py:1: 1 marked" in upgraded.said
    assert upgraded.code == 1


def test_no_other_file_has_marks(upgraded: Upgraded) -> None:
    names = git(upgraded.folder, "grep", "-l", "^<<<<<<< ").split()

    assert names == ["impl/core/passwords.py"]


def test_of_a_binary_file_the_teams_stays_and_is_named(upgraded: Upgraded) -> None:
    words = upgraded.folder / "impl/core/common-passwords.txt.gz"

    assert gzip.decompress(words.read_bytes()) == b"museum\n"
    assert "impl/core/common-passwords.txt.gz: you and Charter both changed it" in upgraded.said


def test_the_document_has_the_operations_of_the_team_and_the_accounts_of_the_next_version(
    upgraded: Upgraded,
) -> None:
    text = upgraded.read("openapi/openapi.yaml")

    assert f"paths:\n{OPERATION}" in text
    assert "summary: Log in, anew." in text
    assert "summary: Log in.\n" not in text


def test_a_change_that_the_document_cannot_take_is_said_and_not_made(upgraded: Upgraded) -> None:
    text = upgraded.read("openapi/openapi.yaml")

    assert "The museum says no." in text
    assert "Charter says no." not in text
    place = "openapi/openapi.yaml: `components responses Unauthenticated` is as you have it"
    assert place in upgraded.said
    assert "+  description: Charter says no." in upgraded.said


def test_generated_code_is_of_the_next_version_and_of_the_merged_document(
    upgraded: Upgraded, wheel: Path, tmp_path: Path
) -> None:
    next_version(wheel, tmp_path, "generate", "--check", within=upgraded.folder)

    assert f"Generated by charter {NEXT} " in upgraded.read("generated/operations.py")
    assert "def list_speakers(" in upgraded.read("generated/operations.py")


def test_nothing_is_committed_and_nothing_else_is_left_behind(upgraded: Upgraded) -> None:
    changed = git(upgraded.folder, "status", "--porcelain", "--untracked-files=all").splitlines()
    new = {line[3:] for line in changed if line.startswith("??")}

    assert new == {
        "alembic/versions/0009_new.py",
        "impl/db/explain/__init__.py",
        f"wheels/charter-{NEXT}-py3-none-any.whl",
    }
    assert not [line for line in changed if line[0] not in " ?"], "something is staged"
    assert "Next: resolve them" in upgraded.said


def test_a_verb_of_another_version_says_so_once(upgraded: Upgraded) -> None:
    listed = charter_in(upgraded.folder, "--version")
    within_another = charter_in(upgraded.folder, "generate", "--check", CHARTER_WARNED="1")
    alone = charter_in(upgraded.folder, "generate", "--check")

    assert f"charter {NEXT} is pinned by the project in {upgraded.folder}\n" in listed.stdout
    assert listed.stderr.startswith(
        f"charter: This is Charter {NOW}, and the project pins {NEXT}: "
    )
    assert listed.stderr.count("\n") == 1
    assert alone.stderr == listed.stderr + within_another.stderr


def test_a_project_that_nobody_edited_becomes_what_the_next_version_makes(
    library_project: Path, wheel: Path, tmp_path: Path
) -> None:
    project, anew = tmp_path / "library", tmp_path / "anew" / "library"
    shutil.copytree(library_project, project)
    git(project, "clean", "--quiet", "-dffx")
    shutil.copy(wheel, project / "wheels")
    next_version(wheel, tmp_path, "init", str(LIBRARY), str(anew))

    assert upgrade.run(None, project) == 0

    assert without_hashes(contents(project)) == without_hashes(contents(anew))
    commit(project)
    assert upgrade.run(NEXT, project) == 0, "there is nothing to do"
    with pytest.raises(Refusal, match=rf"made with Charter {NEXT}, and {NOW} is older"):
        upgrade.run(NOW, project)


def without_hashes(files: Contents) -> Contents:
    """Without the wheel, which `charter init` packs in another way, and what is derived of it."""
    return {
        path: (re.sub(rb"charter==\S+ --hash=\S+", b"", content), mode)
        for path, (content, mode) in files.items()
        if path.parts[0] != "wheels"
    }


# -- refusals -------------------------------------------------------------------------------------


def refused(project: Path, asked: str | None, reason: str) -> None:
    before = contents(project)
    with pytest.raises(Refusal, match=reason) as refusal:
        upgrade.run(asked, project)
    assert "\n" not in str(refusal.value)
    assert contents(project) == before


def test_the_same_version_is_nothing_to_do(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(project)

    assert upgrade.run(NOW, project) == 0

    assert "nothing to do" in capsys.readouterr().out
    assert contents(project) == before


def untracked(project: Path) -> None:
    (project / "notes.txt").touch()


def edited(project: Path) -> None:
    Source(project).append("README.md", "More.\n")


def without_repository(project: Path) -> None:
    shutil.rmtree(project / ".git")


def without_record(project: Path) -> None:
    Source(project).replace("pyproject.toml", "[tool.charter.project]", "[tool.other]")


def with_half_a_record(project: Path) -> None:
    Source(project).replace("pyproject.toml", 'title = "', 'titel = "')
    commit(project)


def without_document(project: Path) -> None:
    (project / "openapi/openapi.yaml").unlink()
    commit(project)


def with_edited_code(project: Path) -> None:
    Source(project).append("generated/api.py", "\n# by hand\n")
    commit(project)


def with_a_file_in_the_way(project: Path) -> None:
    ignore(project, "impl/db/explain/")
    (project / "impl/db/explain").mkdir()
    (project / "impl/db/explain/__init__.py").write_text("mine")


def with_no_room_for_a_folder(project: Path) -> None:
    ignore(project, "impl/db/explain")
    (project / "impl/db/explain").write_text("mine")


def ignore(project: Path, pattern: str) -> None:
    Source(project).append(".git/info/exclude", f"\n{pattern}\n")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (untracked, r"notes\.txt is not committed: `git commit` or `git stash`"),
        (edited, r"README\.md is not committed"),
        (without_repository, r"is in no git repository.+`git init`"),
        (without_record, r"records no version in \[tool\.charter\.project\]"),
        (with_half_a_record, r"can't fill its template with what \[tool\.charter\.project\]"),
        (without_document, r"openapi\.yaml"),
        (with_edited_code, r"generated/api\.py\S* was edited by hand"),
        (with_a_file_in_the_way, r"impl/db/explain/__init__\.py is in the way"),
        (
            with_no_room_for_a_folder,
            r"impl/db/explain can't be used \(File exists\); the project is as it was\.",
        ),
    ],
)
def test_a_project_that_cannot_be_upgraded_stays_as_it_is(
    spoil: Callable[[Path], None], reason: str, project: Path, wheel: Path
) -> None:
    spoil(project)

    refused(project, str(wheel), reason)


def test_without_git_there_is_no_upgrade(
    project: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")

    refused(project, str(wheel), "merges with git, which is not installed: install it")


@pytest.mark.usefixtures("index")
def test_without_the_wheel_that_it_was_made_with_there_is_no_upgrade(
    project: Path, wheel: Path
) -> None:
    Source(project).replace("pyproject.toml", f'version = "{NOW}"\nname', 'version = "0.0.9"\nname')
    commit(project)

    refused(project, str(wheel), r"charter==0\.0\.9 can't be fetched .+ back into wheels/\.")


def test_what_is_no_wheel_of_charter_is_refused(project: Path, wheel: Path, tmp_path: Path) -> None:
    broken, other = tmp_path / "broken.whl", tmp_path / "other-1.0-py3-none-any.whl"
    broken.write_bytes(b"PK\x03\x04 and then nothing")
    metadata = b"Metadata-Version: 2.4\nName: other\nVersion: 1.0\n"
    other.write_bytes(packed({"other-1.0.dist-info/METADATA": metadata}, "1.0"))

    damaged = tmp_path / wheel.name
    content = wheel.read_bytes()
    middle = len(content) // 2
    damaged.write_bytes(content[:middle] + bytes(64) + content[middle + 64 :])

    refused(project, str(broken), r"broken\.whl is no wheel of Charter")
    refused(project, str(damaged), r"99\.0\S+ is no wheel of Charter")
    refused(project, str(other), r"other-1\.0-py3-none-any\.whl is no wheel of Charter")
    refused(project, "missing.whl", r"missing\.whl can't be read")
    refused(project, "newest", "newest is neither a version nor a wheel")


# -- the index ------------------------------------------------------------------------------------


@pytest.fixture
def index(wheel: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has the next version alone."""
    for program in ("UV", "PIP"):
        monkeypatch.setenv(f"{program}_NO_INDEX", "1")
        monkeypatch.setenv(f"{program}_FIND_LINKS", str(wheel.parent))


@pytest.mark.usefixtures("index")
def test_a_version_comes_from_the_index(project: Path) -> None:
    assert releases.of_version(Version(NEXT), project).name == f"charter-{NEXT}-py3-none-any.whl"
    assert releases.newest(project, Version(NOW)).version == Version(NEXT)
    assert releases.made_with(Version(NOW), project).version < Version(NEXT)
    refused(project, "9.9.9", r"charter==9\.9\.9 can't be fetched \(no index has it\)\. Name a wh")


@pytest.mark.usefixtures("index")
def test_what_a_version_needs_and_nobody_has_is_named(
    project: Path, wheel: Path, tmp_path: Path
) -> None:
    with ZipFile(wheel) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    metadata = f"charter-{NEXT}.dist-info/METADATA"
    asked = b"\nRequires-Dist: no-such-package>=1\nRequires-Dist:"
    content[metadata] = content[metadata].replace(b"\nRequires-Dist:", asked, 1)
    asking = tmp_path / wheel.name
    asking.write_bytes(packed(content, NEXT))

    refused(project, str(asking), rf"Charter {NEXT} needs no-such-package>=1, not installed here")


# -- documents ------------------------------------------------------------------------------------


@pytest.mark.parametrize("openapi", ["3.0.3", "3.1.0"])
def test_the_names_that_are_recorded_make_the_same_accounts_again(openapi: str) -> None:
    theirs = yaml.safe_load(LIBRARY.read_text()) | {"openapi": openapi}
    theirs["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "basic"}}
    theirs["components"]["schemas"]["AuthOperations"] = {"type": "string"}
    ours = Document(DOCUMENT).content
    part = accounts(ours, theirs)
    answers = Answers(
        name="library",
        title="Library",
        prefix=part.prefix,
        operations=part.operations,
        schemas=part.schemas,
        tags=part.tags,
        components=part.components,
    )

    assert part.components["securitySchemes/bearer"] == "accountBearer"
    assert accounts_again(ours, openapi, answers, set()) == part


SMALL = """\
openapi: 3.1.0
info: {title: Small, version: '1'}
tags:
  # ours
  - name: own
  - name: users
paths:
  /own: # ours
    get:
      operationId: own
      tags: [own]
      responses:
        '200':
          description: Well.
          content: {application/json: {schema: {$ref: '#/components/schemas/B'}}}
components:
  schemas:
    A:
      type: string
    B:
      type: string
"""


def schema(name: str, kind: str, place: str = "schemas") -> Member:
    return Member(("components", place, name), {"type": kind}, f"{name}:\n  type: {kind}\n")


@pytest.fixture
def small(tmp_path: Path) -> Path:
    file = tmp_path / "small.yaml"
    file.write_text(SMALL)
    return file


def test_members_are_added_replaced_and_removed(small: Path) -> None:
    before = [schema("A", "string")]
    after = [schema("C", "integer"), schema("A", "number")]

    text, left = document.upgraded(small, before, after)

    assert left == []
    assert text == SMALL.replace(
        "    A:\n      type: string\n    B:\n      type: string\n",
        "    A:\n      type: number\n    B:\n      type: string\n    C:\n      type: integer\n",
    )
    assert document.upgraded(small, before, []) == (
        SMALL.replace("    A:\n      type: string\n", ""),
        [],
    )


def test_a_component_stays_as_long_as_the_team_refers_to_it(small: Path) -> None:
    assert document.upgraded(small, [schema("B", "string")], []) == (SMALL, [])


def test_a_kind_of_component_that_is_new_gets_its_place(small: Path) -> None:
    header = Member(("components", "headers", "Day"), {}, "Day:\n  schema:\n    type: string\n")

    text, left = document.upgraded(small, [], [header])

    assert left == []
    assert text == f"{SMALL}  headers:\n    Day:\n      schema:\n        type: string\n"


def test_a_member_that_the_team_has_too_stays_and_the_change_is_shown(small: Path) -> None:
    text, (left,) = document.upgraded(small, [], [schema("B", "number")])

    assert text == SMALL
    assert str(left) == "components schemas B"
    assert "+  type: number" in left.diff()


def test_a_comment_of_the_team_survives(small: Path) -> None:
    small.write_text(SMALL.replace("    A:\n", "    A: # ours\n"))
    before = Member(("components", "schemas", "A"), {}, "A:\n  type: string\n")
    after = Member(("components", "schemas", "A"), {"x": 1}, "A:\n  type: string\n  minLength: 1\n")

    text, left = document.upgraded(small, [before], [after])

    assert left == []
    assert "    A: # ours\n      type: string\n      minLength: 1\n" in text


def test_a_change_that_would_break_the_document_is_left_out(small: Path) -> None:
    broken = Member(
        ("components", "schemas", "C"), {"$ref": "#/x"}, "C:\n  $ref: '#/components/schemas/No'\n"
    )

    text, left = document.upgraded(small, [], [broken])

    assert (text, [str(change) for change in left]) == (SMALL, ["components schemas C"])


# -- locks ----------------------------------------------------------------------------------------

BEFORE = "charter==1 --hash=sha256:a\nfastapi==1 --hash=sha256:b\n"
AFTER = "charter==2 --hash=sha256:c\nfastapi==2 --hash=sha256:d\n"


def test_a_lock_that_was_made_anew_by_uv_is_merged_by_package() -> None:
    theirs = "# made by uv\ncharter==1 \\\n    --hash=sha256:z\n    # via us\nfastapi==1 \\\n"
    theirs += "    --hash=sha256:b\nstripe==1 \\\n    --hash=sha256:e\n"

    assert merged_lock(BEFORE, theirs, AFTER, ("charter 1", "charter 2")) == (
        f"{AFTER}stripe==1 --hash=sha256:e\n",
        True,
    )


def test_a_package_that_both_moved_is_marked() -> None:
    theirs = BEFORE.replace("fastapi==1", "fastapi==3")

    text, is_clean = merged_lock(BEFORE, theirs, AFTER, ("charter 1", "charter 2"))

    assert not is_clean
    assert "<<<<<<< yours\nfastapi==3 " in text
    assert "fastapi==2 --hash=sha256:d\n>>>>>>> charter 2\n" in text
