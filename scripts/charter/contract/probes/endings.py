"""What ends a session or an account ends it at once, and nobody else's."""

from collections.abc import Iterator, Mapping
from typing import Any

from charter.contract.api import Listing, label
from charter.contract.probes.client import Client
from charter.contract.subject import json_of
from charter.mock.memory import identifier_of
from charter.runtime import Operation


def end_sessions(client: Client, operation: Operation) -> Iterator[str]:
    """One of a caller's tokens is refused afterwards, and nobody else's is."""
    witness = client.readable()
    name, token = client.passing()
    other = client.subject.log_in(name)
    if witness is None or token is None or other is None:
        return
    path = own_target(client, operation, token)
    known = client.known_body(operation, name, other.text)
    if client.send(operation, token, path=path, **known).status_code >= 300:
        return
    if all(client.send(witness, one).status_code != 401 for one in (token, other.text)):
        yield f"{label(operation)} ended no session: both tokens of its caller are still accepted"
    if client.send(witness, client.caller).status_code == 401:
        yield f"{label(operation)} ended the session of somebody else"


def own_target(client: Client, operation: Operation, token: str) -> dict[str, Any]:
    """What the caller's list names, where the operation is about one of its rows."""
    listing = client.api.collection(operation)
    if listing is None or not operation.path.endswith("}"):
        return {}
    rows = listing.rows(json_of(client.send(listing.operation, token)) or {})
    name = operation.path.rpartition("{")[2].removesuffix("}")
    identities = [identity_of(row, name, listing) for row in rows if isinstance(row, dict)]
    return {name: identities[0]} if identities and identities[0] is not None else {}


def identity_of(row: Mapping[str, Any], parameter: str, listing: Listing) -> Any:
    name = identifier_of(parameter, listing.operation.path, listing.row)
    return row.get(name) if name is not None else None
