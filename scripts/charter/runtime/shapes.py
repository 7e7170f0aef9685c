"""What text may mean, as a schema says it: parameters and forms arrive as text."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

from .judge import Judge
from .references import place_of
from .scalars import parse_json, read

COMBINING = ("allOf", "anyOf", "oneOf")
CONDITIONAL = ("then", "else")
Raw = str | list["Raw"] | dict[str, "Raw"]
"""Text, in the structure that its style gave it."""


class Shape:
    """The types of a value, of its elements, and of its members, in any of its alternatives.

    The shapes of members are kept, once for each combination of schemas: a request asks for
    thousands of them.
    """

    def __init__(self, judge: Judge, *schemas: Any) -> None:
        self.judge = judge
        self.parts = list(alternatives(judge, schemas))

    def _of(self, schemas: Iterable[Any]) -> "Shape":
        """The shape of schemas that stand in the document."""
        parts = tuple(schema for schema in schemas if isinstance(schema, Mapping))
        key = tuple(map(id, parts))
        if key not in self.judge.shapes:
            self.judge.shapes[key] = Shape(self.judge, *parts)
        return self.judge.shapes[key]

    @cached_property
    def types(self) -> frozenset[str]:
        """The declared JSON types; those of the values, where only values are declared."""
        types: set[str] = set()
        for part in self.parts:
            declared = part.get("type", ())
            types.update([declared] if isinstance(declared, str) else declared)
        return frozenset(types or (name for part in self.parts for name in implied_types(part)))

    @property
    def is_array(self) -> bool:
        return "array" in self.types

    @property
    def is_object(self) -> bool:
        return "object" in self.types

    @property
    def is_scalar(self) -> bool:
        """Whether it may be a single value."""
        return not self.types or bool(self.types - {"array", "object"})

    @cached_property
    def names(self) -> frozenset[str]:
        """The members that are declared."""
        return frozenset(name for part in self.parts for name in part.get("properties", ()))

    @cached_property
    def required(self) -> frozenset[str]:
        return frozenset(name for part in self.parts for name in part.get("required", ()))

    @cached_property
    def is_open(self) -> bool:
        """Whether it admits members that are not declared."""
        return not any(part.get("additionalProperties") is False for part in self.parts)

    @cached_property
    def element(self) -> "Shape":
        schemas = [part["items"] for part in self.parts if "items" in part]
        tuples = [schema for part in self.parts for schema in part.get("prefixItems", ())]
        return self._of([*schemas, *tuples])

    def member(self, name: str) -> "Shape":
        declared = [
            part["properties"][name] for part in self.parts if name in part.get("properties", {})
        ]
        return self._of(declared or self._undeclared(name))

    def _undeclared(self, name: str) -> Iterator[Any]:
        for part in self.parts:
            for pattern, schema in part.get("patternProperties", {}).items():
                if self.judge.matches(pattern, name):
                    yield schema
            yield part.get("additionalProperties")

    def value(self, raw: Raw) -> Any:
        """The value that the text spells, where the shape may mean one; else the text itself."""
        if isinstance(raw, dict):
            return {name: self.member(name).value(child) for name, child in raw.items()}
        if isinstance(raw, list):
            return [self.element.value(child) for child in raw]
        if not self.is_scalar and self.is_array:
            return [self.element.value(raw)]
        return read(raw, self.types)

    def whole(self, text: str) -> Any:
        """The value that a body of text spells: an object or a list stands in it as JSON."""
        if self.is_array or self.is_object:
            with suppress(ValueError, RecursionError):
                value = parse_json(text.encode())
                if type_of(value) in self.types:
                    return value
        return self.value(text)


def alternatives(judge: Judge, schemas: tuple[Any, ...]) -> Iterator[Mapping[str, Any]]:
    """Every schema that may apply to the same value: through references and combinations."""
    waiting = list(schemas)
    seen: set[int] = set()
    while waiting:
        schema = waiting.pop(0)
        if not isinstance(schema, Mapping) or id(schema) in seen:
            continue
        seen.add(id(schema))
        yield schema
        if isinstance(schema.get("$ref"), str):
            waiting.append(judge.at(place_of(schema["$ref"])))
        for keyword in COMBINING:
            waiting.extend(schema.get(keyword, ()))
        for keyword in CONDITIONAL:
            waiting.append(schema.get(keyword))


def implied_types(schema: Mapping[str, Any]) -> Iterator[str]:
    """The JSON types of what a schema describes that declares none."""
    if "properties" in schema or "additionalProperties" in schema:
        yield "object"
    if "items" in schema or "prefixItems" in schema:
        yield "array"
    yield from map(type_of, values_of(schema))


def values_of(schema: Mapping[str, Any]) -> list[Any]:
    """Those that a schema lists."""
    return [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else ())]


def type_of(value: Any) -> str:
    """The JSON type of a value."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
