"""A deprecated operation announces its end in every answer, and nothing else does."""

from datetime import UTC, datetime, time
from typing import Any

import httpx2 as httpx
import pytest
from fastapi import APIRouter, FastAPI
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from charter.mock.app import Mock
from charter.runtime import Contract
from charter.runtime.dispatch import Dispatch, OperationRoute
from charter.runtime.layers import Methods
from charter.runtime.lifecycle import announcement
from charter.runtime.routing import SharedRoute, in_order

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
GONE = {"deprecated": True, "x-deprecated-since": "2026-06-01", "x-sunset": "2027-01-31"}
OLD = {**GONE, "externalDocs": {"url": "/docs/moving"}}
LINKS = '</docs/moving>; rel="deprecation", </docs/moving>; rel="sunset"'


def document(**operations: dict[str, Any]) -> dict[str, Any]:
    """Each name is an operation and its path."""
    answers = {"200": {"description": "Done.", "content": {"text/plain": {}}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Ends", "version": "1"},
        "paths": {
            f"/{name}": {"get": {"operationId": name, "responses": answers} | operation}
            for name, operation in operations.items()
        },
    }


def service(content: dict[str, Any], kind: type[OperationRoute | SharedRoute]) -> FastAPI:
    contract = Contract(content)
    router = APIRouter(route_class=kind)
    for operation in contract.operations.values():

        async def endpoint(request: Request) -> Response:
            if "fail" in request.query_params:
                raise KeyError
            return PlainTextResponse("done", headers={"Link": '</next>; rel="next"'})

        router.add_api_route(
            operation.path, endpoint, operation_id=operation.id, response_class=Response
        )
    app = FastAPI(openapi_url=None)
    routes = in_order(contract, router)
    app.include_router(routes)
    app.add_middleware(Methods, allowed_methods=contract.allowed_methods, problem=PlainTextResponse)
    app.add_middleware(Dispatch, routes=routes.routes, contract=contract)

    @app.exception_handler(KeyError)
    async def failed(request: Request, error: Exception) -> Response:
        return PlainTextResponse("failed", 404)

    return app


async def get(app: Any, path: str, method: str = "GET") -> httpx.Response:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.request(method, path)


@pytest.mark.parametrize("kind", [OperationRoute, SharedRoute])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_every_answer_of_a_deprecated_operation_says_until_when(
    kind: type[OperationRoute | SharedRoute], method: str
) -> None:
    app = service(document(old=OLD, new={}), kind)

    for path in ("/old", "/old?fail=1"):
        answer = await get(app, path, method)
        assert answer.headers["deprecation"] == "@1780272000"
        assert answer.headers["sunset"] == "Sun, 31 Jan 2027 00:00:00 GMT"
        assert answer.headers["link"].endswith(LINKS)

    assert (await get(app, "/old")).headers["link"] == f'</next>; rel="next", {LINKS}'
    for path in ("/new", "/new?fail=1", "/nothing"):
        assert not {"deprecation", "sunset"} & (await get(app, path)).headers.keys()


async def test_the_operation_that_answers_at_a_shared_address_decides() -> None:
    def taking(name: str) -> dict[str, Any]:
        schema = {"type": "string"}
        return {"parameters": [{"name": name, "in": "query", "required": True, "schema": schema}]}

    content = document(**{"files": taking("new"), "files#old": {**OLD, **taking("old")}})
    content["paths"]["/files#old"]["get"]["operationId"] = "old"

    for app in (service(content, SharedRoute), Mock(content)):
        old, new = await get(app, "/files?old=1"), await get(app, "/files?new=1")
        assert (old.status_code, new.status_code) == (200, 200)
        assert "deprecation" in old.headers
        assert "deprecation" not in new.headers


async def test_the_mock_announces_it_as_the_service_does() -> None:
    mock = Mock(document(old=OLD, new={}))

    for path in ("/old", "/old?surplus=1"):
        headers = (await get(mock, path)).headers
        assert headers["deprecation"] == "@1780272000"
        assert (headers["sunset"], headers["link"]) == ("Sun, 31 Jan 2027 00:00:00 GMT", LINKS)
    assert "deprecation" not in (await get(mock, "/new")).headers


@pytest.mark.parametrize(
    ("members", "deprecation", "sunset"),
    [
        ({}, f"@{int(NOW.timestamp())}", None),
        ({"x-deprecated-since": "soon", "x-sunset": "2027-13-01"}, "@1795780800", None),
        ({"x-deprecated-since": "2026-06-01T02:00:00+02:00"}, "@1780272000", None),
        ({"x-sunset": "2027-01-31T12:00:00Z"}, "@1795780800", "Sun, 31 Jan 2027 12:00:00 GMT"),
        ({"x-sunset": "0001-01-01T00:00:00+14:00"}, "@1795780800", None),
    ],
)
def test_dates_are_days_or_moments_in_utc(
    members: dict[str, Any], deprecation: str, sunset: str | None
) -> None:
    made = announcement({"deprecated": True, **members}, NOW)

    assert made is not None
    assert (made.deprecation, made.sunset, made.links) == (deprecation, sunset, None)


def test_without_a_date_all_processes_name_the_day_of_their_start() -> None:
    before = datetime.now(UTC).date()
    made = Contract(document(old={"deprecated": True})).announcements["old"]

    named = datetime.fromtimestamp(int(made.deprecation[1:]), UTC)
    assert named.time() == time()
    assert before <= named.date() <= datetime.now(UTC).date()


def test_what_is_not_deprecated_announces_nothing() -> None:
    assert announcement({"x-sunset": "2027-01-31"}, NOW) is None
    assert announcement({"deprecated": "true"}, NOW) is None


def test_no_address_of_the_docs_forges_a_header() -> None:
    docs = 'https://example.com/a>; rel="next"\r\nSet-Cookie: ü'

    made = announcement({"deprecated": True, "x-deprecation-docs": docs}, NOW)

    assert made is not None
    encoded = "https://example.com/a%3E;%20rel=%22next%22%0D%0ASet-Cookie:%20%C3%BC"
    assert made.links == f'<{encoded}>; rel="deprecation"'


def test_every_link_of_a_response_stays() -> None:
    made = announcement(OLD, NOW)
    headers = MutableHeaders(raw=[(b"link", b"</1>; rel=prev"), (b"link", b"</3>; rel=next")])

    assert made is not None
    made.add_to(headers)

    assert headers.getlist("link") == ["</1>; rel=prev", "</3>; rel=next", LINKS]


def test_a_response_that_says_it_itself_is_left_alone() -> None:
    made = announcement(OLD, NOW)
    headers = MutableHeaders({"Deprecation": "@1", "Sunset": "Sat, 01 Jan 2028 00:00:00 GMT"})

    assert made is not None
    made.add_to(headers)

    assert (headers["deprecation"], headers["sunset"][:4]) == ("@1", "Sat,")
