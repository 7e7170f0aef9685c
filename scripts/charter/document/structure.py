"""What breaks OpenAPI's own JSON Schema of documents, or the JSON Schema of schemas.

The official schemas of 3.0, 3.1 and 3.2 lie in `openapi/`.
"""

import json
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path as File
from typing import Any

import jsonschema_rs

from charter.document.model import FIELDS, Model, Path, Remark, remedy
from charter.runtime.references import at

JSON_SCHEMA = "https://json-schema.org/draft/2020-12/schema"
OFFICIAL = File(__file__).with_name("openapi")
"""The schemas of documents that the OpenAPI Initiative publishes."""
PATTERNS_APART = {"regex": lambda pattern: True}
"""Patterns are validated as the runtime reads them: `runtime/patterns.py`."""
TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
DISCRIMINATOR = {
    "type": "object",
    "properties": {
        "propertyName": {"type": "string"},
        "mapping": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["propertyName"],
}


def structure(model: Model) -> list[Remark]:
    """Members that are missing, unknown, or of the wrong type."""
    errors = official_schema(model.version).iter_errors(model.content)
    remarks = by_depth(model, errors, "This is not valid OpenAPI")
    # beside an invalid member, its valid siblings are reported as surplus
    return [remark for remark in remarks if not is_declared(model, remark)] or remarks


def invalid_schema(model: Model) -> list[Remark]:
    """Keywords of schemas that have the wrong type; OpenAPI's own schema of 3.0 covers them."""
    if model.version == "3.0":
        return []
    errors = schemas_of_documents(model.version).iter_errors(model.content)
    remarks = by_depth(model, errors, "This is not a valid JSON Schema")
    return [
        remark
        for remark in remarks
        if not is_declared(model, remark) and not is_harmless(model, remark)
    ]


def by_depth(model: Model, errors: Iterable[Any], verdict: str) -> list[Remark]:
    """The deepest first: those around it are often its side effects."""
    remarks = (
        max((remark_on(model, one, verdict) for one in [*inner(error), error]), key=depth)
        for error in errors
    )
    return sorted(remarks, key=depth, reverse=True)


def is_declared(model: Model, remark: Remark) -> bool:
    """Whether a surplus member is one that its object may have."""
    kind = model.kinds.get(remark.path[:-1], "")
    return remark.is_surplus and remark.path[-1] in FIELDS.get(kind, ())


def depth(remark: Remark) -> tuple[int, bool]:
    """Surplus members come last: they are often a side effect."""
    return len(remark.path), not remark.is_surplus


def inner(error: Any) -> Iterator[Any]:
    """The errors of the alternatives of `oneOf` and `anyOf`, where none fits."""
    for alternative in error.kind.as_dict().get("context", ()):
        for found in alternative:
            yield found
            yield from inner(found)


def remark_on(model: Model, error: Any, verdict: str) -> Remark:
    path = place_in(model.content, error.instance_path)
    details = error.kind.as_dict()
    if details.get("unexpected"):
        name = details["unexpected"][0]
        return Remark((*path, name), f"{verdict}: {surplus(model, path, name)}", is_surplus=True)
    if "property" in details:
        return Remark(path, f"{verdict}: `{details['property']}` is missing here: add it.")
    if path[-1:] == ("type",) and "context" in details:
        return Remark(path, f"{verdict}: `type` is one of {', '.join(TYPES)}, or a list of these.")
    said = error.message.removeprefix("the value").strip()
    return Remark(path, f"{verdict}: {name_of(path)} {said}. Correct it.")


def place_in(content: Any, instance_path: Iterable[str | int]) -> Path:
    """A path of the validator, which takes a name like `200` for an index."""
    path: list[str | int] = []
    for token in instance_path:
        path.append(token if isinstance(content, list) else str(token))
        content = at(content, [token])
    return tuple(path)


def surplus(model: Model, path: Path, name: str) -> str:
    match path[-1:]:
        case ("responses",):
            problem = "is no status like 200, no range like 2XX, and not `default`"
        case ("paths",):
            problem = "is no path, which begins with a slash"
        case _:
            problem = "has no meaning here"
    return f"`{name}` {problem}: {correction(name.lower(), model.kinds.get(path, ''))}"


@cache
def correction(name: str, kind: str) -> str:
    return remedy(name, FIELDS.get(kind, ()), "correct its name, or remove it.")


def name_of(path: Path) -> str:
    """The words for what stands at a path."""
    if not path:
        return "the document"
    if isinstance(path[-1], int):
        return f"entry {path[-1] + 1} of {name_of(path[:-1])}"
    return f"`{path[-1]}`"


def is_harmless(model: Model, remark: Remark) -> bool:
    """What published documents have and what changes no schema: a name twice in `required`,
    examples that aren't a list, and keywords of former dialects that mean nothing now."""
    match remark.path[-1:]:
        case ("exclusiveMinimum" | "exclusiveMaximum",):
            return isinstance(at(model.content, remark.path), bool)
        case ("$recursiveAnchor" | "$recursiveRef" | "examples",):
            return True
    return "has non-unique elements" in remark.message


# -- the official schemas -------------------------------------------------------------------------


@cache
def official_schema(version: str) -> Any:
    return jsonschema_rs.validator_for(
        official_document(version), mask="the value", formats=PATTERNS_APART
    )


@cache
def official_schema_of(kind: str, version: str) -> Any:
    """The schema of an object whose member `A` is a member of `components`."""
    document = official_document(version)
    defined = "definitions" if version == "3.0" else "$defs"
    components = document[defined]["Components" if version == "3.0" else "components"]
    path_items = {"additionalProperties": {"$ref": "#/definitions/PathItem"}}  # 3.0 has none there
    held = components["properties"].get(kind, path_items)
    schema = {"$schema": document["$schema"], defined: document[defined], "properties": {"A": held}}
    return jsonschema_rs.validator_for(schema, formats=PATTERNS_APART)


@cache
def schemas_of_documents(version: str) -> Any:
    """The official schema leaves schemas to their dialect; this one validates them, too."""
    schema = official_document(version)
    schema["$defs"]["schema"] = {
        "$dynamicAnchor": "meta",
        "$ref": JSON_SCHEMA,
        "properties": {"discriminator": DISCRIMINATOR},
    }
    return jsonschema_rs.validator_for(schema, mask="the value", validate_formats=False)


def official_document(version: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((OFFICIAL / f"{version}.json").read_bytes())
    return schema
