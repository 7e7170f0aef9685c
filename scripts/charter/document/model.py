"""A document as the objects of OpenAPI 3.0 to 3.2, with the fields that each of them may have."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeGuard

from charter.document import Document, Place
from charter.runtime.normal import DATA, METHODS, NAMED
from charter.runtime.references import at, has, tokens_of

Path = tuple[str | int, ...]

ANY = "*"
"""The field of an object that is a map."""


def plain(*names: str) -> dict[str, str]:
    """Fields that hold no further objects."""
    return dict.fromkeys(names, "")


# What a field holds: one `kind`, a list `[kind]`, a map `{kind}`, or nothing to look into.
FIELDS: dict[str, dict[str, str]] = {
    "document": {
        **plain("openapi", "$self", "jsonSchemaDialect", "security"),
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
    "server": {**plain("url", "name", "description"), "variables": "{server variable}"},
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
        "mediaTypes": "{media type}",
    },
    "path item": {
        **plain("$ref", "summary", "description"),
        **dict.fromkeys(METHODS, "operation"),
        "additionalOperations": "{operation}",
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
        **dict.fromkeys(("schema", "itemSchema"), "schema"),
        "examples": "{example}",
        "encoding": "{encoding}",
        "prefixEncoding": "[encoding]",
        "itemEncoding": "encoding",
    },
    "encoding": {
        **plain("contentType", "style", "explode", "allowReserved"),
        "headers": "{header}",
        "encoding": "{encoding}",
        "prefixEncoding": "[encoding]",
        "itemEncoding": "encoding",
    },
    "response": {
        **plain("summary", "description"),
        "headers": "{header}",
        "content": "{media type}",
        "links": "{link}",
    },
    "callback": {ANY: "path item"},
    "example": plain(
        "summary", "description", "value", "externalValue", "dataValue", "serializedValue"
    ),
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
    "tag": {
        **plain("name", "summary", "description", "parent", "kind"),
        "externalDocs": "external documentation",
    },
    "reference": plain("$ref", "summary", "description"),
    "security scheme": {
        **plain("type", "description", "name", "in", "scheme", "bearerFormat", "openIdConnectUrl"),
        **plain("deprecated", "oauth2MetadataUrl"),
        "flows": "flows",
    },
    "flows": {
        **dict.fromkeys(("implicit", "password", "clientCredentials"), "flow"),
        **dict.fromkeys(("authorizationCode", "deviceAuthorization"), "flow"),
    },
    "flow": plain("authorizationUrl", "deviceAuthorizationUrl", "tokenUrl", "refreshUrl", "scopes"),
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
    "discriminator": plain("propertyName", "mapping", "defaultMapping"),
    "xml": plain("name", "namespace", "prefix", "attribute", "wrapped", "nodeType"),
}

REFERABLE = {held.strip("{}") for held in FIELDS["components"].values()} - {"path item", "schema"}
"""What a Reference Object may stand for; these two have a `$ref` of their own."""


@dataclass(frozen=True)
class Remark:
    """What a rule finds, before the document says on which line that is."""

    path: Path
    message: str
    is_surplus: bool = False
    """Whether the path is that of a member which should not be there."""
    place: Place | None = None
    """Where it stands, if that is no node of the document."""


def remedy(name: str, known: Iterable[str], otherwise: str) -> str:
    """The end of a message about a name that is not known: what was meant, most likely."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean `{close[0]}`?" if close else otherwise


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


def types_of(declared: Any) -> set[str]:
    """The types that `type` names; an empty set means any type."""
    return {declared} if isinstance(declared, str) else set(map(str, sequence(declared)))


def is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True)
class Operation:
    """One method of one path."""

    template: str
    method: str
    node: Node
    item: Node
    """The path item, which may stand elsewhere, behind a reference."""

    @property
    def label(self) -> str:
        return f"{self.method.upper()} {self.template}"


class Model:
    """A document as its objects. However malformed it is, none of this raises."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.content: Mapping[str, Any] = document.content
        self.version = str(document.content["openapi"])[:3]

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        return tuple(objects("document", (), self.content))

    @cached_property
    def kinds(self) -> Mapping[Path, str]:
        return {node.path: node.kind for node in self.nodes}

    def components(self, section: str) -> Mapping[str, Any]:
        return mapping(mapping(self.content.get("components")).get(section))

    def of(self, *kinds: str) -> Iterator[Node]:
        return (node for node in self.nodes if node.kind in kinds)

    @cached_property
    def keyworded(self) -> tuple[tuple[Path, Mapping[str, Any]], ...]:
        """Every object whose members are keywords, known ones or not, outside of examples."""
        return tuple(keyworded(self.content))

    @cached_property
    def items(self) -> tuple[tuple[str, Node], ...]:
        """The path items by their templates, with references followed."""
        return tuple(
            (template, Node("path item", path, mapping(value)))
            for template in mapping(self.content.get("paths"))
            if template.startswith("/")
            for path, value in [self.follow(("paths", template))]
        )

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        return tuple(
            Operation(
                template, method, Node("operation", (*item.path, method), item.value[method]), item
            )
            for template, item in self.items
            for method in METHODS
            if isinstance(item.value.get(method), Mapping)
        )

    def at(self, path: Path) -> Any:
        """Raises LookupError where there is nothing."""
        return at(self.content, path)

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
        path = tokens_of(reference)
        return path if has(self.content, path) else None

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


def keyworded(
    node: Any, path: Path = (), *, named: bool = False
) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Every object in a node but those whose members are names, and those in examples."""
    if isinstance(node, list):
        for index, child in enumerate(node):
            yield from keyworded(child, (*path, index))
    if not isinstance(node, Mapping):
        return
    if not named:
        yield path, node
    for name, child in node.items():
        if name == "examples" and not named:
            for key, example in mapping(child).items():
                if isinstance(mapping(example).get("$ref"), str):
                    yield (*path, name, key), example
        elif named or not (name in DATA or name.startswith("x-")):
            is_map = not named and name in NAMED and isinstance(child, Mapping)
            yield from keyworded(child, (*path, name), named=is_map)


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
