"""The application of `charter mock`: judges every request by the document, and answers from it."""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from http import HTTPStatus
from itertools import chain
from random import Random
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from generated.runtime import (
    Contract,
    Operation,
    RequestRefused,
    ResponseBroken,
    Unauthenticated,
)
from generated.runtime import paths as templates
from generated.runtime.inputs import RequestReader
from generated.runtime.replies import Promise
from generated.runtime.shapes import Shape
from scripts.mock.answers import ABSENT, PROBLEM, Answers, NotAcceptable, status_of
from scripts.mock.memory import (
    Identities,
    Memory,
    Resource,
    Stored,
    filled,
    json_content,
    merge_patch,
    now,
    resources,
)
from scripts.mock.prefer import NotPreferable, Prefer, parse

BODY_LIMIT = 10_000_000
OWN_QUERY = {"__code": "code", "__example": "example", "__dynamic": "dynamic"}
"""The preferences of a client that can't set headers, as in a browser's address."""

log = logging.getLogger("charter.mock")


class Mock:
    """An ASGI application that keeps one document."""

    def __init__(
        self,
        document: Mapping[str, Any],
        *,
        memory: Memory | None = None,
        dynamic: bool = False,
        seed: int | None = None,
    ) -> None:
        """`memory` outlives an edit of the document; without one nothing is remembered."""
        random = Random(seed)
        self.contract = Contract(document, body_limit=BODY_LIMIT, checked_share=1, broken=pass_over)
        self.memory = memory
        self.dynamic = dynamic
        self.answers = Answers(self.contract, random)
        self.identities = Identities(random)
        self.resources = resources(self.contract) if memory is not None else {}
        self.operations: dict[str, dict[str, Operation]] = {}
        self.unroutable: list[str] = []
        for operation in self.contract.operations.values():
            if "#" in operation.path or "?" in operation.path:
                self.unroutable.append(operation.path)
            else:
                self.operations.setdefault(operation.path, {})[operation.method] = operation
        self.paths = [
            (templates.named_pattern(path), path) for path in templates.ordered(self.operations)
        ]
        self.readers: dict[str, RequestReader] = {}

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
        why = getattr(request.state, "why", "")
        log.info("%s %s %s %s", request.method, path, response.status_code, why)
        await response(scope, receive, send)

    # -- which operation --------------------------------------------------------------------------

    async def respond(self, request: Request) -> Response:
        path = request.scope["path"]
        for pattern, template in self.paths:
            matched = pattern.fullmatch(path)
            if matched is None:
                continue
            operations = self.operations[template]
            request.scope["path_params"] = matched.groupdict()
            is_preflight = "access-control-request-method" in request.headers
            if request.method in operations and not is_preflight:
                return await self.operate(request, operations[request.method])
            if request.method == "HEAD" and "GET" in operations:
                return await self.operate(request, operations["GET"])
            return self.other_method(request, list(operations))
        request.state.why = "the document has no such path"
        return problem(404, f"The document has no path {path}.")

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
        request.state.why = operation.id
        try:
            prefer = self.prefer(request)
            await self.contract.credentials(operation.id)(request)
            values = await self.read(request, operation)
            return await self.answer(request, operation, prefer, values)
        except Unauthenticated as refused:
            headers = {"WWW-Authenticate": ", ".join(refused.challenges)}
            request.state.why = f"{operation.id}: {refused.detail}"
            return self.refuse(request, operation, 401, refused.detail, headers=headers)
        except RequestRefused as refused:
            request.state.why = f"{operation.id}: {refused.detail} {explained(refused.faults)}"
            return self.refuse(
                request, operation, refused.status, refused.detail, faults=refused.faults
            )
        except NotPreferable as error:
            request.state.why = f"{operation.id}: {error}"
            return problem(400, str(error))
        except NotAcceptable as error:
            request.state.why = f"{operation.id}: {error} is not acceptable"
            return problem(406, f"The operation answers with {error}.")

    def prefer(self, request: Request) -> Prefer:
        headers = request.headers.getlist("prefer")
        headers += [
            f'{ours}="{request.query_params[name]}"'
            for name, ours in OWN_QUERY.items()
            if name in request.query_params
        ]
        return parse(headers)

    async def read(self, request: Request, operation: Operation) -> dict[tuple[str, str], Any]:
        """The judged values of a request, by place and name. Raises RequestRefused."""
        if operation.id not in self.readers:
            self.readers[operation.id] = self.contract.reader(operation.id, OWN_QUERY)
        reader = self.readers[operation.id]
        values = await reader.read(request)
        return dict(zip(reader.places, values, strict=True))

    async def answer(
        self,
        request: Request,
        operation: Operation,
        prefer: Prefer,
        values: Mapping[tuple[str, str], Any],
    ) -> Response:
        status, promise = self.answers.preferred(operation, prefer)
        if promise.contents:
            self.answers.negotiate(request, promise)  # who gets no answer has changed nothing
        resource = self.resources.get(operation.path) if prefer == Prefer() else None
        if resource is not None and self.memory is not None:
            response = self.remember(request, operation, resource, values)
            if response is not None:
                return response
        varied = replace(prefer, dynamic=prefer.dynamic or self.dynamic)
        response = self.answers.answer(request, status, promise, varied)
        if prefer.applied:
            response.headers["Preference-Applied"] = prefer.applied
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
        """As the document says that the operation refuses; as a problem where it says nothing."""
        declared = declared_refusal(operation, status)
        if declared is None:
            return problem(status, detail, faults, headers)
        status, promise = declared
        ours = problem(status, detail, faults, headers)
        ours.headers.update(dict(self.answers.headers(promise, Prefer())) | dict(headers or {}))
        if PROBLEM in promise.contents and not list(promise.faults(ours)):
            return ours
        try:
            return self.answers.answer(request, status, promise, Prefer(), headers=headers)
        except NotAcceptable:
            return ours

    # -- memory -----------------------------------------------------------------------------------

    def remember(
        self,
        request: Request,
        operation: Operation,
        resource: Resource,
        values: Mapping[tuple[str, str], Any],
    ) -> Response | None:
        """The answer of a resource; None where an example says as much."""
        in_path = {name: value for (place, name), value in values.items() if place == "path"}
        collection = filled(resource.collection, in_path)
        body = values.get(("body", ""))
        if operation.path == resource.collection:
            if operation.method == "POST":
                return self.create(request, operation, resource, collection, body)
            if operation.method == "GET":
                return self.list(request, operation, resource, collection, values)
            return None
        if operation.method not in ("DELETE", "GET", "PATCH", "PUT"):
            return None
        identity = str(in_path[templates.names(resource.member)[-1]])
        return self.on_member(request, operation, resource, collection, identity, body)

    def create(
        self,
        request: Request,
        operation: Operation,
        resource: Resource,
        collection: str,
        body: Any,
    ) -> Response | None:
        if not isinstance(body, dict) or self.memory is None:
            return None
        member = self.operations[resource.member]["GET"]
        stored = self.stored(resource, collection)
        base = self.example_of(member)
        shape = self.shape_of(member)
        moment = now()
        times = {
            name: moment
            for name in shape.names - sent(self.readers[operation.id])
            if is_time(shape.member(name))
        }
        identifier = shape.member(resource.identifier)
        own = given_identity(body, resource.identifier, identifier)
        if any(str(identity) in stored for identity in own) and 409 in operation.promises:
            return self.refuse(request, operation, 409, f"There is {own[0]} already.")
        for identity in chain(own, self.identities.candidates(identifier, stored)):
            made = self.settled(member, base, {**times, **shown_members(shape, body)}, identity)
            if made is None:
                continue
            self.memory.put(collection, str(identity), made)
            status, promise = status_of(operation.success), operation.success
            shown = made if self.is_valid(operation, made) else ABSENT
            headers = location(promise, f"{quote(collection)}/{quote(str(identity), safe='')}")
            return self.answers.answer(
                request, status, promise, Prefer(), body=shown, headers=headers
            )
        return None

    def settled(
        self, member: Operation, base: Mapping[str, Any], said: Mapping[str, Any], identity: Any
    ) -> dict[str, Any] | None:
        """What was said over an example, as much of it as the member's schema admits."""
        identifier = self.resources[member.path].identifier
        named = {identifier: identity}
        for made in ({**base, **said, **named}, {**said, **named}):
            if self.is_valid(member, made):
                return made
        made = {**base, **named}
        if not self.is_valid(member, made):
            return None
        for name, value in said.items():
            if name != identifier and self.is_valid(member, {**made, name: value}):
                made[name] = value
        return made

    def list(
        self,
        request: Request,
        operation: Operation,
        resource: Resource,
        collection: str,
        values: Mapping[tuple[str, str], Any],
    ) -> Response | None:
        content = json_content(operation)
        if content is None or self.memory is None or self.memory.is_untouched(collection):
            return None
        found = page(list(self.stored(resource, collection).values()), values)
        envelope: Any = self.answers.example(content, Prefer())
        for shown in enveloped(envelope, found, self.shape_of(operation)):
            if not content.validator.is_valid(shown):
                continue
            promise = operation.success
            response = self.answers.answer(
                request, status_of(promise), promise, Prefer(), body=shown
            )
            if not any(header.required for header in promise.headers if is_link(header.name)):
                del response.headers["link"]  # of an example: there is no other page
            return response
        return None

    def on_member(
        self,
        request: Request,
        operation: Operation,
        resource: Resource,
        collection: str,
        identity: str,
        body: Any,
    ) -> Response | None:
        if self.memory is None:
            return None
        member = self.operations[resource.member]["GET"]
        if self.memory.is_untouched(collection):
            examples = self.examples_of(resource)
            current = examples.get(identity) or self.with_identity(member, resource, identity)
        else:
            current = self.memory.of(collection).get(identity)
        replaces = operation.method == "PUT" and isinstance(body, dict)
        if current is None and not replaces:
            if operation.promise(404) is None:
                return None
            return self.refuse(request, operation, 404, f"There is no {request.url.path}.")
        changed: Any = current
        if operation.method == "DELETE":
            self.stored(resource, collection).pop(identity, None)
        elif operation.method in ("PUT", "PATCH") and isinstance(body, dict):
            known = current or self.with_identity(member, resource, identity)
            if known is None:
                return None
            changed = self.changed(operation, member, known, body)
            if changed is None:
                return None
            self.stored(resource, collection)
            self.memory.put(collection, identity, changed)
        shown = changed if self.is_valid(operation, changed) else ABSENT
        return self.answers.answer(
            request, status_of(operation.success), operation.success, Prefer(), body=shown
        )

    def stored(self, resource: Resource, collection: str) -> Stored:
        """The objects of a collection, which begins with the examples of its list."""
        assert self.memory is not None
        if self.memory.is_untouched(collection):
            self.memory.of(collection).update(self.examples_of(resource))
        return self.memory.of(collection)

    def examples_of(self, resource: Resource) -> dict[str, dict[str, Any]]:
        """What the list of a collection shows, by identity."""
        listing = self.operations[resource.collection].get("GET")
        content = json_content(listing) if listing is not None else None
        if content is None:
            return {}
        envelope: Any = self.answers.example(content, Prefer())
        lists = envelope.values() if isinstance(envelope, dict) else [envelope]
        member = self.operations[resource.member]["GET"]
        return {
            str(found[resource.identifier]): found
            for shown in lists
            if isinstance(shown, list)
            for found in shown
            if isinstance(found, dict) and self.is_valid(member, found)
            if resource.identifier in found
        }

    def changed(
        self,
        operation: Operation,
        member: Operation,
        current: Mapping[str, Any],
        body: Mapping[str, Any],
    ) -> dict[str, Any] | None:
        """After a PUT, which replaces what a client may send, or a PATCH, which merges."""
        shape = self.shape_of(member)
        clients = sent(self.readers[operation.id])
        said = shown_members(shape, body)
        kept = dict(current)
        if operation.method == "PUT":
            kept = {name: value for name, value in current.items() if name not in clients}
        else:
            kept = merge_patch(kept, said)
            said = {name: kept[name] for name in said if name in kept}
        times = {
            name: now()
            for name in shape.names - clients
            if CHANGED.search(name) and is_time(shape.member(name))
        }
        identity = current[self.resources[member.path].identifier]
        settled = self.settled(member, kept, {**times, **said}, identity)
        return settled or self.settled(member, current, {**times, **said}, identity)

    def with_identity(
        self, member: Operation, resource: Resource, identity: str, base: Any = None
    ) -> dict[str, Any] | None:
        """The example under another identity, as far as the schema lets it have that."""
        example = dict(base or self.example_of(member))
        for value in (int(identity) if identity.isdecimal() else identity, identity):
            made = {**example, resource.identifier: value}
            if self.is_valid(member, made):
                return made
        return None

    def example_of(self, operation: Operation) -> dict[str, Any]:
        content = json_content(operation)
        example = self.answers.example(content, Prefer()) if content is not None else None
        return dict(example) if isinstance(example, dict) else {}

    def shape_of(self, operation: Operation) -> Shape:
        content = json_content(operation)
        place = content.schema_place if content is not None else None
        return Shape(self.contract.judge, self.contract.judge.at(place) if place else True)

    def is_valid(self, operation: Operation, value: Any) -> bool:
        content = json_content(operation)
        return content is not None and content.validator.is_valid(value)


def declared_refusal(operation: Operation, status: int) -> tuple[int, Promise] | None:
    """The declared response for a refusal: of its status, or of one that says nearly the same."""
    similar = {400: (400, 422), 422: (422, 400), 413: (413, 400), 415: (415, 400)}
    for wanted in similar.get(status, (status,)):
        promise = operation.promise(wanted)
        if promise is not None:
            return wanted, promise
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


def location(promise: Promise, path: str) -> dict[str, str]:
    return {header.name: path for header in promise.headers if header.name.lower() == "location"}


def is_link(name: str) -> bool:
    return name.lower() == "link"


def given_identity(body: Mapping[str, Any], name: str, shape: Shape) -> list[str | int]:
    """The identity that a client chose, where it is the client's to choose."""
    value = body.get(name)
    is_servers = any(part.get("readOnly") is True for part in shape.parts)
    if is_servers or isinstance(value, bool) or not isinstance(value, str | int):
        return []
    return [value] if str(value) and "/" not in str(value) else []


def shown_members(shape: Shape, body: Mapping[str, Any]) -> dict[str, Any]:
    """What of a body may be shown again: no password, and nothing that a member has no name for."""
    is_map = any(part.get("additionalProperties") for part in shape.parts)
    return {
        name: value
        for name, value in body.items()
        if name in shape.names or is_map or not shape.names
        if not any(part.get("writeOnly") is True for part in shape.member(name).parts)
    }


def enveloped(envelope: Any, found: list[Any], shape: Shape) -> Iterator[Any]:
    """What a list may look like: the objects alone, or in the one array of an object.

    As many as the schema admits; and without a way to a next page, where the schema lets it be.
    """
    if not isinstance(envelope, dict):
        yield found[: most_of(shape)]
        return
    arrays = [name for name, value in envelope.items() if isinstance(value, list)]
    counted = {
        name: len(found)
        for name, value in envelope.items()
        if name.lower() in TOTALS and isinstance(value, int)
    }
    next_pages = [name for name in envelope if name.lower().replace("_", "") in NEXT_PAGES]
    for name in arrays:
        shown = {**envelope, **counted, name: found[: most_of(shape.member(name))]}
        more = {name: False for name in envelope if name.lower().replace("_", "") == "hasmore"}
        yield {**shown, **more, **dict.fromkeys(next_pages)}
        yield {key: value for key, value in {**shown, **more}.items() if key not in next_pages}
        yield shown


def most_of(shape: Shape) -> int | None:
    """How many elements an array may have; None where nothing is said."""
    limits = [int(part["maxItems"]) for part in shape.parts if "maxItems" in part]
    return min(limits, default=None)


NEXT_PAGES = frozenset({"next", "nextcursor", "nextpage", "nextpagetoken", "nexttoken"})


TOTALS = frozenset({"count", "size", "total", "total_count", "totalcount", "total_items"})


def page(found: list[Any], values: Mapping[tuple[str, str], Any]) -> list[Any]:
    """As many as the client asks for, by the usual names."""
    asked = {name.lower(): value for (_, name), value in values.items() if isinstance(value, int)}
    limit = next((asked[name] for name in LIMITS if name in asked), None)
    offset = asked.get("offset", asked.get("skip", 0))
    if "page" in asked and limit:
        offset = max(asked["page"] - 1, 0) * limit
    return found[offset:] if limit is None else found[offset : offset + limit]


CHANGED = re.compile("updated|modified|changed", re.IGNORECASE)
"""What the time of the last change is called."""
LIMITS = ("limit", "per_page", "perpage", "page_size", "pagesize", "size")


def is_time(shape: Shape) -> bool:
    return any(part.get("format") == "date-time" for part in shape.parts)


def sent(reader: RequestReader) -> frozenset[str]:
    """The members that a client sends: what else there is, the server makes up."""
    contents = reader.body.contents.values() if reader.body is not None else ()
    writable = (
        name
        for content in contents
        for name in content.shape.names
        if not any(part.get("readOnly") for part in content.shape.member(name).parts)
    )
    return frozenset(writable)


def explained(faults: Any) -> str:
    return "; ".join(f"{fault.place} {fault.pointer} {fault.detail}".strip() for fault in faults)


def pass_over(broken: ResponseBroken) -> None:
    """The mock looks at its answers itself."""
