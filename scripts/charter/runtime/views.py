"""The document as a request and as a response is judged by it.

What a schema requires and marks `readOnly` is required of responses alone; what it marks
`writeOnly` is required of requests alone, and no response may hold it (OpenAPI 3.1 "Schema
Object", JSON Schema 2020-12 validation section 9.4).
"""

from collections.abc import Mapping, Set
from enum import StrEnum
from typing import Any

from .normal import DATA, NAMED
from .references import at, objects, tokens_of


class Direction(StrEnum):
    """Who sends what is judged; the mark of what the other side alone sends."""

    REQUEST = "readOnly"
    RESPONSE = "writeOnly"


def view(document: Mapping[str, Any], direction: Direction) -> Mapping[str, Any]:
    """The document itself, where nothing in it depends on the direction."""
    if not any(one.get(direction) is True for one in objects(document)):
        return document
    forbids = direction is Direction.RESPONSE
    viewed: dict[str, Any] = View(document, {direction}, forbids=forbids).of(document)
    return viewed


def either(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with nothing required that only one of both sides sends."""
    viewed: dict[str, Any] = View(document, set(Direction), forbids=False).of(document)
    return viewed


class View:
    """Requires nothing that bears one of the marks, and forbids it, too, if asked to."""

    def __init__(self, document: Mapping[str, Any], marks: Set[str], *, forbids: bool) -> None:
        self.document = document
        self.marks = marks
        self.forbids = forbids

    def of(self, node: Any, hidden: frozenset[str] = frozenset(), *, named: bool = False) -> Any:
        if isinstance(node, list):
            return [self.of(child, hidden) for child in node]
        if not isinstance(node, Mapping):
            return node
        if named:
            return {name: self.of(child) for name, child in node.items()}
        hidden = hidden | self._marked(node, set())
        return {name: self._keyword(name, child, hidden) for name, child in node.items()}

    def _keyword(self, name: str, child: Any, hidden: frozenset[str]) -> Any:
        if name in DATA or name.startswith("x-"):
            return child
        if name == "required" and isinstance(child, list):
            return [required for required in child if required not in hidden]
        if name == "properties" and isinstance(child, Mapping):
            return {member: self._member(schema) for member, schema in child.items()}
        # the alternatives of a schema speak of the same members as the schema itself
        passed = hidden if name in ("allOf", "anyOf", "oneOf") else frozenset()
        return self.of(child, passed, named=name in NAMED)

    def _member(self, schema: Any) -> Any:
        if self.forbids and self._is_hidden(schema):
            return False
        return self.of(schema)

    def _marked(self, schema: Mapping[str, Any], seen: set[int]) -> frozenset[str]:
        """The members that a schema marks, in any of the schemas that it is made of."""
        if id(schema) in seen:
            return frozenset()
        seen.add(id(schema))
        members = schema.get("properties")
        marked = {
            name
            for name, child in (members.items() if isinstance(members, Mapping) else ())
            if self._is_hidden(child)
        }
        parts = schema.get("allOf")
        for part in [schema, *(parts if isinstance(parts, list) else ())]:
            resolved = self._resolve(part)
            if isinstance(resolved, Mapping):
                marked |= self._marked(resolved, seen)
        return frozenset(marked)

    def _is_hidden(self, schema: Any) -> bool:
        seen: set[int] = set()
        while isinstance(schema, Mapping) and id(schema) not in seen:
            seen.add(id(schema))
            if any(schema.get(mark) is True for mark in self.marks):
                return True
            parts = schema.get("allOf")
            if isinstance(parts, list) and any(self._is_hidden(part) for part in parts):
                return True
            schema = self._target(schema)
        return False

    def _resolve(self, schema: Any) -> Any:
        target = self._target(schema) if isinstance(schema, Mapping) else None
        return schema if target is None else target

    def _target(self, schema: Mapping[str, Any]) -> Any:
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return None
        return at(self.document, tokens_of(reference))
