"""Failures that are neither the database's nor ours to report: whose they are, and what is said."""

import logging

import httpx2 as httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from starlette.types import Message

from charter.service.outage import DatabaseUnreachable, constraint, is_outage
from impl.core.config import Settings
from impl.db.session import Database
from impl.services.health import HealthService
from tests.people import Person, changed


async def test_an_error_of_the_file_system_is_no_outage_of_the_database(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(self: HealthService) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(HealthService, "get_liveness", full)

    request = client.build_request("GET", "/livez")
    answer = await client._transport.handle_async_request(request)

    assert answer.status_code == 500


async def test_a_database_that_refuses_connections_is_unreachable(settings: Settings) -> None:
    nowhere = Database(changed(settings, db_port=1))

    with pytest.raises(DatabaseUnreachable) as raised:
        async with nowhere.autocommit.connect():
            pass

    assert isinstance(raised.value.__cause__, OSError)
    assert is_outage(raised.value)


async def test_a_broken_constraint_is_known_by_its_name(ada: Person, database: Database) -> None:
    again = text(
        "INSERT INTO users (id, email, password_hash) SELECT gen_random_uuid(), email, '-'"
    )

    async with database.autocommit.connect() as connection:
        with pytest.raises(IntegrityError) as raised:
            await connection.execute(text(f"{again} FROM users"))

    assert constraint(raised.value) == "users_email_key"


async def test_another_constraint_than_that_of_the_address_does_not_mean_taken(
    client: httpx.AsyncClient, database: Database
) -> None:
    async with database.autocommit.connect() as connection:
        await connection.execute(
            text("ALTER TABLE users ADD CONSTRAINT short CHECK (length(full_name) < 3) NOT VALID")
        )
        try:
            body = {"email": "ada@example.com", "password": "x" * 9 + "yz", "full_name": "Ada"}
            request = client.build_request("POST", "/users", json=body)
            answer = await client._transport.handle_async_request(request)
        finally:
            await connection.execute(text("ALTER TABLE users DROP CONSTRAINT short"))

    assert answer.status_code == 500


async def test_a_client_that_aborts_its_upload_is_no_error(
    app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    messages: list[Message] = [
        {"type": "http.request", "body": b'{"email":', "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/users",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"transfer-encoding", b"chunked")],
        "client": ("192.0.2.1", 1),
    }
    with caplog.at_level(logging.INFO):
        await app(scope, receive, send)

    access = [record for record in caplog.records if record.name == "charter.access"]
    assert sent == []
    assert [record.__dict__["status"] for record in access] == [499]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
