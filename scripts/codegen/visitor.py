"""What the templates need to know of each operation: names, types, and the order of things."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datamodel_code_generator.imports import Imports

from scripts.codegen.names import constant, pascal, snake, templated
from scripts.codegen.parser import RecordingParser, Seen

HEADER_TYPES = {"integer": "int", "number": "float", "boolean": "bool"}


@dataclass(frozen=True)
class Argument:
    """A keyword argument of a service's method."""

    name: str
    hint: str


@dataclass(frozen=True)
class Header:
    name: str
    wire_name: str
    hint: str
    default: str | None


@dataclass(frozen=True)
class ResponseView:
    """A response class: a declared success that has headers, or that is one of several."""

    class_name: str
    status: str
    description: str
    media_type: str | None
    body: str | None
    headers: Sequence[Header]


@dataclass(frozen=True)
class OperationView:
    """One operation in the words of the templates."""

    id: str
    name: str
    method: str
    path: str
    summary: str
    deprecated: bool
    scopes: Sequence[str] | None
    """Scopes that the caller needs; None when the operation is public."""
    arguments: Sequence[Argument]
    responses: Sequence[ResponseView]
    returns: str
    status: str

    @property
    def secured(self) -> bool:
        return self.scopes is not None


@dataclass
class TagView:
    """A tag: one Protocol, one router, one keyword of `build`."""

    name: str
    description: str
    operations: list[OperationView] = field(default_factory=list)

    @property
    def module(self) -> str:
        return snake(self.name)

    @property
    def protocol(self) -> str:
        return f"{pascal(self.name)}Operations"

    @property
    def secured(self) -> bool:
        return any(operation.secured for operation in self.operations)

    @property
    def reply_classes(self) -> list[str]:
        return sorted({reply.class_name for item in self.operations for reply in item.responses})


class Hints:
    """Writes types down, and remembers what they need to import."""

    def __init__(self) -> None:
        self.imports = Imports()
        self.models: set[str] = set()

    def of(self, data_type: Any) -> str:
        for part in data_type.all_data_types:
            if part.reference:
                self.models.add(part.reference.short_name)
        self.imports.append(list(data_type.all_imports))
        hint: str = data_type.type_hint
        return hint


def visit(parser: RecordingParser, model_path: Path) -> dict[str, object]:
    """The variables of the templates."""
    document = parser.raw_obj
    hints = Hints()
    tags = {
        tag["name"]: TagView(tag["name"], tag.get("description", "")) for tag in document["tags"]
    }
    for seen in parser.seen:
        tags[seen.operation["tags"][0]].operations.append(view(seen, parser, hints))
    used = [tag for tag in tags.values() if tag.operations]
    for tag in used:
        # concrete paths go before templated ones: the first route that matches answers
        tag.operations.sort(key=lambda found: templated(found.path))
    return {
        "tag_views": used,
        "tags_by_name": {tag.name: tag for tag in used},
        "models": sorted(hints.models),
        "type_imports": str(hints.imports),
        "scopes": [
            {"member": constant(name), "value": name, "description": description}
            for name, description in declared_scopes(document).items()
        ],
    }


def view(seen: Seen, parser: RecordingParser, hints: Hints) -> OperationView:
    raw = seen.operation
    declared = {str(status): resolve(parser, node) for status, node in raw["responses"].items()}
    successes = {status: node for status, node in declared.items() if status < "400"}
    replies = [reply(raw["operationId"], *item, seen, parser, hints) for item in successes.items()]
    single = len(replies) == 1 and not replies[0].headers
    return OperationView(
        id=raw["operationId"],
        name=snake(raw["operationId"]),
        method=seen.method,
        path=seen.path,
        summary=" ".join(raw.get("summary", raw["operationId"]).split()),
        deprecated=raw.get("deprecated", False),
        scopes=scopes(raw.get("security", parser.raw_obj.get("security", []))),
        arguments=arguments(seen, parser, hints),
        responses=[] if single else replies,
        returns=(replies[0].body or "None")
        if single
        else " | ".join(r.class_name for r in replies),
        status=replies[0].status,
    )


def arguments(seen: Seen, parser: RecordingParser, hints: Hints) -> list[Argument]:
    """In the order of the document, the path's parameters first; the body comes last."""
    item = parser.raw_obj["paths"][seen.path]
    nodes: dict[tuple[str, str], Any] = {}
    for node in [*item.get("parameters", []), *item[seen.method].get("parameters", [])]:
        resolved = resolve(parser, node)
        nodes[resolved["in"], resolved["name"]] = resolved
    found: list[Argument] = []
    for (place, name), node in nodes.items():
        hint = hints.of(seen.parameters[place, name]).removesuffix(" | None")
        optional = not node.get("required") and not has_default(parser, node["schema"])
        taken = {argument.name for argument in found} | {"body"}
        argument = snake(name) if snake(name) not in taken else f"{snake(name)}_{place}"
        found.append(Argument(argument, f"{hint} | None" if optional else hint))
    if seen.body is not None:
        body = resolve(parser, seen.operation["requestBody"])
        hint = hints.of(seen.body)
        found.append(Argument("body", hint if body.get("required") else f"{hint} | None"))
    return found


def has_default(parser: RecordingParser, schema: Mapping[str, Any]) -> bool:
    return "default" in schema or "default" in resolve(parser, schema)


def reply(
    operation_id: str,
    status: str,
    node: Mapping[str, Any],
    seen: Seen,
    parser: RecordingParser,
    hints: Hints,
) -> ResponseView:
    headers = [
        header(name, resolve(parser, found), parser)
        for name, found in node.get("headers", {}).items()
    ]
    data_type = seen.responses.get(status)
    return ResponseView(
        class_name=f"{pascal(operation_id)}{status}",
        status=status,
        description=" ".join(node.get("description", "").split()),
        media_type=next(iter(node.get("content", {})), None),
        body=hints.of(data_type) if data_type else None,
        headers=sorted(headers, key=lambda found: found.default is not None),
    )


def header(name: str, node: Mapping[str, Any], parser: RecordingParser) -> Header:
    schema = resolve(parser, node["schema"])
    hint = HEADER_TYPES.get(str(schema.get("type")), "str")
    if "const" in schema:
        return Header(snake(name), name, hint, repr(schema["const"]))
    if node.get("required"):
        return Header(snake(name), name, hint, None)
    return Header(snake(name), name, f"{hint} | None", "None")


def scopes(security: Sequence[Mapping[str, Sequence[str]]]) -> list[str] | None:
    """The alternatives ask for the same scopes (`checks` has seen to that): the first says all."""
    return list(next(iter(security[0].values()))) if security else None


def declared_scopes(document: Mapping[str, Any]) -> dict[str, str]:
    schemes = document.get("components", {}).get("securitySchemes", {}).values()
    flows = [flow for scheme in schemes for flow in scheme.get("flows", {}).values()]
    return {name: text for flow in flows for name, text in flow.get("scopes", {}).items()}


def resolve(parser: RecordingParser, node: Any) -> Any:
    while isinstance(node, Mapping) and "$ref" in node:
        node = parser.get_ref_model(node["$ref"])
    return node
