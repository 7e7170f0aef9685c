"""Bodies in XML as the document describes them: the fuzzer's own writer knows less of it."""

from contextlib import suppress
from typing import Any

import schemathesis
from schemathesis.transport.serialization import serialize_xml

from charter.contract.api import Api
from charter.runtime.bodies import XmlContent
from charter.runtime.faults import Fault
from charter.runtime.xml import Element, Reader, Unwritable, write

MEDIA_TYPES = ("application/xml", "text/xml")


def register(api: Api) -> None:
    """Let Schemathesis write requests and read responses as the service does."""

    @schemathesis.serializer(*MEDIA_TYPES)
    def written(context: Any, value: Any) -> bytes:
        root = root_of_request(api, context.case)
        with suppress(Unwritable):  # which a value may be that is not of the schema
            if root is not None:
                return write(root, value)
        body: bytes = serialize_xml(context.case, value)["data"]
        return body

    @schemathesis.deserializer(*MEDIA_TYPES)
    def read(context: Any, response: Any) -> Any:
        root = root_of_response(api, context.operation, response)
        if root is None:
            return response.content.decode()
        violations: list[Fault] = []
        value = Reader(root, violations).read(response.content)
        if violations:
            raise ValueError(f"{violations[0].pointer} {violations[0].detail}".strip())
        return value


def root_of_request(api: Api, case: Any) -> Element | None:
    """How the document writes the body of a request; None where it may be any XML."""
    operation = api.at(case.operation.method.upper(), case.operation.path)
    body = api.contract.reader(operation.id).body if operation is not None else None
    content = body.contents.get(str(case.media_type).lower()) if body is not None else None
    return content.root if isinstance(content, XmlContent) else None


def root_of_response(api: Api, described: Any, response: Any) -> Element | None:
    operation = api.at(described.method.upper(), described.path)
    spec = operation.response_spec(response.status_code) if operation is not None else None
    media_type = next(iter(response.headers.get("content-type", ())), "")
    content = spec.content(media_type) if spec is not None else None
    return content.root if content is not None else None
