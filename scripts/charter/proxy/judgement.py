"""Judges an exchange by the document: what the client asked, and what the service answered.

A service departs from its document where its response does, or where it accepts what the document
refuses: an error. A client departs from it with a request that the service refused: a warning.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from itertools import islice
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from charter.document import Document
from charter.document.findings import Severity
from charter.mock.router import Router
from charter.proxy.drifts import Drift
from charter.proxy.exchange import LARGEST_BODY, Exchange, content, printable, values
from charter.runtime import (
    ContentTooLarge,
    Contract,
    Fault,
    MissingCredentials,
    Operation,
    RequestRefused,
)
from charter.runtime import paths as templates
from charter.runtime.judge import Judge
from charter.runtime.parameters import header_faults
from charter.runtime.parts import essence
from charter.runtime.references import has, pointer, tokens
from charter.runtime.replies import ContentSpec, ResponseSpec
from charter.runtime.shapes import COMBINING

MOST_FAULTS = 1000
"""Of one body that is a sequence, whose items may all be wrong."""
NOT_THERE = (404, 405, 501)
"""Statuses by which a service says that it has no such operation."""
COMMON_HEADERS = frozenset(
    {
        "accept-ch", "accept-patch", "accept-ranges", "age", "allow", "alt-svc", "cache-control",
        "clear-site-data", "content-disposition", "content-encoding", "content-language",
        "content-length", "content-location", "content-range", "content-security-policy",
        "content-security-policy-report-only", "content-type", "cross-origin-embedder-policy",
        "cross-origin-opener-policy", "cross-origin-resource-policy", "date", "deprecation",
        "digest", "etag", "expect-ct", "expires", "keep-alive", "last-modified", "link",
        "location", "nel", "permissions-policy", "pragma", "ratelimit", "ratelimit-limit",
        "ratelimit-policy", "ratelimit-remaining", "ratelimit-reset", "referrer-policy",
        "refresh", "report-to", "reporting-endpoints", "retry-after", "server", "server-timing",
        "set-cookie", "strict-transport-security", "sunset", "timing-allow-origin", "traceparent",
        "tracestate", "trailer", "transfer-encoding", "vary", "via", "warning",
        "www-authenticate", "x-content-type-options", "x-dns-prefetch-control", "x-frame-options",
        "x-powered-by", "x-request-id", "x-robots-tag", "x-xss-protection",
    }
)  # fmt: skip
"""Response headers of the protocol and of every server, which documents need not name."""
UNSEEN = {"tls": {"client_cert_name": "unseen"}}
"""A client certificate is shown to the service alone, so it is taken for granted."""


@dataclass(frozen=True)
class Departure:
    """What departs from the document, and the pointer of what the document says."""

    severity: Severity
    rule: str
    detail: str
    place: str
    pointer: str = ""


class Judgement:
    """Judges exchanges with the service of one document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.contract = Contract(document.content, body_limit=LARGEST_BODY, check_rate=0)
        self.router = Router(self.contract)
        self.unjudged = 0

    async def drifts(self, exchange: Exchange) -> list[Drift]:
        requested = templates.requested({"path": exchange.path, "raw_path": exchange.raw_path})
        operation = self.router.find(requested, exchange.method)
        if operation is None:
            label = f"{exchange.method} {printable(exchange.path)}"
            found = [*self.undeclared(exchange)]
        else:
            meant, refused = await self.meant(exchange, operation)
            label = f"{meant.method} {meant.path}"
            found = [*self.of_request(exchange, meant, refused), *self.of_response(exchange, meant)]
        return [
            Drift(
                label,
                exchange.status,
                one.severity,
                one.rule,
                one.detail,
                one.pointer,
                self.document.place(tokens(one.place)),
            )
            for one in found
        ]

    def undeclared(self, exchange: Exchange) -> Iterator[Departure]:
        """A request that the document has no operation for."""
        if exchange.method == "OPTIONS":  # which asks the server, not the API
            return
        if exchange.status in NOT_THERE:
            detail = "the client asks for an operation that the document does not have"
            yield Departure(Severity.WARNING, "operation", detail, "/paths")
        else:
            detail = "the service has an operation that the document does not have"
            yield Departure(Severity.ERROR, "operation", detail, "/paths")

    # -- the request ------------------------------------------------------------------------------

    async def meant(
        self, exchange: Exchange, operation: Operation
    ) -> tuple[Operation, RequestRefused | None]:
        """The operation that takes the request, and how it refuses what none takes."""
        taken = operation
        try:
            body = content(exchange.request, exchange.request_headers)
        except ValueError as error:
            return operation, RequestRefused(operation.id, f"The body {error}.")
        if body is None:
            self.unjudged += 1
            return operation, None

        async def attempt(one: Operation) -> Response:
            nonlocal taken
            taken = one
            await self.contract.credentials(one.id)(request)
            await self.router.read(request, one)
            return Response()

        request = request_of(exchange, body)
        try:
            await self.router.answer(request, operation, attempt)
        except ContentTooLarge:  # which the document does not say
            self.unjudged += 1
        except RequestRefused as refused:
            return self.contract.operations[refused.operation_id], refused
        return taken, None

    def of_request(
        self, exchange: Exchange, operation: Operation, refused: RequestRefused | None
    ) -> Iterator[Departure]:
        if refused is None:
            return
        is_accepted = exchange.status < 400
        if isinstance(refused, MissingCredentials):
            if is_accepted:
                detail = "the service accepts a request without the credentials that are required"
                place = f"{operation.place}/security"
                yield Departure(Severity.ERROR, "credentials", detail, place)
            return
        severity = Severity.ERROR if is_accepted else Severity.WARNING
        who = "the service accepts" if is_accepted else "the client sends"
        if not refused.faults:
            said = f"{who} a request that the document refuses: {refused.detail.rstrip('.')}"
            place = self.place_of_request(operation, Fault("body", "", ""))
            yield Departure(severity, "request", said, place)
        for fault in refused.faults:
            said = f"{who} a request whose {named(fault)}"
            yield Departure(
                severity, "request", said, self.place_of_request(operation, fault), fault.pointer
            )

    def place_of_request(self, operation: Operation, fault: Fault) -> str:
        judge = self.contract.judge
        if fault.place != "body":
            name = (*tokens(fault.pointer), "")[0]
            for index, parameter in enumerate(operation.parameters):
                if (parameter.place, parameter.name) == (fault.place, name):
                    return judge.locate(f"{operation.place}/parameters/{index}")
            return f"{operation.place}/parameters"
        if "requestBody" not in judge.at(operation.place):
            return operation.place
        place = judge.locate(f"{operation.place}/requestBody")
        for media_type in judge.at(place).get("content", {}):
            schema = f"{place}/content{pointer(media_type)}/schema"
            if judge.has(schema):
                return schema_of(judge, schema, fault.pointer)
        return place

    # -- the response -----------------------------------------------------------------------------

    def of_response(self, exchange: Exchange, operation: Operation) -> Iterator[Departure]:
        spec = operation.response_spec(exchange.status)
        if spec is None:
            detail = f"the service answers with {exchange.status}, which is not declared"
            yield Departure(Severity.ERROR, "status", detail, f"{operation.place}/responses")
            return
        if not exchange.is_complete:
            detail = "the service breaks off its response"
            yield Departure(Severity.ERROR, "syntax", detail, spec.place)
        elif exchange.may_have_content:
            yield from self.of_content(exchange, spec)
        yield from of_headers(exchange, spec)

    def of_content(self, exchange: Exchange, spec: ResponseSpec) -> Iterator[Departure]:
        media_type = ", ".join(values(exchange.response_headers, b"content-type")) or None
        declared = spec.content(media_type) if media_type else None
        known = " or ".join(spec.contents)
        if not exchange.response.size:
            if spec.contents:
                detail = f"the response has no body, where {known} is declared"
                yield Departure(Severity.ERROR, "body", detail, f"{spec.place}/content")
        elif not spec.contents:
            detail = "the response has a body, where none is declared"
            yield Departure(Severity.ERROR, "body", detail, spec.place)
        elif declared is None:
            sent = essence(media_type) if media_type else "of no media type"
            detail = f"the response is {sent}, where {known} is declared"
            yield Departure(Severity.ERROR, "media-type", detail, f"{spec.place}/content")
        else:
            yield from self.of_body(exchange, declared, media_type or "")

    def of_body(
        self, exchange: Exchange, declared: ContentSpec, media_type: str
    ) -> Iterator[Departure]:
        try:
            body = content(exchange.response, exchange.response_headers)
        except ValueError as error:
            detail = f"the response's body {error}"
            yield Departure(Severity.ERROR, "syntax", detail, declared.place)
            return
        if body is None:
            self.unjudged += 1
            return
        try:
            faults = list(islice(declared.faults(in_utf8(body, media_type)), MOST_FAULTS))
        except (ValueError, RecursionError, LookupError):
            detail = f"the response's body is not {essence(media_type)}"
            yield Departure(Severity.ERROR, "syntax", detail, declared.place)
            return
        for fault in faults:
            place = declared.schema_place or declared.place
            yield Departure(
                Severity.ERROR,
                "body",
                f"the response's {named(fault)}",
                schema_of(self.contract.judge, place, fault.pointer),
                fault.pointer,
            )


def of_headers(exchange: Exchange, spec: ResponseSpec) -> Iterator[Departure]:
    """Declared headers with another value, and those of the service's own that are not declared."""
    sent: dict[str, list[str]] = {}
    for raw, value in exchange.response_headers:
        sent.setdefault(raw.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    for header in spec.headers:
        text = ", ".join(sent[header.name.lower()]) if header.name.lower() in sent else None
        for fault in header_faults(header, text):
            place = f"{spec.place}/headers{pointer(header.name)}"
            detail = f"the response's {named(fault)}"
            yield Departure(Severity.ERROR, "header", detail, place, fault.pointer)
    declared = {header.name.lower() for header in spec.headers} | COMMON_HEADERS
    for name in sorted(sent.keys() - declared):
        if not name.startswith("access-control-"):
            detail = f"the response has the header {name}, which is not declared"
            yield Departure(Severity.WARNING, "header", detail, spec.place, pointer(name))


def request_of(exchange: Exchange, body: bytes) -> Request:
    """The request as its receiver reads it: in one piece, without a coding."""
    changed = (b"content-encoding", b"transfer-encoding", b"content-length")
    headers = [
        (name.lower(), value)
        for name, value in exchange.request_headers
        if name.lower() not in changed
    ]
    if body:
        headers.append((b"content-length", str(len(body)).encode()))
    scope: dict[str, Any] = {
        "type": "http",
        "method": exchange.method,
        "path": exchange.path,
        "raw_path": exchange.raw_path,
        "query_string": exchange.query,
        "headers": headers,
        "extensions": UNSEEN,
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(scope, receive)


def named(fault: Fault) -> str:
    """What is at fault and why: `body /items/0/title is not a string`."""
    return " ".join(filter(None, (fault.place, fault.pointer, fault.detail)))


def in_utf8(body: bytes, media_type: str) -> bytes:
    """A text in the charset of its media type. Raises LookupError for one that is not known."""
    message = Message()
    message["content-type"] = media_type
    charset = str(message.get_param("charset", "utf-8")).lower()
    return body if charset in ("utf-8", "utf8") else body.decode(charset).encode()


def schema_of(judge: Judge, place: str, value: str) -> str:
    """Where the schema of a value stands, by the value's pointer; of the innermost that is found.

    Walks down the pointer one token at a time, through references and combined schemas.
    """
    place = judge.locate(place)
    for token in tokens(value):
        below = next(schemas_of_member(judge, place, token), None)
        if below is None:
            return place
        place = below
    return place


def schemas_of_member(judge: Judge, place: str, token: str) -> Iterator[str]:
    seen: set[str] = set()
    waiting = [place]
    while waiting:
        place = judge.locate(waiting.pop(0))
        schema = judge.at(place)
        if place in seen or not isinstance(schema, Mapping):
            continue
        seen.add(place)
        candidates = (("properties", token), ("prefixItems", token), ("items",))
        for path in candidates:
            is_item = path[0] == "items" and not token.isdecimal()
            if not is_item and has(schema, path):
                yield judge.locate(place + pointer(*path))
        for keyword in COMBINING:
            waiting += [
                f"{place}{pointer(keyword, index)}" for index in range(len(schema.get(keyword, ())))
            ]
