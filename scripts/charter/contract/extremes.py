"""Bodies at the bounds of their schema: the longest, the least, the last of an enumeration."""

import json
from collections.abc import Iterator
from typing import Any

from charter.contract.subject import Subject
from charter.document.listings import has_format, values_of
from charter.runtime import Operation
from charter.runtime.shapes import Shape

MOST = 10
"""Bodies for one operation."""
LONG = 2_000
TEXTS = (
    "  blanks  around  ",
    "Ünïcode, U\u0308, İ and 😀",
    "Sentence case",
    "two\nlines",
    "%_'\"\\<b>&amp;",
    "",
)
INSTANTS = ("2024-02-29T23:59:59.123456+05:30", "2106-07-01T00:00:00Z", "1999-12-31T12:00:00-08:00")


def extremes(subject: Subject, operation: Operation) -> Iterator[dict[str, Any]]:
    """Bodies that have, each after its kind, one extreme value in every member that admits it.

    The first has the first value of every member, the second the second: there are as many as the
    member with the most values has.
    """
    shape = subject.api.body_shape(operation)
    known = subject.settings.known.get(operation.id, {})
    columns = {
        name: values
        for name in sorted(subject.api.writable(operation) - known.keys())
        if (values := [*values_at_bounds(shape.member(name)), *lists(subject, operation, name)])
    }
    for index in range(min(MOST, max(map(len, columns.values()), default=0))):
        body = subject.full_body(operation)
        for name, values in columns.items():
            if index < len(values):
                body = subject.body_with(operation, {name: values[index]}, body) or body
        if isinstance(body, dict):
            yield body


def values_at_bounds(shape: Shape) -> Iterator[Any]:
    """Those that one member may have, whether or not its schema admits each."""
    if any(has_format(shape, one) for one in ("password", "email")):
        return
    if listed := values_of(shape):
        yield from listed
    elif has_format(shape, "date-time"):
        yield from INSTANTS
    elif "string" in shape.types:
        longest = min(bound(shape, "maxLength", LONG), LONG)
        yield ("Aa " * longest)[: longest - 1] + "x"
        yield from TEXTS
    elif {"integer", "number"} & shape.types:
        yield from (part[word] for part in shape.parts for word in BOUNDS if word in part)
        yield from (12345, 0.1)
    elif "boolean" in shape.types:
        yield from (True, False)
    if "null" in shape.types:
        yield None


def lists(subject: Subject, operation: Operation, name: str) -> Iterator[list[Any]]:
    """For a member that is an array: one of several elements, the last ones first."""
    shape = subject.api.body_shape(operation).member(name)
    if not shape.is_array:
        return
    found: list[Any] = []
    for _ in range(MOST):
        found += [one for one in subject.value_of(operation, name) or () if one not in found]
    most = min(bound(shape, "maxItems", MOST), MOST)
    yield sorted(found, key=json.dumps, reverse=True)[:most]


BOUNDS = ("maximum", "minimum")


def bound(shape: Shape, word: str, other: int) -> int:
    return min((int(part[word]) for part in shape.parts if word in part), default=other)
