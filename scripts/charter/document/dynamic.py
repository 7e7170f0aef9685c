"""References that `$dynamicRef` makes, written as plain ones.

A schema with `$dynamicRef` is a template: what the reference leads to depends on the resources
through which the schema was reached, of which the outermost with that `$dynamicAnchor` counts (JSON
Schema 2020-12 core, section 8.2.3.2). For each combination of anchors that a template is reached
with, `components` gets a copy of it, in which the references are plain. Everything else reads them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from charter.document.resources import Resources, schemas
from charter.document.source import DocumentError, Path_, Place
from charter.runtime.normal import DATA, NAMED, unique
from charter.runtime.references import at, pointer, tokens_of

MOST_COPIES = 1_000
TOO_MANY = (
    f"The templates with `$dynamicRef` are filled in with more than {MOST_COPIES} combinations of"
    " anchors: use fewer."
)
Anchors = Mapping[str, Path_]
"""Where the outermost of each name stands."""


def is_dynamic(content: Any) -> bool:
    return any("$dynamicRef" in schema for _, schema in schemas(content))


class Templates:
    """The copies that are made of the templates of a document, whose references are pointers."""

    def __init__(self, content: dict[str, Any], places: dict[Path_, Place]) -> None:
        self.content = content
        self.places = places
        self.resources = Resources(content, "")
        self.copies: dict[tuple[Path_, frozenset[tuple[str, Path_]]], str] = {}
        self.made: dict[str, Any] = {}
        """The new components."""
        self.taken = set(content.get("components", {}).get("schemas", {}))
        self.used: dict[Path_, frozenset[str]] = {}

    def written_out(self) -> dict[str, Any]:
        """The document without `$dynamicRef`, `$dynamicAnchor` and `$id`."""
        made: dict[str, Any] = self._node(self.content, (), {})
        made.setdefault("components", {}).setdefault("schemas", {}).update(self.made)
        return made

    def _node(self, node: Any, tokens: Path_, anchors: Anchors, *, named: bool = False) -> Any:
        if isinstance(node, list):
            return [self._node(one, (*tokens, str(i)), anchors) for i, one in enumerate(node)]
        if not isinstance(node, dict):
            return node
        if not named and tokens in self.resources.by_tokens:
            anchors = {**self.resources.by_tokens[tokens].dynamic, **anchors}
        made = {}
        for name, child in node.items():
            if not named and (name in DATA or name.startswith("x-")):
                made[name] = child
            elif named or name not in ("$dynamicAnchor", "$dynamicRef", "$id"):
                is_map = not named and name in NAMED and isinstance(child, dict)
                made[name] = self._node(child, (*tokens, name), anchors, named=is_map)
        if named:
            return made
        if isinstance(node.get("$ref"), str):
            made["$ref"] = self._reference(tokens_of(node["$ref"]), anchors)
        if isinstance(node.get("$dynamicRef"), str):
            target = tokens_of(node["$dynamicRef"])
            name = at(self.content, target).get("$dynamicAnchor")
            target = anchors.get(name, target) if name is not None else target
            reference = {"$ref": self._reference(target, anchors)}
            made = made | reference if "$ref" not in made else {"allOf": [made, reference]}
        return made

    def _reference(self, target: Path_, anchors: Anchors) -> str:
        """A reference to a node, or to a copy of it where other anchors count than its own."""
        own = self.resources.of(target).dynamic
        names = self._names(target)
        counting = {name: place for name, place in {**own, **anchors}.items() if name in names}
        if all(own.get(name) == place for name, place in counting.items()):
            return f"#{pointer(*target)}"
        key = (target, frozenset(counting.items()))
        if key not in self.copies:
            holder = self.resources.of(next(iter(counting.values()))).tokens
            name = unique(f"{target[-1]}_{holder[-1]}", self.taken, "_")
            self.taken.add(name)
            self.copies[key] = f"#{pointer('components', 'schemas', name)}"
            where = ("components", "schemas", name)
            if len(self.copies) > MOST_COPIES:
                raise DocumentError(self.places[target], TOO_MANY)
            for path in below(at(self.content, target)):
                if (*target, *path) in self.places:
                    self.places[*where, *path] = self.places[*target, *path]
            self.made[name] = self._node(at(self.content, target), target, counting)
        return self.copies[key]

    def _names(self, target: Path_) -> frozenset[str]:
        """The dynamic anchors on which a schema may depend, by any way through its references."""
        if target not in self.used:
            names: set[str] = set()
            seen, waiting = {target}, [target]
            while waiting:
                for is_dynamic, place in references(at(self.content, waiting.pop())):
                    found = [place]
                    name = at(self.content, place).get("$dynamicAnchor") if is_dynamic else None
                    if name is not None:
                        names.add(name)
                        every = self.resources.by_tokens.values()
                        found += [one.dynamic[name] for one in every if name in one.dynamic]
                    waiting += [one for one in found if one not in seen]
                    seen.update(found)
            self.used[target] = frozenset(names)
        return self.used[target]


def below(node: Any, path: Path_ = ()) -> Iterator[Path_]:
    """The paths to all that a node holds, and to itself."""
    yield path
    if isinstance(node, dict | list):
        for name, child in node.items() if isinstance(node, dict) else enumerate(node):
            yield from below(child, (*path, str(name)))


def references(node: Any) -> Iterator[tuple[bool, Path_]]:
    """Whether it is a dynamic one, and where it leads, for each reference in a schema."""
    for _, schema in schemas(node):
        for keyword in ("$ref", "$dynamicRef"):
            if isinstance(schema.get(keyword), str):
                yield keyword == "$dynamicRef", tokens_of(schema[keyword])
