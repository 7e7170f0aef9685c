"""Lists that come in pages, recognised by the names that documents use for cursors."""

from collections.abc import Mapping
from typing import TypeVar

from charter.runtime.shapes import Shape

CURSORS = frozenset({"cursor", "page_token", "pagetoken", "after", "starting_after"})
"""Query parameters that say where a page begins, in lower case."""

Declared = TypeVar("Declared")


def named(query: Mapping[str, Declared], names: frozenset[str]) -> Declared | None:
    return next((one for name, one in query.items() if name.lower() in names), None)


def rows_of(shape: Shape) -> tuple[str | None, Shape | None]:
    """The rows of a list: the answer's elements, or those of its only member that is an array."""
    if shape.is_array:
        return None, shape.element
    arrays = [name for name in sorted(shape.names) if shape.member(name).is_array]
    if len(arrays) != 1:
        return None, None
    return arrays[0], shape.member(arrays[0]).element


def following(shape: Shape, cursor: str | None) -> str | None:
    """The member of the answer that is the next page's cursor."""
    if cursor is None:
        return None
    wanted = cursor.lower().replace("_", "")
    for name in sorted(shape.names):
        plain = name.lower().replace("_", "")
        if plain.startswith("next") and plain.endswith(wanted):
            return name
    return None
