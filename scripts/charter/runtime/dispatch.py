"""Runs operations without working out for each request what is known at start.

FastAPI walks the tree of a route's dependencies for every request, and Starlette tries one route
after the other. Here both are laid out once: `OperationRoute` compiles the stub's dependencies into
a list of calls, and `Dispatch` looks the route up by method and path. Anything else that an
application serves beside the generated routes goes FastAPI's own way.
"""

import re
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from inspect import (
    Parameter,
    isasyncgenfunction,
    iscoroutinefunction,
    isfunction,
    ismethod,
    signature,
)
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from fastapi.params import Depends, Security
from fastapi.routing import APIRoute
from fastapi.security import SecurityScopes
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from .contract import Contract
from .layers import HEADERS_ONLY, without_body
from .lifecycle import announcing
from .paths import requested, specificity
from .routing import DocumentedRoute

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


# -- a route's dependencies, compiled -------------------------------------------------------------


class NotCompilable(Exception):
    """A dependency asks for something that only FastAPI's own solver provides."""


@dataclass(frozen=True, slots=True)
class Call:
    """One dependency, or the stub itself, and where its arguments stand among the values."""

    function: Callable[..., Any]
    arguments: Sequence[int]
    is_context: bool = False
    """Whether it is a generator, whose second half runs once the response is built."""

    def make(self, values: Sequence[Any]) -> Any:
        return self.function(*[values[index] for index in self.arguments])


class Plan:
    """The calls of a stub, dependencies first, each at most once.

    A call finds its arguments among the values so far: the request, then each result.
    """

    def __init__(self, endpoint: Callable[..., Any]) -> None:
        """Raises NotCompilable."""
        self.calls: list[Call] = []
        self._known: dict[tuple[Any, tuple[str, ...]], int] = {}
        self.endpoint = self._call(endpoint, ())

    async def run(self, request: Request) -> Response:
        return await self._run_from(0, [request])

    async def _run_from(self, first: int, values: list[Any]) -> Response:
        for number in range(first, len(self.calls)):
            call = self.calls[number]
            made = call.make(values)
            if call.is_context:
                async with made as value:
                    values.append(value)
                    return await self._run_from(number + 1, values)
            values.append(await made)
        response: Response = await self.endpoint.make(values)
        return response

    def _call(self, function: Callable[..., Any], scopes: tuple[str, ...]) -> Call:
        hints, parameters = hints_of(function), signature(function).parameters
        if any(one.kind is Parameter.KEYWORD_ONLY for one in parameters.values()):
            raise NotCompilable
        arguments = [
            self._place(hints.get(name), parameter.default, scopes)
            for name, parameter in parameters.items()
        ]
        return Call(function, arguments)

    def _place(self, hint: Any, default: Any, scopes: tuple[str, ...]) -> int:
        """Where the value of a parameter stands, once the calls so far have been made."""
        if hint in (Request, HTTPConnection):
            return 0
        if hint is SecurityScopes:
            return self._append(Call(constant(SecurityScopes(list(scopes))), []))
        asked = dependency_of(hint, default)
        if asked is None or asked.dependency is None:
            raise NotCompilable
        if isinstance(asked, Security):
            scopes = (*scopes, *(name for name in asked.scopes or () if name not in scopes))
        key = (asked.dependency, scopes if takes_scopes(asked.dependency) else ())
        if key not in self._known:
            self._known[key] = self._depend(asked, scopes)
        return self._known[key]

    def _depend(self, asked: Depends, scopes: tuple[str, ...]) -> int:
        function: Any = asked.dependency
        call = self._call(function, scopes)
        if isasyncgenfunction(function):
            if asked.scope != "function":
                raise NotCompilable
            context = Call(asynccontextmanager(function), call.arguments, is_context=True)
            return self._append(context)
        if not iscoroutinefunction(function if isfunction(function) else function.__call__):
            raise NotCompilable
        return self._append(call)

    def _append(self, call: Call) -> int:
        self.calls.append(call)
        return len(self.calls)


def constant(value: Any) -> Callable[[], Coroutine[Any, Any, Any]]:
    async def given() -> Any:
        return value

    return given


def hints_of(function: Any) -> dict[str, Any]:
    named = function if isfunction(function) or ismethod(function) else type(function).__call__
    return get_type_hints(named, include_extras=True)


def dependency_of(hint: Any, default: Any) -> Depends | None:
    if isinstance(default, Depends):
        return default
    if get_origin(hint) is Annotated:
        return next((part for part in get_args(hint)[1:] if isinstance(part, Depends)), None)
    return None


def takes_scopes(function: Any) -> bool:
    """Whether the function, or one that it depends on, asks for the required scopes."""
    for name, parameter in signature(function).parameters.items():
        hint = hints_of(function).get(name)
        if hint is SecurityScopes:
            return True
        asked = dependency_of(hint, parameter.default)
        if asked is not None and asked.dependency is not None and takes_scopes(asked.dependency):
            return True
    return False


class OperationRoute(DocumentedRoute):
    """A FastAPI route that knows how to run its stub by a plan, unless only FastAPI can."""

    plan: Plan | None

    def get_route_handler(self) -> Handler:
        try:
            self.plan = Plan(self.endpoint)
        except NotCompilable:
            self.plan = None
        return super().get_route_handler()


# -- which route a request means ------------------------------------------------------------------


class Dispatch:
    """Hands a request to the operation that its method and path name, if that has a plan.

    A HEAD is answered as a GET is, without the body (RFC 9110 section 9.3.2).
    """

    def __init__(self, app: ASGIApp, routes: Iterable[BaseRoute], contract: Contract) -> None:
        self.app = app
        self.contract = contract
        self.announcing = {
            name for one in contract.announcements for name in contract.sharing.get(one, (one,))
        }
        """The operations at the addresses of deprecated ones."""
        self.literal: dict[str, Methods] = {}
        self.templated: list[tuple[re.Pattern[str], Methods]] = []
        by_path: dict[str, Methods] = {}
        for route in routes:
            if isinstance(route, APIRoute):
                for method in route.methods or ():
                    by_path.setdefault(route.path, {}).setdefault(method, route)
        for methods in by_path.values():
            if "GET" in methods:
                methods.setdefault("HEAD", methods["GET"])
        for path in sorted(by_path, key=specificity):
            if "{" in path:
                pattern = next(iter(by_path[path].values())).path_regex
                self.templated.append((pattern, by_path[path]))
            else:
                self.literal[path] = by_path[path]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route, parameters = self.find(scope) if scope["type"] == "http" else NOTHING
        if route is not None and route.operation_id in self.announcing:
            send = announcing(self.contract.announcements, scope, send)
        plan = getattr(route, "plan", None)
        if route is None or plan is None or scope["app"].dependency_overrides:
            await self.app(scope, receive, send)
            return
        scope["route"], scope["path_params"] = route, parameters
        if scope["method"] == "HEAD":
            scope[HEADERS_ONLY], send = True, without_body(send)
        request = Request(scope, receive, send)
        try:
            response = await plan.run(request)
        except Exception as error:
            handler = handler_of(error, scope["app"].exception_handlers)
            if handler is None:
                raise
            response = self.contract.error(route.operation_id, await handler(request, error))
        await response(scope, receive, send)

    def find(self, scope: Scope) -> tuple[APIRoute | None, Mapping[str, str]]:
        """The route and the texts of its path parameters.

        The most specific path alone counts, even where it has no such method.
        """
        path = requested(scope).removeprefix(scope.get("root_path", ""))
        if (methods := self.literal.get(path)) is not None:
            return methods.get(scope["method"]), {}
        for pattern, methods in self.templated:
            if match := pattern.fullmatch(path):
                return methods.get(scope["method"]), match.groupdict()
        return NOTHING


Methods = dict[str, APIRoute]
NOTHING: tuple[None, Mapping[str, str]] = (None, {})


def handler_of(error: Exception, handlers: Mapping[Any, Any]) -> Any:
    """The application's handler of an error's class, or of the nearest class above it."""
    return next((handlers[kind] for kind in type(error).__mro__ if kind in handlers), None)
