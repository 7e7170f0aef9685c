"""Reads the body of a request: its media type, its size, its syntax, in this order."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any, NoReturn

import jsonschema_rs
from starlette.requests import Request

from .faults import ContentTooLarge, Fault, MalformedRequest, UnsupportedMediaType
from .judge import Judge, faults, pointer
from .parameters import ABSENT, grouped
from .scalars import parse_pairs, read

FORM = "application/x-www-form-urlencoded"


class Body:
    """The declared body of one operation."""

    def __init__(self, judge: Judge, operation_id: str, place: str, limit: int) -> None:
        place = judge.locate(place)
        node = judge.at(place)
        (self.media_type,) = node["content"]
        self.operation_id = operation_id
        self.required: bool = node.get("required", False)
        self.limit = limit
        schema = f"{place}/content{pointer(self.media_type)}/schema"
        self.validator: jsonschema_rs.Draft202012Validator = judge.validator(schema)
        self.choice = Choice.declared(judge, schema)
        self.fields = fields_of(judge, judge.at(schema)) if self.media_type == FORM else {}

    async def read(self, request: Request, found: list[Fault]) -> Any:
        """The judged body; `found` collects what is wrong with it.

        Raises UnsupportedMediaType, ContentTooLarge, or MalformedRequest.
        """
        content = await self._content(request)
        if not content and "content-type" not in request.headers:
            if self.required:
                found.append(Fault("body", "", "is required"))
            return None
        self._check_media_type(request)
        value = self._parse(content, found)
        try:
            if value is not ABSENT and not self.validator.is_valid(value):
                found.extend(self._faults(value))
        except ValueError:  # the validator follows 255 levels
            self._malformed("The body is nested too deeply.")
        return value

    async def _content(self, request: Request) -> bytes:
        """At most `limit` bytes: what announces more is not read, what sends more is not kept."""
        announced = request.headers.get("content-length", "0")
        if announced.isdecimal() and int(announced) > self.limit:
            self._too_large()
        if announced != "0" or "transfer-encoding" in request.headers:
            self._check_media_type(request)
        chunks: list[bytes] = []
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > self.limit:
                self._too_large()
            chunks.append(chunk)
        return b"".join(chunks)

    def _check_media_type(self, request: Request) -> None:
        coding = request.headers.get("content-encoding", "identity")
        if coding.lower() != "identity":
            raise UnsupportedMediaType(self.operation_id, "Send the body without a content coding.")
        message = Message()
        message["content-type"] = request.headers.get("content-type", "")
        charset = str(message.get_param("charset", "utf-8")).lower()
        if message.get_content_type() != self.media_type or charset not in ("utf-8", "utf8"):
            raise UnsupportedMediaType(self.operation_id, f"Send the body as {self.media_type}.")

    def _parse(self, content: bytes, found: list[Fault]) -> Any:
        if self.media_type == FORM:
            return self._parse_form(content, found)
        try:
            return parse_json(content)
        except UnicodeEncodeError:
            self._malformed("The body holds half of a surrogate pair.")
        except (ValueError, RecursionError):
            self._malformed("The body is not well-formed JSON.")

    def _parse_form(self, content: bytes, found: list[Fault]) -> Any:
        try:
            values = grouped(parse_pairs(content))
        except ValueError:
            self._malformed("The body is not a well-formed form.")
        form: dict[str, Any] = {}
        for name, texts in values.items():
            types = self.fields.get(name)
            if len(texts) == 1 and (types is None or "array" not in types):
                form[name] = read(texts[0], types or ())
            elif types is None or "array" in types:
                form[name] = texts
            else:  # RFC 6749 section 3.2, and good sense elsewhere
                found.append(Fault("body", pointer(name), "is repeated", "repeated"))
        return ABSENT if found else form

    def _faults(self, value: Any) -> Iterator[Fault]:
        if self.choice is not None and isinstance(value, dict):
            return self.choice.faults(value)
        return faults(self.validator, value, "body")

    def _malformed(self, detail: str) -> NoReturn:
        raise MalformedRequest(self.operation_id, detail) from None

    def _too_large(self) -> NoReturn:
        raise ContentTooLarge(self.operation_id, f"The body is larger than {self.limit} bytes.")


@dataclass(frozen=True)
class Choice:
    """Alternatives that a property tells apart: with it, a fault can be named rather than all."""

    name: str
    alternatives: Mapping[str, jsonschema_rs.Draft202012Validator]

    @classmethod
    def declared(cls, judge: Judge, place: str) -> "Choice | None":
        schema = judge.at(judge.locate(place))
        discriminator = schema.get("discriminator", {})
        mapping: Mapping[str, str] = discriminator.get("mapping", {})
        if not mapping:
            return None
        places = {value: target.removeprefix("#") for value, target in mapping.items()}
        alternatives = {value: judge.validator(target) for value, target in places.items()}
        return cls(discriminator["propertyName"], alternatives)

    def faults(self, value: Mapping[str, Any]) -> Iterator[Fault]:
        where = pointer(self.name)
        chosen = value.get(self.name)
        if chosen is None:
            yield Fault("body", where, "is required", "required")
        elif chosen not in self.alternatives:
            known = " or ".join(f'"{alternative}"' for alternative in self.alternatives)
            yield Fault("body", where, f"is not one of {known}", "discriminator")
        else:
            yield from faults(self.alternatives[chosen], value, "body")


def fields_of(judge: Judge, schema: Any) -> dict[str, frozenset[str]]:
    """The types of all fields that a form may have, in any of its alternatives."""
    schema = judge.resolve(schema)
    fields = {name: judge.types(node) for name, node in schema.get("properties", {}).items()}
    for keyword in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(keyword, ()):
            fields |= fields_of(judge, part)
    return fields


def parse_json(content: bytes) -> Any:
    """JSON as RFC 8259 has it: UTF-8 without a mark, no NaN, and no member twice.

    Raises ValueError or RecursionError; UnicodeEncodeError for half of a surrogate pair, which
    the grammar admits (section 8.2) and no text can hold.
    """
    value = json.loads(
        content.decode("utf-8"),
        object_pairs_hook=without_repetition,
        parse_constant=not_json,
        parse_float=finite_float,
    )
    if b"\\u" in content:
        json.dumps(value, ensure_ascii=False).encode()
    return value


def without_repetition(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is repeated")
    return members


def not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def finite_float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number is beyond what can be held")
    return number
