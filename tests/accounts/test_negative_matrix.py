"""Every operation of the document x every credential that must not open it.

Both are derived: an operation that the document gains is in the matrix at once. Whose object it is
comes after that: `charter fuzz` asks for the objects of somebody else.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from uuid import uuid4

import httpx2 as httpx
import jwt
import pytest
from fastapi import FastAPI
from sqlalchemy import delete, update

from charter.runtime import Operation
from generated.security import Scope
from impl.core.accounts import ADMINISTRATIVE, PREFIX
from impl.core.config import Settings
from impl.db.session import Database
from impl.models import User
from tests.people import Person, client_of, promote, register
from tests.promises import contract

SECURED = [
    operation
    for operation in contract().operations.values()
    if contract().credentials(operation.id).by_bearer and {} not in operation.security
]
# the key is as long as HS256 wants it
pytestmark = pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")

CHALLENGE = 'Bearer realm="charter"'


@dataclass(frozen=True)
class Credential:
    """What a caller shows, and what of the answer tells that it opened nothing."""

    authorization: str | None
    status: int = 401
    challenge: str = f'{CHALLENGE}, error="invalid_token"'
    scopes: frozenset[Scope] = frozenset()
    """What it may do all the same."""


def forgeries(token: str, secret: str) -> dict[str, str]:
    """The token, signed again, with one thing wrong with it."""
    header = jwt.get_unverified_header(token)
    claims = jwt.decode(token, options={"verify_signature": False})

    def signed(key: str | None = secret, algorithm: str = "HS256", typ: str = header["typ"]) -> str:
        return jwt.encode(claims, key, algorithm, {"typ": typ, "kid": header["kid"]})

    def claiming(**changes: object) -> str:
        return jwt.encode(claims | changes, secret, "HS256", header)

    def shifted(seconds: int) -> str:
        return claiming(**{name: claims[name] + seconds for name in ("iat", "exp")})

    return {
        "a broken signature": token[:-5] + ("A" if token[-5] != "A" else "B") + token[-4:],
        "another key": signed("x" * 64),
        "no algorithm": signed(None, "none"),
        "another algorithm": signed(algorithm="HS512"),
        "another type": signed(typ="JWT"),
        "another issuer": claiming(iss="somebody else"),
        "another audience": claiming(aud="somebody else"),
        "an expired token": shifted(-86_400),
        "a token of the future": shifted(86_400),
        "no session": claiming(sid=str(uuid4())),
    }


# -- what has been good ---------------------------------------------------------------------------

End = Callable[[Person], Awaitable[object]]


async def end_the_session(person: Person) -> None:
    page = await person.get("/auth/sessions")
    (current,) = [one["id"] for one in page.json()["data"] if one["current"]]
    await person.delete(f"/auth/sessions/{current}")


ENDS: Mapping[str, End] = {
    "a revoked access token": lambda person: person.post(
        "/auth/revoke", data={"token": person.tokens["access_token"]}
    ),
    "a revoked refresh token": lambda person: person.post(
        "/auth/revoke", data={"token": person.tokens["refresh_token"]}
    ),
    "a session that was ended": end_the_session,
    "sessions that were ended everywhere": lambda person: person.delete("/auth/sessions"),
    "a deleted user": lambda person: person.delete("/users/me"),
}


async def signed_out(client: httpx.AsyncClient, database: Database) -> dict[str, Credential]:
    """The tokens of administrators that have ended."""
    found = {}
    for name, end in ENDS.items():
        person = await administrator(client, database)
        await end(person)
        found[name] = Credential(person.headers["Authorization"])
    deactivated = await administrator(client, database)
    await (await administrator(client, database)).patch(
        f"/users/{deactivated.id}", json={"active": False}
    )
    return found | {"a deactivated user": Credential(deactivated.headers["Authorization"])}


async def of_few_rights(client: httpx.AsyncClient, database: Database) -> dict[str, Credential]:
    """Tokens that open some operations and not the others."""
    everything = frozenset(Scope)
    people = {"an ordinary user": (await register(client), everything - ADMINISTRATIVE)}
    demoted = await administrator(client, database)
    async with database.writing() as session, session.begin():
        await session.execute(
            update(User).where(User.email == demoted.email), {"administrator": False}
        )
    people["a demoted administrator"] = demoted, everything - ADMINISTRATIVE
    for scope in Scope:
        person = await administrator(client, database)
        others = everything - {scope}
        assert (await person.log_in(scope=" ".join(others))).status_code == 200
        people[f"a session without {scope}"] = person, others
    challenge = f'{CHALLENGE}, error="insufficient_scope", scope="'
    return {
        name: Credential(person.headers["Authorization"], 403, challenge, scopes)
        for name, (person, scopes) in people.items()
    }


async def administrator(client: httpx.AsyncClient, database: Database) -> Person:
    person = await promote(await register(client), database)
    await person.log_in()
    return person


# -- the matrix -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def client(whole_app: FastAPI, whole_database: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(whole_app, PREFIX) as client:
        yield client
    async with whole_database.writing() as session, session.begin():
        await session.execute(delete(User))


@pytest.fixture(scope="module")
async def credentials(
    client: httpx.AsyncClient, whole_database: Database, settings: Settings
) -> Mapping[str, Credential]:
    """By name; none of them changes any more."""
    admin = await administrator(client, whole_database)
    good = admin.tokens["access_token"]
    refused = forgeries(good, settings.jwt_secrets[0]) | {
        "a malformed token": "nonsense",
        "a refresh token": admin.tokens["refresh_token"],
    }
    return {
        "no token": Credential(None, challenge=CHALLENGE),
        "another scheme": Credential("Basic YWRtaW46c2VjcmV0", challenge=CHALLENGE),
        **{name: Credential(f"Bearer {token}") for name, token in refused.items()},
        **await signed_out(client, whole_database),
        **await of_few_rights(client, whole_database),
    }


@pytest.mark.parametrize("operation", SECURED, ids=[operation.id for operation in SECURED])
async def test_auz_4_no_credential_opens_what_it_must_not(
    operation: Operation, client: httpx.AsyncClient, credentials: Mapping[str, Credential]
) -> None:
    alternatives = contract().credentials(operation.id).by_bearer
    names = {parameter.name: str(uuid4()) for parameter in operation.parameters}
    url = client.base_url.join(operation.path.format_map(names))
    opened = []
    for name, credential in credentials.items():
        if credential.scopes and any(credential.scopes >= asked for asked in alternatives):
            continue
        shown = {"Authorization": credential.authorization} if credential.authorization else {}

        answer = await client.request(operation.method, url, headers=shown, content=b"{")

        challenge = answer.headers.get("WWW-Authenticate", "")
        is_refused = answer.status_code == credential.status
        if not is_refused or not challenge.startswith(credential.challenge):
            opened.append(f"{name}: {answer.status_code} {challenge}")

    assert opened == []
