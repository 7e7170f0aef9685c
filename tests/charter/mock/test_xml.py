"""The mock in XML: documents that have it beside JSON are served whole in both."""

from typing import Any
from xml.etree import ElementTree

import pytest

from charter.document import Document
from charter.document.checks import check
from charter.mock.app import Mock
from charter.mock.memory import Memory
from tests.charter.mock.requests import Requests, client_of, faults
from tests.data import CASES, SPECS, content_of

PETSTORES = ("swagger-petstore.yaml", "readme31-petstore.yaml")
XML = {"Accept": "application/xml"}


@pytest.mark.parametrize("name", PETSTORES)
async def test_a_petstore_is_served_in_both(name: str) -> None:
    mock = Mock(content_of(SPECS / name))
    seen = {"request": 0, "response": 0}

    for operation in mock.contract.operations.values():
        as_xml = Requests(mock.contract, prefers_xml=True).of(operation)
        as_json = Requests(mock.contract).of(operation)
        spec = operation.success
        as_xml.headers.update(XML if "application/xml" in spec.contents else {})
        async with client_of(mock) as client:
            one, other = await client.send(as_xml), await client.send(as_json)

        assert (one.status_code, faults(mock.contract, operation, one)) == (other.status_code, [])
        seen["request"] += as_xml.headers.get("content-type") == "application/xml"
        if "application/xml" in spec.contents:
            seen["response"] += 1
            assert one.headers["content-type"] == "application/xml"
            assert ElementTree.fromstring(one.content).tag  # noqa: S314 - our own
            assert not one.text.startswith(("{", "["))

    assert min(seen.values()) >= 2


async def test_what_is_created_in_xml_is_shown_in_json_and_in_xml() -> None:
    pet = (
        b'<?xml version="1.0"?><pet><id>7</id><name>Rex &amp; Bo</name>'
        b"<category><id>1</id></category><photoUrls><photoUrl>a</photoUrl><photoUrl>b</photoUrl></photoUrls>"
        b"<tags><tag><id>2</id></tag></tags><status>sold</status></pet>"
    )
    headers = {"Authorization": "Bearer t", "api_key": "k"}
    mock = Mock(content_of(SPECS / "swagger-petstore.yaml"), memory=Memory())
    async with client_of(mock) as client:
        typed = headers | {"Content-Type": "application/xml"}
        created = await client.post("/pet", content=pet, headers=typed)
        shown = await client.get("/pet/7", headers=headers)
        again = await client.get("/pet/7", headers=headers | XML)

    expected = {
        "id": 7, "name": "Rex & Bo", "category": {"id": 1}, "photoUrls": ["a", "b"],
        "tags": [{"id": 2}], "status": "sold",
    }  # fmt: skip
    assert created.is_success
    assert shown.json() == expected
    assert again.content.split(b"?>", 1)[1].strip() == pet.split(b"?>", 1)[1]


async def test_xml_is_never_json() -> None:
    document = Document(CASES / "r02-path-encodings" / "openapi.yaml")
    check(document)
    async with client_of(Mock(document.content)) as client:
        typed = {"Content-Type": "application/xml"}
        answer = await client.post("/x", content="<r><a>1</a></r>", headers=typed)
        refused = await client.post("/x", content="<r><a>one</a></r>", headers=typed)
        spoken = await client.post("/x", content='{"a": 1}', headers=typed)

    root = ElementTree.fromstring(answer.content)  # noqa: S314 - our own
    assert (answer.headers["content-type"], root.tag) == ("application/xml", "r")
    assert list(root.attrib) == ["a"]
    assert (refused.status_code, spoken.status_code) == (422, 400)


@pytest.mark.parametrize(
    ("media", "body"),
    [
        ({"schema": {"type": "string"}, "example": "<a><b/></a>"}, "<a><b/></a>"),
        ({"schema": {"type": "string"}, "example": "a < b"}, "<root>a &lt; b</root>"),
        ({"example": {"a": [1, 2]}}, "<root><a>1</a><a>2</a></root>"),
        ({"schema": {"type": "integer"}, "example": 3}, "<root>3</root>"),
        (
            {
                "schema": {"type": "object", "properties": {"a": {"type": "integer"}}},
                "examples": {"one": {"value": "<root> <a>1</a> </root>"}},
            },
            "<root> <a>1</a> </root>",
        ),
    ],
)
async def test_an_example_is_shown_as_xml(media: dict[str, Any], body: str) -> None:
    response = {"description": "-", "content": {"application/xml": media}}
    mock = Mock(
        {
            "openapi": "3.1.0",
            "info": {"title": "t", "version": "1"},
            "paths": {"/a": {"get": {"responses": {"200": response}}}},
        }
    )
    async with client_of(mock) as client:
        answer = await client.get("/a")

    assert answer.text.split("?>")[-1].strip() == body
    assert "charter-note" not in answer.headers
