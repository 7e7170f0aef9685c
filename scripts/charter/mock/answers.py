"""Answers made from the document: its examples, or values that its schemas admit."""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from random import Random
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from charter.mock import xml
from charter.mock.memory.envelopes import last_pages, plain, shows_itself
from charter.mock.prefer import NotPreferable, Prefer
from charter.mock.samples import Impossible, TooLarge, Values
from charter.mock.samples.texts import text
from charter.runtime import Contract, Fault, Operation
from charter.runtime.items import ItemSpec
from charter.runtime.parameters import JSON, Parameter, header_faults
from charter.runtime.parts import essence
from charter.runtime.references import pointer
from charter.runtime.replies import ContentSpec, ResponseSpec, header_text
from charter.runtime.sequences import is_sequential, sequence
from charter.runtime.shapes import Shape
from charter.runtime.views import Direction
from charter.runtime.xml import Unwritable, is_xml

NOTE = "Charter-Note"
"""The response header that says what is wrong with an answer."""
LONGEST_NOTE = 500
SERVERS = frozenset(
    {
        "connection", "content-encoding", "content-length", "date", "keep-alive", "te", "trailer",
        "transfer-encoding", "upgrade",
    }
)  # fmt: skip
"""Headers that describe the transfer: the server sets them."""
USUAL = {
    "etag": '"1"',
    "last-modified": "Mon, 23 Nov 2026 08:30:00 GMT",
    "link": '</>; rel="self"',
    "location": "/",
    "retry-after": "120",
    "www-authenticate": "Bearer",
}
"""Values of well-known headers that have no example."""
TOKEN = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
"""What a header may be called (RFC 9110 section 5.1)."""
STATUSES = frozenset({"code", "errorcode", "httpstatus", "status", "statuscode"})
"""Names of members that hold the status of an error."""
REASONS = frozenset({"detail", "details", "error", "errormessage", "message", "reason", "title"})
"""Names of members that hold its reason."""
OTHER_ITEMS = 3
"""Of a sequence whose values are others each time."""
INTERIM = range(100, 200)
"""Statuses that another one follows (RFC 9110 section 15.2)."""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Characters that could end a line of the console, or a header."""
ABSENT: Any = object()


class NotAcceptable(Exception):
    """The client accepts no media type of the response; names those that there are."""


class Answers:
    """Makes the answers of all operations."""

    def __init__(self, contract: Contract, random: Random) -> None:
        self.contract = contract
        self.values = Values(contract.judge)
        self.random = random

    def preferred(self, operation: Operation, prefer: Prefer) -> tuple[int, ResponseSpec]:
        """The status to answer with, and its declared response. Raises NotPreferable."""
        if prefer.code is None:
            success = final(operation)
            return status_of(success), success
        spec = operation.response_spec(prefer.code)
        if spec is None or prefer.code in INTERIM:
            declared = ", ".join(
                [*map(str, sorted(operation.response_specs)), *sorted(operation.ranges)]
            )
            raise NotPreferable(f"{operation.id} declares no {prefer.code}, but {declared}.")
        return prefer.code, spec

    def answer(
        self,
        request: Request,
        status: int,
        spec: ResponseSpec,
        prefer: Prefer,
        *,
        body: Any = ABSENT,
        headers: Mapping[str, str] | None = None,
        why: str = "",
    ) -> Response:
        """The response, with the body that is given or an example; a refusal says why.

        Raises NotAcceptable, NotPreferable or TooLarge.
        """
        given = dict(self.headers(spec)) | dict(headers or {})
        if not spec.contents or status in (204, 205, 304):
            return Response(status_code=status, headers=given)
        media_type, content = self.negotiate(request, spec)
        if body is ABSENT:
            body = self.example(content, prefer)
            if status >= 400 and prefer.example is None:
                body = self.refusal(content, body, status, why)
            given |= self.note(content, body)
        try:
            return Response(written(body, content, media_type), status, given, media_type)
        except Unwritable as error:
            raise NotAcceptable(f"what XML can't hold: {error}") from None

    def negotiate(self, request: Request, spec: ResponseSpec) -> tuple[str, ContentSpec]:
        """The media type to send. Raises NotAcceptable."""
        return negotiated(spec, ",".join(request.headers.getlist("accept")))

    def example(self, content: ContentSpec, prefer: Prefer) -> Any:
        """The named example, or the first, or one that is made. Raises NotPreferable."""
        node = self.contract.judge.at(content.place)
        named = node.get("examples", {})
        if prefer.example is not None:
            if prefer.example not in named:
                known = ", ".join(named) or "none"
                raise NotPreferable(f"There is no example {prefer.example} here, but {known}.")
            return shown(self.contract.judge.resolve(named[prefer.example]), None)
        if prefer.dynamic and content.schema_place:
            return self.made(content, self.random)
        for example in self.declared(node):
            if self.fits(content, example):
                return example
        return self.made(content, None)

    def declared(self, node: Mapping[str, Any]) -> Iterator[Any]:
        if "example" in node:
            yield node["example"]
        for example in node.get("examples", {}).values():
            value = shown(self.contract.judge.resolve(example), ABSENT)
            if value is not ABSENT:
                yield value

    def refusal(self, content: ContentSpec, body: Any, status: int, why: str) -> Any:
        """A generated error body, with the actual status and reason in the usual members."""
        is_made = next(self.declared(self.contract.judge.at(content.place)), ABSENT) is ABSENT
        if not is_made or not content.holds_values or not isinstance(body, dict):
            return body
        shape = Shape(self.contract.judge, self.contract.judge.at(content.schema_place or ""))
        for name in body:
            word = plain(name)
            said = status if word in STATUSES else (why or phrase(status))
            changed = {**body, name: said}
            is_usual = word in STATUSES | REASONS and not shows_itself(shape.member(name))
            if is_usual and content.validator.is_valid(changed):
                body = changed
        return body

    def note(self, content: ContentSpec, body: Any) -> dict[str, str]:
        """A header that tells the author of the document why an example is invalid."""
        if self.fits(content, body):
            return {}
        fault = next(faults_of_body(content, body))
        said = f"the schema doesn't admit this: {fault.pointer} {fault.detail}".replace("  ", " ")
        return {NOTE: one_line(said[:LONGEST_NOTE])}

    def fits(self, content: ContentSpec, value: Any) -> bool:
        if content.is_json:
            return content.validator.is_valid(value)
        return not any(faults_of_body(content, value))

    def made(self, content: ContentSpec, random: Random | None) -> Any:
        if content.items is not None:
            return self.items(content, content.items, random)
        if content.schema_place is None:
            return "text"
        if random is not None:
            with contextlib.suppress(Impossible):
                value = self.values.dynamic(content.schema_place, Direction.RESPONSE, random)
                return last_page(content, value, None)
        try:
            value = self.values.example(content.schema_place, Direction.RESPONSE)
        except TooLarge:
            raise
        except Impossible as impossible:
            return impossible.nearest  # the schema contradicts itself: nothing would fit
        return last_page(content, value, content.shape)

    def items(self, content: ContentSpec, spec: ItemSpec, random: Random | None) -> list[Any]:
        """The examples of an item that are valid, else one that is made; other ones each time."""
        if random is not None:
            return [self.item(spec.place, random) for _ in range(OTHER_ITEMS)]
        schema = self.contract.judge.resolve(self.contract.judge.at(spec.place))
        examples = schema.get("examples", []) if isinstance(schema, Mapping) else []
        shown = [one for one in examples if self.fits(content, [one])]
        return shown or [self.item(spec.place, None)]

    def item(self, place: str, random: Random | None) -> Any:
        try:
            if random is not None:
                return self.values.dynamic(place, Direction.RESPONSE, random)
            return self.values.example(place, Direction.RESPONSE)
        except TooLarge:
            raise
        except Impossible as impossible:
            return impossible.nearest

    def headers(self, spec: ResponseSpec) -> Iterator[tuple[str, str]]:
        for header in spec.headers:
            if header.name.lower() in SERVERS or not TOKEN.fullmatch(header.name):
                continue
            with contextlib.suppress(Impossible):
                yield header.name, one_line(header_text(self.header(spec, header)))

    def header(self, spec: ResponseSpec, header: Parameter) -> Any:
        """The value of a header: an example, or what such a header usually says.

        Raises Impossible.
        """
        judge = self.contract.judge
        place = judge.locate(f"{spec.place}/headers{pointer(header.name)}")
        for example in self.declared(judge.at(place)):
            return example
        schema = f"{place}/schema"
        usual = USUAL.get(header.name.lower(), "")
        if not judge.has(schema):
            return usual or text({}, header.name, None)
        is_usual = usual and not shows_itself(header.style.shape)
        if is_usual and not any(header_faults(header, usual)):
            return usual
        return self.values.example(schema, Direction.RESPONSE)


def last_page(content: ContentSpec, value: Any, shape: Shape | None) -> Any:
    """A generated page as the last one, without a link to a next page, if its schema allows that.

    What `shape` has examples for stays.
    """
    pages = last_pages(value, shape) if content.holds_values else iter(())
    return next(filter(content.validator.is_valid, pages), value)


def shown(example: Mapping[str, Any], otherwise: Any) -> Any:
    """The value of an example, which may be `dataValue` from 3.2 on."""
    return example.get("value", example.get("dataValue", otherwise))


def one_line(text: str) -> str:
    """What a header can hold: ASCII without controls, which would end it."""
    return CONTROL.sub(" ", text.strip()).encode("ascii", "replace").decode()


def phrase(status: int) -> str:
    """The reason phrase of a status."""
    known = {one.value: one.phrase for one in HTTPStatus}
    return known.get(status, "Refused")


def final(operation: Operation) -> ResponseSpec:
    """The declared success that ends the request; interim responses (1xx) don't."""
    if not is_interim(operation.success):
        return operation.success
    return min(operation.specs, key=lambda spec: (is_interim(spec), spec.status))


def is_interim(spec: ResponseSpec) -> bool:
    return spec.status.startswith("1")


def status_of(spec: ResponseSpec) -> int:
    if is_interim(spec):
        return 200  # only interim responses are declared: a client would wait forever
    if spec.status.isdecimal():
        return int(spec.status)
    return int(spec.status[0]) * 100 if spec.status != "default" else 200


def negotiated(spec: ResponseSpec, accept: str) -> tuple[str, ContentSpec]:
    """The media type that the client likes best (RFC 9110 section 12.5.1), and what is declared.

    Where it likes several, it is the first JSON among them, which alone can be made and remembered.
    Where a range is declared, it is what the client names in that range, else a usual one.
    """
    wanted = [weighed(part) for part in accept.split(",") if part.strip()] or [("*/*", 1.0)]
    best: tuple[float, bool, str, ContentSpec] | None = None
    for declared, content in spec.contents.items():
        named = [name for name, _ in wanted if "*" not in name and covers(essence(declared), name)]
        candidates = [*named, usual(declared, content.shape)] if "*" in declared else [declared]
        for media_type in candidates:
            weight = weight_of(essence(media_type), wanted)
            is_json = JSON.fullmatch(essence(media_type)) is not None
            if weight > 0 and (best is None or (weight, is_json) > best[:2]):
                best = (weight, is_json, media_type, content)
    if best is None:
        raise NotAcceptable(", ".join(spec.contents))
    return best[2:]


def weight_of(media_type: str, wanted: Sequence[tuple[str, float]]) -> float:
    """That of the most specific range which covers it; 0 if none does."""
    weights = sorted(
        (not name.startswith("*/"), not name.endswith("/*"), weight)
        for name, weight in wanted
        if covers(name, media_type)
    )
    return weights[-1][2] if weights else 0.0


def weighed(part: str) -> tuple[str, float]:
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip() == "q":
            try:
                return name, float(value)
            except ValueError:
                return name, 1.0
    return name, 1.0


def covers(wanted: str, media_type: str) -> bool:
    return wanted in ("*/*", f"{media_type.partition('/')[0]}/*", media_type)


USUAL_TYPES = {
    "*": "application/octet-stream", "application": "application/octet-stream",
    "audio": "audio/mpeg", "font": "font/woff2", "image": "image/png", "text": "text/plain",
    "video": "video/mp4",
}  # fmt: skip
"""A media type that can be sent, by the range that is declared."""


def usual(media_type: str, shape: Shape) -> str:
    main = essence(media_type).partition("/")[0]
    if main in ("*", "application") and (shape.is_array or shape.is_object):
        return "application/json"
    return USUAL_TYPES.get(main, f"{main}/octet-stream")


def faults_of_body(content: ContentSpec, body: Any) -> Iterator[Fault]:
    try:
        sent = written(body, content)
    except Unwritable as error:
        yield Fault("body", error.pointer, error.detail, "xml")
    except ValueError as error:  # a line break where an event can't hold one
        yield Fault("body", "", str(error))
    else:
        yield from content.faults(sent)


def written(body: Any, content: ContentSpec, media_type: str = "") -> bytes:
    """As the declared media type has it; as JSON, too, if that is what is sent for a range.

    Raises Unwritable for a value that XML can't hold.
    """
    if is_xml(content.media_type):
        return xml.written(body, content)
    if content.is_json or not isinstance(body, str | list) or JSON.fullmatch(essence(media_type)):
        return spelled(body)
    if isinstance(body, str):
        return body.encode()
    if not is_sequential(content.media_type):
        return spelled(body)
    medium = content.items.sequence if content.items else sequence(content.media_type)
    return b"".join(medium.write(spelled(item)) for item in body)


def spelled(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()
