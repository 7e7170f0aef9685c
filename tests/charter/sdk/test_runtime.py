"""Parts of the Python runtime and of the reading of documents, by themselves."""

from typing import Any

import httpx2 as httpx
import pytest

from charter.runtime.normal import normal
from charter.sdk.client import Paging
from charter.sdk.python_runtime.codec import Mismatch, decode
from charter.sdk.python_runtime.pages import next_link
from charter.sdk.python_runtime.retry import Retry, asked_wait
from charter.sdk.reading import read
from charter.sdk.types import Kind
from charter.sdk.words import method_names, words


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ('</a?x=1,2>; rel="next"', "/a?x=1,2"),
        ('</p>; rel=prev, </n>; title="rel=next, no"; rel=next', "/n"),
        ('</n>; rel="last next"', "/n"),
        ("</n>;REL=Next", "/n"),
        ('</n>; rel="nextish"', None),
        ('</n>; title="; rel=next"', None),
        ("", None),
    ],
)
def test_the_next_page_is_found_among_links(header: str, target: str | None) -> None:
    assert next_link(header) == target


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "3"}, 3),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0),
        ({"Retry-After": "soon"}, None),
        ({"RateLimit": '"a";r=0;t=7, "b";r=01;t=9'}, 7),
        ({"RateLimit": '"a";r=1;t=7'}, None),
        ({}, None),
    ],
)
def test_a_service_says_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_wait(httpx.Response(503, headers=headers)) == seconds


def test_pauses_grow_with_jitter_up_to_the_longest() -> None:
    retry = Retry(attempts=9, first=1, longest=4)

    for attempt, most in ((1, 1), (2, 2), (3, 4), (8, 4)):
        waits = {retry.wait(attempt, None) or 0.0 for _ in range(50)}
        assert len(waits) > 1
        assert all(most / 2 <= wait <= most for wait in waits)
    assert retry.wait(9, None) is None
    assert retry.wait(1, 61) is None
    assert 5 <= (retry.wait(1, 5) or 0) <= 5.5


@pytest.mark.parametrize(
    ("expected", "value", "said"),
    [
        (list[int], [1, "2"], "/1: str instead of int"),
        (dict[str, bool], {"a": 1}, "/a: int instead of bool"),
        (int, True, ": bool instead of int"),
        (float, None, ": null instead of a number"),
    ],
)
def test_a_mismatch_says_where_it_is(expected: Any, value: object, said: str) -> None:
    with pytest.raises(Mismatch) as mismatch:
        decode(expected, value)

    assert str(mismatch.value) == said


def test_a_document_says_how_a_list_goes_on() -> None:
    page = {
        "type": "object",
        "required": ["items"],
        "properties": {
            "items": {"type": "array", "items": {"type": "string"}},
            "warnings": {"type": "array", "items": {"type": "string"}},
            "marker": {"type": "string"},
        },
    }
    content = {"application/json": {"schema": page}}
    operation = {
        "operationId": "listMarks",
        "parameters": [{"name": "from", "in": "query", "schema": {"type": "string"}}],
        "responses": {"200": {"description": "", "content": content}},
        "x-pagination": {"rows": "items", "cursor": "from", "next": "marker"},
    }
    info = {"title": "Marks", "version": "1"}
    document = {"openapi": "3.1.0", "info": info, "paths": {"/marks": {"get": operation}}}

    client = read(normal(document), frozenset())
    (found,) = client.resources[0].operations

    assert found.paging == Paging(Kind.STRING, "items", "from", "marker")
    del operation["x-pagination"]
    (found,) = read(normal(document), frozenset()).resources[0].operations
    assert found.paging is None


def test_methods_are_called_without_the_noun_of_their_tag() -> None:
    ids = ["createItem", "listItems", "getItem", "getItems", "itemsPurge", "getMe"]

    assert method_names(ids, "items") == {
        "createItem": "create",
        "listItems": "list",
        "getItem": "getItem",
        "getItems": "getItems",
        "itemsPurge": "items purge",
        "getMe": "get me",
    }


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("HTTPStatus", ["http", "status"]),
        ("If-None-Match", ["if", "none", "match"]),
        ("ETag", ["etag"]),
        ("café", ["cafe"]),
        ("-created_at", ["minus", "created", "at"]),
        ("!", ["unnamed"]),
    ],
)
def test_names_are_split_into_words(name: str, made: list[str]) -> None:
    assert words(name) == made
