"""One request, one transaction: what is kept, what is not, and when a client hears of it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, ClassVar

import asyncpg
import httpx2 as httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event, func, select, text
from starlette.types import Message, Receive, Scope, Send

from impl.core import problems
from impl.core.config import Settings
from impl.core.problems import Problem
from impl.db.session import Database, Session
from impl.models import Base, IdempotencyKey, Item, LoginFailures, User
from tests.items import create_item
from tests.people import MERGE_PATCH, PASSWORD, Person, at, changed, worker


async def rows(database: Database, model: type[Base]) -> int:
    async with database.reading() as session:
        return await session.scalar(select(func.count()).select_from(model)) or 0


# -- the commit comes before the answer -----------------------------------------------------------


async def test_what_a_client_hears_of_is_kept_already(
    app: FastAPI, ada: Person, database: Database
) -> None:
    kept: list[int] = []

    async def watching(scope: Scope, receive: Receive, send: Send) -> None:
        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept.append(await rows(database, Item))  # over a connection of its own
            await send(message)

        await app(scope, receive, watched)

    transport = httpx.ASGITransport(watching)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.post("/items", json={"title": "x"}, headers=ada.headers)

    assert response.status_code == 201
    assert kept == [1]


# -- a commit that fails --------------------------------------------------------------------------

Failing = Callable[[str, str], AbstractAsyncContextManager[None]]
"""While it lasts, whoever wrote to a table fails at the commit with that SQLSTATE."""


@pytest.fixture
def failing_commit(database: Database) -> Failing:
    @asynccontextmanager
    async def failing(table: str, sqlstate: str) -> AsyncIterator[None]:
        async with database.autocommit.connect() as connection:
            for statement in (
                "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$"
                f"BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{sqlstate}'; END $$",
                f"CREATE CONSTRAINT TRIGGER fails AFTER INSERT OR UPDATE OR DELETE ON {table}"
                " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail()",
            ):
                await connection.execute(text(statement))
            try:
                yield
            finally:
                await connection.execute(text("DROP FUNCTION fail CASCADE"))

    return failing


FAILURES = pytest.mark.parametrize(
    ("sqlstate", "status"),
    [
        ("P0001", 500),  # a rule of the database that the service does not know
        ("23514", 500),  # a deferred constraint
        ("40001", 503),  # serialisation failure
        ("40P01", 503),  # deadlock
        ("53100", 503),  # disk full
        ("57P01", 503),  # the server is being shut down
    ],
)


async def create(person: Person) -> httpx.Response:
    """Without holding the answer against the document, which knows of no 500."""
    request = person.client.build_request(
        "POST",
        "/items",
        json={"title": "x"},
        headers=person.headers | {"Idempotency-Key": "k"},
    )
    return await person.client._transport.handle_async_request(request)


@FAILURES
async def test_a_commit_that_fails_is_no_success_and_keeps_nothing(
    ada: Person, database: Database, failing_commit: Failing, sqlstate: str, status: int
) -> None:
    async with failing_commit("items", sqlstate):
        response = await create(ada)

    assert response.status_code == status
    assert ("Retry-After" in response.headers) is (status == 503)
    assert await rows(database, Item) == 0


@FAILURES
async def test_con_3_a_key_whose_request_failed_is_free(
    ada: Person, database: Database, failing_commit: Failing, sqlstate: str, status: int
) -> None:
    async with failing_commit("items", sqlstate):
        failed = await create(ada)
    assert await rows(database, IdempotencyKey) == 0

    again = await create(ada)

    assert (failed.status_code, again.status_code) == (status, 201)
    assert await rows(database, Item) == 1


async def test_the_connection_of_a_failed_commit_can_be_used_again(
    ada: Person, failing_commit: Failing
) -> None:
    async with failing_commit("items", "40001"):
        failed = [(await create(ada)).status_code for _ in range(12)]  # more than the pool holds

    assert failed == [503] * 12
    assert (await ada.get("/items")).status_code == 200
    assert (await create(ada)).status_code == 201


async def test_no_login_succeeds_whose_session_is_not_kept(
    ada: Person, failing_commit: Failing
) -> None:
    async with failing_commit("sessions", "40001"):
        login = await ada.log_in()
        refresh = await ada.refresh()

    assert (login.status_code, refresh.status_code) == (503, 503)
    assert (await ada.refresh()).status_code == 200


# -- problems -------------------------------------------------------------------------------------


class Kept(Problem):
    """What was written stays, although the operation failed."""

    keeps_changes: ClassVar[bool] = True


@pytest.fixture
async def small_client(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """At a service of a few operations, with the transactions of the real one."""
    app = FastAPI()
    app.state.database = database
    problems.install(app)

    async def write(session: Session) -> None:
        await session.add(User(email="ada@example.com", password_hash="-"))

    @app.post("/returns")
    async def returns(session: Session) -> None:
        await write(session)

    @app.post("/problem")
    async def problem(session: Session) -> None:
        await write(session)
        raise Problem("No.")

    @app.post("/kept")
    async def kept(session: Session) -> None:
        await write(session)
        raise Kept("No, and yet.")

    @app.post("/fault")
    async def fault(session: Session) -> None:
        await write(session)
        raise RuntimeError

    @app.api_route("/times", methods=["GET", "HEAD", "POST", "DELETE"])
    async def times(session: Session) -> list[Any]:
        """When the transaction of each statement began."""
        return [str(await session.scalar(text("SELECT now()"))) for _ in range(2)]

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


@pytest.mark.parametrize(
    ("path", "status", "kept"),
    [("/returns", 200, 1), ("/problem", 400, 0), ("/kept", 400, 1), ("/fault", 500, 0)],
)
async def test_an_operation_keeps_its_changes_if_it_returns_or_its_problem_says_so(
    small_client: httpx.AsyncClient, database: Database, path: str, status: int, kept: int
) -> None:
    response = await small_client.post(path)

    assert response.status_code == status
    assert await rows(database, User) == kept


async def test_a_problem_that_keeps_changes_is_none_if_they_cannot_be_kept(
    small_client: httpx.AsyncClient, database: Database, failing_commit: Failing
) -> None:
    async with failing_commit("users", "P0001"):
        response = await small_client.post("/kept")

    assert response.status_code == 500
    assert await rows(database, User) == 0


async def test_a_failed_login_is_counted_although_it_failed(
    ada: Person, database: Database
) -> None:
    response = await ada.log_in(password="wrong")

    assert response.status_code == 401
    assert await rows(database, LoginFailures) == 1


async def test_a_refused_registration_keeps_nothing(ada: Person, database: Database) -> None:
    body = {"email": ada.email, "password": PASSWORD}

    response = await ada.client.post("/users", json=body)

    assert response.status_code == 409
    assert await rows(database, User) == 1


# -- safe methods ---------------------------------------------------------------------------------


async def test_a_safe_method_reads_statement_by_statement(small_client: httpx.AsyncClient) -> None:
    reading = (await small_client.get("/times")).json()
    writing = (await small_client.post("/times")).json()

    assert reading[0] != reading[1]
    assert writing[0] == writing[1]


@pytest.fixture
def transactions(app: FastAPI) -> Iterator[list[str]]:
    """How the service begins and ends transactions: what the driver sends for that."""
    sent: list[str] = []
    engine = app.state.database.engine.sync_engine

    def record(query: asyncpg.connection.LoggedQuery) -> None:
        word = query.query.split()[0].strip(";")
        if word in {"BEGIN", "COMMIT", "ROLLBACK"}:
            sent.append(word)

    def watch(connection: Any, *_: Any) -> None:
        connection.driver_connection.add_query_logger(record)

    def unwatch(connection: Any, *_: Any) -> None:
        connection.driver_connection.remove_query_logger(record)

    event.listen(engine, "checkout", watch)
    event.listen(engine, "checkin", unwatch)
    yield sent
    event.remove(engine, "checkout", watch)
    event.remove(engine, "checkin", unwatch)


async def test_no_safe_operation_opens_a_transaction(
    admin: Person, transactions: list[str]
) -> None:
    await admin.get("/readyz")  # which tries to write where a test before had a full disk
    transactions.clear()
    item = await create_item(admin)
    assert transactions == []  # a single change is one by itself
    await admin.patch("/users/me", json={"full_name": "Ada"}, headers=MERGE_PATCH)
    assert transactions == ["BEGIN", "COMMIT"]
    transactions.clear()
    paths = ["/items", f"/items/{item['id']}", "/users", f"/users/{admin.id}", "/users/me"]
    paths += ["/auth/sessions", "/readyz", "/livez"]

    for path in paths:
        answers = [await admin.get(path), await admin.request("HEAD", path)]

        assert [answer.status_code for answer in answers] == [200, 200], path
        assert transactions == [], path


async def test_a_refused_change_commits_nothing(
    ada: Person, grace: Person, transactions: list[str]
) -> None:
    item = await create_item(ada)
    transactions.clear()

    response = await grace.delete(f"/items/{item['id']}", headers={"If-Match": "*"})
    await asyncio.sleep(0)  # the driver tells of a statement one turn later

    assert response.status_code == 404
    assert transactions == ["BEGIN", "ROLLBACK"]


# -- a commit that takes longer than the request may ----------------------------------------------


async def test_a_commit_that_has_begun_is_not_cut_in_two(
    settings: Settings, ada: Person, database: Database
) -> None:
    async with database.autocommit.connect() as connection:
        for statement in (
            "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS"
            " $$BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$",
            "CREATE CONSTRAINT TRIGGER dawdles AFTER INSERT ON items"
            " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dawdle()",
        ):
            await connection.execute(text(statement))
        try:
            async with worker(changed(settings, request_timeout_seconds=0.5)) as client:
                response = await at(client, ada).post("/items", json={"title": "x"})
        finally:
            await connection.execute(text("DROP FUNCTION dawdle CASCADE"))

    assert response.status_code == 201
    assert await rows(database, Item) == 1
