"""What Schemathesis can't see in one answer: whether reads show what writes have written.

Each check looks at a response, asks the service once more, and raises AssertionError.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any
from urllib.parse import quote

import requests
import schemathesis

from charter.contract.api import default_of
from charter.contract.subject import TIMEOUT, json_of, subject
from charter.document.listings import Listing, has_format
from charter.runtime import Operation
from charter.runtime.paths import TEMPLATE
from charter.runtime.shapes import Shape

GONE = (404, 410)
NOT_MINE = (401, 403, 429, 503)
"""Answers that say nothing of the object: the session has ended meanwhile, say."""


def operation_of(case: Any) -> Operation | None:
    return subject().api.at(case.operation.method.upper(), case.operation.path)


def authorization_of(response: Any) -> dict[str, str]:
    """What the request was authenticated with, as it went over the wire."""
    sent: str | None = response.request.headers.get("Authorization")
    return {"Authorization": sent} if sent else {}


def read(path: str, response: Any) -> requests.Response:
    """What is at a path, for whoever sent the request."""
    url = subject().plan.base_url + path
    return subject().session.get(url, headers=authorization_of(response), timeout=TIMEOUT)


def filled(template: str, values: Mapping[str, Any]) -> str:
    """A path with its parameters, written as in a URL."""
    return TEMPLATE.sub(lambda name: quote(str(values[name[1]]), safe=""), template)


# -- writing --------------------------------------------------------------------------------------


@schemathesis.check
def what_was_written_is_read(context: Any, response: Any, case: Any) -> None:
    """A success is there afterwards: every member that was sent, and nothing else changed."""
    operation = operation_of(case)
    if operation is None or response.status_code not in (200, 201) or is_mocked(response):
        return
    shown = subject().api.reader(operation)
    answered = json_of(response)
    if shown is None or not isinstance(answered, dict):
        return
    reader, names = shown
    if subject().api.is_secured(reader) and not authorization_of(response):
        return
    values = dict(case.path_parameters or {}) | {
        name: answered.get(to) for name, to in names.items()
    }
    stored = read(filled(reader.path, values), response)
    if stored.status_code in NOT_MINE:
        return
    assert stored.status_code == 200, f"what was written can't be read: {stored.status_code}"
    found = json_of(stored)
    shape = subject().api.success_shape(reader)
    sent = sent_members(response)
    for name, value in answered.items():
        if name in found and not (name not in sent and is_instant(shape, name)):
            assert found[name] == value, f"{name} is read otherwise than it was answered"
    api = subject().api
    read_only = api.body_shape(operation).names - api.writable(operation)  # which may be sent
    ignored = read_only | {*subject().settings.respelled}
    for name, value in sent.items():
        if name in found and name not in ignored:
            assert is_same(shape.member(name), found[name], value), f"{name} was not kept"


def is_mocked(response: Any) -> bool:
    """Whether the mock gave the answer, whose memory is tested elsewhere."""
    return "charter-mock" in response.headers


def is_instant(shape: Shape, name: str) -> bool:
    return has_format(shape.member(name), "date-time")


def sent_members(response: Any) -> dict[str, Any]:
    """The members of the JSON object that was sent."""
    try:
        sent = json.loads(response.request.body or b"")
    except (ValueError, TypeError):
        return {}
    return sent if isinstance(sent, dict) else {}


def is_same(shape: Shape, found: Any, sent: Any) -> bool:
    """Whether a value was kept: instants, addresses and numbers may be spelt in another way."""
    if isinstance(found, str) and isinstance(sent, str):
        if has_format(shape, "date-time"):
            return instant(found) == instant(sent)
        if has_format(shape, "email"):
            return found.lower() == sent.lower()
    if isinstance(found, dict) and isinstance(sent, dict):
        kept = {name: value for name, value in sent.items() if name in found or keeps(shape, name)}
        return all(is_same(shape.member(n), found.get(n), value) for n, value in kept.items())
    if isinstance(found, list) and isinstance(sent, list):
        pairs = zip(found, sent, strict=False)
        return len(found) == len(sent) and all(is_same(shape.element, *pair) for pair in pairs)
    if isinstance(found, float) or isinstance(sent, float):
        return is_same_number(found, sent)
    return bool(found == sent)


def keeps(shape: Shape, name: str) -> bool:
    """Whether the schema speaks of a member. What it only lets pass need not be kept."""
    says_any = any(part.get("additionalProperties") is True for part in shape.parts)
    return not shape.names or name in shape.names or says_any or bool(shape.member(name).parts)


def is_same_number(found: Any, sent: Any) -> bool:
    """Whether two numbers are the same double: a database may spell all digits of one."""
    with suppress(OverflowError):
        return {type(found), type(sent)} <= {int, float} and float(found) == float(sent)
    return False


def instant(text: str) -> datetime | str:
    """To the microsecond, which is what databases keep."""
    head, dot, tail = text.partition(".")
    digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
    try:
        return datetime.fromisoformat(f"{head}{dot}{digits[:6]}{tail[len(digits) :]}".upper())
    except ValueError:
        return text


@schemathesis.check
def what_was_deleted_is_gone(context: Any, response: Any, case: Any) -> None:
    operation = operation_of(case)
    if operation is None or operation.method != "DELETE" or is_mocked(response):
        return
    shown = subject().api.at("GET", operation.path)
    is_done = response.status_code in (200, 202, 204)
    if shown is None or not is_done or not subject().api.has_path_parameter(shown):
        return
    answer = read(filled(shown.path, case.path_parameters or {}), response)
    assert answer.status_code in (*GONE, *NOT_MINE), "what was deleted is still there"


# -- reading --------------------------------------------------------------------------------------


@schemathesis.check
def the_list_is_what_was_asked_for(context: Any, response: Any, case: Any) -> None:
    """No more rows than the limit, all of them fitting the filters, in the order asked for."""
    operation = operation_of(case)
    if operation is None or response.status_code != 200 or is_mocked(response):
        return
    listing = subject().api.listing(operation)
    body = json_of(response)
    if listing is not None and isinstance(body, dict | list):
        for complaint in complaints(listing, dict(case.query or {}), listing.rows(body)):
            raise AssertionError(complaint)


def complaints(listing: Listing, query: Mapping[str, Any], found: list[Any]) -> list[str]:
    """What is wrong with the rows of a list, by what was asked for."""
    rows = [row for row in found if isinstance(row, dict)]
    return [
        *too_many(listing, query, rows),
        *unfit(listing, query, rows),
        *disordered(listing, query, rows),
    ]


def too_many(listing: Listing, query: Mapping[str, Any], rows: list[Any]) -> list[str]:
    if listing.limit is None:
        return []
    limit = query.get(listing.limit.name, default_of(listing.limit))
    is_over = limit is not None and len(rows) > max(0, int(limit))
    return ["the page is longer than its limit"] if is_over else []


def unfit(listing: Listing, query: Mapping[str, Any], rows: list[Any]) -> list[str]:
    return [
        f"{name} was ignored"
        for name in listing.filters
        if name in query and any(spelt(row.get(name)) != spelt(query[name]) for row in rows)
    ]


def spelt(value: Any) -> str:
    """A value as it is written in a query."""
    return value if isinstance(value, str) else json.dumps(value)


def disordered(listing: Listing, query: Mapping[str, Any], rows: list[Any]) -> list[str]:
    if listing.sort is None:
        return []
    asked = query.get(listing.sort.name, default_of(listing.sort))
    if asked not in listing.orders:
        return []
    member, descends = listing.orders[asked]
    keys = [row[member] for row in rows if row.get(member) is not None]
    if all(isinstance(key, str) for key in keys):
        keys = [instant(key) for key in keys]
    is_ordered = keys == sorted(keys, reverse=descends)
    return [] if is_ordered else [f"the rows are not in the order of {asked}"]


def limit_of(listing: Listing) -> int:
    """The most rows that a page may have."""
    return int(min(bounds_of(listing, "maximum"), default=100))


def least_of(listing: Listing) -> int:
    """The fewest rows that a page may be asked for."""
    return int(max(bounds_of(listing, "minimum"), default=1))


def bounds_of(listing: Listing, keyword: str) -> list[float]:
    shape = listing.limit.style.shape if listing.limit is not None else None
    return [part[keyword] for part in shape.parts if keyword in part] if shape else []
