"""`charter init`: around a document that is there already, a project that runs at once."""

import json
import os
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml

from charter.document import Document, DocumentError
from charter.document.checks import check
from charter.document.source import load
from charter.errors import Refusal
from charter.postgres import Address
from charter.project import init
from charter.project.init.accounts import accounts
from charter.project.init.documents import joined
from charter.project.wheel import wheel
from tests.charter.command_line import TYPED, charter_here, charter_in, naming, takes_a_minute
from tests.data import DOCUMENT, SPECS

LIBRARY = Path(__file__).with_name("library.yaml")
MUSEUM = SPECS / "museum.yaml"


class Made:
    """A project that `charter init` made; its programs are those of this environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *arguments: str, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], **environment},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()

    def git(self, *arguments: str) -> str:
        command = ["git", *arguments]
        return subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, check=True
        ).stdout.strip()


@pytest.fixture
def library(library_project: Path) -> Made:
    return Made(library_project)


@pytest.fixture
def museum(museum_project: Path) -> Made:
    return Made(museum_project)


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a project, without those of git."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


# -- the document ---------------------------------------------------------------------------------


def test_no_line_of_the_document_is_lost(library: Made) -> None:
    lines = iter(library.read("openapi/openapi.yaml").splitlines())

    assert all(line in lines for line in LIBRARY.read_text().splitlines())


def test_the_accounts_get_out_of_its_way(library: Made) -> None:
    document = yaml.safe_load(library.read("openapi/openapi.yaml"))

    assert document["paths"]["/users"]["get"]["operationId"] == "listUsers"
    assert document["paths"]["/account/users"]["get"]["operationId"] == "accountListUsers"
    assert document["paths"]["/account/auth/token"]["post"]["tags"] == ["auth"]
    assert document["components"]["schemas"]["User"]["required"] == ["card"]
    assert "email" in document["components"]["schemas"]["AccountUser"]["required"]
    assert "Item" not in document["components"]["schemas"]


def test_all_paths_of_the_accounts_move_together(library: Made) -> None:
    paths = yaml.safe_load(library.read("openapi/openapi.yaml"))["paths"]

    assert {"/account/livez", "/account/readyz", "/account/users/me"} < paths.keys()
    assert not {"/livez", "/readyz", "/auth/token"} & paths.keys()


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0", "3.2.0"])
def test_what_has_no_lines_of_its_own_is_written_anew(version: str, tmp_path: Path) -> None:
    theirs = yaml.safe_load(LIBRARY.read_text()) | {"openapi": version}
    file = tmp_path / "library.json"
    file.write_text(json.dumps(theirs))
    part = accounts(Document(DOCUMENT).content, theirs).part

    (text,) = joined(Document(file), part).values()

    made = load(file, text).content
    assert {path: made["paths"][path] for path in theirs["paths"]} == theirs["paths"]
    assert "/account/auth/token" in made["paths"]
    file.write_text(text)
    check(Document(file))


def test_names_that_the_accounts_would_take_instead_may_be_taken_too(tmp_path: Path) -> None:
    theirs = yaml.safe_load(LIBRARY.read_text())
    answer = {"responses": {"200": {"description": "Well."}}}
    for path, name in (("/livez", "accountGetUser"), ("/account/users/{id}", "getUser")):
        theirs["paths"][path] = {"get": {"operationId": name, "tags": ["account-users"], **answer}}
    identity = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    theirs["paths"]["/account/users/{id}"]["parameters"] = [identity]
    theirs["components"]["schemas"]["AccountUser"] = {"type": "string"}
    file = tmp_path / "library.yaml"
    file.write_text(yaml.safe_dump(theirs))

    made = accounts(Document(DOCUMENT).content, theirs)

    (text,) = joined(Document(file), made.part).values()
    file.write_text(text)
    check(Document(file))
    assert made.prefix == "/account2"
    assert made.operations["getUser"] == "account2GetUser"
    assert made.schemas["User"] == "Account2User"


def test_a_schema_may_be_called_like_a_protocol_of_the_accounts() -> None:
    theirs = yaml.safe_load(LIBRARY.read_text())
    theirs["components"]["schemas"]["AuthOperations"] = {"type": "string"}

    assert accounts(Document(DOCUMENT).content, theirs).tags["auth"] == "account-auth"


# -- the project ----------------------------------------------------------------------------------


def test_it_is_small(museum: Made) -> None:
    files = contents(museum.folder)
    texts = [text for path, text in files.items() if not path.endswith((".whl", ".gz"))]
    scripts = [text for path, text in files.items() if path.startswith("scripts/")]

    assert len(files) <= 100
    assert sum(text.count(b"\n") for text in texts) <= 9000
    assert len(scripts) <= 3
    assert sum(text.count(b"\n") for text in scripts) <= 100


def test_it_begins_with_one_commit_of_everything(museum: Made) -> None:
    assert museum.git("rev-list", "--count", "HEAD") == "1"
    assert museum.git("status", "--porcelain", "--ignored") == ""
    assert "wheels/" in museum.git("ls-files")


def test_its_locks_name_the_wheel_that_lies_in_it(museum: Made) -> None:
    (path,) = (museum.folder / "wheels").glob("charter-*.whl")
    digest = sha256(path.read_bytes()).hexdigest()

    for lock in ("requirements/dev.txt", "requirements/runtime.txt"):
        assert f" --hash=sha256:{digest}\n" in museum.read(lock)


def test_it_keeps_its_own_rules_where_names_clash(library: Made, server: Address) -> None:
    assert "FAILED" not in library.run("charter", "check", **naming(server), **TYPED)


@takes_a_minute
def test_it_keeps_its_own_rules_where_security_is_optional(tmp_path: Path, server: Address) -> None:
    document = SPECS / "readme31-security.yaml"
    assert init.run(document, tmp_path / "made", Path.cwd()) == 0

    said = Made(tmp_path / "made").run("charter", "check", **naming(server), **TYPED)

    assert "FAILED" not in said


def test_its_tests_pass(library: Made, server: Address) -> None:
    said = library.run("pytest", "-q", "-p", "no:cacheprovider", **naming(server))

    assert " passed" in said


@takes_a_minute
@pytest.mark.parametrize("name", ["museum", "readme31-security", "realworld-conduit"])
def test_its_contract_is_fuzzed_from_the_first_minute(
    name: str, tmp_path: Path, server: Address
) -> None:
    """Errors of another shape, several password flows, keys, certificates; all of it mocked."""
    assert init.run(SPECS / f"{name}.yaml", tmp_path / "made", Path.cwd()) == 0

    said = Made(tmp_path / "made").run("charter", "fuzz", "--max-examples", "2", **naming(server))

    assert re.search(r"16 implemented, [1-9]\d* mocked", said)
    assert "The gate is open" in said


# -- the wheel ------------------------------------------------------------------------------------


def test_from_the_wheel_comes_the_same_project_with_the_same_wheel(
    museum: Made, tmp_path: Path
) -> None:
    name, content = wheel()
    (tmp_path / name).write_bytes(content)
    with ZipFile(tmp_path / name) as archive:
        archive.extractall(tmp_path / "installed")
    environment = {"PYTHONPATH": str(tmp_path / "installed")}

    done = charter_in(tmp_path, "init", str(MUSEUM), "museum", **environment)

    assert done.returncode == 0, done.stderr
    assert contents(tmp_path / "museum") == contents(museum.folder)


# -- what goes wrong ------------------------------------------------------------------------------


def test_a_folder_that_is_in_use_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(Refusal, match="is in use: name a folder that is empty or not there yet"):
        init.run(LIBRARY, tmp_path, Path.cwd())

    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_folder_that_can_not_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")

    done = charter_here(tmp_path, "init", LIBRARY, "file/made")

    assert done.returncode == 1
    assert f"charter: {tmp_path}/file/made can't be written" in done.stderr
    assert "name a folder in a place that you may write to" in done.stderr


def test_what_is_refused_makes_no_project(tmp_path: Path) -> None:
    document = tmp_path / "swagger.yaml"
    document.write_text("swagger: '2.0'\n")

    with pytest.raises(DocumentError, match=r"swagger\.yaml:1:1: This is Swagger 2\.0"):
        init.run(document, tmp_path / "made", Path.cwd())

    assert not (tmp_path / "made").exists()


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        fail_halfway(tmp_path / "new" / "made")

    assert list(tmp_path.iterdir()) == []


def fail_halfway(target: Path) -> None:
    with init.fresh(target) as folder:
        (folder / "half").write_text("written")
        raise RuntimeError


def test_without_git_there_is_a_sentence_instead_of_a_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    init.commit(tmp_path)

    said = capsys.readouterr().out
    assert "is in no repository yet (git is not installed): `git init` there" in said
    assert not (tmp_path / ".git").exists()


def test_who_is_unknown_to_git_gets_a_commit_all_the_same(tmp_path: Path) -> None:
    nobody = {"HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1"}

    done = charter_in(tmp_path, "init", str(MUSEUM), "made", **nobody)

    assert done.returncode == 0, done.stderr
    made = Made(tmp_path / "made")
    assert made.git("log", "--format=%an <%ae>") == "charter init <charter@localhost>"
    assert "user" not in made.read(".git/config")
