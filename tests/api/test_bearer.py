"""Bearer tokens, JWT-1 to JWT-17 of docs/security.md.

Every forgery is sent to a read, a write and an operation of administrators.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

import httpx2 as httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import delete, event

from impl.app import create_app
from impl.core.config import Settings
from impl.core.tokens import key_id
from impl.db.session import Database
from impl.models import User
from tests.forgery import MISSING, Forge, base64url, claims_of, from_base64url, header_of
from tests.people import PASSWORD, Person, changed, client_of, promote, register

Operation = tuple[str, str, dict[str, Any]]
Forgery = Callable[[Forge], str]

OPERATIONS: dict[str, Operation] = {
    "read": ("GET", "/users/me", {}),
    "write": ("POST", "/items", {"json": {"title": "A brass telescope"}}),
    "admin": ("GET", "/users", {}),
}

NEXT_SECRET = "n3xt-b3st.a_s3cret+for/tests=only;987654321"


@pytest.fixture(params=OPERATIONS)
def operation(request: pytest.FixtureRequest) -> Operation:
    """The operation that the token is sent to; an administrator may do all of them."""
    return OPERATIONS[request.param]


@pytest.fixture(scope="module")
async def client(whole_app: FastAPI, whole_database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """A stranger, for all tests here: they differ in the token alone."""
    async with client_of(whole_app) as client:
        yield client
    async with whole_database.writing() as session, session.begin():
        await session.execute(delete(User))


@pytest.fixture(scope="module")
async def admin(client: httpx.AsyncClient, whole_database: Database) -> Person:
    person = await promote(await register(client, "admin@example.com"), whole_database)
    await person.log_in()
    return person


@pytest.fixture
def forge(admin: Person, settings: Settings) -> Forge:
    """The administrator's own token, to be signed again with the real key."""
    return Forge.like(admin.tokens["access_token"], settings.jwt_secrets[0].encode())


async def send(
    client: httpx.AsyncClient, operation: Operation, authorization: str | None
) -> httpx.Response:
    method, path, arguments = operation
    headers = {} if authorization is None else {b"Authorization": authorization.encode("latin-1")}
    return await client.request(method, path, headers=headers, **arguments)


async def send_token(client: httpx.AsyncClient, operation: Operation, token: str) -> httpx.Response:
    return await send(client, operation, f"Bearer {token}")


def is_refused_token(response: httpx.Response) -> bool:
    challenge = 'Bearer realm="charter", error="invalid_token"'
    return response.status_code == 401 and response.headers["WWW-Authenticate"] == challenge


@asynccontextmanager
async def worker(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Another process that serves the same database."""
    app = create_app(settings)
    async with app.router.lifespan_context(app), client_of(app) as client:
        yield client


@contextmanager
def taken_connections(app: FastAPI) -> Iterator[list[object]]:
    """The connections to the database that the service takes, one for each statement or more."""
    pool = app.state.database.engine.sync_engine.pool
    taken: list[object] = []

    def note(connection: object, *rest: object) -> None:
        taken.append(connection)

    event.listen(pool, "checkout", note)
    try:
        yield taken
    finally:
        event.remove(pool, "checkout", note)


async def test_the_forge_writes_tokens_that_are_accepted_when_nothing_is_wrong_with_them(
    client: httpx.AsyncClient, forge: Forge, operation: Operation
) -> None:
    response = await send_token(client, operation, forge.token())

    assert response.is_success


# -- JWT-1 and JWT-3 ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Basic YWRtaW46c2VjcmV0", "Digest username=admin", "Token abc", "bearer_token"],
)
async def test_jwt_1_without_a_bearer_token_the_challenge_names_no_error(
    client: httpx.AsyncClient, operation: Operation, authorization: str | None
) -> None:
    response = await send(client, operation, authorization)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="charter"'
    assert response.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "authorization", ["Bearer", "Bearer ", "bearer  ", "Bearer ,", "Bearer \t"]
)
async def test_jwt_3_an_empty_bearer_token_is_a_bad_one(
    client: httpx.AsyncClient, operation: Operation, authorization: str
) -> None:
    response = await send(client, operation, authorization)

    assert is_refused_token(response)


async def test_jwt_3_two_authorization_headers_are_one_too_many(
    client: httpx.AsyncClient, admin: Person, operation: Operation
) -> None:
    method, path, arguments = operation
    once = ("Authorization", admin.headers["Authorization"])

    for other in (once, ("authorization", "Basic YWRtaW46c2VjcmV0"), ("Authorization", "")):
        for headers in ([once, other], [other, once]):
            response = await client.request(method, path, headers=headers, **arguments)
            assert is_refused_token(response)


@pytest.mark.parametrize(
    "authorization",
    ["Bearer {0} {0}", "Bearer {0},{0}", "Bearer {0}, Basic abc", 'Bearer "{0}"', "Bearer={0}",
     "Basic {0}", "JWT {0}", "{0}", "Bearer Bearer {0}"],
)  # fmt: skip
async def test_jwt_3_a_good_token_in_another_wrapping_is_refused(
    client: httpx.AsyncClient, admin: Person, operation: Operation, authorization: str
) -> None:
    token = admin.tokens["access_token"]

    response = await send(client, operation, authorization.format(token))

    assert response.status_code == 401


@pytest.mark.parametrize("where", ["params", "data", "cookies"])
async def test_jwt_3_a_token_counts_nowhere_but_in_the_header(
    client: httpx.AsyncClient, admin: Person, operation: Operation, where: str
) -> None:
    method, path, _ = operation
    token = {"access_token": admin.tokens["access_token"]}
    if where == "cookies":
        placed: dict[str, Any] = {"headers": {"Cookie": f"access_token={token['access_token']}"}}
    else:
        placed = {where: token}

    response = await client.request(method, path, **placed)

    assert response.status_code == 401


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "BeArEr"])
async def test_jwt_3_the_name_of_the_scheme_has_no_case(
    client: httpx.AsyncClient, admin: Person, operation: Operation, scheme: str
) -> None:
    response = await send(client, operation, f"{scheme} {admin.tokens['access_token']}")

    assert response.is_success  # RFC 9110 section 11.1


# -- the forgeries --------------------------------------------------------------------------------


def unsigned(spelling: str) -> Forgery:
    return lambda forge: forge.with_header(alg=spelling).token().rpartition(".")[0] + "."


def with_header(**members: Any) -> Forgery:
    return lambda forge: forge.with_header(**members).token()


def with_claims(**members: Any) -> Forgery:
    return lambda forge: forge.with_claims(**members).token()


def without(claim: str) -> Forgery:
    return with_claims(**{claim: MISSING})


def with_literal(claim: str, literal: str) -> Forgery:
    """A claim that Python would not write."""

    def forgery(forge: Forge) -> str:
        claims = json.dumps(dict(forge.with_claims(**{claim: "HERE"}).claims))
        return forge.raw(json.dumps(dict(forge.header)), claims.replace('"HERE"', literal))

    return forgery


def with_raw_header(header: str) -> Forgery:
    return lambda forge: forge.raw(header, json.dumps(dict(forge.claims)))


def with_raw_claims(claims: str) -> Forgery:
    return lambda forge: forge.raw(json.dumps(dict(forge.header)), claims)


def with_key(key: bytes) -> Forgery:
    return lambda forge: Forge(key, forge.header, forge.claims).token()


def labelled(algorithm: Any, digest: str = "sha256") -> Forgery:
    return lambda forge: forge.with_header(alg=algorithm).token(digest)


def twice(member: str, first: Any, second: Any) -> Forgery:
    """A header that names a member twice, once right: which of them counts is a parser's whim."""

    def forgery(forge: Forge) -> str:
        rest = {name: value for name, value in forge.header.items() if name != member}
        pairs = [*rest.items(), (member, first), (member, second)]
        header = ", ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in pairs)
        return forge.raw("{" + header + "}", json.dumps(dict(forge.claims)))

    return forgery


def respelt(change: Callable[[str], str]) -> Forgery:
    """A good token in another spelling."""
    return lambda forge: change(forge.token())


def other_spelling_of_the_last_bits(token: str) -> str:
    """32 bytes are 43 characters of which the last has two bits to spare."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet[alphabet.index(token[-1]) ^ 1]
    assert from_base64url(token.rpartition(".")[2][:-1] + last) == from_base64url(
        token.rpartition(".")[2]
    )
    return token[:-1] + last


def as_json_serialisation(token: str) -> str:
    protected, payload, signature = token.split(".")
    return json.dumps({"protected": protected, "payload": payload, "signature": signature})


def with_a_broken_signature(token: str) -> str:
    return token[:-5] + ("A" if token[-5] != "A" else "B") + token[-4:]


def detached_and_unencoded(forge: Forge) -> str:
    """RFC 7797: the payload is signed as it stands."""
    header = base64url(json.dumps({**forge.header, "b64": False, "crit": ["b64"]}).encode())
    claims = json.dumps(dict(forge.claims))
    return f"{header}.{base64url(claims.encode())}.{forge.signature(f'{header}.{claims}')}"


DAY = 86_400
PEM = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n"

FORGERIES: dict[str, Forgery] = {
    # JWT-2: what comes from us no longer counts, or never did
    "jwt_2 nonsense": lambda forge: "nonsense",
    "jwt_2 three empty parts": lambda forge: "..",
    "jwt_2 expired": lambda forge: forge.shifted(-DAY).token(),
    "jwt_2 another key": with_key(b"x" * 32),
    "jwt_2 an empty key": with_key(b""),
    "jwt_2 a broken signature": respelt(with_a_broken_signature),
    "jwt_2 a signature cut short": respelt(lambda token: token[:-8]),
    "jwt_2 another session": with_claims(sid="0c5f2d1e-6b1a-4a3c-9b53-0d0f3f6a1e11"),
    # JWT-4: nobody signs with nothing
    **{f"jwt_4 unsigned {name}": unsigned(name) for name in ("none", "None", "NONE", "nOnE")},
    **{f"jwt_4 signed {name}": labelled(name) for name in ("none", "None", "NONE", "nOnE")},
    "jwt_4 HS256 unsigned": unsigned("HS256"),
    # JWT-5: HS256 and nothing else
    "jwt_5 HS384": labelled("HS384", "sha384"),
    "jwt_5 HS512": labelled("HS512", "sha512"),
    **{
        f"jwt_5 {name} signed as HS256": labelled(name)
        for name in ("HS384", "HS512", "RS256", "PS256", "ES256", "EdDSA", "hs256", "HS256 ", "")
    },
    "jwt_5 no algorithm": with_header(alg=MISSING),
    "jwt_5 a list": labelled(["HS256"]),
    "jwt_5 null": labelled(None),
    "jwt_5 a number": labelled(256),
    "jwt_5 an object": labelled({"name": "HS256"}),
    "jwt_5 HS256 then none": twice("alg", "HS256", "none"),
    "jwt_5 none then HS256": twice("alg", "none", "HS256"),
    "jwt_5 HS256 twice": twice("alg", "HS256", "HS256"),
    "jwt_5 a public key as the secret": with_key(PEM.encode()),
    # JWT-7: a key id is looked up and never interpreted
    "jwt_7 a path": with_header(kid="../../../../dev/null"),
    "jwt_7 SQL": with_header(kid="' UNION SELECT 'key' --"),
    "jwt_7 a URL": with_header(kid="http://127.0.0.1:9/key"),
    "jwt_7 a command": with_header(kid="| sleep 5"),
    "jwt_7 NUL": with_header(kid="\x00"),
    "jwt_7 half a surrogate pair": with_header(kid="\ud800"),
    "jwt_7 a number": with_header(kid=0),
    "jwt_7 an object": with_header(kid={"$ne": ""}),
    "jwt_7 a list": with_header(kid=[]),
    "jwt_7 null": with_header(kid=None),
    "jwt_7 empty": with_header(kid=""),
    "jwt_7 8 kB": with_header(kid="k" * 8192),
    "jwt_7 unknown": with_header(kid="0123456789ab"),
    "jwt_7 none": with_header(kid=MISSING),
    "jwt_7 two": twice("kid", "unknown", "known"),
    # JWT-8: a token does not bring its own key
    "jwt_8 jku": with_header(jku="http://127.0.0.1:9/jwks.json"),
    "jwt_8 x5u": with_header(x5u="http://127.0.0.1:9/key.pem"),
    "jwt_8 jwk": lambda forge: forge.with_header(jwk={"kty": "oct", "k": "eA"}).token(),
    "jwt_8 x5c": with_header(x5c=["MIIB"]),
    "jwt_8 x5t": with_header(x5t="eA"),
    # JWT-9: extensions that we do not understand
    "jwt_9 crit": with_header(crit=["exp"], exp=0),
    "jwt_9 empty crit": with_header(crit=[]),
    "jwt_9 crit null": with_header(crit=None),
    "jwt_9 b64": with_header(b64=False),
    "jwt_9 b64 and crit": detached_and_unencoded,
    "jwt_9 zip": with_header(zip="DEF"),
    "jwt_9 cty": with_header(cty="JWT"),
    "jwt_9 an unknown member": with_header(extra=1),
    # JWT-10: access tokens only
    **{
        f"jwt_10 typ {kind!r}": with_header(typ=kind)
        for kind in ("JWT", "", "rt+jwt", "reset+jwt", "jwt+at", "at+jwt ", None, 1, ["at+jwt"])
    },
    "jwt_10 no typ": with_header(typ=MISSING),
    "jwt_10 two typ": twice("typ", "JWT", "at+jwt"),
    # JWT-11: from us, for us, complete
    "jwt_11 another audience": with_claims(aud="other"),
    "jwt_11 an audience among others": with_claims(aud=["charter", "other"]),
    "jwt_11 a list of us": with_claims(aud=["charter"]),
    "jwt_11 no audience in the list": with_claims(aud=[]),
    "jwt_11 audience null": with_claims(aud=None),
    "jwt_11 an audience in capitals": with_claims(aud="Charter"),
    "jwt_11 another issuer": with_claims(iss="other"),
    "jwt_11 a list of issuers": with_claims(iss=["charter"]),
    "jwt_11 part of the issuer": with_claims(iss="chart"),
    "jwt_11 issuer null": with_claims(iss=None),
    **{f"jwt_11 no {claim}": without(claim) for claim in ("iss", "aud", "sub", "sid", "jti")},
    **{f"jwt_11 no {claim}": without(claim) for claim in ("iat", "exp")},
    **{f"jwt_11 {claim} null": with_claims(**{claim: None}) for claim in ("sub", "sid", "jti")},
    "jwt_11 jti a number": with_claims(jti=1),
    # JWT-12: in time (the boundaries are in tests/core/test_tokens.py)
    "jwt_12 from tomorrow": lambda forge: forge.shifted(DAY).token(),
    "jwt_12 expired a minute ago": lambda forge: forge.shifted(-960).token(),
    "jwt_12 valid for a day": lambda forge: forge.with_claims(
        exp=forge.claims["iat"] + DAY
    ).token(),
    "jwt_12 valid for ever": lambda forge: forge.with_claims(exp=10**400).token(),
    "jwt_12 exp before iat": lambda forge: forge.with_claims(exp=forge.claims["iat"] - 1).token(),
    "jwt_12 from the beginning of time": with_claims(iat=-(10**400)),
    "jwt_12 not before tomorrow": lambda forge: forge.with_claims(
        nbf=forge.claims["iat"] + DAY
    ).token(),
    **{
        f"jwt_12 {claim} {literal}": with_literal(claim, literal)
        for claim in ("exp", "iat", "nbf")
        for literal in ("true", '"1900000000"', "null", "[]", "1e400", "Infinity", "NaN")
    },
    "jwt_12 exp a float": lambda forge: forge.with_claims(exp=forge.claims["exp"] + 0.0).token(),
    "jwt_12 iat a float": lambda forge: forge.with_claims(iat=forge.claims["iat"] + 0.0).token(),
    # JWT-14: whose token
    "jwt_14 no UUID": with_claims(sub="admin"),
    "jwt_14 empty": with_claims(sub=""),
    "jwt_14 a number": with_claims(sub=1),
    "jwt_14 an object": with_claims(sub={"id": 1}),
    "jwt_14 10 kB": with_claims(sub="a" * 10_240),
    "jwt_14 SQL": with_claims(sub="' OR true --"),
    "jwt_14 NUL": with_claims(sub="\x00" * 36),
    "jwt_14 half a surrogate pair": with_claims(sub="\ud800" * 36),
    "jwt_14 digits of another script": with_claims(sub="\u0660" * 32),
    "jwt_14 nobody": with_claims(sub="0c5f2d1e-6b1a-4a3c-9b53-0d0f3f6a1e11"),
    "jwt_14 in capitals": lambda forge: forge.with_claims(
        sub=f"{{{forge.claims['sub'].upper()}}}"
    ).token(),
    "jwt_14 a session that is no UUID": with_claims(sid="current"),
    # JWT-17: one spelling, of one size
    "jwt_17 other bits that nobody reads": respelt(other_spelling_of_the_last_bits),
    "jwt_17 padded": respelt(lambda token: token + "="),
    "jwt_17 padded inside": respelt(lambda token: token.replace(".", "=.", 1)),
    "jwt_17 the alphabet of plain base64": respelt(lambda token: token + "+/"),
    "jwt_17 a blank inside": respelt(lambda token: token[:40] + " " + token[40:]),
    "jwt_17 a tab at the end of a part": respelt(lambda token: token.replace(".", "\t.", 1)),
    "jwt_17 JSON serialisation": respelt(as_json_serialisation),
    "jwt_17 five parts": respelt(lambda token: token + ".e30.e30"),
    "jwt_17 four parts": respelt(lambda token: token + ".e30"),
    "jwt_17 two parts": respelt(lambda token: token.rpartition(".")[0]),
    "jwt_17 beyond ASCII": respelt(lambda token: token[:-1] + "\xe9"),
    "jwt_17 1 MB": respelt(lambda token: token + "A" * 1_000_000),
    "jwt_17 1 MB of dots": lambda forge: "." * 1_000_000,
    "jwt_17 deep claims": with_raw_claims("[" * 10_000 + "]" * 10_000),
    "jwt_17 a deep header": with_raw_header("[" * 10_000 + "]" * 10_000),
    "jwt_17 a rather deep header": with_raw_header("[" * 600 + "]" * 600),
    "jwt_17 rather deep claims": with_raw_claims("[" * 500 + "]" * 500),
    **{
        f"jwt_17 a header of {content or 'nothing'}": with_raw_header(content)
        for content in ("", "[]", "1", "null", "true", '"alg"', "{", "{}", '[{"alg": "HS256"}]')
    },
    **{
        f"jwt_17 claims of {content or 'nothing'}": with_raw_claims(content)
        for content in ("", "[]", "1", "null", "true", '"sub"', "{", "{}", "NaN")
    },
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
async def test_a_forged_token_is_refused(
    client: httpx.AsyncClient, forge: Forge, operation: Operation, forgery: Forgery
) -> None:
    token = forgery(forge)

    response = await send_token(client, operation, token)

    assert is_refused_token(response)


# -- JWT-7 and JWT-8 ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in FORGERIES if name.startswith("jwt_7")])
async def test_jwt_7_a_strange_key_id_never_reaches_the_database(
    whole_app: FastAPI, client: httpx.AsyncClient, forge: Forge, operation: Operation, name: str
) -> None:
    token = FORGERIES[name](forge)

    with taken_connections(whole_app) as taken:
        await send_token(client, operation, token)

    assert taken == []


async def test_jwt_7_the_database_is_asked_about_a_good_token(
    whole_app: FastAPI, client: httpx.AsyncClient, forge: Forge, operation: Operation
) -> None:
    with taken_connections(whole_app) as taken:
        await send_token(client, operation, forge.token())

    assert taken  # or the test above would hold of anything


@pytest.mark.parametrize("member", ["jku", "x5u", "kid"])
async def test_jwt_8_an_address_in_the_header_is_never_called(
    client: httpx.AsyncClient, forge: Forge, operation: Operation, member: str
) -> None:
    callers: list[object] = []

    def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        callers.append(writer)
        writer.close()

    listener = await asyncio.start_server(note, "127.0.0.1", 0)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        token = forge.with_header(**{member: f"http://127.0.0.1:{port}/keys.json"}).token()

        response = await send_token(client, operation, token)
        await asyncio.sleep(0.01)

    assert is_refused_token(response)
    assert callers == []


# -- JWT-10 ---------------------------------------------------------------------------------------


async def test_jwt_10_a_refresh_token_is_no_access_token(
    client: httpx.AsyncClient, admin: Person, operation: Operation
) -> None:
    response = await send_token(client, operation, admin.tokens["refresh_token"])

    assert is_refused_token(response)


async def test_jwt_10_an_access_token_is_no_refresh_token(admin: Person) -> None:
    response = await admin.refresh(admin.tokens["access_token"])

    assert response.status_code == 401
    assert response.json()["error"] == "invalid_grant"


@pytest.mark.parametrize("kind", ["at+jwt", "AT+JWT", "application/at+jwt", "Application/AT+jwt"])
async def test_jwt_10_every_spelling_of_the_type_is_good(
    client: httpx.AsyncClient, forge: Forge, operation: Operation, kind: str
) -> None:
    response = await send_token(client, operation, forge.with_header(typ=kind).token())

    assert response.is_success  # RFC 9068 section 4, RFC 7515 section 4.1.9


# -- JWT-13 ---------------------------------------------------------------------------------------

BOASTS: dict[str, dict[str, Any]] = {
    "administrator": {"administrator": True},
    "is_superuser": {"is_superuser": True},
    "role": {"role": "admin"},
    "roles": {"roles": ["admin"]},
    "scope": {"scope": "users:admin items:read"},
    "scopes": {"scopes": ["users:admin"]},
    "active": {"active": True},
}


@pytest.mark.parametrize("boast", BOASTS.values(), ids=BOASTS)
async def test_jwt_13_a_signed_claim_raises_nobodys_rights(
    client: httpx.AsyncClient, settings: Settings, boast: dict[str, Any]
) -> None:
    user = await register(client)
    forge = Forge.like(user.tokens["access_token"], settings.jwt_secrets[0].encode())
    token = forge.with_claims(**boast).token()

    read = await send_token(client, OPERATIONS["read"], token)
    administered = await send_token(client, OPERATIONS["admin"], token)

    assert read.json()["administrator"] is False
    assert administered.status_code == 403


async def test_jwt_13_a_signed_claim_widens_no_session(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    user = await register(client)
    await user.log_in(scope="items:read")
    forge = Forge.like(user.tokens["access_token"], settings.jwt_secrets[0].encode())

    response = await send_token(
        client, OPERATIONS["write"], forge.with_claims(scope="items:write").token()
    )

    assert response.status_code == 403


# -- JWT-14 ---------------------------------------------------------------------------------------


async def test_jwt_14_the_token_of_a_deleted_user_is_refused(
    client: httpx.AsyncClient, admin: Person, operation: Operation, whole_database: Database
) -> None:
    user = await promote(await register(client), whole_database)
    await user.log_in()
    before = await send_token(client, operation, user.tokens["access_token"])
    await admin.delete(f"/users/{user.id}")

    after = await send_token(client, operation, user.tokens["access_token"])

    assert before.is_success
    assert is_refused_token(after)


async def test_jwt_14_a_subject_does_not_get_into_the_session_of_another(
    client: httpx.AsyncClient, admin: Person, forge: Forge, operation: Operation
) -> None:
    user = await register(client)
    theirs = claims_of(user.tokens["access_token"])

    for claims in ({"sub": theirs["sub"]}, {"sid": theirs["sid"]}):
        response = await send_token(client, operation, forge.with_claims(**claims).token())
        assert is_refused_token(response)


# -- JWT-15 ---------------------------------------------------------------------------------------


async def test_jwt_15_a_rolling_change_of_the_secret_refuses_nobody(
    client: httpx.AsyncClient, operation: Operation, settings: Settings, whole_database: Database
) -> None:
    user = await promote(await register(client), whole_database)
    await user.log_in()
    old, new = settings.jwt_secrets[0], NEXT_SECRET
    patient = changed(settings, refresh_reuse_grace_seconds=60)
    pairs = [dict(user.tokens)]

    # each step is rolled out worker by worker: while it is, two neighbours serve side by side
    for before, after in (
        (old, f"{old},{new}"),
        (f"{old},{new}", f"{new},{old}"),
    ):
        async with AsyncExitStack() as workers:
            clients = [
                await workers.enter_async_context(worker(with_secrets(patient, secrets)))
                for secrets in (before, after)
            ]
            for serving in clients:
                pairs.append(await logged_in(serving, user))
            for asked in clients:
                for pair in pairs:
                    response = await send_token(asked, operation, pair["access_token"])
                    assert response.is_success
                    refreshed = await refresh(asked, pair)
                    assert refreshed.status_code == 200

    assert header_of(pairs[-1]["access_token"])["kid"] == key_id(new.encode())


async def test_jwt_15_only_the_first_secret_signs_and_a_removed_one_opens_nothing(
    client: httpx.AsyncClient, operation: Operation, settings: Settings, whole_database: Database
) -> None:
    user = await promote(await register(client), whole_database)
    await user.log_in()
    old, new = settings.jwt_secrets[0], NEXT_SECRET
    async with worker(with_secrets(settings, f"{new},{old}")) as both:
        young = await logged_in(both, user)
        accepted = await send_token(both, operation, user.tokens["access_token"])

    async with worker(with_secrets(settings, new)) as only_new:
        refused = await send_token(only_new, operation, user.tokens["access_token"])
        unrefreshed = await refresh(only_new, user.tokens)
        good = await send_token(only_new, operation, young["access_token"])
        refreshed = await refresh(only_new, young)

    assert header_of(young["access_token"])["kid"] == key_id(new.encode())
    assert accepted.is_success
    assert is_refused_token(refused)
    assert unrefreshed.status_code == 401
    assert good.is_success
    assert refreshed.status_code == 200


def with_secrets(settings: Settings, secrets: str) -> Settings:
    return changed(settings, jwt_secret=SecretStr(secrets))


async def refresh(client: httpx.AsyncClient, pair: Mapping[str, Any]) -> httpx.Response:
    form = {"grant_type": "refresh_token", "refresh_token": pair["refresh_token"]}
    return await client.post("/auth/token", data=form)


async def logged_in(client: httpx.AsyncClient, person: Person) -> dict[str, Any]:
    visitor = Person(client, person.id, person.email)
    await visitor.log_in()
    return dict(visitor.tokens)


# -- JWT-16 ---------------------------------------------------------------------------------------


async def test_jwt_16_a_token_tells_nothing_about_its_bearer(
    client: httpx.AsyncClient, admin: Person, settings: Settings
) -> None:
    token = admin.tokens["access_token"]

    read = json.dumps([header_of(token), claims_of(token)])

    assert header_of(token).keys() == {"alg", "typ", "kid"}
    assert claims_of(token).keys() == {"iss", "aud", "sub", "sid", "jti", "iat", "exp"}
    for secret in (admin.email, PASSWORD, "admin", "scope", "$2b$", settings.jwt_secrets[0]):
        assert secret not in read


async def test_jwt_16_two_tokens_of_one_session_are_not_the_same(client: httpx.AsyncClient) -> None:
    user = await register(client)

    again = (await user.refresh()).json()

    first, second = claims_of(user.tokens["access_token"]), claims_of(again["access_token"])
    assert first["sid"] == second["sid"]
    assert first["jti"] != second["jti"]
