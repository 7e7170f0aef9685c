"""Changes that are sent as patches: JSON Merge Patch (RFC 7396) and JSON Patch (RFC 6902)."""

import copy
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs

from charter.runtime.references import unescape
from charter.runtime.scalars import DEEPEST

JSON_PATCH = "application/json-patch+json"
MOST_WRITTEN = 200_000
"""Objects, arrays and scalars that the steps of one patch write: a copy in itself doubles."""


class Unpatchable(Exception):
    """A step of a patch doesn't fit what it is applied to; nothing is changed."""


def json_patch(target: Any, patch: Any) -> Any:
    """RFC 6902: all steps, or Unpatchable."""
    whole = {"": copy.deepcopy(target)}  # so that a pointer to all of it has a parent, too
    left = MOST_WRITTEN
    for number, step in enumerate(patch if isinstance(patch, list) else [patch]):
        try:
            left -= apply(whole, step)
        except (LookupError, TypeError, ValueError):
            raise Unpatchable(f"Step {number} of the patch doesn't fit what is there.") from None
        if left < 0:
            raise Unpatchable(f"The patch writes more than {MOST_WRITTEN} values.")
    return whole.get("")


def apply(whole: Any, step: Any) -> int:
    """How many values it writes."""
    match step:
        case {"op": "add", "path": path, "value": value}:
            return add(whole, path, value)
        case {"op": "remove", "path": path}:
            remove(whole, path)
        case {"op": "replace", "path": path, "value": value}:
            remove(whole, path)
            return add(whole, path, value)
        case {"op": "move", "from": source, "path": path}:
            return add(whole, path, remove(whole, source))
        case {"op": "copy", "from": source, "path": path}:
            parent, name = located(whole, source)
            return add(whole, path, copy.deepcopy(parent[name]))
        case {"op": "test", "path": path, "value": value}:
            parent, name = located(whole, path)
            if not jsonschema_rs.is_valid({"const": value}, parent[name]):  # 1 is no true
                raise ValueError(path)
        case _:
            raise ValueError(step)
    return 0


def add(whole: Any, path: str, value: Any) -> int:
    """How many values that are. Raises ValueError for what would be too deep to be judged."""
    parent, name = located(whole, path)
    written = list(depths(value, path.count("/")))
    if max(written) > DEEPEST:
        raise ValueError(path)
    if not isinstance(parent, list):
        parent[name] = value
    elif name > len(parent):
        raise IndexError(path)
    else:
        parent.insert(name, value)
    return len(written)


def depths(value: Any, depth: int) -> Iterator[int]:
    """Of each value in it."""
    waiting = [(value, depth)]
    while waiting:
        current, depth = waiting.pop()
        yield depth
        if isinstance(current, dict | list):
            children = current.values() if isinstance(current, dict) else current
            waiting += [(child, depth + 1) for child in children]


def remove(whole: Any, path: str) -> Any:
    parent, name = located(whole, path)
    return parent.pop(name)


def located(whole: Any, path: str) -> tuple[Any, Any]:
    """What holds the value at a JSON Pointer (RFC 6901), and under what."""
    if path and not path.startswith("/"):
        raise ValueError(path)
    *way, last = path.split("/")
    parent = whole
    for part in way:
        parent = parent[key(parent, part)]
    return parent, key(parent, last)


def key(parent: Any, part: str) -> Any:
    if isinstance(parent, dict):
        return unescape(part)
    if isinstance(parent, list) and re.fullmatch("-|0|[1-9][0-9]*", part):
        return len(parent) if part == "-" else int(part)
    raise ValueError(part)
