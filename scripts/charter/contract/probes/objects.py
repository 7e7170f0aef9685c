"""What writes mean: objects are kept, guarded by entity tags, and gone at the end."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import requests

from charter.contract.api import IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH, label
from charter.contract.checks import GONE, is_same
from charter.contract.probes.client import Client
from charter.contract.subject import json_of
from charter.mock.memory import Resource
from charter.runtime import Operation


def is_idempotent(client: Client, operation: Operation) -> Iterator[str]:
    """The same key and body are one object and one answer; another body is a conflict."""
    header = client.api.header(operation, IDEMPOTENCY_KEY)
    if header is None:
        return
    place = label(operation)
    key = {header.name: f"{client.subject.random.getrandbits(64):016x}"}
    body = client.subject.another_body(operation)
    first = client.send(operation, client.caller, headers=key, body=body)
    if first.status_code not in (200, 201):
        return
    again = client.send(operation, client.caller, headers=key, body=body)
    if (again.status_code, again.content) != (first.status_code, first.content):
        yield f"{place} gave another answer to the same idempotency key and body"
    other = client.subject.another_body(operation, body)
    if other != body:
        answer = client.send(operation, client.caller, headers=key, body=other)
        if answer.status_code < 400:
            yield f"{place} took an idempotency key again for another body"
    theirs = client.send(operation, client.stranger, headers=key, body=body)
    if theirs.status_code < 300 and theirs.content == first.content:
        yield f"{place} answered one caller's idempotency key to another"


def live_and_die(client: Client, resource: Resource) -> Iterator[str]:
    """An object's entity tag changes with every change, and guards it; a deletion is one."""
    made = Made.of(client, resource, client.caller)
    if made is None:
        return
    yield from made.is_where_it_says()
    yield from made.is_kept(f"POST {resource.collection}", made.get())
    yield from made.is_guarded()
    yield from made.is_deleted()


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
    after = made.get()
    if before.status_code == 200 and after.content != before.content:
        yield f"{resource.member} was changed by somebody else"


def is_private(client: Client, resource: Resource, identity: Any) -> bool:
    """Whether a stranger's list leaves out an object."""
    found = client.api.at("GET", resource.collection)
    listing = client.api.listing(found) if found is not None else None
    if listing is None:
        return False
    if listing.operation.id in client.settings.own:
        return True
    answer = client.send(listing.operation, client.stranger)
    rows = listing.rows(json_of(answer) or {}) if answer.status_code == 200 else []
    shown = {row.get(resource.identifier) for row in rows if isinstance(row, dict)}
    return answer.status_code in (200, 403) and identity not in shown


@dataclass
class Made:
    """An object that a probe has made."""

    client: Client
    resource: Resource
    token: str | None
    identity: Any
    answer: requests.Response
    sent: Any
    """The body of the last request that was made about it."""
    known: dict[str, Any]
    """All that was ever sent of it."""

    @classmethod
    def of(cls, client: Client, resource: Resource, token: str | None) -> "Made | None":
        create = client.api.at("POST", resource.collection)
        if create is None or client.api.at("GET", resource.member) is None:
            return None
        sent = client.subject.another_body(create)
        answer = client.send(create, token, body=sent)
        shown = json_of(answer) if answer.status_code in (200, 201) else None
        body = resource.envelope.inside(shown) if isinstance(shown, dict) else None
        if not isinstance(body, dict) or body.get(resource.identifier) is None:
            return None
        return cls(client, resource, token, body[resource.identifier], answer, sent, body)

    def operation(self, *methods: str) -> Operation | None:
        found = (self.client.api.at(method, self.resource.member) for method in methods)
        return next((one for one in found if one is not None), None)

    def request(
        self,
        operation: Operation,
        token: str | None,
        *,
        match: str | None = None,
        name: str = IF_MATCH,
    ) -> requests.Response:
        """Ask for this object, with another body each time."""
        parts: dict[str, Any] = {"path": {self.resource.parameter.name: self.identity}}
        header = self.client.api.header(operation, name)
        if match is not None and header is not None:
            parts["headers"] = {header.name: match}
        if self.client.api.body(operation) is not None:
            parts["body"] = self.sent = self.client.subject.another_body(operation, self.known)
            self.known = self.known | self.sent if isinstance(self.sent, dict) else self.known
        return self.client.send(operation, token, **parts)

    def get(self) -> requests.Response:
        operation = self.operation("GET")
        assert operation is not None  # without one, nothing is made
        return self.request(operation, self.token)

    def is_where_it_says(self) -> Iterator[str]:
        """What is at the `Location` is what was made (RFC 9110 section 10.2.2)."""
        location = self.answer.headers.get("location")
        if location is None or not location.startswith("/"):
            return
        url = self.client.subject.plan.base_url + location
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        found = requests.get(url, headers=headers, timeout=10)
        if found.status_code == 200 and json_of(found) != json_of(self.answer):
            yield f"POST {self.resource.collection} names another object in Location"
        if found.status_code in GONE:
            yield f"POST {self.resource.collection} names nothing in Location"

    def is_kept(self, place: str, read: requests.Response) -> Iterator[str]:
        """Every member that was sent last is read afterwards."""
        body = json_of(read) if read.status_code == 200 else None
        found = self.resource.envelope.inside(body) if isinstance(body, dict) else None
        if not isinstance(found, dict) or not isinstance(self.sent, dict):
            return
        for name in sorted(self.sent.keys() & found.keys()):
            shape = self.resource.envelope.shape.member(name)
            is_respelled = name in self.client.subject.settings.respelled
            if not is_respelled and not is_same(shape, found[name], self.sent[name]):
                yield f"{place} did not keep {name}"

    def is_guarded(self) -> Iterator[str]:
        """A tag changes with every change, and only then; a stale one changes nothing."""
        first = self.get()
        change = self.operation("PATCH", "PUT")
        tag = first.headers.get("etag")
        if change is None or tag is None or not self.client.api.is_conditional(change):
            return
        place = label(change)
        changed = self.request(change, self.token, match=tag)
        if changed.status_code >= 300:
            if changed.status_code == 412:
                yield f"{place} refused the current entity tag"
            return
        second = self.get()
        yield from self.is_kept(place, second)
        if json_of(second) != json_of(first) and second.headers.get("etag") == tag:
            yield f"{place} left the entity tag as it was"
        if changed.headers.get("etag", second.headers.get("etag")) != second.headers.get("etag"):
            yield f"{place} answered another entity tag than the next read"
        yield from self.is_revalidated(second.headers.get("etag"), tag)
        for operation in filter(None, map(self.operation, ("PATCH", "PUT", "DELETE"))):
            if self.client.api.is_conditional(operation):
                yield from self.refuses_stale(operation, tag)

    def refuses_stale(self, change: Operation, tag: str) -> Iterator[str]:
        """A change for a version of before changes nothing, nor does one that names no version."""
        place, before = label(change), self.get()
        if self.request(change, self.token, match=tag).status_code < 300:
            yield f"{place} accepted a stale entity tag"
        elif self.get().content != before.content:
            yield f"{place} refused a stale entity tag, and changed the object all the same"
        if 428 in change.response_specs and self.request(change, self.token).status_code < 300:
            yield f"{place} accepted a change without If-Match"

    def is_revalidated(self, current: str | None, stale: str) -> Iterator[str]:
        """`If-None-Match` is 304 exactly while nothing has changed."""
        read = self.operation("GET")
        if read is None or current in (None, stale) or 304 not in read.response_specs:
            return
        if self.request(read, self.token, match=current, name=IF_NONE_MATCH).status_code != 304:
            yield f"{label(read)} did not answer 304 to the current entity tag"
        if self.request(read, self.token, match=stale, name=IF_NONE_MATCH).status_code == 304:
            yield f"{label(read)} answered 304 although the object has changed"

    def is_deleted(self) -> Iterator[str]:
        delete = self.operation("DELETE")
        if delete is None or self.request(delete, self.token, match="*").status_code >= 300:
            return
        if self.get().status_code not in GONE:
            yield f"{label(delete)} left the object where it was"
        again = self.request(delete, self.token, match="*")
        if again.status_code < 300 and 404 in delete.response_specs:
            yield f"{label(delete)} deleted the same object twice"
