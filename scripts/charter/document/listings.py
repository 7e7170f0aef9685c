"""Lists: their pages, filters and orders, recognised by the names that documents use for them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from charter.runtime import Operation
from charter.runtime.parameters import Parameter
from charter.runtime.shapes import Shape

CURSORS = frozenset({"cursor", "page_token", "pagetoken", "after", "starting_after"})
"""Query parameters that say where a page begins, in lower case."""
LIMITS = frozenset({"limit", "page_size", "pagesize", "per_page", "perpage", "size"})
OFFSETS = frozenset({"offset", "skip"})
PAGES = frozenset({"page", "page_number", "pagenumber"})
SEARCHES = frozenset({"q", "query", "search", "search_text", "term", "text"})
SORTS = frozenset({"sort", "sort_by", "sortby", "order_by", "orderby"})
COUNTS = re.compile(
    r"count|total(_?(items|count|results|elements|records))?|(items|num)_?count", re.IGNORECASE
)
"""Members of a list's answer that say how many rows there are in all."""
DEFINITE = frozenset({"boolean", "integer", "number"})
"""Types whose order and whose equality need no rules of a language."""
INSTANTS = frozenset({"date", "date-time"})

Declared = TypeVar("Declared")


@dataclass(frozen=True)
class Search:
    """A query parameter that selects the rows which contain a text."""

    said: str
    """Its description, in lower case."""
    members: tuple[str, ...]
    """The texts of a row that the description names."""
    others: tuple[str, ...]
    """The other texts of a row."""


@dataclass(frozen=True)
class Listing:
    """A GET operation whose answer holds the rows of a collection."""

    operation: Operation
    envelope: str | None
    """The member of the answer that holds the rows; None where the answer is the array."""
    row: Shape
    limit: Parameter | None
    offset: Parameter | None
    """How many rows are before the page."""
    page: Parameter | None
    """The number of the page, from 1."""
    cursor: Parameter | None
    next_cursor: str | None
    """The member of the answer that holds the cursor of the next page."""
    filters: tuple[str, ...]
    """Query parameters that select the rows whose member of that name has that very value."""
    searches: Mapping[str, Search]
    """By the name of the parameter."""
    is_counted: bool
    """Whether the answer says how many rows there are in all, which takes reading them."""
    sort: Parameter | None
    orders: Mapping[str, tuple[str, bool]]
    """Values of the sort parameter: the member that they order by, and whether descending."""

    def rows(self, body: Any) -> list[Any]:
        found = body if self.envelope is None else body.get(self.envelope)
        return found if isinstance(found, list) else []

    def next(self, body: Any) -> str | None:
        """The cursor of the next page."""
        found = body.get(self.next_cursor) if self.next_cursor else None
        return found if isinstance(found, str) and found else None


def listing_of(operation: Operation, shape: Shape) -> Listing | None:
    """What an operation lists whose answer has this shape, if it does."""
    envelope, row = rows_of(shape)
    if operation.method != "GET" or row is None or not row.is_object:
        return None
    return listing_of_rows(operation, shape, envelope, row)


def listing_of_rows(
    operation: Operation, shape: Shape, envelope: str | None, row: Shape
) -> Listing:
    """The same where it is known which member of the answer holds the rows."""
    query = {one.name: one for one in operation.parameters if one.place == "query"}
    numbers = {name: one for name, one in query.items() if "integer" in one.style.shape.types}
    cursor = named(query, CURSORS)
    sort = named(query, SORTS)
    return Listing(
        operation,
        envelope,
        row,
        limit=named(numbers, LIMITS),
        offset=named(numbers, OFFSETS),
        page=named(numbers, PAGES),
        cursor=cursor,
        next_cursor=following(shape, cursor.name if cursor else None),
        filters=tuple(name for name, one in query.items() if selects(one, row)),
        searches=dict(searches(operation, row)),
        is_counted=any(map(counts, shape.names)) and not shape.is_array,
        sort=sort,
        orders=orders(sort, row),
    )


def named(query: Mapping[str, Declared], names: frozenset[str]) -> Declared | None:
    return next((one for name, one in query.items() if name.lower() in names), None)


def rows_of(shape: Shape) -> tuple[str | None, Shape | None]:
    """The rows of a list: the answer's elements, or those of its only member that is an array."""
    if shape.is_array:
        return None, shape.element
    arrays = [name for name in sorted(shape.names) if shape.member(name).is_array]
    if len(arrays) != 1:
        return None, None
    return arrays[0], shape.member(arrays[0]).element


def following(shape: Shape, cursor: str | None) -> str | None:
    """The member of the answer that is the next page's cursor."""
    if cursor is None:
        return None
    wanted = cursor.lower().replace("_", "")
    for name in sorted(shape.names):
        plain = name.lower().replace("_", "")
        if plain.startswith("next") and plain.endswith(wanted):
            return name
    return None


def counts(name: str) -> bool:
    """Whether a member beside the rows is called as their number in all."""
    return COUNTS.fullmatch(name) is not None


def selects(parameter: Parameter, row: Shape) -> bool:
    """Whether a parameter can only mean the equal member: it is a boolean, or one of few values."""
    if parameter.media_type is not None or parameter.name not in row.names:
        return False
    asked, member = parameter.style.shape, row.member(parameter.name)
    if not member.is_scalar or asked.is_array:
        return False
    return asked.types == {"boolean"} or bool(values_of(asked))


def searches(operation: Operation, row: Shape) -> Iterator[tuple[str, Search]]:
    for index, parameter in enumerate(operation.parameters):
        is_search = parameter.place == "query" and parameter.name.lower() in SEARCHES
        is_plain = parameter.media_type is None and parameter.style.shape.types == {"string"}
        if not is_search or not is_plain or values_of(parameter.style.shape):
            continue
        node = row.judge.at(row.judge.locate(f"{operation.place}/parameters/{index}"))
        said = str(node.get("description", "")).lower()
        texts = [name for name in sorted(row.names) if is_text(row.member(name))]
        named = tuple(name for name in texts if is_said(name, said))
        yield parameter.name, Search(said, named, tuple(one for one in texts if one not in named))


def is_text(shape: Shape) -> bool:
    """Whether it may hold any words."""
    has_words = not any(has_format(shape, one) for one in (*INSTANTS, "uuid", "uri"))
    return shape.types - {"null"} == {"string"} and not values_of(shape) and has_words


def is_said(name: str, description: str) -> bool:
    """Whether a description speaks of a member, by its name or by the last word of it."""
    said = description.replace("-", "")
    return words(name)[-1] in re.findall(r"[a-z]+", said) or " ".join(words(name)) in said


def words(name: str) -> list[str]:
    """Those that a name is made of, in lower case."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[\W_]+", " ", name).lower().split()


def orders(sort: Parameter | None, row: Shape) -> dict[str, tuple[str, bool]]:
    """The orders that need no rules of a language: of numbers and of instants."""
    if sort is None or sort.media_type is not None:
        return {}
    found = {}
    for value in map(str, values_of(sort.style.shape)):
        member, descends = order(value)
        if member in row.names and is_definite(row.member(member)):
            found[value] = (member, descends)
    return found


def order(value: str) -> tuple[str, bool]:
    """The member that a value of a sort parameter orders by, and whether it descends."""
    return value.removeprefix("-").removeprefix("+"), value.startswith("-")


def is_definite(shape: Shape) -> bool:
    types = shape.types - {"null"}
    return bool(types) and (
        types <= DEFINITE or any(has_format(shape, format_) for format_ in INSTANTS)
    )


def values_of(shape: Shape) -> list[Any]:
    """The values that are listed, of a shape that admits no others."""
    listed = [part["enum"] for part in shape.parts if "enum" in part]
    return listed[0] if len(listed) == 1 else []


def has_format(shape: Shape, format_: str) -> bool:
    return any(part.get("format") == format_ for part in shape.parts)
