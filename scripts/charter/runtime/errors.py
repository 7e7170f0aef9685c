"""Says what went wrong in the shape that the document declares for it.

Errors are problem documents (RFC 9457). Where an operation declares JSON or text of another shape
for a status, what the problem says is put into that shape.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from .parts import essence
from .replies import ContentSpec, ResponseSpec
from .shapes import Shape, type_of, values_of
from .xml import Unwritable, write

PROBLEM = "application/problem+json"
DEEPEST = 8
"""Levels that are filled; a shape that requires more may require itself."""
Members = Callable[[Shape, Mapping[str, Any]], frozenset[str]]

MEMBERS: tuple[Members, ...] = (
    lambda shape, said: shape.names if not shape.required else alike(shape, said),
    lambda shape, said: alike(shape, said),
    lambda shape, said: shape.required,
)
"""Which members of an object are filled, the most telling first; the first valid value is sent."""


def alike(shape: Shape, said: Mapping[str, Any]) -> frozenset[str]:
    """The members that are required, and those that a problem has as well."""
    return shape.required | (shape.names & said.keys())


def is_problem(response: Response) -> bool:
    return essence(response.headers.get("content-type", "")) == PROBLEM


def restated(spec: ResponseSpec, problem: Response) -> Response:
    """The problem in a declared shape; unchanged where it fits, or where no shape can be filled."""
    said = json.loads(bytes(problem.body))
    ours = spec.content(PROBLEM)
    if not spec.contents or (ours is not None and not any(ours.faults(bytes(problem.body)))):
        return problem
    for content in spec.contents.values():
        for body in bodies(content, said):
            if not any(content.faults(body)):
                return with_body(problem, body, content.media_type)
    return problem


def bodies(content: ContentSpec, said: Mapping[str, Any]) -> Iterator[bytes]:
    """What the media type could hold of a problem."""
    if content.is_json:
        for members in MEMBERS:
            yield json.dumps(filled(content.shape, said, members)).encode()
    elif content.root is not None:
        for members in MEMBERS:
            with suppress(Unwritable):
                yield write(content.root, filled(content.shape, said, members))
    elif content.is_plain:
        yield str(said["detail"]).encode()


def filled(
    shape: Shape, said: Mapping[str, Any], members: Members, name: str = "", level: int = 0
) -> Any:
    """A value of a shape: members that a problem has as well are its own, texts say its detail."""
    listed = [value for part in shape.parts for value in values_of(part)]
    own = said.get(name)
    if listed:
        return own if own in listed else listed[0]
    if own is not None and type_of(own) in shape.types and type_of(own) != "object":
        return own
    if shape.is_object and level < DEEPEST:
        chosen = sorted(members(shape, said))
        return {each: filled(shape.member(each), said, members, each, level + 1) for each in chosen}
    if shape.is_array:
        element = [filled(shape.element, said, members, name, level + 1)]
        return element if level < DEEPEST else []
    return scalar(shape, said)


def scalar(shape: Shape, said: Mapping[str, Any]) -> Any:
    formats = {part.get("format") for part in shape.parts}
    if formats & {"uri", "uri-reference"}:
        return said["type"]
    if "date-time" in formats:
        return datetime.now(UTC).isoformat()
    if not shape.types or "string" in shape.types:
        return said["detail"]
    if shape.types & {"integer", "number"}:
        return said["status"]
    return False if "boolean" in shape.types else None


def with_body(problem: Response, body: bytes, media_type: str) -> Response:
    """The same response with another body; a header that is there twice stays so."""
    response = Response(body, problem.status_code, media_type=media_type)
    of_body = {name for name, _ in response.raw_headers}
    response.raw_headers += [one for one in problem.raw_headers if one[0] not in of_body]
    return response
