"""Every place where OpenAPI allows a reference, as documents that have one there."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Tokens = tuple[str | int, ...]
OBJECT = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
GET = ("paths", "/a", "get")
POST = ("paths", "/a", "post")
OK = (*GET, "responses", "200")
JSON_ = "application/json"
RESPONSE = {"description": "Fine.", "content": {JSON_: {"schema": OBJECT}}}
ITEM = {"get": {"responses": {"204": {"description": "Done."}}}}
QUERY = {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 5}}
HEADER = {"description": "How many.", "schema": {"type": "integer"}}
EXAMPLE = {"summary": "Three.", "value": {"n": 3}}
NUMBER = {"summary": "Three.", "value": 3}
LINK = {"operationId": "read"}
CALLBACK = {"{$request.body#/url}": {"post": {"responses": {"200": {"description": "Taken."}}}}}
FORM = "multipart/form-data"


@dataclass(frozen=True)
class Place:
    """One place, and what may be referred to there."""

    name: str
    path: Tokens
    kind: str
    """The member of `components` that the target belongs into."""
    target: Mapping[str, Any]
    since: str = "3.0"
    around: Mapping[str, Any] | None = None
    """What has to stand beside a reference in its object."""


PLACES: Sequence[Place] = (
    Place("a response", OK, "responses", RESPONSE),
    Place("a parameter of an operation", (*GET, "parameters", 0), "parameters", QUERY),
    Place("a parameter of a path", ("paths", "/a", "parameters", 0), "parameters", QUERY),
    Place("a request body", (*POST, "requestBody"), "requestBodies",
          {"content": {JSON_: {"schema": OBJECT}}}),
    Place("a header of a response", (*OK, "headers", "X-Count"), "headers", HEADER),
    Place("a header of an encoding",
          (*POST, "requestBody", "content", FORM, "encoding", "n", "headers", "X-Count"),
          "headers", HEADER),
    Place("an example of a body", (*OK, "content", JSON_, "examples", "one"), "examples", EXAMPLE),
    Place("an example of a parameter", (*GET, "parameters", 0, "examples", "one"), "examples",
          NUMBER, around={"name": "limit", "in": "query", "schema": {"type": "integer"}}),
    Place("an example of a header", (*OK, "headers", "X-Count", "examples", "one"), "examples",
          NUMBER, around={"schema": {"type": "integer"}}),
    Place("a link of a response", (*OK, "links", "again"), "links", LINK),
    Place("a callback of an operation", (*POST, "callbacks", "done"), "callbacks", CALLBACK),
    Place("a path", ("paths", "/b"), "pathItems", ITEM),
    Place("a path of a callback", (*POST, "callbacks", "done", "{$request.body#/url}"),
          "pathItems", ITEM),
    Place("a webhook", ("webhooks", "done"), "pathItems", ITEM, since="3.1"),
    Place("a media type of a response", (*OK, "content", JSON_), "mediaTypes",
          {"schema": OBJECT}, since="3.2"),
    Place("a media type of a request body", (*POST, "requestBody", "content", JSON_),
          "mediaTypes", {"schema": OBJECT}, since="3.2"),
    Place("a schema of a body", (*OK, "content", JSON_, "schema"), "schemas", OBJECT),
    Place("a schema of a parameter", (*GET, "parameters", 0, "schema"), "schemas",
          {"type": "integer", "maximum": 5}, around={"name": "limit", "in": "query"}),
    Place("a schema of a header", (*OK, "headers", "X-Count", "schema"), "schemas",
          {"type": "integer"}),
    Place("a schema of a property", (*OK, "content", JSON_, "schema", "properties", "m"),
          "schemas", OBJECT),
    *(
        Place(f"a component of {kind}", ("components", kind, "Here"), kind, target, since)
        for kind, target, since in (
            ("responses", RESPONSE, "3.0"), ("parameters", QUERY, "3.0"),
            ("requestBodies", {"content": {JSON_: {"schema": OBJECT}}}, "3.0"),
            ("headers", HEADER, "3.0"), ("examples", EXAMPLE, "3.0"), ("links", LINK, "3.0"),
            ("callbacks", CALLBACK, "3.0"), ("schemas", OBJECT, "3.0"),
            ("securitySchemes", {"type": "http", "scheme": "bearer"}, "3.0"),
            ("pathItems", ITEM, "3.1"), ("mediaTypes", {"schema": OBJECT}, "3.2"),
        )
    ),
)  # fmt: skip


def document(version: str) -> dict[str, Any]:
    """One that is whole without any reference."""
    return {
        "openapi": f"{version}.0" if version != "3.0" else "3.0.3",
        "info": {"title": "t", "version": "1"},
        "paths": {
            "/a": {
                "get": {"operationId": "read", "responses": {"200": deepcopy(RESPONSE)}},
                "post": {
                    "operationId": "write",
                    "requestBody": {
                        "content": {
                            JSON_: {"schema": deepcopy(OBJECT)},
                            FORM: {"schema": deepcopy(OBJECT)},
                        }
                    },
                    "responses": {"204": {"description": "Done."}},
                },
            }
        },
        "components": {},
    }


def with_reference(place: Place, version: str, reference: Any) -> dict[str, Any]:
    """The document with a reference there; siblings stand beside its `$ref`."""
    made = document(version)
    put(made, place.path, reference if isinstance(reference, dict) else {"$ref": reference})
    if place.around is not None:
        keyword = "examples" if place.kind == "examples" else "schema"
        at(made, place.path[: place.path.index(keyword)]).update(deepcopy(dict(place.around)))
    return made


def put(node: Any, path: Tokens, value: Any) -> None:
    for token, following in pairwise(path):
        empty: Any = [] if isinstance(following, int) else {}
        if isinstance(node, list):
            if token == len(node):
                node.append(empty)
            node = node[int(token)]
        else:
            node = node.setdefault(token, empty)
    if isinstance(node, list):
        node.append(value)
    else:
        node[path[-1]] = value


def at(node: Any, path: Tokens) -> Any:
    for token in path:
        node = node[token]
    return node
