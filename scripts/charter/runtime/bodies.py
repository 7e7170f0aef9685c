"""Reads the body of a request: its media type, its size, its syntax, in this order.

No body may delay other requests for long: its values are counted before it is parsed (`scalars`),
its violations are explained within a bound (`explain`), and a large body yields to the event loop
between the steps (`turn`).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from functools import lru_cache
from typing import Any, NoReturn

import jsonschema_rs
from pydantic import ValidationError
from starlette.requests import Request

from .explain import faults, first, unrepresentable
from .faults import (
    ContentTooLarge,
    Fault,
    InvalidRequest,
    MalformedRequest,
    UnsupportedMediaType,
)
from .items import ItemSpec
from .judge import MOST_QUADRATIC, Judge
from .layers import CLOCK, NO_CLOCK
from .parameters import JSON, Parameter, declare, grouped, header_faults
from .parts import Part, essence, parse_parts
from .references import place_of, pointer
from .scalars import MOST_VALUES, TooManyValues, parse_json, parse_pairs
from .shapes import Shape
from .streams import BODY_CLOCK, UPLOAD
from .styles import Style, Values
from .views import Direction
from .xml import Element, Reader, is_xml, plan

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/"


BODY = "charter.body"
"""The member of a request's state that holds its body once that was read."""
LONGEST_TYPE = 1000
"""Characters of a media type with its parameters, whose reading is quadratic."""
MOST_REMEMBERED = 64
"""Spellings of media types that are kept with what they mean: a client sends the same ones."""
LARGE = 2**14
"""Bytes of a body that costs a millisecond to read."""


class Body:
    """The declared body of one operation, in any of its media types."""

    def __init__(
        self, judge: Judge, operation_id: str, place: str, limit: int, refusal_status: int = 422
    ) -> None:
        place = judge.locate(place)
        node = judge.at(place)
        self.operation_id = operation_id
        self.required: bool = node.get("required", False)
        self.limit = limit
        self.refusal_status = refusal_status
        self.announced = lru_cache(MOST_REMEMBERED)(self._announced)
        self.contents = {
            media_type.lower(): content(judge, media_type, f"{place}/content{pointer(media_type)}")
            for media_type in node.get("content", {})
        }
        self.may_stream = any(isinstance(known, ItemContent) for known in self.contents.values())

    async def read(self, request: Request, violations: list[Fault]) -> Any:
        """The validated body; appends what is wrong to `violations`.

        In this order: size and media type are checked, the bytes are read, then parsed, and, if
        the syntax has no violation, validated. The first failure ends it. A sequence of items is
        not read: it is returned as `Items`, which do the same for each item.

        Raises UnsupportedMediaType, ContentTooLarge, or MalformedRequest.
        """
        if self.may_stream and "content-type" in request.headers:
            announced = self._content(request)
            if isinstance(announced, ItemContent):
                return Items(self, announced.spec, request)
        body = await self._bytes(request)
        if not body and "content-type" not in request.headers:
            if self.required:
                violations.append(Fault("body", "", "is required"))
            return None
        reader = self._content(request)
        if reader.is_quadratic and len(body) > MOST_QUADRATIC:
            self.refuse_size(f"Its patterns are looked for in at most {MOST_QUADRATIC} bytes.")
        with self.refusing(reader.kind):
            await turn(body)
            parsed = reader.parse(body, request.headers.get("content-type", ""), violations)
            await turn(body)
            if not violations:
                violations.extend(reader.faults(parsed.judged))
                await turn(body)
        return parsed.given

    @contextmanager
    def refusing(self, kind: str) -> Iterator[None]:
        """Raises ContentTooLarge or MalformedRequest for what can't be read as such content."""
        try:
            yield
        except TooManyValues:
            self.refuse_size(f"The body holds more than {MOST_VALUES} values.")
        except UnicodeEncodeError:
            self._malformed("The body holds half of a surrogate pair.")
        except RecursionError:
            self._malformed("The body is nested too deeply.")
        except ValueError:
            self._malformed(f"The body is not well-formed {kind}.")

    async def _bytes(self, request: Request) -> bytes:
        """At most `limit` bytes: what announces more is not read, what sends more is not kept."""
        announced = request.headers.get("content-length", "0")
        if announced.isdecimal() and int(announced) > self.limit:
            self.refuse_size()
        if announced != "0" or "transfer-encoding" in request.headers:
            self._content(request)
        state: dict[str, Any] = request.scope.setdefault("state", {})
        if BODY not in state:  # which another operation may have read before
            state[BODY] = b"".join([chunk async for chunk in self._chunks(request)])
        body: bytes = state[BODY]
        return body

    async def _chunks(self, request: Request) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > self.limit:
                self.refuse_size()
            yield chunk

    def _content(self, request: Request) -> "Content":
        """How to read the media type that the request announces. Raises UnsupportedMediaType."""
        coding = request.headers.get("content-encoding", "identity")
        if coding.lower() != "identity":
            raise UnsupportedMediaType(self.operation_id, "Send the body without a content coding.")
        announced = request.headers.get("content-type", "")
        content = self.announced(announced if len(announced) <= LONGEST_TYPE else "unknown")
        if content is None:
            known = " or ".join(name for name in self.contents if "/" in name)
            detail = f"Send the body as {known}." if known else "No body can be sent here."
            raise UnsupportedMediaType(self.operation_id, detail)
        return content

    def _announced(self, media_type: str) -> "Content | None":
        message = Message()
        message["content-type"] = media_type
        content = choose(self.contents, message)
        charset = str(message.get_param("charset", "utf-8")).lower()
        is_read = content is None or not content.is_text or charset in content.charsets
        return content if is_read else None

    def _malformed(self, detail: str) -> NoReturn:
        raise MalformedRequest(self.operation_id, detail) from None

    def refuse_size(self, detail: str = "") -> NoReturn:
        detail = detail or f"The body is larger than {self.limit} bytes."
        raise ContentTooLarge(self.operation_id, detail) from None


async def turn(body: bytes) -> None:
    """Let other requests have their turn where this one is large."""
    if len(body) > LARGE:
        await asyncio.sleep(0)


def choose(contents: "Mapping[str, Content]", message: Message) -> "Content | None":
    """The content that a media type falls under; the most specific one."""
    media_type = message.get_content_type()
    if message["content-type"] == "":
        return contents.get("*/*")
    same = {name: content for name, content in contents.items() if essence(name) == media_type}
    for name, content in same.items():
        declared = Message()
        declared["content-type"] = name
        wanted = (declared.get_params() or [])[1:]
        if wanted and all(message.get_param(key) == value for key, value in wanted):
            return content
    plain = contents.get(media_type) or next(iter(same.values()), None)
    return plain or contents.get(f"{media_type.partition('/')[0]}/*") or contents.get("*/*")


class Items(AsyncIterator[Any]):
    """The items of a body, read while they arrive and each of them judged.

    At most `limit` bytes are kept, which is what an item may have. The server's clock for the body
    runs while an item is awaited, and the deadline of the service while it works on one. Raises
    MalformedRequest, ContentTooLarge or InvalidRequest for the first item that is refused, and
    ClientDisconnect where the body breaks off.
    """

    def __init__(self, body: Body, spec: ItemSpec, request: Request) -> None:
        self.body = body
        self.spec = spec
        self.convert: Callable[[Any], Any] = lambda item: item
        """Makes the type of the service of an item. Raises ValidationError."""
        self.upload = request.scope[UPLOAD] = asyncio.Event()
        self._items = self._read(request)
        self._clients: Any = request.scope.get(BODY_CLOCK, NO_CLOCK)
        self._services: Any = request.scope.get(CLOCK, NO_CLOCK)

    async def __anext__(self) -> Any:
        self._services.stop()
        self._clients.restart()
        try:
            return await anext(self._items)
        finally:
            self._clients.stop()
            self._services.restart()

    async def _read(self, request: Request) -> AsyncIterator[Any]:
        reader = self.spec.sequence.reader()
        number = 0
        try:
            async for chunk in request.stream():
                await turn(chunk)
                # the last chunk is empty
                items = reader.feed(chunk) if chunk else reader.end()
                while (item := self._next(items)) is not END:
                    yield self._judged(item, pointer(number))
                    number += 1
                if reader.pending > self.body.limit:
                    self.body.refuse_size(f"An item is larger than {self.body.limit} bytes.")
        finally:
            self.upload.set()

    def _next(self, items: Iterator[Any]) -> Any:
        with self.body.refusing("content of that media type"):
            return next(items, END)

    def _judged(self, item: Any, where: str) -> Any:
        violations = list(self.spec.faults(item, where))
        for reading in () if violations else self.spec.sequence.readings(item):
            try:
                return self.convert(reading)
            except ValidationError as error:
                violations = violations or unrepresentable("body", where, error)
        raise InvalidRequest(self.body.operation_id, self.body.refusal_status, first(violations))


END: Any = object()


@dataclass(frozen=True)
class Parsed:
    """A body as the schema judges it, and as the service gets it: bytes are judged as text."""

    judged: Any
    given: Any


class Content:
    """One media type of a body: any bytes; the base of the others."""

    kind = "content"
    is_text = False
    charsets: tuple[str, ...] = ("utf-8", "utf8")
    """In which its text may be written."""

    def __init__(self, judge: Judge, place: str) -> None:
        schema_place = f"{place}/schema"
        self.schema_place = schema_place if judge.has(schema_place) else None
        self.validator: jsonschema_rs.Draft202012Validator = judge.validator(self.schema_place)
        self.shape = Shape(judge, judge.at(schema_place) if self.schema_place else True)
        self.is_quadratic = self.schema_place is not None and judge.is_quadratic(schema_place)

    def parse(self, body: bytes, content_type: str, violations: list[Fault]) -> Parsed:
        """Raises ValueError for what is malformed; appends other faults to `violations`."""
        return Parsed(octets(body), body)

    def faults(self, value: Any) -> Iterator[Fault]:
        if "string" in self.shape.types and not self.validator.is_valid(value):
            yield from faults(self.validator, value, "body")


class ItemContent(Content):
    """A sequence of items, which the service reads."""

    def __init__(self, judge: Judge, place: str, spec: ItemSpec) -> None:
        super().__init__(judge, place)
        self.spec = spec


class TextContent(Content):
    """Text, judged as what its schema lets it mean."""

    kind = "UTF-8 text"
    is_text = True

    def parse(self, body: bytes, content_type: str, violations: list[Fault]) -> Parsed:
        value = self.shape.whole(body.decode("utf-8"))
        return Parsed(value, value)

    def faults(self, value: Any) -> Iterator[Fault]:
        if not self.validator.is_valid(value):
            yield from faults(self.validator, value, "body")


class JsonContent(Content):
    kind = "JSON"
    is_text = True

    def __init__(self, judge: Judge, place: str) -> None:
        super().__init__(judge, place)
        self.choice = Choice.declared(judge, self.schema_place)

    def parse(self, body: bytes, content_type: str, violations: list[Fault]) -> Parsed:
        value = parse_json(body)
        return Parsed(value, value)

    def faults(self, value: Any) -> Iterator[Fault]:
        try:
            if self.validator.is_valid(value):
                return iter(())
        except ValueError:  # the validator follows 255 levels
            raise RecursionError from None
        named = self.choice.faults(value) if self.choice and isinstance(value, dict) else []
        return iter(named) if named else faults(self.validator, value, "body")


class XmlContent(JsonContent):
    """XML that a schema describes, judged as the value that it says."""

    kind = "XML"
    charsets = ("utf-8", "utf8", "utf-16")

    def __init__(self, judge: Judge, place: str, root: Element) -> None:
        super().__init__(judge, place)
        self.root = root

    def parse(self, body: bytes, content_type: str, violations: list[Fault]) -> Parsed:
        value = Reader(self.root, violations).read(body)
        return Parsed(value, value)


class FormContent(JsonContent):
    """Names and values, judged as an object."""

    kind = "form data"

    def __init__(self, judge: Judge, place: str) -> None:
        super().__init__(judge, place)
        self.encodings = {
            name: Encoding.declared(
                judge, name, f"{place}/encoding{pointer(name)}", self.shape.member(name)
            )
            for name in sorted(self.shape.names)
        }

        self.spread = [encoding for encoding in self.encodings.values() if encoding.claims_others]
        """Those whose members may stand beside the others."""

    def encoding(self, name: str) -> "Encoding":
        return self.encodings.get(name) or Encoding.of(name, self.shape.member(name))

    def parse(self, body: bytes, content_type: str, violations: list[Fault]) -> Parsed:
        values = grouped(parse_pairs(body))
        form: dict[str, Any] = {}
        for encoding in self._encodings(values):
            try:
                form |= encoding.read(self._own(encoding, values))
            except ValueError as error:  # RFC 6749 section 3.2, and good sense elsewhere
                violations.append(Fault("body", pointer(encoding.name), str(error), "repeated"))
        form |= self._empty(form)
        return Parsed(form, form)

    def _empty(self, form: Mapping[str, Any]) -> dict[str, Any]:
        """Arrays that are required and absent: the only way in which a form can spell them."""
        absent = self.shape.required & self.encodings.keys() - form.keys()
        return {name: [] for name in absent if self.encodings[name].style.shape.is_array}

    def _encodings(self, values: Values) -> "Iterator[Encoding]":
        """Of the members that may be there, those that are declared first."""
        for name, encoding in self.encodings.items():
            if name in values or encoding in self.spread:
                yield encoding
        for name in values.keys() - self.encodings.keys():
            if not any(encoding.claims(name) for encoding in self.spread):
                yield self.encoding(name)

    def _own(self, encoding: "Encoding", values: Values) -> Values:
        """Without the other members, which an object that is open would take for its own."""
        if not encoding.claims_others or encoding.name not in self.encodings:
            return {encoding.name: values[encoding.name]} if encoding.name in values else {}
        others = self.encodings.keys() - {encoding.name} - encoding.style.shape.names
        return {name: texts for name, texts in values.items() if name not in others}


class MultipartContent(FormContent):
    """Parts, each with a name and, if it has one, a media type of its own (RFC 7578)."""

    kind = "multipart content"
    is_text = False

    def parse(self, body: bytes, content_type: str, violations: list[Fault]) -> Parsed:
        named: dict[str, list[Part]] = {}
        for part in parse_parts(body, content_type):
            named.setdefault(part.name, []).append(part)
        judged = self._styled(named, violations)
        given = dict(judged)
        for name, parts in named.items():
            encoding = self.encoding(name)
            try:
                values = [encoding.part(part) for part in parts]
            except ValueError as error:
                violations.append(Fault("body", pointer(name), str(error)))
                continue
            if encoding.style.shape.is_array or (
                len(values) > 1 and not encoding.style.shape.types
            ):
                judged[name] = [value.judged for value in values]
                given[name] = [value.given for value in values]
            elif len(values) > 1:
                violations.append(Fault("body", pointer(name), "is repeated", "repeated"))
            else:
                judged[name], given[name] = values[0].judged, values[0].given
        empty = self._empty(named | judged)
        return Parsed(judged | empty, given | empty)

    def _styled(self, named: dict[str, list[Part]], violations: list[Fault]) -> dict[str, Any]:
        """The members that are written as their style says; takes their parts out of `named`.

        A part of another media type than text is what that says (OpenAPI 3.1 "Encoding Object").
        """
        form: dict[str, Any] = {}
        texts = {name: parts for name, parts in named.items() if all(map(is_text, parts))}
        for encoding in self.encodings.values():
            if not encoding.is_styled:
                continue
            own = self._own(encoding, {name: [] for name in texts if encoding.claims(name)})
            if not own:
                continue
            try:
                for part in (part for name in own for part in named.pop(name, ())):
                    encoding.check(part)
                values = {name: [part.content.decode() for part in texts[name]] for name in own}
                form |= encoding.read(values)
            except ValueError as error:
                violations.append(Fault("body", pointer(encoding.name), str(error)))
        return form


@dataclass(frozen=True)
class Encoding:
    """How one member of a form is written (OpenAPI 3.1 "Encoding Object")."""

    name: str
    style: Style
    is_json: bool
    is_styled: bool
    media_types: tuple[str, ...]
    """What a part of it may be; anything where there is none."""
    headers: tuple[Parameter, ...] = ()
    """Those that a part of it has beside its media type."""

    @classmethod
    def of(cls, name: str, shape: Shape) -> "Encoding":
        style = Style(name, "form", True, shape)
        return cls(name, style, is_compound(shape), False, ())

    @classmethod
    def declared(cls, judge: Judge, name: str, place: str, shape: Shape) -> "Encoding":
        node: Mapping[str, Any] = judge.at(place) if judge.has(place) else {}
        style = node.get("style", "form")
        styled = bool({"style", "explode", "allowReserved"} & node.keys())
        # a style says all: no content type counts beside it
        declared = "" if styled else node.get("contentType", "")
        media_types = tuple(filter(None, (text.strip().lower() for text in declared.split(","))))
        all_json = bool(media_types) and all(map(JSON.fullmatch, media_types))
        return cls(
            name=name,
            style=Style(name, style, node.get("explode", style == "form"), shape),
            is_json=not styled and (all_json or (not media_types and is_compound(shape))),
            is_styled=styled,
            media_types=media_types,
            headers=tuple(
                declare(judge, f"{place}/headers{pointer(header)}", header=header)
                for header in node.get("headers", {})
                if header.lower() != "content-type"  # the specification says to ignore it
            ),
        )

    @property
    def claims_others(self) -> bool:
        """Whether names of the form may belong to it that are not its own."""
        return not self.is_json and self.style.claims_others

    def claims(self, name: str) -> bool:
        """Whether a name of the form belongs to the member."""
        return name == self.name if self.is_json else self.style.claims(name)

    def read(self, values: Values) -> dict[str, Any]:
        """The member of an urlencoded form, if it is there. Raises ValueError."""
        if not self.is_json:
            readings = [self.style.shape.value(raw) for raw in self.style.readings(values)]
            return {self.name: readings[0]} if readings else {}
        if self.name not in values:
            return {}
        parsed = [self._json(text.encode()) for text in values[self.name]]
        if len(parsed) > 1 and not self.style.shape.is_array:
            raise ValueError("is repeated")
        whole = len(parsed) == 1 and (isinstance(parsed[0], list) or not self.style.shape.is_array)
        return {self.name: parsed[0] if whole else parsed}

    def part(self, part: Part) -> Parsed:
        """The member, or one element of it, of a part. Raises ValueError."""
        media_type = part.media_type
        if media_type and self.media_types and not any(covers(media_type, self.media_types)):
            raise ValueError(f"is not of the media type {' or '.join(self.media_types)}")
        self.check(part)
        if JSON.fullmatch(media_type or "") or (media_type is None and self.is_json):
            value = self._json(bytes(part.content))
            return Parsed(value, value)
        shape = self.style.shape.element if self.style.shape.is_array else self.style.shape
        content = bytes(part.content)
        if is_text(part):
            try:
                value = shape.value(content.decode("utf-8"))
            except UnicodeDecodeError:
                if not is_binary(self.style.shape):
                    raise ValueError("is no text in UTF-8") from None
            else:
                return Parsed(value, value)
        return Parsed(octets(content), content)

    def check(self, part: Part) -> None:
        """Raises ValueError for a header that is missing, or breaks its schema."""
        for header in self.headers:
            for fault in header_faults(header, part.headers.get(header.style.name)):
                raise ValueError(f"is in a part whose header {header.name} {fault.detail}")

    def _json(self, content: bytes) -> Any:
        try:
            return parse_json(content)
        except (ValueError, RecursionError):
            raise ValueError("is not well-formed JSON") from None


def is_compound(shape: Shape) -> bool:
    """Whether a form writes it, or each of its elements, as JSON."""
    inner = shape.element if shape.is_array else shape
    return inner.is_object and not inner.is_scalar


def is_binary(shape: Shape) -> bool:
    """Whether it, or an element of it, may be a file."""
    parts = [*shape.parts, *shape.element.parts]
    return any(part.get("format") == "binary" or "contentMediaType" in part for part in parts)


def is_text(part: Part) -> bool:
    return part.filename is None and (part.media_type or "text/plain").startswith("text/")


def covers(media_type: str, ranges: tuple[str, ...]) -> Iterator[bool]:
    for known in ranges:
        main, _, sub = essence(known).partition("/")
        yield known == "*/*" or media_type == f"{main}/{sub}"
        yield sub == "*" and media_type.startswith(f"{main}/")


def octets(content: bytes) -> str:
    """Bytes as the judge sees them: one character for each, so that lengths count bytes."""
    return content.decode("latin-1")


def content(judge: Judge, media_type: str, place: str) -> Content:
    """How to read a media type."""
    plain = essence(media_type)
    if items := ItemSpec.declared(judge, media_type, place, Direction.REQUEST):
        return ItemContent(judge, place, items)
    if JSON.fullmatch(plain):
        return JsonContent(judge, place)
    if is_xml(plain):
        root = plan(judge, place)
        return Content(judge, place) if root is None else XmlContent(judge, place, root)
    if plain == FORM:
        return FormContent(judge, place)
    if plain.startswith(MULTIPART):
        return MultipartContent(judge, place)
    return TextContent(judge, place) if plain.startswith("text/") else Content(judge, place)


@dataclass(frozen=True)
class Choice:
    """Alternatives that a property tells apart: with it, a fault can be named rather than all."""

    name: str
    alternatives: Mapping[str, jsonschema_rs.Draft202012Validator]

    @classmethod
    def declared(cls, judge: Judge, place: str | None) -> "Choice | None":
        schema = judge.at(judge.locate(place)) if place else True
        discriminator = schema.get("discriminator", {}) if isinstance(schema, Mapping) else {}
        mapping: Mapping[str, str] = discriminator.get("mapping", {})
        if not mapping:
            return None
        places = {value: target_of(target) for value, target in mapping.items()}
        alternatives = {value: judge.validator(target) for value, target in places.items()}
        return cls(discriminator["propertyName"], alternatives)

    def faults(self, value: Mapping[str, Any]) -> list[Fault]:
        """What is wrong with the alternative that was chosen; nothing if it is not that."""
        where = pointer(self.name)
        chosen = value.get(self.name)
        if chosen is None:
            return [Fault("body", where, "is required", "required")]
        if not isinstance(chosen, str) or chosen not in self.alternatives:
            known = " or ".join(f'"{alternative}"' for alternative in self.alternatives)
            return [Fault("body", where, f"is not one of {known}", "discriminator")]
        return list(faults(self.alternatives[chosen], value, "body"))


def target_of(target: str) -> str:
    """Where a schema stands that a mapping names, by a reference or by its name alone."""
    return place_of(target) if "#" in target else f"/components/schemas{pointer(target)}"
