"""Where members stand in a body: alone, `{"article": {...}}`, or `{"articles": [...]}`."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from generated.runtime.shapes import Shape


@dataclass(frozen=True)
class Envelope:
    """What a body holds, and the property in which it does."""

    name: str | None
    """None where the body itself is what it holds."""
    shape: Shape

    def inside(self, body: Any) -> Any:
        if self.name is None:
            return body
        return body.get(self.name) if isinstance(body, dict) else None

    def around(self, held: Any, body: Any) -> Any:
        """A body that holds this, and is else like another one."""
        if self.name is None:
            return held
        return {**(body if isinstance(body, dict) else {}), self.name: held}


def of_one(shape: Shape, collection: str) -> Iterator[Envelope]:
    """Where a body may hold one member: it is the member, or has a property that is.

    The property is the only one, or it is called as the collection is, or `data`.
    """
    yield Envelope(None, shape)
    for name in sorted(shape.names):
        if len(shape.names) == 1 or is_called(name, collection):
            held = shape.member(name)
            if held.is_object:
                yield Envelope(name, held)


def of_many(shape: Shape, collection: str, identifier: str) -> Envelope | None:
    """Where a body holds a list of members: it is the list, or has a property that is."""
    if is_list(shape, identifier):
        return Envelope(None, shape)
    lists = [name for name in sorted(shape.names) if is_list(shape.member(name), identifier)]
    name = min(lists, key=lambda name: not is_called(name, collection), default=None)
    return Envelope(name, shape.member(name)) if name is not None else None


def of_request(shape: Shape, shown: Envelope) -> Envelope:
    """Where a client's body holds a member: wrapped as it is shown, or in a lone property."""
    for name in sorted(shape.names - shown.shape.names):
        held = shape.member(name)
        if held.is_object and (name == shown.name or len(shape.names) == 1):
            return Envelope(name, held)
    return Envelope(None, shape)


def is_list(shape: Shape, identifier: str) -> bool:
    if not shape.is_array:
        return False
    element = shape.element
    return identifier in element.names if element.names else not element.types - {"object"}


def is_called(name: str, collection: str) -> bool:
    """Whether a property is named after the last word of a path."""
    word = plain(collection.rpartition("/")[2])
    stem = word.removesuffix("ies") + "y" if word.endswith("ies") else word.removesuffix("s")
    return plain(name) in {"data", "items", word, stem}


def plain(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def words(name: str) -> list[str]:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[\W_]+", " ", name).lower().split()


# -- what stands beside a list --------------------------------------------------------------------

NEXT_PAGES = frozenset(
    {"next", "nextcursor", "nextmarker", "nextpage", "nextpagetoken", "nexttoken"}
)
COUNTS = frozenset({"count", "total", "totals"})


def beside(body: Any, total: int) -> Iterator[Any]:
    """The rest of a body, with its counts, and without a way to a next page if that may be."""
    if not isinstance(body, Mapping):
        yield body
        return
    counted = told(body, total)
    yield paged(counted, absent=False)
    yield paged(counted, absent=True)
    yield counted


def told(body: Mapping[str, Any], total: int) -> dict[str, Any]:
    made = dict(body)
    for name, value in body.items():
        if isinstance(value, Mapping):
            made[name] = told(value, total)
        elif isinstance(value, bool):
            made[name] = value and plain(name) != "hasmore"
        elif isinstance(value, int) and COUNTS & {*words(name)} and "page" not in plain(name):
            made[name] = total
    return made


def paged(body: Mapping[str, Any], *, absent: bool) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in body.items():
        if plain(name) not in NEXT_PAGES:
            made[name] = paged(value, absent=absent) if isinstance(value, Mapping) else value
        elif not absent:
            made[name] = None
    return made
