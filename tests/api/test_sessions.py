"""Refresh, revocation and sessions: REF-1 to REF-13 of docs/security.md."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2 as httpx
import pytest
from sqlalchemy import select, text, update

from impl.app import create_app
from impl.core.config import Settings
from impl.db.session import Database
from impl.models import Base, Session
from tests.forgery import claims_of
from tests.people import PASSWORD, Person, changed, client_of, promote, register

GRACE = timedelta(seconds=10)
NEW_PASSWORD = "a ship in port is safe"


@asynccontextmanager
async def worker(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Another process that serves the same database."""
    app = create_app(settings)
    async with app.router.lifespan_context(app), client_of(app) as client:
        yield client


@pytest.fixture
def strict(settings: Settings) -> Settings:
    """A service that forgives no replay at all."""
    return changed(settings, refresh_reuse_grace_seconds=0)


def at(client: httpx.AsyncClient, person: Person) -> Person:
    """The same person at another worker."""
    return Person(client, person.id, person.email, person.password, person.tokens)


async def again(person: Person) -> Person:
    """The same person with another session."""
    other = at(person.client, person)
    assert (await other.log_in()).status_code == 200
    return other


def session_id(person: Person) -> str:
    found: str = claims_of(person.tokens["access_token"])["sid"]
    return found


async def row(database: Database, person: Person) -> Session:
    async with database.reading() as reading:
        query = select(Session).where(Session.id == session_id(person))
        return (await reading.scalars(query)).one()


async def set_row(database: Database, person: Person, **values: Any) -> None:
    """Let time pass for one session."""
    async with database.writing() as writing, writing.begin():
        await writing.execute(
            update(Session).where(Session.id == session_id(person)).values(**values)
        )


async def outlive_the_grace(database: Database, person: Person) -> None:
    await set_row(database, person, rotated_at=Session.rotated_at - GRACE)


async def chain(person: Person, length: int) -> list[str]:
    """The refresh tokens of a session, the first one first; all but the last are spent."""
    tokens = [person.tokens["refresh_token"]]
    while len(tokens) < length:
        response = await person.refresh(tokens[-1])
        assert response.status_code == 200
        tokens.append(response.json()["refresh_token"])
    return tokens


def is_refused(response: httpx.Response) -> bool:
    return response.status_code == 401 and response.json()["error"] == "invalid_grant"


async def is_open(person: Person) -> bool:
    """Whether the access token opens something."""
    response = await person.get("/users/me")
    assert response.status_code in {200, 401}
    return response.status_code == 200


# -- REF-1 ----------------------------------------------------------------------------------------


async def test_ref_1_each_refresh_answers_another_token(ada: Person) -> None:
    tokens = await chain(ada, 5)

    assert len(set(tokens)) == 5


async def test_ref_1_within_the_grace_a_replay_answers_the_same_successor(ada: Person) -> None:
    first = await ada.refresh()

    replay = await ada.refresh()

    assert replay.status_code == 200
    assert replay.json()["refresh_token"] == first.json()["refresh_token"]
    assert (await ada.refresh(first.json()["refresh_token"])).status_code == 200


async def test_ref_1_the_grace_is_not_prolonged_by_replays(ada: Person, database: Database) -> None:
    await ada.refresh()
    await ada.refresh()
    await outlive_the_grace(database, ada)

    assert is_refused(await ada.refresh())


async def test_ref_1_without_grace_a_spent_token_is_dead_at_once(
    ada: Person, strict: Settings
) -> None:
    async with worker(strict) as client:
        visitor = at(client, ada)
        first = await visitor.refresh()

        replay = await visitor.refresh()
        successor = await visitor.refresh(first.json()["refresh_token"])

    assert first.status_code == 200
    assert is_refused(replay)
    assert is_refused(successor)


async def test_ref_1_a_refresh_keeps_the_scopes_of_the_session(ada: Person) -> None:
    await ada.log_in(scope="items:read")

    response = await ada.refresh()

    assert response.json()["scope"] == "items:read"


# -- REF-2 and REF-3 ------------------------------------------------------------------------------


@pytest.mark.parametrize("replayed", [0, 1], ids=["the oldest", "the one before the last"])
async def test_ref_2_a_replayed_token_ends_its_session_and_no_other(
    ada: Person, grace: Person, replayed: int
) -> None:
    elsewhere = await again(ada)
    tokens = await chain(ada, 4)

    refused = await ada.refresh(tokens[replayed])

    assert is_refused(refused)
    assert is_refused(await ada.refresh(tokens[-1]))
    assert not await is_open(ada)
    assert await is_open(elsewhere)
    assert (await elsewhere.refresh()).status_code == 200
    assert await is_open(grace)


async def test_ref_2_the_token_just_spent_ends_its_session_beyond_the_grace(
    ada: Person, database: Database
) -> None:
    elsewhere = await again(ada)
    tokens = await chain(ada, 2)
    await outlive_the_grace(database, ada)

    refused = await ada.refresh(tokens[0])

    assert is_refused(refused)
    assert is_refused(await ada.refresh(tokens[1]))
    assert not await is_open(ada)
    assert await is_open(elsewhere)


async def test_ref_2_after_a_replay_no_token_of_the_chain_opens_anything(ada: Person) -> None:
    tokens = await chain(ada, 4)
    await ada.refresh(tokens[0])

    answers = [await ada.refresh(token) for token in reversed(tokens)]

    assert all(is_refused(answer) for answer in answers)


@pytest.mark.parametrize("grace_seconds", [0, 10])
async def test_ref_3_the_end_of_a_session_is_kept_although_the_answer_is_an_error(
    ada: Person, database: Database, settings: Settings, grace_seconds: int
) -> None:
    async with worker(changed(settings, refresh_reuse_grace_seconds=grace_seconds)) as client:
        tokens = await chain(at(client, ada), 3)
        before = await row(database, ada)

        refused = await at(client, ada).refresh(tokens[0])

    after = await row(database, ada)
    assert is_refused(refused)
    assert before.revoked_at is None
    assert after.revoked_at is not None
    assert abs(datetime.now(UTC) - after.revoked_at) < timedelta(minutes=1)


# -- REF-4 ----------------------------------------------------------------------------------------


async def at_once(people: Sequence[Person], token: str) -> list[httpx.Response]:
    """Everybody refreshes with the same token."""
    return await asyncio.gather(*(person.refresh(token) for person in people))


def assert_one_successor(answers: Sequence[httpx.Response], *, forgiving: bool) -> str:
    """The one refresh token that these answers carry."""
    won = [answer for answer in answers if answer.status_code == 200]
    lost = [answer for answer in answers if answer.status_code != 200]
    assert all(is_refused(answer) for answer in lost)
    assert len(won) == (len(answers) if forgiving else 1)
    (successor,) = {answer.json()["refresh_token"] for answer in won}
    return str(successor)


@pytest.mark.parametrize("workers", [1, 2], ids=["one worker", "two workers"])
@pytest.mark.parametrize("grace_seconds", [0, 60], ids=["strict", "with grace"])
async def test_ref_4_of_twenty_refreshes_at_once_exactly_one_spends_the_token(
    ada: Person, database: Database, settings: Settings, grace_seconds: int, workers: int
) -> None:
    patient = changed(  # a connection for everybody; how fast the machine is, is not the question
        settings,
        refresh_reuse_grace_seconds=grace_seconds,
        db_pool_size=20 // workers,
        db_pool_timeout_seconds=20,
        db_lock_timeout_seconds=20,
        db_statement_timeout_seconds=20,
        request_timeout_seconds=20,
    )
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(worker(patient)) for _ in range(workers)]
        for _ in range(5):
            session = await again(ada)
            crowd = [at(clients[number % workers], session) for number in range(20)]

            answers = await at_once(crowd, session.tokens["refresh_token"])

            successor = assert_one_successor(answers, forgiving=grace_seconds > 0)
            kept = await row(database, session)
            assert kept.generation == 1
            assert (kept.revoked_at is None) is (grace_seconds > 0)
            following = await crowd[0].refresh(successor)
            # a strict service can't tell a crowd from a thief: it has ended the session
            assert following.status_code == (200 if grace_seconds else 401)


async def test_ref_4_a_crowd_with_a_token_beyond_the_grace_gets_nothing(
    ada: Person, database: Database
) -> None:
    tokens = await chain(ada, 2)
    await outlive_the_grace(database, ada)

    answers = await at_once([ada] * 20, tokens[0])

    assert Counter(answer.status_code for answer in answers) == {401: 20}
    assert not await is_open(ada)


# -- REF-5 ----------------------------------------------------------------------------------------


async def test_ref_5_a_refused_token_stays_refused_within_the_same_second(ada: Person) -> None:
    tokens = await chain(ada, 3)

    answers = [await ada.refresh(tokens[0]) for _ in range(5)]

    assert all(is_refused(answer) for answer in answers)


async def test_ref_5_a_refused_token_stays_refused_when_the_clock_of_the_session_stands_still(
    ada: Person, strict: Settings, database: Database
) -> None:
    now = datetime.now(UTC)
    async with worker(strict) as client:
        visitor = at(client, ada)
        await visitor.refresh()
        await set_row(database, ada, rotated_at=now, created_at=now)

        assert is_refused(await visitor.refresh())
        assert is_refused(await visitor.refresh())


async def test_ref_5_a_refused_token_stays_refused_after_a_restart(
    ada: Person, settings: Settings
) -> None:
    async with worker(settings) as before:
        tokens = await chain(at(before, ada), 3)
        await at(before, ada).refresh(tokens[0])

    async with worker(settings) as after:
        answers = [await at(after, ada).refresh(token) for token in tokens]

    assert all(is_refused(answer) for answer in answers)


async def test_ref_5_a_spent_token_is_still_known_as_spent_after_a_restart(
    ada: Person, settings: Settings
) -> None:
    async with worker(settings) as before:
        tokens = await chain(at(before, ada), 3)

    async with worker(settings) as after:
        replay = await at(after, ada).refresh(tokens[0])
        newest = await at(after, ada).refresh(tokens[-1])

    assert is_refused(replay)
    assert is_refused(newest)


# -- REF-6 ----------------------------------------------------------------------------------------

AGO = timedelta(seconds=1)


@pytest.mark.parametrize("limit", ["idle_expires_at", "expires_at"])
async def test_ref_6_a_session_ends_by_itself(ada: Person, database: Database, limit: str) -> None:
    elsewhere = await again(ada)
    await set_row(database, ada, **{limit: datetime.now(UTC) - AGO})

    assert is_refused(await ada.refresh())
    assert not await is_open(ada)
    assert await is_open(elsewhere)


async def test_ref_6_a_session_that_has_ended_by_itself_is_not_brought_back_by_the_grace(
    ada: Person, database: Database
) -> None:
    await ada.refresh()
    await set_row(database, ada, idle_expires_at=datetime.now(UTC) - AGO)

    assert is_refused(await ada.refresh())


async def test_ref_6_a_refresh_moves_the_idle_end_and_never_the_absolute_one(
    ada: Person, database: Database, settings: Settings
) -> None:
    fresh = await row(database, ada)
    await set_row(database, ada, idle_expires_at=datetime.now(UTC) + timedelta(minutes=1))

    await chain(ada, 4)

    used = await row(database, ada)
    idle = timedelta(days=settings.refresh_idle_days)
    assert used.expires_at == fresh.expires_at
    assert used.idle_expires_at > fresh.idle_expires_at
    assert abs(used.idle_expires_at - used.rotated_at - idle) < timedelta(seconds=1)


async def test_ref_6_the_idle_end_is_never_later_than_the_absolute_one(
    ada: Person, database: Database
) -> None:
    soon = datetime.now(UTC) + timedelta(minutes=1)
    await set_row(database, ada, expires_at=soon)

    await ada.refresh()

    assert (await row(database, ada)).idle_expires_at == soon


async def test_ref_6_a_new_session_lasts_as_long_as_the_settings_say(
    ada: Person, database: Database, settings: Settings
) -> None:
    session = await row(database, ada)

    idle = session.idle_expires_at - session.created_at
    absolute = session.expires_at - session.created_at
    assert abs(idle - timedelta(days=settings.refresh_idle_days)) < timedelta(seconds=1)
    assert abs(absolute - timedelta(days=settings.refresh_absolute_days)) < timedelta(seconds=1)


# -- REF-7 ----------------------------------------------------------------------------------------


async def dump(database: Database) -> str:
    """Every column of every row, as pg_dump would write it."""
    async with database.autocommit.connect() as connection:
        rows: list[str] = []
        for table in Base.metadata.sorted_tables:
            rows += await connection.scalars(text(f'SELECT t::text FROM "{table.name}" t'))  # noqa: S608 - our own names
    return "\n".join(rows)


async def test_ref_7_no_token_and_no_password_can_be_read_in_the_database(
    ada: Person, grace: Person, database: Database
) -> None:
    await grace.refresh()
    issued = await chain(ada, 4)
    issued += [ada.tokens["access_token"], grace.tokens["refresh_token"], PASSWORD]

    kept = await dump(database)

    assert session_id(ada) in kept  # or nothing could be found in it
    for secret in issued:
        assert secret not in kept
        assert secret.encode().hex() not in kept
        assert secret[-40:] not in kept  # the part of a token that can't be guessed


async def test_ref_7_nothing_in_the_database_opens_a_session(
    ada: Person, database: Database
) -> None:
    await chain(ada, 2)
    kept = set(re.findall(r"[^\s,(){}\"]+", await dump(database)))

    for found in kept:
        bearer = {"Authorization": f"Bearer {found}"}
        assert is_refused(await ada.refresh(found))
        assert (await ada.client.get("/users/me", headers=bearer)).status_code == 401
    assert session_id(ada) in kept
    assert await is_open(ada)


# -- REF-8 ----------------------------------------------------------------------------------------


async def revoke(person: Person, token: str, **fields: str) -> httpx.Response:
    return await person.post("/auth/revoke", data={"token": token} | fields)


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense"])
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_ref_8_a_revoked_token_has_ended_its_session(
    ada: Person, kind: str, hint: str
) -> None:
    other = await again(ada)

    response = await revoke(ada, other.tokens[kind], token_type_hint=hint)

    assert response.status_code == 200
    assert is_refused(await other.refresh())
    assert not await is_open(other)
    assert await is_open(ada)


@pytest.mark.parametrize(
    "token", ["unknown", "a.b.c", "é🐤", "\x00", " ", "A" * 75, "A" * 4096], ids=ascii
)
async def test_ref_8_what_is_no_token_is_revoked_already(ada: Person, token: str) -> None:
    response = await revoke(ada, token)

    assert response.status_code == 200
    assert await is_open(ada)


async def test_ref_8_a_token_can_be_revoked_twice(ada: Person) -> None:
    other = await again(ada)

    answers = [await revoke(ada, other.tokens["refresh_token"]) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content


async def test_ref_8_a_spent_token_can_be_revoked(ada: Person) -> None:
    other = await again(ada)
    spent, newest = await chain(other, 2)

    response = await revoke(ada, spent)

    assert response.status_code == 200
    assert is_refused(await other.refresh(newest))


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_ref_8_the_token_of_somebody_else_is_answered_alike_and_left_alone(
    ada: Person, grace: Person, kind: str
) -> None:
    response = await revoke(ada, grace.tokens[kind])

    assert response.status_code == 200
    assert await is_open(grace)
    assert (await grace.refresh()).status_code == 200


async def test_ref_8_without_its_database_the_service_claims_no_revocation(
    ada: Person, settings: Settings, unused_tcp_port: int
) -> None:
    lost = changed(settings, db_host="127.0.0.1", db_port=unused_tcp_port)

    async with worker(lost) as client:
        response = await revoke(at(client, ada), ada.tokens["refresh_token"])

    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert await is_open(ada)


# -- REF-9 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_ref_9_a_logout_ends_both_tokens_at_once(
    ada: Person, settings: Settings, kind: str
) -> None:
    elsewhere = await again(ada)
    first = (await ada.refresh()).json()

    response = await revoke(ada, first[kind])

    assert response.status_code == 200
    assert not await is_open(ada)
    assert is_refused(await ada.refresh(first["refresh_token"]))
    assert is_refused(await ada.refresh())
    assert await is_open(elsewhere)


async def test_ref_9_a_logout_holds_on_every_worker(ada: Person, settings: Settings) -> None:
    async with worker(settings) as other:
        before = await is_open(at(other, ada))
        await revoke(ada, ada.tokens["access_token"])

        after = await is_open(at(other, ada))

    assert before
    assert not after


async def test_ref_9_a_logout_everywhere_ends_all_sessions_and_nobody_elses(
    ada: Person, grace: Person
) -> None:
    sessions = [ada, await again(ada), await again(ada)]

    response = await ada.delete("/auth/sessions")

    assert response.status_code == 204
    assert not any([await is_open(session) for session in sessions])
    assert all([is_refused(await session.refresh()) for session in sessions])
    assert await is_open(grace)
    assert await is_open(await again(ada))


# -- REF-10 ---------------------------------------------------------------------------------------


async def change_password(person: Person, current: str, new: str) -> httpx.Response:
    change = {"current_password": current, "new_password": new}
    return await person.put("/users/me/password", json=change)


async def test_ref_10_a_new_password_ends_every_other_session(ada: Person, grace: Person) -> None:
    others = [await again(ada), await again(ada)]

    response = await change_password(ada, PASSWORD, NEW_PASSWORD)

    assert response.status_code == 204
    assert not any([await is_open(other) for other in others])
    assert all([is_refused(await other.refresh()) for other in others])
    assert await is_open(ada)
    assert (await ada.refresh()).status_code == 200
    assert await is_open(grace)


async def test_ref_10_the_new_password_opens_and_the_old_one_does_not(ada: Person) -> None:
    await change_password(ada, PASSWORD, NEW_PASSWORD)

    old = await ada.log_in()
    new = await ada.log_in(password=NEW_PASSWORD)

    assert is_refused(old)
    assert new.status_code == 200


@pytest.mark.parametrize("current", ["wrong horse", PASSWORD.upper(), PASSWORD + " "])
async def test_ref_10_without_the_current_password_nothing_changes(
    ada: Person, current: str
) -> None:
    other = await again(ada)

    response = await change_password(ada, current, NEW_PASSWORD)

    assert response.status_code == 403
    assert await is_open(other)
    assert (await ada.log_in()).status_code == 200


async def test_ref_10_a_change_that_does_not_name_the_current_password_is_refused(
    ada: Person,
) -> None:
    response = await ada.put("/users/me/password", json={"new_password": NEW_PASSWORD})

    assert response.status_code == 422


# -- REF-11 and REF-12 ----------------------------------------------------------------------------


async def test_ref_11_a_deactivated_user_is_out_at_once_and_for_good(
    ada: Person, admin: Person
) -> None:
    old = dict(ada.tokens)
    deactivated = await admin.patch(f"/users/{ada.id}", json={"active": False})

    assert deactivated.status_code == 200
    assert not await is_open(ada)
    assert is_refused(await ada.refresh())
    assert is_refused(await ada.log_in())

    await admin.patch(f"/users/{ada.id}", json={"active": True})

    assert not await is_open(ada)
    assert is_refused(await ada.refresh(old["refresh_token"]))
    assert (await ada.log_in()).status_code == 200
    assert await is_open(ada)


async def test_ref_11_reactivation_revives_no_session_that_nobody_used_meanwhile(
    ada: Person, admin: Person
) -> None:
    for active in (False, True):
        await admin.patch(f"/users/{ada.id}", json={"active": active})

    assert not await is_open(ada)
    assert is_refused(await ada.refresh())


async def test_ref_11_the_grace_is_not_for_the_deactivated(ada: Person, admin: Person) -> None:
    await ada.refresh()
    await admin.patch(f"/users/{ada.id}", json={"active": False})

    assert is_refused(await ada.refresh())


async def test_ref_11_a_deleted_user_is_out_at_once(ada: Person, admin: Person) -> None:
    deleted = await admin.delete(f"/users/{ada.id}")

    assert deleted.status_code == 204
    assert not await is_open(ada)
    assert is_refused(await ada.refresh())
    assert is_refused(await ada.log_in())


async def test_ref_11_who_registers_again_gets_none_of_the_old_sessions(ada: Person) -> None:
    old = at(ada.client, ada)
    await ada.delete("/users/me")

    await register(ada.client, ada.email)

    assert not await is_open(old)
    assert is_refused(await old.refresh())


async def test_ref_12_a_demoted_administrator_has_no_rights_on_the_next_request(
    ada: Person, admin: Person, database: Database
) -> None:
    await promote(ada, database)
    await ada.log_in()
    before = await ada.get("/users")

    demoted = await admin.patch(f"/users/{ada.id}", json={"administrator": False})

    after = await ada.get("/users")
    refreshed = at(ada.client, ada)
    refreshed.tokens = (await ada.refresh()).json()
    assert demoted.status_code == 200
    assert before.status_code == 200
    assert after.status_code == 403
    assert (await refreshed.get("/users")).status_code == 403
    assert await is_open(ada)


# -- REF-13 ---------------------------------------------------------------------------------------


async def sessions_of(person: Person) -> list[Mapping[str, Any]]:
    response = await person.get("/auth/sessions")
    assert response.status_code == 200
    found: list[Mapping[str, Any]] = response.json()["data"]
    return found


async def test_ref_13_a_user_sees_the_own_sessions_the_newest_first(
    ada: Person, grace: Person
) -> None:
    other = await again(ada)

    sessions = await sessions_of(ada)

    assert [session["id"] for session in sessions] == [session_id(other), session_id(ada)]
    assert [session["current"] for session in sessions] == [False, True]


async def test_ref_13_a_session_tells_where_it_was_opened(ada: Person) -> None:
    ada.client.headers["User-Agent"] = "a browser " * 100
    await ada.log_in()

    (newest, _) = await sessions_of(ada)

    assert newest["user_agent"].startswith("a browser ")
    assert len(newest["user_agent"]) <= 256
    assert newest["address"] == "127.0.0.1"


async def test_ref_13_a_user_can_end_one_of_the_own_sessions(ada: Person) -> None:
    other = await again(ada)

    response = await ada.delete(f"/auth/sessions/{session_id(other)}")

    assert response.status_code == 204
    assert not await is_open(other)
    assert is_refused(await other.refresh())
    assert [session["id"] for session in await sessions_of(ada)] == [session_id(ada)]
    assert (await ada.delete(f"/auth/sessions/{session_id(other)}")).status_code == 404


async def test_ref_13_the_session_of_somebody_else_does_not_exist(
    ada: Person, grace: Person, admin: Person
) -> None:
    for stranger in (grace, admin):
        theirs = await stranger.delete(f"/auth/sessions/{session_id(ada)}")
        nobodys = await stranger.delete(f"/auth/sessions/{uuid4()}")

        assert theirs.status_code == nobodys.status_code == 404
        assert theirs.json() | {"request_id": ""} == nobodys.json() | {"request_id": ""}
    assert await is_open(ada)


@pytest.mark.parametrize("ended", ["revoked_at", "idle_expires_at", "expires_at"])
async def test_ref_13_a_session_that_is_over_is_not_listed(
    ada: Person, database: Database, ended: str
) -> None:
    other = await again(ada)
    await set_row(database, other, **{ended: datetime.now(UTC) - AGO})

    assert [session["id"] for session in await sessions_of(ada)] == [session_id(ada)]


async def test_ref_13_an_administrator_ends_the_sessions_of_another_by_deactivating(
    ada: Person, admin: Person, database: Database
) -> None:
    sessions = [ada, await again(ada)]

    await admin.patch(f"/users/{ada.id}", json={"active": False})
    await admin.patch(f"/users/{ada.id}", json={"active": True})

    assert not any([await is_open(session) for session in sessions])
    assert all([(await row(database, session)).revoked_at for session in sessions])


async def test_ref_13_more_sessions_than_a_page_holds_are_on_the_next(ada: Person) -> None:
    opened = {session_id(ada)} | {session_id(await again(ada)) for _ in range(4)}

    listed: list[str] = []
    path = "/auth/sessions?limit=2"
    while path:
        answer = await ada.get(path)
        listed += [session["id"] for session in answer.json()["data"]]
        link = answer.headers.get("Link", "")
        path = link.partition(">")[0].removeprefix("<")

    assert len(listed) == 5
    assert set(listed) == opened
