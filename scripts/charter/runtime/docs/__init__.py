"""The document as clients get it, and pages that read it: Swagger UI, Redoc and an overview.

Everything comes from this service. Nothing on the pages is inline and nothing is asked of anybody
else, so that they work offline and under a strict Content-Security-Policy.
"""

import hashlib
import importlib.util
import json
import re
from asyncio import to_thread
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import NoMatchFound

from ..pages import OVERVIEW

PAGES = Path(__file__).parent / "static"

HTML = "text/html; charset=utf-8"
CSS = "text/css; charset=utf-8"
SCRIPT = "text/javascript; charset=utf-8"
PNG = "image/png"

STRICT = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",  # Swagger UI's stylesheet holds its icons
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
"""The Content-Security-Policy of Swagger UI."""

FOR_REDOC = STRICT | {
    "style-src": "'self' 'unsafe-inline'",  # it writes style elements as it renders
    "worker-src": "blob:",  # its search runs in one
}

FOR_REPORT = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
"""Of the fuzzer's page, which is one file with its styles in it, and without a script."""

REDOC_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"
"""The one thing that Redoc would ask of somebody else."""

ENTITY_TAG = re.compile(r'"[^"]*"')


def router(document: Path, bundle: Path, *, pages: bool = True, live: bool = False) -> APIRouter:
    """`/openapi.yaml` is the hand-written document, `/openapi.json` the generated copy of it.

    Where overlays went into the copy, both are the copy, which is YAML as well: the document may
    have what an overlay takes away.
    `pages` adds /docs and /redoc, which follow the document while it is edited if they are `live`.
    """
    published = APIRouter()
    add(published, "/openapi.json", StaticFile(bundle, "application/json"))
    source = bundle if has_overlays(bundle) else document
    add(published, "/openapi.yaml", StaticFile(source, "application/yaml"))  # RFC 9512
    if pages:
        add_pages(published, live=live)
    return published


def has_overlays(bundle: Path) -> bool:
    """Whether the manifest beside a generated copy of the document names overlays."""
    manifest = bundle.with_name("manifest.json")
    return manifest.exists() and bool(json.loads(manifest.read_bytes()).get("overlays"))


SHARED_FILES = (
    "bar.css", "pages.css", "swagger.js", "redoc.js", "live.js", "login.js", "servers.js",
)  # fmt: skip


def add_pages(published: APIRouter, *, live: bool, document: str = "/openapi.yaml") -> None:
    """Swagger UI and Redoc, which show the document at an address of this service."""
    vendor = vendor_files()
    add(published, "/docs", reading("swagger.html", STRICT, document, live))
    add(published, "/redoc", reading("redoc.html", FOR_REDOC, document, live))
    for name in SHARED_FILES:
        add(published, f"/docs/{name}", StaticFile(PAGES / name, media_type(name)))
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"):
        add(published, f"/docs/{name}", StaticFile(vendor / name, media_type(name)))
    script = StaticFile(vendor / "redoc.standalone.js", SCRIPT)
    add(published, "/docs/redoc.standalone.js", script.replacing(REDOC_LOGO, b"/docs/favicon.png"))


LINK = b'<a href="/docs/overview">Overview</a>\n      '


def reading(name: str, policy: Mapping[str, str], document: str, live: bool) -> "ReadingPage":
    mode = b"live" if live else b"still"
    made = page(name, policy).replacing(b"{mode}", mode)
    made = made.replacing(b"{document}", document.encode())
    return ReadingPage(made.replacing(b"{overview}", b""), made.replacing(b"{overview}", LINK))


@dataclass(frozen=True)
class ReadingPage:
    """A page that leads to the overview where the application has one."""

    alone: "StaticFile"
    beside_overview: "StaticFile"

    def response(self, request: Request) -> Response:
        try:
            request.app.url_path_for(OVERVIEW)
        except NoMatchFound:
            return self.alone.response(request)
        return self.beside_overview.response(request)


def add_overview(
    published: APIRouter,
    overview: Callable[[], str],
    report: Callable[[], str | None] = lambda: None,
) -> None:
    """The page of a document that is being edited, and that of the fuzzer's last run.

    It is at `/`, too, unless the document has an operation there.
    """
    shown = Made(overview, HTML, {"Content-Security-Policy": written(STRICT)})
    for path in ("/", OVERVIEW):
        add(published, path, shown)
    for name in ("overview.css", "overview.js"):
        add(published, f"/docs/{name}", StaticFile(PAGES / name, media_type(name)))
    add(published, "/docs/fuzz", Made(report, HTML, {"Content-Security-Policy": FOR_REPORT}))


def vendor_files() -> Path:
    """Where the package fastapi-offline keeps the files of Swagger UI and Redoc.

    Only its files are used: importing it would bring in pages with inline scripts.
    """
    spec = importlib.util.find_spec("fastapi_offline")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            "The package fastapi-offline is missing: install the requirements.",
            name="fastapi_offline",
        )
    return Path(spec.origin).parent / "static"


def media_type(name: str) -> str:
    return {".css": CSS, ".js": SCRIPT, ".png": PNG}[Path(name).suffix]


def page(name: str, policy: Mapping[str, str]) -> "StaticFile":
    return StaticFile(PAGES / name, HTML, {"Content-Security-Policy": written(policy)})


def written(policy: Mapping[str, str]) -> str:
    return "; ".join(f"{directive} {sources}" for directive, sources in policy.items())


class Published(Protocol):
    """What stands at an address."""

    def response(self, request: Request) -> Response: ...


@dataclass(frozen=True)
class Made:
    """A text that is made for each request; None where there is none."""

    make: Callable[[], str | None]
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self, request: Request) -> Response:
        text = self.make()
        if text is None:
            return Response("There is nothing here yet.\n", 404, media_type="text/plain")
        content = text.encode()
        return conditional(request, content, tag_of(content), self.media_type, self.headers)


@dataclass(frozen=True)
class Representation:
    """The bytes of a file at one moment, and the strong validator that names them."""

    content: bytes
    etag: str
    version: tuple[int, int]


@dataclass
class StaticFile:
    """A file that is read again when it changes: editing the document needs no restart.

    Starlette's own takes weak validators from the time of change; ours names the content, so that
    every worker and every machine gives the same answer.
    """

    path: Path
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)
    substitutions: tuple[tuple[bytes, bytes], ...] = ()
    held: Representation | None = None

    def replacing(self, old: bytes, new: bytes) -> "StaticFile":
        return replace(self, substitutions=(*self.substitutions, (old, new)))

    def current(self) -> Representation:
        """As it was last, where the file is gone: an editor may be about to put it back."""
        try:
            status = self.path.stat()
            version = (status.st_mtime_ns, status.st_size)
            if self.held is None or self.held.version != version:
                self.held = self.read(version)
        except OSError:
            if self.held is None:
                raise
        return self.held

    def read(self, version: tuple[int, int]) -> Representation:
        content = self.path.read_bytes()
        for old, new in self.substitutions:
            content = content.replace(old, new)
        return Representation(content, tag_of(content), version)

    def response(self, request: Request) -> Response:
        current = self.current()
        return conditional(request, current.content, current.etag, self.media_type, self.headers)


def tag_of(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def conditional(
    request: Request, content: bytes, etag: str, media_type: str, headers: Mapping[str, str]
) -> Response:
    """RFC 9110 section 13.1.2; to a HEAD the server sends no body (section 9.3.2)."""
    headers = {"ETag": etag, "Cache-Control": "no-cache", **headers}
    if is_held(etag, request.headers.get("if-none-match")):
        return Response(status_code=304, headers=headers)
    answer = Response(content, headers=headers, media_type=media_type)
    if request.method == "HEAD":
        answer.body = b""
    return answer


def is_held(etag: str, if_none_match: str | None) -> bool:
    """Whether the client has it already, by the weak comparison of RFC 9110 section 13.1.2."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag in ENTITY_TAG.findall(if_none_match)


def add(published: APIRouter, path: str, content: Published) -> None:
    """Raises FileNotFoundError now, rather than at the first request."""
    if isinstance(content, StaticFile):
        content.current()

    async def endpoint(request: Request) -> Response:
        if isinstance(content, Made):  # which may take its time
            return await to_thread(content.response, request)
        return content.response(request)

    published.add_route(path, endpoint, methods=["GET", "HEAD"], name=path)
