"""Reads and changes the stored objects, as each operation of a collection or member does."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from random import Random
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from charter.document.listings import listing_of_rows, words
from charter.mock.answers import ABSENT, Answers
from charter.mock.memory import (
    Identities,
    Memory,
    Resource,
    Stored,
    actions,
    envelopes,
    filled,
    json_content,
    now,
    pages,
    resources,
    shape_of,
)
from charter.mock.memory.envelopes import Envelope
from charter.mock.memory.pages import Cursors, NoSuchPage, Page
from charter.mock.memory.patches import JSON_PATCH, Unpatchable, json_patch
from charter.mock.prefer import Prefer
from charter.runtime import Contract, Operation
from charter.runtime import paths as templates
from charter.runtime.inputs import RequestReader
from charter.runtime.parameters import header_faults
from charter.runtime.patches import merge_patch
from charter.runtime.replies import ContentSpec, ResponseSpec
from charter.runtime.shapes import Shape

Object = dict[str, Any]


class NotRemembered(Exception):
    """The object does not exist, or exists already."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


@dataclass(frozen=True)
class Written:
    """The content of a request to one operation."""

    operation: Operation
    values: Mapping[tuple[str, str], Any]
    """By place and name."""
    reader: RequestReader
    media_type: str
    address: str
    """Scheme and host of the server, as in the client's URL."""
    target: str
    """The path and the query."""

    @property
    def body(self) -> Any:
        return self.values.get(("body", ""))

    @property
    def in_path(self) -> dict[str, Any]:
        return {name: value for (place, name), value in self.values.items() if place == "path"}


@dataclass(frozen=True)
class Recalled:
    """A stored object, in the form of an operation's answer."""

    body: Any = ABSENT
    """ABSENT where the answer is an example instead."""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_list: bool = False
    missing: tuple[str, ...] = ()
    """Properties that the answer's schema doesn't admit as they were sent."""
    why: str = ""
    """Why the answer is an example, and not the stored object."""

    @property
    def note(self) -> str:
        """Names each difference from what was sent; empty where there is none."""
        if self.why:
            return f"an example, for {self.why}"
        if self.missing:
            return f"not as sent, for the schema of the answer: {', '.join(self.missing)}"
        return ""


@dataclass(frozen=True)
class View:
    """How an answer shows one member."""

    content: ContentSpec
    envelope: Envelope
    example: Any

    @property
    def base(self) -> Object:
        held = self.envelope.inside(self.example)
        return dict(held) if isinstance(held, dict) else {}

    def around(self, member: Mapping[str, Any]) -> Any:
        return self.envelope.around(member, self.example)

    def admits(self, member: Mapping[str, Any]) -> bool:
        return self.content.validator.is_valid(self.around(member))


class Remembering:
    """Answers from memory."""

    def __init__(self, contract: Contract, answers: Answers, memory: Memory, random: Random):
        self.judge = contract.judge
        self.answers = answers
        self.memory = memory
        self.identities = Identities(random)
        self.cursors = Cursors(random, memory.cursors)
        self.resources = resources(contract)
        operations = [item for item in contract.operations.values() if item.is_plain]
        self.lists = {item.path: item for item in operations if is_get(item)}

    def recall(self, written: Written) -> Recalled | None:
        """The stored objects that the operation answers with; None if it is no part of a resource.

        Raises NotRemembered.
        """
        operation = written.operation
        resource = self.resources.get(operation.path)
        if not operation.is_plain:
            return None
        if resource is None:
            return self.search(written) if is_get(operation) else self.act(written)
        collection = filled(resource.collection, written.in_path)
        if operation.path == resource.member:
            identity = str(written.in_path[templates.names(resource.member)[-1]])
            return self.on_member(written, resource, collection, identity)
        match operation.method:
            case "GET":
                return self.all_of(written, resource, collection)
            case "POST":
                return self.create(written, resource, collection)
            case "PUT":
                own = self.own_identity(written, resource)
                return self.on_member(written, resource, collection, str(own[0])) if own else None
        return None

    # -- all of a collection ----------------------------------------------------------------------

    def all_of(self, written: Written, resource: Resource, collection: str) -> Recalled | None:
        if self.memory.is_untouched(collection):
            return None
        content, envelope = self.listing(written.operation, resource)
        if content is None or envelope is None:
            return None
        page = self.page(written, resource, collection, content, envelope)
        members = [shown_members(envelope.shape.element, member) for member in page.rows]
        example = self.answers.example(content, Prefer())
        headers = counts(written.operation.success, page.total)
        following = None if page.is_last else following_of(written, page)
        if following:
            headers |= next_link(written.operation.success, following[""])
        beside = list(envelopes.beside(example, page.total, following))
        for outer in beside:
            body = envelope.around(members, outer)
            if content.validator.is_valid(body):
                return Recalled(body, headers, is_list=True)
        base = next(iter(objects(envelope.inside(example))), {})
        for outer in beside:

            def admits(member: Any, outer: Any = outer) -> bool:
                return content.validator.is_valid(envelope.around([member], outer))

            made = [settled(member, base, admits, resource.identifier) for member in members]
            body = envelope.around(made, outer)
            if content.validator.is_valid(body):
                pairs = zip(members, made, strict=True)
                missing = chain.from_iterable(lost(said, shown or {}) for said, shown in pairs)
                lacking = tuple(dict.fromkeys(missing))
                return Recalled(body, headers, is_list=True, missing=lacking)
        return Recalled(why=f"its schema doesn't admit what is in {collection}")

    def search(self, written: Written) -> Recalled | None:
        """What is found of a collection at a path below it: `/pets/findByStatus?status=sold`.

        None where the operation doesn't list the collection's members, or is asked for nothing
        that tells them apart.
        """
        operation = written.operation
        resource = self.resources.get(operation.path.rpartition("/")[0])
        content, envelope = self.listing(operation, resource) if resource else (None, None)
        if resource is None or content is None or envelope is None:
            return None
        element = envelope.shape.element
        listing = listing_of_rows(operation, shape_of(self.judge, content), envelope.name, element)
        selecting = (*listing.filters, *listing.searches)
        is_asked = any(written.values.get(("query", name)) is not None for name in selecting)
        if not is_asked or not actions.shows(element, resource.envelope.shape):
            return None
        return self.all_of(written, resource, filled(resource.collection, written.in_path))

    def page(
        self,
        written: Written,
        resource: Resource,
        collection: str,
        content: ContentSpec,
        envelope: Envelope,
    ) -> Page:
        """The page that the request asks for. Raises NotRemembered."""
        shape = shape_of(self.judge, content)
        operation, element = written.operation, envelope.shape.element
        listing = listing_of_rows(operation, shape, envelope.name, element)
        stored = list(self.stored(resource, collection).values())
        most, name = most_of(envelope.shape), resource.identifier
        try:
            return pages.page(stored, listing, written.values, name, most, self.cursors)
        except NoSuchPage as error:
            raise NotRemembered(operation.refusal_status, str(error)) from None

    def listing(
        self, operation: Operation, resource: Resource
    ) -> tuple[ContentSpec | None, Envelope | None]:
        content = json_content(operation)
        if content is None:
            return None, None
        shape = shape_of(self.judge, content)
        return content, envelopes.of_many(shape, resource.collection, resource.identifier)

    def stored(self, resource: Resource, collection: str) -> Stored:
        """The objects of a collection; at first, those in the example of its list."""
        if self.memory.is_untouched(collection):
            self.memory.of(collection).update(self.examples_of(resource))
        return self.memory.of(collection)

    def examples_of(self, resource: Resource) -> dict[str, Object]:
        """The members in the example of a collection's list, by identity."""
        listing = self.lists.get(resource.collection)
        content, envelope = self.listing(listing, resource) if listing else (None, None)
        if content is None or envelope is None:
            return {}
        view, identifier = self.view_of_member(resource), resource.identifier
        members = objects(envelope.inside(self.answers.example(content, Prefer())))
        made = [
            member if view.admits(member) else settled(member, view.base, view.admits, identifier)
            for member in members
            if identifier in member
        ]
        return {str(member[identifier]): member for member in made if member is not None}

    # -- one of them ------------------------------------------------------------------------------

    def create(self, written: Written, resource: Resource, collection: str) -> Recalled | None:
        sent = self.sent(written, resource)
        body = sent.inside(written.body)
        if not isinstance(body, dict):
            return None
        stored = self.stored(resource, collection)
        view, shape = self.view_of_member(resource), resource.envelope.shape
        own = self.own_identity(written, resource)
        is_taken = any(str(identity) in stored for identity in own)
        if is_taken and 409 in written.operation.response_specs:
            raise NotRemembered(409, f"There is {own[0]} already.")
        times = times_of(shape, shape.names - writable(sent.shape))
        said = {**times, **shown_members(shape, body)}
        for identity in chain(own, self.identities.candidates(resource, body, stored)):
            wanted = {**said, resource.identifier: identity}
            made = settled(wanted, view.base, view.admits, resource.identifier)
            if made is None:
                continue
            self.memory.put(collection, str(identity), made)
            path = f"{quote(collection)}/{quote(str(identity), safe='')}"
            recalled = self.shown(written.operation, resource, made)
            headers = location(written.operation.success, path, written.address)
            return replace(unlike(recalled, wanted, made), headers=headers)
        return Recalled(why="the schema of a member doesn't admit what was sent")

    def on_member(
        self, written: Written, resource: Resource, collection: str, identity: str
    ) -> Recalled | None:
        operation, body = written.operation, written.body
        current = self.current(resource, collection, identity)
        creates = operation.method == "PUT" and (
            404 not in operation.response_specs or 201 in operation.response_specs
        )
        if current is None and not (creates and body is not None):
            return missing(operation, collection, identity)
        if operation.method == "DELETE":
            self.stored(resource, collection).pop(identity, None)
        elif operation.method in ("PATCH", "POST", "PUT") and body is not None:
            known = current or self.with_identity(resource, identity)
            wanted = self.changed(written, resource, known) if known is not None else None
            if known is None or wanted is None:
                return None
            view = self.view_of_member(resource)
            current = wanted
            if not view.admits(wanted):
                current = settled(wanted, known, view.admits, resource.identifier) or known
            self.stored(resource, collection)
            self.memory.put(collection, identity, current)
            recalled = self.shown(operation, resource, current)
            return unlike(recalled, wanted, current)
        return self.shown(operation, resource, current) if current is not None else None

    def act(self, written: Written) -> Recalled | None:
        """What an action does to a member, and the member, where the operation answers with it."""
        operation = written.operation
        parsed = actions.parsed(operation.path) if operation.method in actions.METHODS else None
        resource = self.resources.get(parsed["member"]) if parsed else None
        if parsed is None or resource is None or resource.member != parsed["member"]:
            return None
        collection = filled(resource.collection, written.in_path)
        identity = str(written.in_path[templates.names(resource.member)[-1]])
        current = self.current(resource, collection, identity)
        if current is None:
            return missing(operation, collection, identity)
        shape, view = resource.envelope.shape, self.view(operation, resource)
        is_shown = view is not None and actions.shows(view.envelope.shape, shape)
        changes = actions.state_after(parsed["verb"], operation.method, shape, now())
        if is_shown and isinstance(written.body, dict):
            said = shown_members(shape, written.body)
            changes |= {name: said[name] for name in said.keys() & writable(shape)}
            changes.pop(resource.identifier, None)
        wanted = {**current, **changes}
        admits = self.view_of_member(resource).admits
        made = settled(wanted, current, admits, resource.identifier) or current
        if changes:
            self.stored(resource, collection)
            self.memory.put(collection, identity, made)
        return self.shown(operation, resource, made) if is_shown else None

    def current(self, resource: Resource, collection: str, identity: str) -> Object | None:
        if not self.memory.is_untouched(collection):
            return self.memory.of(collection).get(identity)
        return self.examples_of(resource).get(identity) or self.with_identity(resource, identity)

    def with_identity(self, resource: Resource, identity: str) -> Object | None:
        """The example with another identity; None where the schema doesn't admit that."""
        view = self.view_of_member(resource)
        for value in (int(identity) if identity.isdecimal() else identity, identity):
            made = {**view.base, resource.identifier: value}
            if view.admits(made):
                return made
        return None

    def changed(self, written: Written, resource: Resource, known: Object) -> Object | None:
        """The member after a JSON Patch, a PUT (which replaces all writable members) or a merge."""
        view, shape = self.view_of_member(resource), resource.envelope.shape
        sent = self.sent(written, resource)
        clients = writable(sent.shape)
        if written.media_type == JSON_PATCH:
            try:
                made = resource.envelope.inside(json_patch(view.around(known), written.body))
            except Unpatchable as error:
                raise NotRemembered(409, str(error)) from None
        else:
            body = sent.inside(written.body)
            if not isinstance(body, dict):
                return None
            said = shown_members(shape, body)
            if written.operation.method == "PUT":
                kept = {name: value for name, value in known.items() if name not in clients}
                made = {**kept, **said}
            else:
                made = merge_patch(known, said)
                # a null that the schema admits is a value, and not the absence of one
                nulls = [name for name, value in said.items() if value is None]
                made |= {name: None for name in nulls if "null" in shape.member(name).types}
        if not isinstance(made, dict):
            raise NotRemembered(409, "The patch leaves no object.")
        changing = {name for name in shape.names - clients if CHANGED.search(name)}
        identity = {resource.identifier: known[resource.identifier]}
        return {**made, **times_of(shape, changing), **identity}

    # -- how it is sent and shown -----------------------------------------------------------------

    def shown(self, operation: Operation, resource: Resource, member: Object) -> Recalled:
        view = self.view(operation, resource)
        if view is None:
            return Recalled()  # the operation declares no member
        said = shown_members(view.envelope.shape, member)
        made: Object | None = said
        if not view.admits(said):
            made = settled(said, view.base, view.admits, resource.identifier)
        if made is None:
            return Recalled(why="its schema doesn't admit what is remembered")
        return Recalled(view.around(made), missing=lost(said, made))

    def view(self, operation: Operation, resource: Resource) -> View | None:
        """How an operation shows a member, if it does."""
        content = json_content(operation)
        if content is None:
            return None
        example = self.answers.example(content, Prefer())
        for envelope in envelopes.of_one(shape_of(self.judge, content), resource.collection):
            if resource.identifier in envelope.shape.names or not envelope.shape.parts:
                return View(content, envelope, example)
        return None

    def view_of_member(self, resource: Resource) -> View:
        view = self.view(resource.shown, resource)
        assert view is not None
        return view

    def sent(self, written: Written, resource: Resource) -> Envelope:
        """How a client's body holds a member."""
        body = written.reader.body
        contents = body.contents.values() if body is not None else ()
        schemas = [part for content in contents for part in content.shape.parts]
        return envelopes.of_request(Shape(self.judge, *schemas), resource.envelope)

    def own_identity(self, written: Written, resource: Resource) -> list[str | int]:
        """The identity in the body, where the schema lets the client choose it."""
        sent = self.sent(written, resource)
        body = sent.inside(written.body)
        value = body.get(resource.identifier) if isinstance(body, dict) else None
        is_clients = not sent.shape.names or resource.identifier in writable(sent.shape)
        shown = resource.envelope.shape.member(resource.identifier)
        if not is_clients or is_marked(shown, "readOnly"):
            return []
        if isinstance(value, bool) or not isinstance(value, str | int):
            return []
        return [value] if str(value) and "/" not in str(value) else []


def missing(operation: Operation, collection: str, identity: str) -> Recalled:
    """An example for a member that isn't there. Raises NotRemembered where 404 is declared."""
    said = f"There is no {quote(f'{collection}/{identity}')}."
    if operation.response_spec(404) is None:
        return Recalled(why=f"no 404 is declared. {said}")
    raise NotRemembered(404, said)


def settled(
    said: Mapping[str, Any],
    base: Mapping[str, Any],
    admits: Callable[[Mapping[str, Any]], bool],
    identifier: str,
) -> Object | None:
    """The example with as many of the sent properties as the schema admits; None if that fails.

    Tries all of them over the example, then all alone, then one after the other.
    """
    for made in ({**base, **said}, dict(said)):
        if admits(made):
            return made
    made = {**base, identifier: said[identifier]}
    if not admits(made):
        return None
    for name, value in said.items():
        for one in (value, over(base.get(name), value)):
            if admits({**made, name: one}):
                made[name] = one
                break
    return made


def over(base: Any, value: Any) -> Any:
    """A sent value; an object is completed from the example: `{"parent": {"id": "0"}}`."""
    return {**base, **value} if isinstance(base, dict) and isinstance(value, dict) else value


def objects(value: Any) -> list[Object]:
    return [one for one in (value if isinstance(value, list) else ()) if isinstance(one, dict)]


def lost(said: Mapping[str, Any], made: Mapping[str, Any]) -> tuple[str, ...]:
    """The properties that are missing or differ from what was sent."""
    return tuple(
        name
        for name, value in said.items()
        if name not in made or made[name] != over(made[name], value)
    )


def unlike(recalled: Recalled, wanted: Mapping[str, Any], made: Mapping[str, Any]) -> Recalled:
    """Also names what could not be stored as it was sent."""
    missing = dict.fromkeys([*lost(wanted, made), *recalled.missing])
    return replace(recalled, missing=tuple(missing))


def is_get(operation: Operation) -> bool:
    return operation.method == "GET"


def location(spec: ResponseSpec, path: str, address: str) -> dict[str, str]:
    """As a path, or with the server's address where the header's schema asks for that."""
    return {
        header.name: text
        for header in spec.headers
        if header.name.lower() == "location"
        for text in (address + path, path)
        if not any(header_faults(header, text))
    }


def counts(spec: ResponseSpec, total: int) -> dict[str, str]:
    """Headers that count the members, such as `X-Total-Count`."""
    return {
        header.name: str(total)
        for header in spec.headers
        if envelopes.COUNTS & {*words(header.name)}
        if "page" not in envelopes.plain(header.name)
        if not any(header_faults(header, str(total)))
    }


def is_marked(shape: Shape, mark: str) -> bool:
    return any(part.get(mark) is True for part in shape.parts)


def shown_members(shape: Shape, body: Mapping[str, Any]) -> Object:
    """The properties that answers may contain: declared, and not writeOnly."""
    is_map = any(part.get("additionalProperties") for part in shape.parts)
    return {
        name: value
        for name, value in body.items()
        if name in shape.names or is_map or not shape.names
        if not is_marked(shape.member(name), "writeOnly")
    }


def writable(shape: Shape) -> frozenset[str]:
    """The properties that a client may send; the server sets the readOnly ones."""
    return frozenset(name for name in shape.names if not is_marked(shape.member(name), "readOnly"))


CHANGED = re.compile("updated|modified|changed", re.IGNORECASE)
"""Names of the time of the last change."""


def times_of(shape: Shape, names: Iterable[str]) -> Object:
    """The present time for each name that is a date-time."""
    moment = now()
    is_time = {name for name in names if any(is_moment(part) for part in shape.member(name).parts)}
    return dict.fromkeys(sorted(is_time), moment)


def is_moment(part: Mapping[str, Any]) -> bool:
    return part.get("format") == "date-time"


def most_of(shape: Shape) -> int | None:
    """The most elements that an array may have; None without a limit."""
    limits = [int(part["maxItems"]) for part in shape.parts if "maxItems" in part]
    return min(limits, default=None)


def following_of(written: Written, page: Page) -> dict[str, str]:
    """How a client gets to the next page: by the cursor in the members that hold it, and by the
    address, which has no name here; empty where the document has no parameter that leads there."""
    if not page.onward:
        return {}
    path, _, query = written.target.partition("?")
    said = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] not in page.onward]
    return {"": f"{path}?{urlencode([*said, *page.onward.items()])}", **page.members}


def next_link(spec: ResponseSpec, address: str) -> dict[str, str]:
    """The header that leads to the next page (RFC 8288), where it is declared."""
    text = f'<{address}>; rel="next"'
    return {
        header.name: text
        for header in spec.headers
        if header.name.lower() == "link" and not any(header_faults(header, text))
    }
