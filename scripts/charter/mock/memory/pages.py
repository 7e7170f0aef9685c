"""The part of a list that a client asks for: filtered, ordered, and one page of it."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import Any

from charter.document.listings import Listing, Search, order
from charter.mock.memory import ATTEMPTS, MOST
from charter.mock.samples.texts import texts
from charter.runtime.parameters import Parameter

Row = Mapping[str, Any]
Values = Mapping[tuple[str, str], Any]
"""What a request says, by place and name."""


class NoSuchPage(Exception):
    """The cursor is none that was handed out, or its row is gone."""


@dataclass(frozen=True)
class Page:
    rows: Sequence[Row]
    total: int
    """Rows on all pages."""
    is_last: bool
    onward: Mapping[str, str]
    """The query parameters that lead to the next page; empty where none do."""
    members: Mapping[str, str]
    """The members of the answer that hold its cursor."""


def page(
    members: Sequence[Row],
    listing: Listing,
    values: Values,
    identifier: str,
    most: int | None,
    cursors: "Cursors",
) -> Page:
    """A page of at most `most` rows. Raises NoSuchPage."""

    def asked(parameter: Parameter | None) -> Any:
        return values.get(("query", parameter.name)) if parameter is not None else None

    rows = [row for row in members if fits(row, listing, values)]
    if listing.sort is not None:
        rows = ordered(rows, str(asked(listing.sort) or ""))
    sizes = [one for one in (asked(listing.limit), most) if isinstance(one, int) and one > 0]
    size = min(sizes, default=len(rows) or 1)
    number = max(asked(listing.page) or 1, 1)
    start = max(asked(listing.offset) or 0, 0) + (number - 1) * size
    if cursor := asked(listing.cursor):
        start = after(rows, cursors.identity(str(cursor)), identifier)
    shown = rows[start : start + size]
    is_last = start + size >= len(rows)
    onward: dict[str, str] = {}
    holding: dict[str, str] = {}
    if listing.cursor is not None and shown:
        text = cursors.after(listing.cursor, str(shown[-1][identifier]))
        onward = {listing.cursor.name: text} if text else {}
        holding = {listing.next_cursor: text} if text and listing.next_cursor else {}
    elif listing.offset is not None:
        onward = {listing.offset.name: str(start + size)}
    elif listing.page is not None:
        onward = {listing.page.name: str(number + 1)}
    return Page(shown, len(rows), is_last, onward, holding)


def fits(row: Row, listing: Listing, values: Values) -> bool:
    wanted = {name: values.get(("query", name)) for name in listing.filters}
    is_like = all(row.get(name) == value for name, value in wanted.items() if value is not None)
    looked_for = ((values.get(("query", name)), one) for name, one in listing.searches.items())
    return is_like and all(contains(row, one, text) for text, one in looked_for if text)


def contains(row: Row, search: Search, text: str) -> bool:
    """Whether a row has the text in a member that the search names, or in any if it names none."""
    held = (row.get(name) for name in search.members or search.others)
    return any(text.casefold() in one.casefold() for one in held if isinstance(one, str))


def ordered(rows: list[Row], value: str) -> list[Row]:
    """By a member, where it is one of simple values; the others go last, in the order they have."""
    member, descends = order(value)
    known = [row for row in rows if isinstance(row.get(member), str | int | float)]
    kinds = {isinstance(row[member], str) for row in known}
    if not known or len(kinds) > 1:
        return rows
    others = [row for row in rows if not isinstance(row.get(member), str | int | float)]
    return [*sorted(known, key=lambda row: row[member], reverse=descends), *others]


def after(rows: Sequence[Row], identity: str, identifier: str) -> int:
    identities = [str(row[identifier]) for row in rows]
    if identity not in identities:
        raise NoSuchPage("The cursor leads to no row: begin with the first page.")
    return identities.index(identity) + 1


class Cursors:
    """The cursors of lists: the identity of the row that a page comes after, where their schema
    admits it, else a text that it admits, which is remembered."""

    def __init__(self, random: Random, known: OrderedDict[str, str]) -> None:
        self.random = random
        self.known = known

    def after(self, parameter: Parameter, identity: str) -> str | None:
        """None where no text could be found."""
        admitted = (
            text for text in self.candidates(parameter, identity) if admits(parameter, text)
        )
        text = next(admitted, None)
        if text is not None and text != identity:
            self.known[text] = identity
            if len(self.known) > MOST:
                self.known.popitem(last=False)
        return text

    def candidates(self, parameter: Parameter, identity: str) -> Iterator[str]:
        yield identity
        known = (text for text, row in self.known.items() if row == identity)
        yield from islice(known, 1)
        for part in parameter.style.shape.parts:
            yield from islice(texts(part, parameter.name, self.random), ATTEMPTS)

    def identity(self, cursor: str) -> str:
        return self.known.get(cursor, cursor)


def admits(parameter: Parameter, text: str) -> bool:
    return bool(parameter.validator.is_valid(parameter.style.shape.value(text)))
