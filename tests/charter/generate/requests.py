"""Requests without a server, for the tests of the runtime."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.types import Message

from charter.runtime import Contract, ResponseViolation


def contract(document: Mapping[str, Any]) -> Contract:
    def refuse(broken: ResponseViolation) -> None:
        raise broken

    return Contract(document, body_limit=100_000, check_rate=1, on_violation=refuse)


def contract_of(**operation: Any) -> Contract:
    """Of one operation, `POST /things`, with the id `act`."""
    components = operation.pop("components", {})
    defaults = {"operationId": "act", "tags": ["t"], "responses": {"204": {"description": "-"}}}
    return contract(
        {
            "openapi": "3.1.0",
            "info": {"title": "t", "version": "1"},
            "paths": {"/things": {"post": defaults | operation}},
            "components": components,
        }
    )


def request(
    *,
    query: str = "",
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
    path_params: Mapping[str, str] | None = None,
) -> Request:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    if body:
        raw.append((b"content-length", str(len(body)).encode()))

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    scope = {
        "type": "http",
        "method": "POST",
        "path": unquote("/things"),
        "query_string": query.encode("latin-1"),
        "headers": raw,
        "path_params": dict(path_params or {}),
    }
    return Request(scope, receive)
