"""Holds every response that a test provokes against the document; Schemathesis is the judge."""

import json
from functools import cache
from typing import Any

import httpx2 as httpx
import schemathesis
from schemathesis.specs.openapi.schemas import OpenApiSchema

from charter.runtime import Contract
from charter.runtime.paths import pattern
from generated import DOCUMENT

SEEN: set[tuple[str, int]] = set()
"""The operations and statuses that the tests have provoked."""

ANYWHERE = {405, 404}
"""Answers to a path or a method that the document does not list."""


@cache
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(DOCUMENT.read_bytes())
    return loaded


@cache
def schema() -> OpenApiSchema:
    return schemathesis.openapi.from_dict(document())


@cache
def contract() -> Contract:
    return Contract.load(DOCUMENT)


def operation_of(method: str, path: str) -> tuple[str, str] | None:
    """The operation's id and path template, if the document lists it; concrete paths go first."""
    method = "GET" if method == "HEAD" else method
    operations = sorted(contract().operations.values(), key=lambda found: found.path.count("{"))
    for operation in operations:
        if operation.method == method and pattern(operation.path).fullmatch(path):
            return operation.id, operation.path
    return None


async def keeps_its_promises(response: httpx.Response) -> None:
    """Raises for a status, a header or a body that the document does not promise."""
    await response.aread()
    request = response.request
    found = operation_of(request.method, request.url.path)
    if found is None or response.status_code == 405:
        assert found is None or response.status_code in ANYWHERE
        return
    operation_id, template = found
    SEEN.add((operation_id, response.status_code))
    if request.method != "HEAD":
        schema()[template][request.method].validate_response(response)
