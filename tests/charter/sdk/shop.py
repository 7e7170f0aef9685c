"""The service of `shop.yaml`: it fails in the ways that clients have to cope with, and counts.

It runs as a program of its own, whose first line of output is its address.
"""

import asyncio
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

SOLD_OUT = "https://shop.example/problems/sold-out"


class Shop:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.tokens: set[str] = set()
        self.refresh_tokens: set[str] = set()
        self.orders: dict[str, dict[str, Any]] = {}
        self.by_key: dict[str, dict[str, Any]] = {}
        self.file = b""
        self.keys: list[str] = []

    # -- tokens -----------------------------------------------------------------------------------

    async def token(self, request: Request) -> Response:
        form = dict(await request.form())
        grant = str(form["grant_type"])
        self.counts[grant] += 1
        await asyncio.sleep(0.05)  # so that others come meanwhile
        refused = form.get("password") == "wrong" or (
            grant == "refresh_token" and form["refresh_token"] not in self.refresh_tokens
        )
        if refused:
            return problem(400, "about:blank", "Refused")
        number = sum(
            self.counts[one] for one in ("password", "refresh_token", "client_credentials")
        )
        access, refresh = f"access-{number}", f"refresh-{number}"
        self.tokens.add(access)
        self.refresh_tokens.add(refresh)
        tokens = {"access_token": access, "token_type": "bearer", "expires_in": 3600}
        if grant != "client_credentials":
            tokens["refresh_token"] = refresh
        return JSONResponse(tokens)

    async def expire(self, request: Request) -> Response:
        """All access tokens at once; with `?sessions=true` the refresh tokens, too."""
        self.tokens.clear()
        if "sessions" in request.query_params:
            self.refresh_tokens.clear()
        return Response(status_code=204)

    async def counted(self, request: Request) -> Response:
        return JSONResponse({**self.counts, "keys": self.keys})

    def is_known(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme == "Bearer" and token in self.tokens

    # -- orders -----------------------------------------------------------------------------------

    async def all_orders(self, request: Request) -> Response:
        if not self.is_known(request):
            return problem(401, "about:blank", "Unauthorized")
        begin, limit = (
            int(request.query_params.get(n, d)) for n, d in (("begin", 0), ("limit", 2))
        )
        rows = list(self.orders.values())
        headers = {}
        if begin + limit < len(rows):
            url = request.url.include_query_params(begin=begin + limit)
            headers["Link"] = f'</ignored>; rel="prev", <{url}>; title="a, b"; rel="next"'
        return JSONResponse(rows[begin : begin + limit], headers=headers)

    async def create_order(self, request: Request) -> Response:
        if not self.is_known(request):
            return problem(401, "about:blank", "Unauthorized")
        key, body = request.headers.get("idempotency-key", ""), await request.json()
        self.keys.append(key)
        if body["what"] == "moon":
            return problem(409, SOLD_OUT, "There is one moon, and it is taken.")
        if key not in self.by_key:
            made = body | {"id": str(len(self.orders) + 1), "made_at": "2026-11-27T08:00:00Z"}
            self.orders[made["id"]] = self.by_key[key] = made
        # the first answer gets lost on its way, after the order was made
        self.counts[f"created {key}"] += 1
        if body["what"] == "luck" and self.counts[f"created {key}"] == 1:
            return cut()
        order = self.by_key[key]
        return JSONResponse(order, 201, {"ETag": etag(order)})

    async def one_order(self, request: Request) -> Response:
        order = self.orders.get(request.path_params["id"])
        if order is None:
            return problem(404, "about:blank", "There is no such order.")
        headers = {"ETag": etag(order)}
        if request.method == "PATCH":
            if request.headers.get("if-match") != etag(order):
                return problem(412, "about:blank", "The order has changed.")
            order.update(await request.json())
            return JSONResponse(order | {"patched": True}, headers={"ETag": etag(order)})
        if request.headers.get("if-none-match") == etag(order):
            return Response(status_code=304, headers=headers)
        return JSONResponse(order, headers=headers)

    async def cancel(self, request: Request) -> Response:
        self.counts["cancel"] += 1
        if request.query_params.get("api_key") != "open sesame":
            return problem(401, "about:blank", "Unauthorized")
        return cut()

    # -- trouble ----------------------------------------------------------------------------------

    async def unsteady(self, request: Request) -> Response:
        how = request.query_params["how"]
        self.counts[how] += 1
        attempt = self.counts[how]
        if how == "html":
            return Response("<h1>Bad Gateway</h1>", 500, media_type="text/html")
        if how == "wrong":
            return JSONResponse({"attempt": "first"})
        if how == "long":
            return problem(503, "about:blank", "Come back tomorrow.", {"Retry-After": "86400"})
        if attempt > 1:
            return JSONResponse({"attempt": attempt})
        match how:
            case "retry-after":
                return problem(503, "about:blank", "Soon.", {"Retry-After": "1"})
            case "date":
                soon = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
                return problem(503, "about:blank", "Soon.", {"Retry-After": soon})
            case "quota":
                quotas = '"burst";r=4;t=30, "minute";r=0;t=1'
                return problem(429, "about:blank", "Too many.", {"RateLimit": quotas})
            case "slow" | "slow-again":
                await asyncio.sleep(5)
                return JSONResponse({"attempt": attempt})
            case _:
                return cut()

    # -- files and feeds --------------------------------------------------------------------------

    async def upload(self, request: Request) -> Response:
        form = await request.form()
        file: Any = form["file"]
        content = await file.read()
        fields: dict[str, list[str]] = {}
        for name, value in form.multi_items():
            if name != "file":
                text = value if isinstance(value, str) else (await value.read()).decode()
                fields.setdefault(name, []).append(text)
        return JSONResponse({"size": len(content), "name": file.filename, "fields": fields})

    async def raw(self, request: Request) -> Response:
        if request.method == "PUT":
            self.file = await request.body()
            media_type = request.headers["content-type"]
            return JSONResponse({"size": len(self.file), "media_type": media_type})
        return Response(self.file, media_type="application/octet-stream")

    async def events(self, request: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            yield b": welcome\r\n\r\nid: 1\r"
            await asyncio.sleep(0.01)
            yield b"\nevent: order\r\ndata: " + order_text("1").encode() + b"\r\n\r\n"
            text = order_text("2", "caf\u00e9 \u2028 bar").encode()
            yield b"id: 2\ndata: " + text[:40]
            await asyncio.sleep(0.01)
            yield text[40:] + b"\n\ndata: [DONE]\n\n"
            yield b"data: never read\n\n"

        return StreamingResponse(chunks(), media_type="text/event-stream")

    async def lines(self, request: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            yield order_text("1").encode() + b"\n\n" + order_text("2", "a\u2028b").encode()[:9]
            yield order_text("2", "a\u2028b").encode()[9:]

        return StreamingResponse(chunks(), media_type="application/jsonl")

    def routes(self) -> list[Route]:
        return [
            Route("/token", self.token, methods=["POST"]),
            Route("/control/expire", self.expire, methods=["POST"]),
            Route("/control/counts", self.counted),
            Route("/orders", self.all_orders, methods=["GET"]),
            Route("/orders", self.create_order, methods=["POST"]),
            Route("/orders/{id}", self.one_order, methods=["GET", "PATCH"]),
            Route("/orders/{id}/cancel", self.cancel, methods=["POST"]),
            Route("/unsteady", self.unsteady),
            Route("/files", self.upload, methods=["POST"]),
            Route("/files/raw", self.raw, methods=["GET", "PUT"]),
            Route("/feed/events", self.events),
            Route("/feed/lines", self.lines),
        ]


def etag(order: dict[str, Any]) -> str:
    return f'"{abs(hash(json.dumps(order)))}"'


def order_text(number: str, what: str = "tea") -> str:
    payment = {"kind": "card", "last_digits": "4242"}
    order = {"id": number, "what": what, "made_at": "2026-11-27T08:00:00Z", "payment": payment}
    return json.dumps(order, ensure_ascii=False)


def problem(
    status: int, type_: str, detail: str, headers: dict[str, str] | None = None
) -> Response:
    body = {"type": type_, "title": "Trouble", "status": status, "detail": detail}
    return JSONResponse(body, status, headers, "application/problem+json")


def cut() -> Response:
    """A response that announces more than it sends, so that the connection is cut in it."""

    async def chunks() -> AsyncIterator[bytes]:
        yield b"{"

    headers = {"Content-Length": "1000", "Content-Type": "application/json"}
    return StreamingResponse(chunks(), headers=headers)


def main() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
        app = Starlette(routes=Shop().routes())
        uvicorn.Server(uvicorn.Config(app, log_level="critical")).run([listener])


if __name__ == "__main__":
    main()
