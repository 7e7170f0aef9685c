"""What a list costs that grows: a page of it is found without reading the other rows.

Rows are counted, not seconds, which say little on a busy machine.
"""

from collections.abc import Collection, Iterator
from itertools import cycle
from time import monotonic, sleep

from charter.contract.api import label
from charter.contract.checks import least_of
from charter.contract.growth import Row
from charter.contract.probes.client import Client
from charter.contract.probes.lists import Seen, fill
from charter.document.listings import Listing

FEW, MANY = range(1_000), range(1_000, 20_000)
"""Copies of a row, and those that make the list twenty times as long."""
MORE = 4
"""How many times as many rows may be read for a page then: an index finds it by the same few."""
LEAST = 20
"""Rows that are few whatever they are compared with."""
SECONDS = 1.5
"""For which pages are asked for: each connection tells the rows that it has read once a second."""
SILENT_SECONDS = 1.1
"""After which a connection tells what it has read with its next answer."""


def stays_cheap(client: Client, listing: Listing) -> Iterator[str]:
    """For whom the rows are, and for a caller who has few of them or none."""
    if client.database is None or listing.limit is None or listing.is_counted:
        return
    made = fill(client, listing, client.caller, 1)
    name = Seen(client, listing).identifier(made)
    row = Row.of(client.database, made[0].shown[name]) if name is not None else None
    callers = [one for one in (client.caller, client.stranger) if shows(client, listing, one)]
    if row is None or not callers or not row.copy(FEW):
        return
    few = rows_read(client, listing, callers, row)
    if not row.copy(MANY):
        return
    sleep(SILENT_SECONDS)  # else what few slow pages read now would not be told in time
    many = rows_read(client, listing, callers, row)
    if many > MORE * max(few, LEAST):
        yield f"{label(listing.operation)} reads more rows for a page, the more there are"


def shows(client: Client, listing: Listing, caller: str | None) -> bool:
    assert listing.limit is not None
    query = {listing.limit.name: least_of(listing)}
    return client.send(listing.operation, caller, query=query).status_code == 200


def rows_read(client: Client, listing: Listing, callers: Collection[str | None], row: Row) -> float:
    """For a page, over all callers."""
    before, deadline, asked = row.read(), monotonic() + SECONDS, 0
    for caller in cycle(callers):
        shows(client, listing, caller)
        asked += 1
        if monotonic() > deadline and asked >= len(callers):
            break
    return (row.read() - before) / asked
