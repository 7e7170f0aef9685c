"""The application of `charter mock`: validates each request, and answers from the document."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from random import Random
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from charter.mock.answers import (
    ABSENT,
    CONTROL,
    LONGEST_NOTE,
    NOTE,
    PROBLEM,
    Answers,
    NotAcceptable,
    one_line,
)
from charter.mock.memory import Memory
from charter.mock.memory.remembering import NotRemembered, Recalled, Remembering, Written
from charter.mock.prefer import NotPreferable, Prefer, parse
from charter.mock.router import Router
from charter.mock.samples import TooLarge
from charter.runtime import (
    Contract,
    MissingCredentials,
    Operation,
    RequestRefused,
    ResponseViolation,
)
from charter.runtime import paths as templates
from charter.runtime.parts import essence
from charter.runtime.replies import ContentSpec, ResponseSpec

BODY_LIMIT = 10_000_000
OWN_QUERY = {"__code": "code", "__example": "example", "__dynamic": "dynamic"}
"""The preferences of a client that can't set headers, as in a browser's address."""


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
    ) -> None:
        """`memory` is kept across edits of the document; without it, nothing is stored."""
        random = Random(seed)
        self.contract = Contract(document, body_limit=BODY_LIMIT, on_violation=pass_over)
        self.dynamic = dynamic
        self.answers = Answers(self.contract, random)
        self.remembering = (
            Remembering(self.contract, self.answers, memory, random) if memory is not None else None
        )
        self.router = Router(self.contract, OWN_QUERY)

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
        log.info("%s %s %s %s", request.method, path, response.status_code, why)
        await response(scope, receive, send)

    # -- which operation --------------------------------------------------------------------------

    async def respond(self, request: Request) -> Response:
        path = templates.requested(request.scope)
        operations = self.router.methods(path)
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
        prefer = self.prefer(request)
        await self.contract.credentials(operation.id)(request)
        values = await self.router.read(request, operation)
        return await self.answer(request, operation, prefer, values)

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
        if self.remembering is not None and prefer == Prefer() and status < 400:
            media_type = essence(request.headers.get("content-type", ""))
            reader = self.router.reader(operation)
            address = f"{request.url.scheme}://{request.url.netloc}"
            recalled = self.remembering.recall(
                Written(operation, values, reader, media_type, address)
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
        if recalled.is_last_page and not requires_link(spec):
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
