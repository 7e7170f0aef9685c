"""What the fuzzer sends and reads in XML, by the document's own description."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import schemathesis
from schemathesis.core import NOT_SET, deserialization
from schemathesis.transport.requests import REQUESTS_TRANSPORT, xml_serializer

from charter.contract import xml
from charter.contract.api import Api
from charter.runtime import Contract

PET = {
    "type": "object",
    "xml": {"name": "pet"},
    "required": ["id", "tags"],
    "properties": {
        "id": {"type": "integer", "xml": {"attribute": True}},
        "tags": {"type": "array", "xml": {"wrapped": True}, "items": {"type": ["string", "null"]}},
    },
}
CONTENT = {"application/xml": {"schema": PET}}
DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "t", "version": "1"},
    "paths": {
        "/pets": {
            "post": {
                "operationId": "add",
                "requestBody": {"content": CONTENT},
                "responses": {"200": {"description": "-", "content": CONTENT}},
            }
        }
    },
}
NIL = b'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"'


@pytest.fixture
def operation() -> Iterator[Any]:
    xml.register(Api(Contract(DOCUMENT)))
    yield schemathesis.openapi.from_dict(DOCUMENT)["/pets"]["POST"]
    REQUESTS_TRANSPORT.serializer(*xml.MEDIA_TYPES)(xml_serializer)
    for media_type in xml.MEDIA_TYPES:
        deserialization._DESERIALIZERS.pop(media_type)


def test_a_body_is_written_as_the_service_reads_it(operation: Any) -> None:
    case = operation.Case(body={"id": 1, "tags": ["a", None]}, media_type="application/xml")

    sent = case.as_transport_kwargs(base_url="http://127.0.0.1")["data"]

    assert sent.endswith(b'<pet id="1"><tags><tags>a</tags><tags ' + NIL + b"/></tags></pet>")


def test_what_the_schema_refuses_is_sent_all_the_same(operation: Any) -> None:
    case = operation.Case(body=[1, 2], media_type="application/xml")

    assert case.as_transport_kwargs(base_url="http://127.0.0.1")["data"]


def test_a_response_is_read_as_the_value_that_it_says(operation: Any) -> None:
    context = deserialization.DeserializationContext(operation=operation, case=None)

    def read(body: bytes) -> Any:
        headers = {"content-type": ["application/xml"]}
        answer: Any = SimpleNamespace(
            status_code=200, headers=headers, content=body, _deserialized=NOT_SET
        )
        return deserialization.deserialize_response(answer, "application/xml", context=context)

    assert read(b'<pet id="1"><tags/></pet>') == {"id": 1, "tags": []}
    with pytest.raises(ValueError, match="is not the element pet"):
        read(b"<cat/>")
