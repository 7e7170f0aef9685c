"""Every construct of OpenAPI 3.1, in one document, in force in a running service.

Each has a request that keeps to it and one that breaks it alone, or stands in docs/documents.md
among what is for readers only, or is refused by name. What the document holds is read off
OpenAPI's own schema and JSON Schema's, so that a construct without a case fails here.
"""

import json
import re
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote
from uuid import UUID

import httpx2 as httpx
import jsonschema_rs
import pytest
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from fastapi.security import SecurityScopes
from jsonschema_specifications import REGISTRY
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from charter import runtime
from charter.document import Document, DocumentError
from charter.document.source import load
from charter.document.structure import official_document
from charter.generate import command
from charter.generate.generator import generate
from charter.runtime import Contract, Operation
from charter.runtime.parameters import Parameter
from charter.runtime.replies import Reply
from tests.serving import serving

HERE = Path(__file__).parent
EVERYTHING = HERE / "everything.yaml"
DOCUMENT = Document(EVERYTHING)
DOCS = HERE.parents[1] / "docs" / "documents.md"
FOR_READERS = DOCS.read_text().partition("## For readers only")[2].partition("\n## ")[0]
DOCUMENTATION_ONLY = frozenset(re.findall(r"`([^`]+)`", FOR_READERS)) - {"x-"}
"""What asks nothing of the service, as the documentation says."""

FORM = "application/x-www-form-urlencoded"
PARTS = "multipart/form-data; boundary=b"
BASIC = f"Basic {b64encode(b'ada:secret').decode()}"


class Ask(NamedTuple):
    """A request."""

    line: str
    content: Any = b""
    headers: Mapping[str, str | None] = {}


def ask(line: str, content: Any = b"", **headers: str | None) -> Ask:
    """Sends what is no text as JSON; takes a header away where it is None."""
    if not isinstance(content, str | bytes):
        headers.setdefault("content_type", "application/json")
        content = json.dumps(content)
    return Ask(line, content, {name.replace("_", "-"): value for name, value in headers.items()})


class Case(NamedTuple):
    """What keeps to constructs, what breaks them alone, and how the service says so."""

    constructs: str
    keeps: Ask
    breaks: Ask
    said: str
    heard: Any = None
    """What the service gets of the first, where that is the point."""


# -- parameters -----------------------------------------------------------------------------------

VALUES = {"value": 1, "array": [1, 2], "object": {"R": 1, "G": 2}}
ENCODED = quote('{"R":1,"G":2}')
WRONG = quote('{"R":1,"G":"x"}')

# place, style and kind: how VALUES are written (* is the name), what is wrong, and where
PARAMETERS = {
    "path simple value": ("1", "x", ""),
    "path simple array": ("1,2", "1,x", "/1"),
    "path simple object": ("R,1,G,2", "R,1,G,x", "/G"),
    "path simple explode value": ("1", "x", ""),
    "path simple explode array": ("1,2", "1,x", "/1"),
    "path simple explode object": ("R=1,G=2", "R=1,G=x", "/G"),
    "path content object": (ENCODED, WRONG, "/G"),
    "path label value": (".1", "1", ""),
    "path label array": (".1,2", ".1.2", "/0"),
    "path label object": (".R,1,G,2", ".R,1,G,x", "/G"),
    "path label explode value": (".1", ".x", ""),
    "path label explode array": (".1.2", ".1,2", "/0"),
    "path label explode object": (".R=1.G=2", ".R=1.G=x", "/G"),
    "path matrix value": (";*=1", ";x=1", ""),
    "path matrix array": (";*=1,2", ";*=1,x", "/1"),
    "path matrix object": (";*=R,1,G,2", ";*=R,1,G,x", "/G"),
    "path matrix explode value": (";*=1", ";*=x", ""),
    "path matrix explode array": (";*=1;*=2", ";*=1;*=x", "/1"),
    "path matrix explode object": (";R=1;G=2", ";R=1;G=x", "/G"),
    "query form value": ("*=1", "*=x", ""),
    "query form array": ("*=1,2", "*=1&*=2", ""),
    "query form object": ("*=R,1,G,2", "*=R,1,G,x", "/G"),
    "query form explode value": ("*=1", "*=1&*=1", ""),
    "query form explode array": ("*=1&*=2", "*=1,2", "/0"),
    "query form explode object": ("R=1&G=2", "R=1&G=x", "/G"),
    "query spaceDelimited array": ("*=1%202", "*=1,2", "/0"),
    "query spaceDelimited object": ("*=R%201%20G%202", "*=R%201%20G%20x", "/G"),
    "query spaceDelimited explode array": ("*=1&*=2", "*=1%202", "/0"),
    "query pipeDelimited array": ("*=1|2", "*=1,2", "/0"),
    "query pipeDelimited object": ("*=R|1|G|2", "*=R|1|G|x", "/G"),
    "query pipeDelimited explode array": ("*=1&*=2", "*=1|2", "/0"),
    "query deepObject explode object": ("*[R]=1&*[G]=2", "*[R]=1&*[G]=x", "/G"),
    "query content object": (f"*={ENCODED}", f"*={WRONG}", "/G"),
    "header simple value": ("1", "x", ""),
    "header simple array": ("1, 2", "1, x", "/1"),
    "header simple object": ("R,1,G,2", "R,1,G,x", "/G"),
    "header simple explode value": ("1", "x", ""),
    "header simple explode array": ("1,2", "1,x", "/1"),
    "header simple explode object": ("R=1,G=2", "R=1,G=x", "/G"),
    "header content object": ('{"R":1,"G":2}', '{"R":1,"G":"x"}', "/G"),
    "cookie form value": ("*=1", "*=x", ""),
    "cookie form array": ("*=1,2", "*=1,x", "/1"),
    "cookie form object": ("*=R,1,G,2", "*=R,1,G,x", "/G"),
    "cookie form explode value": ("*=1", "*=1; *=1", ""),
    "cookie form explode array": ("*=1; *=2", "*=1; *=x", "/1"),
    "cookie form explode object": ("R=1; G=2", "R=1; G=x", "/G"),
    "cookie content object": ('*={"R":1,"G":2}', '*={"R":1,"G":"x"}', "/G"),
}


@cache
def operations() -> list[Operation]:
    """Of the document, in its normal form."""
    contract = Contract(DOCUMENT.content, body_limit=0, check_rate=0, on_violation=print)
    return list(contract.operations.values())


DESCRIBED = {
    None: "parameter.style, parameter.explode, parameter.schema",
    "application/json": "parameter.content",
}


def triple(parameter: Parameter) -> str:
    """Its place, style and kind."""
    style = "content" if parameter.media_type else parameter.style.style
    explode = ["explode"] if parameter.style.explode and not parameter.media_type else []
    kind = next(kind for kind in VALUES if parameter.name.lower().endswith(kind))
    return " ".join([parameter.place, style, *explode, kind])


def parameter_cases() -> Iterator[Case]:
    for operation in operations():
        if operation.path.startswith("/parameters/"):
            for parameter in operation.parameters:
                kept, broken, where = PARAMETERS[triple(parameter)]
                yield Case(
                    f"{DESCRIBED[parameter.media_type]}, {triple(parameter)}",
                    sent(operation, parameter, kept),
                    sent(operation, parameter, broken),
                    f"422 {parameter.place}/{parameter.name}{where}",
                    {python_name(parameter): VALUES[triple(parameter).split()[-1]]},
                )


def sent(operation: Operation, parameter: Parameter, text: str) -> Ask:
    """A request that says so of one parameter, and of the others only what it must."""
    said = {item.name: PARAMETERS[triple(item)][0] for item in operation.parameters}
    said[parameter.name] = text
    written = {name: text.replace("*", name) for name, text in said.items()}
    text = written[parameter.name]
    match parameter.place:
        case "path":
            return ask(f"GET {operation.path.format(**written)}")
        case "query":
            return ask(f"GET {operation.path}?{text}")
        case "header":
            return Ask(f"GET {operation.path}", headers={parameter.name: text})
        case _:
            return ask(f"GET {operation.path}", cookie=text)


def python_name(parameter: Parameter) -> str:
    return parameter.name.lower().replace("-", "_")


# -- schemas --------------------------------------------------------------------------------------

# each is a property of the name: a value that keeps to it, one that breaks it, and where
KEYWORDS: dict[str, tuple[Any, ...]] = {
    "$ref": (9, 10, ""),
    "$defs": (2, 1, ""),
    "$anchor": (1, 2, ""),
    "$dynamicRef": ([1], ["x"], "/0"),
    "dependencies": ({"a": 1, "b": 2}, {"a": 1}, "/b"),
    "allOf": (3, 2, ""),
    "anyOf": (True, "x", ""),
    "oneOf": (2, 6, ""),
    "not": ("x", 1, ""),
    "if": (3, 2, ""),
    "then": (10, 11, ""),
    "else": (2, 1, ""),
    "dependentSchemas": ({"a": 1, "b": 2}, {"a": 1}, "/b"),
    "prefixItems": ([1, "x"], [1, 2], "/1"),
    "items": ([1], ["x"], "/0"),
    "contains": ([2, 1], [2], ""),
    "properties": ({"a": 1}, {"a": "x"}, "/a"),
    "patternProperties": ({"n_1": 1}, {"n_1": "x"}, "/n_1"),
    "additionalProperties": ({"a": 1}, {"b": 1}, "/b"),
    "propertyNames": ({"ab": 1}, {"abc": 1}, ""),
    "unevaluatedItems": ([1], [1, 2], ""),
    "unevaluatedProperties": ({"a": 1}, {"b": 1}, "/b"),
    "type": (None, "x", ""),
    "enum": ({"four": 4}, 4, ""),
    "const": ({"one": 1}, {"one": 2}, ""),
    "multipleOf": (0.07, 0.075, ""),
    "maximum": (3, 4, ""),
    "exclusiveMaximum": (2.9, 3, ""),
    "minimum": (3, 2, ""),
    "exclusiveMinimum": (3.1, 3, ""),
    "maxLength": ("💡💡", "abc", ""),
    "minLength": ("ab", "💡", ""),
    "pattern": ("Ä1", "a1", ""),
    "maxItems": ([1], [1, 2], ""),
    "minItems": ([1], [], ""),
    "uniqueItems": ([1, "1"], [1, 1.0], ""),
    "minContains": ([1, 1], [1], ""),
    "maxContains": ([1], [1, 1], ""),
    "maxProperties": ({"a": 1}, {"a": 1, "b": 2}, ""),
    "minProperties": ({"a": 1}, {}, ""),
    "required": ({"a": 1}, {}, "/a"),
    "dependentRequired": ({"a": 1, "b": 2}, {"a": 1}, "/b"),
    "recursive": ({"children": [{}]}, {"children": [{"children": 1}]}, "/children/0/children"),
}

FORMATS: dict[str, tuple[Any, ...]] = {
    "date-time": ("2026-02-28T12:00:00Z", "2026-02-28 noon"),
    "date": ("2028-02-29", "2026-02-29"),
    "time": ("12:00:00Z", "25:00:00Z"),
    "duration": ("P1DT2H", "1 day"),
    "email": ("ada@example.com", "ada"),
    "idn-email": ("größe@example.com", "größe"),
    "hostname": ("example.com", "-example.com"),
    "idn-hostname": ("größe.example", "-größe.example"),
    "ipv4": ("127.0.0.1", "127.0.0.256"),
    "ipv6": ("::1", "::g"),
    "uri": ("https://example.com/", "/path"),
    "uri-reference": ("/path", "\\path"),
    "iri": ("https://example.com/größe", "/größe"),
    "iri-reference": ("/größe", "\\größe"),
    "uuid": ("0e8f2f4c-6bd1-4ad5-9d3f-3f3f6f0f7a11", "0e8f2f4c"),
    "uri-template": ("/{id}", "/{id"),
    "json-pointer": ("/a~1b", "a"),
    "relative-json-pointer": ("1/a", "/a"),
    "regex": ("^a$", "("),
    "int32": (2**31 - 1, 2**31),
    "int64": (-(2**63), -(2**63) - 1),
}


def schema_cases() -> Iterator[Case]:
    """Of a request, and of a response."""
    for construct, path, rows in (
        ("schema.{}", "/keywords", KEYWORDS),
        ("schema.format, format.{}", "/formats", FORMATS),
    ):
        for name, (kept, broken, *where) in rows.items():
            for method, status in (("POST", 422), ("PUT", 500)):
                yield Case(
                    construct.format(name),
                    ask(f"{method} {path}", {name: kept}),
                    ask(f"{method} {path}", {name: broken}),
                    f"{status} body/{name}{''.join(where)}",
                )


# -- everything else ------------------------------------------------------------------------------


def part(disposition: str, content: str = "", **headers: str) -> str:
    lines = [f"Content-Disposition: form-data; {disposition}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "--b\r\n" + "\r\n".join(lines) + f"\r\n\r\n{content}\r\n"


def parts(*given: str) -> bytes:
    return ("".join(given) + "--b--\r\n").encode("latin-1")


def photo(content: str = "\x89\xff", **headers: str) -> Ask:
    headers = {"Content_Type": "image/png", "X_Width": "1"} | headers
    kept = {name: text for name, text in headers.items() if text}
    file = part('name="photo"; filename="a.png"', content, **kept)
    return ask("POST /bodies", parts(file), content_type=PARTS)


def form(text: str) -> Ask:
    return ask("POST /bodies", text, content_type=FORM)


def multipart(*given: str) -> Ask:
    return ask("POST /bodies", parts(*given), content_type=PARTS)


def text(content: str, content_type: str = "text/plain") -> Ask:
    return ask("POST /bodies", content, content_type=content_type)


def merge(content: str) -> Ask:
    return text(content, "application/merge-patch+json")


def answer(
    body: Any, status: int = 200, media_type: str = "application/json", **headers: str
) -> Ask:
    """Has the service answer that."""
    named = {"X-Number": "1"} | {name.replace("_", "-"): value for name, value in headers.items()}
    content = {"body": body, "status": status, "media_type": media_type, "named": named}
    return ask("POST /answers", content)


def secured(name: str, query: str = "", **headers: str | None) -> Ask:
    return ask(f"GET /security/{name}{query}", **{"authorization": None} | headers)


BODIES = [
    Case("operation.requestBody, request-body.required", ask("POST /bodies", {}),
         ask("POST /bodies"), "422 body"),
    Case("request-body.content", ask("POST /bodies", {}), text("a: 1", "application/yaml"), "415"),
    Case("components.requestBodies", ask("POST /bodies/referred", {"name": "A"}),
         ask("POST /bodies/referred", {"name": ""}), "422 body/name"),
    Case("media-type.schema, body.json", ask("POST /bodies", {"name": "Ada"}),
         ask("POST /bodies", {"name": ""}), "422 body/name", {"body": {"name": "Ada"}}),
    Case("body.json", ask("POST /bodies", {}), text("{", "application/json"), "400"),
    Case("body.merge-patch+json", merge('{"name": "Ada"}'), merge('{"name": ""}'),
         "422 body/name", {"body": {"name": "Ada"}}),
    Case("body.xml, schema.xml", text('<person name="Ada"/>', "application/xml"),
         text('<person name=""/>', "application/xml"), "422 body/name", {"body": {"name": "Ada"}}),
    Case("body.octet-stream", text("abc", "application/octet-stream"),
         text("abcd", "application/octet-stream"), "422 body", {"body": "YWJj"}),
    Case("body.plain", text("9"), text("10"), "422 body", {"body": 9}),
    Case("body.x-www-form-urlencoded", form("value=1"), form("value=x"), "422 body/value",
         {"body": {"value": 1}}),
    Case("body.form-data", multipart(part('name="value"', "1"), part('name="array"', "2")),
         multipart(part('name="value"', "x")), "422 body/value",
         {"body": {"value": 1, "array": [2]}}),
    Case("body.form-data", multipart(part('name="object"', '{"R": 1}')),
         multipart(part('name="object"', '{"R": "x"}')), "422 body/object/R"),
    Case("body.form-data", photo(), photo("1234"), "422 body/photo", {"body": {"photo": "if8="}}),
    Case("encoding.contentType", form("json=[1]"), form("json=1,2"), "422 body/json"),
    Case("encoding.contentType", photo(Content_Type="image/jpeg"), photo(Content_Type="image/gif"),
         "422 body/photo"),
    Case("encoding.headers, header.required", photo(), photo(X_Width=""), "422 body/photo"),
    Case("encoding.headers, header.schema", photo(), photo(X_Width="wide"), "422 body/photo"),
]  # fmt: skip

# like those of a query
ENCODINGS = [
    Case(f"media-type.encoding, encoding.style, encoding.explode, encoding {way}",
         form(PARAMETERS[f"query {way}"][0].replace("*", name)),
         form(PARAMETERS[f"query {way}"][1].replace("*", name)),
         f"422 body/{name}{PARAMETERS[f'query {way}'][2]}",
         {"body": {name: VALUES[way.split()[-1]]}})
    for way, name in {
        "form array": "form_array",
        "form explode array": "form_explode_array",
        "form object": "form_object",
        "form explode object": "form_explode_object",
        "spaceDelimited array": "space_array",
        "pipeDelimited array": "pipe_array",
        "deepObject explode object": "deep_object",
    }.items()
]  # fmt: skip

REQUESTS = [
    Case("document.paths", ask("GET /required?filter="), ask("GET /nowhere"), "404"),
    Case("parameter.required, parameter.name, parameter.in, path-item.parameters",
         ask("GET /required?filter="), ask("GET /required"), "422 query/filter"),
    Case("operation.parameters, components.parameters", ask("GET /required?filter=&limit=9"),
         ask("GET /required?filter=&limit=10"), "422 query/limit", {"limit": 9}),
    Case("schema.default", ask("GET /required?filter="),
         ask("GET /required?filter=&limit="), "422 query/limit", {"limit": 7}),
    Case("parameter.allowEmptyValue", ask("GET /parameters/query?form_explode_value="),
         ask("GET /parameters/query?form_value="), "422 query/form_value"),
    Case("schema.$dynamicAnchor", ask("POST /keywords", {"$dynamicRef": [1]}),
         ask("POST /keywords", {"$dynamicRef": ["x"]}), "422 body/$dynamicRef/0"),
    Case("parameter.unknown", ask("GET /required?filter="),
         ask("GET /required?filter=&unknown=1"), "422 query/unknown"),
    *(Case(f"path-item.{method.lower()}, components.pathItems", ask(f"{method} /methods"),
           ask(f"{method} /security/inherited" if method != "GET" else "GET /bodies"), "405")
      for method in ("GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE")),
    Case("schema.readOnly", ask("POST /accounts", {"name": "a", "secret": "s"}),
         ask("PUT /accounts", {"name": "a"}), "500 body/id"),
    Case("schema.writeOnly", ask("PUT /accounts", {"id": 1, "name": "a"}),
         ask("PUT /accounts", {"id": 1, "name": "a", "secret": "s"}), "500 body/secret"),
    Case("schema.discriminator", ask("POST /pets", {"kind": "cat", "lives": 9}),
         ask("POST /pets", {"kind": "bird"}), "422 body/kind"),
    Case("schema.discriminator", ask("POST /pets", {"kind": "dog", "barks": True}),
         ask("POST /pets", {"kind": "dog", "lives": 9}), "422 body/barks"),
    Case("reference.$ref, components.schemas", ask("POST /keywords", {"recursive": {}}),
         ask("POST /keywords", {"boolean": 1}), "422 body/boolean"),
]  # fmt: skip

ANSWER = {"status": 200, "media_type": "application/json"}
RESPONSES = [
    Case("responses.exact, response.content", answer(1), answer("x"), "500 body"),
    Case("response.content", answer("ab", media_type="text/plain"),
         answer("abc", media_type="text/plain"), "500 body"),
    Case("response.content", answer(1), answer("<a/>", media_type="application/xml"), "500 body"),
    Case("responses.4XX, components.responses", answer("x", 404), answer(1, 404), "500 body"),
    Case("responses.default", answer(True, 503), answer(1, 503), "500 body"),
    Case("operation.responses", ask("POST /answers/exact", ANSWER),
         ask("POST /answers/exact", ANSWER | {"status": 201}), "500 status"),
    Case("response.headers, components.headers, header.schema", answer(1, X_Number="2"),
         answer(1, X_Number="x"), "500 header/X-Number"),
    Case("header.required", answer(1), answer(1, X_Number=""), "500 header/X-Number"),
    Case("header.style", answer(1, X_Array="1,2"), answer(1, X_Array="1,x"),
         "500 header/X-Array/1"),
    Case("header.explode", answer(1, X_Object="R=1,G=2"), answer(1, X_Object="R,1,G,2"),
         "500 header/X-Object"),
    Case("header.content", answer(1, X_Content='{"R":1}'), answer(1, X_Content='{"R":"x"}'),
         "500 header/X-Content/R"),
]  # fmt: skip

KEY = {"x_key": "k"}
SECURITY = [
    Case("document.security, operation.security, components.securitySchemes",
         ask("GET /security/inherited"), secured("inherited"), "401"),
    Case("security.nobody", secured("nobody"), secured("bearer"), "401"),
    Case("security.optional", secured("optional"),
         secured("optional", authorization="Bearer write"), "403", {"principal": None}),
    Case("security.and", secured("and", authorization=BASIC, **KEY), secured("and", **KEY), "401"),
    Case("security.or", secured("or", **KEY), secured("or"), "401"),
    Case("security-scheme.type, security-scheme.in, security-scheme.name, security apiKey header",
         secured("header", **KEY), secured("header", "?key=k", cookie="sid=k"), "401"),
    Case("security apiKey query", secured("query", "?key=k"), secured("query", **KEY), "401"),
    Case("security apiKey cookie", secured("cookie", cookie="sid=k"), secured("cookie"), "401"),
    Case("security-scheme.scheme, security http basic", secured("basic", authorization=BASIC),
         secured("basic", authorization="Basic !"), "401"),
    Case("security http bearer", secured("bearer", authorization="Bearer t"),
         secured("bearer", authorization=BASIC), "401"),
    Case("security http digest", secured("digest", authorization="Digest a"),
         secured("digest", authorization="Bearer t"), "401"),
    Case("security oauth2", secured("oauth2", authorization="Bearer read"), secured("oauth2"),
         "401"),
    Case("oauth-flows.scopes", secured("oauth2", authorization="Bearer read"),
         secured("oauth2", authorization="Bearer write"), "403"),
    Case("security openIdConnect", secured("oidc", authorization="Bearer read"),
         secured("oidc", authorization="Bearer write"), "403"),
    # no server here tells of certificates: its other alternative lets in
    Case("security mutualTLS", secured("tls", **KEY), secured("tls"), "401"),
]  # fmt: skip


CASES = [*parameter_cases(), *schema_cases(), *BODIES, *ENCODINGS, *REQUESTS, *RESPONSES, *SECURITY]
CARRIERS = {
    "document.components", "document.openapi", "document.tags", "operation.operationId",
    "operation.tags", "tag.name",
}  # fmt: skip
"""What only holds or names the others."""
REFUSED = {
    "document.jsonSchemaDialect": (
        "jsonSchemaDialect: https://json-schema.org/draft/2020-12/schema",
        "jsonSchemaDialect: http://json-schema.org/draft-07/schema",
        "Schemas of http://json-schema.org/draft-07/schema are not supported",
    ),
    "schema.$schema": ("$schema: 'https:", "$schema: 'http:", "Schemas of http:"),
    "schema.$id": ("$ref: '#odd'", "$ref: https://example.com/odd", "leads to the network"),
}
"""A change of the document, and what it is refused with: not all that may be said can be kept."""


# -- the service ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of the generated code, which a service that echoes stands behind."""
    folder = tmp_path_factory.mktemp("everything")
    assert command.run(document=EVERYTHING, out=folder / "everything") == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        with (
            serving(application(), lifespan="off") as address,
            httpx.Client(base_url=address) as client,
        ):
            yield client


def application() -> FastAPI:
    package, api, security = (
        import_module(name) for name in ("everything", "everything.api", "everything.security")
    )
    principal = security.Principal(UUID(int=0), frozenset(), UUID(int=0))

    contract = Contract.load(package.DOCUMENT, body_limit=10_000)
    app = FastAPI(openapi_url=None)

    async def authenticate(request: Request, required: SecurityScopes) -> Any:
        """A token holds its scopes."""
        shown = await contract.credentials(request.scope["route"].operation_id)(request)
        if shown is None:
            return None
        held = " ".join(credential.value for credential in shown.values()).split()
        if not set(required.scopes) <= set(held):
            raise HTTPException(403)
        return principal

    async def provide() -> Echo:
        return Echo()

    async def on_fault(request: Request, fault: Any) -> JSONResponse:
        places = [f"{found.place}{found.pointer}" for found in fault.faults]
        refused = isinstance(fault, runtime.RequestRefused)
        return JSONResponse(places, fault.status if refused else 500)

    app.add_exception_handler(runtime.RequestRefused, on_fault)
    app.add_exception_handler(runtime.ResponseViolation, on_fault)
    names = signature(api.build).parameters.keys() - {"contract", "authenticate", "identify"}
    both = {"authenticate": authenticate, "identify": authenticate}
    app.include_router(api.build(contract=contract, **both, **dict.fromkeys(names, provide)))
    return app


class Echo:
    """Answers what it was asked, or as it was asked to."""

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def answer(principal: object = None, **inputs: Any) -> Any:
            if name.startswith("answer"):
                return said(**inputs["body"])
            if name.startswith("give"):
                return inputs["body"]
            heard = {name: plain(value) for name, value in inputs.items()}
            return to_jsonable_python({"principal": principal, **heard}, bytes_mode="base64")

        return answer


def plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(by_alias=True, exclude_unset=True)
    return value


def said(status: int, named: Any = (), media_type: str | None = None, body: Any = None) -> Any:
    """A response that the document may not promise."""
    reply = type("Said", (Reply,), {})()
    headers = {name: text for name, text in dict(named).items() if text}
    vars(reply).update(status=status, media_type=media_type, body=body, headers=lambda: headers)
    return reply


def send(client: httpx.Client, asked: Ask) -> httpx.Response:
    method, _, path = asked.line.partition(" ")
    headers = {"authorization": "Bearer t", **asked.headers}
    present = {name: text for name, text in headers.items() if text is not None}
    return client.request(method, path, content=asked.content, headers=present)


# -- what is proven -------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.constructs.rpartition(", ")[2])
def test_a_construct_is_in_force(client: httpx.Client, case: Case) -> None:
    kept, broken = send(client, case.keeps), send(client, case.breaks)

    assert kept.is_success or "X-Number" in kept.headers, kept.text  # an error may be asked for
    if case.heard is not None:
        heard = kept.json()
        assert {name: heard.get(name) for name in case.heard} == case.heard
    places = broken.json() if broken.status_code in (422, 500) else []
    assert " ".join([str(broken.status_code), *places]) == case.said


@pytest.mark.parametrize("construct", REFUSED)
def test_what_can_not_be_in_force_is_refused_by_name(tmp_path: Path, construct: str) -> None:
    before, after, message = REFUSED[construct]
    file = tmp_path / "openapi.yaml"
    assert EVERYTHING.read_text().count(before) == 1
    line = EVERYTHING.read_text().partition(before)[0].count("\n") + 1
    file.write_text(EVERYTHING.read_text().replace(before, after))

    with pytest.raises(DocumentError, match=rf"openapi.yaml:{line}:\d+: .*{re.escape(message)}"):
        generate(file)


def test_each_construct_of_the_document_has_a_case_or_is_for_readers() -> None:
    proven = {name for case in CASES for name in case.constructs.split(", ")}

    assert constructs() - proven - CARRIERS - REFUSED.keys() == set()


def test_the_document_holds_every_construct() -> None:
    found = constructs(for_readers=True)

    assert known() - found == {"license.url"}  # or its identifier
    assert PARAMETERS.keys() <= found


JSON_SCHEMA = "https://json-schema.org/draft/2020-12/"
VOCABULARIES = tuple(
    f"{JSON_SCHEMA}meta/{name}"
    for name in ("applicator", "content", "core", "format-annotation", "meta-data", "unevaluated",
                 "validation")
)  # fmt: skip
OFFICIAL = official_document("3.1")
OF_OPENAPI = dict.fromkeys(("discriminator", "example", "externalDocs", "xml"), True)
"""What OpenAPI adds to JSON Schema."""


def constructs(*, for_readers: bool = False) -> set[str]:
    """What the document holds: fields of OpenAPI's objects, keywords of schemas, combinations."""
    found = {
        f"{kind(str(unit['absoluteKeywordLocation']))}.{name}"
        for unit in dialect().evaluate(load(EVERYTHING).content).annotations()
        if str(unit["absoluteKeywordLocation"]).endswith("/properties")
        for name in (unit["annotations"] if isinstance(unit["annotations"], list) else ())
        if for_readers or not {name, *unit["instanceLocation"].split("/")} & DOCUMENTATION_ONLY
    }
    return found | set(combinations())


def combinations() -> Iterator[str]:
    """What means something else in each of its combinations, and what tells by its value."""
    for operation in operations():
        yield from map(triple, operation.parameters)
        yield from (f"responses.{name}" for name in operation.ranges)
        yield from ("responses.exact" for _ in operation.response_specs)
        yield from ways_in(operation.security)
    for scheme in DOCUMENT.content["components"]["securitySchemes"].values():
        details = (scheme.get(name) for name in ("type", "in", "scheme"))
        yield " ".join(["security", *filter(None, details)])
    for path, node in DOCUMENT.walk():
        match path, node:
            case (*_, "requestBody" | "Person", "content"), _:
                yield from (f"body.{media_type.rpartition('/')[2]}" for media_type in node)
            case (*_, "encoding", str() as name), {"style": style}:
                explode = ["explode"] if node.get("explode", style == "form") else []
                yield " ".join(["encoding", style, *explode, name.rpartition("_")[2]])
            case _, {"format": str() as name} if name not in DOCUMENTATION_ONLY:
                yield f"format.{name}"


def ways_in(security: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not security:
        yield "security.nobody"
    if {} in security:
        yield "security.optional"
    if len(security) > 1:
        yield "security.or"
    if any(len(alternative) > 1 for alternative in security):
        yield "security.and"


def known() -> set[str]:
    """All that OpenAPI's schema of documents and the vocabularies of JSON Schema name."""
    vocabularies = [REGISTRY.contents(uri) for uri in REGISTRY if uri.startswith(VOCABULARIES)]
    keywords = {name for found in vocabularies for name in found["properties"]}
    fields = {
        f"{name}.{member}"
        for name, node in {**OFFICIAL["$defs"], "document": OFFICIAL}.items()
        for members in properties({**node, "$defs": {}} if name == "document" else node)
        for member in members
    }
    return fields | {f"schema.{name}" for name in keywords | OF_OPENAPI.keys()}


def properties(schema: Any) -> Iterator[Mapping[str, Any]]:
    """Of a schema and of those that it is made of."""
    if isinstance(schema, list):
        for part in schema:
            yield from properties(part)
    if isinstance(schema, dict):
        yield schema.get("properties", {})
        for keyword in schema.keys() - {"properties"}:
            yield from properties(schema[keyword])


def kind(place: str) -> str:
    """The kind of object that a place in OpenAPI's schema describes."""
    if not place.startswith(OFFICIAL["$id"]):
        return "schema"
    found = re.search(r"#/[$]defs/([^/]+)", place)
    return found[1] if found else "document"


@cache
def dialect() -> jsonschema_rs.Draft202012Validator:
    """OpenAPI's schema of documents, and for the schemas in them JSON Schema's own."""
    schema = {"$dynamicAnchor": "meta", "$ref": f"{JSON_SCHEMA}schema", "properties": OF_OPENAPI}
    return jsonschema_rs.Draft202012Validator(
        {"$id": "urn:dialect", "$ref": OFFICIAL["$id"], "$defs": {"schema": schema}},
        registry=jsonschema_rs.Registry([(OFFICIAL["$id"], OFFICIAL)]),
    )
