"""A copy of the document that says of its schemas only what Python types can say.

The document itself judges each request; constraints in the models would judge it again, and
otherwise: Pydantic's e-mail addresses, integers and lengths are not JSON Schema's.
"""

from collections.abc import Mapping
from typing import Any

from scripts.codegen.names import snake

CONSTRAINTS = frozenset(
    {
        "contains", "dependentRequired", "dependentSchemas", "else", "exclusiveMaximum",
        "exclusiveMinimum", "if", "maxContains", "maxItems", "maxLength", "maxProperties",
        "maximum", "minContains", "minItems", "minLength", "minProperties", "minimum",
        "multipleOf", "not", "pattern", "propertyNames", "then", "unevaluatedItems",
        "unevaluatedProperties", "uniqueItems",
    }
)  # fmt: skip
ANNOTATIONS = frozenset({"example", "examples"})
TYPING_FORMATS = frozenset({"binary", "date", "date-time", "uuid"})
NAMED = frozenset({"properties", "patternProperties", "$defs", "schemas"})
"""Keywords whose members are names, not keywords."""


def typing_only(document: Mapping[str, Any]) -> dict[str, Any]:
    stripped: dict[str, Any] = inline(strip(document))
    stripped["info"] = {"title": document["info"]["title"], "version": document["info"]["version"]}
    stripped.pop("webhooks", None)
    for tag in stripped.get("tags", []):
        tag["name"] = snake(tag["name"])  # tags become modules
    for item in stripped.get("paths", {}).values():
        for operation in item.values():
            if isinstance(operation, dict) and "operationId" in operation:
                operation.pop("callbacks", None)
                operation["tags"] = [snake(tag) for tag in operation["tags"]]
    return stripped


def strip(node: Any, names: bool = False) -> Any:
    if isinstance(node, list):
        return [strip(child) for child in node]
    if not isinstance(node, Mapping):
        return node
    return {
        name: strip(child, names=not names and name in NAMED)
        for name, child in node.items()
        if names or not is_constraint(name, child)
    }


def is_constraint(name: str, value: Any) -> bool:
    if name == "format":
        return value not in TYPING_FORMATS
    # `additionalProperties: false` forbids, a schema there types
    forbids = name == "additionalProperties" and value is False
    return forbids or name in CONSTRAINTS or name in ANNOTATIONS


def inline(document: Any) -> Any:
    """Write out where they are used the named schemas that are no classes in Python.

    `Email` is a `str` and `Tags` a `list[str]`: a class around each would be in everybody's way.
    """
    schemas: dict[str, Any] = document.get("components", {}).get("schemas", {})
    plain = {f"#/components/schemas/{name}": node for name, node in schemas.items()}
    plain = {name: node for name, node in plain.items() if not is_class(node)}

    def written_out(node: Any, within: tuple[str, ...] = ()) -> Any:
        if isinstance(node, list):
            return [written_out(child, within) for child in node]
        if not isinstance(node, dict):
            return node
        reference = node.get("$ref")
        if isinstance(reference, str) and reference in plain and reference not in within:
            siblings = {name: child for name, child in node.items() if name != "$ref"}
            return written_out({**plain[reference], **siblings}, (*within, reference))
        return {name: written_out(child, within) for name, child in node.items()}

    result = written_out(document)
    for reference in plain:
        del result["components"]["schemas"][reference.rpartition("/")[2]]
    return result


def is_class(schema: Any) -> bool:
    """Whether a schema becomes a class: an object, an enumeration, a choice."""
    if not isinstance(schema, Mapping):
        return False
    shapes = {"allOf", "anyOf", "enum", "oneOf", "properties"}
    return bool(shapes & schema.keys()) or schema.get("type") == "object"
