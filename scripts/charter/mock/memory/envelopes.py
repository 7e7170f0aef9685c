"""Where members stand in a body: alone, `{"article": {...}}`, or `{"articles": [...]}`."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from charter.document.listings import words
from charter.mock.memory.merging import OWN
from charter.runtime.shapes import Shape


@dataclass(frozen=True)
class Envelope:
    """The schema of a member in a body, and the property that holds it."""

    name: str | None
    """None where the body itself is the member."""
    shape: Shape

    def inside(self, body: Any) -> Any:
        if self.name is None:
            return body
        return body.get(self.name) if isinstance(body, dict) else None

    def around(self, held: Any, body: Any) -> Any:
        """Another body with this value in it."""
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


# -- what stands beside a list --------------------------------------------------------------------

NEXT_PAGES = frozenset(
    {
        "next", "nextcursor", "nextlink", "nextmarker", "nextoffset", "nextpage", "nextpagetoken",
        "nextpageurl", "nexttoken", "nexturl", "odatanextlink",
    }
)  # fmt: skip
ARE_THERE_MORE = frozenset({"hasmore", "hasnext", "hasnextpage"})
COUNTS = frozenset({"count", "total", "totals"})
GONE: Any = object()
ENDS = (None, GONE, "")
"""Values that mean "no next page"; the first that the schema admits is taken."""


LINKS = frozenset({"next", "nextlink", "nextpageurl", "nexturl"})


def beside(body: Any, total: int, following: Mapping[str, str] | None) -> Iterator[Any]:
    """The rest of a body, with its counts, and with the way to the next page.

    `following` are values of members that lead there, by the members' names; the one without a
    name is the address. It is None on the last page, which has no such way, if that may be.
    """
    if not isinstance(body, Mapping):
        yield body
        return
    counted = with_counts(body, total)
    if following is not None:
        yield led_on(counted, following)
    for end in ENDS:
        yield paged(counted, end)
    yield counted


def with_counts(body: Mapping[str, Any], total: int) -> dict[str, Any]:
    made = dict(body)
    for name, value in body.items():
        if isinstance(value, Mapping):
            made[name] = with_counts(value, total)
        elif isinstance(value, bool):
            made[name] = value and plain(name) not in ARE_THERE_MORE
        elif isinstance(value, int) and COUNTS & {*words(name)} and "page" not in plain(name):
            made[name] = total
    return made


def led_on(body: Mapping[str, Any], following: Mapping[str, str]) -> dict[str, Any]:
    made = dict(body)
    for name, value in body.items():
        if name in following:
            made[name] = following[name]
        elif plain(name) in LINKS and "" in following:
            made[name] = following[""]
        elif plain(name) in ARE_THERE_MORE:
            made[name] = True
        elif isinstance(value, Mapping):
            made[name] = led_on(value, following)
    return made


def last_pages(body: Any, shape: Shape | None) -> Iterator[Any]:
    """A list that was made up, without a next page, which a client would follow for ever."""
    if shape is not None and shows_itself(shape):
        return
    if isinstance(body, Mapping) and leads_on(body) and holds_list(body):
        for end in ENDS:
            yield paged(body, end, shape)


def shows_itself(shape: Shape) -> bool:
    return any(part.keys() & set(OWN) for part in shape.parts)


def leads_on(body: Mapping[str, Any]) -> bool:
    return any(
        plain(name) in NEXT_PAGES | ARE_THERE_MORE
        or (isinstance(value, Mapping) and leads_on(value))
        for name, value in body.items()
    )


def holds_list(body: Mapping[str, Any]) -> bool:
    return any(
        isinstance(value, list) or (isinstance(value, Mapping) and holds_list(value))
        for value in body.values()
    )


def paged(body: Mapping[str, Any], end: Any, shape: Shape | None = None) -> dict[str, Any]:
    """With this end instead of a next page, except where the schema shows one."""
    made = dict(body)
    for name, value in body.items():
        member = shape.member(name) if shape is not None else None
        if member is not None and shows_itself(member):
            continue
        if plain(name) in NEXT_PAGES:
            made[name] = end
        elif plain(name) in ARE_THERE_MORE and value is True:
            made[name] = False
        elif isinstance(value, Mapping):
            made[name] = paged(value, end, member)
    return {name: value for name, value in made.items() if value is not GONE}
