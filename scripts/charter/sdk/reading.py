"""Reads the normal form of a document as the model of a client."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from charter.document.listings import CURSORS, following, named, rows_of
from charter.generate.names import unique
from charter.runtime import paths
from charter.runtime.bodies import FORM
from charter.runtime.judge import Judge
from charter.runtime.lifecycle import documentation, period
from charter.runtime.normal import operations
from charter.runtime.parts import essence
from charter.runtime.references import resolve
from charter.runtime.sequences import EVENTS
from charter.runtime.shapes import Shape
from charter.runtime.styles import DEFAULT_STYLES
from charter.runtime.xml import is_xml
from charter.sdk.client import (
    JSON_STYLE,
    Body,
    Client,
    Failure,
    Form,
    Operation,
    Paging,
    Parameter,
    Resource,
    Scheme,
    Stream,
    Style,
)
from charter.sdk.schemas import Schemas
from charter.sdk.types import Array, Kind, Type, Union, model_of, resolved, union
from charter.sdk.words import method_names, pascal, words

JSON = re.compile(r"application/json|[^/]+/[^/]+\+json")
LINES = frozenset({"application/jsonl", "application/x-ndjson", "application/json-seq"})
PAGINATION = "x-pagination"
"""The extension of an operation that says how its list goes on: docs/sdk-python.md."""
BLANK = "about:blank"
"""The problem type that says no more than the status (RFC 9457 section 4.2.1)."""
PHRASES = {
    "400": "Bad Request", "401": "Unauthorized", "402": "Payment Required", "403": "Forbidden",
    "404": "Not Found", "405": "Method Not Allowed", "406": "Not Acceptable",
    "407": "Proxy Authentication Required", "408": "Request Timeout", "409": "Conflict",
    "410": "Gone", "411": "Length Required", "412": "Precondition Failed",
    "413": "Content Too Large", "414": "URI Too Long", "415": "Unsupported Media Type",
    "416": "Range Not Satisfiable", "417": "Expectation Failed", "418": "Im A Teapot",
    "421": "Misdirected Request", "422": "Unprocessable Content", "423": "Locked",
    "424": "Failed Dependency", "425": "Too Early", "426": "Upgrade Required",
    "428": "Precondition Required", "429": "Too Many Requests",
    "431": "Request Header Fields Too Large", "451": "Unavailable For Legal Reasons",
    "500": "Internal Server Error", "501": "Not Implemented", "502": "Bad Gateway",
    "503": "Service Unavailable", "504": "Gateway Timeout", "505": "HTTP Version Not Supported",
    "506": "Variant Also Negotiates", "507": "Insufficient Storage", "508": "Loop Detected",
    "511": "Network Authentication Required",
}  # fmt: skip
"""Of the statuses in IANA's registry of 2025."""
RUNTIME_ERRORS = frozenset(
    {"ApiError", "ClientError", "ServerError", "NotModified", "InvalidResponse", "ConnectionFailed"}
)
"""Classes that every client has, whatever the document declares."""


def read(document: Mapping[str, Any], taken: frozenset[str]) -> Client:
    """The client of a document in its normal form; `taken` are class names that types can't have.

    Raises LookupError for nothing that `charter.document.checks` admits.
    """
    return Reading(document, taken).client()


class Reading:
    def __init__(self, document: Mapping[str, Any], taken: frozenset[str]) -> None:
        self.document = document
        self.judge = Judge(document)
        self.schemas = Schemas(document, taken)
        self.statuses: dict[str, list[tuple[Type | None, str]]] = {}
        self.problems: dict[str, list[Type]] = {}
        self.problem_names: dict[str, str] = {}

    def client(self) -> Client:
        info = self.document["info"]
        licence = info.get("license", {})
        resources = tuple(self._resources())
        return Client(
            title=str(info["title"]),
            summary=str(info.get("summary") or first_sentence(str(info.get("description", "")))),
            version=str(info["version"]),
            licence=str(licence.get("identifier", "")),
            licence_name=str(licence.get("name", "")),
            servers=tuple(self._servers()),
            definitions=self.schemas.definitions,
            resources=resources,
            schemes=tuple(self._schemes()),
            statuses=tuple(self._failures_of_statuses()),
            problems=tuple(self._failures_of_types()),
        )

    def resolve(self, node: Any) -> Any:
        return resolve(self.document, node)

    def _servers(self) -> Iterator[str]:
        """Their addresses, with the defaults of their variables."""
        for server in self.document.get("servers", ()):
            url = str(server["url"])
            for name, variable in server.get("variables", {}).items():
                url = url.replace(f"{{{name}}}", str(variable.get("default", "")))
            yield url.rstrip("/")

    # -- operations -------------------------------------------------------------------------------

    def _resources(self) -> Iterator[Resource]:
        descriptions = {tag["name"]: tag.get("description", "") for tag in self.document["tags"]}
        by_tag: dict[str, list[tuple[str, str, Mapping[str, Any]]]] = {}
        for path, method, node in operations(self.document):
            by_tag.setdefault(node["tags"][0], []).append((path, method, node))
        for tag, nodes in by_tag.items():
            names = method_names((node["operationId"] for _, _, node in nodes), tag)
            made = tuple(
                self._operation(path, method, node, names[node["operationId"]])
                for path, method, node in nodes
            )
            yield Resource(tag, str(descriptions.get(tag, "")).strip(), made)

    def _operation(self, path: str, method: str, node: Mapping[str, Any], name: str) -> Operation:
        hint = pascal(node["operationId"])
        parameters = tuple(self._parameters(node, hint))
        result, stream, event, is_stream_only = self._result(node, hint)
        return Operation(
            id=node["operationId"],
            name=name,
            method=method.upper(),
            path=paths.address(path),
            parameters=parameters,
            body=self._body(node, hint),
            result=result,
            stream=stream,
            event=event,
            is_stream_only=is_stream_only,
            errors=dict(self._errors(node, hint)),
            security=tuple(tuple(alternative) for alternative in node["security"]),
            paging=self._paging(node, method, result),
            summary=str(node.get("summary", "")).strip(),
            description=str(node.get("description", "")).strip(),
            deprecation=deprecation(node),
        )

    def _parameters(self, node: Mapping[str, Any], hint: str) -> Iterator[Parameter]:
        for declared in node.get("parameters", ()):
            parameter = self.resolve(declared)
            content = next(iter(parameter.get("content", {}).values()), None)
            holder = parameter if content is None else content
            place, name = parameter["in"], parameter["name"]
            if place not in DEFAULT_STYLES:
                continue
            type_ = self.schemas.type(holder.get("schema"), f"{hint}{pascal(name)}")
            yield Parameter(
                name=name,
                place=place,
                type=type_,
                is_required=parameter.get("required") is True,
                style=JSON_STYLE if content is not None else style(parameter, place),
                description=described(parameter),
            )

    def _body(self, node: Mapping[str, Any], hint: str) -> Body | None:
        declared = self.resolve(node.get("requestBody"))
        if not isinstance(declared, Mapping) or not declared.get("content"):
            return None
        media_type, content = preferred(without_xml(declared["content"]))
        form = form_of(media_type)
        type_ = (
            self.schemas.type(content.get("schema"), f"{hint}Body")
            if form in (Form.JSON, Form.FORM, Form.MULTIPART)
            else {Form.TEXT: Kind.STRING, Form.BINARY: Kind.BINARY}[form]
        )
        return Body(
            media_type="application/octet-stream" if "*" in media_type else media_type,
            form=form,
            type=type_,
            is_required=declared.get("required") is True,
            styles={
                name: Style(str(encoding.get("style", "form")), bool(encoding.get("explode", True)))
                for name, encoding in content.get("encoding", {}).items()
                if "style" in encoding or "explode" in encoding
            },
        )

    # -- responses --------------------------------------------------------------------------------

    def _result(self, node: Mapping[str, Any], hint: str) -> tuple[Type, Stream | None, Type, bool]:
        """The type of a success; how it may be streamed, and what the stream yields."""
        results: list[Type] = []
        stream: Stream | None = None
        event: Type = Kind.ANY
        for response in self._successes(node):
            contents = without_xml(response.get("content", {}))
            for media_type, content in contents.items():
                if (found := stream_of(media_type)) is not None:
                    stream, event = found, self._event(content, f"{hint}Event")
                else:
                    results.append(self._content(media_type, content, f"{hint}Result"))
            if not contents:
                results.append(Kind.NULL)
        if Kind.BINARY in results and stream is None:
            stream = Stream.BYTES
        is_stream_only = not results and stream is not None
        return union(*results) if results else Kind.NULL, stream, event, is_stream_only

    def _successes(self, node: Mapping[str, Any]) -> list[Any]:
        """The responses to 2xx, or the default one where there are none."""
        declared = {status: self.resolve(one) for status, one in node["responses"].items()}
        exact = [one for status, one in declared.items() if status[0] == "2"]
        return exact or [declared[status] for status in declared if status == "default"]

    def _content(self, media_type: str, content: Mapping[str, Any], hint: str) -> Type:
        if JSON.fullmatch(essence(media_type)) or media_type == "*/*":
            return self.schemas.type(content.get("schema"), hint)
        return Kind.STRING if essence(media_type).startswith("text/") else Kind.BINARY

    def _event(self, content: Mapping[str, Any], hint: str) -> Type:
        """The type of what one event, or one line, holds.

        An `itemSchema` of server-sent events describes the whole event, whose `data` may say what
        its text is (OpenAPI 3.2 "Media Type Object").
        """
        item = self.resolve(content.get("itemSchema"))
        if isinstance(item, Mapping) and "data" in item.get("properties", {}):
            data = self.resolve(item["properties"]["data"])
            return self.schemas.type(data.get("contentSchema", {"type": "string"}), hint)
        return self.schemas.type(content.get("itemSchema", content.get("schema")), hint)

    def _errors(self, node: Mapping[str, Any], hint: str) -> Iterator[tuple[str, Type]]:
        """The types of the bodies of errors; notes which statuses and problem types there are."""
        for status, declared in node["responses"].items():
            if status[0] not in "45d":
                continue
            response = self.resolve(declared)
            contents = response.get("content", {})
            content = next((c for m, c in contents.items() if JSON.fullmatch(essence(m))), None)
            type_ = None
            if content is not None:
                type_ = self.schemas.type(content.get("schema"), f"{hint}{status.title()}")
                yield status.upper() if status[0] in "45" else status, type_
                self._note_problems(content, type_)
            if status.isdecimal():
                said = str(response.get("description", "")).strip()
                self.statuses.setdefault(status, []).append((type_, said))

    # -- errors -----------------------------------------------------------------------------------

    def _note_problems(self, content: Mapping[str, Any], type_: Type) -> None:
        """The problem types that a schema lists, and those of its examples (RFC 9457)."""
        shape = Shape(self.judge, content.get("schema"))
        if not {"type", "title"} <= shape.names:
            return
        member = shape.member("type")
        for part in member.parts:
            values = part.get("enum", [part["const"]] if "const" in part else ())
            names = dict(zip(values, part.get("x-enum-varnames", ()), strict=False))
            for value in values:
                self._note_problem(value, type_, names.get(value))
        examples = [self.resolve(one) for one in content.get("examples", {}).values()]
        shown = [one.get("value") for one in examples if isinstance(one, Mapping)]
        for example in [*shown, content.get("example")]:
            if isinstance(example, Mapping):
                self._note_problem(example.get("type"), type_, None)

    def _note_problem(self, value: Any, type_: Type, name: Any) -> None:
        if isinstance(value, str) and value != BLANK and words(last_segment(value)) != ["unnamed"]:
            self.problems.setdefault(value, []).append(type_)
            wanted = name if isinstance(name, str) else self.problem_names.get(value)
            self.problem_names[value] = wanted or last_segment(value)

    def _failures_of_statuses(self) -> Iterator[Failure]:
        for status in sorted(self.statuses):
            types = [type_ for type_, _ in self.statuses[status] if type_ is not None]
            name = pascal(PHRASES.get(status, f"Status {status}"))
            said = self.statuses[status][0][1]
            yield Failure(name, status, union(*types) if types else None, said)

    def _failures_of_types(self) -> Iterator[Failure]:
        taken = RUNTIME_ERRORS | {pascal(PHRASES.get(one, f"Status {one}")) for one in PHRASES}
        names = unique(
            self.problems, lambda value: class_of_problem(self.problem_names[value], taken), taken
        )
        for value in sorted(self.problems):
            yield Failure(names[value], value, union(*self.problems[value]))

    # -- credentials ------------------------------------------------------------------------------

    def _schemes(self) -> Iterator[Scheme]:
        declared = self.document.get("components", {}).get("securitySchemes", {})
        for name, reference in declared.items():
            match self.resolve(reference):
                case {"type": "apiKey", "in": str(place), "name": str(key)}:
                    yield Scheme(name, "apiKey", place, key)
                case {"type": "http", "scheme": str(scheme)} if scheme.lower() == "basic":
                    yield Scheme(name, "basic")
                case {"type": "http", "scheme": str(scheme)} if scheme.lower() == "bearer":
                    yield Scheme(name, "bearer")
                case {"type": "oauth2"} as declared_flows:
                    yield oauth2(name, declared_flows.get("flows", {}))
                case {"type": "openIdConnect"}:
                    yield Scheme(name, "oauth2")

    # -- pages ------------------------------------------------------------------------------------

    def _paging(self, node: Mapping[str, Any], method: str, result: Type) -> Paging | None:
        if method != "get":
            return None
        parameters = [self.resolve(one) for one in node.get("parameters", ())]
        query = {one["name"]: one["name"] for one in parameters if one["in"] == "query"}
        extension = node.get(PAGINATION)
        if isinstance(extension, Mapping):
            rows, cursor, next_cursor = map(extension.get, ("rows", "cursor", "next"))
        else:
            shape = self._success_shape(node)
            rows, row = rows_of(shape)
            if row is None:
                return None
            cursor = named(query, CURSORS)
            next_cursor = following(shape, cursor)
        row_type = self._row(result, rows)
        if row_type is None:
            return None
        if cursor in query and next_cursor is not None:
            return Paging(row_type, rows, cursor, next_cursor)
        return Paging(row_type, rows) if self._has_links(node) else None

    def _success_shape(self, node: Mapping[str, Any]) -> Shape:
        contents = [
            content
            for response in self._successes(node)
            for media_type, content in response.get("content", {}).items()
            if JSON.fullmatch(essence(media_type))
        ]
        return Shape(self.judge, *(content.get("schema") for content in contents))

    def _row(self, result: Type, rows: str | None) -> Type | None:
        """The type of the rows that a success holds in a member, or is."""
        definitions = self.schemas.definitions
        model = model_of(definitions, result)
        found: Type | None = result
        if rows is not None:
            members = model.fields if model is not None else ()
            found = next((one.type for one in members if one.name == rows), None)
        found = resolved(definitions, found) if found is not None else None
        if isinstance(found, Union):
            found = next((one for one in found.members if isinstance(one, Array)), None)
        return found.item if isinstance(found, Array) else None

    def _has_links(self, node: Mapping[str, Any]) -> bool:
        return any(
            name.lower() == "link"
            for response in self._successes(node)
            for name in response.get("headers", {})
        )


def without_xml(contents: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a client sends and reads, which knows no XML: only where there is nothing else."""
    others = {name: content for name, content in contents.items() if not is_xml(name)}
    return others or contents


def preferred(contents: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The media type that a client writes: the first in the order of `Form`'s usefulness."""
    order = (Form.JSON, Form.FORM, Form.MULTIPART, Form.TEXT, Form.BINARY)
    found: tuple[str, Mapping[str, Any]] = min(
        contents.items(), key=lambda one: order.index(form_of(one[0]))
    )
    return found


def form_of(media_type: str) -> Form:
    plain = essence(media_type)
    if JSON.fullmatch(plain):
        return Form.JSON
    if plain == FORM:
        return Form.FORM
    if plain.startswith("multipart/"):
        return Form.MULTIPART
    return Form.TEXT if plain.startswith("text/") else Form.BINARY


def stream_of(media_type: str) -> Stream | None:
    plain = essence(media_type)
    if plain == EVENTS:
        return Stream.EVENTS
    return Stream.LINES if plain in LINES else None


def style(parameter: Mapping[str, Any], place: str) -> Style | None:
    """The style, where it is not the one that a place has by default."""
    default = DEFAULT_STYLES[place]
    name = str(parameter.get("style", default))
    explode = bool(parameter.get("explode", name == "form"))
    return None if (name, explode) == (default, default == "form") else Style(name, explode)


def oauth2(name: str, flows: Mapping[str, Any]) -> Scheme:
    """The flows that need nobody's browser (RFC 6749 sections 4.3 and 4.4)."""
    grants = {"password": "password", "clientCredentials": "client_credentials"}
    usable = {grants[flow]: node for flow, node in flows.items() if flow in grants}
    first: Mapping[str, Any] = next(iter(usable.values()), {})
    token_url = str(first.get("tokenUrl", ""))
    refresh_url = str(first.get("refreshUrl", token_url))
    return Scheme(
        name, "oauth2", token_url=token_url, refresh_url=refresh_url, grants=tuple(usable)
    )


def last_segment(uri: str) -> str:
    return re.split(r"[/:#]", uri.rstrip("/"))[-1]


def class_of_problem(name: str, taken: frozenset[str]) -> str:
    """A problem type that is called as a status is told apart by its ending."""
    made = pascal(name)
    return f"{made}Problem" if made in taken else made


def first_sentence(text: str) -> str:
    plain = " ".join(text.split())
    return re.split(r"(?<=[.!?])\s", plain, maxsplit=1)[0]


def described(parameter: Mapping[str, Any]) -> str:
    """What a parameter is for; its deprecation comes first, which a short form keeps."""
    description = str(parameter.get("description", "")).strip()
    if parameter.get("deprecated") is not True:
        return description
    said = f"Deprecated {period(parameter)}".rstrip()
    return f"{said}: {description}" if description else f"{said}."


def deprecation(operation: Mapping[str, Any]) -> str:
    """What callers are told of the end of an operation."""
    if operation.get("deprecated") is not True:
        return ""
    docs = documentation(operation)
    said = f"Deprecated {period(operation)}".rstrip()
    return f"{said}: see {docs}" if docs else f"{said}."
