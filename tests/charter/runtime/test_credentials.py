"""Security requirements: every scheme, alternatives, combinations, and nobody at all."""

from base64 import b64encode
from typing import Any

import pytest

from charter.runtime import MissingCredentials
from charter.runtime.credentials import Credentials
from tests.charter.generate.requests import contract_of, request

SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "basic": {"type": "http", "scheme": "basic"},
    "digest": {"type": "http", "scheme": "digest"},
    "oauth2": {"type": "oauth2", "flows": {}},
    "oidc": {"type": "openIdConnect", "openIdConnectUrl": "https://example.com/"},
    "header": {"type": "apiKey", "in": "header", "name": "X-Key"},
    "query": {"type": "apiKey", "in": "query", "name": "key"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": "sid"},
    "tls": {"type": "mutualTLS"},
}
ENCODED = b64encode(b"ada:secret").decode()
BASIC = ("Authorization", f"Basic {ENCODED}")
BEARER = ("Authorization", "bearer t0ken")
KEY = ("X-Key", "k")


async def taken(security: Any, headers: Any = (), query: str = "") -> Credentials | None:
    found = contract_of(security=security, components={"securitySchemes": SCHEMES})
    return await found.credentials("act")(request(headers=headers, query=query))


@pytest.mark.parametrize(
    ("scheme", "headers", "query", "value"),
    [
        ("bearer", [BEARER], "", "t0ken"),
        ("oauth2", [BEARER], "", "t0ken"),
        ("oidc", [BEARER], "", "t0ken"),
        ("basic", [BASIC], "", "ada:secret"),
        ("digest", [("Authorization", 'Digest username="ada"')], "", 'username="ada"'),
        ("header", [KEY], "", "k"),
        ("query", [], "key=k", "k"),
        ("cookie", [("Cookie", "sid=k")], "", "k"),
    ],
)
async def test_a_credential_is_taken(scheme: str, headers: Any, query: str, value: str) -> None:
    found = await taken([{scheme: ["read"]}], headers, query)

    assert found is not None
    (credential,) = found.values()
    assert (credential.scheme, credential.value) == (scheme, value)
    assert credential.scopes == {"read"}


@pytest.mark.parametrize(
    ("security", "headers", "expected"),
    [
        ([], [], None),
        ([{}], [], None),
        ([{}, {"bearer": []}], [], None),
        ([{}, {"bearer": []}], [BEARER], {"bearer"}),
        ([{"bearer": []}, {"header": []}], [KEY], {"header"}),
        ([{"bearer": []}, {"header": []}], [BEARER], {"bearer"}),
        ([{"bearer": [], "header": []}], [BEARER, KEY], {"bearer", "header"}),
        ([{"bearer": []}, {"bearer": [], "header": []}], [BEARER, KEY], {"bearer", "header"}),
    ],
)
async def test_an_alternative_is_satisfied(security: Any, headers: Any, expected: Any) -> None:
    found = await taken(security, headers)

    assert (None if found is None else set(found)) == expected


@pytest.mark.parametrize(
    ("security", "headers"),
    [
        ([{"bearer": []}], []),
        ([{"bearer": []}], [BASIC]),
        ([{"bearer": []}], [("Authorization", "Bearer ")]),
        ([{"bearer": []}], [BEARER, BEARER]),
        ([{"basic": []}], [("Authorization", "Basic !!!")]),
        ([{"basic": []}], [("Authorization", f"Basic {b64encode(b'ada').decode()}")]),
        ([{"header": []}], [("X-Key", "")]),
        ([{"bearer": [], "header": []}], [BEARER]),
        ([{"bearer": [], "header": []}, {"basic": []}], [KEY]),
        ([{"tls": []}], [BEARER]),
    ],
)
async def test_what_satisfies_none_is_refused(security: Any, headers: Any) -> None:
    with pytest.raises(MissingCredentials) as refused:
        await taken(security, headers)

    assert refused.value.status == 401
    assert refused.value.challenges


async def test_the_challenges_name_each_scheme_once() -> None:
    security: list[dict[str, list[str]]] = [
        {"basic": []},
        {"header": []},
        {"oauth2": [], "oidc": []},
    ]
    with pytest.raises(MissingCredentials) as refused:
        await taken(security)

    assert sorted(refused.value.challenges) == [
        'ApiKey in="header", name="X-Key"',
        'Basic realm="api", charset="UTF-8"',
        "Bearer",
    ]
