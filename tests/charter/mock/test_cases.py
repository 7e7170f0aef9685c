"""Small documents on which something was wrong, with what is right (`data/cases/README.md`)."""

from typing import Any

import pytest

from charter.document import Document
from charter.document.checks import check
from charter.mock.app import Mock
from tests.charter.mock.requests import client_of
from tests.data import CASES

# the case, what is asked, the body that is sent, and the status that is right
ANSWERS: list[tuple[str, str, Any, int]] = [
    ("03-allow-empty/openapi.yaml", "GET /x?verbose", None, 204),
    ("03-allow-empty/openapi.yaml", "GET /x?verbose=", None, 204),
    ("03-allow-empty/openapi.yaml", "GET /x?page=", None, 204),
    ("03-allow-empty/openapi.yaml", "GET /x?page=&page=", None, 422),
    ("03-allow-empty/openapi.yaml", "GET /x?verbose=x", None, 422),
    ("03-allow-empty/openapi.yaml", "GET /x?size=", None, 422),
    ("09-nullable-allof/openapi.yaml", "POST /x", b'{"pet": null}', 422),
    ("09-nullable-allof/openapi.yaml", "POST /x", b'{"dog": null}', 204),
    ("12-nullable-enum/openapi.yaml", "POST /x", b'{"a": null}', 422),
    ("12-nullable-enum/openapi.yaml", "POST /x", b'{"b": null}', 204),
    ("allofn.yaml", "POST /x", b"null", 422),
    ("allofn.yaml", "POST /x", b'{"a": 1}', 204),
    ("p17-patterns/openapi.yaml", "POST /x", b'{"d": "aa"}', 204),
    ("p17-patterns/openapi.yaml", "POST /x", b'{"d": "ab"}', 422),
    ("r11-huge-counts/openapi.yaml", "GET /a", None, 200),
    ("r11-huge-counts/openapi.yaml", "GET /s", None, 200),
]


@pytest.mark.parametrize(("case", "asked", "body", "status"), ANSWERS)
async def test_a_case_is_answered_as_the_specification_says(
    case: str, asked: str, body: bytes | None, status: int
) -> None:
    document = Document(CASES / case)
    check(document)
    method, _, url = asked.partition(" ")
    headers = {"Content-Type": "application/json"} if body is not None else {}

    async with client_of(Mock(document.content)) as client:
        answer = await client.request(method, url, content=body, headers=headers)

    assert answer.status_code == status
    assert "charter-note" not in answer.headers


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "minItems": 10**12},
        {"type": "string", "minLength": 10**9},
        {"type": "object", "minProperties": 10**9},
    ],
)
async def test_what_would_be_too_large_is_refused(schema: Any) -> None:
    content = {"application/json": {"schema": schema}}
    responses = {"200": {"description": "-", "content": content}}
    paths = {"/x": {"get": {"operationId": "x", "responses": responses}}}
    mock = Mock({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": paths})

    async with client_of(mock) as client:
        answer = await client.get("/x")

    assert answer.status_code == 501
    assert "Give its media type an example." in answer.json()["detail"]
