"""What lists mean: pages, orders, filters, owners."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from charter.contract.api import Listing, label, values_of
from charter.contract.checks import complaints, limit_of, spelt
from charter.contract.probes.client import Client
from charter.contract.subject import json_of

OBJECTS = 7
"""How many objects a probe makes to list them."""
PAGES = 12
"""How many pages a probe follows."""


def are_whole(client: Client, listing: Listing) -> Iterator[str]:
    """Small pages are the large one in pieces; orders and filters hold over all of them."""
    fill(client, listing, client.caller, OBJECTS)
    found = page(client, listing, largest(client, listing))
    if found is None:
        return
    rows = listing.rows(found)
    place = label(listing.operation)
    if listing.limit is not None and listing.cursor is not None and listing.next_cursor:
        for limit in (1, 2, 3):
            walked = walk(client, listing, limit)
            if walked != rows[: len(walked)] or len(walked) < min(len(rows), limit * PAGES):
                yield f"{place} shows other rows in pages of {limit} than in one page"
    for order in listing.orders if listing.sort is not None else ():
        asked = largest(client, listing) | {listing.sort.name: order} if listing.sort else {}
        body = page(client, listing, asked)
        if body is not None:
            yield from (f"{place}: {one}" for one in complaints(listing, asked, body))
            if len(rows) < limit_of(client.api, listing) and not same_rows(
                listing.rows(body), rows
            ):
                yield f"{place} shows other rows in the order of {order}"
    for name in listing.filters:
        yield from (f"{place} {one}" for one in filtered(client, listing, name, rows))


def filtered(client: Client, listing: Listing, name: str, rows: list[Any]) -> Iterator[str]:
    """Every row that fits is shown, and no other."""
    parameter = next(one for one in listing.operation.parameters if one.name == name)
    values = values_of(parameter.style.shape) or [True, False]
    is_whole = len(rows) < limit_of(client.api, listing)
    for value in values:
        asked = largest(client, listing) | {name: spelt(value)}
        body = page(client, listing, asked)
        if body is None:
            continue
        yield from complaints(listing, asked, body)
        fitting = [row for row in rows if isinstance(row, dict) and row.get(name) == value]
        shown = listing.rows(body)
        if is_whole and any(row not in shown for row in fitting):
            yield f"leaves out rows whose {name} is {value}"


def are_ones_own(client: Client, listing: Listing) -> Iterator[str]:
    """What the caller's list shows, nobody else's does."""
    mine = page(client, listing, largest(client, listing))
    theirs = json_of(client.send(listing.operation, client.stranger))
    if mine is None or not isinstance(theirs, dict | list):
        return
    if any(row in listing.rows(theirs) for row in listing.rows(mine)):
        yield f"{label(listing.operation)} shows the rows of somebody else"


def fill(client: Client, listing: Listing, token: str | None, number: int) -> None:
    """Make objects for a list to show, of all kinds that its filters tell apart."""
    create = client.api.at("POST", listing.operation.path)
    if create is None or not client.is_implemented(create):
        return
    for index in range(number):
        body = client.subject.another_body(create)
        for name in listing.filters:
            kinds = values_of(client.api.body_shape(create).member(name))
            if kinds and isinstance(body, dict):
                body[name] = kinds[index % len(kinds)]
        client.send(create, token, body=body)


def largest(client: Client, listing: Listing) -> dict[str, Any]:
    """The query for as large a page as there is."""
    if listing.limit is None:
        return {}
    return {listing.limit.name: limit_of(client.api, listing)}


def page(client: Client, listing: Listing, query: Mapping[str, Any]) -> Any:
    """What a list answers; None where it refuses to."""
    answer = client.send(listing.operation, client.caller, query=query)
    return json_of(answer) if answer.status_code == 200 else None


def walk(client: Client, listing: Listing, limit: int) -> list[Any]:
    """The rows of the first pages, one after the other."""
    assert listing.limit is not None
    assert listing.cursor is not None
    rows: list[Any] = []
    query: dict[str, Any] = {listing.limit.name: limit}
    for _ in range(PAGES):
        body = page(client, listing, query)
        if body is None:
            break
        rows += listing.rows(body)
        following = listing.next(body)
        if following is None:
            break
        query[listing.cursor.name] = following
    return rows


def same_rows(found: list[Any], wanted: list[Any]) -> bool:
    """Whether two lists hold the same rows, in whatever order."""
    return sorted(map(canonical, found)) == sorted(map(canonical, wanted))


def canonical(row: Any) -> str:
    return json.dumps(row, sort_keys=True)
