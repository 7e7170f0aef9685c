"""What a mock serves beside its operations: the document, its docs, and how it stands."""

import json
from pathlib import Path

from fastapi import APIRouter
from starlette.applications import Starlette
from starlette.types import ASGIApp, Receive, Scope, Send

from charter.document.overview import Overviews
from charter.mock import control
from charter.mock.control import Control
from charter.mock.live import LiveMock
from charter.runtime import docs


class WithPages:
    """A live mock and its pages. An operation of the document at the address of a page goes first,
    if its path has no parameter: one that any path fits would hide all of them."""

    def __init__(self, live: LiveMock, overviews: Overviews) -> None:
        self.live = live
        self.pages = pages(live, overviews)
        self.control = Control(live)
        self.addresses = {getattr(route, "path", "") for route in self.pages.routes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.choose(scope)(scope, receive, send)

    def choose(self, scope: Scope) -> ASGIApp:
        if scope["type"] != "http" or self.live.mock.router.declares(scope["path"]):
            return self.live.mock
        if scope["path"] == control.ADDRESS:
            return self.control
        is_page = scope["path"] in self.addresses and scope["method"] in ("GET", "HEAD")
        return self.pages if is_page else self.live.mock


def pages(live: LiveMock, overviews: Overviews) -> Starlette:
    published = APIRouter()
    bundle = docs.Made(lambda: json.dumps(live.document.content), "application/json")
    docs.add(published, "/openapi.json", bundle)
    docs.add(published, "/openapi.yaml", source(live))
    # the bundle: a page can't follow references to files, and needs what can be read
    docs.add_pages(published, live=True, document="/openapi.json")
    docs.add_overview(published, overviews.page)
    return Starlette(routes=published.routes)


def source(live: LiveMock) -> docs.Published:
    """The file as it was written, unless overlays change it; JSON is YAML, too."""
    if live.overlays:
        return docs.Made(lambda: json.dumps(live.document.content), "application/yaml")
    return docs.StaticFile(Path(live.file), "application/yaml")
