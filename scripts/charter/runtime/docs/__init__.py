"""The document as clients get it, and two pages that read it: Swagger UI and Redoc.

Everything comes from this service. Nothing on the pages is inline and nothing is asked of anybody
else, so that they work offline and under a strict Content-Security-Policy.
"""

import hashlib
import importlib.util
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

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

REDOC_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"
"""The one thing that Redoc would ask of somebody else."""

ENTITY_TAG = re.compile(r'"[^"]*"')

Endpoint = Callable[[Request], Awaitable[Response]]


def router(document: Path, bundle: Path, *, pages: bool = True, live: bool = False) -> APIRouter:
    """`/openapi.yaml` is the hand-written document, `/openapi.json` the generated copy of it.

    `pages` adds /docs and /redoc, which follow the document while it is edited if they are `live`.
    """
    published = APIRouter()
    add(published, "/openapi.json", StaticFile(bundle, "application/json"))
    add(published, "/openapi.yaml", StaticFile(document, "application/yaml"))  # RFC 9512
    if pages:
        add_pages(published, live=live)
    return published


def add_pages(published: APIRouter, *, live: bool) -> None:
    mode = "live" if live else "still"
    swagger = page("swagger.html", STRICT)
    redoc = page("redoc.html", FOR_REDOC)
    vendor = vendor_files()
    add(published, "/docs", swagger.replacing(b"{mode}", mode.encode()))
    add(published, "/redoc", redoc.replacing(b"{mode}", mode.encode()))
    for name in ("pages.css", "swagger.js", "redoc.js", "live.js", "login.js", "servers.js"):
        add(published, f"/docs/{name}", StaticFile(PAGES / name, media_type(name)))
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"):
        add(published, f"/docs/{name}", StaticFile(vendor / name, media_type(name)))
    script = StaticFile(vendor / "redoc.standalone.js", SCRIPT)
    add(published, "/docs/redoc.standalone.js", script.replacing(REDOC_LOGO, b"/docs/favicon.png"))


def vendor_files() -> Path:
    """Where the package fastapi-offline keeps the files of Swagger UI and Redoc.

    Only its files are used: importing it would bring in pages with inline scripts.
    """
    spec = importlib.util.find_spec("fastapi_offline")
    if spec is None or spec.origin is None:
        raise RuntimeError("The package fastapi-offline is missing: install the requirements.")
    return Path(spec.origin).parent / "static"


def media_type(name: str) -> str:
    return {".css": CSS, ".js": SCRIPT, ".png": PNG}[Path(name).suffix]


def page(name: str, policy: Mapping[str, str]) -> "StaticFile":
    directives = "; ".join(f"{directive} {sources}" for directive, sources in policy.items())
    return StaticFile(PAGES / name, HTML, {"Content-Security-Policy": directives})


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
        status = self.path.stat()
        version = (status.st_mtime_ns, status.st_size)
        if self.held is None or self.held.version != version:
            self.held = self.read(version)
        return self.held

    def read(self, version: tuple[int, int]) -> Representation:
        content = self.path.read_bytes()
        for old, new in self.substitutions:
            content = content.replace(old, new)
        etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        return Representation(content, etag, version)

    def response(self, request: Request) -> Response:
        """RFC 9110 section 13.1.2; to a HEAD the server sends no body (section 9.3.2)."""
        current = self.current()
        headers = {"ETag": current.etag, "Cache-Control": "no-cache", **self.headers}
        if is_held(current.etag, request.headers.get("if-none-match")):
            return Response(status_code=304, headers=headers)
        answer = Response(current.content, headers=headers, media_type=self.media_type)
        if request.method == "HEAD":
            answer.body = b""
        return answer


def is_held(etag: str, if_none_match: str | None) -> bool:
    """Whether the client has it already, by the weak comparison of RFC 9110 section 13.1.2."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or etag in ENTITY_TAG.findall(if_none_match)


def add(published: APIRouter, path: str, file: StaticFile) -> None:
    """Raises FileNotFoundError now, rather than at the first request."""
    file.current()

    async def endpoint(request: Request) -> Response:
        return file.response(request)

    published.add_route(path, endpoint, methods=["GET", "HEAD"])
