"""Schema resources (JSON Schema 2020-12 core, section 4.3.5): what `$id` and the anchors name."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from charter.document.source import Path_
from charter.runtime.normal import DATA, NAMED

ROOTS = frozenset({"itemSchema", "schema"})
"""Keywords of OpenAPI that hold a schema, which is a resource even without an `$id`."""


@dataclass
class Resource:
    """A schema that is no part of another one, or that has an `$id`; or a whole file."""

    uri: str
    tokens: Path_
    anchors: dict[str, Path_] = field(default_factory=dict)
    """Where each `$anchor` and `$dynamicAnchor` of it stands."""
    dynamic: dict[str, Path_] = field(default_factory=dict)
    """Those that `$dynamicRef` looks for."""


class Resources:
    """All resources of a file, whose own URI is the base of theirs."""

    def __init__(self, content: Any, uri: str) -> None:
        self.by_tokens: dict[Path_, Resource] = {}
        self.by_uri: dict[str, Resource] = {}
        """Those with a URI of their own."""
        self.repeated: list[Path_] = []
        """Anchors of a name that another one has in the same resource."""
        for tokens, schema in schemas(content):
            outer = self.of(tokens[:-1]) if tokens else None
            own = schema.get("$id", schema.get("$self"))
            if outer is None or isinstance(own, str) or is_root(tokens):
                base = uri if outer is None else outer.uri
                made = joined(base, own) if isinstance(own, str) else base
                self.by_tokens[tokens] = Resource(made.partition("#")[0], tokens)
            if isinstance(own, str):
                self.by_uri[self.by_tokens[tokens].uri] = self.by_tokens[tokens]
            resource = self.of(tokens)
            for keyword in ("$anchor", "$dynamicAnchor"):
                if isinstance(schema.get(keyword), str):
                    if schema[keyword] in resource.anchors:
                        self.repeated.append((*tokens, keyword))
                    resource.anchors[schema[keyword]] = tokens
            if isinstance(schema.get("$dynamicAnchor"), str):
                resource.dynamic[schema["$dynamicAnchor"]] = tokens

    def of(self, tokens: Path_) -> Resource:
        """The innermost that holds a node."""
        while tokens not in self.by_tokens:
            tokens = tokens[:-1]
        return self.by_tokens[tokens]

    def anchor(self, name: str, tokens: Path_) -> Path_ | None:
        """Where an anchor stands that is named at a node: in its resource, else in any."""
        every = (self.of(tokens), *self.by_tokens.values())
        return next((one.anchors[name] for one in every if name in one.anchors), None)


def joined(base: str, reference: str) -> str:
    """The URI that a reference names (RFC 3986 section 5); one that is none stays as it is."""
    try:
        return urljoin(base, reference)
    except ValueError:
        return reference


def is_root(tokens: Path_) -> bool:
    return tokens[-1] in ROOTS or tokens[-3:-1] == ("components", "schemas")


def schemas(node: Any, tokens: Path_ = (), *, named: bool = False) -> Iterator[tuple[Path_, Any]]:
    """Every object whose members are keywords, outer ones first; a file is one in any case."""
    if isinstance(node, list):
        for index, child in enumerate(node):
            yield from schemas(child, (*tokens, str(index)))
    elif isinstance(node, dict):
        if not named or not tokens:
            yield tokens, node
        for name, child in node.items():
            if named or not (name in DATA or name.startswith("x-")):
                is_map = not named and name in NAMED and isinstance(child, dict)
                yield from schemas(child, (*tokens, name), named=is_map)
    elif not tokens:
        yield tokens, {}
