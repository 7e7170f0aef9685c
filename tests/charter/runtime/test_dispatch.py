"""Stubs run by a plan as FastAPI would run them, and what only FastAPI can run goes its own way."""

from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import httpx2 as httpx
import pytest
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, Query, Request, Security
from fastapi.security import OAuth2PasswordBearer, SecurityScopes
from starlette.responses import JSONResponse, PlainTextResponse, Response

from charter.runtime.dispatch import Dispatch, OperationRoute, Plan
from impl import dependencies
from tests.promises import contract

bearer = OAuth2PasswordBearer(tokenUrl="/token", auto_error=False)

Events = list[str]


def client_of(router: APIRouter) -> httpx.AsyncClient:
    app = FastAPI(openapi_url=None)
    app.include_router(router)
    app.add_middleware(Dispatch, routes=router.routes, contract=contract())
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


def routed(endpoint: Callable[..., Any], path: str = "/", method: str = "GET") -> APIRouter:
    router = APIRouter(route_class=OperationRoute)
    router.add_api_route(path, endpoint, methods=[method], response_class=Response)
    return router


def plan_of(router: APIRouter) -> Plan | None:
    (route,) = router.routes
    assert isinstance(route, OperationRoute)
    return route.plan


def test_every_operation_of_the_service_has_a_plan() -> None:
    routes = dependencies.router(contract()).routes

    assert len(routes) == len(contract().operations)
    assert all(isinstance(route, OperationRoute) and route.plan for route in routes)


async def test_a_plan_gives_a_stub_what_fastapi_gives_it() -> None:
    events: Events = []

    async def once(request: Request) -> str:
        events.append("once")
        return request.url.path

    async def caller(
        required: SecurityScopes,
        path: Annotated[str, Depends(once)],
        token: Annotated[str | None, Depends(bearer)],
    ) -> list[Any]:
        return [required.scopes, path, token]

    async def answer(
        caller: Annotated[list[Any], Security(caller, scopes=["a", "b"])],
        again: Annotated[str, Depends(once)],
    ) -> Response:
        return JSONResponse([*caller, again])

    router = routed(answer)
    headers = {"Authorization": "Bearer x"}
    planned = await client_of(router).get("/", headers=headers)
    app = FastAPI(openapi_url=None)
    app.include_router(router)
    transport = httpx.ASGITransport(app)
    solved = await httpx.AsyncClient(transport=transport, base_url="http://test").get(
        "/", headers=headers
    )

    assert plan_of(router) is not None
    assert planned.json() == solved.json() == [["a", "b"], "/", "x", "/"]
    assert events == ["once", "once"]


@pytest.mark.parametrize("fails", [False, True])
async def test_a_generator_ends_before_the_answer_is_sent(fails: bool) -> None:
    events: Events = []

    async def transaction() -> AsyncIterator[str]:
        try:
            yield "open"
        except ValueError:
            events.append("rolled back")
            raise
        events.append("committed")

    class Sent(PlainTextResponse):
        async def __call__(self, *arguments: Any) -> None:
            events.append("sent")
            await super().__call__(*arguments)

    async def answer(state: Annotated[str, Depends(transaction, scope="function")]) -> Response:
        if fails:
            raise ValueError
        return Sent(state)

    client = client_of(routed(answer))
    if fails:
        with pytest.raises(ValueError, match=r"^$"):
            await client.get("/")
    else:
        assert (await client.get("/")).text == "open"

    assert events == (["rolled back"] if fails else ["committed", "sent"])


async def later(tasks: BackgroundTasks) -> str:
    return type(tasks).__name__


async def asked(limit: Annotated[int, Query()] = 7) -> str:
    return str(limit)


def in_a_thread() -> str:
    return "thread"


async def until_the_end() -> AsyncIterator[str]:
    yield "end"


@pytest.mark.parametrize(
    ("dependency", "said"),
    [(later, "BackgroundTasks"), (asked, "7"), (in_a_thread, "thread"), (until_the_end, "end")],
)
async def test_what_only_fastapi_provides_is_left_to_it(
    dependency: Callable[..., Any], said: str
) -> None:
    async def answer(value: Annotated[str, Depends(dependency)]) -> Response:
        return PlainTextResponse(value)

    router = routed(answer)

    assert plan_of(router) is None
    assert (await client_of(router).get("/")).text == said


async def test_overrides_of_dependencies_hold() -> None:
    async def name() -> str:
        return "theirs"

    async def other() -> str:
        return "overridden"

    async def answer(value: Annotated[str, Depends(name)]) -> Response:
        return PlainTextResponse(value)

    router = routed(answer)
    app = FastAPI(openapi_url=None)
    app.include_router(router)
    app.add_middleware(Dispatch, routes=router.routes, contract=contract())
    app.dependency_overrides[name] = other
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")

    assert (await client.get("/")).text == "overridden"


async def test_a_route_without_a_plan_hides_the_less_specific_one() -> None:
    async def cancel(value: Annotated[str, Depends(in_a_thread)], item: str) -> Response:
        return PlainTextResponse(f"cancel {value}")

    async def read(request: Request) -> Response:
        return PlainTextResponse(request.path_params["item"])

    router = APIRouter()
    router.routes.extend(routed(cancel, "/{item}:cancel").routes)
    router.routes.extend(routed(read, "/{item}").routes)
    client = client_of(router)

    assert (await client.get("/x:cancel")).text == "cancel thread"
    assert (await client.get("/x")).text == "x"
    assert (await client.post("/x")).status_code == 405


async def test_an_error_goes_to_the_handler_of_its_nearest_class() -> None:
    async def answer() -> Response:
        raise ConnectionResetError

    async def handled(request: Request, error: Exception) -> Response:
        return PlainTextResponse(type(error).__name__, 503)

    router = routed(answer)
    app = FastAPI(openapi_url=None)
    app.include_router(router)
    app.add_middleware(Dispatch, routes=router.routes, contract=contract())
    app.add_exception_handler(OSError, handled)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")

    got = await client.get("/")

    assert (got.status_code, got.text) == (503, "ConnectionResetError")
