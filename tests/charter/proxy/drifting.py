"""A service that keeps to shelf.yaml, and departs from it where a header `Drift` says how."""

import gzip
import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

BOOK: dict[str, Any] = {"id": 7, "title": "Emma", "kind": "prose", "pages": None}
TOTAL = {"X-Total": "1"}
PROBLEM = "application/problem+json"


def books(body: Any, headers: dict[str, str] = TOTAL) -> Response:
    return JSONResponse(body, headers=headers)


def with_member(**members: Any) -> Response:
    return books([BOOK | members])


def without(name: str) -> Response:
    return books([{known: value for known, value in BOOK.items() if known != name}])


def zipped(body: Any) -> Response:
    coded = gzip.compress(json.dumps(body).encode())
    headers = TOTAL | {"Content-Encoding": "gzip"}
    return Response(coded, headers=headers, media_type="application/json")


DRIFTS = {
    "a member is missing": without("title"),
    "a member is of another type": with_member(id="7"),
    "a member is too long": with_member(title="Emma" * 6),
    "a value is not in the enum": with_member(kind="drama"),
    "a format is broken": with_member(published="1815"),
    "a number is too small": with_member(pages=0),
    "a null is not declared": with_member(title=None),
    "a member is not declared": with_member(isbn="1"),
    "an object instead of a list": books({"data": [BOOK]}),
    "a header is missing": books([BOOK], {}),
    "a header is of another type": books([BOOK], {"X-Total": "many"}),
    "a header is not declared": books([BOOK], TOTAL | {"X-Shelf-Mark": "a"}),
    "a status is not declared": JSONResponse({"title": "I am a teapot"}, 418, None, PROBLEM),
    "a media type is not declared": Response("id,title", headers=TOTAL, media_type="text/csv"),
    "a body is no JSON": Response("[", headers=TOTAL, media_type="application/json"),
    "a body is missing": Response(headers=TOTAL),
    "a compressed body breaks its schema": zipped([BOOK | {"id": None}]),
    "an error has another shape": JSONResponse({"error": "no"}, 401, None, PROBLEM),
    "a request is accepted that is not valid": books([BOOK]),
    "credentials are not asked for": books([BOOK]),
    "an operation is not declared": books([BOOK]),
}
"""The response to the request that `test_drifts` makes, by what departs from the document."""


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    await response(request)(scope, receive, send)


def response(request: Request) -> Response:
    if (drift := request.headers.get("drift")) is not None:
        return DRIFTS[drift]
    match request.method, "x-key" in request.headers:
        case _, False:
            return JSONResponse({"title": "Who are you?"}, 401, None, PROBLEM)
        case "GET" | "HEAD", _ if request.query_params.get("limit", "1").isdecimal():
            return books([BOOK])
        case "POST", _:
            return JSONResponse(BOOK, 201)
        case "DELETE", _:
            return Response(status_code=204)
    return JSONResponse({"title": "No."}, 422, None, PROBLEM)
