"""What lists mean: pages, orders, filters, searches, owners."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any
from urllib.parse import urljoin

import requests

from charter.contract.api import default_of, label, search_members
from charter.contract.checks import complaints, is_same, least_of, limit_of, spelt
from charter.contract.probes.client import Client
from charter.contract.probes.made import members_in, unlike
from charter.contract.probes.versions import change_meanwhile
from charter.contract.subject import TIMEOUT, json_of
from charter.document.listings import Listing, values_of
from charter.mock.memory import Resource, identifier_of
from charter.mock.memory.envelopes import Envelope
from charter.runtime import Operation

OBJECTS = 7
"""How many objects a probe makes to list them."""
PAGES = 12
"""How many pages a probe follows."""
SIZES = (0, 1, 2)
"""How many rows more than the fewest that a page may be asked for."""
CASELESS = ("any case", "case-insensitive", "case insensitive", "ignoring case")
"""Words of a description by which a search minds no case."""

Query = Mapping[str, Any]


@dataclass(frozen=True)
class Created:
    """What a POST to a list's path has made."""

    sent: Mapping[str, Any]
    shown: Mapping[str, Any]
    """What it answered."""


def fill(client: Client, listing: Listing, token: str | None, number: int) -> list[Created]:
    """Make objects for a list to show, of all kinds that its filters tell apart.

    Every other one is like the one before, so that orders have to tell equals apart.
    """
    create = client.api.at("POST", listing.operation.path)
    if create is None or not client.is_implemented(create):
        return []
    made = []
    body: Any = None
    for index in range(number):
        if index % 2 == 0:
            body = client.subject.another_body(create)
        for name in listing.filters:
            kinds = values_of(client.api.body_shape(create).member(name))
            if kinds and isinstance(body, dict):
                body = body | {name: kinds[index % len(kinds)]}
        made += made_of(client, listing, token, client.subject.fresh(create, body))
    return made


def made_of(client: Client, listing: Listing, token: str | None, body: Any) -> list[Created]:
    create = client.api.at("POST", listing.operation.path)
    assert create is not None
    answer = client.send(create, token, body=body)
    resource = client.api.resources.get(listing.operation.path)
    envelope = resource.envelope if resource is not None else Envelope(None, listing.row)
    shown = envelope.inside(json_of(answer)) if answer.status_code in (200, 201) else None
    if not isinstance(shown, dict) or not isinstance(body, dict):
        return []
    return [Created(body, shown)]


def show_what_is_there(client: Client, listing: Listing) -> Iterator[str]:
    """Small pages are the large one in pieces; orders and filters hold over all of them."""
    made = fill(client, listing, client.caller, OBJECTS)
    seen = Seen(client, listing)
    seen.rows({})  # an answer that is kept would lack what is made next
    made += fill(client, listing, client.caller, 1)
    yield from seen.as_they_are()
    rows = seen.rows({})
    if rows is not None:
        yield from seen.complete(rows, made)
        yield from seen.in_pieces({}, rows, SIZES)
        yield from seen.in_order(rows)
        for name in listing.filters:
            yield from seen.filtered(name)
        yield from seen.combined(made)


@dataclass
class Seen:
    """A list, as the fuzzer's own account sees it."""

    client: Client
    listing: Listing

    @property
    def place(self) -> str:
        return label(self.listing.operation)

    def ask(self, query: Query) -> requests.Response:
        return self.client.send(self.listing.operation, self.client.caller, query=query)

    def largest(self) -> dict[str, Any]:
        """The query for as large a page as there is."""
        limit = self.listing.limit
        return {} if limit is None else {limit.name: limit_of(self.listing)}

    def rows(self, query: Query) -> list[Any] | None:
        """Those of the largest page; None where the list is refused."""
        answer = self.ask(self.largest() | dict(query))
        return self.listing.rows(json_of(answer) or {}) if answer.status_code == 200 else None

    def is_whole(self, rows: list[Any]) -> bool:
        """Whether a page holds all that there is."""
        return len(rows) < limit_of(self.listing)

    def complete(self, rows: list[Any], made: list[Created]) -> Iterator[str]:
        """What was made is listed as it was made, where no default of a filter leaves it out."""
        name = self.identifier(made)
        if name is None or not self.is_whole(rows):
            return
        known = {row.get(name): row for row in rows if isinstance(row, dict)}
        for one in made:
            row = known.get(one.shown.get(name))
            if row is None:
                if self.is_shown_by_default(one):
                    yield f"{self.place} leaves out what was made"
                continue
            for member in sorted(one.sent.keys() & row.keys()):
                is_respelled = member in self.client.settings.respelled
                shape = self.listing.row.member(member)
                if not is_respelled and not is_same(shape, row[member], one.sent[member]):
                    yield f"{self.place} shows another {member} than was sent"

    def as_they_are(self) -> Iterator[str]:
        """A row shows what a read shows of an object that was changed.

        What two reads show otherwise goes on by itself.
        """
        resource, made = self.resource, fill(self.client, self.listing, self.client.caller, 1)
        name = self.identifier(made)
        if resource is None or name is None:
            return
        identity = made[0].shown[name]
        change_meanwhile(self.client, resource, made[0].shown)
        before = self.read(resource, identity)
        rows = [row for row in self.rows({}) or () if isinstance(row, dict)]
        after = self.read(resource, identity)
        settled = {one: value for one, value in before.items() if after.get(one) == value}
        for row in (row for row in rows if row.get(name) == identity):
            for member in unlike(self.listing.row, row, settled, {}):
                yield f"{self.place} shows another {member} than is read"

    def read(self, resource: Resource, identity: Any) -> dict[str, Any]:
        """The members of an object; none where it can't be read."""
        operation = self.client.api.at("GET", resource.member)
        if operation is None:
            return {}
        path = {resource.parameter.name: identity}
        answer = self.client.send(operation, self.client.caller, path=path)
        return (members_in(answer, resource.envelope) if answer.ok else None) or {}

    @property
    def resource(self) -> Resource | None:
        return self.client.api.resources.get(self.listing.operation.path)

    def identifier(self, made: list[Created]) -> str | None:
        """The member that tells the rows apart and that creations answer."""
        resource = self.resource
        if resource is None or not made:
            return None
        name = resource.identifier
        return name if all(one.shown.get(name) is not None for one in made) else None

    def is_shown_by_default(self, one: Created) -> bool:
        defaults = {
            parameter.name: default_of(parameter)
            for parameter in self.listing.operation.parameters
            if parameter.name in self.listing.filters and default_of(parameter) is not None
        }
        return all(one.shown.get(name) == value for name, value in defaults.items())

    # -- pages ------------------------------------------------------------------------------------

    def in_pieces(self, query: Query, rows: list[Any], more: tuple[int, ...]) -> Iterator[str]:
        """Pages of each size are the rows in pieces, by their cursors and by their `Link`."""
        listing = self.listing
        if listing.limit is None or listing.cursor is None or not listing.next_cursor:
            return
        asked = "".join(f" with {name}={value}" for name, value in query.items())
        least = least_of(listing)
        for size in (least + one for one in more):
            found = self.walk({**query, listing.limit.name: size})
            if found != rows[: len(found)] or len(found) < min(len(rows), size * PAGES):
                yield f"{self.place} shows other rows in pages of {size} than in one page{asked}"
        yield from (f"{one}{asked}" for one in self.linked({**query, listing.limit.name: least}))

    def walk(self, query: dict[str, Any]) -> list[Any]:
        """The rows of the first pages, one after the other."""
        assert self.listing.cursor is not None
        rows: list[Any] = []
        for _ in range(PAGES):
            answer = self.ask(query)
            body = json_of(answer)
            if answer.status_code != 200 or body is None:
                break
            rows += self.listing.rows(body)
            following = self.listing.next(body)
            if following is None:
                break
            query = {**query, self.listing.cursor.name: following}
        return rows

    def linked(self, query: Query) -> Iterator[str]:
        """The next page is the same by the cursor and by `Link` (RFC 8288)."""
        assert self.listing.cursor is not None
        first = self.ask(query)
        following = self.listing.next(json_of(first) or {}) if first.status_code == 200 else None
        link = first.links.get("next", {}).get("url")
        if following is None or link is None:
            return
        by_cursor = self.ask({**query, self.listing.cursor.name: following})
        by_link = self.client.subject.session.get(
            urljoin(str(first.url), link),
            headers={"Authorization": f"Bearer {self.client.caller}"},
            timeout=TIMEOUT,
        )
        if by_link.content != by_cursor.content:
            yield f"{self.place} links to another next page than its cursor leads to"

    # -- orders and filters -----------------------------------------------------------------------

    def in_order(self, rows: list[Any]) -> Iterator[str]:
        """Each order has all rows; a descending one has the keys of the ascending one reversed."""
        sort = self.listing.sort
        if sort is None:
            return
        keys: dict[str, list[Any]] = {}
        for order in map(str, values_of(sort.style.shape)):
            query = {sort.name: order}
            found = self.rows(query)
            if found is None:
                continue
            asked = {**self.largest(), **query}
            yield from (f"{self.place}: {one}" for one in complaints(self.listing, asked, found))
            member = order.lstrip("+-")
            keys[order] = [row.get(member) for row in found if isinstance(row, dict)]
            if self.is_whole(rows) and not same_rows(found, rows):
                yield f"{self.place} shows other rows in the order of {order}"
            if order == default_of(sort) and found != rows:
                yield f"{self.place} has another order by default than {order}"
            yield from self.in_pieces(query, found, (1,))
        for order, ascending in keys.items():
            descending = keys.get(f"-{order}")
            is_whole = self.is_whole(rows) and descending is not None
            if is_whole and descending != ascending[::-1]:
                yield f"{self.place} has another order by -{order} than the reverse of {order}"

    def filtered(self, name: str) -> Iterator[str]:
        """Every row that fits is shown, and no other; without a filter, all are."""
        parameter = next(one for one in self.listing.operation.parameters if one.name == name)
        whole = self.all_rows({})
        for value in values_of(parameter.style.shape) or [True, False]:
            query = {name: spelt(value)}
            shown = self.rows(query)
            if shown is None:
                continue
            asked = {**self.largest(), **query}
            yield from (f"{self.place} {one}" for one in complaints(self.listing, asked, shown))
            yield from self.in_pieces(query, shown, (0,))
            every = self.all_rows(query)
            if whole is None or every is None:
                continue
            fits = {canonical(row) for row in whole if row.get(name) == value}
            if not fits <= set(map(canonical, every)):
                yield f"{self.place} leaves out rows whose {name} is {value}"
            if default_of(parameter) is None and not fits >= set(map(canonical, every)):
                yield f"{self.place} leaves out rows where nothing filters them"

    def combined(self, made: list[Created]) -> Iterator[str]:
        """Two queries at once show what both of them show; an order leaves nothing out."""
        found = {}
        for name, value in self.queries(made):
            rows = self.all_rows({name: value})
            if rows is not None:
                found[name, value] = self.identities(rows)
        for (one, first), (other, second) in combinations(found, 2):
            if one == other:
                continue
            rows = self.all_rows({one: first, other: second})
            both = found[one, first] & found[other, second]
            if rows is not None and self.identities(rows) != both:
                yield f"{self.place} shows other rows with {one} and {other} than with both of them"

    def identities(self, rows: list[dict[str, Any]]) -> set[str]:
        """What tells the rows apart, whatever of them goes on by itself."""
        name = self.resource.identifier if self.resource is not None else ""
        return {canonical(row.get(name, row)) for row in rows}

    def queries(self, made: list[Created]) -> Iterator[tuple[str, str]]:
        """Each value of each filter, the texts of an object in searches, and each order."""
        named = {one.name: one for one in self.listing.operation.parameters}
        for name in self.listing.filters:
            values = values_of(named[name].style.shape) or [True, False]
            yield from ((name, spelt(value)) for value in values)
        for parameter, members in searches(self.client, self.listing):
            texts = (one.shown.get(name) for one in made[-1:] for name in members)
            fitting = (text for text in texts if named[parameter].validator.is_valid(text))
            yield from ((parameter, text) for text in fitting if isinstance(text, str))
        if self.listing.sort is not None:
            name = self.listing.sort.name
            yield from ((name, str(one)) for one in values_of(self.listing.sort.style.shape))

    def all_rows(self, query: Query) -> list[dict[str, Any]] | None:
        """Those of all pages; None where the list is refused, or has too many."""
        listing, largest = self.listing, self.largest()
        is_paged = largest and listing.cursor is not None and listing.next_cursor
        rows = self.walk({**largest, **query}) if is_paged else self.rows(query)
        most = limit_of(listing) * (PAGES if is_paged else 1)
        is_whole = rows is not None and len(rows) < most
        return [row for row in rows or () if isinstance(row, dict)] if is_whole else None


# -- searches -------------------------------------------------------------------------------------


def find_what_is_looked_for(client: Client, listing: Listing) -> Iterator[str]:
    """A text is found in each member that the parameter's description names, and only there."""
    create = client.api.at("POST", listing.operation.path)
    if create is None or not client.is_implemented(create):
        return
    for parameter, said, members in search_members(client.api, listing, create):
        for member in members:
            text = f"Probe{client.subject.random.getrandbits(40):010x}"
            values = ((one, {member: f"{one}{end}"}) for one, end in spellings(text))
            bodies = ((one, client.subject.body_with(create, each)) for one, each in values)
            text, body = next((pair for pair in bodies if pair[1] is not None), (text, None))
            made = made_of(client, listing, client.caller, body) if body is not None else []
            if made:
                search = Search(Seen(client, listing), parameter, made[0], member, text)
                yield from search.complaints(said)
                yield from search.in_pieces(create)


def spellings(text: str) -> Iterator[tuple[str, str]]:
    """A text to look for, and what may have to follow it."""
    yield f"{text}é", ""
    yield text, ""
    yield text, "@example.com"


@dataclass
class Search:
    """A text, and an object that has it in one member."""

    seen: Seen
    parameter: str
    made: Created
    member: str
    text: str

    def finds(self, text: str) -> bool:
        name = self.seen.identifier([self.made]) or ""
        found = self.seen.rows({self.parameter: text}) or []
        rows = [row for row in found if isinstance(row, dict)]
        return any(row.get(name) == self.made.shown.get(name) for row in rows)

    def complaints(self, said: str) -> Iterator[str]:
        """By what the description says of how a text is compared."""
        if self.seen.identifier([self.made]) is None:
            return
        searches = f"{self.seen.place} by {self.parameter}"
        if not self.finds(self.text):
            yield f"{searches} doesn't find what is in {self.member}"
            return
        if self.finds(f"{self.text}0"):
            yield f"{searches} finds what doesn't contain the text"
        if any(one in said for one in CASELESS):
            if not self.finds(self.text.replace("é", "").swapcase()):
                yield f"{searches} minds the case of {self.member}"
            elif not self.finds(self.text.swapcase()):
                yield f"{searches} minds the case of letters beyond ASCII in {self.member}"
        if "contain" in said:
            yield from self.parts(searches)

    def parts(self, searches: str) -> Iterator[str]:
        """Any part of the text is found, and nothing else means a part of it."""
        if not self.finds(self.text[2:-2]):
            yield f"{searches} finds whole words of {self.member} alone"
        for wildcard in "%_*.":
            if self.finds(self.text[:5] + wildcard + self.text[6:]):
                yield f"{searches} takes {wildcard} for any text"

    def in_pieces(self, create: Operation) -> Iterator[str]:
        """What is found fills several pages as well."""
        client, listing = self.seen.client, self.seen.listing
        for _ in range(2):
            made_of(client, listing, client.caller, client.subject.fresh(create, self.made.sent))
        query = {self.parameter: self.text}
        rows = self.seen.rows(query)
        if rows is not None:
            yield from self.seen.in_pieces(query, rows, (0,))


# -- owners ---------------------------------------------------------------------------------------


def are_ones_own(client: Client, listing: Listing) -> Iterator[str]:
    """What the caller's list shows, nobody else's does; nor can anybody else do a thing to it."""
    seen = Seen(client, listing)
    mine = seen.rows({})
    if mine is None:
        return
    for query in narrowed(client, listing, mine):
        asked = "".join(f" with {name}" for name in query)
        theirs = client.send(listing.operation, client.stranger, query=seen.largest() | query)
        shown = listing.rows(json_of(theirs) or {}) if theirs.ok else []
        if any(row in shown for row in mine):
            yield f"{seen.place} shows the rows of somebody else{asked}"
    if client.api.at("POST", listing.operation.path) is None:
        yield from are_untouchable(client, listing)


def narrowed(client: Client, listing: Listing, rows: list[Any]) -> Iterator[dict[str, Any]]:
    """The whole list, and each filter and search by which it has to show some of the rows."""
    yield {}
    row = next((one for one in rows if isinstance(one, dict)), {})
    yield from ({name: spelt(row[name])} for name in listing.filters if row.get(name) is not None)
    for parameter, members in searches(client, listing):
        texts = (row.get(name) for name in members)
        yield from ({parameter: text} for text in texts if isinstance(text, str) and text)


def searches(client: Client, listing: Listing) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The parameters that look for a text, and the members in which they do."""
    create = client.api.at("POST", listing.operation.path)
    for parameter, _, members in search_members(client.api, listing, create) if create else ():
        yield parameter, members


def are_untouchable(client: Client, listing: Listing) -> Iterator[str]:
    """Rows that no operation makes: those of an account that need not live on."""
    name, token = client.passing()
    client.subject.log_in(name)
    rows = listing.rows(json_of(client.send(listing.operation, token)) or {})
    for operation in client.api.operations:
        above, _, last = operation.path.rpartition("/")
        is_member = above == listing.operation.path and last.startswith("{")
        if not is_member or not client.is_implemented(operation):
            continue
        parameter = last.strip("{}")
        for row in rows[:1]:
            path = {parameter: identity_of(row, parameter, listing)}
            answer = client.send(operation, client.stranger, path=path)
            if answer.status_code < 400:
                yield f"{label(operation)} answered {answer.status_code} to somebody else"


def identity_of(row: Mapping[str, Any], parameter: str, listing: Listing) -> Any:
    name = identifier_of(parameter, listing.operation.path, listing.row)
    return row.get(name) if name is not None else None


def same_rows(found: list[Any], wanted: list[Any]) -> bool:
    """Whether two lists hold the same rows, in whatever order."""
    return sorted(map(canonical, found)) == sorted(map(canonical, wanted))


def canonical(row: Any) -> str:
    return json.dumps(row, sort_keys=True)
