"""JWT-6 of docs/security.md: none of Project Wycheproof's invalid signatures is accepted."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import httpx2 as httpx
import pytest
from fastapi import FastAPI

from impl.app import create_app
from impl.core.config import Settings
from impl.core.tokens import AccessTokens
from tests.data import DATA
from tests.forgery import Forge, from_base64url, utc_now
from tests.people import client_of

VECTORS = DATA / "wycheproof" / "json_web_signature_test.json"
THE_SAME_AS_A_VALID_ONE = {367, 370}
"""Marked as invalid for a reason that is not in the token."""


@dataclass(frozen=True)
class Vector:
    name: str
    jws: str
    key: bytes | None
    key_name: str | None


def vectors() -> Iterator[Vector]:
    for group in json.loads(VECTORS.read_text())["testGroups"]:
        private = group["private"]
        key = from_base64url(private["k"]) if private["kty"] == "oct" else None
        for test in group["tests"]:
            if test["tcId"] not in THE_SAME_AS_A_VALID_ONE:
                name = f"jwt_6 {test['tcId']} {test['comment']}"
                jws = test["jws"]
                text = jws if isinstance(jws, str) else json.dumps(jws)
                yield Vector(name, text, key, private.get("kid"))


ALL = list(vectors())


@pytest.fixture(scope="module")
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    """A service of its own, whose keys can be changed."""
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@pytest.fixture(scope="module")
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client


@pytest.fixture
def trusting(app: FastAPI, settings: Settings) -> "Trust":
    return Trust(app, settings)


@dataclass(frozen=True)
class Trust:
    app: FastAPI
    settings: Settings

    def __call__(self, key: bytes | None, key_name: str | None = None) -> None:
        """Make the vector's key ours, under our name for it and under the vector's own."""
        key = key or self.settings.jwt_secrets[0].encode()
        tokens = AccessTokens(self.settings, [key])
        if isinstance(key_name, str):
            tokens.keys[key_name] = key
        self.app.state.access_tokens = tokens


async def send(client: httpx.AsyncClient, token: str) -> httpx.Response:
    authorization = f"Bearer {token}".encode("utf-8", "surrogatepass")
    return await client.get("/users/me", headers={b"Authorization": authorization})


def test_jwt_6_there_are_as_many_vectors_as_were_published() -> None:
    assert len(ALL) == 401 - len(THE_SAME_AS_A_VALID_ONE)


@pytest.mark.parametrize("vector", ALL, ids=lambda vector: vector.name)
async def test_a_vector_opens_nothing(
    client: httpx.AsyncClient, trusting: Trust, vector: Vector
) -> None:
    trusting(vector.key, vector.key_name)

    response = await send(client, vector.jws)

    assert response.status_code == 401
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


KEYS = sorted({vector.key for vector in ALL if vector.key})


@pytest.mark.parametrize("key", KEYS, ids=[key.hex()[:8] for key in KEYS])
def test_jwt_6_the_keys_of_the_vectors_are_in_force(
    app: FastAPI, settings: Settings, trusting: Trust, key: bytes
) -> None:
    trusting(key)
    tokens: AccessTokens = app.state.access_tokens
    forge = Forge.anew(
        key, issuer=settings.jwt_issuer, audience=settings.jwt_audience, now=utc_now()
    )

    claims = tokens.read(forge.token())

    assert str(claims.user_id) == forge.claims["sub"]
