"""What is done to a member at a path of its own: `POST /orders/{id}/cancel`, or `{id}:cancel`."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from charter.document.listings import words
from charter.runtime.shapes import Shape

ACTION = re.compile(r"(?P<member>/.*\{[^{}]*\})[/:](?P<verb>[\w-]+)")
METHODS = ("POST", "PUT", "PATCH", "DELETE")


def state_after(verb: str, method: str, shape: Shape, now: str) -> dict[str, Any]:
    """The members of an object that an action changes, as far as their names and values tell.

    `cancel` sets a member to the one of its listed values that is `cancelled`, a boolean member
    `cancelled` to true, and a time `cancelled_at` to now. DELETE, and a verb that begins with `un`,
    set the boolean to false and the time to null.
    """
    undone = verb.lower().startswith("un") and len(verb) > len("un") + 1
    done = participle(words(verb)[-1].removeprefix("un") if undone else words(verb)[-1])
    undone = undone or method == "DELETE"
    changes: dict[str, Any] = {}
    for name in sorted(shape.names):
        changes.update(change_of(name, shape.member(name), done, now, is_undone=undone))
    return changes


def participle(verb: str) -> re.Pattern[str]:
    """`cancel` itself, `canceled`, `cancelled`; `close`, `closed`; `copy`, `copied`."""
    stem = re.escape(re.sub("[ey]$", "", verb))
    double = re.escape(verb[-1])
    return re.compile(f"{re.escape(verb)}|{stem}(i?ed|{double}ed)", re.IGNORECASE)


def change_of(
    name: str, member: Shape, done: re.Pattern[str], now: str, *, is_undone: bool
) -> Iterator[tuple[str, Any]]:
    parts = words(name)
    is_about = done.fullmatch(parts[-1]) or (len(parts) > 1 and done.fullmatch(parts[-2]))
    if is_about and "boolean" in member.types:
        yield name, not is_undone
    elif is_about and any(part.get("format") == "date-time" for part in member.parts):
        if not is_undone or "null" in member.types:
            yield name, None if is_undone else now
    elif not is_undone:
        values = [value for part in member.parts for value in part.get("enum", ())]
        found = [one for one in values if isinstance(one, str) and done.fullmatch(one)]
        yield from ((name, value) for value in found[:1])


def shows(shape: Shape, member: Shape) -> bool:
    """Whether an answer shows a member: both refer to the same schema."""
    return bool({id(part) for part in shape.parts} & {id(part) for part in member.parts})


def parsed(path: str) -> Mapping[str, str] | None:
    """The path of the member and the verb; None where the path is that of no action."""
    found = ACTION.fullmatch(path)
    return found.groupdict() if found else None
