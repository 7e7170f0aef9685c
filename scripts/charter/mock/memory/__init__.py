"""The objects that were sent to collections, and the paths of a document that lead to them."""

import re
import time
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, count, islice
from operator import attrgetter
from random import Random
from typing import Any
from uuid import UUID

from charter.document.listings import words
from charter.mock.memory import envelopes
from charter.mock.memory.envelopes import Envelope, plain
from charter.mock.repeats import Kept
from charter.mock.samples.texts import texts
from charter.runtime import Contract, Operation
from charter.runtime import paths as templates
from charter.runtime.judge import Judge
from charter.runtime.parameters import Parameter
from charter.runtime.replies import ContentSpec
from charter.runtime.shapes import Shape

MOST = 10_000
"""Objects in one collection, and tokens; beyond that, the oldest are dropped."""

ATTEMPTS = 10
"""Identities that are generated from a pattern before another kind is tried."""

Stored = OrderedDict[str, dict[str, Any]]


@dataclass(frozen=True)
class Resource:
    """A collection and its members, recognised by their paths: `/pets` and `/pets/{petId}`."""

    collection: str
    member: str
    shown: Operation
    """The operation that answers with a whole member."""
    envelope: Envelope
    """Where the member is in that answer."""
    identifier: str
    """The property of a member that its path contains."""
    parameter: Parameter
    """The path's parameter for it."""

    def leads_to(self, identity: object) -> bool:
        """Whether an identity is valid in the member's path."""
        text = self.parameter.style.shape.value(str(identity))
        return self.parameter.validator.is_valid(text)


@dataclass(frozen=True)
class Token:
    """What a token was handed out for, and until when by the clock of `time.monotonic`."""

    scopes: frozenset[str] | None
    """None for all of them."""
    ends: float
    refreshes: bool = False

    @property
    def is_over(self) -> bool:
        return self.ends <= time.monotonic()


@dataclass
class Memory:
    """The objects of each collection that was written to; the others show their examples."""

    collections: dict[str, Stored] = field(default_factory=dict)
    """By the path of the collection, with values for its parameters."""
    tokens: OrderedDict[str, Token] = field(default_factory=OrderedDict)
    """Those that were handed out, the oldest first."""
    cursors: OrderedDict[str, str] = field(default_factory=OrderedDict)
    """The identities of the rows that they come after."""
    faults: Counter[str] = field(default_factory=Counter)
    """How often each request met the fault that it prefers."""

    answers: OrderedDict[tuple[object, ...], Kept] = field(default_factory=OrderedDict)
    """Those to requests with an Idempotency-Key."""

    def begin(self, collections: Mapping[str, Stored]) -> None:
        """Forget everything but these."""
        self.collections = {path: stored.copy() for path, stored in collections.items()}
        for kept in (self.tokens, self.cursors, self.faults, self.answers):
            kept.clear()

    def is_untouched(self, path: str) -> bool:
        return path not in self.collections

    def of(self, path: str) -> Stored:
        return self.collections.setdefault(path, OrderedDict())

    def hand_out(self, text: str, token: Token) -> str:
        self.tokens[text] = token
        while len(self.tokens) > MOST:
            self.tokens.popitem(last=False)
        return text

    def put(self, path: str, identity: str, value: dict[str, Any]) -> None:
        stored = self.of(path)
        stored[identity] = value
        while len(stored) > MOST:
            stored.popitem(last=False)


def resources(contract: Contract) -> dict[str, Resource]:
    """By the path of the collection and by that of the member."""
    by_path: dict[str, dict[str, Operation]] = {}
    for operation in filter(attrgetter("is_plain"), contract.operations.values()):
        by_path.setdefault(operation.path, {})[operation.method] = operation
    known: dict[str, Resource] = {}
    for member in by_path:
        collection, _, last = member.rpartition("/")
        if not re.fullmatch(r"\{[^{}]*\}", last):
            continue
        for path in [collection] if collection in by_path else elsewhere(by_path, collection):
            resource = resource_of(contract.judge, by_path, path, collection, member)
            if resource is not None:
                known[path] = known[member] = resource
    return known


def elsewhere(by_path: Mapping[str, Any], collection: str) -> Iterator[str]:
    """`/me/playlists`, where there is `/playlists/{id}`, and neither `/playlists` nor
    `/me/playlists/{id}`."""
    word = collection.rpartition("/")[2]
    if word and not templates.names(collection):
        with_members = {path.rpartition("/")[0] for path in by_path if path.endswith("}")}
        for path, operations in by_path.items():
            if path.endswith(f"/{word}") and "POST" in operations and path not in with_members:
                yield path


def resource_of(
    judge: Judge,
    by_path: Mapping[str, Mapping[str, Operation]],
    path: str,
    collection: str,
    member: str,
) -> Resource | None:
    parameter = parameter_of(by_path[member].values(), templates.names(member)[-1])
    operations = [by_path[member].get(method) for method in ("GET", "PUT", "PATCH")]
    for operation in (*operations, by_path[path].get("POST")):
        content = json_content(operation) if operation is not None else None
        if operation is None or content is None or content.schema_place is None:
            continue
        for envelope in envelopes.of_one(shape_of(judge, content), collection):
            identifier = identifier_of(parameter.name, collection, envelope.shape)
            if envelope.shape.is_object and identifier is not None:
                return Resource(collection, member, operation, envelope, identifier, parameter)
        if operation.method == "GET":
            return None  # it shows something else
    return None


def parameter_of(operations: Iterable[Operation], name: str) -> Parameter:
    parameters = (item for operation in operations for item in operation.parameters)
    return next(item for item in parameters if (item.place, item.name) == ("path", name))


def json_content(operation: Operation) -> ContentSpec | None:
    """The JSON that an operation answers with when it succeeds."""
    contents = operation.success.contents.values()
    values = [content for content in contents if content.holds_values]
    return next((content for content in values if content.is_json), next(iter(values), None))


def shape_of(judge: Judge, content: ContentSpec) -> Shape:
    return Shape(judge, judge.at(content.schema_place) if content.schema_place else True)


def identifier_of(parameter: str, collection: str, shape: Shape) -> str | None:
    """The property for a path's parameter: of the same name, of its last word, or `id`."""
    names = {plain(name): name for name in sorted(shape.names)}
    wanted = plain(parameter)
    singular = plain(collection.rpartition("/")[2]).removesuffix("s")
    last = (words(parameter) or [""])[-1]
    candidates = [wanted, wanted.removeprefix(singular), last, "id", "uuid", "slug"]
    return next((names[name] for name in candidates if name in names), None)


def filled(path: str, values: Mapping[str, Any]) -> str:
    """A path with the values of its parameters."""
    return templates.TEMPLATE.sub(lambda match: str(values.get(match[1], match[0])), path)


class Identities:
    """New identities, of the type that a schema asks for."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def candidates(
        self, resource: Resource, said: Mapping[str, Any], taken: Stored
    ) -> list[str | int]:
        """Unused identities: first those that the member's path accepts."""
        member = resource.envelope.shape.member(resource.identifier)
        parts = [*member.parts, *resource.parameter.style.shape.parts]
        identities = self.likely(resource.identifier, Shape(member.judge, *parts), said, taken)
        return sorted(identities, key=lambda identity: not resource.leads_to(identity))

    def likely(
        self, identifier: str, shape: Shape, said: Mapping[str, Any], taken: Stored
    ) -> Iterator[str | int]:
        number = len(taken) + 1
        while str(number) in taken:
            number += 1
        if "integer" in shape.types or "number" in shape.types:
            yield number
        if "slug" in words(identifier) and (slug := slug_of(said)):
            numbered = (f"{slug}-{number}" for number in count(2))
            yield next(candidate for candidate in chain([slug], numbered) if candidate not in taken)
        for part in shape.parts:
            if "pattern" in part:
                matching = islice(texts(part, "", self.random), ATTEMPTS)
                yield from (candidate for candidate in matching if candidate not in taken)
        unique = str(UUID(int=self.random.getrandbits(128), version=4))
        while unique in taken:  # the same seed again, after an edit of the document
            unique = str(UUID(int=self.random.getrandbits(128), version=4))
        yield unique
        yield str(number)
        yield "".join(self.random.choices("abcdefghijkmnpqrstuvwxyz23456789", k=12))
        yield number


def slug_of(said: Mapping[str, Any]) -> str:
    """A title or a name as a segment of a path."""
    title = said.get("title") or said.get("name") or ""
    return re.sub("[^a-z0-9]+", "-", str(title).lower()).strip("-")


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
