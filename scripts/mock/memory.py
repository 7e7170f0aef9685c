"""What was POSTed to a collection is there to GET, PATCH and DELETE."""

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any
from uuid import UUID

from generated.runtime import Contract, Operation
from generated.runtime import paths as templates
from generated.runtime.replies import PromisedContent
from generated.runtime.shapes import Shape

MOST = 10_000
"""Objects of one collection; the oldest go."""

Stored = OrderedDict[str, dict[str, Any]]


@dataclass(frozen=True)
class Resource:
    """A collection and its members, as their paths tell: `/pets` and `/pets/{petId}`."""

    collection: str
    member: str
    identifier: str
    """The member's property that its path names."""


@dataclass
class Memory:
    """The objects of every collection that was written to; others show their examples."""

    collections: dict[str, Stored] = field(default_factory=dict)
    """By the path of the collection, its own parameters filled in."""

    def is_untouched(self, path: str) -> bool:
        return path not in self.collections

    def of(self, path: str) -> Stored:
        return self.collections.setdefault(path, OrderedDict())

    def put(self, path: str, identity: str, value: dict[str, Any]) -> None:
        stored = self.of(path)
        stored[identity] = value
        while len(stored) > MOST:
            stored.popitem(last=False)


def resources(contract: Contract) -> dict[str, Resource]:
    """By the path of the collection and by that of the member."""
    by_path: dict[str, dict[str, Operation]] = {}
    for operation in contract.operations.values():
        by_path.setdefault(operation.path, {})[operation.method] = operation
    found: dict[str, Resource] = {}
    for member, operations in by_path.items():
        collection, _, last = member.rpartition("/")
        is_named = re.fullmatch(r"\{[^{}]*\}", last)
        if not is_named or collection not in by_path or "GET" not in operations:
            continue
        content = json_content(operations["GET"])
        if content is None or content.schema_place is None:
            continue
        shape = Shape(contract.judge, contract.judge.at(content.schema_place))
        identifier = identifier_of(last[1:-1], collection, shape)
        if shape.is_object and identifier is not None:
            resource = Resource(collection, member, identifier)
            found[collection] = found[member] = resource
    return found


def json_content(operation: Operation) -> PromisedContent | None:
    """The JSON that an operation answers with when it succeeds."""
    contents = operation.success.contents.values()
    return next((content for content in contents if content.is_json), None)


def identifier_of(parameter: str, collection: str, shape: Shape) -> str | None:
    """The property that a path's parameter means: of its name, or of its last word, or `id`."""
    plain = {re.sub(r"[\W_]", "", name).lower(): name for name in sorted(shape.names)}
    wanted = re.sub(r"[\W_]", "", parameter).lower()
    singular = re.sub(r"[\W_]", "", collection.rpartition("/")[2]).lower().removesuffix("s")
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[\W_]+", " ", parameter).lower().split()
    candidates = [wanted, wanted.removeprefix(singular), words[-1] if words else "", "id", "uuid"]
    return next((plain[name] for name in candidates if name in plain), None)


def filled(path: str, values: Mapping[str, Any]) -> str:
    """A path with its parameters."""
    return templates.TEMPLATE.sub(lambda match: str(values.get(match[1], match[0])), path)


class Identities:
    """New identities, of the type that a schema asks for."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def candidates(self, shape: Shape, taken: Stored) -> Iterator[Any]:
        """Some that nobody has, the likeliest to fit first."""
        number = len(taken) + 1
        while str(number) in taken:
            number += 1
        if "integer" in shape.types or "number" in shape.types:
            yield number
        unique = str(UUID(int=self.random.getrandbits(128), version=4))
        while unique in taken:  # the same seed again, after an edit of the document
            unique = str(UUID(int=self.random.getrandbits(128), version=4))
        yield unique
        yield str(number)
        yield "".join(self.random.choices("abcdefghijkmnpqrstuvwxyz23456789", k=12))
        yield number


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396 section 2."""
    if not isinstance(patch, dict):
        return patch
    made = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = merge_patch(made.get(name), value)
    return made
