"""`POST /auth/token`: TOK-1 to TOK-9 of docs/security.md."""

import logging
import re
from typing import Any

import httpx2 as httpx
import pytest
from sqlalchemy import update

from impl.db.session import Database
from impl.models import User
from tests.forgery import claims_of
from tests.people import PASSWORD, Person

SPEAKABLE = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749 section 5.2


def password_form(username: str = "ada@example.com", password: str = PASSWORD) -> dict[str, str]:
    return {"grant_type": "password", "username": username, "password": password}


def anonymised(response: httpx.Response) -> tuple[int, dict[str, Any], dict[str, str]]:
    """What a stranger could compare: all but the names of the request."""
    headers = {name: value for name, value in response.headers.items() if name != "x-request-id"}
    return response.status_code, response.json() | {"request_id": ""}, headers


async def deactivate(person: Person, database: Database) -> None:
    async with database.writing() as session, session.begin():
        await session.execute(update(User).where(User.email == person.email).values(active=False))


# -- TOK-1 ----------------------------------------------------------------------------------------


async def test_tok_1_a_login_answers_a_pair_whose_lifetime_is_the_tokens_own(
    client: httpx.AsyncClient, ada: Person
) -> None:
    response = await client.post("/auth/token", data=password_form())

    pair = response.json()
    claims = claims_of(pair["access_token"])
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    assert pair["token_type"].lower() == "bearer"
    assert pair["expires_in"] == claims["exp"] - claims["iat"] == 900
    assert claims["sub"] == ada.id
    assert pair["refresh_token"]


async def test_tok_1_a_refresh_answers_a_pair_of_the_same_shape(ada: Person) -> None:
    response = await ada.refresh()

    pair = response.json()
    claims = claims_of(pair["access_token"])
    assert response.status_code == 200
    assert pair.keys() == ada.tokens.keys()
    assert pair["expires_in"] == claims["exp"] - claims["iat"] == 900
    assert pair["access_token"] != ada.tokens["access_token"]


async def test_tok_1_a_session_has_the_scopes_that_were_asked_for(ada: Person) -> None:
    response = await ada.log_in(scope="items:read profile:read")

    refused = await ada.post("/items", json={"title": "A brass telescope"})

    assert response.json()["scope"].split() == ["items:read", "profile:read"]
    assert (await ada.get("/items")).status_code == 200
    assert refused.status_code == 403
    assert 'error="insufficient_scope"' in refused.headers["WWW-Authenticate"]


async def test_tok_1_nobody_gets_a_scope_that_is_not_theirs(ada: Person) -> None:
    response = await ada.log_in(scope="items:read users:admin")

    assert response.json()["scope"] == "items:read"
    assert (await ada.get("/users")).status_code == 403


# -- TOK-2 ----------------------------------------------------------------------------------------

CREDENTIAL_ANSWERS: list[tuple[str, str, dict[str, Any], int]] = [
    ("POST", "/auth/token", {"data": password_form()}, 200),
    ("POST", "/auth/token", {"data": password_form(password="wrong horse")}, 401),
    ("POST", "/auth/token", {"data": {"grant_type": "refresh_token"}}, 400),
    ("POST", "/auth/token", {"json": password_form()}, 415),
    ("GET", "/auth/token", {}, 405),
    ("POST", "/auth/revoke", {"data": {"token": "unknown"}}, 200),
    ("POST", "/auth/revoke", {"data": {}}, 400),
    ("GET", "/auth/sessions", {}, 200),
    ("DELETE", "/auth/sessions/0c5f2d1e-6b1a-4a3c-9b53-0d0f3f6a1e11", {}, 404),
    ("GET", "/users/me", {}, 200),
    ("GET", "/users/me?extra=1", {}, 422),
    ("GET", "/users", {}, 403),
    ("POST", "/users", {"json": {"email": "grace@example.com", "password": PASSWORD}}, 201),
    ("POST", "/users", {"json": {"email": "ada@example.com", "password": PASSWORD}}, 409),
    ("POST", "/users", {"json": {}}, 422),
]


@pytest.mark.parametrize(
    ("method", "path", "arguments", "status"),
    CREDENTIAL_ANSWERS,
    ids=[f"{method} {path} {status}" for method, path, _, status in CREDENTIAL_ANSWERS],
)
async def test_tok_2_no_cache_keeps_an_answer_about_credentials(
    ada: Person, method: str, path: str, arguments: dict[str, Any], status: int
) -> None:
    response = await ada.request(method, path, **arguments)

    assert response.status_code == status
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Pragma"] == "no-cache"


async def test_tok_2_no_cache_keeps_the_refusal_of_a_stranger(client: httpx.AsyncClient) -> None:
    response = await client.get("/users/me")

    assert response.status_code == 401
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Pragma"] == "no-cache"


# -- TOK-3 ----------------------------------------------------------------------------------------


async def test_tok_3_a_refused_login_does_not_tell_why(
    client: httpx.AsyncClient, ada: Person, grace: Person, database: Database
) -> None:
    await deactivate(grace, database)

    wrong = await client.post("/auth/token", data=password_form(password="wrong horse"))
    unknown = await client.post("/auth/token", data=password_form("nobody@example.com"))
    inactive = await client.post("/auth/token", data=password_form(grace.email))
    nonsense = await client.post("/auth/token", data=password_form("no address at all"))

    assert wrong.status_code == 401
    assert wrong.json()["error"] == "invalid_grant"
    assert wrong.headers["WWW-Authenticate"].startswith("Bearer")
    assert anonymised(wrong) == anonymised(unknown) == anonymised(inactive) == anonymised(nonsense)


async def test_tok_3_a_locked_address_does_not_tell_whether_somebody_has_it(
    client: httpx.AsyncClient, ada: Person
) -> None:
    for username in (ada.email, "nobody@example.com"):
        for _ in range(10):
            await client.post("/auth/token", data=password_form(username, "wrong horse"))

    right = await client.post("/auth/token", data=password_form(ada.email))
    wrong = await client.post("/auth/token", data=password_form(ada.email, "wrong horse"))
    unknown = await client.post("/auth/token", data=password_form("nobody@example.com"))

    for response in (right, wrong, unknown):
        # the two locks began a moment apart, and the seconds say no more than that
        assert 0 < int(response.headers.pop("Retry-After")) <= 60
    assert right.status_code == 429
    assert anonymised(right) == anonymised(wrong) == anonymised(unknown)


# -- TOK-4 ----------------------------------------------------------------------------------------

GRANTS = {
    "missing": ({}, "invalid_request"),
    "empty": ({"grant_type": ""}, "unsupported_grant_type"),
    "client_credentials": ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
    "in capitals": ({"grant_type": "PASSWORD"}, "unsupported_grant_type"),
    "with a blank": ({"grant_type": "password "}, "unsupported_grant_type"),
    "with a NUL": ({"grant_type": "password\x00"}, "unsupported_grant_type"),
}


@pytest.mark.parametrize(("grant", "error"), GRANTS.values(), ids=GRANTS)
async def test_tok_4_only_the_grants_that_the_document_lists_are_known(
    client: httpx.AsyncClient, ada: Person, grant: dict[str, str], error: str
) -> None:
    credentials = {"username": ada.email, "password": PASSWORD}

    response = await client.post("/auth/token", data=credentials | grant)

    assert response.status_code == 400
    assert response.json()["error"] == error


@pytest.mark.parametrize("missing", ["username", "password"])
async def test_tok_4_a_grant_needs_all_of_its_parameters(
    client: httpx.AsyncClient, ada: Person, missing: str
) -> None:
    form = password_form()
    del form[missing]

    response = await client.post("/auth/token", data=form)

    assert response.status_code == 400
    assert response.json()["error"] == "invalid_request"


# -- TOK-5 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("repeated", ["grant_type", "username", "password", "scope"])
async def test_tok_5_no_parameter_may_be_repeated(
    client: httpx.AsyncClient, ada: Person, repeated: str
) -> None:
    form = password_form() | {"scope": "items:read"}
    once = await client.post("/auth/token", data=form)

    twice = await client.post("/auth/token", data={**form, repeated: [form[repeated]] * 2})

    assert once.status_code == 200
    assert twice.status_code == 400
    assert twice.json()["error"] == "invalid_request"


# -- TOK-6 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
async def test_tok_6_tokens_are_only_given_to_a_post(
    client: httpx.AsyncClient, ada: Person, method: str
) -> None:
    response = await client.request(method, "/auth/token", params=password_form())

    assert response.status_code == 405
    assert "POST" in response.headers["Allow"].split(", ")


@pytest.mark.parametrize("with_body", [True, False], ids=["beside a body", "alone"])
async def test_tok_6_credentials_in_the_query_open_nothing_and_reach_no_log(
    client: httpx.AsyncClient, ada: Person, caplog: pytest.LogCaptureFixture, with_body: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    body = {"grant_type": "password"} if with_body else None

    response = await client.post("/auth/token", params=password_form(), data=body)

    assert response.status_code == 400
    ours = [vars(record) for record in caplog.records if not record.name.startswith("httpx")]
    assert any(line.get("path") == "/auth/token" for line in ours)
    assert "horse" not in str(ours)


# -- TOK-7 ----------------------------------------------------------------------------------------

FORM = b"grant_type=password&username=ada%40example.com&password=correct+horse+battery"
MEDIA_TYPES = {
    "JSON": "application/json",
    "multipart": "multipart/form-data; boundary=x",
    "plain text": "text/plain",
    "nonsense": ";;",
    "empty": "",
    "another charset": "application/x-www-form-urlencoded; charset=utf-16",
}


@pytest.mark.parametrize("media_type", MEDIA_TYPES.values(), ids=MEDIA_TYPES)
async def test_tok_7_another_media_type_is_refused(
    client: httpx.AsyncClient, ada: Person, media_type: str
) -> None:
    response = await client.post("/auth/token", content=FORM, headers={"Content-Type": media_type})

    assert response.status_code == 415


async def test_tok_7_a_body_without_a_media_type_is_refused(
    client: httpx.AsyncClient, ada: Person
) -> None:
    response = await client.post("/auth/token", content=FORM)

    assert response.status_code == 415


async def test_tok_7_no_body_at_all_is_refused(client: httpx.AsyncClient, ada: Person) -> None:
    response = await client.post("/auth/token")

    assert response.status_code == 400
    assert response.json()["error"] == "invalid_request"


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe", b"username=%ff", b"%00=%00", b"&&&===", b"grant_type=password;username=a"],
)
async def test_tok_7_a_body_that_is_no_form_is_refused(
    client: httpx.AsyncClient, content: bytes
) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    response = await client.post("/auth/token", content=content, headers=form)

    assert response.status_code == 400
    assert response.json()["error"] in {"invalid_request", "unsupported_grant_type"}


# -- TOK-8 ----------------------------------------------------------------------------------------


async def test_tok_8_there_is_no_client_authentication_that_could_open_or_hinder_a_login(
    client: httpx.AsyncClient, ada: Person
) -> None:
    basic = (ada.email, PASSWORD)

    right = await client.post("/auth/token", data=password_form(), auth=("client", "secret"))
    wrong = await client.post("/auth/token", data=password_form(password="wrong"), auth=basic)
    alone = await client.post("/auth/token", data={"grant_type": "password"}, auth=basic)

    assert right.status_code == 200
    assert wrong.status_code == 401
    assert wrong.json()["error"] == "invalid_grant"
    assert alone.status_code == 400


# -- TOK-9 ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["username", "password", "grant_type"])
async def test_tok_9_a_malformed_request_is_described_in_plain_ascii(
    client: httpx.AsyncClient, missing: str
) -> None:
    form = {name: text for name, text in password_form().items() if name != missing}

    response = await client.post("/auth/token", data=form)

    assert response.status_code == 400
    assert SPEAKABLE.fullmatch(response.json()["error_description"])


SPEECH = ['say "canary"', "canary\r\nSet-Cookie: a=b", "canary\u2028", "canary\\", "canaryé", "🐤"]


@pytest.mark.parametrize("field", ["username", "password", "grant_type", "scope", "refresh_token"])
@pytest.mark.parametrize("text", SPEECH, ids=ascii)
async def test_tok_9_an_error_speaks_plain_ascii_and_repeats_nothing(
    client: httpx.AsyncClient, text: str, field: str
) -> None:
    refresh = {"grant_type": "refresh_token"} if field == "refresh_token" else {}

    response = await client.post("/auth/token", data=password_form() | refresh | {field: text})

    assert response.status_code in {400, 401}
    assert SPEAKABLE.fullmatch(response.json()["error_description"])
    assert "canary" not in response.text + str(response.headers)
    assert "🐤" not in response.json()["detail"]
    assert "Set-Cookie" not in response.headers
