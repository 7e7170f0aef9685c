"""The document, compiled: what every operation takes and answers."""

import json
import re
from collections.abc import (
    AsyncIterable,
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from inspect import isawaitable
from pathlib import Path
from random import random
from typing import Any, Self

from starlette.requests import Request
from starlette.responses import Response

from .bodies import Body
from .credentials import Security
from .errors import is_problem, restated
from .faults import Fault, ResponseViolation
from .inputs import RequestReader, TypedReader
from .items import ItemSpec
from .judge import Judge
from .lifecycle import Announcement, announcement
from .normal import operations
from .parameters import Parameter, ParameterReader, declare
from .paths import address, keys, ordered, pattern, template_key
from .references import pointer
from .replies import ContentSpec, Reply, ResponseSpec, encode, render, stated, with_xml
from .streams import HEARTBEAT, MOST_STREAMS, Places, StreamResponse, caller_of, close
from .xml import Unwritable, served

BODY_LIMIT = 2**20
"""Bytes that a request's body may have, where nothing else is said."""


@dataclass(frozen=True)
class Operation:
    """One operation of the document."""

    id: str
    method: str
    path: str
    """What a request's path looks like."""
    key: str
    """The path as the document writes it, which may have a query or a fragment."""
    tags: Sequence[str]
    security: Sequence[Mapping[str, Sequence[str]]]
    parameters: Sequence[Parameter]
    response_specs: Mapping[int, ResponseSpec]
    """By status."""
    ranges: Mapping[str, ResponseSpec]
    """Those of `1XX` to `5XX`, and the `default`."""
    place: str

    @property
    def is_plain(self) -> bool:
        """Whether its path is all that a request can show of it."""
        return self.key == self.path

    def response_spec(self, status: int) -> ResponseSpec | None:
        """The declared response for a status: its own, else that of its range, else the default."""
        ranges = (self.ranges.get(f"{status // 100}XX"), self.ranges.get("default"))
        return self.response_specs.get(status) or next(filter(None, ranges), None)

    @property
    def specs(self) -> tuple[ResponseSpec, ...]:
        """Every declared response: of statuses, of ranges, and the `default`."""
        return (*self.response_specs.values(), *self.ranges.values())

    @property
    def contents(self) -> Iterator[ContentSpec]:
        """Every declared content of them."""
        return (content for spec in self.specs for content in spec.contents.values())

    @cached_property
    def success(self) -> ResponseSpec:
        """The declared response for a plain result: the lowest success, else any."""
        exact = (
            spec for status, spec in sorted(self.response_specs.items()) if 200 <= status < 400
        )
        ranges = (self.ranges.get(name) for name in ("2XX", "3XX", "default"))
        return next(exact, None) or next(filter(None, ranges), None) or self.specs[0]

    @cached_property
    def writes_xml(self) -> bool:
        """Whether a body of it may be one in XML that a schema describes."""
        return any(content.root is not None for content in self.contents)

    @property
    def refusal_status(self) -> int:
        """How the operation refuses what breaks its schemas, as its responses declare."""
        return 400 if 400 in self.response_specs and 422 not in self.response_specs else 422


def refuse(violation: ResponseViolation) -> None:
    raise violation


class Contract:
    """Judges requests and responses by the document.

    `check_rate` is the fraction of responses that are validated, 0 to 1. `on_violation` is called
    for each of them that breaks the document; it may raise, as the default does, or return to let
    the response pass. So many `streams_per_caller` are sent at once, to a user or to the
    address of somebody unknown; 0 sets no bound.
    """

    def __init__(
        self,
        document: Mapping[str, Any],
        *,
        body_limit: int = BODY_LIMIT,
        check_rate: float = 1.0,
        on_violation: Callable[[ResponseViolation], None] = refuse,
        streams_per_caller: int = MOST_STREAMS,
    ) -> None:
        self.judge = Judge(served(document))
        self.body_limit = body_limit
        self.check_rate = check_rate
        self.on_violation = on_violation
        self.places = Places(streams_per_caller)
        self.operations = {item.id: item for item in declared_operations(self.judge)}
        self.paths = by_path(self.operations.values())
        self.securities: dict[str, Security] = {}
        self.sharing = sharing(self.judge, self.operations.values())
        self.announcements = dict(announcements(self.judge, self.operations.values()))

    @classmethod
    def load(cls, document: Path, **options: Any) -> Self:
        """The contract of a document in JSON; the options are those of the class."""
        return cls(json.loads(document.read_bytes()), **options)

    def inputs(self, operation_id: str, method: Callable[..., Any]) -> TypedReader:
        """The dependency that reads what `method`, the service's, takes from a request."""
        return TypedReader(self.reader(operation_id), method)

    def reader(self, operation_id: str, known: Collection[str] = ()) -> RequestReader:
        """Reads and judges the requests of an operation.

        `known` are names in the query that are not the document's.
        """
        operation = self.operations[operation_id]
        body = None
        if "requestBody" in self.judge.at(operation.place):
            place = operation.place + "/requestBody"
            status = operation.refusal_status
            body = Body(self.judge, operation_id, place, self.body_limit, status)
        others = self.credentials(operation_id).query_names | set(known)
        parameters = ParameterReader(list(operation.parameters), others, operation.path)
        return RequestReader(operation_id, operation.refusal_status, parameters, body)

    def credentials(self, operation_id: str) -> Security:
        """Takes what a request shows for the operation's security requirements."""
        if operation_id not in self.securities:
            security = self.operations[operation_id].security
            self.securities[operation_id] = Security(self.judge, operation_id, security)
        return self.securities[operation_id]

    def reply(self, operation_id: str, result: object) -> Response:
        """The response for what the service returned."""
        operation = self.operations[operation_id]
        if operation.writes_xml:
            result = self._with_xml(result, operation)
        response = render(result, operation.success)
        if self._is_checked():
            spec = operation.response_spec(response.status_code)
            undeclared = [Fault("status", "", "is not declared")]
            violations = undeclared if spec is None else list(spec.faults(response))
            self._report(operation_id, response.status_code, violations)
        return response

    async def stream(self, request: Request, returned: Any) -> Response:
        """The response for what the service returned, or is about to, where it may be a stream.

        Raises what the service raises before its first item, and TooManyStreams.
        """
        operation_id: str = request.scope["route"].operation_id
        operation = self.operations[operation_id]
        result = await returned if isawaitable(returned) else returned
        is_reply = isinstance(result, Reply)
        items = getattr(result, "body", None) if is_reply else result
        if not isinstance(items, AsyncIterable):
            return self.reply(operation_id, result)
        status, media_type = stated(result, operation.success)
        spec = operation.response_spec(status)
        content = spec.content(media_type) if spec is not None and media_type else None
        if spec is None or content is None or content.items is None:
            raise TypeError(f"{operation_id} declares no items for a {status} of {media_type}.")
        write = self._writer(operation_id, status, content.items)
        iterator = self.places.hold(operation_id, caller_of(request.scope), aiter(items))
        try:
            first = write(await anext(iterator, HEARTBEAT))
            headers = result.headers() if isinstance(result, Reply) else {}
            response = StreamResponse(
                first, iterator, write, content.items.sequence,
                status=status, headers=headers, media_type=content.media_type,
            )  # fmt: skip
            if self._is_checked():
                self._report(operation_id, status, list(spec.header_faults(response)))
        except BaseException:
            await close(iterator)
            raise
        return response

    def _writer(self, operation_id: str, status: int, spec: ItemSpec) -> Callable[[Any], bytes]:
        def write(item: Any) -> bytes:
            if item is HEARTBEAT:
                return b""
            written = spec.sequence.write(encode(item, "application/json"))
            if self._is_checked():
                self._report(operation_id, status, list(spec.written_faults(written)))
            return written

        return write

    def _is_checked(self) -> bool:
        return self.check_rate >= 1 or random() < self.check_rate  # noqa: S311 - a sample

    def _report(self, operation_id: str, status: int, violations: Sequence[Fault]) -> None:
        if violations:
            self.on_violation(ResponseViolation(operation_id, status, violations))

    def _with_xml(self, result: object, operation: Operation) -> object:
        """Raises ResponseViolation for what XML can't hold."""
        status, media_type = stated(result, operation.success)
        spec = operation.response_spec(status)
        content = spec.content(media_type) if spec is not None and media_type else None
        try:
            return with_xml(result, content)
        except Unwritable as error:
            fault = Fault("body", error.pointer, error.detail, "xml")
            raise ResponseViolation(operation.id, status, [fault]) from None

    def error(self, operation_id: str | None, response: Response) -> Response:
        """A problem document, in the shape that the operation declares for its status.

        Any other response is returned as it is.
        """
        operation = self.operations.get(operation_id or "")
        spec = operation.response_spec(response.status_code) if operation is not None else None
        return restated(spec, response) if spec is not None and is_problem(response) else response

    def allowed_methods(self, path: str) -> Sequence[str]:
        """What may be done to a path; nothing if the document does not know it.

        A concrete path goes before a templated one (OpenAPI 3.1, "Path Templating Matching").
        """
        return next((methods for known, methods in self.paths if known.fullmatch(path)), ())


def declared_operations(judge: Judge) -> Iterator[Operation]:
    for path, method, _ in operations(judge.document):
        yield declared_operation(judge, path, method)


def declared_operation(judge: Judge, path: str, method: str) -> Operation:
    place = "/paths" + pointer(path, method)
    node = judge.at(place)
    specs = {
        status if status == "default" else status.upper(): ResponseSpec(
            judge, status, f"{place}/responses/{status}"
        )
        for status in node["responses"]
    }
    return Operation(
        id=node["operationId"],
        method=method.upper(),
        path=address(path),
        key=path,
        tags=node["tags"],
        security=node["security"],
        parameters=[
            declare(judge, f"{place}/parameters/{index}", keys(address(path)))
            for index in range(len(node.get("parameters", ())))
        ],
        response_specs={int(name): spec for name, spec in specs.items() if name.isdecimal()},
        ranges={name: spec for name, spec in specs.items() if not name.isdecimal()},
        place=place,
    )


def announcements(
    judge: Judge, operations: Iterable[Operation]
) -> Iterator[tuple[str, Announcement]]:
    """What the deprecated operations announce, by their ids."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for operation in operations:
        if (made := announcement(judge.at(operation.place), today)) is not None:
            yield operation.id, made


def by_path(operations: Iterable[Operation]) -> list[tuple[re.Pattern[str], Sequence[str]]]:
    methods: dict[str, dict[str, None]] = {}
    for operation in operations:
        methods.setdefault(template_key(operation.path), {})[operation.method] = None
    return [(pattern(path), list(methods[path])) for path in ordered(methods)]


def sharing(judge: Judge, operations: Iterable[Operation]) -> dict[str, tuple[str, ...]]:
    """By operation that shares a method and a path: all that share them, as they are tried.

    The one that requires more is tried first; of two that require as much, the plain path.
    """
    by_address: dict[tuple[str, str], list[Operation]] = {}
    for operation in operations:
        by_address.setdefault((operation.method, operation.path), []).append(operation)
    shared = [group for group in by_address.values() if len(group) > 1]
    for group in shared:
        group.sort(key=lambda operation: (-demands(judge, operation), not operation.is_plain))
    names = (tuple(operation.id for operation in group) for group in shared)
    return {name: group for group in names for name in group}


def demands(judge: Judge, operation: Operation) -> int:
    """How many parameters and members of its body an operation requires."""
    body = judge.resolve(judge.at(operation.place).get("requestBody", {}))
    schemas = [judge.resolve(content.get("schema")) for content in body.get("content", {}).values()]
    members = [len(schema.get("required", ())) for schema in schemas if isinstance(schema, dict)]
    return sum(parameter.required for parameter in operation.parameters) + max(members, default=0)
