"""Puts routes in the order in which they are matched, and tells apart those at one address."""

from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from .contract import Contract
from .faults import ContentTooLarge, MissingCredentials, RequestRefused
from .paths import requested, specificity

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def in_order(contract: Contract, *routers: APIRouter) -> APIRouter:
    """All routes in one router, a concrete path before a templated one, whatever their tags."""
    router = APIRouter()
    routes = [route for part in routers for route in part.routes]
    router.routes.extend(sorted(routes, key=order))
    link_shared_routes(contract, [route for route in routes if isinstance(route, SharedRoute)])
    return router


def link_shared_routes(contract: Contract, routes: Sequence["SharedRoute"]) -> None:
    """Let routes that share an address know each other."""
    by_id = {route.operation_id or "": route for route in routes}
    for names in set(contract.sharing.values()):
        address = Address(contract, names)
        for name in names:
            by_id[name].address, by_id[name].by_id = address, by_id


def order(route: BaseRoute) -> list[tuple[int, int]]:
    return specificity(getattr(route, "path", ""))


class Address:
    """Several operations of one method at one address, as in `/files/{id}` and `/files/{id}#copy`.

    A request does not say which of them it means: the first that accepts it answers.
    """

    def __init__(
        self, contract: Contract, operation_ids: Sequence[str], known: Collection[str] = ()
    ) -> None:
        """`known` are names in the query that are not the document's."""
        self.contract = contract
        self.readers = {name: contract.reader(name, known) for name in operation_ids}

    async def answer(
        self, request: Request, attempt: Callable[[str], Awaitable[Response]]
    ) -> Response:
        """The answer of the first operation that accepts the request.

        If no operation does, raises the RequestRefused of the closest match.
        """
        closest = None
        for name in await self._candidates(request):
            try:
                return await attempt(name)
            except (ContentTooLarge, MissingCredentials):
                raise
            except RequestRefused as refused:
                closest = closest or refused
        assert closest is not None  # there is a candidate
        raise closest

    async def _candidates(self, request: Request) -> list[str]:
        """The operations whose parameters and credentials fit; the body has not been read yet.

        If none fits, the one with the fewest violations, the last of several.
        """
        faults = {name: self.readers[name].parameters.faults(request) for name in self.readers}
        fitting = [name for name in faults if not faults[name]]
        shown = [name for name in fitting if await self._is_shown(request, name)]
        return shown or fitting[:1] or [min(reversed(faults), key=faults.__getitem__)]

    async def _is_shown(self, request: Request, name: str) -> bool:
        try:
            await self.contract.credentials(name)(request)
        except MissingCredentials:
            return False
        return True


class DocumentedRoute(APIRoute):
    """A route of the document, for which `%2F` in a path is data."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        path = requested(scope)
        found = super().matches({**scope, "path": path})
        if path.endswith("\n") and found == super().matches({**scope, "path": path[:-1]}):
            return Match.NONE, {}  # a line break that is part of no value
        return found


class SharedRoute(DocumentedRoute):
    """A route that may share its address with others: the first one of them is matched."""

    address: Address | None = None
    by_id: Mapping[str, "SharedRoute"]
    handler: Handler
    """Of its own operation."""

    def get_route_handler(self) -> Handler:
        self.handler = super().get_route_handler()
        return self._answer

    async def _answer(self, request: Request) -> Response:
        async def attempt(name: str) -> Response:
            route = request.scope["route"] = self.by_id[name]
            return await route.handler(request)

        if self.address is None:
            return await self.handler(request)
        return await self.address.answer(request, attempt)
