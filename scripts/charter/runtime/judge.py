"""Judges values by the document's own schemas, so that every keyword in it is in force."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import jsonschema_rs

from .faults import Fault
from .references import at, has, place_of, pointer, resolve, tokens
from .views import Direction, view

BASE = "urn:charter:document"
PATTERNS = jsonschema_rs.FancyRegexOptions(size_limit=2**26)
"""Bytes of a compiled pattern, which is enough to count to 20,000."""
MASK = "the value"
LONGEST_NAME = 100
"""Of a member that the client made up: an answer need not repeat a megabyte of it."""


class Judge:
    """Compiles schemas where they stand in the document, with all that they refer to."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.registries: dict[Direction, jsonschema_rs.Registry] = {}

    def resolve(self, node: Any) -> Any:
        """What a node is once its references are followed."""
        return resolve(self.document, node)

    def at(self, place: str) -> Any:
        return at(self.document, tokens(place))

    def has(self, place: str) -> bool:
        return has(self.document, tokens(place))

    def locate(self, place: str) -> str:
        """Where a node stands once its references are followed."""
        node = self.at(place)
        while isinstance(node, Mapping) and isinstance(node.get("$ref"), str):
            place = place_of(node["$ref"])
            node = self.at(place)
        return place

    def validator(
        self, place: str | None, direction: Direction = Direction.REQUEST
    ) -> jsonschema_rs.Draft202012Validator:
        """The schema at that place; without one, what admits everything.

        Messages never hold the value that was judged.
        """
        if place is None:
            return jsonschema_rs.Draft202012Validator(True)
        return jsonschema_rs.Draft202012Validator(
            {"$ref": f"{BASE}#{quote(place, safe='/~')}"},
            registry=self._registry(direction),
            validate_formats=True,
            pattern_options=PATTERNS,
            mask=MASK,
        )

    def _registry(self, direction: Direction) -> jsonschema_rs.Registry:
        if direction not in self.registries:
            viewed = dict(view(self.document, direction))
            self.registries[direction] = jsonschema_rs.Registry([(BASE, viewed)])
        return self.registries[direction]


def faults(
    validator: jsonschema_rs.Draft202012Validator, value: Any, place: str, prefix: str = ""
) -> Iterator[Fault]:
    """All that is wrong with a value."""
    for error in validator.iter_errors(value):
        where = prefix + pointer(*error.instance_path)
        match error.kind.as_dict():
            case {"unexpected": _} if error.kind.name == "unevaluatedItems":  # which are values
                yield Fault(place, where, "has more items than the document knows", error.kind.name)
            case {"unexpected": unexpected}:
                for name in unexpected:
                    yield Fault(
                        place,
                        where + pointer(name),
                        "is not known to the document",
                        error.kind.name,
                    )
            case {"property": name} if error.kind.name == "required":
                yield Fault(place, where + pointer(unquoted(name)), "is required", "required")
            case _:
                yield Fault(place, where, sentence(error.message), error.kind.name)


def unquoted(name: Any) -> str:
    return str(name).strip('"')


def sentence(message: str) -> str:
    """The message without its subject, which the pointer names."""
    return message.removeprefix(MASK).strip()


def first(found: Iterable[Fault], most: int = 20) -> list[Fault]:
    """As many as help: who sends a thousand mistakes reads the first twenty."""
    return [fault for fault, _ in zip(found, range(most), strict=False)]
