"""What the templates need to know of each operation: names, types, and the order of things."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datamodel_code_generator.imports import Imports

from charter.generate.names import declared_scopes, snake
from charter.generate.parser import RecordingParser, Seen
from charter.runtime import paths
from charter.runtime.bodies import FORM, MULTIPART
from charter.runtime.errors import PROBLEM
from charter.runtime.normal import operations
from charter.runtime.parameters import JSON
from charter.runtime.parts import essence
from charter.runtime.references import resolve
from charter.runtime.sequences import is_sequence
from charter.runtime.xml import any_xml, is_xml

HEADER_TYPES = {
    "array": "list[str]",
    "boolean": "bool",
    "integer": "int",
    "number": "float",
    "object": "dict[str, str]",
}
REPLY_FIELDS = frozenset({"body", "header_names", "headers", "media_type", "status"})


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
    """A declared response that a service may return."""

    class_name: str
    status: int | None
    """None for a range, which leaves the status to the service."""
    description: str
    media_types: Sequence[str]
    body: str | None
    streams: bool
    """Whether its body may be a sequence of items."""
    headers: Sequence[Header]

    @property
    def says_more_than_its_body(self) -> bool:
        leaves_choice = self.status is None or len(self.media_types) > 1 or self.has_range
        return bool(self.headers) or leaves_choice

    @property
    def has_range(self) -> bool:
        """Whether the service names the media type that it sends, of those in a range."""
        return any("*" in media_type for media_type in self.media_types)


@dataclass(frozen=True)
class OperationView:
    """One operation in the words of the templates."""

    id: str
    name: str
    method: str
    path: str
    shares: bool
    """Whether another operation has its method and address."""
    summary: str
    deprecated: bool
    scopes: Sequence[str] | None
    """Scopes that the caller needs; None when the operation is public."""
    allows_anonymous: bool
    """Whether a caller without credentials is let in, too."""
    arguments: Sequence[Argument]
    responses: Sequence[ResponseView]
    """Those that have a class."""
    returns: str
    streams: bool
    """Whether what it returns may be a sequence of items."""
    status: int

    @property
    def secured(self) -> bool:
        return self.scopes is not None

    @property
    def is_stream(self) -> bool:
        """Whether a plain sequence of items is all that it returns."""
        return self.streams and not self.responses

    @property
    def definition(self) -> str:
        """A stream may also be begun by an async generator, whose method is no coroutine."""
        return "def" if self.is_stream else "async def"

    @property
    def principal(self) -> str:
        return "Principal | None" if self.allows_anonymous else "Principal"

    @property
    def route(self) -> str:
        return paths.route(paths.address(self.path))


@dataclass
class TagView:
    """A tag: one Protocol, one router, one keyword of `build`."""

    module: str
    protocol: str
    description: str
    operations: list[OperationView] = field(default_factory=list)

    @property
    def secured(self) -> bool:
        return any(
            operation.secured and not operation.allows_anonymous for operation in self.operations
        )

    @property
    def allows_anonymous(self) -> bool:
        return any(operation.allows_anonymous for operation in self.operations)

    @property
    def shares(self) -> bool:
        return any(operation.shares for operation in self.operations)

    @property
    def reply_classes(self) -> list[str]:
        return sorted({reply.class_name for item in self.operations for reply in item.responses})


class Hints:
    """Writes types down, and remembers what they need to import."""

    def __init__(self) -> None:
        self.imports = Imports()
        self.models: set[str] = set()

    def of(self, *data_types: Any) -> str:
        """The union of the types."""
        return " | ".join(dict.fromkeys(self._one(data_type) for data_type in data_types))

    def _one(self, data_type: Any) -> str:
        for part in data_type.all_data_types:
            if part.reference:
                self.models.add(part.reference.short_name)
        self.imports.append(list(data_type.all_imports))
        hint: str = data_type.type_hint
        return hint


def visit(parser: RecordingParser, model_path: Path) -> dict[str, object]:
    """The variables of the templates."""
    document, names = parser.document, parser.names
    views = Views(parser)
    descriptions = {tag["name"]: tag.get("description", tag["name"]) for tag in document["tags"]}
    tags = {
        name: TagView(module, names.protocols[name], descriptions[name])
        for name, module in sorted(
            names.modules.items(), key=lambda item: list(descriptions).index(item[0])
        )
    }
    for seen in parser.seen:
        node = document["paths"][seen.path][seen.method]
        tags[node["tags"][0]].operations.append(views.operation(seen, node))
    for tag in tags.values():
        tag.operations.sort(key=lambda operation: paths.specificity(paths.address(operation.path)))
    return {
        "tag_views": [tag for tag in tags.values() if tag.operations],
        "tags_by_name": {tag.module: tag for tag in tags.values()},
        "models": sorted(views.hints.models),
        "type_imports": str(views.hints.imports),
        "allows_anonymous": any(tag.allows_anonymous for tag in tags.values()),
        "streams": any(operation.streams for tag in tags.values() for operation in tag.operations),
        "scopes": [
            {"member": names.scopes[name], "value": name, "description": description}
            for name, description in declared_scopes(document).items()
        ],
    }


class Views:
    """Makes the views of operations."""

    def __init__(self, parser: RecordingParser) -> None:
        self.document = parser.document
        self.names = parser.names
        self.hints = Hints()
        self.taken = set(parser.names.schemas.values())
        self.any_xml = set(map(id, any_xml(self.document)))
        self.addresses = Counter(
            (method, paths.template_key(path)) for path, method, _ in operations(self.document)
        )

    def operation(self, seen: Seen, node: Mapping[str, Any]) -> OperationView:
        declared = {
            str(status).upper().replace("DEFAULT", "default"): response
            for status, response in node["responses"].items()
        }
        replies = [
            self.reply(node["operationId"], status, response, seen)
            for status, response in declared.items()
            if self.may_be_returned(status, response, declared)
        ]
        main = first_success(replies)
        returned = sorted((self.returned(reply, main) for reply in replies), key="None".__eq__)
        security = node["security"]
        return OperationView(
            id=node["operationId"],
            name=self.names.methods[node["operationId"]],
            method=seen.method,
            path=seen.path,
            shares=self.addresses[seen.method, paths.template_key(seen.path)] > 1,
            summary=" ".join(str(node.get("summary") or node["operationId"]).split()),
            deprecated=node.get("deprecated", False),
            scopes=scopes(security),
            allows_anonymous=any(security) and {} in security,
            arguments=self.arguments(seen, node),
            responses=[reply for reply in replies if reply.class_name in returned],
            returns=" | ".join(dict.fromkeys(returned)) or "None",
            streams=any(reply.streams for reply in replies),
            status=main.status if main and main.status else 200,
        )

    def may_be_returned(self, status: str, response: Any, declared: Mapping[str, Any]) -> bool:
        """Successes, and the errors that are no problems, which alone are raised."""
        if status[0] in "123":
            return True
        if status == "default" and not any(other[0] in "123" for other in declared):
            return True
        content = resolve(self.document, response).get("content", {})
        return bool(content) and PROBLEM not in content

    def returned(self, reply: ResponseView, main: ResponseView | None) -> str:
        """What a method returns for a response: its body alone where that says it all."""
        if reply is main and not reply.says_more_than_its_body:
            return reply.body or "None"
        return reply.class_name

    def arguments(self, seen: Seen, node: Mapping[str, Any]) -> list[Argument]:
        """In the order of the document, the path's parameters first; the body comes last."""
        arguments: dict[str, Argument] = {}
        for parameter in node.get("parameters", []):
            resolved = resolve(self.document, parameter)
            place, wire_name = resolved["in"], resolved["name"]
            hint = self.hints.of(seen.parameters[place, wire_name]).removesuffix(" | None")
            optional = not resolved.get("required") and not self.has_default(resolved)
            name = snake(wire_name)
            if name in arguments or name == "body":
                name = f"{name}_{place}"
            while name in arguments:
                name += "_"
            plain = hint == "Any" or not optional
            arguments[name] = Argument(name, hint if plain else f"{hint} | None")
        if "requestBody" in node:
            body = resolve(self.document, node["requestBody"])
            hint = self.body(body.get("content", {}), seen.bodies, "AsyncIterator") or "bytes"
            plain = body.get("required") or hint == "Any"
            arguments["body"] = Argument("body", hint if plain else f"{hint} | None")
        return list(arguments.values())

    def has_default(self, parameter: Mapping[str, Any]) -> bool:
        schema = parameter.get("schema", {})
        resolved = resolve(self.document, schema)
        return any(isinstance(node, Mapping) and "default" in node for node in (schema, resolved))

    def reply(self, operation_id: str, status: str, response: Any, seen: Seen) -> ResponseView:
        node = resolve(self.document, response)
        content = node.get("content", {})
        types = seen.responses.get(status, seen.responses.get(status.lower(), {}))
        return ResponseView(
            class_name=self.reply_class(
                f"{self.names.operations[operation_id]}{status.replace('default', 'Default')}"
            ),
            status=int(status) if status.isdecimal() else None,
            description=" ".join(node.get("description", "").split()),
            media_types=list(content),
            body=self.body(content, types, "Stream"),
            streams=any(is_sequence(name, one) for name, one in content.items()),
            headers=self.headers(node),
        )

    def reply_class(self, wanted: str) -> str:
        name = f"{wanted}Reply" if wanted in self.taken else wanted
        self.taken.add(name)
        return name

    def body(
        self, content: Mapping[str, Any], types: Mapping[str, Any], sequence: str
    ) -> str | None:
        """The type of a body; `sequence` is the generic type of one of several items."""
        if not content:
            return None
        hints = [
            f"{sequence}[{self.item(media_type, types)}]"
            if is_sequence(media_type, declared)
            else self.media_type(media_type, declared, types)
            for media_type, declared in content.items()
        ]
        return " | ".join(dict.fromkeys(hints))

    def item(self, media_type: str, types: Mapping[str, Any]) -> str:
        return self.hints.of(types[media_type]) if media_type in types else "Any"

    def media_type(self, media_type: str, declared: Any, types: Mapping[str, Any]) -> str:
        is_any = id(resolve(self.document, declared)) in self.any_xml
        if is_any or not is_structured(media_type):
            return "bytes"
        return self.hints.of(types[media_type]) if media_type in types else "Any"

    def headers(self, node: Mapping[str, Any]) -> list[Header]:
        headers: dict[str, Header] = {}
        for wire_name, declared in node.get("headers", {}).items():
            if wire_name.lower() == "content-type":
                continue  # the specification says to ignore it
            name = snake(wire_name)
            while name in headers or name in REPLY_FIELDS:
                name += "_"
            headers[name] = self.header(name, wire_name, resolve(self.document, declared))
        return sorted(headers.values(), key=lambda header: header.default is not None)

    def header(self, name: str, wire_name: str, node: Mapping[str, Any]) -> Header:
        schema = resolve(self.document, node.get("schema", {}))
        schema = schema if isinstance(schema, Mapping) else {}
        hint = HEADER_TYPES.get(str(schema.get("type")), "str")
        values = schema.get("enum", [schema["const"]] if "const" in schema else [])
        if len(values) == 1:
            return Header(name, wire_name, hint, repr(values[0]))
        if node.get("required"):
            return Header(name, wire_name, hint, None)
        return Header(name, wire_name, f"{hint} | None", "None")


def is_structured(media_type: str) -> bool:
    """Whether the runtime reads and writes values of it; of anything else it hands over bytes."""
    plain = essence(media_type)
    written = plain.startswith(("text/", MULTIPART)) or plain == FORM
    return written or is_xml(plain) or JSON.fullmatch(plain) is not None


def first_success(replies: Sequence[ResponseView]) -> ResponseView | None:
    """The one that a plain body is sent as."""
    exact = [reply for reply in replies if 200 <= (reply.status or 0) < 400]
    return min(exact, key=lambda reply: reply.status or 0, default=None)


def scopes(security: Sequence[Mapping[str, Sequence[str]]]) -> list[str] | None:
    """The scopes of all alternatives; None for a public operation."""
    if not any(security):
        return None
    return list(dict.fromkeys(all_scopes(security)))


def all_scopes(security: Sequence[Mapping[str, Sequence[str]]]) -> Iterator[str]:
    for alternative in security:
        for asked in alternative.values():
            yield from asked
