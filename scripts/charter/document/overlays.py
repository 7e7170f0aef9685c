"""OpenAPI Overlays 1.0 and 1.1: changes to a document that stand in files of their own.

An overlay makes a public view of an internal document, say, or the document of one environment. Its
actions are applied one after the other to the whole document, with all files that it consists of.
Every node keeps its place: in the document, or in the overlay that wrote it. Components that the
document used and its view doesn't are no part of the view.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonpath

from charter.document.source import (
    DEEPEST,
    MOST_NODES,
    TOO_DEEP,
    DocumentError,
    Path_,
    Place,
    Source,
    load,
)
from charter.document.usage import Component, components, used

Step = str | int

JSONPATH = jsonpath.JSONPathEnvironment(strict=True)
"""RFC 9535, and names with a hyphen after a dot, which the specification's own examples have."""

VERSION = re.compile(r"1\.[01]\.\d+")
FIELDS: Mapping[str, Mapping[str, tuple[type | None, bool]]] = {
    "overlay": {
        "overlay": (str, True), "info": (dict, True), "extends": (str, False),
        "actions": (list, True),
    },
    "info": {"title": (str, True), "version": (str, True), "description": (str, False)},
    "action": {
        "target": (str, True), "description": (str, False), "update": (None, False),
        "copy": (str, False), "remove": (bool, False),
    },
}  # fmt: skip
"""What each object may have, of which type, and whether it has to."""
KINDS: Mapping[type, str] = {
    str: "text", dict: "an object", list: "a list", bool: "true or false",
}  # fmt: skip

HAS_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


@dataclass(frozen=True)
class Caution:
    """What a document or an overlay says and nothing does, although its author may think so."""

    place: Place
    message: str


# -- a document whose nodes know where they stand -------------------------------------------------


@dataclass(eq=False)
class Node:
    """A value, its place, and the nodes in it: by names in an object, in order in a list."""

    value: Any
    place: Place
    members: dict[str, "Node"] = field(default_factory=dict)
    entries: list["Node"] = field(default_factory=list)

    @property
    def kind(self) -> str:
        return KINDS.get(type(self.value), "a value") if self.is_container else "a value"

    @property
    def is_container(self) -> bool:
        return isinstance(self.value, dict | list)

    def at(self, path: Iterable[Step]) -> "Node":
        node = self
        for step in path:
            node = node.entries[step] if isinstance(step, int) else node.members[step]
        return node

    def put(self, step: Step, node: "Node") -> None:
        """Add a member, or replace a member or an entry."""
        if isinstance(step, int):
            self.entries[step] = node
        else:
            self.members[step] = node
        self.value[step] = node.value

    def append(self, node: "Node") -> None:
        self.entries.append(node)
        self.value.append(node.value)

    def remove(self, step: Step) -> None:
        if isinstance(step, int):
            del self.entries[step]
        else:
            del self.members[step]
        del self.value[step]

    def children(self) -> Iterator[tuple[Step, "Node"]]:
        yield from self.members.items()
        yield from enumerate(self.entries)

    def places(self, path: Path_ = ()) -> Iterator[tuple[Path_, Place]]:
        yield path, self.place
        for step, child in self.children():
            yield from child.places((*path, str(step)))


def tree(value: Any, places: Mapping[Path_, Place], path: Path_, around: Place) -> Node:
    """A copy of a value as nodes; what has no place of its own has that of what is around it."""
    place = places.get(path, around)
    if isinstance(value, dict):
        node = Node({}, place)
        for name, child in value.items():
            node.put(name, tree(child, places, (*path, name), place))
        return node
    if isinstance(value, list):
        node = Node([], place)
        for index, child in enumerate(value):
            node.append(tree(child, places, (*path, str(index)), place))
        return node
    return Node(value, place)


# -- reading overlays -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Action:
    node: Node

    @property
    def target(self) -> Node:
        return self.node.members["target"]

    @property
    def removes(self) -> bool:
        return "remove" in self.node.members and self.node.members["remove"].value is True


@dataclass(frozen=True)
class Overlay:
    file: Path
    extends: Node | None
    actions: Sequence[Action]

    @property
    def document(self) -> Path | None:
        """The file that `extends` names; None where it names none."""
        if self.extends is None or HAS_SCHEME.match(self.extends.value):
            return None
        return self.file.parent / unquote(self.extends.value.partition("#")[0])


def read(file: Path) -> Overlay:
    """Raises DocumentError for what is no Overlay, and NoDocument."""
    source: Source = load(file)
    root = tree(source.content, source.places, (), source.place(()))
    members = checked(root, "overlay", "an overlay")
    version = members["overlay"]
    if not VERSION.fullmatch(version.value):
        raise DocumentError(
            version.place, f"Overlay {version.value} is unknown: write it in 1.1.0 or 1.0.0."
        )
    checked(members["info"], "info", "the `info` of an overlay")
    actions = [action(node, version.value) for node in members["actions"].entries]
    if not actions:
        raise DocumentError(members["actions"].place, "There is no action: add one.")
    refuse_repetition(actions)
    return Overlay(file, members.get("extends"), actions)


def action(node: Node, version: str) -> Action:
    members = checked(node, "action", "an action")
    for name in ("target", "copy"):
        if name in members:
            require_jsonpath(members[name])
    if "copy" in members and version.startswith("1.0."):
        raise DocumentError(members["copy"].place, "`copy` is new in 1.1: write `overlay: 1.1.0`.")
    made = Action(node)
    if {"copy", "update"} <= members.keys() and not made.removes:
        raise DocumentError(members["copy"].place, "`copy` and `update` rule each other out.")
    refuse_references(members.get("update"))
    return made


def checked(node: Node, name: str, what: str) -> dict[str, Node]:
    """The members of an object, which are known, of their types, and complete."""
    if not isinstance(node.value, dict):
        raise DocumentError(node.place, f"This is {node.kind}, and no object: write {what}.")
    fields = FIELDS[name]
    for member, child in node.members.items():
        if member.startswith("x-"):
            continue
        if member not in fields:
            known = ", ".join(fields)
            raise DocumentError(child.place, f"`{member}` means nothing here: use {known}.")
        wanted = fields[member][0]
        if wanted is not None and not isinstance(child.value, wanted):
            hint = ": put it in quotes" if wanted is str and not child.is_container else ""
            raise DocumentError(child.place, f"`{member}` has to be {KINDS[wanted]}{hint}.")
    for member, (_, is_required) in fields.items():
        if is_required and member not in node.members:
            raise DocumentError(node.place, f"`{member}` is missing in {what}: add it.")
    return node.members


def require_jsonpath(node: Node) -> None:
    if not node.value.startswith("$"):
        raise DocumentError(
            node.place, f"`{node.value}` is no JSONPath: begin with the document, `$`."
        )
    try:
        JSONPATH.compile(node.value)
    except jsonpath.JSONPathError as error:
        problem = str(error).splitlines()[0]
        raise DocumentError(
            node.place, f"`{node.value}` is no JSONPath ({problem}): write one, as `$.paths.*.get`."
        ) from None


def refuse_repetition(actions: Sequence[Action]) -> None:
    seen: set[str] = set()
    for one in actions:
        written = json.dumps(one.node.value, sort_keys=True)
        if written in seen:
            raise DocumentError(one.node.place, "The action is there twice: remove one.")
        seen.add(written)


def refuse_references(node: Node | None) -> None:
    """An overlay is applied once all files of the document are in one: it can add none."""
    waiting = [node] if node is not None else []
    while waiting:
        current = waiting.pop()
        reference = current.members.get("$ref")
        if reference is not None and str(reference.value).partition("#")[0]:
            raise DocumentError(
                reference.place,
                f"An overlay can't refer to another file, as by {reference.value}: write here what"
                " that has, or refer to it from the document.",
            )
        waiting += [child for _, child in current.children()]


# -- applying them --------------------------------------------------------------------------------


class Target:
    """The document while actions are applied to it."""

    def __init__(self, root: Node) -> None:
        self.root = root
        self.size = 0
        """How many nodes were copied into it."""
        self.copy: Place | None = None
        """Of the `copy` at work, which answers for nodes that stand elsewhere."""

    def apply(self, action: Action) -> Iterator[Caution]:
        """Raises DocumentError, at the place in the overlay."""
        members = action.node.members
        self.copy = members["copy"].place if "copy" in members else None
        found = self._select(action.target)
        if not found:
            message = f"`{action.target.value}` selects nothing: correct it, or remove the action."
            yield Caution(action.target.place, message)
        elif action.removes:
            self._remove(found, action.target)
        elif "update" in members:
            self._merge(found, members["update"], action.target)
        elif "copy" in members:
            self._merge(found, self._single(members["copy"]), action.target)
        else:
            message = "The action changes nothing: give it `update`, `copy` or `remove: true`."
            yield Caution(action.node.place, message)

    def drop(self, gone: Iterable[Component]) -> None:
        """Remove components, and the sections that are empty then."""
        for section, name in gone:
            sections = self.root.at(["components"])
            sections.at([section]).remove(name)
            if not sections.members[section].members:
                sections.remove(section)
            if not sections.members:
                self.root.remove("components")

    def _select(self, query: Node) -> list[tuple[Step, ...]]:
        """The paths of the selected nodes, each once, in the order of the document."""
        try:
            matches = JSONPATH.finditer(query.value, self.root.value)
            return list(dict.fromkeys(tuple(match.parts) for match in matches))
        except jsonpath.JSONPathError as error:
            problem = str(error).splitlines()[0]
            raise DocumentError(query.place, f"`{query.value}`: {problem}.") from None

    def _single(self, query: Node) -> Node:
        found = self._select(query)
        if len(found) != 1:
            raise DocumentError(
                query.place,
                f"`{query.value}` selects {len(found)} nodes: `copy` takes one.",
            )
        # as it is now, whatever becomes of it while it is merged
        return self._copied(self.root.at(found[0]), 0)

    def _remove(self, found: Iterable[tuple[Step, ...]], query: Node) -> None:
        """From the end, so that no index changes before its turn."""
        for path in sorted(found, reverse=True):
            if not path:
                raise DocumentError(query.place, "The whole document can't be removed.")
            self.root.at(path[:-1]).remove(path[-1])

    def _merge(self, found: Sequence[tuple[Step, ...]], update: Node, query: Node) -> None:
        targets = [self.root.at(path) for path in found]
        if len(kinds := {one.kind for one in targets}) > 1:
            raise DocumentError(
                query.place,
                f"`{query.value}` selects {' and '.join(sorted(kinds))}: select nodes of one kind.",
            )
        for path, target in zip(found, targets, strict=True):
            if isinstance(target.value, list) and not isinstance(update.value, list):
                target.append(self._copied(update, len(path)))
            elif target.is_container or update.is_container:
                self._merge_into(target, update, len(path))
            else:
                self.root.at(path[:-1]).put(path[-1], self._copied(update, len(path)))

    def _merge_into(self, target: Node, update: Node, depth: int) -> None:
        """Objects member by member; lists are joined."""
        if not target.is_container or target.kind != update.kind:
            raise DocumentError(
                self.copy or update.place,
                f"This is {update.kind}, and what it is merged with ({target.place}) is"
                f" {target.kind}: write the same kind, or remove that first.",
            )
        for entry in update.entries:
            target.append(self._copied(entry, depth))
        for name, child in update.members.items():
            there = target.members.get(name)
            if there is None or not (there.is_container or child.is_container):
                target.put(name, self._copied(child, depth))
            else:
                self._merge_into(there, child, depth + 1)

    def _copied(self, node: Node, depth: int) -> Node:
        """What is written into the document, within the bounds of any document."""
        self.size += 1
        if self.size > MOST_NODES:
            place = self.copy or node.place
            raise DocumentError(place, f"This adds more than {MOST_NODES} nodes: add less.")
        if depth > DEEPEST:
            raise DocumentError(self.copy or node.place, TOO_DEEP)
        made = Node(type(node.value)() if node.is_container else node.value, node.place)
        for name, child in node.members.items():
            made.put(name, self._copied(child, depth + 1))
        for entry in node.entries:
            made.append(self._copied(entry, depth + 1))
        return made


@dataclass(frozen=True)
class Overlaid:
    content: Any
    places: dict[Path_, Place]
    cautions: Sequence[Caution]


def overlaid(
    content: Any, places: Mapping[Path_, Place], file: Path, overlays: Iterable[Path]
) -> Overlaid:
    """A document with overlays, applied in their order; the content that is given stays as it is.

    Raises DocumentError for an overlay that is none, or does not fit, and NoDocument.
    """
    target = Target(tree(content, places, (), places[()]))
    cautions: list[Caution] = []
    for overlay in map(read, overlays):
        cautions += misdirected(overlay, file)
        for action in overlay.actions:
            cautions += target.apply(action)
    target.drop(no_longer_used(content, target.root.value))
    return Overlaid(target.root.value, dict(target.root.places()), cautions)


def no_longer_used(before: Any, after: Any) -> Iterator[Component]:
    """Components that nothing in a view leads to, and something in the document does.

    What nothing led to before is as its author wants it, and so is what it refers to.
    """
    if isinstance(before, dict) and isinstance(after, dict):
        known = used(before)
        left = components(after).keys()
        yield from sorted((left & known) - used(after, left - known))


def misdirected(overlay: Overlay, file: Path) -> Iterator[Caution]:
    named = overlay.document
    if overlay.extends is not None and named is not None and named.resolve() != file.resolve():
        message = f"`extends` names {overlay.extends.value}, and this is applied to {file.name}."
        yield Caution(overlay.extends.place, message)


def warn(cautions: Iterable[Caution]) -> None:
    for caution in cautions:
        print(
            f"{caution.place}: warning: {caution.place.telling(caution.message)}", file=sys.stderr
        )
