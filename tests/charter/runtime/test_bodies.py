"""Every kind of body: what the service gets for it, and what is refused."""

from typing import Any

import pytest

from charter.runtime import InvalidRequest, MalformedRequest, RequestRefused, UnsupportedMediaType
from charter.runtime.normal import normal
from tests.charter.generate.requests import contract_of, request

INTEGER = {"type": "integer"}
PERSON = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "age": INTEGER,
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2},
        "address": {"type": "object", "properties": {"zip": INTEGER}},
        "photo": {"type": "string", "contentMediaType": "image/png", "maxLength": 4},
    },
    "additionalProperties": False,
}


async def read(
    content: Any, body: bytes, content_type: str | None = None, required: bool = True
) -> Any:
    reader = contract_of(requestBody={"required": required, "content": content}).reader("act")
    headers = [] if content_type is None else [("Content-Type", content_type)]
    (value,) = await reader.read(request(headers=headers, body=body))
    return value


def only(media_type: str, schema: Any = PERSON, **more: Any) -> Any:
    return {media_type: {"schema": schema, **more}}


def parts(*given: tuple[str, str, bytes]) -> bytes:
    """A multipart body of (parameters of the disposition, other headers, content)."""
    written = [
        b"--b\r\nContent-Disposition: form-data; "
        + disposition.encode()
        + b"\r\n"
        + headers.encode()
        + b"\r\n"
        + content
        + b"\r\n"
        for disposition, headers, content in given
    ]
    return b"".join(written) + b"--b--\r\n"


FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"
BOUNDARY = "multipart/form-data; boundary=b"
NAME = ('name="name"', "", b"Ada")
STYLED = {"tags": {"style": "form", "explode": False}}
DEEP = {"address": {"style": "deepObject", "explode": True}}
MEMBERS = {"address": {"style": "form"}}
FOLDED = {"address": {"style": "form", "explode": False, "contentType": "image/png"}}

ACCEPTED: list[tuple[Any, str, bytes, Any]] = [
    (only("application/json"), "application/json", b'{"name": "Ada", "age": 3}',
     {"name": "Ada", "age": 3}),
    (only("application/merge-patch+json"), "application/merge-patch+json", b'{"name": "Ada"}',
     {"name": "Ada"}),
    (only(FORM), FORM, b"name=Ada&age=3&tags=a&tags=b",
     {"name": "Ada", "age": 3, "tags": ["a", "b"]}),
    (only(FORM), FORM, b"name=Ada&tags=a", {"name": "Ada", "tags": ["a"]}),
    (only(FORM, {"required": ["tags"], "properties": {"tags": {"type": "array"}}}), FORM, b"a=1",
     {"a": "1", "tags": []}),
    (only(FORM, {"type": "object"}), FORM, b"a=1&a=2&b=3", {"a": ["1", "2"], "b": "3"}),
    (only(FORM, encoding=STYLED), FORM, b"name=Ada&tags=a,b",
     {"name": "Ada", "tags": ["a", "b"]}),
    (only(FORM), FORM, b'name=Ada&address={"zip":1}', {"name": "Ada", "address": {"zip": 1}}),
    (only(FORM, encoding=DEEP), FORM, b"name=Ada&address[zip]=1",
     {"name": "Ada", "address": {"zip": 1}}),
    (only(MULTIPART), BOUNDARY, parts(NAME, ('name="age"', "", b"3")), {"name": "Ada", "age": 3}),
    (only(MULTIPART), BOUNDARY, parts(NAME, ('name="tags"', "", b"a")),
     {"name": "Ada", "tags": ["a"]}),
    (only(MULTIPART, {"type": "object"}), BOUNDARY,
     parts(('name="a"', "", b"1"), ('name="a"', "", b"2"), ('name="b"', "", b"3")),
     {"a": ["1", "2"], "b": "3"}),
    (only(MULTIPART, {"required": ["tags"], "properties": {"tags": {"type": "array"}}}), BOUNDARY,
     parts(('name="a"', "", b"1")), {"a": "1", "tags": []}),
    (only(MULTIPART), BOUNDARY, parts(NAME, ('name="address"', "", b'{"zip":1}')),
     {"name": "Ada", "address": {"zip": 1}}),
    (only(MULTIPART, encoding=STYLED | MEMBERS), BOUNDARY,
     parts(NAME, ('name="zip"', "", b"1"), ('name="tags"', "", b"a,b")),
     {"name": "Ada", "address": {"zip": 1}, "tags": ["a", "b"]}),
    (only(MULTIPART, encoding=FOLDED), BOUNDARY, parts(NAME, ('name="address"', "", b"zip,1")),
     {"name": "Ada", "address": {"zip": 1}}),
    (only(MULTIPART, encoding=DEEP), BOUNDARY, parts(NAME, ('name="address[zip]"', "", b"1")),
     {"name": "Ada", "address": {"zip": 1}}),
    (only(MULTIPART, encoding=FOLDED), BOUNDARY,
     parts(NAME, ('name="address"', "Content-Type: application/json\r\n", b'{"zip":1}')),
     {"name": "Ada", "address": {"zip": 1}}),
    (only(FORM, encoding=MEMBERS), FORM, b"name=Ada&zip=1",
     {"name": "Ada", "address": {"zip": 1}}),
    (only(MULTIPART), BOUNDARY,
     parts(NAME, ('name="photo"; filename="a.png"', "Content-Type: image/png\r\n", b"\x89\x00")),
     {"name": "Ada", "photo": b"\x89\x00"}),
    # a file of which nobody says that it is one
    (only(MULTIPART), BOUNDARY, parts(NAME, ('name="photo"', "", b"\x89\x00")),
     {"name": "Ada", "photo": b"\x89\x00"}),
    (only("application/octet-stream", {}), "application/octet-stream", b"\x00\xff", b"\x00\xff"),
    (only("image/*", {"type": "string", "maxLength": 2}), "image/png", b"\xff\xfe", b"\xff\xfe"),
    (only("text/plain", {"type": "string"}), "text/plain; charset=utf-8", "ä".encode(), "ä"),
    (only("text/plain", INTEGER), "text/plain", b"7", 7),
    (only("text/plain"), "text/plain", b'{"name": "Ada"}', {"name": "Ada"}),
    (only("text/plain", {"type": "array", "items": INTEGER}), "text/plain", b"[7]", [7]),
    (only("*/*", {}), "application/whatever", b"x", b"x"),
    (only("application/json", INTEGER) | only("text/plain", {"type": "string"}),
     "text/plain", b"7", "7"),
    (only("application/json;version=1", INTEGER) | only("application/json;version=2", PERSON),
     "application/json;version=2", b'{"name": "Ada"}', {"name": "Ada"}),
]  # fmt: skip


@pytest.mark.parametrize(("content", "content_type", "body", "expected"), ACCEPTED)
async def test_a_body_is_read(content: Any, content_type: str, body: bytes, expected: Any) -> None:
    assert await read(content, body, content_type) == expected


PHOTO = 'name="photo"; filename="a"'
PNG = {"photo": {"contentType": "image/png, image/jpeg"}}
HEADED = {"photo": {"headers": {"X-Alt": {"required": True, "schema": {"type": "string"}}}}}

REFUSED: list[tuple[Any, str, bytes, str]] = [
    (only("application/json"), "application/json", b'{"name": ""}', "/name"),
    (only("application/json"), "application/json", b'{"name": "Ada", "x": 1}', "/x"),
    (only(FORM), FORM, b"age=3", "/name"),
    (only(FORM), FORM, b"name=Ada&age=x", "/age"),
    (only(FORM), FORM, b"name=Ada&name=Bob", "/name"),
    (only(FORM), FORM, b"name=Ada&x=1", "/x"),
    (only(FORM), FORM, b"name=Ada&tags=a&tags=b&tags=c", "/tags"),
    (only(FORM), FORM, b"name=Ada&address={", "/address"),
    (only(MULTIPART), BOUNDARY, parts(('name="age"', "", b"3")), "/name"),
    (only(MULTIPART), BOUNDARY, parts(NAME, NAME), "/name"),
    (only(MULTIPART), BOUNDARY, parts(NAME, ('name="age"', "", b"x")), "/age"),
    (only(MULTIPART), BOUNDARY, parts(('name="name"', "", b"\xff")), "/name"),
    (only(MULTIPART), BOUNDARY, parts(NAME, (PHOTO, "", b"12345")), "/photo"),
    (only(MULTIPART), BOUNDARY, parts(NAME, ('name="address"', "", b"{")), "/address"),
    (only(MULTIPART, encoding=FOLDED), BOUNDARY, parts(NAME, ('name="address"', "", b"zip")),
     "/address"),
    (only(MULTIPART, encoding=PNG), BOUNDARY,
     parts(NAME, (PHOTO, "Content-Type: image/gif\r\n", b"1")), "/photo"),
    (only(MULTIPART, encoding=HEADED), BOUNDARY, parts(NAME, (PHOTO, "", b"1")), "/photo"),
    (only("image/*", {"type": "string", "maxLength": 2}), "image/png", b"123", ""),
    (only("text/plain", INTEGER), "text/plain", b"x", ""),
    (only("text/plain"), "text/plain", b'{"name": ""}', "/name"),
    (only("text/plain"), "text/plain", b"Ada", ""),
]  # fmt: skip


@pytest.mark.parametrize(("content", "content_type", "body", "pointer"), REFUSED)
async def test_a_body_that_breaks_its_schema_is_refused(
    content: Any, content_type: str, body: bytes, pointer: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await read(content, body, content_type)

    assert [(fault.place, fault.pointer) for fault in refused.value.faults] == [("body", pointer)]


OTHER: list[tuple[Any, str | None, bytes, type[RequestRefused]]] = [
    (only("application/json"), "application/json", b"{", MalformedRequest),
    (only("application/json"), "text/plain", b"{}", UnsupportedMediaType),
    (only("application/json"), None, b"{}", UnsupportedMediaType),
    (only("application/json"), "application/json; charset=latin-1", b"{}", UnsupportedMediaType),
    (only("image/*", {}), "text/plain", b"x", UnsupportedMediaType),
    (only("text/plain", {}), "text/plain", b"\xff", MalformedRequest),
    (only(FORM), FORM, b"name=%ff", MalformedRequest),
    (only(MULTIPART), MULTIPART, parts(NAME), MalformedRequest),
    (only(MULTIPART), BOUNDARY, b"nothing of it", MalformedRequest),
    (only(MULTIPART), BOUNDARY, parts(NAME)[:-6], MalformedRequest),
    (only(MULTIPART), BOUNDARY, parts(("x", "", b"")), MalformedRequest),
    (only(MULTIPART), BOUNDARY, parts(*[NAME] * 1001), MalformedRequest),
    (only("application/json"), None, b"", InvalidRequest),
]


@pytest.mark.parametrize(("content", "content_type", "body", "refusal"), OTHER)
async def test_a_body_that_cannot_be_read_is_refused(
    content: Any, content_type: str | None, body: bytes, refusal: type[RequestRefused]
) -> None:
    with pytest.raises(refusal):
        await read(content, body, content_type)


async def test_a_body_that_is_not_required_may_be_absent() -> None:
    assert await read(only("application/json"), b"", required=False) is None


def test_parts_have_no_style_in_openapi_3_0() -> None:
    operation = {
        "requestBody": {"content": only(MULTIPART, encoding=MEMBERS)},
        "responses": {"204": {"description": "-"}},
    }
    info = {"title": "t", "version": "1"}
    document = {"openapi": "3.0.3", "info": info, "paths": {"/a": {"post": operation}}}

    content = normal(document)["paths"]["/a"]["post"]["requestBody"]["content"]

    assert content[MULTIPART]["encoding"] == {"address": {}}
    assert MEMBERS == {"address": {"style": "form"}}


READ_ONLY = {
    "type": "object",
    "required": ["id", "name", "secret"],
    "properties": {
        "id": {"$ref": "#/components/schemas/Id"},
        "name": {"type": "string"},
        "secret": {"type": "string", "writeOnly": True},
    },
}


async def test_what_only_a_response_holds_is_not_required_of_a_request() -> None:
    found = contract_of(
        requestBody={"content": only("application/json", READ_ONLY)},
        responses={"200": {"description": "-", "content": only("application/json", READ_ONLY)}},
        components={"schemas": {"Id": {"type": "integer", "readOnly": True}}},
    )
    headers = [("Content-Type", "application/json")]

    sent = request(headers=headers, body=b'{"name": "Ada", "secret": "x"}')
    assert await found.reader("act").read(sent) == [{"name": "Ada", "secret": "x"}]
    for missing in (b'{"name": "Ada"}', b'{"secret": "x"}'):
        with pytest.raises(InvalidRequest):
            await found.reader("act").read(request(headers=headers, body=missing))

    promised = found.operations["act"].success.contents["application/json"]
    assert list(promised.faults(b'{"id": 1, "name": "Ada"}')) == []
    assert [fault.pointer for fault in promised.faults(b'{"name": "Ada"}')] == ["/id"]
    (leak,) = promised.faults(b'{"id": 1, "name": "Ada", "secret": "x"}')
    assert leak.pointer == "/secret"


async def test_a_parameter_that_nobody_declared_is_refused_and_a_key_is_not() -> None:
    keys = {"key": {"type": "apiKey", "in": "query", "name": "api_key"}}
    reader = contract_of(security=[{"key": []}], components={"securitySchemes": keys}).reader("act")

    assert await reader.read(request(query="api_key=1")) == []
    with pytest.raises(InvalidRequest):
        await reader.read(request(query="other=1"))


async def test_objects_beside_each_other_take_their_own_members() -> None:
    closed = {"type": "object", "properties": {"a": INTEGER}, "additionalProperties": False}
    open_ = {"type": "object", "properties": {"b": INTEGER}}
    reader = contract_of(
        parameters=[
            {"name": "first", "in": "query", "schema": closed},
            {"name": "second", "in": "query", "schema": open_},
            {"name": "limit", "in": "query", "schema": INTEGER},
        ]
    ).reader("act")

    values = await reader.read(request(query="a=1&b=2&c=3&limit=4"))

    assert values == [{"a": 1}, {"b": 2, "c": "3"}, 4]


@pytest.mark.parametrize(("interim", "success"), [("100", "201"), ("103", "302")])
def test_an_interim_status_is_no_success(interim: str, success: str) -> None:
    responses = {status: {"description": "-"} for status in (interim, success, "400")}

    answer = contract_of(responses=responses).reply("act", None)

    assert answer.status_code == int(success)
