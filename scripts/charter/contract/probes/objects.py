"""What writes mean: objects are kept as they were sent, and are gone at the end."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from charter.contract.api import IF_MATCH, IF_NONE_MATCH, default_of_shape, label
from charter.contract.checks import GONE, instant
from charter.contract.extremes import extremes, lists
from charter.contract.probes.client import Client
from charter.contract.probes.lists import Seen
from charter.contract.probes.made import CHANGED, CREATED, Made
from charter.contract.subject import TIMEOUT, json_of
from charter.document.listings import Listing, has_format
from charter.mock.memory import Resource
from charter.mock.memory.envelopes import plain
from charter.runtime import Operation

Members = dict[str, Any]
SKEW = timedelta(minutes=5)
"""By which a clock may be wrong."""
UNFIT = (400, 422)
UNHELD = '"0"'
"""An entity tag that hardly any object has."""
EMPTY: tuple[Any, ...] = (True, False, 0, "", [])
"""Values that a careless program takes for none; the first makes the second a change."""


def are_kept(client: Client, resource: Resource) -> Iterator[str]:
    """Each member that can be sent, at its bounds as well; what is left out has its default."""
    create = client.api.at("POST", resource.collection)
    if create is None:
        return
    place = label(create)
    before = datetime.now(UTC)
    made = Made.of(client, resource, client.caller, client.subject.full_body(create))
    if made is None:
        return
    first = made.get()
    yield from is_where_it_says(made, create)
    yield from made.is_kept(place, first)
    yield from is_of_now(place, made, before)
    for body in extremes(client.subject, create):
        another = Made.of(client, resource, client.caller, body)
        if another is not None:
            yield from another.is_kept(place, another.get())
        elif client.asked[-1].status_code in UNFIT:
            yield f"{place} refused a body that its schema admits"
    least = client.subject.least_body(create)
    bare = Made.of(client, resource, client.caller, least) if least is not None else None
    if bare is not None:
        yield from has_defaults(place, bare, {})
    if made.get().content != first.content:
        yield f"{place} changed another object"


def is_where_it_says(made: Made, create: Operation) -> Iterator[str]:
    """What is at the `Location` is what was made (RFC 9110 section 10.2.2)."""
    location = made.answer.headers.get("location")
    if location is None or not location.startswith("/"):
        return
    url = made.client.subject.plan.base_url + location
    headers = {"Authorization": f"Bearer {made.token}"} if made.token else {}
    found = made.client.subject.session.get(url, headers=headers, timeout=TIMEOUT)
    if found.status_code == 200 and json_of(found) != json_of(made.answer):
        yield f"{label(create)} names another object in Location"
    if found.status_code in GONE:
        yield f"{label(create)} names nothing in Location"


def is_of_now(place: str, made: Made, before: datetime) -> Iterator[str]:
    """When it was created is when it was."""
    for name, value in made.said.items():
        shape = made.envelope.shape.member(name)
        is_stamp = plain(name) in CREATED and has_format(shape, "date-time")
        if not is_stamp or name in made.sent or not isinstance(value, str):
            continue
        when = instant(value)
        is_time = isinstance(when, datetime) and when.tzinfo is not None
        if is_time and not before - SKEW <= when <= datetime.now(UTC) + SKEW:  # type: ignore[operator]
            yield f"{place} answered another time in {name} than it is"


def has_defaults(place: str, made: Made, before: Members) -> Iterator[str]:
    """What was left out is as declared, and nothing of before."""
    found = made.read()
    if made.body_shape is None or found is None:
        return
    for name in sorted(made.body_shape.names & found.keys() - made.sent.keys()):
        shape = made.body_shape.member(name)
        declared = default_of_shape(shape)
        if declared is not None and found[name] != declared:
            yield f"{place} did not set {name} to its default"
        stays = before.get(name) is not None and found[name] == before[name]
        if declared is None and stays and "null" in shape.types:
            yield f"{place} kept {name}, which was left out"


# -- changes --------------------------------------------------------------------------------------


def are_changed(client: Client, resource: Resource) -> Iterator[str]:
    """A change is made to one object: what it names, and when it was."""
    create = client.api.at("POST", resource.collection)
    if create is None:
        return
    body = client.subject.full_body(create)
    made = Made.of(client, resource, client.caller, body)
    other = Made.of(client, resource, client.caller, client.subject.fresh(create, body))
    if made is None or other is None:
        return
    untouched = other.get().content
    yield from is_patched(client, made)
    yield from is_replaced(client, made)
    if other.get().content != untouched:
        yield f"{resource.member}: the change of one object changed another one"
    yield from is_deleted(client, resource, made)
    if other.get().status_code in GONE:
        yield f"{resource.member}: the deletion of one object deleted another one"


def are_changed_in_place(client: Client, shown: Operation) -> Iterator[str]:
    """The same of what has no collection, the caller's own account, say: as it was at the end."""
    made = Made.there(client, shown, client.passing()[1])
    change = made.operation("PATCH", "PUT") if made is not None else None
    if made is None or change is None or not client.api.shows_written(change, shown):
        return
    first = made.said
    yield from is_patched(client, made)
    yield from is_replaced(client, made)
    known = {name: first[name] for name in client.api.writable(change) & first.keys()}
    if client.subject.is_valid(change, known):
        made.request(change, match="*", body=known)


def is_later(
    place: str, made: Made, before: dict[str, Any], after: dict[str, Any]
) -> Iterator[str]:
    """The time of a change is later than it was."""
    if before == after:
        return
    for name in sorted(after.keys() - made.sent.keys()):
        shape = made.envelope.shape.member(name)
        if plain(name) in CHANGED and has_format(shape, "date-time"):
            earlier, later = instant(str(before.get(name))), instant(str(after[name]))
            is_time = isinstance(earlier, datetime) and isinstance(later, datetime)
            if is_time and not earlier < later:  # type: ignore[operator]
                yield f"{place} left {name} as it was"
        if plain(name) in CREATED and before.get(name) != after[name]:
            yield f"{place} changed {name}"


def is_patched(client: Client, made: Made) -> Iterator[str]:
    """A JSON Merge Patch changes the member that it names and no other; a null removes it.

    Each member has a value before it is emptied and before it is removed, and has one again when
    the next is changed.
    """
    operation = made.operation("PATCH")
    if operation is None or not client.is_implemented(operation):
        return
    for name in sorted(client.api.writable(operation)):
        given = client.subject.value_of(operation, name)
        several = next(lists(client.subject, operation, name), [])
        for value in (given, several, several[-1:], *EMPTY, given, None, given):
            body = (client.subject.least_body(operation) or {}) | {name: value}
            if client.subject.is_valid(operation, body):
                yield from sets_one(client, made, operation, name, body)


def sets_one(
    client: Client, made: Made, operation: Operation, name: str, body: Members
) -> Iterator[str]:
    place, is_merge = label(operation), client.api.is_merge_patch(operation)
    before = made.read() or {}
    answer = made.request(operation, match="*", body=body)
    if answer.status_code in UNFIT:
        yield f"{place} refused a body that its schema admits"
    if not answer.ok:
        return
    after = made.read() or {}
    yield from made.is_kept(place, made.get())
    yield from is_later(place, made, before, after)
    if is_merge and body[name] is None and after.get(name) is not None:
        yield f"{place} kept {name}, which was set to null"
    for other in sorted(client.api.writable(operation) & before.keys() - body.keys()):
        if is_merge and after.get(other) != before[other]:
            yield f"{place} changed {other}, which was left out"


def is_replaced(client: Client, made: Made) -> Iterator[str]:
    """A PUT leaves nothing of before (RFC 9110 section 9.3.4)."""
    operation = made.operation("PUT")
    least = client.subject.least_body(operation) if operation is not None else None
    if operation is None or least is None:
        return
    first = made.read() or {}
    if made.request(operation, match="*", body=client.subject.full_body(operation)).ok:
        yield from made.is_kept(label(operation), made.get())
        yield from is_later(label(operation), made, first, made.read() or {})
        before = made.read() or {}
        if made.request(operation, match="*", body=least).ok:
            yield from has_defaults(label(operation), made, before)


def is_deleted(client: Client, resource: Resource, made: Made) -> Iterator[str]:
    delete = made.operation("DELETE")
    if delete is None or not made.request(delete, match="*").ok:
        return
    if made.get().status_code not in GONE:
        yield f"{label(delete)} left the object where it was"
    elif is_listed(client, resource, made.identity):
        yield f"{label(delete)} left the object in the list"
    again = made.request(delete, match="*")
    if again.ok and 404 in delete.response_specs:
        yield f"{label(delete)} deleted the same object twice"


def is_listed(client: Client, resource: Resource, identity: Any) -> bool:
    found = client.api.at("GET", resource.collection)
    listing = client.api.listing(found) if found is not None else None
    rows = Seen(client, listing).rows({}) if listing is not None else None
    shown = (row for row in rows or () if isinstance(row, dict))
    return any(row.get(resource.identifier) == identity for row in shown)


# -- owners ---------------------------------------------------------------------------------------


def are_their_owners(client: Client, resource: Resource) -> Iterator[str]:
    """Whoever doesn't see an object in the list can do nothing to it either."""
    made = Made.of(client, resource, client.caller)
    if made is None or not is_private(client, resource, made.identity):
        return
    before = made.get()
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        operation = client.api.at(method, resource.member)
        if operation is None or not client.api.is_secured(operation):
            continue
        answer = made.request(operation, client.stranger, match="*")
        if answer.status_code < 400:
            yield f"{label(operation)} answered {answer.status_code} to somebody else"
        elif is_told_the_version(client, made, operation, answer, before):
            yield f"{label(operation)} told somebody else which version the object has"
    after = made.get()
    if before.status_code == 200 and after.content != before.content:
        yield f"{resource.member} was changed by somebody else"


def is_told_the_version(
    client: Client,
    made: Made,
    operation: Operation,
    refusal: requests.Response,
    before: requests.Response,
) -> bool:
    """Whether a condition is judged for whom the object doesn't exist (RFC 9110 section 13.2.1)."""
    tag = before.headers.get("etag")
    name, match = (IF_NONE_MATCH, tag) if operation.method == "GET" else (IF_MATCH, UNHELD)
    header = client.api.header(operation, name)
    if header is None or match is None or not header.validator.is_valid(match):
        return False
    answer = made.request(operation, client.stranger, match=match, name=name)
    return answer.status_code in (304, 412) and answer.status_code != refusal.status_code


def is_private(client: Client, resource: Resource, identity: Any) -> bool:
    """Whether a stranger's list leaves out an object, and is another one than the caller's.

    Pages that both see alike, and that don't reach as far as the object, say nothing of owners.
    """
    found = client.api.at("GET", resource.collection)
    listing = client.api.listing(found) if found is not None else None
    if listing is None:
        return False
    if listing.operation.id in client.settings.own:
        return True
    mine = client.send(listing.operation, client.caller)
    theirs = client.send(listing.operation, client.stranger)
    if theirs.status_code not in (200, 403):
        return False
    shown, known = (
        [row.get(resource.identifier) for row in rows_of(listing, one)] for one in (theirs, mine)
    )
    return identity not in shown and shown != known


def rows_of(listing: Listing, answer: requests.Response) -> list[Members]:
    found = listing.rows(json_of(answer) or {}) if answer.status_code == 200 else []
    return [row for row in found if isinstance(row, dict)]
