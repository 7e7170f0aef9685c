"""Pairs of documents that differ in one thing, so that together they show every rule of a diff."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

Schema = dict[str, Any]

STRING: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
LIST: Schema = {"type": "array", "items": STRING}
OBJECT: Schema = {"type": "object", "properties": {"p": STRING}}
A: Schema = {"type": "object", "properties": {"a": STRING}, "required": ["a"]}
B: Schema = {"type": "object", "properties": {"b": STRING}, "required": ["b"]}
CAT, DOG = ({"$ref": f"#/components/schemas/{name}"} for name in ("Cat", "Dog"))

PAST, SOON, FAR = "2020-01-31", "2026-02-01", "2099-01-31"
TODAY = "2026-01-31"
NOTICE = 30
"""Days."""


def keyword(base: Schema, name: str, value: Any, other: Any = None) -> list[tuple[Schema, Schema]]:
    """A keyword that comes, goes, and changes both ways."""
    pairs = [(base, {**base, name: value}), ({**base, name: value}, base)]
    if other is not None:
        pairs += [
            ({**base, name: value}, {**base, name: other}),
            ({**base, name: other}, {**base, name: value}),
        ]
    return pairs


SCHEMAS: list[tuple[Schema, Schema]] = [
    *keyword(NUMBER, "maximum", 1, 2),
    *keyword(NUMBER, "minimum", 1, 2),
    *keyword(NUMBER, "exclusiveMaximum", 1, 2),
    *keyword(NUMBER, "exclusiveMinimum", 1, 2),
    *keyword(STRING, "maxLength", 1, 2),
    *keyword(STRING, "minLength", 1, 2),
    *keyword(LIST, "maxItems", 1, 2),
    *keyword(LIST, "minItems", 1, 2),
    *keyword({**LIST, "contains": STRING}, "minContains", 1, 2),
    *keyword({**LIST, "contains": STRING}, "maxContains", 1, 2),
    *keyword(LIST, "contains", STRING),
    *keyword(LIST, "unevaluatedItems", False),
    *keyword(LIST, "uniqueItems", True),
    *keyword(STRING, "pattern", "^a$", "^b$"),
    ({**STRING, "pattern": "^a$"}, {**STRING, "pattern": ".*"}),
    *keyword(STRING, "const", "a", "b"),
    *keyword(STRING, "default", "a", "b"),
    *keyword(STRING, "enum", ["a", "b"], ["a", "b", "c"]),
    *keyword({**STRING, "readOnly": True}, "enum", ["a", "b"], ["a"]),
    *keyword({**STRING, "readOnly": True}, "maxLength", 1, 2),
    *keyword({**NUMBER, "readOnly": True}, "maximum", 1, 2),
    *keyword({**NUMBER, "readOnly": True}, "minimum", 1, 2),
    *keyword({**NUMBER, "readOnly": True}, "exclusiveMaximum", 1, 2),
    *keyword({**NUMBER, "readOnly": True}, "exclusiveMinimum", 1, 2),
    *keyword({**STRING, "writeOnly": True}, "enum", ["a", "b"], ["a"]),
    *keyword(STRING, "x-extensible-enum", ["a", "b"], ["a"]),
    *keyword(STRING, "contentMediaType", "text/css", "text/html"),
    *keyword(STRING, "contentEncoding", "base64", "base16"),
    *keyword(STRING, "contentSchema", STRING),
    *keyword(STRING, "deprecated", True),
    ({**STRING, "deprecated": True, "x-sunset": FAR}, {**STRING, "deprecated": True}),
    (STRING, {**STRING, "deprecated": True, "x-sunset": FAR}),
    (STRING, {**STRING, "deprecated": True, "x-sunset": SOON}),
    (STRING, {**STRING, "deprecated": True, "x-sunset": "soon"}),
    *keyword(STRING, "x-stability-level", "stable", "beta"),
    *keyword(OBJECT, "if", {"required": ["p"]}),
    *keyword(OBJECT, "then", {"required": ["p"]}),
    *keyword(OBJECT, "else", {"required": ["p"]}),
    *keyword(OBJECT, "unevaluatedProperties", False),
    *keyword(OBJECT, "additionalProperties", False),
    *keyword(OBJECT, "propertyNames", {"maxLength": 9}),
    *keyword(OBJECT, "dependentRequired", {"p": ["q"]}, {"p": ["r"]}),
    *keyword(OBJECT, "dependentSchemas", {"p": {"required": ["q"]}}),
    *keyword(OBJECT, "patternProperties", {"^x-": STRING}),
    *keyword(OBJECT, "required", ["p"]),
    *keyword({"type": "array", "prefixItems": [STRING]}, "prefixItems", [STRING, NUMBER]),
    *keyword({"allOf": [A]}, "allOf", [A, B]),
    *keyword({"allOf": [A]}, "allOf", [A, {"description": "b"}]),
    *keyword({"oneOf": [A, B]}, "oneOf", [A, B, STRING]),
    *keyword({"anyOf": [A, B]}, "anyOf", [A, B, STRING]),
    (A, {"oneOf": [A, B]}),
    *keyword({"oneOf": [CAT, DOG]}, "discriminator", {"propertyName": "k"}, {"propertyName": "l"}),
    *keyword(
        {"oneOf": [CAT, DOG], "discriminator": {"propertyName": "k"}},
        "discriminator",
        {"propertyName": "k", "mapping": {"c": "Cat"}},
        {"propertyName": "k", "mapping": {"c": "Dog"}},
    ),
    (STRING, NUMBER),
    (STRING, {}),
    (NUMBER, {"type": "integer"}),
    ({"type": "integer"}, NUMBER),
    (STRING, {"type": ["string", "null"]}),
    ({"type": ["string", "null"]}, STRING),
    *keyword({"type": ["string", "integer"]}, "type", ["string", "integer", "boolean"]),
    *(
        pair
        for required in ({}, {"required": ["p"]})
        for flags in ({}, {"readOnly": True}, {"writeOnly": True}, {"default": "d"})
        for pair in keyword(
            {"type": "object", **required}, "properties", {"p": {**STRING, **flags}}
        )
    ),
    *(
        pair
        for flags in ({}, {"readOnly": True}, {"writeOnly": True}, {"default": "d"})
        for pair in keyword(
            {"type": "object", "properties": {"p": {**STRING, **flags}}}, "required", ["p"]
        )
    ),
    *(
        ({"type": "object", **required, "properties": {"p": STRING if gains else flagged}},
         {"type": "object", **required, "properties": {"p": flagged if gains else STRING}})
        for required in ({}, {"required": ["p"]})
        for flag in ("readOnly", "writeOnly")
        for gains in (True, False)
        for flagged in [{**STRING, flag: True}]
    ),
]  # fmt: skip


def document(operation: Any = None, *, path: Any = None, **rest: Any) -> dict[str, Any]:
    item = path if path is not None else {"get": operation}
    return {
        "openapi": "3.1.1",
        "info": {"title": "t", "version": "1.0.0"},
        "paths": {"/a": item, "/kept": {"get": {"responses": OK}, "post": {"responses": OK}}},
        "components": {
            "schemas": {"Cat": A, "Dog": B},
            "securitySchemes": {"o": oauth(), "k": {"type": "apiKey", "in": "header", "name": "k"}},
        },
        **rest,
    }


OK = {"200": {"description": "-"}}


def oauth(**changes: Any) -> dict[str, Any]:
    flow = {"authorizationUrl": "https://a.example", "tokenUrl": "https://t.example",
            "scopes": {"r": "read", "w": "write"}} | changes  # fmt: skip
    return {"type": "oauth2", "flows": {"authorizationCode": flow}}


def body(schema: Any, media_type: str = "application/json", **rest: Any) -> dict[str, Any]:
    content = {media_type: {} if schema is None else {"schema": schema}}
    return {"requestBody": {"content": content, **rest}, "responses": OK}


def answer(schema: Any, media_type: str = "application/json", status: str = "200") -> Any:
    content = {media_type: {} if schema is None else {"schema": schema}}
    return {"responses": {status: {"description": "-", "content": content}}}


def parameter(schema: Any = STRING, where: Any = "query", **rest: Any) -> dict[str, Any]:
    one = {"name": "n", "in": where, "schema": schema, **rest}
    return {"parameters": [one], "responses": OK}


def header(schema: Any = STRING, **rest: Any) -> dict[str, Any]:
    headers = {"X-H": {"schema": schema, **rest}}
    return {"responses": {"200": {"description": "-", "headers": headers}}}


def inside(schema: Schema) -> Schema:
    return {"type": "object", "properties": {"inner": schema}}


PLAIN: dict[str, Any] = {"responses": OK}
DEPRECATED = {"deprecated": True}

OPERATIONS: list[tuple[Any, Any]] = [
    *((made(old), made(new)) for old, new in SCHEMAS
      for made in (body, answer, parameter, header)),
    *((made(inside(old)), made(inside(new))) for old, new in SCHEMAS
      for made in (body, answer, parameter)),
    *((parameter(inside(old), "header"), parameter(inside(new), "header"))
      for old, new in SCHEMAS),
    *((made(old, "text/plain"), made(new, "text/plain")) for made in (body, answer)
      for old, new in ((NUMBER, STRING), (STRING, NUMBER), (inside(NUMBER), inside(STRING)),
                      (inside(STRING), inside(NUMBER)))),
    *((parameter(**old), parameter(**new)) for old in ({}, {"required": True}, DEPRECATED)
      for new in ({}, {"required": True}, DEPRECATED)),
    *((parameter(), parameter(**DEPRECATED, **{"x-sunset": day})) for day in (FAR, SOON, "soon")),
    (parameter(**DEPRECATED, **{"x-sunset": FAR}), parameter(**DEPRECATED)),
    (parameter(**DEPRECATED, **{"x-sunset": FAR}), parameter(**DEPRECATED, **{"x-sunset": SOON})),
    *((parameter(**said), PLAIN) for said in (
        {}, DEPRECATED, {**DEPRECATED, "x-sunset": PAST}, {**DEPRECATED, "x-sunset": FAR})),
    *((PLAIN, parameter(where=where, required=required))
      for where in ("query", "path") for required in (True, False)),
    *((PLAIN, body(STRING, required=required)) for required in (True, False)),
    (body(STRING), PLAIN),
    *((body(STRING, required=was), body(STRING, required=not was)) for was in (True, False)),
    *((made(was), made(now)) for made in (body, answer)
      for was, now in ((None, STRING), (STRING, None))),
    *((made(STRING, was), made(STRING, now)) for made in (body, answer) for was, now in (
        ("application/json", "text/csv"), ("text/csv", "text/*"), ("text/*", "text/csv"),
        ("text/csv", "text/csv; header=present"))),
    *((answer(STRING, status=was), answer(STRING, status=now))
      for was, now in (("200", "201"), ("404", "409"))),
    *((header(required=was), header(required=not was)) for was in (True, False)),
    *((header(required=was), PLAIN) for was in (True, False)),
    (PLAIN, header()),
    (PLAIN, {**PLAIN, "operationId": "a"}),
    ({**PLAIN, "operationId": "a"}, PLAIN),
    *keyword(PLAIN, "tags", ["a"]),
    *keyword(PLAIN, "deprecated", True),
    *((PLAIN, {**PLAIN, **DEPRECATED, "x-sunset": day}) for day in (FAR, SOON, "soon")),
    ({**PLAIN, **DEPRECATED, "x-sunset": FAR}, {**PLAIN, **DEPRECATED}),
    ({**PLAIN, **DEPRECATED, "x-sunset": FAR}, {**PLAIN, **DEPRECATED, "x-sunset": SOON}),
    *keyword(PLAIN, "x-stability-level", "stable", "beta"),
    (PLAIN, {**PLAIN, "x-stability-level": "rotten"}),
    *keyword({**PLAIN, "security": []}, "security", [{"o": ["r"]}], [{"o": ["r", "w"]}]),
]  # fmt: skip

GONE: tuple[dict[str, Any], ...] = (
    {},
    DEPRECATED,
    {**DEPRECATED, "x-sunset": PAST},
    {**DEPRECATED, "x-sunset": FAR},
    {**DEPRECATED, "x-sunset": "soon"},
)


def with_schemes(**schemes: Any) -> dict[str, Any]:
    made = document(PLAIN)
    made["components"]["securitySchemes"] = schemes
    return made


def pairs() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """An older document and a newer one."""
    for old, new in OPERATIONS:
        yield document(old), document(new)
    for said in GONE:
        gone = {"get": {**PLAIN, **said}}
        yield document(path=gone), document(path={})
        yield document(path={**gone, "post": PLAIN}), document(path={"post": PLAIN})
    yield document(path={}), document(PLAIN)
    for required in (True, False):
        shared = {"name": "q", "in": "query", "required": required, "schema": STRING}
        yield document(PLAIN), document(path={"get": PLAIN, "parameters": [shared]})
    hook = {"webhooks": {"w": {"post": PLAIN}}}
    yield document(PLAIN), document(PLAIN, **hook)
    yield document(PLAIN, **hook), document(PLAIN)
    for old, new in keyword({}, "security", [{"o": ["r"]}], [{"o": ["r", "w"]}]):
        yield document(PLAIN, **old), document(PLAIN, **new)
    fewer = deepcopy(document(PLAIN))
    del fewer["components"]["schemas"]["Cat"]
    yield document(PLAIN), fewer
    known = with_schemes(o=oauth())
    yield known, with_schemes()
    yield with_schemes(), known
    yield known, with_schemes(o={"type": "http", "scheme": "basic"})
    for change in (
        {"authorizationUrl": "https://b.example"},
        {"tokenUrl": "https://b.example"},
        {"scopes": {"r": "read"}},
        {"scopes": {"r": "read", "w": "write", "x": "more"}},
        {"scopes": {"r": "all", "w": "write"}},
    ):
        yield known, with_schemes(o=oauth(**change))
