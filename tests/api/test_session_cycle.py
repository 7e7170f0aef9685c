"""The life of sessions as a state machine: REF-1 to REF-12 of docs/security.md, in any order.

Several people, each with several clients, call two workers of one service; meanwhile the clock
moves, workers restart, and the database drops its connections. A model says what each token opens.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import httpx2 as httpx
import jwt
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, strategies
from hypothesis import settings as how
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text, update

from impl.app import create_app
from impl.core.config import Settings
from impl.core.tokens import utc_now
from impl.db.session import Database
from impl.models import Session
from tests.people import PASSWORD, Person, at, changed, client_of, promote, register

GRACE = timedelta(minutes=1)
IDLE, ABSOLUTE = timedelta(days=14), timedelta(days=30)
LESS_THAN_IDLE = timedelta(days=8)
STEPS = [timedelta(minutes=2), timedelta(minutes=20), LESS_THAN_IDLE, timedelta(days=16)]
"""By which the clock moves: no sum of them is near a bound, so that the test's own time is none."""
LONGEST_ACCESS = timedelta(seconds=910)
"""Of an access token, with the leeway."""
FEW = 8
MACHINES = int(os.environ.get("SESSION_MACHINES", FEW))
"""How many sequences are tried; always the same ones, unless more are asked for."""
WHO, WORKERS = strategies.sampled_from([0, 1]), strategies.sampled_from([0, 1])
DISCONNECT = text(
    "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@dataclass
class Account:
    """What the model knows of a person."""

    person: Person
    password: str = PASSWORD
    is_active: bool = True


@dataclass
class Login:
    """What the model knows of a session."""

    owner: Account
    id: str
    opened_at: timedelta
    used_at: timedelta
    tokens: list[str] = field(default_factory=list)
    """Its refresh tokens, the newest last."""
    is_over: bool = False

    def is_live(self, now: timedelta) -> bool:
        is_in_time = now < self.used_at + IDLE and now < self.opened_at + ABSOLUTE
        return not self.is_over and is_in_time and self.owner.is_active


@dataclass
class Access:
    """An access token."""

    login: Login
    token: str
    issued_at: timedelta


Drawn = TypeVar("Drawn")


def mostly(some: list[Drawn], everything: list[Drawn]) -> strategies.SearchStrategy[Drawn]:
    """One of some three times out of four: what is refused anyway shows little."""
    anything = strategies.sampled_from(everything)
    likely = strategies.sampled_from(some or everything)
    return strategies.sampled_from([likely, likely, likely, anything]).flatmap(lambda one: one)


class SessionCycle(RuleBasedStateMachine):
    """Each rule asks a worker, and holds the answer against the model."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.settings = settings
        self.now = timedelta()
        self.everything: list[Login] = []
        self.accesses: list[Access] = []
        self.runner = asyncio.Runner()
        self.database = Database(settings)

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    def teardown(self) -> None:
        for stack in self.stacks:
            self.run(stack.aclose())
        self.run(self.database.dispose())
        self.runner.close()

    # -- the world --------------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        self.stacks = [AsyncExitStack(), AsyncExitStack()]
        self.apps: list[FastAPI] = []
        self.clients: list[httpx.AsyncClient] = []
        for number in range(2):
            self.apps.append(create_app(self.settings))
            self.clients.append(self.run(self.start(number)))
        people = [self.run(register(self.clients[0])) for _ in range(2)]
        self.accounts = [Account(person) for person in people]
        self.admin = self.run(promote(self.run(register(self.clients[0])), self.database))
        for owner in (0, 1):
            self.log_in(owner, number=owner)

    async def start(self, number: int) -> httpx.AsyncClient:
        app = self.apps[number]
        app.state.access_tokens.now = lambda: utc_now() + self.now
        await self.stacks[number].enter_async_context(app.router.lifespan_context(app))
        return await self.stacks[number].enter_async_context(client_of(app))

    @rule(number=strategies.sampled_from([None, 0, 1]))
    def restart(self, number: int | None) -> None:
        """A worker, or the database as far as the service can tell: every connection ends."""
        if number is None:
            self.run(self.execute(DISCONNECT))
            self.run(asyncio.sleep(0.05))
            return
        self.run(self.stacks[number].aclose())
        self.stacks[number], self.apps[number] = AsyncExitStack(), create_app(self.settings)
        self.clients[number] = self.run(self.start(number))

    @rule(data=strategies.data(), step=strategies.sampled_from(STEPS), number=WORKERS)
    def let_time_pass(self, data: strategies.DataObject, step: timedelta, number: int) -> None:
        """And have somebody come back."""
        login = self.drawn_login(data)
        self.move_the_clock(step)
        self.present(login, login.tokens[-1], number)

    @rule(data=strategies.data(), number=WORKERS)
    def grow_old(self, data: strategies.DataObject, number: int) -> None:
        """Have somebody come back in time, again and again, until the session must have ended."""
        login = self.drawn_login(data)
        while self.now < login.opened_at + ABSOLUTE:
            self.move_the_clock(LESS_THAN_IDLE)
            self.present(login, login.tokens[-1], number)

    def move_the_clock(self, step: timedelta) -> None:
        """The database's clock stands, and all that it has noted is so much older."""
        self.now += step
        columns = (Session.rotated_at, Session.idle_expires_at, Session.expires_at)
        self.run(self.execute(update(Session).values({one: one - step for one in columns})))

    async def execute(self, statement: Any) -> None:
        async with self.database.writing() as session, session.begin():
            await session.execute(statement)

    # -- what clients do --------------------------------------------------------------------------

    @rule(owner=WHO, number=WORKERS)
    def log_in(self, owner: int, number: int) -> None:
        account = self.accounts[owner]
        person = at(self.clients[number], account.person)
        answer = self.run(person.log_in(password=account.password))

        assert answer.status_code == (200 if account.is_active else 401)
        if not account.is_active:
            return
        claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
        login = Login(account, claims["sid"], opened_at=self.now, used_at=self.now)
        self.everything.append(login)
        self.keep(login, answer)

    @rule(data=strategies.data(), age=strategies.sampled_from([0, 1, 2, 3]), number=WORKERS)
    def refresh(self, data: strategies.DataObject, age: int, number: int) -> None:
        """Some times in a row, and at last with an older token."""
        login = self.drawn_login(data)
        for _ in range(data.draw(strategies.integers(1, 3))):
            self.present(login, login.tokens[-1], number)
        self.present(login, login.tokens[max(0, len(login.tokens) - 1 - age)], number)

    def present(self, login: Login, presented: str, number: int) -> None:
        is_newest = presented == login.tokens[-1]
        is_forgiven = presented in login.tokens[-2:] and self.now - login.used_at < GRACE
        is_good = login.is_live(self.now) and (is_newest or is_forgiven)
        person = at(self.clients[number], login.owner.person)
        answer = self.run(person.refresh(presented))

        assert answer.status_code == (200 if is_good else 401)
        if not is_good:
            login.is_over = True
            self.check(login.owner, number)
        elif is_newest:
            assert answer.json()["refresh_token"] not in login.tokens
            login.used_at = self.now
            self.keep(login, answer)
        else:  # a second live token would be another
            assert answer.json()["refresh_token"] == login.tokens[-1]

    @rule(data=strategies.data())
    def refresh_at_once(self, data: strategies.DataObject) -> None:
        """With its newest token at both workers: whoever comes second gets the same successor."""
        login = self.drawn_login(data)
        presented, is_good = login.tokens[-1], login.is_live(self.now)
        answers = self.run(self.together(login.owner, presented))

        assert {one.status_code for one in answers} == {200 if is_good else 401}
        if is_good:
            successors = {one.json()["refresh_token"] for one in answers}
            assert len(successors) == 1
            assert successors.isdisjoint(login.tokens)
            login.used_at = self.now
            self.keep(login, answers[0])
        else:
            login.is_over = True

    async def together(self, owner: Account, token: str) -> list[httpx.Response]:
        people = [at(client, owner.person) for client in self.clients * 2]
        return await asyncio.gather(*(person.refresh(token) for person in people))

    def keep(self, login: Login, answer: httpx.Response) -> None:
        tokens = answer.json()
        login.tokens.append(tokens["refresh_token"])
        self.accesses.append(Access(login, tokens["access_token"], self.now))

    @rule(data=strategies.data(), number=WORKERS)
    def use(self, data: strategies.DataObject, number: int) -> None:
        access, person = self.drawn(data, number)
        answer = self.run(person.get("/users/me"))

        assert answer.status_code == (200 if self.opens(access) else 401)
        if self.opens(access):
            assert answer.json()["id"] == access.login.owner.person.id

    @rule(data=strategies.data(), number=WORKERS)
    def revoke(self, data: strategies.DataObject, number: int) -> None:
        """A token of anybody's session; it ends if it is the caller's own."""
        access, person = self.drawn(data, number)
        login = self.drawn_login(data, of=access.login.owner)
        answer = self.run(person.post("/auth/revoke", data={"token": login.tokens[-1]}))

        assert answer.status_code == (200 if self.opens(access) else 401)
        if self.opens(access) and login.owner is access.login.owner:
            login.is_over = True
        self.check(login.owner, number)

    @rule(data=strategies.data(), number=WORKERS)
    def end(self, data: strategies.DataObject, number: int) -> None:
        """Anybody's session by its id, which is in its access tokens."""
        access, person = self.drawn(data, number)
        login = self.drawn_login(data, of=access.login.owner)
        was_there = login.owner is access.login.owner and not login.is_over
        answer = self.run(person.delete(f"/auth/sessions/{login.id}"))

        if not self.opens(access):
            assert answer.status_code == 401
            return
        assert answer.status_code == (204 if was_there else 404)
        if was_there:
            login.is_over = True
        self.check(login.owner, number)

    @rule(data=strategies.data(), number=WORKERS)
    def sign_out_everywhere(self, data: strategies.DataObject, number: int) -> None:
        access, person = self.drawn(data, number)
        answer = self.run(person.delete("/auth/sessions"))

        assert answer.status_code == (204 if self.opens(access) else 401)
        if self.opens(access):
            self.end_sessions(access.login.owner)
        self.check(access.login.owner, number)

    @rule(data=strategies.data(), number=WORKERS)
    def change_the_password(self, data: strategies.DataObject, number: int) -> None:
        access, person = self.drawn(data, number)
        owner = access.login.owner
        change = {"current_password": owner.password, "new_password": f"{owner.password}!"}
        answer = self.run(person.put("/users/me/password", json=change))

        assert answer.status_code == (204 if self.opens(access) else 401)
        if self.opens(access):
            owner.password = change["new_password"]
            self.end_sessions(owner, but=access.login)
        self.check(owner, number)

    @rule(owner=WHO, is_let_in=strategies.sampled_from([True, True, False]), number=WORKERS)
    def keep_out(self, owner: int, is_let_in: bool, number: int) -> None:
        """And perhaps let in again, which revives nothing."""
        account = self.accounts[owner]
        admin = at(self.clients[number], self.admin)
        self.run(admin.log_in())
        for active in [False, True] if is_let_in or not account.is_active else [False]:
            answer = self.run(admin.patch(f"/users/{account.person.id}", json={"active": active}))
            assert answer.status_code == 200
            account.is_active = active
            if not active:
                self.end_sessions(account)
            self.check(account, number)

    # -- the model --------------------------------------------------------------------------------

    def drawn(self, data: strategies.DataObject, number: int) -> tuple[Access, Person]:
        """Any access token that was ever issued, mostly one that opens, and who shows it.

        Where none opens any more, everybody who may logs in.
        """
        if not any(self.opens(one) for one in self.accesses):
            for owner in (0, 1):
                self.log_in(owner, number)
        opening = [one for one in self.accesses if self.opens(one)]
        access = data.draw(mostly(opening, self.accesses))
        person = at(self.clients[number], access.login.owner.person)
        person.tokens = {"access_token": access.token}
        return access, person

    def drawn_login(self, data: strategies.DataObject, of: Account | None = None) -> Login:
        """Any session, mostly one that nobody has ended; every other time of that person."""
        going_on = [one for one in self.everything if not one.is_over]
        own = [one for one in going_on if one.owner is of]
        is_own: bool = data.draw(strategies.booleans())
        some = own if own and is_own else going_on
        return data.draw(mostly(some, self.everything))

    def check(self, owner: Account, number: int) -> None:
        """The newest access token of each session opens what the model says."""
        newest = {id(one.login): one for one in self.accesses if one.login.owner is owner}
        for access in newest.values():
            person = at(self.clients[number], owner.person)
            person.tokens = {"access_token": access.token}
            answer = self.run(person.get("/users/me"))
            assert answer.status_code == (200 if self.opens(access) else 401)

    def opens(self, access: Access) -> bool:
        return access.login.is_live(self.now) and self.now - access.issued_at < LONGEST_ACCESS

    def end_sessions(self, owner: Account, but: Login | None = None) -> None:
        for login in self.everything:
            if login.owner is owner and login is not but:
                login.is_over = True


@pytest.fixture
async def hearing(database: Database) -> AsyncIterator[None]:
    """The loop of the other tests stood still, and has yet to hear that its connections ended."""
    yield
    await asyncio.sleep(0.1)


@pytest.mark.usefixtures("hearing")
def test_ref_2_no_sequence_of_requests_opens_what_the_model_closed(settings: Settings) -> None:
    patient = changed(
        settings,
        refresh_reuse_grace_seconds=GRACE.total_seconds(),
        login_max_failures=1_000_000,
        request_timeout_seconds=30,
    )
    run_state_machine_as_test(
        lambda: SessionCycle(patient),  # type: ignore[arg-type] # it is called, and no more
        settings=how(
            max_examples=MACHINES,
            stateful_step_count=30,
            deadline=None,
            database=None,
            derandomize=MACHINES == FEW,
            suppress_health_check=list(HealthCheck),
        ),
    )
