"""Clients that read and write all the time, and a ledger of what they were told."""

import asyncio
import random
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

import httpx2 as httpx

from tests.chaos.cluster import Cluster
from tests.chaos.services import Service
from tests.people import PASSWORD

HANGS_SECONDS = 6
"""The deadline of a request is 5 seconds; whoever waits longer hangs."""

ARRIVE_TOGETHER = 8

FIGURES: list[str] = []
"""What the experiments measured; printed at the end of the run."""


@dataclass(frozen=True)
class Outcome:
    """How a request went. The status is 0 where no answer came."""

    what: str
    began: float
    ended: float
    status: int
    flaw: str | None = None

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    @property
    def succeeded(self) -> bool:
        return 200 <= self.status < 300


class Load:
    """`may_be_cut` says that connections may end without an answer: a server is killed."""

    def __init__(self, urls: Sequence[str], *, may_be_cut: bool = False) -> None:
        self.urls = urls
        self.may_be_cut = may_be_cut
        self.http = httpx.AsyncClient(timeout=2 * HANGS_SECONDS, limits=httpx.Limits())
        self.outcomes: list[Outcome] = []
        self.acknowledged: set[str] = set()
        self.people: list[Caller] = []

    async def send(
        self, method: str, path: str, *, allowed: int | None = None, **content: Any
    ) -> httpx.Response | None:
        """The answer; None where there was none. `allowed` is a status that is no flaw here."""
        began = monotonic()
        answer = None
        error = ""
        try:
            answer = await self.http.request(method, random.choice(self.urls) + path, **content)
        except httpx.TransportError as raised:
            error = f"no answer ({raised!r})"
        ended = monotonic()
        status = 0 if answer is None else answer.status_code
        flaw = None if status == allowed else self.flaw(answer, error, ended - began)
        self.outcomes.append(Outcome(f"{method} {path}", began, ended, status, flaw))
        return answer

    def flaw(self, answer: httpx.Response | None, error: str, seconds: float) -> str | None:
        """Which of the criteria that hold under every fault does not hold here."""
        if seconds > HANGS_SECONDS:
            return f"hung for {seconds:.1f} s"
        if answer is None:
            return None if self.may_be_cut else error
        if answer.status_code in (401, 500, 502, 504):
            return f"{answer.status_code}: {answer.text[:200]}"
        if answer.status_code in (429, 503):
            wait = answer.headers.get("retry-after", "")
            if not wait.isdigit() or int(wait) < 1:
                return f"{answer.status_code} with Retry-After {wait!r}"
            if answer.headers.get("content-type") != "application/problem+json":
                return f"{answer.status_code} without a problem: {answer.text[:200]}"
        return None

    # -- what was measured ----------------------------------------------------------------------

    def between(self, start: float, end: float) -> list[Outcome]:
        return [one for one in self.outcomes if start <= one.began and one.ended <= end]

    def first_success(self, after: float) -> float:
        """Seconds from that moment until a write succeeded that was sent later."""
        return min(
            one.ended - after
            for one in self.outcomes
            if one.succeeded and one.what == "POST /items" and one.began > after
        )

    def longest(self) -> float:
        return max(one.seconds for one in self.outcomes)

    async def check(self, cluster: Cluster, name: str, **figures: float) -> None:
        """Hold the ledger against the database, and note the figures of this experiment."""
        await self.http.aclose()
        present = Counter(await cluster.execute("SELECT title FROM items"))
        ours = {title: present[title] for title in self.acknowledged}
        counted = sorted(Counter(one.status for one in self.outcomes).items())
        measured = {
            **{str(status): count for status, count in counted},
            "acknowledged": len(ours),
            "longest s": self.longest(),
            **figures,
        }
        listed = ", ".join(f"{label} {round(value, 3):g}" for label, value in measured.items())
        FIGURES.append(f"{name}: {listed}")
        flaws = Counter((one.what, one.flaw) for one in self.outcomes if one.flaw)
        assert flaws == Counter(), f"{flaws} ({listed})"
        assert [title for title, count in ours.items() if count == 0] == [], "lost"
        assert [title for title, count in present.items() if count > 1] == [], "doubled"
        assert len(ours) > 20, listed


def percentile(outcomes: Sequence[Outcome], share: float = 0.99) -> float:
    """Of the times that successful requests took, in seconds."""
    times = sorted(one.seconds for one in outcomes if one.succeeded)
    return times[min(len(times) - 1, int(share * len(times)))]


class Caller:
    """Somebody with an account, who writes, reads and refreshes in turns."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.email = f"{secrets.token_hex(8)}@example.com"
        self.tokens: dict[str, str] = {}

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}

    async def arrive(self) -> "Caller":
        """Register and log in, as often as it takes: others arrive at the same time."""
        assert await insisted(self.register) == 201
        assert await insisted(self.log_in) == 200
        return self

    async def register(self) -> int:
        """Under one key, however often it is sent."""
        answer = await self.load.send(
            "POST",
            "/users",
            json={"email": self.email, "password": PASSWORD},
            headers={"Idempotency-Key": self.email.partition("@")[0]},
        )
        return 0 if answer is None else answer.status_code

    async def log_in(self) -> int:
        form = {"grant_type": "password", "username": self.email, "password": PASSWORD}
        return await self.take_tokens(form)

    async def refresh(self) -> int:
        form = {"grant_type": "refresh_token", "refresh_token": self.tokens["refresh_token"]}
        return await self.take_tokens(form)

    async def take_tokens(self, form: dict[str, str]) -> int:
        answer = await self.load.send("POST", "/auth/token", data=form)
        if answer is not None and answer.status_code == 200:
            self.tokens = answer.json()
        return 0 if answer is None else answer.status_code

    async def write(self) -> None:
        title = secrets.token_hex(12)
        if await self.write_once(title, secrets.token_hex(16)) == 201:
            self.load.acknowledged.add(title)

    async def write_once(self, title: str, key: str) -> int:
        headers = self.headers | {"Idempotency-Key": key}
        answer = await self.load.send("POST", "/items", json={"title": title}, headers=headers)
        return 0 if answer is None else answer.status_code

    async def read(self) -> None:
        await self.load.send("GET", "/items", headers=self.headers)

    async def live(self) -> None:
        while True:
            act = random.choices([self.write, self.read, self.refresh], [5, 4, 1])[0]
            await act()
            await asyncio.sleep(random.random() * 0.02)


async def insisted(attempt: Callable[[], Awaitable[int]]) -> int:
    """The first status that is an answer, not a refusal for now."""
    while (status := await attempt()) in (0, 503):
        await asyncio.sleep(0.1)
    return status


@asynccontextmanager
async def steady(
    urls: Sequence[str], *, callers: int = 8, may_be_cut: bool = False
) -> AsyncIterator[Load]:
    """Load from so many callers for as long as the block runs."""
    load = Load(urls, may_be_cut=may_be_cut)
    while len(load.people) < callers:  # no more at once than the queue of hashes takes
        arriving = min(ARRIVE_TOGETHER, callers - len(load.people))
        load.people += await asyncio.gather(*(Caller(load).arrive() for _ in range(arriving)))
    tasks = [asyncio.create_task(person.live()) for person in load.people]
    try:
        yield load
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def refusals(services: list[Service], load: Load) -> list[Outcome]:
    """What is answered while no service is ready."""
    for service in services:
        await service.becomes(503)
    began = monotonic()
    await asyncio.sleep(2)
    return load.between(began, monotonic())


async def recovered(services: list[Service], load: Load) -> float:
    """Seconds until a write succeeded."""
    healed = monotonic()
    for service in services:
        await service.becomes(200)
    await asyncio.sleep(2)
    return load.first_success(healed)
