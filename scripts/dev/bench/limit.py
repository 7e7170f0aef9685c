"""The limit: raw ASGI, asyncpg, PyJWT and SQL by hand, one statement a request, no validation.

It leaves out what a fast raw application leaves out: a token is read once, without a look at its
header first, and a connection is not reset before it goes back to the pool. Nobody would want to
maintain it. It is what the service is measured against.
"""

import os
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import jwt
import orjson

from impl.core.config import Settings
from impl.core.tokens import AccessTokens, RefreshTokens

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]

LIVE = (
    "EXISTS (SELECT FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1"
    " AND s.user_id = $2 AND s.revoked_at IS NULL AND s.idle_expires_at > clock_timestamp()"
    " AND s.expires_at > clock_timestamp() AND u.active)"
)
COLUMNS = (
    "id, owner_id, title, description, status, quantity, tags, due_at, created_at, updated_at,"
    " version"
)
GET_ONE = f"SELECT {COLUMNS} FROM items WHERE id = $3 AND owner_id = $2 AND {LIVE}"  # noqa: S608
GET_PAGE = (
    f"SELECT {COLUMNS} FROM items WHERE owner_id = $2 AND {LIVE}"  # noqa: S608
    " ORDER BY created_at DESC, id DESC LIMIT $3"
)
INSERT = (
    "INSERT INTO items (id, owner_id, version, title, status, quantity, tags)"
    f" SELECT $3, $2, 1, $4, 'draft', 1, '{{}}' WHERE {LIVE} RETURNING {COLUMNS}"
)
UPDATE = (
    "UPDATE items SET title = $4, version = version + 1, updated_at = clock_timestamp()"  # noqa: S608
    f" WHERE id = $3 AND owner_id = $2 AND {LIVE} RETURNING {COLUMNS}"
)
ROTATE = (
    "UPDATE sessions SET generation = generation + 1, rotated_at = clock_timestamp()"
    " WHERE id = $1 AND generation = $2 AND revoked_at IS NULL RETURNING user_id, generation"
)


class Unreset(asyncpg.Connection):  # type: ignore[misc] # untyped
    """Nothing that the limit does needs a reset between two requests."""

    def get_reset_query(self) -> str:
        return ""


class Limit:
    """An ASGI application that knows five requests and trusts everybody who sends them."""

    def __init__(self) -> None:
        secret = os.environ["JWT_SECRET"].encode()
        self.key = secret
        settings = Settings()
        self.access_tokens = AccessTokens(settings, [secret])
        self.refresh_tokens = RefreshTokens([secret])
        self.issuer, self.audience = settings.jwt_issuer, settings.jwt_audience
        self.pool: Any = None

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.lifespan(receive, send)
            return
        path, method = scope["path"], scope["method"]
        if path == "/livez":
            await answer(send, 200, {"status": "ok"})
        elif path == "/auth/token":
            await self.refresh(receive, send)
        elif method == "GET" and path == "/items":
            rows = await self.pool.fetch(GET_PAGE, *self.caller(scope), 20)
            page = {"data": [present(row) for row in rows], "next_cursor": None}
            await answer(send, 200, page)
        else:
            await self.item(scope, method, path, receive, send)

    async def item(
        self, scope: dict[str, Any], method: str, path: str, receive: Receive, send: Send
    ) -> None:
        caller = self.caller(scope)
        if method == "POST":
            body = orjson.loads(await content(receive))
            row = await self.pool.fetchrow(INSERT, *caller, uuid4(), body["title"])
            await answer(send, 201, present(row))
            return
        item_id = UUID(path.rpartition("/")[2])
        if method == "GET":
            row = await self.pool.fetchrow(GET_ONE, *caller, item_id)
        else:
            body = orjson.loads(await content(receive))
            row = await self.pool.fetchrow(UPDATE, *caller, item_id, body["title"])
        await answer(send, 200, present(row))

    async def refresh(self, receive: Receive, send: Send) -> None:
        token = (await content(receive)).rpartition(b"=")[2].decode()
        claims = self.refresh_tokens.read(token)
        assert claims is not None
        row = await self.pool.fetchrow(ROTATE, claims.session_id, claims.generation)
        pair = {
            "access_token": self.access_tokens.issue(row["user_id"], claims.session_id),
            "token_type": "bearer",
            "expires_in": 900,
            "refresh_token": self.refresh_tokens.issue(claims.session_id, row["generation"]),
        }
        await answer(send, 200, pair)

    def caller(self, scope: dict[str, Any]) -> tuple[UUID, UUID]:
        """The session's and the user's id."""
        token = next(value for name, value in scope["headers"] if name == b"authorization")[7:]
        claims = jwt.decode(token, self.key, ["HS256"], audience=self.audience, issuer=self.issuer)
        return UUID(claims["sid"]), UUID(claims["sub"])

    async def lifespan(self, receive: Receive, send: Send) -> None:
        while (await receive())["type"] == "lifespan.startup":
            self.pool = await asyncpg.create_pool(
                host=os.environ["DB_HOST"],
                port=int(os.environ["DB_PORT"]),
                user=os.environ["DB_USER"],
                password=os.environ["DB_PASSWORD"],
                database=os.environ["DB_NAME"],
                ssl=False,
                min_size=10,
                max_size=10,
                connection_class=Unreset,
            )
            await send({"type": "lifespan.startup.complete"})
        await self.pool.close()
        await send({"type": "lifespan.shutdown.complete"})


def create_app() -> Limit:
    return Limit()


async def content(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message["body"]
    while message.get("more_body"):
        message = await receive()
        body += message["body"]
    return body


def present(row: Any) -> dict[str, Any]:
    return {name: row[name] for name in COLUMNS.split(", ") if name != "version"}


async def answer(send: Send, status: int, body: dict[str, Any]) -> None:
    content = orjson.dumps(body, default=str)
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
