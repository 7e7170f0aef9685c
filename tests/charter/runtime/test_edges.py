"""Whatever the document admits is stored and answered within it; whatever else is refused.

Each parameter and each member of a body takes each of the values at the edges of its type, on every
operation of our document. Outside of production an answer that breaks the document is a 500.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx2 as httpx
import pytest
from fastapi import FastAPI

from charter.mock.samples import Values
from charter.runtime import Operation
from charter.runtime.views import Direction
from tests.items import create_item
from tests.people import Person, register
from tests.promises import contract

TEXTS = [
    "", " ", "\0", "\u2028", "\ufeff", "\U0010ffff", "é" * 300, "a" * 100_000, "null", "true", "-1",
    "'", "%", "%00", "../..", "1e400", "NaN", "\r\nX: y",
    "2099-12-31T23:59:59-23:59", "1900-01-01T00:00:00+23:59", "2099-12-30T23:59:59-23:59",
    "2099-12-31T23:59:59Z", "1900-01-01T00:00:00Z", "1900-01-02T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59",
    "0000-01-01T00:00:00Z", "2016-12-31T23:59:60Z", "2024-02-29T12:00:00.123456789Z",
    "2026-01-01t00:00:00z", "2026-01-01T00:00:00-00:00", "2026-01-01 00:00:00Z",
    "00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
    "{3f1d6a0e-2f4b-4c58-9a53-b7c0a4a1d6f2}", "3f1d6a0e2f4b4c589a53b7c0a4a1d6f2",
    "urn:uuid:3f1d6a0e-2f4b-4c58-9a53-b7c0a4a1d6f2", "a@b.co", "A@B.CO", "é@b.co",
]  # fmt: skip
NUMBERS = [
    "0", "-0", "-0.0", "1.0", "1.5", "1e2", "1e-400", "1e400", "-1", "100", "101", "2147483647",
    "2147483648", "9223372036854775807", "9223372036854775808", "-9223372036854775809", "1" * 400,
    "1" * 5_000, "NaN", "Infinity",
]  # fmt: skip
JSON = [
    *(json.dumps(text) for text in TEXTS),
    *NUMBERS,
    *('"\\ud800"', '"\\udc00\\ud800"', "null", "true", "[]", "{}", '[""]', "[null]", "[[]]"),
    *('["\\u0000"]', '["a", "a"]', '{"": 1}'),
]
"""Texts of JSON, of which some are none."""


@pytest.mark.parametrize(
    "operation", list(contract().operations.values()), ids=lambda operation: operation.id
)
async def test_no_value_at_the_edge_of_its_type_is_an_error_of_the_service(
    operation: Operation, app: FastAPI, client: httpx.AsyncClient, ada: Person
) -> None:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    plain = httpx.AsyncClient(transport=transport, base_url="http://test")
    item = await create_item(ada)
    paths = {"item_id": item["id"], "user_id": ada.id, "session_id": item["id"]}

    failed = []
    for what, arguments in requests_of(operation, paths):
        if operation.id in ENDS_THE_SESSION:
            ada = await register(client)
        headers = ada.headers | {"If-Match": "*"} | arguments.pop("headers", {})
        answer = await plain.request(operation.method, headers=headers, **arguments)
        if answer.status_code >= 500:
            failed.append(f"{what}: {answer.status_code}")

    assert failed == []


ENDS_THE_SESSION = {"deleteMe", "deleteSessions"}


def requests_of(
    operation: Operation, paths: Mapping[str, str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    values = Values(contract().judge)
    for parameter in operation.parameters:
        for text in (*TEXTS, *NUMBERS):
            called = dict(paths)
            arguments: dict[str, Any] = {}
            match parameter.place:
                case "path":
                    called[parameter.name] = text[:1_000] or "%"
                case "query":
                    arguments["params"] = {parameter.name: text[:1_000]}
                case _:
                    value = text[:1_000].encode("latin-1", "replace")
                    arguments["headers"] = {parameter.name: value.replace(b"\r\n", b" ")}
            yield f"{parameter.name} {text[:40]!r}", arguments | {"url": url(operation, called)}
    judge = contract().judge
    body = judge.resolve(judge.at(operation.place).get("requestBody", {}))
    for media_type, content in body.get("content", {}).items():
        place = judge.locate(f"{operation.place}/requestBody")
        example = values.example(
            f"{place}/content/{media_type.replace('/', '~1')}/schema", Direction.REQUEST
        )
        for name in [*members(judge, content["schema"]), "unknown"]:
            for text in JSON:
                yield (
                    f"{media_type} {name} {text[:40]}",
                    {
                        "url": url(operation, paths),
                        "content": written(media_type, example, name, text),
                        "headers": {"Content-Type": media_type},
                    },
                )


def members(judge: Any, schema: Any) -> list[str]:
    """The members of a schema and of its alternatives."""
    node = judge.resolve(schema)
    inner = [name for part in node.get("oneOf", ()) for name in members(judge, part)]
    return list(dict.fromkeys([*node.get("properties", ()), *inner]))


def written(media_type: str, example: Mapping[str, Any], name: str, text: str) -> bytes:
    """The example with one member that is the text."""
    others = {key: value for key, value in example.items() if key != name}
    if "urlencoded" in media_type:
        pairs = {**others, name: text.strip('"')}
        return "&".join(f"{key}={quote(str(value))}" for key, value in pairs.items()).encode()
    fields = [*((key, json.dumps(value)) for key, value in others.items()), (name, text)]
    return ("{" + ",".join(f"{json.dumps(key)}:{value}" for key, value in fields) + "}").encode()


def url(operation: Operation, paths: Mapping[str, str]) -> str:
    path = operation.path
    for name, value in paths.items():
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    return path
