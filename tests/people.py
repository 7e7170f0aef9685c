"""Who calls the service in a test: an account, a session, and a way to send requests."""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx
from fastapi import FastAPI
from sqlalchemy import update

from impl.app import create_app
from impl.core.accounts import PREFIX
from impl.core.config import Settings
from impl.db.session import Database
from impl.models import User
from tests.promises import keeps_its_promises

PASSWORD = "correct horse battery"
MERGE_PATCH = {"Content-Type": "application/merge-patch+json"}


@dataclass
class Person:
    """Somebody with an account. `headers` authenticate the session that `log_in` opened last."""

    client: httpx.AsyncClient
    id: str
    email: str
    password: str = PASSWORD
    tokens: Mapping[str, Any] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.tokens['access_token']}"}

    @property
    def token_url(self) -> httpx.URL:
        return accounts_url(self.client, "/auth/token")

    async def log_in(self, **fields: str) -> httpx.Response:
        form = {"grant_type": "password", "username": self.email, "password": self.password}
        response = await self.client.post(self.token_url, data=form | fields)
        if response.status_code == 200:
            self.tokens = response.json()
        return response

    async def refresh(self, refresh_token: str | None = None) -> httpx.Response:
        token = refresh_token or self.tokens["refresh_token"]
        form = {"grant_type": "refresh_token", "refresh_token": token}
        return await self.client.post(self.token_url, data=form)

    async def get(self, path: str, **arguments: Any) -> httpx.Response:
        return await self.request("GET", path, **arguments)

    async def post(self, path: str, **arguments: Any) -> httpx.Response:
        return await self.request("POST", path, **arguments)

    async def put(self, path: str, **arguments: Any) -> httpx.Response:
        return await self.request("PUT", path, **arguments)

    async def patch(self, path: str, **arguments: Any) -> httpx.Response:
        arguments["headers"] = MERGE_PATCH | arguments.get("headers", {})
        return await self.request("PATCH", path, **arguments)

    async def delete(self, path: str, **arguments: Any) -> httpx.Response:
        return await self.request("DELETE", path, **arguments)

    async def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        headers = self.headers | arguments.pop("headers", {})
        return await self.client.request(method, path, headers=headers, **arguments)


async def register(client: httpx.AsyncClient, email: str | None = None) -> Person:
    """A new account with an open session."""
    email = email or f"{secrets.token_hex(6)}@example.com"
    response = await client.post(
        accounts_url(client, "/users"), json={"email": email, "password": PASSWORD}
    )
    assert response.status_code == 201, response.text
    person = Person(client, response.json()["id"], email)
    assert (await person.log_in()).status_code == 200
    return person


def accounts_url(client: httpx.AsyncClient, path: str) -> httpx.URL:
    """Where a path of the accounts is, whatever the client's other paths begin with."""
    return client.base_url.join(f"{PREFIX}{path}")


async def promote(person: Person, database: Database) -> Person:
    """Make somebody an administrator, as `python -m impl create-admin` would."""
    async with database.writing() as session, session.begin():
        await session.execute(
            update(User).where(User.email == person.email), {"administrator": True}
        )
    return person


@asynccontextmanager
async def client_of(app: FastAPI, prefix: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """A client whose every response is held against the document; its paths begin with a prefix."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    hooks = {"response": [keeps_its_promises]}
    async with httpx.AsyncClient(
        transport=transport, base_url=f"http://test{prefix}", event_hooks=hooks
    ) as client:
        yield client


@asynccontextmanager
async def worker(settings: Settings, prefix: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """Another process that serves the same database, as far as the database can tell."""
    app = create_app(settings)
    async with app.router.lifespan_context(app), client_of(app, prefix) as client:
        yield client


def at(client: httpx.AsyncClient, person: Person) -> Person:
    """The same person at another worker."""
    return Person(client, person.id, person.email, person.password, person.tokens)


def changed(settings: Settings, **changes: Any) -> Settings:
    """The same settings but for these."""
    return settings.model_copy(update=changes)
