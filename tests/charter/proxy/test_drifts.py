"""`charter proxy` finds what departs from the document, and nothing else."""

import gzip
import json
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx2 as httpx
import pytest

from charter.document import Document
from charter.proxy import drifts as drifts_
from charter.proxy import report
from charter.proxy.drifts import Drift, Drifts
from charter.proxy.exchange import LARGEST_BODY, MOST_MEMBERS, Body, Exchange, Room, content
from charter.proxy.gateway import Gateway
from charter.proxy.judgement import MOST_FAULTS, Judgement
from tests.charter.proxy.drifting import BOOK, DRIFTS, app
from tests.serving import serving

SHELF = Path(__file__).with_name("shelf.yaml")
KEY = {"X-Key": "k"}


class Watched:
    """A client of the drifting service through the proxy, and what the proxy has found."""

    def __init__(self, address: str) -> None:
        self.judgement = Judgement(Document(SHELF))
        self.drifts = Drifts()
        self.new: list[Drift] = []
        self.gateway = Gateway(address, self.judge)
        transport = httpx.ASGITransport(self.gateway)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://proxy")

    async def judge(self, exchange: Exchange) -> None:
        found = await self.judgement.drifts(exchange)
        self.new += self.drifts.add(found, exchange.line)

    async def send(self, method: str, path: str, **given: Any) -> list[str]:
        """What was found anew about a request and its response."""
        self.new.clear()
        await self.client.request(method, path, **given)
        return [f"{one.severity} {one.rule}" for one in self.new]


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    with serving(app, lifespan="off") as address:
        made = Watched(address)
        yield made
        await made.client.aclose()
        await made.gateway.transport.aclose()


REQUESTS: dict[str, tuple[str, dict[str, str]]] = {
    "a request is accepted that is not valid": ("/books?limit=101", KEY),
    "credentials are not asked for": ("/books", {}),
    "an operation is not declared": ("/authors", KEY),
}
"""Where the request is not the usual one."""

FINDINGS = {
    "a header is missing": ("header", "header /X-Total is required", "X-Total:"),
    "a header is of another type": (
        "header",
        'header /X-Total is not of type "integer"',
        "X-Total:",
    ),
    "a header is not declared": ("header", "x-shelf-mark, which is not declared", "'200':"),
    "a status is not declared": ("status", "answers with 418", "responses:"),
    "a media type is not declared": ("media-type", "is text/csv", "content:"),
    "a body is no JSON": ("syntax", "body is not application/json", "application/json:"),
    "a body is missing": ("body", "has no body", "content:"),
    "an object instead of a list": ("body", 'body is not of type "array"', "type: array"),
    "an error has another shape": ("body", "/title is required", "title: {type: string}"),
    "a request is accepted that is not valid": (
        "request",
        "accepts a request whose query",
        "name: limit",
    ),
    "credentials are not asked for": ("credentials", "without the credentials", "get:"),
    "an operation is not declared": ("operation", "does not have", "paths:"),
    "a member is missing": ("body", "/0/title is required", "title:"),
    "a member is of another type": ("body", '/0/id is not of type "integer"', "id:"),
    "a member is too long": ("body", "/0/title is longer", "title:"),
    "a value is not in the enum": ("body", "/0/kind is not one of", "kind:"),
    "a format is broken": ("body", '/0/published is not a "date"', "published:"),
    "a number is too small": ("body", "/0/pages is less than", "pages:"),
    "a null is not declared": ("body", '/0/title is not of type "string"', "title:"),
    "a member is not declared": ("body", "/0/isbn is not an allowed property", "Book:"),
    "a compressed body breaks its schema": ("body", '/0/id is not of type "integer"', "id:"),
}
"""The rule, what is said, and words on the line of the document."""


@pytest.mark.parametrize("name", DRIFTS)
async def test_each_drift_is_found_where_the_document_says_otherwise(
    name: str, watched: Watched
) -> None:
    path, headers = REQUESTS.get(name, ("/books", KEY))

    await watched.send("GET", path, headers=headers | {"Drift": name})

    (found,) = watched.new
    rule, said, words = FINDINGS[name]
    assert found.rule == rule
    assert said in found.message
    assert words in SHELF.read_text().splitlines()[found.place.line - 1]
    assert found.message.startswith(f"GET {path.partition('?')[0]} ")


async def test_nothing_is_found_where_both_keep_to_the_document(watched: Watched) -> None:
    await watched.send("GET", "/books?limit=3", headers=KEY | {"X-Shelf": "top"})
    await watched.send("GET", "/books")  # 401, as declared
    await watched.send("HEAD", "/books", headers=KEY)
    await watched.send("POST", "/books", headers=KEY, json=BOOK)
    await watched.send("DELETE", "/books/7", headers=KEY)
    await watched.send("OPTIONS", "/books", headers=KEY)

    assert (watched.drifts.exchanges, watched.drifts.listed) == (6, [])


async def test_a_request_that_the_service_refuses_is_the_clients_fault(watched: Watched) -> None:
    assert await watched.send("GET", "/books?limit=ten", headers=KEY) == ["warning request"]
    assert "the client sends a request whose query /limit" in watched.new[0].message


async def test_a_drift_is_said_once_and_counted(watched: Watched) -> None:
    headers = KEY | {"Drift": "a member is of another type"}
    first = await watched.send("GET", "/books?limit=1", headers=headers)
    again = await watched.send("GET", "/books?limit=2", headers=headers)

    assert (first, again) == (["error body"], [])
    (seen,) = watched.drifts.listed
    assert (seen.times, seen.first) == (2, "GET /books?limit")


async def test_no_credential_comes_into_a_report(watched: Watched) -> None:
    secrets = ["hush-key", "hush-token", "hush-cookie", "hush-body"]
    key, token, cookie, body = secrets
    headers = {"X-Key": key, "Authorization": f"Bearer {token}", "Cookie": f"a={cookie}"}

    await watched.send("POST", f"/books?access_token={token}", headers=headers, json={"id": body})
    await watched.send("GET", f"/authors?key={key}&limit={token}", headers=headers)

    text = report.rendered("json", watched.drifts, "http://service", "A shelf")
    assert "POST /books?access_token" in text
    assert not [one for one in secrets if one in text]


async def test_nothing_changes_the_terminal(watched: Watched) -> None:
    await watched.send("GET", "/%1b%5B31m%0A", headers=KEY | {"Drift": "a body is missing"})

    (found,) = watched.new
    assert found.message.isprintable()


@pytest.mark.parametrize(
    ("coded", "plain"),
    [
        (gzip.compress(b"[1,") + gzip.compress(b"2]"), b"[1,2]"),
        (gzip.compress(b"") * (MOST_MEMBERS + 1), None),
        (gzip.compress(bytes(LARGEST_BODY + 1)), None),
    ],
    ids=["two members", "too many members", "a bomb"],
)
def test_all_members_of_gzip_are_judged_as_far_as_there_is_room(
    coded: bytes, plain: bytes | None
) -> None:
    body = Body(Room())
    body.add(coded)

    assert content(body, [(b"content-encoding", b"gzip")]) == plain


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_coding_that_ends_too_soon_is_a_drift(coding: str) -> None:
    body = Body(Room())
    body.add((gzip if coding == "gzip" else zlib).compress(b"[1, 2, 3]")[:-3])

    with pytest.raises(ValueError, match="is not coded as Content-Encoding says"):
        content(body, [(b"content-encoding", coding.encode())])


async def test_an_operation_that_is_not_declared_is_one_finding(watched: Watched) -> None:
    for number in range(3):
        await watched.send("GET", f"/authors/{number}/books", headers=KEY)

    assert [one.times for one in watched.drifts.listed] == [3]


async def test_what_is_listed_has_a_bound(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drifts_, "MOST", 1)
    for path in ("/a", "/b", "/c"):
        await watched.send("GET", path, headers=KEY)

    assert (len(watched.drifts.listed), watched.drifts.unlisted) == (1, 2)
    assert "2 further findings" in report.summary(watched.drifts)


@pytest.mark.parametrize("suffix", report.FORMATS)
async def test_the_report_is_written_in_each_format(
    suffix: str, watched: Watched, tmp_path: Path
) -> None:
    await watched.send("GET", "/<b>", headers=KEY | {"Drift": "an operation is not declared"})
    file = tmp_path / f"report{suffix}"

    report.write(file, watched.drifts, "http://service", "A shelf")

    text = file.read_text()
    assert "the service has an operation that the document does not have" in text
    match suffix:
        case ".json":
            (found,) = json.loads(text)["findings"]
            assert (found["operation"], found["status"], found["line"]) == ("GET /<b>", 200, 5)
            assert (found["times"], found["first"]) == (1, "GET /%3Cb%3E")
        case ".sarif":
            (result,) = json.loads(text)["runs"][0]["results"]
            assert result["ruleId"] == "operation"
        case ".xml":
            assert ElementTree.fromstring(text).get("failures") == "1"  # noqa: S314 - ours
        case ".html":
            assert "<b>" not in text


ITEMS = """\
openapi: 3.2.0
info: {title: Numbers, version: '1'}
paths:
  /numbers:
    post:
      operationId: sendNumbers
      requestBody: {content: {application/json: {schema: {type: array, items: {type: integer}}}}}
      responses:
        '200':
          description: Numbers.
          content:
            application/jsonl: {itemSchema: {type: integer}}
            application/json: {schema: {type: integer}}
"""


@pytest.fixture
def numbers(tmp_path: Path) -> Judgement:
    (tmp_path / "openapi.yaml").write_text(ITEMS)
    return Judgement(Document(tmp_path / "openapi.yaml"))


async def judged(
    judgement: Judgement, sent: bytes, answered: bytes, media_type: bytes
) -> list[str]:
    """What is found about a POST of JSON and its answer."""
    room = Room()
    request, response = Body(room), Body(room)
    request.add(sent)
    response.add(answered)
    json_, headers = [(b"content-type", b"application/json")], [(b"content-type", media_type)]
    exchange = Exchange(
        "POST", "/numbers", b"/numbers", b"", json_, request, response, 200, headers, True
    )
    return [one.detail for one in await judgement.drifts(exchange)]


async def test_of_a_sequence_that_is_all_wrong_the_first_faults_are_found(
    numbers: Judgement,
) -> None:
    found = await judged(numbers, b"[]", b"1.5\n" * (MOST_FAULTS * 2), b"application/jsonl")

    assert len(found) == MOST_FAULTS


async def test_a_request_that_only_charter_finds_too_large_is_no_drift(numbers: Judgement) -> None:
    assert await judged(numbers, b"[" + b"1," * 30_000 + b"1]", b"1", b"application/json") == []
    assert numbers.unjudged == 1


async def test_what_is_said_is_about_the_document(numbers: Judgement) -> None:
    assert await judged(numbers, b"[", b"1" * 5000, b"application/json") == [
        "the service accepts a request that the document refuses: The body is not well-formed JSON",
        "the response's body is not application/json",
    ]
