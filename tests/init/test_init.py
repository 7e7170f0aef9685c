"""`charter init`: around a document that is there already, a project that runs at once."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from impl.core.config import Settings
from scripts import init
from scripts.codegen import command
from scripts.codegen.checks import check
from scripts.codegen.document import Document
from scripts.codegen.source import load
from scripts.errors import Refusal
from scripts.init.accounts import accounts
from scripts.init.documents import joined
from scripts.init.pruning import pruned
from tests.command_line import naming

LIBRARY = Path(__file__).with_name("library.yaml")
BOOKS = Path(__file__).with_name("books.py")
LOANS = Path(__file__).with_name("loans.py")
CHARTER = "from scripts import cli; cli.main()"


class Project:
    """A project that `charter init` made; its programs are those of this environment."""

    def __init__(self, folder: Path, database: Settings) -> None:
        self.folder = folder
        self.database = database

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], **naming(self.database)},
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def charter(self, *arguments: str) -> str:
        return self.run("-c", CHARTER, *arguments).stdout

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()


@pytest.fixture(scope="module")
def project(server: Settings, tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder = tmp_path_factory.mktemp("init") / "library"
    assert init.run(LIBRARY, folder, Path.cwd()) == 0
    return Project(folder, server)


# -- the document ---------------------------------------------------------------------------------


def test_no_line_of_the_document_is_lost(project: Project) -> None:
    lines = iter(project.read("openapi/openapi.yaml").splitlines())

    assert all(line in lines for line in LIBRARY.read_text().splitlines())


def test_the_accounts_get_out_of_its_way(project: Project) -> None:
    document = yaml.safe_load(project.read("openapi/openapi.yaml"))

    assert document["paths"]["/users"]["get"]["operationId"] == "listUsers"
    assert document["paths"]["/account/users"]["get"]["operationId"] == "accountListUsers"
    assert document["paths"]["/account/auth/token"]["post"]["tags"] == ["auth"]
    assert document["components"]["schemas"]["User"]["required"] == ["card"]
    assert "email" in document["components"]["schemas"]["AccountUser"]["required"]
    assert "Item" not in document["components"]["schemas"]


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0", "3.2.0"])
def test_what_has_no_lines_of_its_own_is_written_anew(version: str, tmp_path: Path) -> None:
    theirs = yaml.safe_load(LIBRARY.read_text()) | {"openapi": version}
    file = tmp_path / "library.json"
    file.write_text(json.dumps(theirs))
    part = accounts(Document(command.DOCUMENT).content, theirs).part

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

    made = accounts(Document(command.DOCUMENT).content, theirs)

    (text,) = joined(Document(file), made.part).values()
    file.write_text(text)
    check(Document(file))
    assert made.path("/users/me") == "/account2/users/me"
    assert made.in_code('get(f"{url}/livez")') == 'get(f"{url}/account2/livez")'


# -- the project ----------------------------------------------------------------------------------


def test_every_operation_answers_and_the_tests_pass(project: Project) -> None:
    """Of each kind some: the test of a whole project takes as long as ours."""
    tests = (
        "tests/contract",
        "tests/api/test_health.py",
        "tests/api/test_permissions.py",
        "tests/services",
        "tests/core/test_tokens.py",
    )
    project.run("-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)


def test_it_keeps_the_rules_of_the_house(project: Project) -> None:
    project.run("-m", "ruff", "check", "--no-cache", ".")
    project.run("-m", "ruff", "format", "--no-cache", "--check", ".")
    project.run("-m", "scripts.codegen", "--check")
    project.run("-m", "mypy", "--cache-dir", str(Path.cwd() / ".mypy_cache"))


def test_nothing_of_the_sample_is_in_it(project: Project) -> None:
    files = [*project.folder.glob("impl/**/*.py"), *project.folder.glob("alembic/**/*.py")]
    sample = re.compile(r"\bItem\b|ItemRepository|\"items\"")

    assert [file for file in files if sample.search(file.read_text())] == []


def test_a_folder_that_is_in_use_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(Refusal, match="is in use: name a folder that is empty or not there yet"):
        init.run(LIBRARY, tmp_path, Path.cwd())

    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_document_that_is_none_makes_no_project(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "swagger.yaml"
    document.write_text("swagger: '2.0'\n")

    assert init.run(document, tmp_path / "made", Path.cwd()) == 1

    assert f"{document}:1:1: This is Swagger 2.0" in capsys.readouterr().err
    assert not (tmp_path / "made").exists()


# -- charter scaffold -----------------------------------------------------------------------------


def test_a_plain_resource_becomes_a_table_and_what_serves_it(
    project: Project, tmp_path: Path
) -> None:
    copy = Project(tmp_path / "library", project.database)
    shutil.copytree(project.folder, copy.folder)

    said = copy.charter("scaffold", "books")

    assert "+ impl/services/books.py" in said
    assert "0002_add_books.py is written" in said
    copy.charter("scaffold", "loans")
    tests = [copy.folder / "tests" / "api" / f"test_{file.name}" for file in (BOOKS, LOANS)]
    shutil.copy(BOOKS, tests[0])
    shutil.copy(LOANS, tests[1])
    copy.run("-m", "pytest", "-q", "-p", "no:cacheprovider", *map(str, tests))
    copy.run("-m", "ruff", "check", "--no-cache", "impl", "alembic")
    copy.run("-m", "mypy", "--cache-dir", str(Path.cwd() / ".mypy_cache"), "impl")

    by_hand = copy.read("impl/services/books.py").replace("No such", "# by hand\n    # No such")
    without = re.sub(
        r"    async def get_book.*?return present\(book\)\n\n", "", by_hand, flags=re.S
    )
    (copy.folder / "impl" / "services" / "books.py").write_text(without)
    assert "+ impl/services/books.py" in copy.charter("scaffold", "books")
    extended = copy.read("impl/services/books.py")
    assert "async def get_book(self, *, book_id: UUID) -> schemas.Book:" in extended
    assert [line for line in without.splitlines() if line not in extended.splitlines()] == []
    assert "impl/services/books.py lacks nothing." in copy.charter("scaffold", "books")
    assert copy.read("impl/services/books.py") == extended


def test_what_is_no_plain_resource_is_left_to_people(project: Project, tmp_path: Path) -> None:
    copy = Project(tmp_path / "library", project.database)
    shutil.copytree(project.folder, copy.folder)

    copy.charter("scaffold", "users")  # a service of this name is there: that of the accounts

    assert "class UsersApiService(UsersOperations)" in copy.read("impl/services/users_api.py")
    assert "raise NotImplementedError" in copy.read("impl/services/users_api.py")
    assert "users=users_service," in copy.read("impl/dependencies.py")
    copy.run("-m", "mypy", "--cache-dir", str(Path.cwd() / ".mypy_cache"), "impl")


# -- how the sample stays behind ------------------------------------------------------------------


def test_what_speaks_of_something_goes_with_all_that_needs_it() -> None:
    source = (
        "from models import Item, User\n"
        "\n"
        "# about items\n"
        "LIMIT = Item.limit\n"
        "\n"
        "def most():\n"
        "    return LIMIT\n"
        "\n"
        "class Both:\n"
        "    def users(self):\n"
        "        return User\n"
        "\n"
        "    def items(self):\n"
        "        return {}.items()\n"
        "\n"
        "def pairs(of):\n"
        "    return of.items()\n"
    )

    assert pruned(source, init.SAMPLE) == (
        "from models import User\n\n\n\n"
        "class Both:\n    def users(self):\n        return User\n\n\n"
        "def pairs(of):\n    return of.items()\n"
    )
