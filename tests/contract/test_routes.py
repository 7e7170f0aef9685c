"""The routes that run are those of the document: no more, no fewer, and each as it is declared."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from inspect import signature
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints
from uuid import uuid4

import httpx2 as httpx
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts

from charter.contract.streams import streams
from charter.runtime import Operation
from charter.runtime.inputs import TypedReader
from charter.runtime.replies import Reply
from generated import operations
from impl.authentication import authenticate
from tests.accounts.test_negative_matrix import SECURED
from tests.people import Person
from tests.promises import contract

UNDOCUMENTED = {
    "/openapi.json": "the document itself",
    "/openapi.yaml": "the document itself, as it was written",
    "/docs": "Swagger UI, and below it the files of both pages",
    "/redoc": "Redoc",
    "/metrics": "for the operator; METRICS_TOKEN guards it in production",
}
"""What is served and not in the document, and why; all of it only answers GET."""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW")

OPERATIONS = list(contract().operations.values())
PATHS: Mapping[str, set[str]] = {
    path: {found.method for found in OPERATIONS if found.path == path}
    for path in {found.path for found in OPERATIONS}
}


each_operation = pytest.mark.parametrize("operation", OPERATIONS, ids=lambda found: found.id)
each_path = pytest.mark.parametrize("path", sorted(PATHS))


def concrete(path: str) -> str:
    """The path with an identifier in the place of each template."""
    return re.sub(r"\{[^}]*\}", str(uuid4()), path)


def routes_of(app: FastAPI) -> Iterator[RouteContext]:
    """Every route, also those of included routers, which FastAPI keeps apart."""
    return iter_route_contexts(app.routes)


def documented_routes(app: FastAPI) -> dict[str, RouteContext]:
    return {
        route.operation_id: route
        for route in routes_of(app)
        if getattr(route, "operation_id", None) is not None
    }


def route_of(app: FastAPI, operation: Operation) -> RouteContext:
    return documented_routes(app)[operation.id]


# -- what is there --------------------------------------------------------------------------------


def test_the_routes_are_the_operations_of_the_document(app: FastAPI) -> None:
    running = {
        (route.operation_id, method, route.path)
        for route in documented_routes(app).values()
        for method in route.methods or ()
    }

    assert running == {(found.id, found.method, found.path) for found in OPERATIONS}


def test_every_other_route_is_known_by_name(app: FastAPI) -> None:
    others = {
        str(route.path): route.methods or set()
        for route in routes_of(app)
        if getattr(route, "operation_id", None) is None
    }

    assert {re.sub(r"^/docs/.+", "/docs", path) for path in others} == UNDOCUMENTED.keys()
    assert all(methods <= {"GET", "HEAD"} for methods in others.values())


def test_no_path_and_method_is_there_twice(app: FastAPI) -> None:
    found = [
        (route.path, method) for route in routes_of(app) for method in sorted(route.methods or ())
    ]

    assert len(found) == len(set(found))


@each_operation
def test_a_route_has_the_tags_and_the_status_of_its_operation(
    app: FastAPI, operation: Operation
) -> None:
    route = route_of(app, operation)

    assert route.tags == operation.tags
    assert route.status_code == min(successes(operation))


# -- what goes in ---------------------------------------------------------------------------------


@each_operation
def test_a_method_takes_what_its_operation_declares(app: FastAPI, operation: Operation) -> None:
    names = [parameter.name.lower().replace("-", "_") for parameter in operation.parameters]
    if "requestBody" in contract().judge.at(operation.place):
        names.append("body")

    taken = arguments(app, operation)

    assert list(taken) == names
    for parameter, hint in zip(operation.parameters, taken.values(), strict=False):
        certain = parameter.required or parameter.has_default
        assert (NoneType in get_args(hint)) is not certain, parameter.name


@each_operation
def test_a_route_reads_the_inputs_of_its_own_operation(app: FastAPI, operation: Operation) -> None:
    calls = [dependant.call for dependant in dependants(route_of(app, operation))]

    (reader,) = [call for call in calls if isinstance(call, TypedReader)]

    assert reader.reader.operation_id == operation.id
    assert [name for name, _ in reader.types] == list(arguments(app, operation))


def arguments(app: FastAPI, operation: Operation) -> dict[str, Any]:
    """The keyword arguments of the service's method, with their types."""
    method = service_method(app, operation)
    hints = get_type_hints(method)
    return {
        name: hints[name]
        for name, parameter in signature(method).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }


def service_method(app: FastAPI, operation: Operation) -> Any:
    """The method of a generated Protocol that the route calls."""
    endpoint = route_of(app, operation).endpoint
    assert endpoint is not None
    protocol, *_ = get_args(signature(endpoint).parameters["service"].annotation)
    return getattr(protocol, endpoint.__name__)


def dependants(route: RouteContext) -> list[Dependant]:
    """What the stub itself asks for; the authentication comes first."""
    found: list[Dependant] = route.dependant.dependencies
    return found


# -- what comes out -------------------------------------------------------------------------------


@each_operation
def test_a_method_answers_with_the_successes_of_its_operation(
    app: FastAPI, operation: Operation
) -> None:
    returned = get_type_hints(service_method(app, operation))["return"]
    hints = get_args(returned) if get_origin(returned) is not None else (returned,)

    classes = {hint for hint in hints if isinstance(hint, type) and issubclass(hint, Reply)}

    if classes:
        assert {vars(found)["status"] for found in classes} == successes(operation)
    else:
        assert len(successes(operation)) == 1


def successes(operation: Operation) -> set[int]:
    return {status for status in operation.response_specs if status < 400}


def test_every_method_of_every_protocol_is_routed(app: FastAPI) -> None:
    declared = {
        (name, method)
        for name, protocol in vars(operations).items()
        if name.endswith("Operations")
        for method in vars(protocol)
        if not method.startswith("_")
    }

    routed = {tuple(service_method(app, found).__qualname__.split(".")) for found in OPERATIONS}

    assert routed == declared


# -- who may --------------------------------------------------------------------------------------


@each_operation
def test_a_route_asks_for_the_scopes_of_its_operation(app: FastAPI, operation: Operation) -> None:
    asked = [
        dependant.own_oauth_scopes or []
        for dependant in dependants(route_of(app, operation))
        if dependant.call is authenticate
    ]

    assert asked == ([sorted(scopes(operation))] if operation.security else [])


def scopes(operation: Operation) -> set[str]:
    """Those that any of the alternatives asks for; `check` has seen that they are the same."""
    return {
        scope
        for alternative in operation.security
        for names in alternative.values()
        for scope in names
    }


@each_operation
async def test_auz_4_a_stranger_is_refused_before_the_body_is_read(
    app: FastAPI, operation: Operation
) -> None:
    """AUZ-4: what the document does not list as public refuses whoever does not say who calls."""
    body = Body()
    transport = httpx.ASGITransport(app)

    async with httpx.AsyncClient(transport=transport, base_url="http://test") as stranger:
        response = await stranger.request(
            operation.method,
            concrete(operation.path) + "?unknown=1",
            content=body.chunks(),
            headers={"Content-Type": "text/plain"},
        )

    if operation.security:
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"] == 'Bearer realm="charter"'
        assert not body.was_read
    else:
        assert response.status_code in (400, 415, 422)


class Body:
    """A request's body that knows whether somebody asked for it."""

    def __init__(self) -> None:
        self.was_read = False

    async def chunks(self) -> AsyncIterator[bytes]:
        self.was_read = True
        yield b"{"


def test_auz_4_the_public_operations_are_these(app: FastAPI) -> None:
    """AUZ-4: who makes another operation public has to say so here, too."""
    public = {
        operation_id
        for operation_id, route in documented_routes(app).items()
        if all(dependant.call is not authenticate for dependant in dependants(route))
    }

    assert public == {"createToken", "createUser", "getLiveness", "getReadiness"}


def test_auz_4_every_other_operation_is_in_the_negative_matrix() -> None:
    assert [one for one in OPERATIONS if one.security] == SECURED


# -- methods and paths that are not there ---------------------------------------------------------


def allowed(path: str) -> set[str]:
    """What `Allow` has to list (RFC 9110 section 10.2.1)."""
    head = {"HEAD"} if "GET" in PATHS[path] else set()
    return PATHS[path] | head | {"OPTIONS"}


def listed(response: httpx.Response) -> list[str]:
    return response.headers["Allow"].split(", ") if "Allow" in response.headers else []


@each_path
async def test_an_undeclared_method_is_a_405_that_lists_the_others(
    client: httpx.AsyncClient, path: str
) -> None:
    for method in set(METHODS) - allowed(path):
        response = await client.request(method, concrete(path))

        assert response.status_code == 405, method
        assert sorted(listed(response)) == sorted(allowed(path)), method
        if method != "HEAD":
            assert response.headers["Content-Type"] == "application/problem+json"
            assert response.json()["status"] == 405


@each_path
async def test_options_lists_the_methods_of_a_path(client: httpx.AsyncClient, path: str) -> None:
    response = await client.options(concrete(path))

    assert (response.status_code, response.content) == (204, b"")
    assert sorted(listed(response)) == sorted(allowed(path))


@pytest.mark.parametrize(
    "path",
    # a stream need not have an end
    sorted(one.path for one in OPERATIONS if one.method == "GET" and not streams(one)),
)
async def test_head_says_what_get_would_without_a_body(admin: Person, path: str) -> None:
    where = concrete(path)

    got, head = await admin.get(where), await admin.request("HEAD", where)

    assert head.status_code == got.status_code
    assert head.content == b""
    assert stable(head.headers) == stable(got.headers)


def stable(headers: httpx.Headers) -> dict[str, str]:
    changing = ("x-request-id", "date")
    return {name: value for name, value in headers.items() if name not in changing}


@pytest.mark.parametrize(
    "path",
    [
        "/", "//", "/nowhere", "/items/", "/items//", "//items", "/ITEMS", "/items/1/2",
        "/users/me/", "/users/me/password/", "/livez/", "/auth", "/auth/token/", "/.env",
        "/v1/items", "/openapi", "/docs/", "/metrics/", "/items\\", "/items;a=1",
        "/items/%0a/x", "/%00",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "TRACE"])
async def test_a_path_that_is_not_listed_is_a_404_problem(
    client: httpx.AsyncClient, method: str, path: str
) -> None:
    response = await client.request(method, path)

    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["status"] == 404
