"""`charter dev` as a designer uses it: with a document alone, and in a project."""

import contextlib
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from charter.mock.live import HEADER as BROKEN
from charter.postgres import Address, databases
from charter.project.stand_in import HEADER as MOCK
from tests.charter.command_line import charter_here, naming
from tests.charter.project.copies import copied
from tests.charter.project.test_reload import Reloading, running
from tests.charter.repositories import commit
from tests.conftest import JWT_SECRET

PATIENCE = 180.0  # seconds, of a machine that does much else
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")
DOCUMENT = """\
openapi: 3.1.0
info: {title: Books, version: 1.0.0}
paths:
  /books:
    get:
      operationId: listBooks
      responses: {'200': {description: The books.}}
"""
NEW = """\
  /gadgets/{number}:
    get:
      tags: [items]
      operationId: getGadget
      summary: Show a gadget
      security: []
      parameters: [{name: number, in: path, required: true, schema: {type: integer}}]
      responses:
        '200':
          description: The gadget.
          content: {application/json: {schema: {type: string, example: a sextant}}}
"""


def address_of(program: Reloading) -> str:
    program.wait_for(ADDRESS, 1)
    found = ADDRESS.search(program.said)
    assert found is not None
    return found[0]


def answer(url: str, status: int) -> httpx.Response:
    """The first answer of this status. Who asks while one service follows another may get none."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.TransportError):
            got = httpx.get(url, timeout=PATIENCE)
            if got.status_code == status:
                return got
        time.sleep(0.05)
    raise AssertionError(f"{url} did not answer {status} within {PATIENCE} s")


def wait_for(program: Reloading, words: str, times: int = 1) -> None:
    program.wait_for(re.compile(words), times)


# -- a document alone -----------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "openapi.yaml").write_text(DOCUMENT)
    commit(tmp_path)
    return tmp_path / "openapi.yaml"


def test_each_save_of_a_document_is_live_and_explained(file: Path) -> None:
    with running(file.parent, "dev", str(file), "--port", "0") as program:
        address = address_of(program)
        assert httpx.get(f"{address}/books").status_code == 200

        file.write_text(DOCUMENT + NEW)
        assert answer(f"{address}/gadgets/1", 200).json() == "a sextant"
        wait_for(program, r"\+ GET +/gadgets/\{number\} +getGadget +mocked")

        file.write_text(DOCUMENT.replace("/books", "/volumes"))
        answer(f"{address}/volumes", 200)
        wait_for(program, r"- GET +/books +listBooks +breaking")
        wait_for(program, r"openapi\.yaml:\d+:\d+: breaking: ")

        file.write_text(DOCUMENT.replace("paths:", "paths: ["))
        wait_for(program, "openapi.yaml is broken: the last good version goes on answering")
        wait_for(program, r"openapi\.yaml:\d+:\d+: error: document: This is not YAML")
        wait_for(program, r"error: document: .*\n(.*\n){1,2}? +\| +\^")
        assert BROKEN in httpx.get(f"{address}/volumes").headers

        file.write_text(DOCUMENT)
        wait_for(program, "openapi.yaml is whole again")
        assert BROKEN not in httpx.get(f"{address}/books").headers


def test_a_document_that_begins_broken_is_waited_for(file: Path) -> None:
    file.write_text("openapi: [")
    with running(file.parent, "dev", str(file), "--port", "0") as program:
        wait_for(program, "openapi.yaml is broken: it is served as soon as it is whole")
        for _ in range(3):  # what is written beside it is no edit of it
            (file.parent / "dev.log").write_text(program.said * 2)
            time.sleep(0.3)
        assert program.said.count("is broken") == 1

        file.write_text(DOCUMENT)

        assert httpx.get(f"{address_of(program)}/books").status_code == 200


def test_a_document_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    done = charter_here(tmp_path, "dev", "no.yaml", "--port", "0")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "charter: no.yaml: There is no such file.\n"


def test_status_is_a_table_and_json(file: Path) -> None:
    file.write_text(DOCUMENT + NEW)

    table = charter_here(file.parent, "status", "openapi.yaml")
    json = charter_here(file.parent, "status", "openapi.yaml", "--json")

    assert (table.returncode, json.returncode) == (0, 0)
    assert re.search(r"^GET +/gadgets/\{number\} +getGadget +mocked +added", table.stdout, re.M)
    assert "fuzz" not in table.stdout  # a column of nothing
    assert '"change": "added"' in json.stdout


def test_a_row_of_status_is_one_line_however_long_its_path(file: Path) -> None:
    path = "/gadgets/{number}/" + "/".join(["instructions"] * 10)
    file.write_text(DOCUMENT + NEW.replace("/gadgets/{number}", path))

    table = charter_here(file.parent, "status", "openapi.yaml").stdout

    assert re.search(rf"^GET +{re.escape(path)} +getGadget +mocked +added", table, re.M)


def test_status_heeds_the_rules_of_lint_beside_a_document(file: Path) -> None:
    def said() -> str:
        return charter_here(file.parent, "status", "openapi.yaml").stdout.splitlines()[-1]

    assert "hint" in said()
    rules = 'rules = {description = "off", summary = "off", untagged = "off"}'
    (file.parent / "pyproject.toml").write_text(f"[tool.charter.lint]\n{rules}\n")

    assert "hint" not in said()


# -- a project ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copied(tmp_path_factory.mktemp("dev"))
    (folder / ".gitignore").write_text(".data/\n__pycache__/\n")
    commit(folder)
    return folder


@pytest.fixture(scope="module")
def developing(project: Path, server: Address) -> Iterator[tuple[Reloading, str]]:
    with (
        databases.scratch(server) as database,
        running(project, "dev", JWT_SECRET=JWT_SECRET, **naming(database)) as program,
    ):
        wait_for(program, "The service answers with it")
        yield program, address_of(program)


def test_a_project_takes_up_each_save(project: Path, developing: tuple[Reloading, str]) -> None:
    program, address = developing
    document = project / "openapi" / "openapi.yaml"
    good = document.read_text()
    starts = program.said.count("The service answers with it")

    document.write_text(good.replace("paths:\n", f"paths:\n{NEW}", 1))
    got = answer(f"{address}/gadgets/1", 200)
    assert (got.json(), got.headers[MOCK]) == ("a sextant", "getGadget")
    wait_for(program, r"\+ GET +/gadgets/\{number\} +getGadget +mocked")
    wait_for(program, r"Generated \d+ files")
    wait_for(program, "The service answers with it", starts + 1)
    answer(f"{address}/gadgets/x", 422)
    page = answer(f"{address}/", 200).text
    assert "/gadgets/{number}" in page
    wait_for(program, r"type error|The types of the services fit")

    document.write_text(good.replace("info:", "info: ["))
    wait_for(program, "openapi.yaml is broken: the last good version goes on answering")
    broken = answer(f"{address}/gadgets/1", 200)
    assert (broken.status_code, BROKEN in broken.headers) == (200, True)
    assert "The document is broken" in answer(f"{address}/", 200).text
    (document.parent / "dev.log").write_text(program.said)
    time.sleep(2)
    assert program.said.count("openapi.yaml is broken") == 1

    document.write_text(good)
    wait_for(program, "openapi.yaml is whole again")
    wait_for(program, "The service answers with it", starts + 2)
    assert BROKEN not in answer(f"{address}/gadgets/1", 404).headers


def test_code_that_does_not_run_leaves_the_last_good_service(
    project: Path, developing: tuple[Reloading, str]
) -> None:
    program, address = developing
    service = project / "impl" / "services" / "health.py"
    good = service.read_text()
    starts = program.said.count("The service answers with it")

    service.write_text(f"{good}\nraise RuntimeError('not yet')\n")
    wait_for(program, r"impl/services/health\.py:\d+: RuntimeError: not yet")
    wait_for(program, "The service did not start .* the last good one goes on")
    answer(f"{address}/openapi.yaml", 200)

    service.write_text(good)
    wait_for(program, "The service answers with it", starts + 1)
    answer(f"{address}/openapi.yaml", 200)


def test_ctrl_c_stops_all_of_it(developing: tuple[Reloading, str]) -> None:
    program, address = developing

    program.process.send_signal(signal.SIGINT)

    assert program.process.wait(PATIENCE) == 130
    with pytest.raises(httpx.ConnectError):
        httpx.get(address)


# -- a view ---------------------------------------------------------------------------------------

VIEW = """\
overlay: 1.1.0
info: {title: The public view, version: 1.0.0}
extends: openapi.yaml
actions:
- target: $.paths["/special-events"].post
  remove: true
- target: $.info
  update: {title: The public museum}
"""


@pytest.fixture
def viewed(museum_project: Path, tmp_path: Path) -> Path:
    """A new project whose document has an overlay."""
    folder = tmp_path / "museum"
    shutil.copytree(museum_project, folder)
    settings = folder / "pyproject.toml"
    named = '[tool.charter]\noverlays = ["openapi/public.overlay.yaml"]\n'
    settings.write_text(settings.read_text().replace("[tool.charter]\n", named, 1))
    (folder / "openapi" / "public.overlay.yaml").write_text(VIEW)
    assert charter_here(folder, "generate").returncode == 0
    return folder


def test_a_new_project_takes_up_each_save_of_an_overlay(viewed: Path, server: Address) -> None:
    def title(address: str) -> str:
        return str(answer(f"{address}/openapi.json", 200).json()["info"]["title"])

    view = viewed / "openapi" / "public.overlay.yaml"
    with (
        databases.scratch(server) as database,
        running(viewed, "dev", JWT_SECRET=JWT_SECRET, **naming(database)) as program,
    ):
        wait_for(program, "The service answers with it")
        address = address_of(program)
        assert title(address) == "The public museum"
        assert httpx.post(f"{address}/special-events", json={}).status_code == 405

        view.write_text(VIEW.replace(".post\n  remove: true", ".post\n  update: {x-shown: true}"))
        wait_for(program, r"\+ POST +/special-events +createSpecialEvent")
        wait_for(program, "The service answers with it", 2)
        assert httpx.post(f"{address}/special-events", json={}).status_code == 401

        view.write_text("overlay: [")
        wait_for(program, r"public\.overlay\.yaml:\d+:\d+: error")
        broken = httpx.get(f"{address}/openapi.json").headers[BROKEN]
        assert 'file="openapi/public.overlay.yaml"' in broken

        view.write_text(VIEW.replace("The public museum", "The museum for all"))
        wait_for(program, "openapi.yaml is whole again")
        wait_for(program, "The service answers with it", 3)
        assert title(address) == "The museum for all"
        assert httpx.post(f"{address}/special-events", json={}).status_code == 405
