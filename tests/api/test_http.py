"""The surface that strangers touch: HTTP-1 to HTTP-12 of docs/security.md.

What needs a socket (slow clients, oversized headers, smuggling) is tried on the running server.
"""

import gzip
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2 as httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message

from generated import schemas
from generated.operations import HealthOperations
from impl import dependencies
from impl.app import create_app
from impl.core.config import Environment, Settings
from impl.db.session import Database
from tests.items import create_item
from tests.people import PASSWORD, Person, changed, client_of, worker
from tests.promises import contract, document

NOBODY = "3f1d6a0e-2f4b-4c58-9a53-b7c0a4a1d6f2"
JSON_TYPES = ("application/json", "application/merge-patch+json")


@dataclass(frozen=True)
class Writing:
    """An operation of the document that takes a body."""

    id: str
    method: str
    path: str
    media_type: str
    example: Mapping[str, Any]
    schema: Mapping[str, Any]

    def headers(self, caller: Person) -> dict[str, str]:
        return caller.headers | {"Content-Type": self.media_type, "If-Match": "*"}


def writings() -> Iterator[Writing]:
    for operation in contract().operations.values():
        judge = contract().judge
        node = judge.at(operation.place)
        for media_type, content in node.get("requestBody", {}).get("content", {}).items():
            yield Writing(
                operation.id,
                operation.method,
                re.sub(r"\{.*?\}", NOBODY, operation.path),
                media_type,
                next(iter(content["examples"].values()))["value"],
                judge.resolve(content["schema"]),
            )


JSON_WRITINGS = [writing for writing in writings() if writing.media_type in JSON_TYPES]
FORM_WRITINGS = [writing for writing in writings() if writing.media_type not in JSON_TYPES]


def test_the_document_has_operations_of_both_kinds_to_try() -> None:
    assert {writing.id for writing in JSON_WRITINGS} == {
        *("createUser", "updateMe", "changePassword", "updateUser"),
        *("createItem", "replaceItem", "updateItem"),
    }
    assert {writing.id for writing in FORM_WRITINGS} == {"createToken", "revokeToken"}


# -- HTTP-1 ---------------------------------------------------------------------------------------

Damage = Callable[[str], bytes]
"""Makes of a good body one that is no JSON, or none that can be meant."""


def with_member(value: str) -> Damage:
    return lambda body: f'{body[:-1]},"extra":{value}}}'.encode()


def repeated(body: str) -> bytes:
    name = next(iter(json.loads(body)))
    return f'{{"{name}":null,{body[1:]}'.encode()


def repeated_by_escape(body: str) -> bytes:
    name = next(iter(json.loads(body)))
    return f'{{"\\u{ord(name[0]):04x}{name[1:]}":null,{body[1:]}'.encode()


MALFORMED: dict[str, Damage] = {
    "nothing": lambda body: b"",
    "blanks": lambda body: b" \t\r\n",
    "NaN": with_member("NaN"),
    "Infinity": with_member("Infinity"),
    "-Infinity": with_member("-Infinity"),
    "nan in lower case": with_member("nan"),
    "beyond every number": with_member("1e400"),
    "below every number": with_member("-1e400"),
    "10,000 digits": with_member("9" * 10_000),
    "10,000 digits below zero": with_member("-" + "9" * 10_000),
    "a leading zero": with_member("01"),
    "a leading plus": with_member("+1"),
    "a bare fraction": with_member(".5"),
    "an unfinished fraction": with_member("1."),
    "an unfinished exponent": with_member("1e"),
    "hexadecimal": with_member("0x1F"),
    "fullwidth digits": with_member("\N{FULLWIDTH DIGIT ONE}"),
    "a member twice": repeated,
    "a member twice, once escaped": repeated_by_escape,
    "a member twice, inside": with_member('{"a":1,"a":1}'),
    "byte order mark": lambda body: b"\xef\xbb\xbf" + body.encode(),
    "UTF-16": lambda body: body.encode("utf-16"),
    "UTF-16 without a mark": lambda body: body.encode("utf-16-le"),
    "UTF-32": lambda body: body.encode("utf-32"),
    "not UTF-8": lambda body: body.encode().replace(b'"', b'"\xff', 1),
    "overlong UTF-8": lambda body: body.encode().replace(b'"', b'"\xc0\xaf', 1),
    "a surrogate in UTF-8": lambda body: body.encode().replace(b'"', b'"\xed\xa0\x80', 1),
    "trailing letter": lambda body: body.encode() + b"x",
    "trailing brace": lambda body: body.encode() + b"}",
    "trailing NUL": lambda body: body.encode() + b"\0",
    "trailing comma": lambda body: f"{body[:-1]},}}".encode(),
    "two bodies": lambda body: (body + body).encode(),
    "cut off": lambda body: body[:-1].encode(),
    "one brace": lambda body: b"{",
    "one quote": lambda body: b'"',
    "single quotes": lambda body: body.replace('"', "'").encode(),
    "bare names": lambda body: body.replace('"', "").encode(),
    "a comment": lambda body: f"/* */{body}".encode(),
    "a literal cut off": with_member("tru"),
    "a literal of Python": with_member("None"),
    "an unknown escape": with_member(r'"\x41"'),
    "half an escape": with_member(r'"\u00"'),
    "a bare line break": with_member('"a\nb"'),
    "a bare control character": with_member('"\x01"'),
    "100,000 arrays": with_member("[" * 100_000 + "]" * 100_000),
    "100,000 arrays without end": lambda body: b"[" * 100_000,
    "100,000 objects": with_member('{"a":' * 100_000 + "1" + "}" * 100_000),
    "a form": lambda body: b"title=A+brass+telescope",
    "XML": lambda body: b"<?xml version='1.0'?><title/>",
}

UNMEANT: dict[str, Damage] = {
    "a lonely high surrogate": with_member(r'"\ud800"'),
    "a lonely low surrogate": with_member(r'"\udfff"'),
    "surrogates in the wrong order": with_member(r'"\udc00\ud800"'),
    "a lonely surrogate as a name": with_member(r'{"\ud800":1}'),
    "an array": lambda body: f"[{body}]".encode(),
    "an empty array": lambda body: b"[]",
    "an empty object": lambda body: b"{}",
    "null": lambda body: b"null",
    "true": lambda body: b"true",
    "a number": lambda body: b"0",
    "a text": lambda body: b'"text"',
    "a text of JSON": lambda body: json.dumps(body).encode(),
    "an unknown member": with_member("1"),
    "an empty name": lambda body: b'{"":1}',
    "a prototype": with_member('{"__proto__":{"administrator":true}}'),
    "a large number": with_member("1" + "0" * 400),
    "a small number": with_member("1e-400"),
    **{
        f"{depth} arrays": with_member("[" * depth + "]" * depth)
        for depth in (100, 250, 254, 255, 256, 300, 500, 900, 980, 1000, 5000)
    },
    **{
        f"{depth} objects": with_member('{"a":' * depth + "1" + "}" * depth)
        for depth in (100, 255, 256, 900, 5000)
    },
}


async def answers_to(damage: Damage, admin: Person) -> dict[str, httpx.Response]:
    """What each JSON operation says to its example, damaged. An administrator may call them all."""
    answers = {}
    for writing in JSON_WRITINGS:
        body = damage(json.dumps(writing.example))
        headers = writing.headers(admin)
        answers[writing.id] = await admin.client.request(
            writing.method, writing.path, content=body, headers=headers
        )
    return answers


def statuses(answers: Mapping[str, httpx.Response]) -> dict[str, int]:
    return {name: answer.status_code for name, answer in answers.items()}


@pytest.mark.parametrize("damage", MALFORMED.values(), ids=MALFORMED)
async def test_http_1_what_is_no_json_is_refused_as_malformed(
    admin: Person, damage: Damage
) -> None:
    answers = await answers_to(damage, admin)

    assert set(statuses(answers).values()) == {400}, statuses(answers)
    assert {answer.json()["detail"] for answer in answers.values()} <= {
        "The body is not well-formed JSON.",
        "The body holds half of a surrogate pair.",
        "The body is nested too deeply.",
    }


@pytest.mark.parametrize("damage", UNMEANT.values(), ids=UNMEANT)
async def test_http_1_what_nobody_can_mean_is_refused(admin: Person, damage: Damage) -> None:
    answers = await answers_to(damage, admin)

    assert set(statuses(answers).values()) <= {400, 422}, statuses(answers)


PECULIAR = {
    "blanks around": lambda body: f" \r\n\t{body}\n ".encode(),
    "everything escaped": lambda body: re.sub(
        r"[a-z]", lambda found: f"\\u{ord(found[0]):04X}", body
    ).encode(),
}


@pytest.mark.parametrize("spelling", PECULIAR.values(), ids=PECULIAR)
async def test_http_1_peculiar_json_is_json(ada: Person, spelling: Damage) -> None:
    body = spelling('{"title":"telescope"}')

    response = await ada.post("/items", content=body, headers={"Content-Type": "application/json"})

    assert response.status_code == 201
    assert response.json()["title"] == "telescope"


@pytest.mark.parametrize(
    "value", [r"\ud800", r"\udfff", r"a\udc00\ud800", r"\ud83d\ud83d\udd2d"], ids=str
)
async def test_http_1_half_a_surrogate_pair_is_no_text(ada: Person, value: str) -> None:
    json_type = {"Content-Type": "application/json"}
    bodies = [f'{{"title":"{value}"}}', f'{{"title":"x","tags":["{value}"]}}']

    answers = [await ada.post("/items", content=body, headers=json_type) for body in bodies]
    registration = await ada.client.post(
        "/users",
        content=f'{{"email":"b@example.com","password":"correct horse {value}"}}',
        headers=json_type,
    )

    assert [answer.status_code for answer in (*answers, registration)] == [400, 400, 400]


# -- HTTP-3 ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "quantity",
    ["-1", "1000001", "2147483648", "9223372036854775808", "1" + "0" * 400, "1.5", '"1"'],
)
async def test_http_3_a_number_beyond_its_bounds_is_refused(ada: Person, quantity: str) -> None:
    body = f'{{"title":"x","quantity":{quantity}}}'

    response = await ada.post("/items", content=body, headers={"Content-Type": "application/json"})

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/quantity"


async def test_http_3_a_limit_beyond_its_bounds_is_refused(admin: Person) -> None:
    limits = ["-1", "0", "101", "9223372036854775808", "9" * 5000, "1e2", "1.0", " 1", "+5"]
    limits += ["\N{FULLWIDTH DIGIT ONE}", "", "ten", "0x10", "1_0", "true", "\0"]

    for path in ("/items", "/users"):
        for limit in limits:
            response = await admin.get(path, params={"limit": limit})

            assert response.status_code == 422, limit
            assert response.json()["errors"][0]["pointer"] == "/limit"


async def test_http_3_a_page_has_a_default_and_a_largest_size(ada: Person) -> None:
    for _ in range(21):
        await create_item(ada)

    default = await ada.get("/items")
    largest = await ada.get("/items", params={"limit": 100})

    assert len(default.json()["data"]) == 20
    assert len(largest.json()["data"]) == 21


BAD_QUERIES = [
    *("q=%ff", "q=%c0%af", "q=%ed%a0%80", "q=%f0%9f", "q=%00", "q=", "%ff=1", "page=1"),
    *("q=a&q=b", "limit=1&limit=2", "offset=9223372036854775808"),
    "&".join(f"a{number}=" for number in range(1001)),
]


@pytest.mark.parametrize("query", BAD_QUERIES, ids=lambda query: query[:20])
async def test_http_3_a_query_that_breaks_the_document_is_refused(ada: Person, query: str) -> None:
    response = await ada.get(f"/items?{query}")

    assert response.status_code == 422


BAD_IDS = [
    *("1", "x" * 5000, "%ff", "%c0%af", "%00", "%ed%a0%80", "%E2%80%AE", "'%20OR%201=1--"),
    *(f"{NOBODY}%00", f"%20{NOBODY}", f"{{{NOBODY}}}", f"urn:uuid:{NOBODY}"),
]


@pytest.mark.parametrize("item_id", BAD_IDS, ids=lambda item_id: item_id[:20])
async def test_http_3_a_path_that_names_no_item_is_refused(ada: Person, item_id: str) -> None:
    response = await ada.get(f"/items/{item_id}")

    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"] == "/item_id"


# -- HTTP-4 ---------------------------------------------------------------------------------------


@dataclass
class Upload:
    """A body that is sent chunk by chunk, and what was taken of it."""

    chunks: Iterator[bytes]
    headers: Mapping[str, str]
    taken: int = 0
    answer: list[Message] = field(default_factory=list)

    async def receive(self) -> Message:
        chunk = next(self.chunks, b"")
        self.taken += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": bool(chunk)}

    async def send(self, message: Message) -> None:
        self.answer.append(message)

    async def to(self, app: FastAPI, method: str, path: str) -> int:
        """Send it, as a server would hand it on. The status of the answer."""
        headers = [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"test"), *headers],
            "client": ("127.0.0.1", 1234),
            "server": ("test", 80),
        }
        await app(scope, self.receive, self.send)
        status: int = self.answer[0]["status"]
        return status


LIMIT = 1_048_576
CHUNK = b" " * 65_536


def endless() -> Iterator[bytes]:
    while True:
        yield CHUNK


@pytest.mark.parametrize("writing", [*JSON_WRITINGS, *FORM_WRITINGS], ids=lambda found: found.id)
async def test_http_4_a_body_that_announces_too_much_is_not_read(
    app: FastAPI, admin: Person, writing: Writing
) -> None:
    headers = writing.headers(admin) | {"Content-Length": str(LIMIT + 1)}
    upload = Upload(endless(), headers)

    status = await upload.to(app, writing.method, writing.path)

    assert status == 413
    assert upload.taken == 0


@pytest.mark.parametrize("writing", [*JSON_WRITINGS, *FORM_WRITINGS], ids=lambda found: found.id)
async def test_http_4_a_body_without_end_is_read_up_to_the_limit(
    app: FastAPI, admin: Person, writing: Writing
) -> None:
    upload = Upload(endless(), writing.headers(admin) | {"Transfer-Encoding": "chunked"})

    status = await upload.to(app, writing.method, writing.path)

    assert status == 413
    assert upload.taken <= LIMIT + len(CHUNK)


async def test_http_4_a_body_that_announces_less_than_it_sends_is_read_up_to_the_limit(
    app: FastAPI, ada: Person
) -> None:
    headers = ada.headers | {"Content-Type": "application/json", "Content-Length": "10"}
    upload = Upload(endless(), headers)

    status = await upload.to(app, "POST", "/items")

    assert status == 413
    assert upload.taken <= LIMIT + len(CHUNK)


async def test_http_4_the_body_of_a_stranger_is_not_read(app: FastAPI, database: Database) -> None:
    upload = Upload(endless(), {"Content-Type": "application/json", "Transfer-Encoding": "chunked"})

    status = await upload.to(app, "POST", "/items")

    assert status == 401
    assert upload.taken == 0


async def test_http_4_a_body_of_exactly_the_limit_is_taken(ada: Person) -> None:
    body = b'{"title":"x"}'.ljust(LIMIT)
    json_type = {"Content-Type": "application/json"}

    fits = await ada.post("/items", content=body, headers=json_type)
    exceeds = await ada.post("/items", content=body + b" ", headers=json_type)

    assert (fits.status_code, exceeds.status_code) == (201, 413)


@pytest.mark.parametrize(
    "coding", ["gzip", "GZIP", "x-gzip", "deflate", "br", "gzip, gzip", "zstd"]
)
async def test_http_4_a_compressed_body_is_refused(ada: Person, coding: str) -> None:
    bomb = gzip.compress(b'{"title":"x"}'.ljust(10_000_000))
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}

    response = await ada.post("/items", content=bomb, headers=headers)

    assert response.status_code == 415


OTHER_MEDIA_TYPES = [
    *("text/plain", "text/json", "json", "*/*", "", "application/x-www-form-urlencoded"),
    *("multipart/form-data; boundary=x", "application/merge-patch+json"),
    "application/json; charset=utf-16",
]


@pytest.mark.parametrize("media_type", OTHER_MEDIA_TYPES)
async def test_http_4_a_body_of_another_media_type_is_refused(ada: Person, media_type: str) -> None:
    headers = {"Content-Type": media_type}

    response = await ada.post("/items", content=b'{"title":"x"}', headers=headers)

    assert response.status_code == 415


@pytest.mark.parametrize(
    "media_type", ["application/json", "Application/JSON", 'application/json;charset="UTF-8"']
)
async def test_http_4_a_media_type_has_many_spellings(ada: Person, media_type: str) -> None:
    headers = {"Content-Type": media_type}

    response = await ada.post("/items", content=b'{"title":"x"}', headers=headers)

    assert response.status_code == 201


# -- HTTP-7 ---------------------------------------------------------------------------------------

EVIL = "evil.example"
FORGED = {
    "Host": EVIL,
    "X-Forwarded-Host": EVIL,
    "X-Forwarded-Proto": EVIL,
    "X-Forwarded-Prefix": f"//{EVIL}",
    "X-Original-URL": f"//{EVIL}",
    "Forwarded": f"host={EVIL};proto=https",
    "Origin": f"https://{EVIL}",
    "Referer": f"https://{EVIL}/",
}


def header_text(response: httpx.Response) -> bytes:
    return b"\n".join(name + b": " + value for name, value in response.headers.raw)


async def test_http_7_no_header_and_no_body_repeats_the_host_of_an_attacker(ada: Person) -> None:
    for _ in range(2):
        await create_item(ada)
    item = await ada.post("/items", json={"title": "x"}, headers=FORGED)
    answers = [
        item,
        await ada.client.post(
            "/users", json={"email": "b@example.com", "password": PASSWORD}, headers=FORGED
        ),
        await ada.get("/items?limit=1", headers=FORGED),
        await ada.get(item.headers["Location"], headers=FORGED),
        await ada.client.get("/users/me", headers=FORGED),
        await ada.client.get("/items/", headers=FORGED),
        await ada.client.get("/docs", headers=FORGED),
        await ada.client.get("/openapi.json", headers=FORGED),
        await ada.client.get(f"//{EVIL}/..", headers=FORGED),
        await ada.client.request("BREW", "/items", headers=FORGED),
    ]

    for answer in answers:
        assert EVIL.encode() not in header_text(answer), answer.request.url
        assert EVIL not in answer.text
        assert not answer.is_redirect
    assert answers[0].headers["Location"].startswith("/items/")
    assert answers[1].headers["Location"].startswith("/users/")
    assert answers[2].headers["Link"].startswith("</items?")


@pytest.mark.parametrize(
    "injected", ["%0d%0aX-Injected:%201", "%0aX-Injected:%201", "%E5%98%8A%E5%98%8D"]
)
async def test_http_7_no_line_break_of_a_request_gets_into_a_header(
    ada: Person, injected: str
) -> None:
    title = httpx.URL(f"/?q={injected}").params["q"]
    for _ in range(2):
        await create_item(ada, title=title)

    answers = [
        await ada.get(f"/items?limit=1&q={injected}"),
        await ada.get(f"/items/{injected}"),
        await ada.client.get(f"/{injected}"),
    ]

    assert answers[0].links["next"]["url"].startswith("/items?")
    for answer in answers:
        assert not re.search(rb"[\r\n]", b"".join(value for _, value in answer.headers.raw))
        assert "X-Injected" not in answer.headers


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("0af7651916cd43dd8448eb211c80319c", True),
        ("a" * 64, True),
        ("a" * 65, False),
        ("", False),
        ("a b", False),
        ('a","level":"ERROR', False),
        ("a\r\nb", False),
        ("a\n", False),
    ],
)
async def test_http_7_a_request_id_that_could_forge_a_line_is_replaced(
    client: httpx.AsyncClient, given: str, kept: bool
) -> None:
    response = await client.get("/nowhere", headers={"X-Request-ID": given})

    name = response.headers["X-Request-ID"]
    assert (name == given) is kept
    assert response.json()["request_id"] == name
    assert re.fullmatch("[A-Za-z0-9._-]{1,64}", name)


# -- HTTP-8 ---------------------------------------------------------------------------------------

FRIEND = "https://app.example"
STRANGERS = [
    *("https://evil.example", "null", "http://app.example", "https://app.example:8443"),
    *("https://app.example.evil.example", "https://evil-app.example", "https://APP.example", "*"),
]


@pytest.fixture
async def open_client(settings: Settings, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """At a service that one origin may call from a browser."""
    async with worker(changed(settings, cors_origins=(FRIEND,))) as client:
        yield client


def preflight(origin: str, method: str = "POST", headers: str = "") -> dict[str, str]:
    asked = {"Access-Control-Request-Headers": headers} if headers else {}
    return {"Origin": origin, "Access-Control-Request-Method": method} | asked


def allows_nobody(response: httpx.Response) -> bool:
    return not [name for name in response.headers if name.startswith("access-control-allow-origin")]


async def test_http_8_a_listed_origin_may_read_answers_and_their_headers(
    open_client: httpx.AsyncClient,
) -> None:
    for path in ("/livez", "/users/me", "/nowhere"):
        response = await open_client.get(path, headers={"Origin": FRIEND})

        assert response.headers["Access-Control-Allow-Origin"] == FRIEND
        assert "Origin" in response.headers["Vary"]
        assert "ETag" in response.headers["Access-Control-Expose-Headers"]
        assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("origin", STRANGERS)
async def test_http_8_an_unknown_origin_may_read_nothing(
    open_client: httpx.AsyncClient, origin: str
) -> None:
    answers = [
        await open_client.get("/livez", headers={"Origin": origin}),
        await open_client.get("/livez", headers={"Origin": origin, "Cookie": "a=b"}),
        await open_client.get("/users/me", headers={"Origin": origin}),
        await open_client.options("/items", headers=preflight(origin)),
    ]

    assert all(allows_nobody(answer) for answer in answers)
    assert answers[-1].status_code == 403


async def test_http_8_every_answer_says_that_it_depends_on_the_origin(
    open_client: httpx.AsyncClient,
) -> None:
    answers = [
        await open_client.get("/livez"),
        await open_client.get("/openapi.json"),
        await open_client.get("/livez", headers={"Origin": STRANGERS[0]}),
        await open_client.get("/livez", headers={"Origin": FRIEND}),
        await open_client.options("/items", headers=preflight(FRIEND)),
        await open_client.options("/items", headers=preflight(STRANGERS[0])),
    ]

    assert ["Origin" in answer.headers.get("Vary", "") for answer in answers] == [True] * 6


async def test_http_8_a_preflight_allows_what_the_service_takes_and_nothing_else(
    open_client: httpx.AsyncClient,
) -> None:
    allowed = await open_client.options(
        "/items", headers=preflight(FRIEND, "PATCH", "authorization, content-type, if-match")
    )
    method = await open_client.options("/items", headers=preflight(FRIEND, "TRACE"))
    header = await open_client.options("/items", headers=preflight(FRIEND, "GET", "x-evil"))

    assert allowed.status_code in {200, 204}
    assert allowed.headers["Access-Control-Allow-Origin"] == FRIEND
    methods = set(allowed.headers["Access-Control-Allow-Methods"].split(", "))
    assert methods == {"GET", "POST", "PUT", "PATCH", "DELETE"}
    assert "x-evil" not in allowed.headers["Access-Control-Allow-Headers"].lower()
    assert "*" not in allowed.headers["Access-Control-Allow-Headers"]
    assert (method.status_code, header.status_code) == (403, 403)
    assert method.headers["Content-Type"] == "application/problem+json"


async def test_http_8_where_no_origin_is_listed_none_may_read_anything(
    client: httpx.AsyncClient,
) -> None:
    for origin in (FRIEND, *STRANGERS):
        simple = await client.get("/livez", headers={"Origin": origin})
        asked = await client.options("/items", headers=preflight(origin))

        assert allows_nobody(simple)
        assert allows_nobody(asked)


# -- HTTP-9 ---------------------------------------------------------------------------------------

SECRET_PLACE = "SELECT password_hash FROM users -- /srv/charter/impl/services/users.py"


class Broken(HealthOperations):
    """A service with a fault of its own."""

    async def get_liveness(self) -> schemas.Health:
        raise RuntimeError(SECRET_PLACE)

    async def get_readiness(self) -> schemas.Health:
        return schemas.Health.model_construct(status=SECRET_PLACE)


@asynccontextmanager
async def broken_client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """At a service whose health checks are broken. Its answers keep no promises."""
    app = create_app(settings)
    app.dependency_overrides[dependencies.health] = lambda: Broken()
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        yield client


async def answers_of_every_kind(client: httpx.AsyncClient) -> dict[int, httpx.Response]:
    """From a client of a broken service: success, refusals, and a fault."""
    json_type = {"Content-Type": "application/json"}
    answers = [
        await client.get("/openapi.json"),
        await client.get("/users/me"),
        await client.get("/nowhere"),
        await client.put("/users"),
        await client.post("/users", content=b" " * (LIMIT + 1), headers=json_type),
        await client.post("/users", content=b"{}", headers={"Content-Type": "text/plain"}),
        await client.post("/users", content=b"{", headers=json_type),
        await client.post("/users", content=b"{}", headers=json_type),
        await client.options("/users"),
        await client.get("/livez"),
    ]
    found = {answer.status_code: answer for answer in answers}
    assert list(found) == [200, 401, 404, 405, 413, 415, 400, 422, 204, 500]
    return found


async def test_http_9_every_answer_has_the_headers_that_protect_it(settings: Settings) -> None:
    async with broken_client(settings) as client:
        answers = await answers_of_every_kind(client)

    for status, answer in answers.items():
        headers = answer.headers
        assert headers["X-Content-Type-Options"] == "nosniff", status
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'; base-uri 'none'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["Cache-Control"] == ("no-cache" if status == 200 else "no-store")
        assert headers["X-Request-ID"]
        assert "Server" not in headers
        assert "X-Powered-By" not in headers
        assert "Strict-Transport-Security" not in headers


async def test_http_9_every_answer_demands_tls_where_the_deployment_has_it(
    settings: Settings,
) -> None:
    year = 31_536_000
    async with broken_client(changed(settings, hsts_seconds=year)) as client:
        answers = await answers_of_every_kind(client)

    for answer in answers.values():
        assert answer.headers["Strict-Transport-Security"] == f"max-age={year}; includeSubDomains"


@pytest.mark.parametrize(
    ("environment", "asked", "status", "document_status"),
    [
        (Environment.PRODUCTION, None, 404, 404),
        (Environment.PRODUCTION, True, 200, 200),
        (Environment.DEVELOPMENT, None, 200, 200),
        (Environment.DEVELOPMENT, False, 404, 200),
    ],
)
async def test_http_9_the_docs_are_off_in_production_unless_asked_for(
    settings: Settings,
    environment: Environment,
    asked: bool | None,
    status: int,
    document_status: int,
) -> None:
    app = create_app(changed(settings, environment=environment, docs=asked))
    async with client_of(app) as client:
        answers = [await client.get(path) for path in ("/docs", "/redoc", "/docs/swagger.js")]
        document = await client.get("/openapi.json")
    await app.state.database.dispose()

    assert {answer.status_code for answer in answers} == {status}
    assert document.status_code == document_status


# -- HTTP-10 --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["BREW", "TRACE", "CONNECT", "PUT", "get"])
async def test_http_10_a_method_that_a_path_does_not_have_is_refused(
    app: FastAPI, method: str
) -> None:
    assert await Upload(iter(()), {}).to(app, method, "/items") == 405


async def test_http_10_a_refused_method_is_told_which_ones_there_are(
    client: httpx.AsyncClient,
) -> None:
    allowed = {
        path: (await client.request("BREW", path)).headers["Allow"]
        for path in ("/items", f"/items/{NOBODY}", "/users/me", "/auth/token", "/livez")
    }

    assert allowed == {
        "/items": "GET, HEAD, OPTIONS, POST",
        f"/items/{NOBODY}": "DELETE, GET, HEAD, OPTIONS, PATCH, PUT",
        "/users/me": "DELETE, GET, HEAD, OPTIONS, PATCH",
        "/auth/token": "OPTIONS, POST",
        "/livez": "GET, HEAD, OPTIONS",
    }


async def test_http_10_head_answers_the_headers_of_get_and_no_body(ada: Person) -> None:
    item = await create_item(ada)

    got = await ada.get(f"/items/{item['id']}")
    head = await ada.request("HEAD", f"/items/{item['id']}")

    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["ETag"] == got.headers["ETag"]
    assert head.headers["Content-Length"] == got.headers["Content-Length"]


# -- HTTP-11 --------------------------------------------------------------------------------------

TELLTALES = re.compile(
    r"Traceback|File \"|\bline \d|\.py\b|/(?:work|srv|home|usr|tmp)/|site-packages|0x[0-9a-f]{6}"
    r"|\b(?:impl|generated)\b|[a-z]Error\b|Exception|<class|<[a-z_.]+ object"
    r"|\b(?:SELECT|INSERT|UPDATE|DELETE|FROM|WHERE)\b|SQLSTATE"
    r"|(?i:asyncpg|sqlalchemy|pydantic|starlette|fastapi|uvicorn|jsonschema|passlib|bcrypt|postgres)"
)
COMPLETE = {"type", "title", "status", "detail", "request_id"}


def check_problem(answer: httpx.Response) -> None:
    """RFC 9457 section 3, and nothing that helps an attacker."""
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert problem.keys() >= COMPLETE
    assert problem["status"] == answer.status_code
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    assert re.fullmatch(r"about:blank|urn:charter:problem:[a-z-]+", problem["type"])
    assert problem["title"]
    assert problem["detail"].endswith(".")
    assert not TELLTALES.search(answer.text), answer.text
    assert not TELLTALES.search(header_text(answer).decode())


async def test_http_11_every_refusal_is_a_complete_problem(
    ada: Person, grace: Person, settings: Settings, unused_tcp_port: int
) -> None:
    item = f"/items/{(await create_item(ada))['id']}"
    body = {"title": "x"}
    key = {"Idempotency-Key": "k"}
    await ada.post("/items", json=body, headers=key)
    answers = {
        400: await ada.post("/items", content="{", headers={"Content-Type": "application/json"}),
        401: await ada.client.get("/users/me"),
        403: await ada.get("/users"),
        404: await grace.get(item),
        405: await ada.request("BREW", "/items"),
        409: await ada.post("/items", json={"title": "y"}, headers=key),
        412: await ada.put(item, json=body, headers={"If-Match": '"9"'}),
        413: await ada.post("/items", json={"title": "x" * LIMIT}),
        415: await ada.post("/items", content="x", headers={"Content-Type": "text/plain"}),
        422: await ada.post("/items", json={}),
        428: await ada.put(item, json=body),
    }
    for _ in range(settings.login_max_failures + 1):
        answers[429] = await grace.log_in(password="wrong")
    lost = changed(settings, db_host="127.0.0.1", db_port=unused_tcp_port)
    async with worker(lost) as client:
        answers[503] = await client.get("/readyz")

    assert statuses({str(k): v for k, v in answers.items()}) == {str(k): k for k in answers}
    for answer in answers.values():
        check_problem(answer)


NOWHERE = (
    "/nowhere",
    "/users/me/",
    "/items/%2e%2e",
    "/.env",
    "/%00",
    "//",
    "/livez%0A",
    "/items%2F",
)


@pytest.mark.parametrize("path", NOWHERE)
async def test_http_11_a_path_that_is_not_there_is_a_problem(
    client: httpx.AsyncClient, path: str
) -> None:
    response = await client.get(path)

    assert response.status_code in {401, 404}
    check_problem(response)


@pytest.mark.parametrize("environment", Environment)
async def test_http_11_a_fault_of_the_service_tells_nothing(
    settings: Settings, environment: Environment
) -> None:
    async with broken_client(changed(settings, environment=environment)) as client:
        response = await client.get("/livez")

    assert response.status_code == 500
    check_problem(response)


@pytest.mark.parametrize("environment", [Environment.TEST, Environment.DEVELOPMENT])
async def test_http_11_a_broken_promise_tells_nothing(
    settings: Settings, environment: Environment
) -> None:
    async with broken_client(changed(settings, environment=environment)) as client:
        response = await client.get("/readyz")

    assert response.status_code == 500
    check_problem(response)


# -- HTTP-12 --------------------------------------------------------------------------------------

CANARY = "canary-7f3a"

MISTAKES: dict[str, Callable[[str], Any]] = {
    "a text that does not fit": lambda canary: canary + "\0" * 2,
    "a text that is too long": lambda canary: canary * 2000,
    "an array": lambda canary: [canary, canary],
    "an object": lambda canary: {"inner": canary},
    "a nested object": lambda canary: [{"inner": [canary]}],
}


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
async def test_http_12_no_value_of_a_body_is_repeated(
    admin: Person, mistake: Callable[[str], Any]
) -> None:
    for writing in JSON_WRITINGS:
        for name in (*writing.schema["properties"], "unknown"):
            response = await admin.client.request(
                writing.method,
                writing.path,
                content=json.dumps({**writing.example, name: mistake(CANARY)}),
                headers=writing.headers(admin),
            )

            if name.endswith("password"):  # which may hold anything
                assert response.status_code in {201, 204, 403, 422}
            else:
                assert response.status_code in {404, 422}, (writing.id, name)
            assert CANARY not in response.text
            assert CANARY.encode() not in header_text(response)


async def test_http_12_no_value_of_a_form_is_repeated(admin: Person) -> None:
    for writing in FORM_WRITINGS:
        names = {"grant_type", "username", "password", "refresh_token", "token", "scope", "unknown"}
        for name in names:
            for form in (
                {**writing.example, name: CANARY + "\0" * 2},
                {**writing.example, name: CANARY * 400},
                {**writing.example, name: [CANARY, CANARY]},
            ):
                response = await admin.client.post(writing.path, data=form, headers=admin.headers)

                assert CANARY not in response.text, (writing.id, name)
                assert CANARY.encode() not in header_text(response)


async def test_http_12_no_value_of_a_parameter_is_repeated(ada: Person) -> None:
    item = f"/items/{(await create_item(ada))['id']}"
    answers = [
        *[
            await ada.get("/items", params={name: CANARY})
            for name in ("limit", "cursor", "status", "sort", "unknown")
        ],
        await ada.get("/items", params={"q": CANARY * 10}),
        await ada.get(f"/items/{CANARY}"),
        await ada.get(item, headers={"If-None-Match": CANARY}),
        await ada.put(item, json={"title": "x"}, headers={"If-Match": CANARY}),
        await ada.post("/items", json={"title": "x"}, headers={"Idempotency-Key": f"{CANARY}!"}),
    ]

    for answer in answers:
        assert answer.status_code == 422, answer.request.url
        assert CANARY not in answer.text
        assert CANARY.encode() not in header_text(answer)


async def test_http_12_no_credential_is_repeated(client: httpx.AsyncClient) -> None:
    answers = [
        await client.get("/users/me", headers={"Authorization": f"Bearer {CANARY}"}),
        await client.get("/users/me", headers={"Authorization": f"Basic {CANARY}"}),
        await client.get("/users/me", headers={"Cookie": f"session={CANARY}"}),
        await client.get(f"/users/me?access_token={CANARY}"),
        await client.get(f"/{CANARY}"),
    ]

    for answer in answers:
        assert answer.status_code in {401, 404, 422}
        assert CANARY not in answer.text
        assert CANARY.encode() not in header_text(answer)


def test_the_document_describes_no_server_but_itself() -> None:
    assert [server["url"] for server in document()["servers"]] == ["/"]
