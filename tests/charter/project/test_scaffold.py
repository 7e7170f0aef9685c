"""`charter scaffold`: a resource is written whole, keeps what it is told, and passes the checks.

The command is called in this process. One project holds every case. Its copy, whose document has
grown since, is what is served, once: a service that has learned of new members does all that the
first version of it did.
"""

import asyncio
import contextlib
import dataclasses
import functools
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from charter.document import Document
from charter.postgres import Address, databases
from charter.project import scaffold as scaffolding
from tests.charter.command_line import TYPED, charter_here, charter_in, naming
from tests.charter.project.copies import UNWANTED, add, copied, rewrite
from tests.charter.project.test_reload import running
from tests.conftest import JWT_SECRET
from tests.data import DATA
from tests.people import PASSWORD

PETS = Path(__file__).with_name("pets.yaml")
STAMPS = Path(__file__).with_name("stamps.yaml")
BOOKINGS = DATA / "cases" / "bookings.yaml"
MUSEUM = DATA / "specs" / "museum.yaml"
TAGS = (
    "pets", "bookings", "payments", "stations", "trips", "operations", "events", "tickets",
    "stamps", "albums", "boxes", "passes", "types",
)  # fmt: skip

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


def called(project: Path, command: Callable[[], int], server: Address) -> tuple[int, str]:
    """What a command of charter answers and says in a project."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
        patch.chdir(project)
        for name, value in naming(server).items():
            patch.setenv(name, value)
        return command(), said.getvalue()


@dataclass(frozen=True)
class Team:
    """A project, and what its team does with it."""

    project: Path
    server: Address

    def scaffold(self, *tags: str, rename: str | None = None) -> str:
        work = functools.partial(scaffolding.run, tags, rename)
        code, said = called(self.project, work, self.server)
        assert code == 0
        return said

    def findings(self) -> tuple[int, str]:
        return called(self.project, scaffolding.check, self.server)

    def run(self, *command: str) -> str:
        """What a program of the environment says, with its exit code where that isn't 0."""
        done = subprocess.run(
            [Path(sys.executable).with_name(command[0]), *command[1:]],
            cwd=self.project,
            env=os.environ | TYPED,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout + (f"exit code {done.returncode}" if done.returncode else "")

    def mypy(self) -> str:
        return self.run("mypy")

    def is_tidy(self) -> bool:
        checked = self.run("ruff", "check", "--no-fix", "--quiet", ".")
        return checked + self.run("ruff", "format", "--quiet", "--check", ".") == ""

    def edit(self, change: Callable[[Any], None]) -> None:
        """Change the document as data, and generate."""
        content = Document(self.project / "openapi" / "openapi.yaml").content
        change(content)
        rewrite(self.project, content)

    @contextlib.contextmanager
    def serving(self, database: Address) -> Iterator[httpx.Client]:
        address = re.compile(r"the API +(http://127\.0\.0\.1:\d+)")
        with running(self.project, "serve", JWT_SECRET=JWT_SECRET, **naming(database)) as service:
            service.wait_for(address, 1)
            with httpx.Client(base_url=address.findall(service.said)[0]) as client:
                yield client


@pytest.fixture(scope="module")
def scaffolded(tmp_path_factory: pytest.TempPathFactory, server: Address) -> Team:
    """A project with the paths of four documents, in which every tag has been scaffolded."""
    project = copied(tmp_path_factory.mktemp("scaffolded"))
    add(project, *(Document(file).content for file in (PETS, BOOKINGS, MUSEUM, STAMPS)))
    team = Team(project, server)
    (project / "said").write_text(team.scaffold(*TAGS))
    return team


@pytest.fixture(scope="module")
def said(scaffolded: Team) -> str:
    """What scaffold said of all of them."""
    return (scaffolded.project / "said").read_text()


@pytest.fixture
def team(scaffolded: Team, tmp_path: Path) -> Team:
    """The same for a test that changes it."""
    return copy_of(scaffolded, tmp_path)


def copy_of(team: Team, folder: Path) -> Team:
    project = shutil.copytree(team.project, folder / "project", ignore=UNWANTED)
    return Team(project, team.server)


def grow(content: Any) -> None:
    """A required member and an optional object more."""
    schemas = content["components"]["schemas"]
    schemas["Booking"]["properties"]["seats"] = {"type": "integer"}
    schemas["Booking"]["required"] = [*schemas["Booking"].get("required", []), "seats"]
    schemas["NewPet"]["properties"]["vet"] = {
        "type": "object", "required": ["name"], "properties": {"name": {"type": "string"}},
    }  # fmt: skip


@dataclass(frozen=True)
class Grown:
    """A project whose document has grown, and what was said before and while scaffold ran again."""

    team: Team
    typed: str
    findings: tuple[int, str]
    told: str


@pytest.fixture(scope="module")
def grown(scaffolded: Team, tmp_path_factory: pytest.TempPathFactory) -> Grown:
    team = copy_of(scaffolded, tmp_path_factory.mktemp("grown"))
    team.edit(grow)
    return Grown(team, team.mypy(), team.findings(), team.scaffold("bookings", "pets"))


@pytest.fixture(scope="module")
def migration(grown: Grown) -> str:
    """What the grown tables lack in the database."""
    team = grown.team
    new = charter_in(team.project, "migrate", "--new", "grow", **naming(team.server))
    assert new.returncode == 0, new.stderr
    return next(team.project.glob("alembic/versions/*_grow.py")).read_text()


@pytest.fixture(scope="module")
def database(server: Address) -> Iterator[Address]:
    with databases.scratch(server) as address:
        yield address


@pytest.fixture(scope="module")
def client(grown: Grown, migration: str, database: Address) -> Iterator[httpx.Client]:
    with grown.team.serving(database) as client:
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


def test_what_is_written_passes_every_check(scaffolded: Team) -> None:
    assert scaffolded.is_tidy()
    assert "Success" in scaffolded.mypy()
    assert "0 broken" in scaffolded.run("lint-imports")
    assert scaffolded.findings()[0] == 0


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


HUGE = 10**30


def test_a_whole_number_of_any_size_is_kept(client: httpx.Client, ada: dict[str, str]) -> None:
    sent = {"country": "Mauritius", "value": HUGE, "year": 1847, "serial": 2**63 - 1}

    stamp = client.post("/stamps", json=sent, headers=ada).json()

    assert client.get(f"/stamps/{stamp['id']}", headers=ada).json() == stamp
    assert stamp.items() >= sent.items()
    of_value = client.get("/stamps", params={"value": HUGE}, headers=ada).json()
    assert of_value == {"stamps": [stamp], "total": 1}


@pytest.mark.parametrize("query", [{"page": HUGE}, {"page": 2, "limit": HUGE}, {"year": HUGE}])
def test_a_list_reaches_to_no_row_of_a_huge_number(
    client: httpx.Client, ada: dict[str, str], query: dict[str, int]
) -> None:
    found = client.get("/stamps", params=query, headers=ada)

    assert (found.status_code, found.json()["stamps"]) == (200, [])


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_nothing_has_an_identity_beyond_64_bits(
    client: httpx.Client, ada: dict[str, str], method: str
) -> None:
    assert client.request(method, f"/stamps/{HUGE}", headers=ada).status_code == 404


def test_what_postgresql_can_not_keep_is_refused_as_the_document_refuses(
    client: httpx.Client, ada: dict[str, str]
) -> None:
    stamp = {"country": "a NUL: \0", "value": 1}

    assert client.post("/stamps", json=stamp, headers=ada).status_code == 400
    assert client.post("/pets", json=PET | {"name": "\0"}, headers=ada).status_code == 422


def test_an_identity_is_the_clients_or_one_that_no_client_has_sent(
    client: httpx.Client, ada: dict[str, str]
) -> None:
    def add(**members: Any) -> httpx.Response:
        return client.post("/albums", json=members, headers=ada)

    numbers = [add().json()["number"] for _ in range(2)]

    assert add(number=1, name="first").status_code == 201
    assert add(number=1, name="second").status_code == 409
    assert client.get("/albums/1", headers=ada).json() == {"number": 1, "name": "first"}
    assert len({1, *numbers}) == 3
    assert all(0 < number < 2**31 for number in numbers)  # its format is int32


def test_who_was_just_deleted_is_told_so_and_not_of_a_conflict(
    client: httpx.Client, database: Address
) -> None:
    alan = logged_in(client, "alan@example.com")
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )

    async def made_beside_a_deletion() -> httpx.Response:
        async with databases.connected(database) as connection:
            async with connection.transaction():
                await connection.execute("DELETE FROM users WHERE email = 'alan@example.com'")
                post = functools.partial(client.post, "/albums", json={"number": 7}, headers=alan)
                creation = asyncio.create_task(asyncio.to_thread(post))
                while not await connection.fetchval(waiting):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            return await creation

    assert asyncio.run(made_beside_a_deletion()).status_code == 401


def test_a_merge_patch_reaches_into_objects(client: httpx.Client, ada: dict[str, str]) -> None:
    home = {"street": "Elm", "number": 1}
    owner = {"name": "Ada", "born": "1815-12-10", "home": home}
    body = {"owner": owner, "words": {"en": "pass"}}
    path = f"/passes/{client.post('/passes', json=body, headers=ada).json()['id']}"
    patch = {"owner": {"born": None, "home": {"number": 2}}, "words": {"fr": "passe"}}
    kind = {"Content-Type": "application/merge-patch+json"}

    answer = client.patch(path, content=json.dumps(patch), headers=ada | kind)

    changed = client.get(path, headers=ada).json()
    assert answer.json() == changed
    assert changed["owner"] == {"name": "Ada", "home": {"street": "Elm", "number": 2}}
    assert changed["words"] == {"en": "pass", "fr": "passe"}


@pytest.mark.parametrize(("path", "member"), [("passes", "class"), ("types", "name")])
def test_a_resource_may_be_called_like_a_word_of_python(
    client: httpx.Client, ada: dict[str, str], path: str, member: str
) -> None:
    made = client.post(f"/{path}", json={member: "x"}, headers=ada)

    key = made.json().get("id") or made.json()["type"]
    assert client.get(f"/{path}/{key}", headers=ada).json() == made.json()
    assert made.json()[member] == "x"


def test_what_is_left_to_the_mock_is_said_with_the_reason(said: str) -> None:
    assert "POST /boxes takes number, and declares no 409 for one that is there already." in said
    assert "impl/services/stations.py: left to the mock as a whole: no POST at a path" in said


def test_a_status_that_no_code_answers_is_said_with_what_the_fuzzer_wants(said: str) -> None:
    line = next(line for line in said.splitlines() if "POST /stamps declares" in line)

    assert "declares 403 and 409, which add_stamp never answers" in line  # it asks for no scope
    assert line.endswith('"addStamp 403" = "...", "addStamp 409" = "...".')
    assert "GET /stamps/{stampId} declares" not in said  # its 404 is written


def test_a_page_is_found_by_an_index(scaffolded: Team) -> None:
    models = scaffolded.project / "impl" / "models"

    assert 'Index(None, "owner_id", "id")' in (models / "bookings.py").read_text()
    assert 'Index(None, "owner_id", "added_at", "id")' in (models / "stamps.py").read_text()


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


def test_xml_is_taken_as_json_is(client: httpx.Client, ada: dict[str, str]) -> None:
    xml = ada | {"Content-Type": "application/xml"}

    created = client.post("/pets", content="<NewPet><name>Rex</name></NewPet>", headers=xml)
    refused = client.post("/pets", content="<NewPet><nome>Rex</nome></NewPet>", headers=xml)

    assert (created.status_code, created.json()["name"]) == (201, "Rex")
    assert refused.status_code == 422


def test_another_media_type_is_refused_and_named_with_its_line(
    client: httpx.Client, ada: dict[str, str], said: str, scaffolded: Team
) -> None:
    unknown = ada | {"Content-Type": "application/octet-stream"}

    assert client.post("/pets", content=b"pet", headers=unknown).status_code == 415
    place = re.search(r"openapi/openapi\.yaml:(\d+): POST /pets takes .*JSON", said)
    assert place is not None
    lines = (scaffolded.project / "openapi" / "openapi.yaml").read_text().splitlines()
    assert lines[int(place[1]) - 1].strip() in ("post:", "operationId: addPet")


def test_a_page_whose_data_stands_in_a_branch_of_an_all_of_is_filled(
    client: httpx.Client, ada: dict[str, str]
) -> None:
    trip = {"trip_id": "4f4e4e1d-c824-4d63-b37a-d8d698862f1d"}
    booking = trip | {"passenger_name": "Ada", "seats": 3}

    created = client.post("/bookings", json=booking, headers=ada)

    assert created.status_code == 201
    shown = client.get(f"/bookings/{created.json()['id']}", headers=ada)
    assert shown.json() == created.json() == booking | {"id": created.json()["id"]}
    assert client.get("/bookings", headers=ada).json()["data"] == [created.json()]


def test_a_resource_that_is_not_understood_is_left_whole_with_the_reason(
    said: str, scaffolded: Team
) -> None:
    place = r"openapi/openapi\.yaml:\d+"
    assert re.search(
        rf"/special-events is left to the mock as a whole: {place}: GET /special-events takes"
        " endDate, startDate",
        said,
    )
    service = (scaffolded.project / "impl" / "services" / "events.py").read_text()
    assert service.count("raise NotImplementedError") == service.count("async def") == 5
    assert "unwritten, answered by the mock: create_special_event, " in said
    assert not (scaffolded.project / "impl" / "models" / "events.py").exists()


# -- what changes later ---------------------------------------------------------------------------


def test_a_new_member_is_named_by_mypy_and_by_check(grown: Grown) -> None:
    assert 'Missing named argument "seats"' in grown.typed
    code, words = grown.findings
    assert code == 1
    assert "the document shows seats, which the table bookings lacks" in words
    assert "the document shows vet, which the table pets lacks" in words


def test_a_new_member_is_added_as_the_checks_want_it(grown: Grown) -> None:
    assert 'charter migrate --new "add seats to bookings"' in grown.told
    assert "Success" in grown.team.mypy()
    assert grown.team.is_tidy()
    assert grown.team.findings()[0] == 0


def test_the_migrations_are_all_that_the_tables_need(migration: str) -> None:
    upgrade = migration[: migration.index("def downgrade")]

    changed = re.findall(r"op\.(\w+)\(\s*['\"](\w+)['\"],\s*sa\.Column\(['\"](\w+)", upgrade)

    assert sorted(changed) == [("add_column", "bookings", "seats"), ("add_column", "pets", "vet")]
    required = ('op.execute("UPDATE bookings SET seats = 0', 'op.alter_column("bookings", "seats"')
    assert all(step in " ".join(upgrade.split()).replace("( ", "(") for step in required)
    assert upgrade.count("op.") == len(changed) + len(required)


def test_a_new_optional_object_is_kept_shown_and_changed(
    client: httpx.Client, ada: dict[str, str]
) -> None:
    pet = made(client, ada, vet={"name": "Dr. Who"})

    def put(**vet: Any) -> Any:
        where = f"/pets/{pet['id']}"
        return client.put(where, json={"name": "Rex"} | vet, headers=ada).json()

    assert pet["vet"] == {"name": "Dr. Who"}
    assert put(vet={"name": "Strange"})["vet"] == {"name": "Strange"}
    assert "vet" not in put()


def test_a_member_of_another_type_is_said_where_mypy_takes_both_for_the_same(team: Team) -> None:
    def widen(content: Any) -> None:
        stamp = content["components"]["schemas"]["NewStamp"]["properties"]
        stamp["serial"] = {"type": "number"}
        stamp["country"] = {"type": "object", "properties": {"code": {"type": "string"}}}

    team.edit(widen)

    code, words = team.findings()
    assert code == 1
    line = r"impl/models/stamps\.py:\d+: {} is kept as {}, and the document has another type\."
    assert re.search(line.format("serial", "int"), words)
    assert "Let it be `serial: Mapped[float | None] = mapped_column(Double)`" in words
    assert "country is kept" not in words  # mypy says so, and a team may have its reasons
    assert re.search(line.format("country", "str"), team.scaffold("stamps"))


def test_a_renamed_operation_is_offered_as_a_rename(team: Team) -> None:
    def rename(content: Any) -> None:
        content["paths"]["/pets"]["get"]["operationId"] = "findPets"

    team.edit(rename)
    service = team.project / "impl" / "services" / "pets.py"
    before = service.read_text()

    code, words = team.findings()
    assert code == 1
    assert re.search(r"impl/services/pets\.py:\d+: list_pets implements no operation", words)
    assert "`charter scaffold pets --rename list_pets=find_pets`" in words
    assert "--rename list_pets=find_pets" in team.scaffold("pets")
    assert service.read_text() == before

    team.scaffold("pets", rename="list_pets=find_pets")

    after = before.replace("async def list_pets", "async def find_pets")
    assert service.read_text() == after.replace("ListPetsResponse200", "FindPetsResponse200")
    assert team.findings()[0] == 0


def test_a_rename_reaches_the_classes_that_are_called_as_the_operation(team: Team) -> None:
    def rename(content: Any) -> None:
        content["paths"]["/bookings"]["post"]["operationId"] = "make-booking"

    team.edit(rename)
    service = team.project / "impl" / "services" / "bookings.py"

    team.scaffold("bookings", rename="create_booking=make_booking")

    assert "schemas.MakeBookingResponse201" in service.read_text()
    assert "CreateBooking" not in service.read_text()
    assert team.findings()[0] == 0
    assert "Success" in team.mypy()


def test_a_service_that_was_deleted_is_said_and_written_anew(team: Team) -> None:
    service = team.project / "impl" / "services" / "bookings.py"
    dependencies = team.project / "impl" / "dependencies.py"
    before = service.read_text(), dependencies.read_text()
    service.unlink()

    code, words = team.findings()
    assert code == 1
    assert "BookingService is not in impl.services.bookings" in words
    team.scaffold("bookings")

    assert (service.read_text(), dependencies.read_text()) == before
    assert team.findings()[0] == 0


def test_a_class_is_not_called_as_that_of_another_tag(tmp_path: Path, server: Address) -> None:
    answers = {"204": {"description": "Nobody is there."}}
    operation = {"operationId": "whoIs", "tags": ["user"], "security": [], "responses": answers}
    add(project := copied(tmp_path), {"paths": {"/user": {"get": operation}}})

    Team(project, server).scaffold("user")

    service = project / "impl" / "services" / "user_api.py"
    assert "class UserApiService(UserOperations):" in service.read_text()
    dependencies = (project / "impl" / "dependencies.py").read_text()
    assert "from impl.services.user_api import UserApiService\n" in dependencies
    assert "from impl.services.users import UserService\n" in dependencies


def declare_conflict(content: Any) -> None:
    responses = content["paths"]["/boxes"]["post"]["responses"]
    responses["409"] = {"description": "It is there already."}


def test_a_resource_is_written_once_the_document_admits_it(team: Team) -> None:
    def extend(content: Any) -> None:
        declare_conflict(content)
        get = content["paths"]["/boxes/{number}"]["get"]
        responses = {"204": {"description": "Gone."}, "404": {"description": "There is none."}}
        delete = get | {"operationId": "deleteBox", "responses": responses}
        content["paths"]["/boxes/{number}"]["delete"] = delete

    team.edit(extend)  # what was written knows nothing of the deletion

    said = team.scaffold("boxes")

    assert "+ impl/services/boxes.py" in said
    assert "+ impl/dependencies.py" in said
    assert "BoxRepository(session)" in (team.project / "impl" / "dependencies.py").read_text()
    assert team.scaffold("boxes") == "impl/services/boxes.py lacks nothing.\n"
    assert "Success" in team.mypy()


def test_a_resource_with_too_few_identities_is_left_to_the_mock(team: Team) -> None:
    def narrow(content: Any) -> None:
        declare_conflict(content)
        content["components"]["schemas"]["Numbered"]["properties"]["number"]["maximum"] = 1000

    team.edit(narrow)
    (team.project / "impl" / "services" / "boxes.py").unlink()

    assert re.search(
        r"/boxes is left to the mock as a whole: .+: POST /boxes: number may be left out, and its"
        " schema admits too few numbers",
        team.scaffold("boxes"),
    )


@pytest.mark.parametrize(
    ("written", "by_hand"),
    [
        ('    """', '    """Boxes as Ada wants them: '),
        ("NotImplementedError\n", 'NotImplementedError("waits for the porter")\n'),
        ("(BoxesOperations):", "(BoxesOperations, Generic[int]):"),
        ("class ", "@final\nclass "),
        ("    async def ", "    @override\n    async def "),
    ],
)
def test_nothing_is_written_over_a_word_of_yours(team: Team, written: str, by_hand: str) -> None:
    team.edit(declare_conflict)
    service = team.project / "impl" / "services" / "boxes.py"
    before = service.read_text().replace(written, by_hand, 1)
    assert by_hand in before
    service.write_text(before)

    said = team.scaffold("boxes")

    assert service.read_text() == before
    assert (
        "impl/services/boxes.py is not as scaffold wrote it, and stays: delete it, and `charter"
        " scaffold boxes` writes it with a table.\n"
    ) in said


def test_a_tag_that_is_new_or_gone_is_said_since_the_service_does_not_start(team: Team) -> None:
    dependencies = team.project / "impl" / "dependencies.py"
    before = dependencies.read_text()
    dependencies.write_text(before.replace("        pets=pets,\n", "        cats=pets,\n"))

    code, words = team.findings()
    assert code == 1
    assert re.search(r"dependencies\.py:\d+: .*`api.build` also takes `pets` now", words)
    assert "`charter scaffold pets` adds it" in words
    assert re.search(r"dependencies\.py:\d+: .* takes no `cats` any more", words)
    assert "takes no `cats`" in charter_in(team.project, "generate").stdout


@pytest.mark.parametrize("content", [None, "x = ("], ids=["missing", "not Python"])
def test_a_module_that_cannot_be_read_is_named_and_nothing_is_written(
    team: Team, content: str | None
) -> None:
    dependencies = team.project / "impl" / "dependencies.py"
    dependencies.unlink() if content is None else dependencies.write_text(content)
    service = team.project / "impl" / "services" / "pets.py"
    service.unlink()

    for arguments in (["scaffold", "pets"], ["scaffold", "--check"]):
        done = charter_here(team.project, *arguments)
        assert done.returncode == 1
        assert re.fullmatch(r"charter: impl/dependencies\.py(:1)?\b.+\n", done.stderr), done.stderr
    assert not service.exists()


def test_without_a_database_the_migration_is_left_for_later(
    tmp_path: Path, server: Address, capfd: pytest.CaptureFixture[str]
) -> None:
    project = copied(tmp_path)
    add(project, Document(STAMPS).content)

    code, said = called(
        project, lambda: scaffolding.run(["albums"]), dataclasses.replace(server, port=1)
    )

    assert code == 1
    assert said.endswith(
        'The code is written, the migration is not: `charter migrate --new "add albums"` writes it,'
        " once nothing stands against it.\n"
    )
    assert "Traceback" not in capfd.readouterr().err


def test_without_generated_code_the_remedy_is_named(team: Team) -> None:
    (team.project / "generated" / "schemas.py").unlink()

    done = charter_here(team.project, "scaffold", "pets")

    assert done.returncode == 1
    assert (
        done.stderr == "charter: generated/schemas.py is missing: run `charter generate` first.\n"
    )


def test_code_that_no_caller_reaches_is_said(team: Team) -> None:
    def lock(content: Any) -> None:
        content["components"]["securitySchemes"]["door"] = {"type": "http", "scheme": "basic"}
        content["paths"]["/pets"]["get"]["security"] = [{"door": []}]
        content["paths"]["/pets"]["post"]["security"] = [{"door": []}, {}]

    team.edit(lock)

    said = team.scaffold("pets")
    assert "impl/authentication.py does not check door yet" in said
    assert "the mock answers list_pets." in said
    assert (
        "1 operation with code, whose credentials impl/authentication.py does not check"
        in (team.findings()[1])
    )

    authentication = team.project / "impl" / "authentication.py"
    text = authentication.read_text()
    authentication.write_text(text.replace("raise NotImplementedError", "raise InvalidToken"))
    assert "does not check" not in team.scaffold("pets") + team.findings()[1]


def test_what_is_unwritten_is_said(scaffolded: Team) -> None:
    assert "unwritten, answered by the mock: get_stations" in scaffolded.scaffold("stations")
    assert re.search(r"development: \d+ operations without code\.", scaffolded.findings()[1])


def test_no_line_of_yours_is_changed(team: Team) -> None:
    file = team.project / "impl" / "services" / "pets.py"
    odd = file.read_text().replace("self.pets = pets", "self.pets   =   pets  # as I like it")
    head, _, tail = odd.partition("    async def patch_pet(")
    odd = head + "    async def delete_pet(" + tail.partition("    async def delete_pet(")[2]
    file.write_text(odd + "\n\nX = {  'a':1,\n   'b' : 2 }\n")
    before = file.read_text().splitlines()

    team.scaffold("pets")

    after = file.read_text().splitlines()
    added = [line for line in after if line not in before]
    assert "    async def patch_pet(" in after
    assert "        raise NotImplementedError" in added
    rest = iter(after)
    assert all(line in rest for line in before)  # in this order, each as it was


def test_a_rename_of_what_is_not_there_is_refused(scaffolded: Team) -> None:
    done = charter_here(scaffolded.project, "scaffold", "pets", "--rename", "no=body")

    assert done.returncode == 1
    assert "--rename no=body: write OLD=NEW" in done.stderr
