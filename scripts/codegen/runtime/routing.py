"""Puts routes in the order in which they are to be matched."""

from fastapi import APIRouter
from starlette.routing import BaseRoute

from .paths import specificity


def in_order(*routers: APIRouter) -> APIRouter:
    """All routes in one router, a concrete path before a templated one, whatever their tags."""
    router = APIRouter()
    routes = [route for part in routers for route in part.routes]
    router.routes.extend(sorted(routes, key=order))
    return router


def order(route: BaseRoute) -> list[tuple[int, int]]:
    return specificity(getattr(route, "path", ""))
