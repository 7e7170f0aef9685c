"""Any OpenAPI 3 document in the one form that everything here stands on.

Schemas are JSON Schema 2020-12, as OpenAPI 3.1 has them. Each operation has an `operationId`, one
tag, all its parameters, its own `security`, and `responses`; nothing is inherited from its path or
the document. What a client can see stays as it was written.
"""

import re
from collections.abc import Container, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote

from . import paths
from .patterns import strict
from .references import resolve

METHODS = dict.fromkeys(
    ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
).keys()
"""In this order."""
IGNORED_HEADERS = frozenset({"accept", "authorization", "content-type"})
"""Parameters of these names "shall be ignored" (OpenAPI 3.1 "Parameter Object")."""

DATA = frozenset({"const", "default", "enum", "example", "examples", "value", "x-examples"})
"""Keywords whose values are no schemas, whatever they look like."""
NAMED = frozenset(
    {
        "$defs", "callbacks", "content", "definitions", "dependentSchemas", "encoding", "headers",
        "links", "mapping", "parameters", "paths", "patternProperties", "properties",
        "requestBodies", "responses", "schemas", "scopes", "securitySchemes", "variables",
    }
)  # fmt: skip
"""Keywords whose members are names, not keywords."""


DECLARED = "x-declared-parameters"
"""Where references into a path find the parameters as they were declared."""
MOVED = re.compile(rf"(#/paths/[^/]+(?:/(?:{'|'.join(METHODS)}))?)/parameters(?=/)")


def normal(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document in the normal form; one that is in it already stays as it is."""
    old = str(document["openapi"]).startswith("3.0")
    upgrade = Upgrade(document, old)
    made: dict[str, Any] = upgrade.node(document)
    if old:
        made["openapi"] = "3.1.1"
    if upgrade.refers_to_parameters:
        keep_parameters(made)
    made["paths"] = {path: path_item(made, path, item) for path, item in path_items(made)}
    complete_operations(made)
    made["tags"] = list(tags(made))
    return made


# -- schemas of OpenAPI 3.0 -----------------------------------------------------------------------


class Upgrade:
    """Schemas of OpenAPI 3.0 as JSON Schema 2020-12.

    Newer documents often keep `exclusiveMinimum: true` from their past, which is no JSON Schema
    any more: it means what it meant. A schema's `$id` goes: references are into the document.
    """

    def __init__(self, document: Mapping[str, Any], old: bool) -> None:
        self.document = document
        self.old = old
        self.refers_to_parameters = False

    def node(self, node: Any, *, named: bool = False) -> Any:
        if isinstance(node, list):
            return [self.node(child) for child in node]
        if not isinstance(node, Mapping):
            return node
        if named:
            return {name: self.node(child) for name, child in node.items()}
        if self.old and isinstance(node.get("$ref"), str) and not node.keys() & set(METHODS):
            return {"$ref": self._reference(node["$ref"])}  # all beside it is ignored in 3.0
        made = {name: self._keyword(name, node[name]) for name in node if name != "$id"}
        if isinstance(made.get("$ref"), str):
            made["$ref"] = self._reference(made["$ref"])
        made = ranged(bounds(made))
        return nullable(made) if self.old else made

    def _reference(self, reference: str) -> str:
        """With all that no URI may hold encoded, as in templated paths (RFC 6901 section 6)."""
        encoded = quote(unquote(reference), safe="#/~!$&'()*+,;=:@?")
        made, moved = MOVED.subn(rf"\1/{DECLARED}", encoded)
        self.refers_to_parameters |= moved > 0
        return made

    def _keyword(self, name: str, child: Any) -> Any:
        if name.startswith("x-") or name in DATA:
            return child
        if name == "pattern" and isinstance(child, str):
            return strict(child)
        if name == "patternProperties" and isinstance(child, Mapping):
            child = {strict(pattern): schema for pattern, schema in child.items()}
        if name == "content" and isinstance(child, Mapping):  # from 3.2 on, behind references
            child = {one: resolve(self.document, content) for one, content in child.items()}
        # in a path, `parameters` is a list
        made = self.node(child, named=name in NAMED and isinstance(child, Mapping))
        return without_styles(made) if self.old and name == "content" else made


def without_styles(contents: Any) -> Any:
    """Bodies of several parts, which 3.0 doesn't write in styles (3.0.3 "Encoding Object")."""
    for media_type, content in contents.items() if isinstance(contents, dict) else ():
        if media_type.lower().startswith("multipart/"):
            for encoding in content.get("encoding", {}).values():
                for keyword in ("style", "explode", "allowReserved"):
                    encoding.pop(keyword, None)
    return contents


def bounds(schema: dict[str, Any]) -> dict[str, Any]:
    """`exclusiveMinimum: true` beside a `minimum` as the bound itself."""
    for inclusive in ("minimum", "maximum"):
        exclusive = f"exclusive{inclusive.capitalize()}"
        if isinstance(schema.get(exclusive), bool):
            is_exclusive = schema.pop(exclusive)
            if is_exclusive and inclusive in schema:
                schema[exclusive] = schema.pop(inclusive)
    return schema


RANGES = {
    **{f"int{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)},
}
"""Of the integer formats in OpenAPI's registry."""


def ranged(schema: dict[str, Any]) -> dict[str, Any]:
    """An integer of `format: int32` with the bounds that the format means."""
    format_, declared = schema.get("format"), schema.get("type")
    types = declared if isinstance(declared, list) else [declared]
    if isinstance(format_, str) and format_ in RANGES and "integer" in types:
        least, most = RANGES[format_]
        lower, upper = schema.get("minimum", least), schema.get("maximum", most)
        if isinstance(lower, int | float) and isinstance(upper, int | float):
            schema["minimum"], schema["maximum"] = max(lower, least), min(upper, most)
    return schema


def nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """A type of 3.0 that may be null, too.

    "This keyword only takes effect if `type` is explicitly defined within the same Schema Object",
    and "other Schema Object constraints retain their defined behavior" (3.0.4, "Schema Object"):
    an `enum` without null, or a part of `allOf` that is not nullable, still refuses null.
    """
    if not isinstance(schema.get("nullable"), bool):
        return schema
    if schema.pop("nullable") and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    return schema


# -- operations -----------------------------------------------------------------------------------


def keep_parameters(document: Mapping[str, Any]) -> None:
    for _, item in path_items(document):
        for node in (item, *(item[method] for method in METHODS if method in item)):
            if "parameters" in node:
                node[DECLARED] = node["parameters"]


def path_items(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The paths that are declared; among them may be extensions."""
    for path, item in document.get("paths", {}).items():
        if path.startswith("/"):
            yield path, item


def path_item(document: Mapping[str, Any], path: str, item: Mapping[str, Any]) -> dict[str, Any]:
    """With what it refers to, and its parameters in each of its operations."""
    resolved = resolve(document, item)
    merged = {**resolved, **{name: child for name, child in item.items() if name != "$ref"}}
    shared = merged.pop("parameters", [])
    for method in METHODS:
        if method in merged:
            operation = dict(merged[method])
            parameters = by_place(document, [*shared, *operation.get("parameters", [])])
            parameters = with_query(document, path, parameters)
            operation.pop("parameters", None)
            if parameters:
                operation["parameters"] = list(parameters.values())
            merged[method] = operation
    return merged


def by_place(document: Mapping[str, Any], parameters: list[Any]) -> dict[tuple[str, str], Any]:
    """The last one of each place and name, where the first one stood."""
    kept: dict[tuple[str, str], Any] = {}
    for parameter in parameters:
        node = resolve(document, parameter)
        if node["in"] != "header" or node["name"].lower() not in IGNORED_HEADERS:
            kept[node["in"], node["name"]] = parameter
    return kept


def with_query(
    document: Mapping[str, Any], path: str, parameters: dict[tuple[str, str], Any]
) -> dict[tuple[str, str], Any]:
    """What stands in a path's query as parameters in the query.

    `/pets?full=true` takes a `full` that is "true", and `/pets?page={number}` a `page` that is what
    the parameter `number` says.
    """
    made = dict(parameters)
    for name, value in paths.query(path):
        template = paths.TEMPLATE.fullmatch(value)
        if template is None:
            schema = {"type": "string", "const": value}
            made["query", name] = {"name": name, "in": "query", "required": True, "schema": schema}
        elif ("path", template[1]) in made:
            node = resolve(document, made.pop(("path", template[1])))
            kept = {key: child for key, child in node.items() if key not in ("style", "explode")}
            made["query", name] = {**kept, "name": name, "in": "query"}
    return made


def complete_operations(document: dict[str, Any]) -> None:
    taken = {node["operationId"] for _, _, node in operations(document) if "operationId" in node}
    for path, method, node in operations(document):
        node["operationId"] = node.get("operationId") or unique(made_up_id(method, path), taken)
        taken.add(node["operationId"])
        node["tags"] = node.get("tags", [])[:1] or [made_up_tag(path)]
        node.setdefault("security", document.get("security", []))
        declared = node.get("responses", {"default": {"description": "Nothing is said of it."}})
        node["responses"] = {
            status: response for status, response in declared.items() if not status.startswith("x-")
        }


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and node of every operation."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def made_up_id(method: str, path: str) -> str:
    """`getPetsByPetId` for `GET /pets/{petId}`."""
    words = [method]
    for part in filter(None, path.split("/")):
        names = re.findall(r"[A-Za-z0-9]+", part)
        if part.startswith("{"):
            words.append("By")
        words.extend(name[:1].upper() + name[1:] for name in names)
    return "".join(words)


def made_up_tag(path: str) -> str:
    """The first part of a path that is no template."""
    parts = [part for part in paths.address(path).split("/") if part and part[0] != "{"]
    return parts[0] if parts and re.search(r"[A-Za-z]", parts[0]) else "default"


def unique(name: str, taken: Container[str], joined: str = "") -> str:
    """The name, or with the first number from 2 on that makes it another one."""
    number, candidate = 1, name
    while candidate in taken:
        number += 1
        candidate = f"{name}{joined}{number}"
    return candidate


def tags(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Those that are declared, then those that are used all the same."""
    seen = set()
    for tag in document.get("tags", []):
        if tag["name"] not in seen:
            seen.add(tag["name"])
            yield tag
    for _, _, node in operations(document):
        (name,) = node["tags"]
        if name not in seen:
            seen.add(name)
            yield {"name": name}
