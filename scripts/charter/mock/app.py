"""The application of `charter mock`: validates each request, and answers from the document."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from http import HTTPStatus
from random import Random
from typing import Any
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from charter.mock.answers import (
    ABSENT,
    CONTROL,
    LONGEST_NOTE,
    NOTE,
    Answers,
    NotAcceptable,
    one_line,
)
from charter.mock.memory import Memory
from charter.mock.memory.remembering import NotRemembered, Recalled, Remembering, Written
from charter.mock.prefer import NotPreferable, Prefer, parse
from charter.mock.repeats import Keyed, KeyReused, Repeats
from charter.mock.router import Router
from charter.mock.samples import TooLarge
from charter.mock.tokens import InvalidGrant, LogIns
from charter.runtime import (
    Contract,
    MissingCredentials,
    Operation,
    RequestRefused,
    ResponseViolation,
)
from charter.runtime import paths as templates
from charter.runtime.errors import PROBLEM
from charter.runtime.parts import essence
from charter.runtime.replies import ContentSpec, ResponseSpec

BODY_LIMIT = 10_000_000
OWN_QUERY = {
    f"__{name}": name for name in ("code", "example", "dynamic", "delay", "fault", "times")
}
"""The preferences of a client that can't set headers, as in a browser's address."""


FORM_LIMIT = 10_000
MOST_FAULTS = 10_000
"""Requests whose faults are counted."""
SLOW_SECONDS = 5.0
SLOW_PIECES = 20
BUSY = "The client has preferred this fault."
BUSY_HEADERS = {"Retry-After": "1", "Preference-Applied": "fault=503"}

log = logging.getLogger("charter.mock")


class Mock:
    """An ASGI application that answers for one document."""

    def __init__(
        self,
        document: Mapping[str, Any],
        *,
        memory: Memory | None = None,
        dynamic: bool = False,
        seed: int | None = None,
        strict: bool = False,
    ) -> None:
        """`memory` is kept across edits of the document; without it, nothing is stored.

        With `strict`, tokens that the mock has not handed out are refused.
        """
        random = Random(seed)
        self.contract = Contract(document, body_limit=BODY_LIMIT, on_violation=pass_over)
        self.dynamic = dynamic
        self.answers = Answers(self.contract, random)
        self.remembering = (
            Remembering(self.contract, self.answers, memory, random) if memory is not None else None
        )
        self.router = Router(self.contract, OWN_QUERY)
        self.state = memory or Memory()
        """What is kept of log-ins, faults and keys, also by a mock that remembers nothing else."""
        self.repeats = Repeats(self.state.answers)
        self.log_ins = LogIns(self.contract, self.state, random, is_strict=strict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        response = await self.respond(request)
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Expose-Headers"] = "*"
        if request.method == "HEAD":
            response = Response(status_code=response.status_code, headers=dict(response.headers))
        path = quote(request.scope["path"], safe="/:@!$&'()*+,;=")  # which forges no line
        why = CONTROL.sub(" ", getattr(request.state, "why", ""))
        fault = getattr(request.state, "fault", None)
        if fault == "reset":
            log.info("%s %s reset %s", request.method, path, why)
            raise ConnectionResetError("a client has preferred that")
        log.info("%s %s %s %s", request.method, path, response.status_code, why)
        if fault == "slow":
            response.headers.append("Preference-Applied", "fault=slow")
            response = slowly(response)
        await response(scope, receive, send)

    # -- which operation --------------------------------------------------------------------------

    async def respond(self, request: Request) -> Response:
        path = templates.requested(request.scope)
        operations = self.router.methods(path)
        if operations is None and path in self.log_ins.urls:
            request.state.why = "the token endpoint of a flow"
            if request.method != "POST":
                return self.other_method(request, ["POST"])
            return self.log_ins.plain_answer(path, await form_of(request))
        if operations is None:
            request.state.why = "the document has no such path"
            return problem(404, f"The document has no path {path.replace(templates.SLASH, '%2F')}.")
        operation = self.router.find(path, request.method)
        is_preflight = "access-control-request-method" in request.headers
        if operation is None or (is_preflight and request.method == "OPTIONS"):
            return self.other_method(request, list(operations))
        response = await self.operate(request, operation)
        announcement = self.contract.announcements.get(request.state.operation_id)
        if announcement is not None:
            announcement.add_to(response.headers)
        return response

    def other_method(self, request: Request, methods: list[str]) -> Response:
        allow = ", ".join([*methods, *(["HEAD"] if "GET" in methods else []), "OPTIONS"])
        if request.method == "OPTIONS":
            return Response(
                status_code=204,
                headers={
                    "Allow": allow,
                    "Access-Control-Allow-Methods": allow,
                    "Access-Control-Allow-Headers": request.headers.get(
                        "access-control-request-headers", "*"
                    ),
                },
            )
        detail = f"The document has no {request.method} here, but {allow}."
        request.state.why = detail
        return problem(405, detail, headers={"Allow": allow})

    # -- one operation ----------------------------------------------------------------------------

    async def operate(self, request: Request, operation: Operation) -> Response:
        request.state.why = request.state.operation_id = operation.id

        async def attempt(operation: Operation) -> Response:
            return await self.attempt(request, operation)

        try:
            prefer = request.state.prefer = self.prefer(request)
            await asyncio.sleep(prefer.delay)
            if prefer.fault is not None and self.meets_fault(request, prefer):
                request.state.fault = prefer.fault
                if prefer.fault != "slow":
                    return self.refuse(request, operation, 503, BUSY, headers=BUSY_HEADERS)
            return await self.router.answer(request, operation, attempt)
        except MissingCredentials as refused:
            headers = {"WWW-Authenticate": ", ".join(refused.challenges)}
            request.state.why = str(refused)
            operation = self.refusing(request, refused.operation_id)
            return self.refuse(request, operation, 401, refused.detail, headers=headers)
        except RequestRefused as refused:
            request.state.why = f"{refused} {explained(refused.faults)}"
            operation = self.refusing(request, refused.operation_id)
            return self.refuse(
                request, operation, refused.status, refused.detail, faults=refused.faults
            )
        except NotRemembered as refused:
            request.state.why = f"{operation.id}: {refused.detail}"
            return self.refuse(request, operation, refused.status, refused.detail)
        except NotPreferable as error:
            request.state.why = f"{operation.id}: {error}"
            return problem(400, str(error))
        except NotAcceptable as error:
            request.state.why = f"{operation.id}: {error} is not acceptable"
            return problem(406, f"The operation answers with {error}.")
        except TooLarge as error:
            request.state.why = f"{operation.id}: {error}"
            return problem(501, f"{error} Give its media type an example.")

    def refusing(self, request: Request, operation_id: str) -> Operation:
        """The operation that refuses, which may be another one of the same address."""
        request.state.operation_id = operation_id
        return self.contract.operations[operation_id]

    async def attempt(self, request: Request, operation: Operation) -> Response:
        request.state.why = request.state.operation_id = operation.id
        prefer: Prefer = request.state.prefer
        credentials = await self.contract.credentials(operation.id)(request)
        self.log_ins.check(operation, credentials)
        values = await self.router.read(request, operation)
        keyed = Keyed.of(operation, credentials, values)
        if keyed is None or prefer.chooses:
            return await self.answer(request, operation, prefer, values)
        return await self.answer_once(request, operation, keyed, values)

    async def answer_once(
        self,
        request: Request,
        operation: Operation,
        keyed: Keyed,
        values: Mapping[tuple[str, str], Any],
    ) -> Response:
        """The answer to the first request with this key. Raises NotRemembered for another one."""
        try:
            response = self.repeats.answer(keyed)
        except KeyReused as error:
            declared = (one for one in (409, 422) if one in operation.response_specs)
            raise NotRemembered(next(declared, 409), str(error)) from None
        if response is not None:
            request.state.why += ": the answer to the first request with this Idempotency-Key"
            return response
        response = await self.answer(request, operation, request.state.prefer, values)
        self.repeats.keep(keyed, response)
        return response

    def meets_fault(self, request: Request, prefer: Prefer) -> bool:
        """Whether the request meets the fault that it prefers, this time."""
        if prefer.times is None:
            return True
        key = f"{request.method} {request.url} {prefer.fault} {prefer.times}"
        if len(self.state.faults) > MOST_FAULTS:
            self.state.faults.clear()
        self.state.faults[key] += 1
        return self.state.faults[key] <= prefer.times

    def logged_in(self, operation: Operation, spec: ResponseSpec, sent: Any) -> Recalled:
        """A log-in's answer, with tokens of its own where its schema admits them.

        Raises NotRemembered.
        """
        content = next(one for one in spec.contents.values() if one.is_json)
        example = self.answers.example(content, Prefer())
        try:
            body = self.log_ins.body(operation, sent, example)
        except InvalidGrant as error:
            declared = (one for one in (400, 401) if operation.response_spec(one) is not None)
            raise NotRemembered(next(declared, 400), str(error)) from None
        if self.answers.fits(content, body):
            return Recalled(body)
        return Recalled(why="its schema doesn't admit the mock's tokens")

    def prefer(self, request: Request) -> Prefer:
        headers = request.headers.getlist("prefer")
        headers += [
            f'{ours}="{request.query_params[name]}"'
            for name, ours in OWN_QUERY.items()
            if name.encode() in request.scope["query_string"] and name in request.query_params
        ]
        return parse(headers)

    async def answer(
        self,
        request: Request,
        operation: Operation,
        prefer: Prefer,
        values: Mapping[tuple[str, str], Any],
    ) -> Response:
        status, spec = self.answers.preferred(operation, prefer)
        content = None
        if spec.contents:  # a request that gets no answer must change nothing
            content = self.answers.negotiate(request, spec)[1]
        recalled = None
        if operation.id in self.log_ins.issuers and not prefer.chooses and status < 400:
            recalled = self.logged_in(operation, spec, values.get(("body", "")))
        elif self.remembering is not None and not prefer.chooses and status < 400:
            media_type = essence(request.headers.get("content-type", ""))
            reader = self.router.reader(operation)
            address = f"{request.url.scheme}://{request.url.netloc}"
            target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            recalled = self.remembering.recall(
                Written(operation, values, reader, media_type, address, target)
            )
        if recalled is not None and content is not None and not holds(content, recalled.body):
            recalled = replace(recalled, body=ABSENT, why="what is remembered is a JSON value")
        varied = replace(prefer, dynamic=prefer.dynamic or self.dynamic)
        if recalled is None:
            response = self.answers.answer(request, status, spec, varied)
        else:
            response = self.recalled(request, status, spec, recalled, varied)
        if NOTE in response.headers:
            request.state.why += f": {response.headers[NOTE]}"
        if prefer.applied:
            response.headers["Preference-Applied"] = prefer.applied
        return response

    def recalled(
        self,
        request: Request,
        status: int,
        spec: ResponseSpec,
        recalled: Recalled,
        prefer: Prefer,
    ) -> Response:
        """The answer with the stored object; a note names what comes from an example instead."""
        response = self.answers.answer(
            request,
            status,
            spec,
            prefer,
            body=recalled.body,
            headers=recalled.headers,
        )
        is_linked = any(name.lower() == "link" for name in recalled.headers)
        if recalled.is_list and not is_linked and not requires_link(spec):
            del response.headers["link"]  # of an example: there is no other page
        if recalled.note and response.body:
            response.headers[NOTE] = one_line(recalled.note[:LONGEST_NOTE])
        return response

    def refuse(
        self,
        request: Request,
        operation: Operation,
        status: int,
        detail: str,
        *,
        faults: Any = (),
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """The refusal that the document declares, else a problem (RFC 9457)."""
        declared = declared_refusal(operation, status)
        if declared is None:
            return problem(status, detail, faults, headers)
        status, spec = declared
        ours = problem(status, detail, faults, headers)
        ours.headers.update(dict(self.answers.headers(spec)) | dict(headers or {}))
        if PROBLEM in spec.contents and not list(spec.faults(ours)):
            return ours
        try:
            return self.answers.answer(request, status, spec, Prefer(), headers=headers, why=detail)
        except NotAcceptable:
            return ours


def holds(content: ContentSpec, body: Any) -> bool:
    """Whether the content can hold what is remembered, which the JSON of the operation can."""
    is_value = content.is_json or (content.holds_values and content.validator.is_valid(body))
    return body is ABSENT or is_value


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a short form; those beyond FORM_LIMIT bytes are not read."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > FORM_LIMIT:
            break
    return dict(parse_qsl(bytes(body[:FORM_LIMIT]).decode("utf-8", "replace")))


def slowly(response: Response) -> StreamingResponse:
    """The same response, whose body takes SLOW_SECONDS."""
    body = bytes(response.body)
    size = max(1, -(-len(body) // SLOW_PIECES))

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, max(1, len(body)), size):
            await asyncio.sleep(SLOW_SECONDS * size / max(size, len(body)))
            yield body[start : start + size]

    made = StreamingResponse(pieces(), response.status_code)
    made.raw_headers = response.raw_headers
    return made


def declared_refusal(operation: Operation, status: int) -> tuple[int, ResponseSpec] | None:
    """The declared response for a refusal, by its status or by one with a similar meaning."""
    similar = {400: (400, 422), 422: (422, 400), 413: (413, 400), 415: (415, 400)}
    for wanted in similar.get(status, (status,)):
        spec = operation.response_spec(wanted)
        if spec is not None:
            return wanted, spec
    return None


def problem(
    status: int,
    detail: str,
    faults: Any = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if faults:
        body["errors"] = [fault.as_json() for fault in faults]
    return JSONResponse(body, status, headers, PROBLEM)


def requires_link(spec: ResponseSpec) -> bool:
    return any(header.required for header in spec.headers if header.name.lower() == "link")


def explained(faults: Any) -> str:
    return "; ".join(f"{fault.place} {fault.pointer} {fault.detail}".strip() for fault in faults)


def pass_over(violation: ResponseViolation) -> None:
    """The mock checks its answers itself."""
