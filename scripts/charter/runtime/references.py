"""JSON Pointers (RFC 6901) and the references of a document to its own parts."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote

INDEX = re.compile(r"0|[1-9][0-9]{0,9}")
"""An index of an array in a JSON Pointer (RFC 6901 section 4)."""


def pointer(*tokens: str | int) -> str:
    """The JSON Pointer of these tokens."""
    return "".join(f"/{escape(str(token))}" for token in tokens)


def escape(token: str) -> str:
    return token.replace("~", "~0").replace("/", "~1")


def tokens(place: str) -> tuple[str, ...]:
    """The tokens of a JSON Pointer."""
    return tuple(map(unescape, place.split("/")[1:]))


def unescape(token: str) -> str:
    return token.replace("~1", "/").replace("~0", "~")


def place_of(reference: str) -> str:
    """The JSON Pointer in the fragment of a reference (RFC 6901 section 6)."""
    return unquote(reference.partition("#")[2])


def tokens_of(reference: str) -> tuple[str, ...]:
    """The tokens of the JSON Pointer in the fragment of a reference."""
    return tokens(place_of(reference))


def member(node: Any, token: str | int) -> Any:
    """The member or entry of a node that a token names. Raises LookupError."""
    if isinstance(node, Mapping):
        return node[str(token)]
    if isinstance(node, list) and INDEX.fullmatch(str(token)):
        return node[int(token)]
    raise LookupError(token)


def at(node: Any, path: Iterable[str | int]) -> Any:
    """What the tokens of a path lead to, from a node. Raises LookupError."""
    for token in path:
        node = member(node, token)
    return node


def has(node: Any, path: Iterable[str | int]) -> bool:
    """Whether the tokens of a path lead anywhere."""
    try:
        at(node, path)
    except LookupError:
        return False
    return True


def resolve(document: Any, node: Any) -> Any:
    """What a node is once its references are followed. Raises LookupError."""
    while isinstance(node, Mapping) and isinstance(node.get("$ref"), str):
        node = at(document, tokens_of(node["$ref"]))
    return node


def locate(document: Any, place: str) -> str:
    """Where a node stands once its references are followed. Raises LookupError."""
    node = at(document, tokens(place))
    while isinstance(node, Mapping) and isinstance(node.get("$ref"), str):
        place = place_of(node["$ref"])
        node = at(document, tokens(place))
    return place


def objects(node: Any) -> Iterator[Mapping[str, Any]]:
    """Every object in a node, outer ones first, in the order of the text."""
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Mapping):
            yield node
            waiting += [*node.values()][::-1]
        elif isinstance(node, list):
            waiting += node[::-1]


def references(node: Any) -> Iterator[str]:
    """Every reference in a node."""
    return (one["$ref"] for one in objects(node) if isinstance(one.get("$ref"), str))


def rebuilt(node: Any, change: Callable[[dict[str, Any]], Any]) -> Any:
    """A copy of a node in which every object is changed, inner ones first."""
    if isinstance(node, list):
        return [rebuilt(child, change) for child in node]
    if not isinstance(node, Mapping):
        return node
    return change({name: rebuilt(child, change) for name, child in node.items()})


def absolute(schema: Any, base: str) -> Any:
    """A copy of a schema that may stand outside of the document: its references begin with `base`,
    the URI of the document."""

    def based(node: dict[str, Any]) -> dict[str, Any]:
        reference = node.get("$ref")
        if isinstance(reference, str) and reference.startswith("#"):
            node["$ref"] = base + quote(reference, safe="#/~%")
        return node

    return rebuilt(schema, based)
