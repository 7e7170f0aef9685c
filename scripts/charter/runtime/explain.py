"""Says what is wrong with a value that a schema refuses, at a cost that has a bound.

To judge a value is cheap, to build all its violations is not: each costs up to 60 microseconds, and
a body of 1 MiB can hold half a million of them. A value of at most `FEW` members is explained
whole. Of a larger one, an excerpt that the validator refuses too is explained, and only those of
its violations are listed that the whole value has.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import jsonschema_rs
from pydantic import ValidationError

from .faults import Fault
from .judge import MASK
from .references import pointer

FEW = 100
"""Members that are explained at once: with 30 alternatives for each of them in 20 ms."""
MOST_FAULTS = 20
LARGEST_ANSWER = 12_000
"""Characters of all faults together, as JSON."""

OF_THE_WHOLE = frozenset(
    {
        "anyOf", "const", "contains", "enum", "minItems", "minProperties", "not", "oneOf",
        "unevaluatedItems", "unevaluatedProperties",
    }
)  # fmt: skip
"""Kinds of violations that an excerpt may have although the whole value has not."""
OF_A_POSITION = frozenset({"else", "prefixItems", "then", "unevaluatedItems"})
"""Keywords below which a schema applies only if other members are where they were."""

Path = tuple[str | int, ...]


def faults(
    validator: jsonschema_rs.Draft202012Validator, value: Any, place: str, prefix: str = ""
) -> Iterator[Fault]:
    """What is wrong with a value: all of it if the value is small, else at least one fault."""
    if size(value) <= FEW:
        for error in validator.iter_errors(value):
            yield from faults_of(error, place, prefix, tuple(error.instance_path))
    elif not validator.is_valid(value):
        excerpt = Excerpt(validator, value)
        explained = list(excerpt.faults(place, prefix))
        yield from explained or [Fault(place, prefix + pointer(*excerpt.focus), UNEXPLAINED)]


UNEXPLAINED = "does not match the API description and is too large to explain"


def size(value: Any) -> int:
    """How many values are in it, counted up to `FEW` and one more."""
    waiting, seen = [value], 0
    while waiting and seen <= FEW:
        seen += 1
        node = waiting.pop()
        children = node.values() if isinstance(node, dict) else node
        if isinstance(node, dict | list):
            waiting.extend(islice(children, FEW + 1))
    return seen


class Excerpt:
    """A part of a value that a validator refuses as well.

    The largest lists are halved first, as long as one of the halves is refused. Then whatever is
    beyond `FEW` values is left out, breadth first, so that what lies near the root stays.
    """

    def __init__(self, validator: jsonschema_rs.Draft202012Validator, value: Any) -> None:
        self.validator = validator
        self.whole = value
        self.offsets: dict[Path, int] = {}
        """Where a list of the excerpt begins in the value."""
        self.cut: set[Path] = set()
        """What has lost members, by its path in the excerpt."""
        self.focus: Path = ()
        """The innermost list that holds a violation, by its path in the value."""
        self.value = self._pruned(self._narrowed(value, lambda node: node, ()))

    def faults(self, place: str, prefix: str) -> Iterator[Fault]:
        for error in self.validator.iter_errors(self.value):
            if self._is_of_the_value(error):
                yield from faults_of(error, place, prefix, self._origin(error.instance_path))

    def _narrowed(self, node: Any, root: Callable[[Any], Any], path: Path) -> Any:
        """The node with its lists halved; `root` puts a node in its place in the whole value."""
        if size(node) <= FEW:
            return node
        if isinstance(node, list):
            low, high = self._refused_part(node, root)
            self.offsets[path] = low
            self._note_cut(path, high - low < len(node))
            self.focus = self._origin(path)
            node = node[low:high]
            if len(node) == 1:
                return [self._narrowed(node[0], lambda child: root([child]), (*path, 0))]
        elif isinstance(node, dict) and len(node) <= FEW:
            for name in node:
                node = node | {name: self._narrowed_member(node, name, root, path)}
        return node

    def _narrowed_member(
        self, node: dict[str, Any], name: str, root: Callable[[Any], Any], path: Path
    ) -> Any:
        return self._narrowed(node[name], lambda child: root(node | {name: child}), (*path, name))

    def _refused_part(self, items: list[Any], root: Callable[[Any], Any]) -> tuple[int, int]:
        """The bounds of a short slice that is refused; of all if no half is refused.

        Halves the slice until it is short or its violation needs both halves.
        """
        low, high = 0, len(items)
        while high - low > 1 and size(items[low:high]) > FEW // 4:
            middle = (low + high) // 2
            if not self.validator.is_valid(root(items[low:middle])):
                high = middle
            elif not self.validator.is_valid(root(items[middle:high])):
                low = middle
            else:
                break
        return low, high

    def _pruned(self, value: Any) -> Any:
        """A copy of the first `FEW` values, breadth first."""
        root: list[Any] = [value]
        waiting: list[tuple[Any, Any, Path]] = [(root, 0, ())]
        left = FEW
        for parent, key, path in waiting:  # which grows as it is read
            node = parent[key]
            if not isinstance(node, dict | list):
                continue
            kept: Any = node[:left] if isinstance(node, list) else dict(islice(node.items(), left))
            left -= len(kept)
            self._note_cut(path, len(kept) < len(node))
            parent[key] = kept
            keys: Iterable[Any] = kept if isinstance(kept, dict) else range(len(kept))
            waiting.extend((kept, child, (*path, child)) for child in keys)
        return root[0]

    def _note_cut(self, path: Path, is_cut: bool) -> None:
        if is_cut:
            self.cut.add(path)

    def _is_of_the_value(self, error: jsonschema_rs.ValidationError) -> bool:
        """Whether the whole value has the violation, too."""
        if not self.cut:
            return True
        path = tuple(error.instance_path)
        if OF_A_POSITION & set(error.schema_path):
            return False
        if error.kind.name == "required":
            return error.kind.as_dict()["property"] not in self._original(path)
        is_cut = any(cut[: len(path)] == path for cut in self.cut)
        return not is_cut or error.kind.name not in OF_THE_WHOLE

    def _origin(self, path: Sequence[str | int]) -> Path:
        """The path in the whole value."""
        return tuple(
            token + self.offsets.get(tuple(path[:index]), 0) if isinstance(token, int) else token
            for index, token in enumerate(path)
        )

    def _original(self, path: Path) -> Any:
        node = self.whole
        for token in self._origin(path):
            node = node[token]
        return node


def faults_of(
    error: jsonschema_rs.ValidationError, place: str, prefix: str, path: Path
) -> Iterator[Fault]:
    where = prefix + pointer(*path)
    match error.kind.as_dict():
        case {"unexpected": _} if error.kind.name == "unevaluatedItems":  # which are values
            yield Fault(place, where, "has items that are not allowed", error.kind.name)
        case {"unexpected": unexpected}:
            for name in unexpected:
                yield Fault(
                    place, where + pointer(name), "is not an allowed property", error.kind.name
                )
        case _ if error.kind.name == "falseSchema":
            yield Fault(place, where, "is not allowed", error.kind.name)
        case {"property": name} if error.kind.name == "required":
            yield Fault(place, where + pointer(name), "is required", "required")
        case _:
            yield Fault(place, where, sentence(error.message), error.kind.name)


def sentence(message: str) -> str:
    """The message without its subject, which the pointer names."""
    return message.removeprefix(MASK).strip()


def first(violations: Iterable[Fault]) -> list[Fault]:
    """The faults that an answer lists: at most `MOST_FAULTS`, and no more than it can hold."""
    listed: list[Fault] = []
    length = 0
    for fault in islice(violations, MOST_FAULTS):
        length += len(json.dumps(fault.as_json()))
        if listed and length > LARGEST_ANSWER:
            break
        listed.append(fault)
    return listed


def unrepresentable(place: str, prefix: str, error: ValidationError) -> list[Fault]:
    """For what the schema admits and Python's type can't hold: the year 0000, 23:59:60."""
    return [
        Fault(place, prefix + pointer(*item["loc"]), "can't be represented here")
        for item in error.errors(include_input=False, include_url=False)
    ]
