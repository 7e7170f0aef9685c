"""The audit trail: LOG-2 of docs/security.md, and the table of events there."""

import json
import logging
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import pytest

from charter.service.events import SecurityEvent
from charter.service.telemetry import json_handler
from impl.core.config import Settings
from tests.data import ROOT
from tests.people import PASSWORD, Person, at, changed, worker

Events = Callable[[], list[dict[str, Any]]]

PAGE = ROOT / "docs" / "security.md"
ROW = re.compile(r"^\| `([a-z_]+)` \|", re.MULTILINE)
FORGED = '\r\n{"level": "ERROR", "logger": "charter.security", "message": "forged"}'


@contextmanager
def lines_of(logger: str) -> Iterator[Events]:
    """Hands out the lines of a logger since it was last asked, as the log has them."""
    stream = StringIO()
    handler = json_handler(stream)

    def written() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in stream.getvalue().splitlines()]
        stream.seek(0)
        stream.truncate()
        return [line for line in lines if line["logger"] == logger]

    logging.getLogger().addHandler(handler)
    try:
        yield written
    finally:
        logging.getLogger().removeHandler(handler)


@pytest.fixture
def events(client: httpx.AsyncClient) -> Iterator[Events]:
    with lines_of("charter.security") as events:
        yield events


async def event_of(
    events: Events, name: SecurityEvent, user_id: str | None, asked: Awaitable[httpx.Response]
) -> dict[str, Any]:
    """The one event of a request, which can be found by what the client got."""
    events()
    answer = await asked
    (event,) = [event for event in events() if event["message"] == name]
    assert event["user_id"] == user_id
    assert event["request_id"] == answer.headers["X-Request-ID"]
    assert event["address"] == "127.0.0.1"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["time"])
    return event


# -- logins and passwords -------------------------------------------------------------------------


async def test_log_2_a_login_is_an_event(ada: Person, events: Events) -> None:
    event = await event_of(events, SecurityEvent.LOGIN_SUCCEEDED, ada.id, ada.log_in())

    sessions = (await ada.get("/auth/sessions")).json()["data"]
    assert event["session_id"] == sessions[0]["id"]


async def test_log_2_a_failed_login_is_an_event(ada: Person, admin: Person, events: Events) -> None:
    nobody = Person(ada.client, "", "nobody@example.com")

    await event_of(events, SecurityEvent.LOGIN_FAILED, ada.id, ada.log_in(password="wrong one"))
    await event_of(events, SecurityEvent.LOGIN_FAILED, None, nobody.log_in())
    await admin.patch(f"/users/{ada.id}", json={"active": False})
    await event_of(events, SecurityEvent.LOGIN_FAILED, ada.id, ada.log_in())


async def test_log_2_a_lock_out_is_an_event(ada: Person, settings: Settings) -> None:
    async with worker(changed(settings, login_max_failures=1)) as client:
        with lines_of("charter.security") as events:
            guess = at(client, ada).log_in(password="wrong one")
            event = await event_of(events, SecurityEvent.LOGIN_LOCKED, ada.id, guess)
            await event_of(events, SecurityEvent.LOGIN_REFUSED, None, at(client, ada).log_in())

    assert event["level"] == "WARNING"


async def test_log_2_a_new_password_is_an_event(ada: Person, events: Events) -> None:
    change = {"current_password": PASSWORD, "new_password": f"{PASSWORD}!"}
    path = "/users/me/password"

    await event_of(events, SecurityEvent.PASSWORD_CHANGED, ada.id, ada.put(path, json=change))
    refused = ada.put(path, json=change)
    await event_of(events, SecurityEvent.PASSWORD_CHANGE_REFUSED, ada.id, refused)


# -- sessions -------------------------------------------------------------------------------------


async def test_log_2_a_replayed_refresh_token_is_an_event(ada: Person, events: Events) -> None:
    tokens = [ada.tokens["refresh_token"]]
    for _ in range(2):
        tokens.append((await ada.refresh(tokens[-1])).json()["refresh_token"])

    replay = ada.refresh(tokens[0])
    event = await event_of(events, SecurityEvent.REFRESH_TOKEN_REUSED, ada.id, replay)

    assert event["level"] == "WARNING"
    assert event["session_id"]


async def test_log_2_what_was_never_a_token_is_no_replay(ada: Person, events: Events) -> None:
    await ada.refresh("nonsense")
    await ada.delete("/auth/sessions")
    events()
    await ada.refresh()  # it was never spent: the session is over

    assert events() == []


async def test_log_2_the_end_of_a_session_is_an_event(ada: Person, events: Events) -> None:
    current = ada.tokens
    await ada.log_in()
    session = (await ada.get("/auth/sessions")).json()["data"][1]["id"]

    revocation = ada.post("/auth/revoke", data={"token": current["refresh_token"]})
    event = await event_of(events, SecurityEvent.SESSION_REVOKED, ada.id, revocation)
    assert event["session_id"] == session
    await ada.post("/auth/revoke", data={"token": current["refresh_token"]})
    assert events() == []  # it was over
    everywhere = ada.delete("/auth/sessions")
    event = await event_of(events, SecurityEvent.SESSION_REVOKED, ada.id, everywhere)
    assert event["sessions"] == "all"


# -- rights and accounts --------------------------------------------------------------------------


async def test_log_2_a_refused_right_is_an_event(ada: Person, events: Events) -> None:
    event = await event_of(events, SecurityEvent.RIGHTS_REFUSED, ada.id, ada.get("/users"))

    assert (event["missing"], event["level"]) == ("users:admin", "WARNING")


async def test_log_2_the_life_of_an_account_is_events(
    ada: Person, admin: Person, events: Events
) -> None:
    path = f"/users/{ada.id}"
    body = {"email": "new@example.com", "password": PASSWORD}
    created = await admin.client.post("/users", json=body)
    (event,) = events()
    assert (event["message"], event["user_id"]) == ("user_created", created.json()["id"])

    for name, patch in (
        (SecurityEvent.ROLE_CHANGED, {"administrator": True}),
        (SecurityEvent.USER_DEACTIVATED, {"active": False}),
        (SecurityEvent.USER_REACTIVATED, {"active": True}),
    ):
        event = await event_of(events, name, ada.id, admin.patch(path, json=patch))
        assert event["by"] == admin.id
        await admin.patch(path, json=patch)
        assert events() == []  # nothing has changed
    event = await event_of(events, SecurityEvent.USER_DELETED, ada.id, admin.delete(path))
    assert event["by"] == admin.id
    await admin.delete(f"/users/{uuid4()}")
    assert events() == []


async def test_log_2_a_spent_budget_is_an_event(ada: Person, settings: Settings) -> None:
    async with worker(changed(settings, logins_per_minute=1)) as client:
        with lines_of("charter.security") as events:
            await at(client, ada).log_in()
            refused = at(client, ada).log_in()
            event = await event_of(events, SecurityEvent.BUDGET_EXCEEDED, None, refused)

    assert event["policy"] == "login"


# -- the log --------------------------------------------------------------------------------------


async def test_log_2_no_input_forges_an_event_or_stands_in_one(ada: Person, events: Events) -> None:
    for field in ("username", "password", "scope"):
        await ada.log_in(**{field: FORGED})
    await ada.client.get("/users", headers={"User-Agent": "a\tb", "X-Request-ID": "a\tb"})

    written = events()

    assert {event["message"] for event in written} == {SecurityEvent.LOGIN_FAILED}
    assert "forged" not in json.dumps(written)


@pytest.fixture
def level_of_before() -> Iterator[None]:
    """An application sets the level of all logs, for the tests behind it, too."""
    before = logging.getLogger().level
    yield
    logging.getLogger().setLevel(before)


@pytest.mark.usefixtures("level_of_before")
async def test_log_2_the_level_of_the_log_drops_no_event(ada: Person, settings: Settings) -> None:
    async with worker(changed(settings, log_level="CRITICAL")) as client:
        with lines_of("charter.security") as events:
            await at(client, ada).log_in()

            assert [event["message"] for event in events()] == [SecurityEvent.LOGIN_SUCCEEDED]


def test_log_2_every_event_is_in_the_page() -> None:
    assert sorted(ROW.findall(PAGE.read_text())) == sorted(SecurityEvent)
