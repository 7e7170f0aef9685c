"""What guards writes: entity tags (RFC 9110 section 13.1) and idempotency keys."""

from collections.abc import Iterator
from typing import Any

from requests import Response

from charter.contract.api import IF_MATCH, IF_NONE_MATCH, label
from charter.contract.extremes import lists
from charter.contract.probes.client import WRITERS, Client
from charter.contract.probes.made import Made
from charter.contract.subject import json_of
from charter.mock.memory import Resource
from charter.mock.repeats import IDEMPOTENCY_KEY
from charter.runtime import Operation

REPEATED = ("Location", "ETag")
"""Headers that a repeated answer has as well."""


def guard_changes(client: Client, resource: Resource) -> Iterator[str]:
    """A tag changes with every change, and only then; a stale one changes nothing."""
    made = Made.of(client, resource, client.caller)
    change = made.operation("PATCH", "PUT") if made is not None else None
    if made is None or change is None or not client.api.is_conditional(change):
        return
    tag = made.get().headers.get("etag")
    if tag is None:
        return
    if made.answer.headers.get("etag", tag) != tag:
        yield f"POST {resource.collection} answered another entity tag than the next read"
    yield from changes_tag(made, change, tag)
    current = made.get().headers.get("etag")
    if current is None or current == tag:
        return
    yield from is_revalidated(made, current, tag)
    for operation in filter(None, map(made.operation, ("PATCH", "PUT"))):
        if client.api.is_conditional(operation):
            yield from let_one_win(made, operation)
    for operation in filter(None, map(made.operation, ("PATCH", "PUT", "DELETE"))):
        if client.api.is_conditional(operation):
            yield from refuses_stale(made, operation, tag)


def changes_tag(made: Made, change: Operation, tag: str) -> Iterator[str]:
    """The change and the next read agree on a tag, which is another one than before."""
    place, first = label(change), made.get()
    changed = made.request(change, match=tag)
    if changed.status_code == 412:
        yield f"{place} refused the current entity tag"
    if not changed.ok:
        return
    second = made.get()
    current = second.headers.get("etag")
    yield from made.is_kept(place, second)
    if json_of(second) != json_of(first) and current == tag:
        yield f"{place} left the entity tag as it was"
    if changed.headers.get("etag", current) != current:
        yield f"{place} answered another entity tag than the next read"


def refuses_stale(made: Made, change: Operation, tag: str) -> Iterator[str]:
    """A change for a version of before changes nothing, nor does one that names no version."""
    place, before = label(change), made.get()
    both = f"{tag}, {before.headers.get('etag')}"
    has_body = made.client.api.body(change) is not None
    if has_body and admits(made, change, IF_MATCH, both):
        if made.request(change, match=both).status_code == 412:
            yield f"{place} refused the second of two entity tags, which is the current one"
        before = made.get()
    if made.request(change, match=tag).ok:
        yield f"{place} accepted a stale entity tag"
    elif made.get().content != before.content:
        yield f"{place} refused a stale entity tag, and changed the object all the same"
    weak = f"W/{made.get().headers.get('etag')}"
    # RFC 9110 section 13.1.1 takes the strong comparison
    if admits(made, change, IF_MATCH, weak) and made.request(change, match=weak).ok:
        yield f"{place} accepted a weak entity tag"
    if 428 in change.response_specs and made.request(change).ok:
        yield f"{place} accepted a change without If-Match"


def is_revalidated(made: Made, current: str, stale: str) -> Iterator[str]:
    """`If-None-Match` is 304 exactly while nothing has changed."""
    read = made.operation("GET")
    if read is None or 304 not in read.response_specs:
        return
    place = label(read)
    spellings = (current, f"W/{current}", f"{stale}, {current}", "*")
    for match in spellings:
        is_first = match == current
        if not is_first and not admits(made, read, IF_NONE_MATCH, match):
            continue
        if made.request(read, match=match, name=IF_NONE_MATCH).status_code != 304:
            said = "the current entity tag" if is_first else f"If-None-Match: {match}"
            yield f"{place} did not answer 304 to {said}"
    if made.request(read, match=stale, name=IF_NONE_MATCH).status_code == 304:
        yield f"{place} answered 304 although the object has changed"


def admits(made: Made, operation: Operation, name: str, value: str) -> bool:
    """Whether the document says how a header is written, and lets it have a value."""
    header = made.client.api.header(operation, name)
    if header is None or not header.validator.is_valid(value):
        return False
    return any("pattern" in part or "format" in part for part in header.style.shape.parts)


def let_one_win(made: Made, change: Operation) -> Iterator[str]:
    """Of several writers at once who mean one version, one changes it."""
    tag = made.get().headers.get("etag")
    if tag is None:
        return
    requested = [made.parts(change, tag) for _ in range(WRITERS)]
    answers = made.client.send_at_once(change, made.token, requested)
    won = sum(answer.ok for answer in answers)
    if won > 1:
        yield f"{label(change)} let {won} of {WRITERS} writers change the same version"
    if not won:
        yield f"{label(change)} let none of {WRITERS} writers change the current version"


# -- keys -----------------------------------------------------------------------------------------


def repeat_answers(client: Client, operation: Operation) -> Iterator[str]:
    """The same key and body are one object and one answer; another body is a conflict.

    Callers whom nobody knows can't be told apart: their keys count for a body alone.
    """
    header = client.api.header(operation, IDEMPOTENCY_KEY)
    if header is None:
        return
    body = client.subject.another_body(operation)
    key, other_key = ({header.name: unused_key(client)} for _ in range(2))
    first = client.send(operation, client.caller, headers=key, body=body)
    if first.status_code not in (200, 201):
        return
    yield from is_repeated(client, operation, key, body, first)
    for other in other_bodies(client, operation, body):
        if is_taken_for_it(client, operation, key, other, first):
            yield f"{label(operation)} took an idempotency key again for another body"
            break
    second = client.send(operation, client.caller, headers=other_key, body=body)
    if second.ok and second.content == first.content:
        yield f"{label(operation)} gave the same answer to another idempotency key"
    if client.api.is_secured(operation):
        yield from is_of_one_caller(client, operation, key, body, first)
        yield from is_done_once(client, operation, {header.name: unused_key(client)}, body)


def is_repeated(
    client: Client, operation: Operation, key: dict[str, str], body: Any, first: Response
) -> Iterator[str]:
    """The first answer, at once and after a change."""
    place = label(operation)
    again = client.send(operation, client.caller, headers=key, body=body)
    if (again.status_code, again.content) != (first.status_code, first.content):
        yield f"{place} gave another answer to the same idempotency key and body"
    resource = client.api.resources.get(operation.path)
    if resource is not None:
        change_meanwhile(client, resource, resource.envelope.inside(json_of(first)))
    later = client.send(operation, client.caller, headers=key, body=body)
    if later.content != first.content:
        yield f"{place} gave another answer to the same idempotency key after a change"
    for name in REPEATED:
        if any(one.headers.get(name) != first.headers.get(name) for one in (again, later)):
            yield f"{place} gave another {name} to the same idempotency key and body"


def is_of_one_caller(
    client: Client, operation: Operation, key: dict[str, str], body: Any, first: Response
) -> Iterator[str]:
    theirs = client.send(operation, client.stranger, headers=key, body=body)
    if theirs.status_code < 300 and theirs.content == first.content:
        yield f"{label(operation)} answered one caller's idempotency key to another"


def is_done_once(
    client: Client, operation: Operation, key: dict[str, str], body: Any
) -> Iterator[str]:
    """However many ask for it at once."""
    same = {"headers": key, "body": body}
    answers = client.send_at_once(operation, client.caller, [same] * WRITERS)
    made = {answer.content for answer in answers if answer.ok}
    if len(made) > 1:
        yield f"{label(operation)} gave {len(made)} answers to one idempotency key at once"


def other_bodies(client: Client, operation: Operation, body: Any) -> Iterator[Any]:
    """Another body, and for each member one that differs in that member alone."""
    other = client.subject.another_body(operation, body)
    if other != body:
        yield other
    for name in sorted(client.api.writable(operation)) if isinstance(body, dict) else ():
        several = next(lists(client.subject, operation, name), None)
        for value in (client.subject.value_of(operation, name), several):
            changed = body | client.subject.fresh(operation, {name: value})
            if changed != body and client.subject.is_valid(operation, changed):
                yield changed


def is_taken_for_it(
    client: Client, operation: Operation, key: dict[str, str], other: Any, first: Response
) -> bool:
    """Whether the key of the first body is good for another one."""
    answer = client.send(operation, client.caller, headers=key, body=other)
    return answer.ok and (client.api.is_secured(operation) or answer.content == first.content)


def unused_key(client: Client) -> str:
    return f"{client.subject.random.getrandbits(64):016x}"


def change_meanwhile(client: Client, resource: Resource, said: Any) -> None:
    """Change what a POST has made, where it can be changed."""
    if not isinstance(said, dict):
        return
    for method in ("PATCH", "PUT"):
        change = client.api.at(method, resource.member)
        identity = said.get(resource.identifier)
        if change is not None and identity is not None and client.api.body(change) is not None:
            header = client.api.header(change, IF_MATCH)
            headers = {header.name: "*"} if header is not None else {}
            body = client.subject.another_body(change, said)
            path = {resource.parameter.name: identity}
            client.send(change, client.caller, path=path, headers=headers, body=body)
            return
