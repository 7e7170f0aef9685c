"""A small document that has what a fuzzer can derive something from, and a service that keeps it.

Neither is like Charter's own; each of the service's flaws is a mistake that a developer makes.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from charter.contract.api import Api
from charter.document import Document
from charter.runtime import Contract, Operation

LIBRARY = Path(__file__).with_name("library.yaml")
SECRET = "open sesame"
ADMINISTRATORS = ["root", "admin"]
QUERIES = {"page_size", "cursor", "lent", "genre", "title", "shelf", "sort", "q"}
Answer = Callable[[Request], Awaitable[Response]]


def library() -> Api:
    return Api(Contract(Document(LIBRARY).content, check_rate=0))


def closed() -> Api:
    """The library with a vault, and with a door that opens to nobody."""
    document = Document(LIBRARY).content
    document["components"]["securitySchemes"]["certificate"] = {"type": "mutualTLS"}
    opened = {"200": {"description": "Open."}, "404": {"description": "Empty."}}
    document["paths"]["/vault"] = {
        "get": {"operationId": "open", "security": [{"certificate": []}], "responses": opened}
    }
    refused = {"418": {"description": "Never."}}
    document["paths"]["/wall"] = {"get": {"operationId": "knock", "responses": refused}}
    return Api(Contract(document, check_rate=0))


def operation(name: str) -> Operation:
    return library().contract.operations[name]


class Refused(Exception):
    def __init__(self, status: int) -> None:
        self.status = status


async def refuse(request: Request, refused: Exception) -> Response:
    assert isinstance(refused, Refused)
    return Response(status_code=refused.status)


@dataclass
class Caller:
    name: str
    scopes: set[str]


@dataclass
class Library:
    """The service: each reader has books of their own."""

    flaws: frozenset[str] = frozenset()
    tokens: dict[str, Caller] = field(default_factory=dict)
    books: dict[str, dict[str, Any]] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    keys: dict[Any, tuple[bytes, Response]] = field(default_factory=dict)
    mails: set[str] = field(default_factory=set)
    discarded: list[dict[str, Any]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    def has(self, flaw: str) -> bool:
        return flaw in self.flaws

    @property
    def app(self) -> Starlette:
        routes = [
            ("POST", "/login", self.log_in),
            ("POST", "/readers", self.join),
            ("GET", "/books", self.browse),
            ("POST", "/books", self.add),
            ("GET", "/books/count", self.count),
            ("GET", "/books/{book}", self.show),
            ("PATCH", "/books/{book}", self.mend),
            ("DELETE", "/books/{book}", self.discard),
            ("DELETE", "/session", self.leave),
            ("GET", "/opening-hours", self.hours),
        ]
        return Starlette(
            routes=[
                Route(path, self.strict(answer), methods=[method])
                for method, path, answer in routes
            ],
            exception_handlers={Refused: refuse},
        )

    def strict(self, answer: Answer) -> Answer:
        """Refuses parameters that aren't declared."""

        async def answered(request: Request) -> Response:
            if self.has("everybody has to wait") and answer != self.log_in:
                raise Refused(429)
            if self.has("answers never come") and answer == self.hours:
                await asyncio.sleep(5)
            known = QUERIES if answer == self.browse else set()
            if request.query_params.keys() - known and not self.has("anything may be asked"):
                raise Refused(422)
            kind = request.headers.get("content-type", "").partition(";")[0]
            if kind == "application/x-undeclared":
                if self.has("any body will do"):
                    return Response(status_code=201)
                raise Refused(415)
            if "json" in kind and await request.body() == b"{":
                raise Refused(400)
            return await answer(request)

        return answered

    # -- who asks ---------------------------------------------------------------------------------

    async def log_in(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        is_right = form.get("password") == SECRET or self.has("any password will do")
        is_known = any(one.name == form["username"] for one in self.tokens.values())
        is_gone = self.has("whoever asks is deleted") and is_known and form["username"] == "root"
        if not is_right or is_gone or self.has("nobody may enter"):
            raise Refused(401)
        scopes = {"books:read"} | (
            {"books:count"} if form["username"] in ("root", "admin") else set()
        )
        if "scope" in form and not self.has("any scope is given"):
            scopes &= set(form["scope"].split())
        token = f"token-{next(self.numbers)}"
        self.tokens[token] = Caller(form["username"], scopes)
        return JSONResponse({"access_token": token, "scope": " ".join(sorted(scopes))})

    def caller(self, request: Request, scope: str | None = None) -> Caller:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        found = self.tokens.get(token)
        if self.has("no token opens anything"):
            raise Refused(401)
        if found is None:
            if self.has("no token is needed"):
                return Caller("", {"books:read", "books:count"})
            raise Refused(401)
        is_lax = self.has("scopes are not looked at") and found.name in ADMINISTRATORS
        is_equal = self.has("all readers are equal") and "books:read" in found.scopes
        if scope is not None and scope not in found.scopes and not (is_lax or is_equal):
            raise Refused(403)
        return found

    def mine(self, request: Request, caller: Caller, method: str) -> str:
        book: str = request.path_params["book"]
        is_open = self.has(f"strangers may {method}")
        if book not in self.books or not (is_open or self.owners[book] == caller.name):
            raise Refused(418 if self.has("a status is not declared") else 404)
        return book

    # -- what is asked ----------------------------------------------------------------------------

    async def join(self, request: Request) -> Response:
        mail = json.loads(await request.body())["mail"]
        if mail in self.mails and not self.has("addresses may be taken twice"):
            raise Refused(409)
        self.mails.add(mail)
        return Response(status_code=201)

    async def hours(self, request: Request) -> Response:
        return JSONResponse([{"day": "Monday"}])

    async def count(self, request: Request) -> Response:
        self.caller(request, "books:count")
        return Response()

    async def leave(self, request: Request) -> Response:
        caller = self.caller(request)
        ended = [token for token, one in self.tokens.items() if one.name == caller.name]
        if self.has("whoever asks may stay"):
            ended.remove(request.headers["authorization"].removeprefix("Bearer "))
        if self.has("everybody has to leave"):
            ended = list(self.tokens)
        for token in ended if not self.has("sessions live on") else ():
            del self.tokens[token]
        return Response(status_code=204)

    async def browse(self, request: Request) -> Response:
        caller = self.caller(request, "books:read")
        query = request.query_params
        rows = [
            book
            for name, book in self.books.items()
            if self.has("all books are listed") or self.owners[name] == caller.name
        ]
        if self.has("verse is hidden") and "genre" not in query:
            rows = [row for row in rows if row.get("genre") != "verse"]
        rows = [row for row in rows if "q" not in query or self.finds(row, query["q"])]
        for member in ("lent", "genre"):
            is_forgotten = self.has("searches forget the filters") and "q" in query
            if member in query and not self.has("filters are ignored") and not is_forgotten:
                rows = [row for row in rows if text(row.get(member)) == query[member]]
                rows = rows[1:] if self.has("a filter leaves out a row") else rows
        sort = query.get("sort", "-added" if self.has("the newest are first") else "added")
        member = sort.removeprefix("-")
        if not self.has("orders are ignored"):
            is_descending = sort.startswith("-") and not self.has("no order descends")
            rows.sort(key=lambda row: row[member], reverse=is_descending)
        if self.has("equal titles are one") and "cursor" in query and sort == "title":
            rows = list({row["title"]: row for row in rows}.values())
        size, start = int(query.get("page_size", 10)), int(query.get("cursor") or 0)
        start = 0 if self.has("cursors are ignored") else start
        end = start + size
        following = end + 1 if self.has("a row is lost between pages") else end
        page = rows[start:end] if not self.has("pages are endless") else rows[start:]
        page = [*self.discarded, *page]
        if self.has("titles are numbers"):
            page = [row | {"title": 1} for row in page]
        cursor = str(following) if following < len(rows) else None
        asked = {} if self.has("links forget the query") else dict(query)
        link = f'</books?{urlencode({**asked, "page_size": size, "cursor": cursor})}>; rel="next"'
        headers = {"Link": link} if cursor is not None else {}
        return JSONResponse({"books": page, "nextCursor": cursor}, headers=headers)

    def finds(self, row: dict[str, Any], looked_for: str) -> bool:
        members = ("title",) if self.has("notes are not searched") else ("title", "note")
        texts = [str(row.get(member) or "") for member in members]
        if self.has("searches mind the case"):
            return any(looked_for in one for one in texts)
        if self.has("searches know the case of ASCII alone"):
            return any(lower(looked_for) in lower(one) for one in texts)
        pattern = re.escape(looked_for.lower())
        if self.has("wildcards are taken"):
            pattern = pattern.replace("%", ".*")
        return any(re.search(pattern, one.lower()) for one in texts)

    async def add(self, request: Request) -> Response:
        caller = self.caller(request)
        body = await request.body()
        if self.has("long titles are refused") and len(json.loads(body)["title"]) > 40:
            raise Refused(422)
        key = request.headers.get("idempotency-key")
        place = (key, "" if self.has("keys are everybody's") else caller.name)
        if self.has("all keys are one"):
            place = ("", caller.name) if key is not None else place
        if key is not None and place in self.keys and not self.has("keys are ignored"):
            sent, answer = self.keys[place]
            if self.has("replays are of today"):
                return JSONResponse(self.books[json.loads(bytes(answer.body))["id"]], 201)
            if self.has("keys forget the note"):
                sent, body = map(without_note, (sent, body))
            if sent != body and not self.has("a key is good for any body"):
                raise Refused(409)
            return answer
        name = f"book-{next(self.numbers)}"
        now = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=next(self.numbers))
        left_out = {"copies": 2 if self.has("defaults are others") else 1, "note": None}
        stamp = now.isoformat().replace("+00:00", "Z")
        book = left_out | json.loads(body) | {"id": name, "added": stamp}
        self.owners[name], self.versions[name] = caller.name, 1
        self.books[name] = {**book, "title": "lost"} if self.has("titles are lost") else book
        if self.has("titles are cut"):
            self.books[name] = book = {**book, "title": book["title"][:40]}
        if self.has("answers are not kept"):
            self.books[name] = {**book, "copies": 7}
        where = f"/books/{name}"
        if self.has("it is somewhere else") and len(self.books) > 1:
            where = f"/books/{next(iter(self.books))}"
        answer = JSONResponse(book, 201, {"Location": where})
        self.keys[place] = body, answer
        return answer

    def tagged(self, book: str) -> Response:
        return JSONResponse(self.books[book], headers={"ETag": self.tag(book)})

    def tag(self, book: str) -> str:
        return '"1"' if self.has("tags stay") else f'"{self.versions[book]}"'

    async def show(self, request: Request) -> Response:
        match = request.headers.get("if-none-match")
        book = request.path_params["book"]
        is_lax = self.has("strangers learn the version") and book in self.books
        if is_lax and match == self.tag(book):
            return Response(status_code=304)
        book = self.mine(request, self.caller(request), "read")
        is_same = match == self.tag(book) and not self.has("nothing is ever the same")
        if match is not None and (is_same or self.has("everything is the same")):
            return Response(status_code=304)
        return self.tagged(book)

    async def mend(self, request: Request) -> Response:
        book = self.mine(request, self.caller(request), "change")
        match = request.headers.get("if-match")
        if match is None and not self.has("changes need no tag"):
            raise Refused(428)
        is_stale = match not in (None, "*", self.tag(book))
        if is_stale and not self.has("stale changes are kept"):
            raise Refused(412)
        body = json.loads(await request.body())
        if self.has("writers overwrite each other"):
            await asyncio.sleep(0.1)
        if self.has("nulls are ignored"):
            body = {name: value for name, value in body.items() if value is not None}
        if self.has("empty texts are ignored"):
            body = {name: value for name, value in body.items() if value != ""}
        if self.has("patches forget"):
            body = {"note": None} | body
        changed = self.books if self.has("a change changes all") else (book,)
        for one in changed if not self.has("changes are lost") else ():
            self.books[one] = self.books[one] | {**body, "id": one}
            self.versions[one] += 1
        return self.tagged(book)

    async def discard(self, request: Request) -> Response:
        book = self.mine(request, self.caller(request), "discard")
        if self.has("discarded books are listed"):
            self.discarded.append(self.books[book])
        if not self.has("books are never gone"):
            del self.books[book]
        if self.has("a discard discards all"):
            self.books.clear()
        return Response(status_code=204)


def text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def without_note(body: bytes) -> bytes:
    return json.dumps(json.loads(body) | {"note": ""}).encode()


def lower(text: str) -> str:
    """Of ASCII's letters alone."""
    return re.sub("[A-Z]", lambda letter: letter[0].lower(), text)
