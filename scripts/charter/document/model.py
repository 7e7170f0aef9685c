"""The objects of OpenAPI 3.1 and the fields that each may have, as its sections 4.8.1 to 4.8.30."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from charter.document import Document
from charter.runtime.references import tokens_of

Path = tuple[str | int, ...]

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")

ANY = "*"
"""The field of an object that is a map."""


def plain(*names: str) -> dict[str, str]:
    """Fields that hold no further objects."""
    return dict.fromkeys(names, "")


# What a field holds: one `kind`, a list `[kind]`, a map `{kind}`, or nothing to look into.
FIELDS: dict[str, dict[str, str]] = {
    "document": {
        **plain("openapi", "jsonSchemaDialect", "security"),
        "info": "info",
        "servers": "[server]",
        "paths": "{path item}",
        "webhooks": "{path item}",
        "components": "components",
        "tags": "[tag]",
        "externalDocs": "external documentation",
    },
    "info": {
        **plain("title", "summary", "description", "termsOfService", "version"),
        "contact": "contact",
        "license": "license",
    },
    "contact": plain("name", "url", "email"),
    "license": plain("name", "identifier", "url"),
    "server": {**plain("url", "description"), "variables": "{server variable}"},
    "server variable": plain("enum", "default", "description"),
    "components": {
        "schemas": "{schema}",
        "responses": "{response}",
        "parameters": "{parameter}",
        "examples": "{example}",
        "requestBodies": "{request body}",
        "headers": "{header}",
        "securitySchemes": "{security scheme}",
        "links": "{link}",
        "callbacks": "{callback}",
        "pathItems": "{path item}",
    },
    "path item": {
        **plain("$ref", "summary", "description"),
        **dict.fromkeys(METHODS, "operation"),
        "servers": "[server]",
        "parameters": "[parameter]",
    },
    "operation": {
        **plain("tags", "summary", "description", "operationId", "deprecated", "security"),
        "externalDocs": "external documentation",
        "parameters": "[parameter]",
        "requestBody": "request body",
        "responses": "{response}",
        "callbacks": "{callback}",
        "servers": "[server]",
    },
    "external documentation": plain("description", "url"),
    "parameter": {
        **plain("name", "in", "description", "required", "deprecated", "allowEmptyValue"),
        **plain("style", "explode", "allowReserved", "example"),
        "schema": "schema",
        "examples": "{example}",
        "content": "{media type}",
    },
    "request body": {**plain("description", "required"), "content": "{media type}"},
    "media type": {
        **plain("example"),
        "schema": "schema",
        "examples": "{example}",
        "encoding": "{encoding}",
    },
    "encoding": {
        **plain("contentType", "style", "explode", "allowReserved"),
        "headers": "{header}",
    },
    "response": {
        **plain("description"),
        "headers": "{header}",
        "content": "{media type}",
        "links": "{link}",
    },
    "callback": {ANY: "path item"},
    "example": plain("summary", "description", "value", "externalValue"),
    "link": {
        **plain("operationRef", "operationId", "parameters", "requestBody", "description"),
        "server": "server",
    },
    "header": {
        **plain("description", "required", "deprecated", "style", "explode", "example"),
        "schema": "schema",
        "examples": "{example}",
        "content": "{media type}",
    },
    "tag": {**plain("name", "description"), "externalDocs": "external documentation"},
    "reference": plain("$ref", "summary", "description"),
    "security scheme": {
        **plain("type", "description", "name", "in", "scheme", "bearerFormat", "openIdConnectUrl"),
        "flows": "flows",
    },
    "flows": dict.fromkeys(
        ("implicit", "password", "clientCredentials", "authorizationCode"), "flow"
    ),
    "flow": plain("authorizationUrl", "tokenUrl", "refreshUrl", "scopes"),
    "schema": {
        **plain("$id", "$schema", "$ref", "$anchor", "$dynamicRef", "$dynamicAnchor"),
        **plain("$vocabulary", "$comment", "title", "description", "default", "deprecated"),
        **plain("readOnly", "writeOnly", "examples", "example", "type", "enum", "const"),
        **plain("multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"),
        **plain("maxLength", "minLength", "pattern", "format", "maxItems", "minItems"),
        **plain("uniqueItems", "maxContains", "minContains", "maxProperties", "minProperties"),
        **plain("required", "dependentRequired", "contentEncoding", "contentMediaType"),
        **dict.fromkeys(("allOf", "anyOf", "oneOf", "prefixItems"), "[schema]"),
        **dict.fromkeys(("$defs", "properties", "patternProperties"), "{schema}"),
        "dependentSchemas": "{schema}",
        **dict.fromkeys(("not", "if", "then", "else", "items", "contains"), "schema"),
        **dict.fromkeys(("additionalProperties", "propertyNames"), "schema"),
        **dict.fromkeys(("unevaluatedItems", "unevaluatedProperties"), "schema"),
        "contentSchema": "schema",
        "discriminator": "discriminator",
        "xml": "xml",
        "externalDocs": "external documentation",
    },
    "discriminator": plain("propertyName", "mapping"),
    "xml": plain("name", "namespace", "prefix", "attribute", "wrapped"),
}

REFERABLE = frozenset(held.strip("{}") for held in FIELDS["components"].values()) - {
    "path item",
    "schema",
}
"""What a Reference Object may stand for; these two have a `$ref` of their own."""


@dataclass(frozen=True)
class Node:
    """An object of the document, and where it stands."""

    kind: str
    path: Path
    value: Mapping[str, Any]

    def members(self, name: str) -> Mapping[str, Any]:
        """A field that should be a map; an empty one if it is anything else."""
        return mapping(self.value.get(name))

    def entries(self, name: str) -> list[Any]:
        """A field that should be a list; an empty one if it is anything else."""
        return sequence(self.value.get(name))


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def sequence(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    node: Node
    item: Node

    @property
    def method(self) -> str:
        return str(self.node.path[-1])

    @property
    def template(self) -> str:
        return str(self.item.path[-1])

    @property
    def label(self) -> str:
        return f"{self.method.upper()} {self.template}"


class Model:
    """A document as its objects. However malformed it is, none of this raises."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.content: Mapping[str, Any] = document.content
        self.nodes = tuple(objects("document", (), document.content))

    def of(self, *kinds: str) -> Iterator[Node]:
        return (node for node in self.nodes if node.kind in kinds)

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        found = []
        for template, item in mapping(self.content.get("paths")).items():
            holder = Node("path item", ("paths", template), mapping(item))
            for method in METHODS:
                if isinstance(holder.value.get(method), Mapping):
                    node = Node("operation", (*holder.path, method), holder.value[method])
                    found.append(Operation(node, holder))
        return tuple(found)

    def at(self, path: Path) -> Any:
        """Raises LookupError where there is nothing."""
        value: Any = self.content
        for token in path:
            if isinstance(value, list) and str(token).isdigit():
                value = value[int(token)]
            elif isinstance(value, Mapping):
                value = value[str(token)]
            else:
                raise LookupError(token)
        return value

    def follow(self, path: Path) -> tuple[Path, Any]:
        """Where a chain of references ends; at the last good place if one of them dangles."""
        value = self.at(path)
        seen = {path}
        while (target := self.target(value)) is not None and target not in seen:
            path, value = target, self.at(target)
            seen.add(path)
        return path, value

    def target(self, value: Any) -> Path | None:
        """Where a reference leads, if it is one and leads somewhere."""
        reference = mapping(value).get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return None
        path: Path = tuple(tokens_of(reference))
        try:
            self.at(path)
        except LookupError:
            return None
        return path

    def parameters(self, operation: Operation) -> dict[tuple[str, str], tuple[Path, Any]]:
        """By `in` and name, those of the path first; the operation's own override them."""
        found = {}
        for holder in (operation.item, operation.node):
            for index, _ in enumerate(holder.entries("parameters")):
                path, value = self.follow((*holder.path, "parameters", index))
                found[str(mapping(value).get("in")), str(mapping(value).get("name"))] = path, value
        return found

    def security(self, operation: Operation) -> tuple[Path, Any]:
        """The operation's own requirements, else those of the whole document."""
        if "security" in operation.node.value:
            return (*operation.node.path, "security"), operation.node.value["security"]
        return ("security",), self.content.get("security", [])


def objects(kind: str, path: Path, value: Any) -> Iterator[Node]:
    """An object and all objects in it. What should be one and is none is left to `structure`."""
    if not isinstance(value, Mapping):
        return
    if "$ref" in value and kind in REFERABLE:
        kind = "reference"
    yield Node(kind, path, value)
    fields = FIELDS[kind]
    for name, member in value.items():
        held = "" if name.startswith("x-") else fields.get(name, fields.get(ANY, ""))
        yield from held_objects(held, (*path, name), member)


def held_objects(held: str, path: Path, value: Any) -> Iterator[Node]:
    if held.startswith("{"):
        for name, member in mapping(value).items():
            if not (held == "{path item}" and name.startswith("x-")):
                yield from objects(held[1:-1], (*path, name), member)
    elif held.startswith("["):
        for index, member in enumerate(sequence(value)):
            yield from objects(held[1:-1], (*path, index), member)
    elif held:
        yield from objects(held, path, value)
