"""Where code and document disagree, mypy names the operation; what nobody has written says so."""

import re
import subprocess
import sys
from pathlib import Path

import httpx2 as httpx
import pytest
from fastapi import FastAPI

from charter.generate import command
from charter.runtime import Contract
from generated.operations import HealthOperations
from generated.routers import health
from impl.core import problems
from tests.data import GENERATED

NOTES = Path(__file__).with_name("notes.yaml")

COMPLETE = """\
from uuid import UUID

from generated import api
from generated.operations import NotesOperations
from generated.responses import CreateNote201
from charter.runtime import Contract
from generated.schemas import Note
from generated.security import Authenticate, Principal


class Notes(NotesOperations):
    async def create_note(self, principal: Principal, *, body: Note) -> CreateNote201:
        return CreateNote201(body=body, location="/notes/1")

    async def get_note(self, *, note_id: UUID) -> Note:
        return Note(text=str(note_id))


async def notes() -> NotesOperations:
    return Notes()


def serve(contract: Contract, authenticate: Authenticate) -> None:
    api.build(contract=contract, authenticate=authenticate, notes=notes)
"""

# what the developer did, by an edit of the complete service; the line that is wrong; what is said
WRONG = {
    "an operation is missing": (
        "    async def get_note(self, *, note_id: UUID) -> Note:",
        "    async def another(self, *, note_id: UUID) -> Note:",
        "return Notes()",
        'Cannot instantiate abstract class "Notes" with abstract attribute "get_note"',
    ),
    "an argument is missing": (
        "self, *, note_id: UUID",
        "self",
        "async def get_note",
        'Signature of "get_note" incompatible with supertype',
    ),
    "an argument has another name": (
        "self, *, note_id: UUID) -> Note:\n        return Note(text=str(note_id))",
        "self, *, id: UUID) -> Note:\n        return Note(text=str(id))",
        "async def get_note",
        'Signature of "get_note" incompatible with supertype',
    ),
    "an argument has another type": (
        "note_id: UUID",
        "note_id: int",
        "async def get_note",
        'Argument 1 of "get_note" is incompatible with supertype',
    ),
    "another model is returned": (
        "note_id: UUID) -> Note:\n        return Note(text=str(note_id))",
        "note_id: UUID) -> str:\n        return str(note_id)",
        "async def get_note",
        'Return type "Coroutine[Any, Any, str]" of "get_note" incompatible with',
    ),
    "the method is not async": (
        "async def get_note",
        "def get_note",
        "def get_note",
        'Return type "Note" of "get_note" incompatible with return type "Coroutine',
    ),
    "a header is forgotten": (
        ', location="/notes/1"',
        "",
        "return CreateNote201",
        'Missing positional argument "location" in call to "CreateNote201"',
    ),
    "a header has another type": (
        'location="/notes/1"',
        "location=1",
        "return CreateNote201",
        'Argument "location" to "CreateNote201" has incompatible type "int"; expected "str"',
    ),
    "a status is not declared": (
        "CreateNote201",
        "CreateNote202",
        "from generated.responses import CreateNote202",
        'has no attribute "CreateNote202"',
    ),
    "a service is not registered": (
        ", notes=notes",
        "",
        "api.build(",
        'Missing named argument "notes" for "build"',
    ),
    "a member is unknown": (
        "return Note(text=str(note_id))",
        "return Note(txt=str(note_id))",
        "return Note(",
        'Missing named argument "text" for "Note"',
    ),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("typed")
    assert command.run(document=NOTES, out=folder / "generated") == 0
    (folder / "complete.py").write_text(COMPLETE)
    for name, (before, after, _, _) in WRONG.items():
        assert before in COMPLETE, name
        (folder / module(name)).write_text(COMPLETE.replace(before, after))
    return folder


def module(name: str) -> str:
    return f"{name.replace(' ', '_')}.py"


@pytest.fixture(scope="module")
def said(project: Path) -> str:
    """What mypy says of all of them."""
    command_line = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary"]
    config = project / "mypy.ini"
    config.write_text("[mypy]\nplugins = pydantic.mypy\n")
    done = subprocess.run(
        [*command_line, "--config-file", str(config), "--cache-dir", str(project / "cache"), "."],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout


def test_a_complete_service_is_right(said: str) -> None:
    assert "complete.py" not in said
    assert "generated/" not in said


@pytest.mark.parametrize("name", WRONG)
def test_a_service_that_differs_is_a_type_error_that_says_where(
    project: Path, said: str, name: str
) -> None:
    _, _, wrong_line, message = WRONG[name]
    lines = (project / module(name)).read_text().splitlines()
    number = next(number for number, line in enumerate(lines, 1) if wrong_line in line)

    found = re.findall(rf"^{re.escape(module(name))}:(\d+): error: (.*)$", said, re.MULTILINE)

    assert any(int(line) == number and message in text for line, text in found), found


async def test_an_operation_that_nobody_has_written_is_a_501_and_never_a_success(
    contract: Contract,
) -> None:
    class Unwritten(HealthOperations):
        """Keeps nothing of what it promises; mypy would not let anybody make one."""

    async def provide() -> HealthOperations:
        return Unwritten()  # type: ignore[abstract] # that is the point

    app = FastAPI(openapi_url=None)
    problems.install(app)
    app.include_router(health.build(contract, provide))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        responses = [await client.get(path) for path in ("/livez", "/readyz")]

    for response in responses:
        assert response.status_code == 501
        assert response.headers["Content-Type"] == "application/problem+json"
        assert response.json()["status"] == 501
        assert "nobody has written it yet" in response.json()["detail"]


@pytest.fixture
def contract() -> Contract:
    return Contract.load(GENERATED / "openapi.json")
