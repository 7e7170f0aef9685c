"""`charter scaffold`: a resource is written whole, keeps what it is told, and passes the checks."""

import contextlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import yaml

from charter.document import Document
from charter.postgres import Address, databases
from tests.charter.command_line import charter_in, naming
from tests.charter.project.copies import UNWANTED, add, copied, generate
from tests.charter.project.test_reload import Reloading
from tests.conftest import JWT_SECRET
from tests.data import DATA
from tests.people import PASSWORD

PETS = Path(__file__).with_name("pets.yaml")
BOOKINGS = DATA / "cases" / "bookings.yaml"
MUSEUM = DATA / "specs" / "museum.yaml"

PET = {
    "name": "Rex",
    "in": "the garden",
    "house": {"street": "Elm", "at": "2026-01-02T03:04:05Z"},
    "free": {"a": "b", "undeclared": [1, {"deep": None}]},
    "weight": 3.5,
    "born": "2020-02-29",
    "extra": {"legs": 4},
}
DEFAULTS = {"color": "red", "tags": ["wild"]}


def scaffold(project: Path, server: Address, *arguments: str) -> str:
    done = charter_in(project, "scaffold", *arguments, **naming(server))
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def findings(project: Path) -> subprocess.CompletedProcess[str]:
    return charter_in(project, "scaffold", "--check")


def mypy(project: Path) -> str:
    return subprocess.run(
        [sys.executable, "-m", "mypy"], cwd=project, capture_output=True, text=True, check=False
    ).stdout


def ruff(project: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "ruff", *arguments, "."]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout


@pytest.fixture(scope="module")
def said() -> dict[str, str]:
    """What scaffold said, by tag."""
    return {}


@pytest.fixture(scope="module")
def scaffolded(
    tmp_path_factory: pytest.TempPathFactory, server: Address, said: dict[str, str]
) -> Path:
    """A project in which every tag of three documents has been scaffolded."""
    project = copied(tmp_path_factory.mktemp("scaffolded"))
    add(project, *(Document(file).content for file in (PETS, BOOKINGS, MUSEUM)))
    for tag in ("pets", "bookings", "payments", "stations", "trips", "operations", "events",
                "tickets"):  # fmt: skip
        said[tag] = scaffold(project, server, tag)
    return project


@pytest.fixture
def project(scaffolded: Path, tmp_path: Path) -> Path:
    """The same for a test that changes it."""
    return shutil.copytree(scaffolded, tmp_path / "project", ignore=UNWANTED)


@contextlib.contextmanager
def serving(project: Path, server: Address) -> Iterator[httpx.Client]:
    with databases.scratch(server) as database:
        service = Reloading(project, "serve", JWT_SECRET=JWT_SECRET, **naming(database))
        try:
            address = r"the API +(http://127\.0\.0\.1:\d+)"
            service.wait_for(re.compile(address), 1)
            found = re.search(address, service.said)
            assert found is not None
            with httpx.Client(base_url=found[1]) as client:
                yield client
        finally:
            service.end()


@pytest.fixture(scope="module")
def client(scaffolded: Path, server: Address) -> Iterator[httpx.Client]:
    with serving(scaffolded, server) as client:
        yield client


def logged_in(client: httpx.Client, email: str) -> dict[str, str]:
    client.post("/users", json={"email": email, "password": PASSWORD}).raise_for_status()
    form = {"grant_type": "password", "username": email, "password": PASSWORD}
    token = client.post("/auth/token", data=form).raise_for_status().json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="module")
def ada(client: httpx.Client) -> dict[str, str]:
    return logged_in(client, "ada@example.com")


@pytest.fixture(scope="module")
def grace(client: httpx.Client) -> dict[str, str]:
    return logged_in(client, "grace@example.com")


# -- what is written ------------------------------------------------------------------------------


def test_what_is_written_passes_every_check(scaffolded: Path, server: Address) -> None:
    assert ruff(scaffolded, "check", "--no-fix") == ""
    assert ruff(scaffolded, "format", "--check") == ""
    assert "Success" in mypy(scaffolded)
    linted = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")], cwd=scaffolded, capture_output=True
    )
    assert linted.returncode == 0, linted.stdout
    assert charter_in(scaffolded, "migrate", "--compare", **naming(server)).returncode == 0
    assert findings(scaffolded).returncode == 0


def made(client: httpx.Client, caller: dict[str, str], **members: Any) -> dict[str, Any]:
    response = client.post("/pets", json=PET | members, headers=caller)
    assert response.status_code == 201, response.text
    assert "Charter-Mock" not in response.headers
    found: dict[str, Any] = response.json()
    return found


def test_everything_that_was_said_is_kept(client: httpx.Client, ada: dict[str, str]) -> None:
    pet = made(client, ada)

    assert PET | DEFAULTS | {"id": pet["id"], "createdAt": pet["createdAt"]} == pet
    assert client.get(f"/pets/{pet['id']}", headers=ada).json() == pet
    assert pet in client.get("/pets", headers=ada).json()


def test_a_put_says_everything_anew(client: httpx.Client, ada: dict[str, str]) -> None:
    pet = made(client, ada, color="blue", tags=["tame"])

    put = client.put(f"/pets/{pet['id']}", json={"name": "Rex II"}, headers=ada)

    kept = {"id": pet["id"], "createdAt": pet["createdAt"]}
    assert put.json() == {"name": "Rex II"} | DEFAULTS | kept
    assert client.get(f"/pets/{pet['id']}", headers=ada).json() == put.json()


def test_a_patch_changes_what_it_names(client: httpx.Client, ada: dict[str, str]) -> None:
    pet = made(client, ada)

    patched = client.patch(f"/pets/{pet['id']}", json={"tags": []}, headers=ada)

    assert patched.json() == pet | {"tags": []}


def test_what_is_deleted_is_gone(client: httpx.Client, ada: dict[str, str]) -> None:
    pet = made(client, ada)

    assert client.delete(f"/pets/{pet['id']}", headers=ada).status_code == 204

    assert client.get(f"/pets/{pet['id']}", headers=ada).status_code == 404
    assert client.delete(f"/pets/{pet['id']}", headers=ada).status_code == 404


def test_rows_of_a_secured_resource_belong_to_their_caller(
    client: httpx.Client, ada: dict[str, str], grace: dict[str, str]
) -> None:
    pet = made(client, ada)
    where = f"/pets/{pet['id']}"

    assert client.get(where, headers=grace).status_code == 404
    assert client.put(where, json={"name": "Mine"}, headers=grace).status_code == 404
    assert client.patch(where, json={"name": "Mine"}, headers=grace).status_code == 404
    assert client.delete(where, headers=grace).status_code == 404
    assert pet not in client.get("/pets", headers=grace).json()
    assert client.get(where, headers=ada).json() == pet


def test_another_media_type_is_refused_and_named_with_its_line(
    client: httpx.Client, ada: dict[str, str], said: dict[str, str], scaffolded: Path
) -> None:
    xml = ada | {"Content-Type": "application/xml"}

    assert client.post("/pets", content="<pet/>", headers=xml).status_code == 415
    place = re.search(r"openapi/openapi\.yaml:(\d+): POST /pets takes .*JSON", said["pets"])
    assert place is not None
    lines = (scaffolded / "openapi" / "openapi.yaml").read_text().splitlines()
    assert lines[int(place[1]) - 1].strip() in ("post:", "operationId: addPet")


def test_a_page_whose_data_stands_in_a_branch_of_an_all_of_is_filled(
    client: httpx.Client, ada: dict[str, str]
) -> None:
    booking = {"trip_id": "4f4e4e1d-c824-4d63-b37a-d8d698862f1d", "passenger_name": "Ada"}

    created = client.post("/bookings", json=booking, headers=ada)

    assert created.status_code == 201
    shown = client.get(f"/bookings/{created.json()['id']}", headers=ada)
    assert shown.json() == created.json() == booking | {"id": created.json()["id"]}
    assert client.get("/bookings", headers=ada).json()["data"] == [created.json()]


def test_a_resource_that_is_not_understood_is_left_whole_with_the_reason(
    said: dict[str, str], scaffolded: Path
) -> None:
    place = r"openapi/openapi\.yaml:\d+"
    assert re.search(
        rf"/special-events is left to the mock as a whole: {place}: GET /special-events takes"
        " endDate, startDate",
        said["events"],
    )
    service = (scaffolded / "impl" / "services" / "events.py").read_text()
    assert service.count("raise NotImplementedError") == service.count("async def") == 5
    assert "unwritten, answered by the mock: create_special_event, " in said["events"]
    assert not (scaffolded / "impl" / "models" / "events.py").exists()


# -- what changes later ---------------------------------------------------------------------------


def edit(project: Path, change: Any) -> None:
    """Change the document as data, and generate."""
    file = project / "openapi" / "openapi.yaml"
    content = yaml.safe_load(file.read_text())
    change(content)
    file.write_text(yaml.dump(content, sort_keys=False, width=100))
    generate(project)


def require_seats(content: Any) -> None:
    schema = content["components"]["schemas"]["Booking"]
    schema["properties"]["seats"] = {"type": "integer"}
    schema["required"] = [*schema.get("required", []), "seats"]


def test_a_new_required_member_is_named_and_added(project: Path, server: Address) -> None:
    edit(project, require_seats)

    assert 'Missing named argument "seats"' in mypy(project)
    checked = findings(project)
    assert checked.returncode == 1
    assert "the document shows seats, which the table bookings has not" in checked.stdout
    told = scaffold(project, server, "bookings")

    assert 'charter migrate --new "add seats to bookings"' in told
    assert "Success" in mypy(project)
    assert ruff(project, "check", "--no-fix") == ruff(project, "format", "--check") == ""
    assert findings(project).returncode == 0
    assert charter_in(project, "migrate", "--compare", **naming(server)).returncode == 1
    new = charter_in(project, "migrate", "--new", "add seats", **naming(server))
    assert new.returncode == 0, new.stderr
    with serving(project, server) as client:
        caller = logged_in(client, "ada@example.com")
        created = client.post("/bookings", json={"seats": 3}, headers=caller)
        assert created.json()["seats"] == 3
        assert client.get("/bookings", headers=caller).json()["data"] == [created.json()]


def test_a_new_optional_object_is_kept_shown_and_changed(project: Path, server: Address) -> None:
    vet = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}

    def visit_a_vet(content: Any) -> None:
        content["components"]["schemas"]["NewPet"]["properties"]["vet"] = vet

    edit(project, visit_a_vet)
    scaffold(project, server, "pets")

    assert "Success" in mypy(project)
    assert ruff(project, "check", "--no-fix") == ""
    charter_in(project, "migrate", "--new", "add vet", **naming(server))
    with serving(project, server) as client:
        caller = logged_in(client, "ada@example.com")
        pet = made(client, caller, vet={"name": "Dr. Who"})
        assert pet["vet"] == {"name": "Dr. Who"}
        where = f"/pets/{pet['id']}"
        put = client.put(where, json={"name": "Rex", "vet": {"name": "Strange"}}, headers=caller)
        assert put.json()["vet"] == {"name": "Strange"}
        assert "vet" not in client.put(where, json={"name": "Rex"}, headers=caller).json()


def test_a_renamed_operation_is_offered_as_a_rename(project: Path, server: Address) -> None:
    def rename(content: Any) -> None:
        content["paths"]["/pets"]["get"]["operationId"] = "findPets"

    edit(project, rename)

    checked = findings(project)
    assert checked.returncode == 1
    assert re.search(r"impl/services/pets\.py:\d+: list_pets keeps no operation", checked.stdout)
    assert "`charter scaffold pets --rename list_pets=find_pets`" in checked.stdout
    before = (project / "impl" / "services" / "pets.py").read_text()
    assert "--rename list_pets=find_pets" in scaffold(project, server, "pets")
    assert (project / "impl" / "services" / "pets.py").read_text() == before

    scaffold(project, server, "pets", "--rename", "list_pets=find_pets")

    after = (project / "impl" / "services" / "pets.py").read_text()
    assert after == before.replace("async def list_pets", "async def find_pets")
    assert findings(project).returncode == 0


def test_a_service_that_was_deleted_is_said_and_written_anew(
    project: Path, server: Address
) -> None:
    service = project / "impl" / "services" / "bookings.py"
    before = service.read_text()
    service.unlink()

    checked = findings(project)
    assert checked.returncode == 1
    assert "BookingService is not in impl.services.bookings" in checked.stdout
    scaffold(project, server, "bookings")

    assert service.read_text() == before
    assert findings(project).returncode == 0
    assert "Success" in mypy(project)


def test_what_is_unwritten_is_said(project: Path, server: Address) -> None:
    assert "unwritten, answered by the mock: get_stations" in scaffold(project, server, "stations")
    assert re.search(r"^\d+ operations are unwritten", findings(project).stdout, re.MULTILINE)


def test_no_line_of_yours_is_changed(project: Path, server: Address) -> None:
    file = project / "impl" / "services" / "pets.py"
    odd = file.read_text().replace("self.pets = pets", "self.pets   =   pets  # as I like it")
    head, _, tail = odd.partition("    async def patch_pet(")
    odd = head + "    async def delete_pet(" + tail.partition("    async def delete_pet(")[2]
    file.write_text(odd + "\n\nX = {  'a':1,\n   'b' : 2 }\n")
    before = file.read_text().splitlines()

    scaffold(project, server, "pets")

    after = file.read_text().splitlines()
    added = [line for line in after if line not in before]
    assert "    async def patch_pet(" in after
    assert "        raise NotImplementedError" in added
    rest = iter(after)
    assert all(line in rest for line in before)  # in this order, each as it was


def test_a_rename_of_what_is_not_there_is_refused(project: Path, server: Address) -> None:
    done = charter_in(project, "scaffold", "pets", "--rename", "no=body", **naming(server))

    assert done.returncode == 1
    assert "--rename no=body: write OLD=NEW" in done.stderr
