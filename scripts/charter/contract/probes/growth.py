"""What a list costs that grows: the more rows there are, a page takes about as long."""

from collections.abc import Iterator
from time import monotonic

from charter.contract.api import label
from charter.contract.checks import least_of
from charter.contract.growth import copy
from charter.contract.probes.client import Client
from charter.contract.probes.lists import Seen, fill
from charter.document.listings import Listing

FEW, MANY = range(1_000), range(1_000, 100_000)
"""Copies of a row, and those that make the list a hundred times as long."""
SLOWER = 3
"""How many times as long a page may take then: what finds it by an index takes the same."""
ASKED = 15
"""How often a page is asked for; the quickest answer counts, which a busy machine delays least."""
SECONDS = 2.0
"""For which a page is asked for at most."""
ROUNDS = 4
"""How often a page is measured before it is called slow."""


def stays_as_fast(client: Client, listing: Listing) -> Iterator[str]:
    """For whom the rows are, and for a caller who has none or few of them."""
    if client.database is None or listing.limit is None:
        return
    made = fill(client, listing, client.caller, 1)
    name = Seen(client, listing).identifier(made)
    if name is None or not copy(client.database, made[0].shown[name], FEW):
        return
    callers = [one for one in (client.caller, client.stranger) if one is not None]
    before = [seconds(client, listing, one) for one in callers]
    if not copy(client.database, made[0].shown[name], MANY):
        return
    pairs = zip(callers, before, strict=True)
    if any(few is not None and is_slower(client, listing, one, few) for one, few in pairs):
        yield f"{label(listing.operation)} takes longer for a page, the more rows there are"


def is_slower(client: Client, listing: Listing, caller: str, few: float) -> bool:
    """Whether no round is about as quick as before: in one of them, the machine may be busy."""
    found = (seconds(client, listing, caller) for _ in range(ROUNDS))
    return all(many is None or many > SLOWER * few for many in found)


def seconds(client: Client, listing: Listing, caller: str) -> float | None:
    """That the quickest of several answers took; None where the list is refused."""
    assert listing.limit is not None
    query = {listing.limit.name: least_of(listing)}
    deadline, found = monotonic() + SECONDS, []
    for _ in range(ASKED):
        answer = client.send(listing.operation, caller, query=query)
        if answer.status_code != 200:
            return None
        found.append(answer.elapsed.total_seconds())
        if monotonic() > deadline:
            break
    return min(found)
