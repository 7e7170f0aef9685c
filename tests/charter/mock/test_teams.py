"""What a client team makes the mock do: rows at first, faults, log-ins, actions, pages."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from charter.document import Document, DocumentError
from charter.document.overview import Overviews
from charter.mock import app
from charter.mock.app import Mock
from charter.mock.control import ADDRESS
from charter.mock.live import LiveMock
from charter.mock.memory import Memory
from charter.mock.pages import WithPages
from tests.charter.mock.requests import client_of
from tests.data import DOCUMENT

ORDERS = """\
openapi: 3.1.0
info: {title: Orders, version: '1'}
paths:
  /orders:
    get:
      parameters:
      - {name: status, in: query, schema: {enum: [open, cancelled, shipped]}}
      - {name: gift, in: query, schema: {type: boolean}}
      - {name: q, in: query, schema: {type: string}, description: Part of the title.}
      - {name: sort, in: query, schema: {enum: [title, -title, total]}}
      - {name: limit, in: query, schema: {type: integer, maximum: 50}}
      - {name: cursor, in: query, schema: {type: string, pattern: '^c-[0-9]{6}$'}}
      - {name: offset, in: query, schema: {type: integer}}
      responses:
        '200':
          description: A page.
          headers: {Link: {schema: {type: string}}}
          content:
            application/json:
              schema:
                type: object
                required: [orders]
                properties:
                  orders: {type: array, items: {$ref: '#/components/schemas/Order'}}
                  next_cursor: {type: [string, 'null']}
                  has_more: {type: boolean}
    post:
      parameters:
      - {name: Idempotency-Key, in: header, schema: {type: string}}
      security: [{token: []}, {}]
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}}
      responses:
        '409': {description: The key belongs to another request.}
        '201':
          description: Made.
          content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}
  /orders/{id}:
    get:
      parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
      responses:
        '200': {$ref: '#/components/responses/Order'}
        '404': {description: No such order.}
  /orders/search:
    get:
      parameters:
      - {name: status, in: query, schema: {enum: [open, cancelled, shipped]}}
      - {name: q, in: query, schema: {type: string}}
      responses:
        '200':
          description: What is found.
          content:
            application/json:
              schema: {type: array, items: {$ref: '#/components/schemas/Order'}}
              example: []
  /orders/{id}/cancel:
    post:
      parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
      requestBody:
        content:
          application/json: {schema: {type: object, properties: {reason: {type: string}}}}
      responses:
        '200': {$ref: '#/components/responses/Order'}
        '404': {description: No such order.}
  /orders/{id}/favorite:
    parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
    post: {responses: {'204': {description: Done.}}}
    delete: {responses: {'204': {description: Done.}}}
  /orders/{id}/receipt:
    post:
      parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
      responses:
        '200':
          description: A receipt.
          content:
            application/json:
              schema: {type: object, properties: {id: {type: integer, example: 99}}}
components:
  securitySchemes:
    token: {type: http, scheme: bearer}
  responses:
    Order:
      description: The order.
      content: {application/json: {schema: {$ref: '#/components/schemas/Order'}}}
  schemas:
    Order:
      type: object
      required: [id, title, status]
      properties:
        id: {type: integer}
        title: {type: string}
        status: {enum: [open, cancelled, shipped], default: open}
        reason: {type: [string, 'null']}
        cancelled_at: {type: [string, 'null'], format: date-time}
        favorited: {type: boolean}
        gift: {type: boolean}
        total: {type: number}
"""
ROWS = """\
/orders:
- {id: 1, title: Tea, status: open, gift: false, total: 3}
- {id: 2, title: Ale, status: open, gift: true, total: 2}
- {title: Rum, status: shipped, gift: false}
"""


@pytest.fixture
def orders(tmp_path: Path) -> LiveMock:
    (tmp_path / "openapi.yaml").write_text(ORDERS)
    (tmp_path / "rows.yaml").write_text(ROWS)
    return LiveMock(tmp_path / "openapi.yaml", memory=Memory(), rows=tmp_path / "rows.yaml")


def at(live: LiveMock, address: str = "http://mock") -> httpx.AsyncClient:
    """A client of all that `charter mock` serves."""
    served = WithPages(live, Overviews(live.file, live=live))
    return httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url=address)


async def titles(client: httpx.AsyncClient, **query: Any) -> list[str]:
    return [row["title"] for row in (await client.get("/orders", params=query)).json()["orders"]]


# -- rows at first --------------------------------------------------------------------------------


async def test_the_rows_of_the_file_are_there_at_first(orders: LiveMock) -> None:
    async with at(orders) as client:
        assert await titles(client) == ["Tea", "Ale", "Rum"]
        assert (await client.get("/orders/2")).json()["total"] == 2
        assert (await client.get("/orders/77")).status_code == 404


@pytest.mark.parametrize(
    ("edit", "line", "said"),
    [
        (("total: 2", "total: two"), 3, '/total is not of type "number", says GET /orders/{id}.'),
        (("title: Ale, ", "titel: Ale, "), 3, "GET /orders/{id} shows no titel."),
        (("id: 2", "id: 1"), 3, "There is id 1 twice in /orders."),
        (("/orders", "/order"), 1, "The document has no collection /order: it has /orders."),
        (("- {id: 1", "- 7\n- {id: 1"), 2, "A row is an object"),
        ((ROWS, "[]"), 1, "Write an object with a list of rows for each collection"),
        ((ROWS, "/orders: 7"), 1, "/orders is not a list"),
    ],
)
def test_rows_that_the_document_refuses_are_named_with_their_line(
    edit: tuple[str, str], line: int, said: str, tmp_path: Path
) -> None:
    (tmp_path / "openapi.yaml").write_text(ORDERS)
    rows = tmp_path / "rows.yaml"
    rows.write_text(ROWS.replace(*edit))

    with pytest.raises(DocumentError) as refused:
        LiveMock(tmp_path / "openapi.yaml", memory=Memory(), rows=rows)

    assert refused.value.place.line == line
    assert said in str(refused.value)


async def test_a_suite_reads_resets_and_replaces_what_is_remembered(orders: LiveMock) -> None:
    async with at(orders) as client:
        before = (await client.get(ADDRESS)).json()
        await client.post("/orders", json={"id": 0, "title": "Gin", "status": "open"})
        changed = (await client.get(ADDRESS)).json()
        reset = await client.delete(ADDRESS)
        after = (await client.get(ADDRESS)).json()
        put = await client.put(ADDRESS, json=changed)
        again = await titles(client)

    assert (reset.status_code, put.status_code) == (204, 204)
    assert before == after
    assert len(changed["/orders"]) == 4
    assert again == ["Tea", "Ale", "Rum", "Gin"]


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        (b'{"/orders": [{"title": 7}]}', 422, "/~1orders/0/title"),
        (b'{"/orders": [{"id": 1, "title": "a", "status": "open"}, 7]}', 422, "/~1orders/1"),
        (b"{", 400, None),
        (b"[" * 100_000, 400, None),
        (b'{"/orders": [{"title": "\\ud800", "status": "open"}]}', 400, None),
        (b'{"\\ud800": []}', 400, None),
        (b'{"/orders": [{"title": "a", "status": "open", "note": NaN}]}', 400, None),
        (b'{"/orders": [], "/orders": []}', 400, None),
    ],
)
async def test_a_replacement_that_is_not_valid_changes_nothing(
    body: bytes, status: int, pointer: str | None, orders: LiveMock
) -> None:
    async with at(orders) as client:
        answer = await client.put(ADDRESS, content=body)
        kept = await titles(client)

    assert answer.status_code == status
    assert [one["pointer"] for one in answer.json().get("errors", [])] == [pointer][: bool(pointer)]
    assert kept == ["Tea", "Ale", "Rum"]


async def test_a_file_of_rows_that_is_broken_meanwhile_is_told(orders: LiveMock) -> None:
    assert orders.rows is not None
    orders.rows.write_text("/orders: 7")
    async with at(orders) as client:
        answer = await client.delete(ADDRESS)

    assert answer.status_code == 409
    assert "rows.yaml:1:" in answer.json()["detail"]


async def test_an_operation_at_the_control_address_goes_first(tmp_path: Path) -> None:
    file = tmp_path / "openapi.yaml"
    file.write_text(ORDERS.replace("  /orders:\n", f"  {ADDRESS}:\n", 1))
    async with at(LiveMock(file, memory=Memory())) as client:
        assert (await client.delete(ADDRESS)).status_code == 405
        assert "orders" in (await client.get(ADDRESS)).json()


NEAR = [
    {},
    {"origin": "http://localhost:3000", "sec-fetch-site": "same-site"},
    {"origin": "http://127.0.0.1:4010", "sec-fetch-site": "same-origin"},
    {"sec-fetch-site": "none"},
    {"origin": "http://localhost:5173", "sec-fetch-site": "cross-site"},
    {"origin": "http://shop.localhost:5173", "sec-fetch-site": "cross-site"},
    {"origin": "http://[::1]:5173", "sec-fetch-site": "cross-site"},
    {"host": "mock.localhost:4010", "origin": "http://127.0.0.1", "sec-fetch-site": "cross-site"},
]
FAR = [
    {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
    {"origin": "https://evil.example"},
    {"origin": "null"},
    {"sec-fetch-site": "cross-site"},
    {"origin": "http://localhost.evil.example", "sec-fetch-site": "cross-site"},
    {"host": "evil.example:4010", "origin": "http://evil.example:4010"},
]


@pytest.mark.parametrize("headers", NEAR)
async def test_programs_and_pages_of_this_machine_reset_a_mock(
    headers: dict[str, str], orders: LiveMock
) -> None:
    async with at(orders, "http://127.0.0.1:4010") as client:
        assert (await client.put(ADDRESS, json={"/orders": []}, headers=headers)).is_success
        assert await titles(client) == []


@pytest.mark.parametrize("headers", FAR)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
async def test_a_page_of_another_site_touches_nothing_that_is_remembered(
    method: str, headers: dict[str, str], orders: LiveMock
) -> None:
    async with at(orders, "http://127.0.0.1:4010") as client:
        await client.post("/orders", json={"id": 9, "title": "Gin", "status": "open"})
        refused = await client.request(method, ADDRESS, json={"/orders": []}, headers=headers)
        assert refused.status_code == 403
        assert len(await titles(client)) == 4


async def test_a_name_that_is_not_of_this_machine_is_refused_by_its_name(
    orders: LiveMock,
) -> None:
    async with at(orders, "http://127.0.0.1:4010") as client:
        refused = await client.get(ADDRESS, headers={"host": "mock.test:4010"})

    assert refused.status_code == 403
    assert refused.json()["detail"].startswith("`mock.test` in `Host` is no loopback name: send")


# -- keys -----------------------------------------------------------------------------------------


async def test_a_request_with_its_key_is_done_once(orders: LiveMock) -> None:
    ada = {"authorization": "Bearer ada", "idempotency-key": "one"}
    tea = {"id": 7, "title": "Tea", "status": "open"}
    async with at(orders) as client:
        first = await client.post("/orders", json=tea, headers=ada)
        again = await client.post("/orders", json=tea, headers=ada)
        other = await client.post("/orders", json=tea | {"title": "Ale"}, headers=ada)
        bob = {**ada, "authorization": "Bearer bob"}
        theirs = await client.post("/orders", json=tea | {"id": 6}, headers=bob)
        next_one = await client.post(
            "/orders", json=tea | {"id": 8}, headers=ada | {"idempotency-key": "two"}
        )
        assert len(await titles(client)) == 6
        await client.delete(ADDRESS)
        anew = await client.post("/orders", json=tea | {"id": 9}, headers=ada)

    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers == first.headers
    assert [one.status_code for one in (other, theirs, next_one)] == [409, 201, 201]
    assert anew.json()["id"] == 9


# -- filters, orders, pages -----------------------------------------------------------------------


async def test_filters_and_orders_are_kept(orders: LiveMock) -> None:
    async with at(orders) as client:
        assert await titles(client, status="open") == ["Tea", "Ale"]
        assert await titles(client, status="open", gift="true") == ["Ale"]
        assert await titles(client, sort="title") == ["Ale", "Rum", "Tea"]
        assert await titles(client, sort="-title") == ["Tea", "Rum", "Ale"]
        assert (await titles(client, sort="total"))[:2] == ["Ale", "Tea"]


async def test_what_is_searched_below_a_collection_is_found_in_it(orders: LiveMock) -> None:
    async with at(orders) as client:
        found = (await client.get("/orders/search", params={"status": "shipped"})).json()
        named = (await client.get("/orders/search", params={"q": "tea"})).json()
        unknown = (await client.get("/orders/search")).json()

    assert [row["title"] for row in found] == ["Rum"]
    assert [row["title"] for row in named] == ["Tea"]
    assert unknown == []  # the example


async def test_a_text_is_looked_for_where_the_document_says_so(orders: LiveMock) -> None:
    async with at(orders) as client:
        await client.post(
            "/orders", json={"id": 9, "title": "Gin", "status": "shipped", "reason": "Tea"}
        )
        assert await titles(client, q="EA") == ["Tea"]
        assert await titles(client, q="a", status="open") == ["Tea", "Ale"]
        assert await titles(client, q="cocoa") == []


async def test_cursors_and_links_lead_over_all_pages(orders: LiveMock) -> None:
    async with at(orders) as client:
        first = await client.get("/orders", params={"limit": 2, "sort": "title"})
        cursor = first.json()["next_cursor"]
        second = await client.get("/orders", params={"limit": 2, "sort": "title", "cursor": cursor})
        linked = await client.get(first.links["next"]["url"])
        unknown = await client.get("/orders", params={"cursor": "c-999999"})

    assert [row["title"] for row in first.json()["orders"]] == ["Ale", "Rum"]
    assert (first.json()["has_more"], second.json()["has_more"]) == (True, False)
    assert [row["title"] for row in second.json()["orders"]] == ["Tea"]
    assert (second.json()["next_cursor"], "next" in second.links) == (None, False)
    assert linked.json() == second.json()
    assert unknown.status_code == 422


async def test_an_offset_is_kept(orders: LiveMock) -> None:
    async with at(orders) as client:
        assert await titles(client, offset=1, limit=1) == ["Ale"]
        assert await titles(client, offset=-1, limit=1) == ["Tea"]


# -- actions --------------------------------------------------------------------------------------


async def test_an_action_changes_the_state_that_it_names(orders: LiveMock) -> None:
    async with at(orders) as client:
        answer = await client.post("/orders/1/cancel", json={"reason": "Too late."})
        after = (await client.get("/orders/1")).json()
        absent = await client.post("/orders/77/cancel", json={})

    assert answer.json() == after
    assert (after["status"], after["reason"]) == ("cancelled", "Too late.")
    assert after["cancelled_at"].endswith("Z")
    assert absent.status_code == 404


async def test_what_an_action_sets_its_deletion_unsets(orders: LiveMock) -> None:
    async with at(orders) as client:
        await client.post("/orders/2/favorite")
        during = (await client.get("/orders/2")).json()
        await client.delete("/orders/2/favorite")
        after = (await client.get("/orders/2")).json()

    assert (during["favorited"], after["favorited"]) == (True, False)
    assert during["status"] == "open"


async def test_an_action_that_answers_with_something_else_changes_nothing(
    orders: LiveMock,
) -> None:
    async with at(orders) as client:
        before = (await client.get("/orders/1")).json()
        receipt = await client.post("/orders/1/receipt")

        assert receipt.json() == {"id": 99}
        assert (await client.get("/orders/1")).json() == before


# -- disturbances ---------------------------------------------------------------------------------


async def test_a_delay_is_kept_and_has_a_bound(orders: LiveMock) -> None:
    async with at(orders) as client:
        start = time.monotonic()
        late = await client.get("/orders", headers={"Prefer": "delay=0.3"})
        taken = time.monotonic() - start
        refused = await client.get("/orders?__delay=61")

    assert taken >= 0.3
    assert late.headers["Preference-Applied"] == "delay=0.3"
    assert len(late.json()["orders"]) == 3
    assert refused.status_code == 400
    assert "at most 60 seconds" in refused.json()["detail"]


async def test_a_fault_comes_as_often_as_it_is_preferred(orders: LiveMock) -> None:
    headers = {"Prefer": "fault=503, times=2"}
    body = {"id": 0, "title": "Gin", "status": "open"}
    async with at(orders) as client:
        answers = [await client.post("/orders", json=body, headers=headers) for _ in range(3)]
        made = await titles(client)
        unknown = await client.get("/orders", headers={"Prefer": "fault=flood"})

    assert [one.status_code for one in answers] == [503, 503, 201]
    assert answers[0].headers["Retry-After"] == "1"
    assert answers[0].headers["Preference-Applied"] == "fault=503"
    assert made == ["Tea", "Ale", "Rum", "Gin"]
    assert "none of 503, reset, slow" in unknown.json()["detail"]


async def test_a_reset_changes_nothing(orders: LiveMock) -> None:
    async with at(orders) as client:
        with pytest.raises(ConnectionResetError):
            await client.delete("/orders/2/favorite", headers={"Prefer": "fault=reset"})


async def test_a_slow_answer_is_whole(orders: LiveMock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "SLOW_SECONDS", 0.3)
    async with at(orders) as client:
        start = time.monotonic()
        answer = await client.get("/orders", headers={"Prefer": "fault=slow"})

    assert time.monotonic() - start >= 0.3
    assert answer.headers["Preference-Applied"] == "fault=slow"
    assert len(answer.json()["orders"]) == 3


# -- log-ins --------------------------------------------------------------------------------------

OWN = Document(DOCUMENT).content
LOG_IN = {"grant_type": "password", "username": "ada@example.com", "password": "correct horse"}


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


async def test_a_log_in_hands_out_tokens_that_are_taken() -> None:
    async with client_of(Mock(OWN, memory=Memory(), strict=True)) as client:
        stranger = await client.get("/items", headers={"Authorization": "Bearer made-up"})
        tokens = (await client.post("/auth/token", data=LOG_IN)).json()
        mine = await client.get("/items", headers=bearer(tokens))
        wrong = await client.get(
            "/items", headers={"Authorization": f"Bearer {tokens['refresh_token']}"}
        )

    assert (stranger.status_code, mine.status_code, wrong.status_code) == (401, 200, 401)
    assert "invalid_token" in stranger.headers["WWW-Authenticate"]


async def test_a_refresh_token_is_good_once() -> None:
    async with client_of(Mock(OWN, memory=Memory())) as client:
        tokens = (await client.post("/auth/token", data=LOG_IN)).json()
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        fresh = await client.post("/auth/token", data=form)
        again = await client.post("/auth/token", data=form)

    assert fresh.json()["access_token"] != tokens["access_token"]
    assert (fresh.status_code, again.status_code) == (200, 400)


async def test_a_token_is_good_for_the_scopes_that_were_asked_for() -> None:
    async with client_of(Mock(OWN, memory=Memory())) as client:
        form = LOG_IN | {"scope": "items:read"}
        tokens = (await client.post("/auth/token", data=form)).json()
        read = await client.get("/items", headers=bearer(tokens))
        write = await client.post("/items", headers=bearer(tokens), json={"title": "A lens"})

    assert (read.status_code, write.status_code) == (200, 403)


SHORT = """\
openapi: 3.1.0
info: {title: Short, version: '1'}
security: [{login: [], key: []}, {service: []}]
paths:
  /a: {get: {responses: {'204': {description: Fine.}}}}
  /sessions:
    post:
      security: []
      requestBody: {content: {application/json: {schema: {type: object}}}}
      responses:
        '200':
          description: In.
          content:
            application/json:
              schema:
                type: object
                properties:
                  user:
                    type: object
                    properties:
                      name: {type: string, example: ada}
                      token: {type: string, example: old}
                      expires_in: {type: integer, example: 1}
                      refresh_token: {type: string}
components:
  securitySchemes:
    key: {type: apiKey, in: header, name: X-Key}
    login: {type: http, scheme: bearer}
    service:
      type: oauth2
      flows:
        clientCredentials: {tokenUrl: 'https://login.example.com/oauth/token', scopes: {}}
"""


@pytest.fixture
def short(tmp_path: Path) -> LiveMock:
    (tmp_path / "openapi.yaml").write_text(SHORT)
    return LiveMock(tmp_path / "openapi.yaml", memory=Memory(), strict=True)


async def test_a_token_ends_when_the_answer_says(short: LiveMock) -> None:
    async with client_of(short.mock) as client:
        user = (await client.post("/sessions", json={})).json()["user"]
        headers = {"Authorization": f"Bearer {user['token']}", "X-Key": "any"}
        before = await client.get("/a", headers=headers)
        await asyncio.sleep(1.1)
        after = await client.get("/a", headers=headers)
        refresh = {"grant_type": "refresh_token", "refresh_token": user["refresh_token"]}
        fresh = await client.post("/sessions", json=refresh)

    assert fresh.json()["user"]["token"] != user["token"]
    assert (user["name"], user["expires_in"]) == ("ada", 1)
    assert user["token"] != "old"
    assert (before.status_code, after.status_code) == (204, 401)


async def test_the_token_endpoint_of_a_flow_need_be_no_operation(short: LiveMock) -> None:
    async with client_of(short.mock) as client:
        form = {"grant_type": "client_credentials"}
        tokens = (await client.post("/oauth/token", data=form)).json()
        answer = await client.get("/a", headers=bearer(tokens))
        refused = await client.post("/oauth/token", data={"grant_type": "password"})
        preflight = await client.options(
            "/oauth/token", headers={"Access-Control-Request-Headers": "Authorization"}
        )
        other = await client.get("/oauth/token")

    assert tokens["token_type"] == "Bearer"
    assert "refresh_token" not in tokens
    assert answer.status_code == 204
    assert refused.json()["error"] == "unsupported_grant_type"
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Headers"] == "Authorization"
    assert (other.status_code, other.headers["Allow"]) == (405, "POST, OPTIONS")


async def test_what_is_remembered_can_be_read_as_rows(orders: LiveMock, tmp_path: Path) -> None:
    async with at(orders) as client:
        (tmp_path / "again.json").write_text(json.dumps((await client.get(ADDRESS)).json()))

    again = LiveMock(orders.file, memory=Memory(), rows=tmp_path / "again.json")

    assert again.memory is not None
    assert orders.memory is not None
    assert again.memory.collections == orders.memory.collections
