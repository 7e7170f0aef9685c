"""Judges values by the document's own schemas, so that every keyword in it is in force."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jsonschema_rs

from .patterns import is_quadratic
from .references import at, has, locate, place_of, resolve, tokens
from .views import Direction, view

if TYPE_CHECKING:
    from .shapes import Shape
    from .xml.compiling import Elements

BASE = "urn:charter:document"
PATTERNS = jsonschema_rs.FancyRegexOptions(size_limit=2**26)
"""Bytes of a compiled pattern, which is enough to count to 20,000."""
MASK = "the value"
"""What a validator's messages call the value, which they never quote."""

Keywords = dict[str, type[Any]]
"""Keywords that are judged otherwise than JSON Schema has them, as jsonschema_rs takes them."""

MOST_QUADRATIC = 2048
"""Characters in which a pattern may be looked for whose time grows with their square."""


class Judge:
    """Compiles schemas where they stand in the document, with all that they refer to."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self.registries: dict[Direction, jsonschema_rs.Registry] = {}
        self.patterns: dict[str, jsonschema_rs.Draft202012Validator] = {}
        self.shapes: dict[tuple[int, ...], Shape] = {}
        """By the identities of their schemas, which live as long as the document."""
        self.elements: Elements = {}
        """How values stand in XML."""

    def resolve(self, node: Any) -> Any:
        """What a node is once its references are followed."""
        return resolve(self.document, node)

    def at(self, place: str) -> Any:
        return at(self.document, tokens(place))

    def has(self, place: str) -> bool:
        return has(self.document, tokens(place))

    def locate(self, place: str) -> str:
        """Where a node stands once its references are followed."""
        return locate(self.document, place)

    def validator(
        self,
        place: str | None,
        direction: Direction = Direction.REQUEST,
        keywords: Keywords | None = None,
    ) -> jsonschema_rs.Draft202012Validator:
        """The schema at that place; without one, what admits everything.

        Messages never hold the value that was judged.
        """
        if place is None:
            return jsonschema_rs.Draft202012Validator(True)
        return self.compiled({"$ref": f"{BASE}#{quote(place, safe='/~')}"}, direction, keywords)

    def compiled(
        self, schema: Any, direction: Direction, keywords: Keywords | None = None
    ) -> jsonschema_rs.Draft202012Validator:
        """A schema whose references into the document begin with `BASE`."""
        return jsonschema_rs.Draft202012Validator(
            schema,
            registry=self._registry(direction),
            validate_formats=True,
            pattern_options=PATTERNS,
            mask=MASK,
            keywords=keywords or None,
        )

    def matches(self, pattern: str, text: str) -> bool:
        """Whether a pattern of the document, which is one of ECMA-262, is found in a text."""
        if pattern not in self.patterns:
            schema = {"pattern": pattern}
            self.patterns[pattern] = jsonschema_rs.Draft202012Validator(
                schema, pattern_options=PATTERNS
            )
        return self.patterns[pattern].is_valid(text)

    def is_quadratic(self, place: str) -> bool:
        """Whether a value of that schema may take time that grows with the square of its size."""
        if not self._has_quadratic_patterns:
            return False
        seen, waiting = {place}, [place]
        while waiting:
            schema = self.at(waiting.pop())
            if any(is_quadratic(pattern) for pattern in patterns(schema)):
                return True
            further = {place_of(reference) for reference in references(schema)} - seen
            seen |= further
            waiting += further
        return False

    @cached_property
    def _has_quadratic_patterns(self) -> bool:
        return any(is_quadratic(pattern) for pattern in patterns(self.document))

    def _registry(self, direction: Direction) -> jsonschema_rs.Registry:
        if direction not in self.registries:
            viewed = dict(view(self.document, direction))
            self.registries[direction] = jsonschema_rs.Registry([(BASE, viewed)])
        return self.registries[direction]


def patterns(node: Any) -> Iterator[str]:
    """The patterns in a part of a document, and those that tell names apart."""
    for name, child in members(node):
        if name == "pattern" and isinstance(child, str):
            yield child
        elif name == "patternProperties" and isinstance(child, Mapping):
            yield from child
        yield from patterns(child)


def references(node: Any) -> Iterator[str]:
    for name, child in members(node):
        if name == "$ref" and isinstance(child, str):
            yield child
        yield from references(child)


def members(node: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(node, Mapping):
        return node.items()
    return (("", child) for child in node) if isinstance(node, list) else ()
