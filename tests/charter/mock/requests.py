"""Requests that a document admits, made from it, for the tests of the mock."""

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import httpx2 as httpx
from starlette.responses import Response

from charter.mock.app import Mock
from charter.mock.samples import Impossible, Values
from charter.runtime import Contract, Fault, Operation
from charter.runtime.bodies import Content, FormContent, MultipartContent, XmlContent
from charter.runtime.parameters import JSON, Parameter
from charter.runtime.parts import essence
from charter.runtime.references import pointer
from charter.runtime.styles import SEPARATORS, Style
from charter.runtime.views import Direction
from charter.runtime.xml import is_xml, write


def with_paths(paths: Any, **others: Any) -> dict[str, Any]:
    """A document that has nothing else, or these members."""
    document = {"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": paths}
    return document | others


def client_of(mock: Mock) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(mock), base_url="http://mock")


def meant(contract: Contract, operation: Operation) -> list[Operation]:
    """The operations that a request for one of them may mean."""
    sharing = contract.sharing.get(operation.id, (operation.id,))
    return [contract.operations[name] for name in sharing]


def faults(contract: Contract, operation: Operation, answer: httpx.Response) -> list[Fault]:
    """What is wrong with an answer, by the closest response of the operations that were meant."""
    response = Response(answer.content, answer.status_code, dict(answer.headers))
    response_specs = [one.response_spec(answer.status_code) for one in meant(contract, operation)]
    undeclared = [Fault("status", "", "is not declared")]
    found = [undeclared if one is None else list(one.faults(response)) for one in response_specs]
    return min(found, key=len)


class Requests:
    """Makes one valid request for any operation."""

    def __init__(self, contract: Contract, *, prefers_xml: bool = False) -> None:
        self.contract = contract
        self.is_preferred = is_xml if prefers_xml else is_json
        self.values = Values(contract.judge)

    def of(self, operation: Operation) -> httpx.Request:
        path, query, headers = operation.path, [], {}
        for index, parameter in enumerate(operation.parameters):
            if not parameter.required:
                continue
            value = self.value(f"{operation.place}/parameters/{index}", parameter)
            written = list(written_parameter(parameter, value))
            match parameter.place:
                case "path":
                    text = quote(written[0][1], safe=";,=")
                    path = path.replace(f"{{{parameter.name}}}", text)
                case "query":
                    query += written
                case "header":
                    headers[parameter.name] = written[0][1]
                case _:
                    headers["Cookie"] = "; ".join(f"{name}={text}" for name, text in written)
        shown_query, shown_headers = self.credentials(operation)
        body, media_type = self.body(operation)
        headers = {**headers, **media_type, **shown_headers}
        url = httpx.URL(f"http://mock{path}", params=[*query, *shown_query])
        return httpx.Request(operation.method, url, headers=headers, content=body)

    def value(self, place: str, parameter: Parameter) -> Any:
        located = self.contract.judge.locate(place)
        if parameter.media_type is not None:
            located += f"/content{pointer(parameter.media_type)}"
        node = self.contract.judge.at(located)
        if "example" in node and parameter.validator.is_valid(node["example"]):
            return node["example"]
        value = self.values.example(f"{located}/schema", Direction.REQUEST)
        return value if parameter.media_type is not None else undelimited(value)

    def credentials(self, operation: Operation) -> tuple[list[tuple[str, str]], dict[str, str]]:
        """Everything that the first alternative asks for."""
        query, headers = [], {}
        schemes = self.contract.judge.document.get("components", {}).get("securitySchemes", {})
        for name in next(iter(operation.security), ()):
            scheme = self.contract.judge.resolve(schemes[name])
            match scheme:
                case {"type": "apiKey", "in": "query"}:
                    query.append((scheme["name"], "key"))
                case {"type": "apiKey", "in": "header"}:
                    headers[scheme["name"]] = "key"
                case {"type": "apiKey"}:
                    headers["Cookie"] = f"{scheme['name']}=key"
                case {"type": "http", "scheme": kind} if kind.lower() == "basic":
                    headers["Authorization"] = f"Basic {b64encode(b'ada:key').decode()}"
                case _:
                    headers["Authorization"] = "Bearer token"
        return query, headers

    def body(self, operation: Operation) -> tuple[bytes, dict[str, str]]:
        node = self.contract.judge.at(operation.place)
        if "requestBody" not in node:
            return b"", {}
        place = self.contract.judge.locate(operation.place + "/requestBody")
        contents: Mapping[str, Any] = self.contract.judge.at(place)["content"]
        media_type = next(filter(self.is_preferred, contents), None)
        media_type = media_type or next(iter(contents))
        schema = f"{place}/content{pointer(media_type)}/schema"
        has_schema = self.contract.judge.has(schema)
        value = self.values.example(schema, Direction.REQUEST) if has_schema else {}
        content = self.content(operation, media_type)
        if isinstance(content, FormContent):
            if not isinstance(value, Mapping):
                raise Impossible(schema, "a form holds the members of an object")
            return written_form(content, media_type, value)
        if isinstance(content, XmlContent):
            return write(content.root, value), {"Content-Type": media_type}
        if is_json(media_type):
            return json.dumps(value).encode(), {"Content-Type": media_type}
        concrete = "application/octet-stream" if "*" in media_type else media_type
        return text(value).encode(), {"Content-Type": concrete}

    def content(self, operation: Operation, media_type: str) -> Content:
        body = self.contract.reader(operation.id).body
        assert body is not None
        return body.contents[media_type.lower()]


def is_json(media_type: str) -> bool:
    return JSON.fullmatch(essence(media_type)) is not None


def written_form(
    content: FormContent, media_type: str, value: Mapping[str, Any]
) -> tuple[bytes, dict[str, str]]:
    """Each member as its encoding says; without one, what is compound as JSON."""
    form: list[tuple[str, str, str | None]] = []
    for name, member in value.items():
        encoding = content.encoding(name)
        if isinstance(content, MultipartContent) and not encoding.is_styled:
            parts = member if isinstance(member, list) else [member]
            form += [(name, text(part), kind_of(part, encoding.media_types)) for part in parts]
        elif encoding.is_json:
            form += [(name, json.dumps(member), None)]
        else:
            form += [(key, spelt, None) for key, spelt in pairs(name, encoding.style, member)]
    if isinstance(content, MultipartContent):
        files = [(name, (None, spelt, kind)) for name, spelt, kind in form]
        made = httpx.Request("POST", "http://mock", files=files)
        return made.read(), {"Content-Type": made.headers.get("content-type", media_type)}
    encoded = urlencode([(name, spelt) for name, spelt, _ in form])
    return encoded.encode(), {"Content-Type": media_type}


def undelimited(value: Any) -> Any:
    """Without what would part the values of a style in texts that stand in a compound."""
    if isinstance(value, dict):
        return {name: plain(child) for name, child in value.items()}
    return [plain(child) for child in value] if isinstance(value, list) else value


def plain(value: Any) -> Any:
    return re.sub("[,.|;= ]+", "-", value) if isinstance(value, str) else value


def kind_of(value: Any, media_types: tuple[str, ...]) -> str | None:
    """The media type of a part."""
    compound = "application/json" if isinstance(value, dict | list) else None
    return next(iter(media_types), compound)


def text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def written_parameter(parameter: Parameter, value: Any) -> Iterator[tuple[str, str]]:
    if parameter.media_type is not None:
        yield parameter.name, json.dumps(value)
    else:
        yield from pairs(parameter.name, parameter.style, value)


def pairs(name: str, style: Style, value: Any) -> Iterator[tuple[str, str]]:
    """The names and texts that stand for a value, as its style says."""
    if isinstance(value, dict):
        yield from members(name, style, value)
    elif isinstance(value, list):
        texts = [text(element) for element in value]
        if style.explode and style.style not in ("label", "matrix", "simple"):
            yield from ((name, element) for element in texts)
        elif style.explode and style.style == "matrix":
            yield name, "".join(f";{name}={element}" for element in texts)
        else:
            separator = "." if style.explode and style.style == "label" else SEPARATORS[style.style]
            yield name, prefix(name, style) + separator.join(texts)
    else:
        yield name, prefix(name, style) + text(value)


def members(name: str, style: Style, value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if style.style == "deepObject":
        yield from ((f"{name}[{member}]", text(child)) for member, child in value.items())
    elif style.has_members_of_its_own:
        yield from ((member, text(child)) for member, child in value.items())
    elif style.explode:
        separator = {"label": ".", "matrix": ";"}.get(style.style, ",")
        first = separator if style.style in ("label", "matrix") else ""
        written = separator.join(f"{member}={text(child)}" for member, child in value.items())
        yield name, first + written
    else:
        parts = [part for member, child in value.items() for part in (member, text(child))]
        yield name, prefix(name, style) + SEPARATORS[style.style].join(parts)


def prefix(name: str, style: Style) -> str:
    return {"label": ".", "matrix": f";{name}="}.get(style.style, "")
