"""Turns what a service returned into the response that the document declares."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cache, cached_property
from math import inf
from operator import attrgetter
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin

import jsonschema_rs
from pydantic import BaseModel
from pydantic_core import to_json
from starlette.responses import Response

from .explain import faults
from .faults import Fault
from .items import ItemSpec
from .judge import Judge
from .parameters import JSON, declare, header_faults
from .parts import essence
from .references import pointer
from .shapes import Shape
from .views import Direction
from .xml import Element, Reader, is_xml, plan, write


class Reply:
    """The base of the generated responses, whose fields are the body and typed headers.

    Each has a `status` and a `media_type`: of its class where the document declares one, and a
    field where it leaves the choice.
    """

    header_names: ClassVar[Mapping[str, str]]
    """The field's name to the header's."""

    __slots__ = ()

    def headers(self) -> dict[str, str]:
        named = ((wire, getattr(self, name)) for name, wire in self.header_names.items())
        return {wire: header_text(value) for wire, value in named if value is not None}


def header_text(value: object) -> str:
    """A header of the style simple."""
    match value:
        case bool():
            return str(value).lower()
        case Mapping():
            return ",".join(f"{name},{header_text(child)}" for name, child in value.items())
        case list() | tuple():
            return ",".join(map(header_text, value))
        case datetime():
            return value.isoformat()
        case _:
            return str(value)


class ResponseSpec:
    """One declared response: its status, and what body and headers must look like."""

    def __init__(self, judge: Judge, status: str, place: str) -> None:
        self.status = status
        """As it is declared: `200`, `4XX`, or `default`."""
        self.place = place = judge.locate(place)
        node = judge.at(place)
        content = node.get("content", {})
        self.media_type: str | None = next(iter(content), None)
        self.contents = {
            media_type: ContentSpec(judge, media_type, f"{place}/content{pointer(media_type)}")
            for media_type in content
        }
        self.headers = [
            declare(
                judge,
                f"{place}/headers{pointer(name)}",
                header=name,
                direction=Direction.RESPONSE,
            )
            for name in node.get("headers", {})
            if name.lower() != "content-type"  # the specification says to ignore it
        ]

    def faults(self, response: Response) -> Iterator[Fault]:
        """Yields each violation of the declared content and headers."""
        media_type = response.headers.get("content-type")
        content = None if media_type is None else self.content(media_type)
        if content is not None:
            yield from content.faults(bytes(response.body), essence(media_type or ""))
        elif response.body:
            yield Fault("body", "", "is not declared")
        yield from self.header_faults(response)

    def header_faults(self, response: Response) -> Iterator[Fault]:
        for header in self.headers:
            yield from header_faults(header, response.headers.get(header.name))

    def content(self, media_type: str) -> "ContentSpec | None":
        """The declared content for a media type, else for the closest range that covers it."""
        plain = essence(media_type)
        by_essence = {essence(name): content for name, content in self.contents.items()}
        main = plain.partition("/")[0]
        candidates = (media_type, plain, f"{main}/*", "*/*")
        return next((by_essence[name] for name in candidates if name in by_essence), None)


class ContentSpec:
    """One media type of a response."""

    def __init__(self, judge: Judge, media_type: str, place: str) -> None:
        schema_place = f"{place}/schema"
        self.judge = judge
        self.place = place
        self.media_type = media_type
        self.schema_place = schema_place if judge.has(schema_place) else None
        self.is_json = JSON.fullmatch(essence(media_type)) is not None
        self.is_text = essence(media_type).startswith("text/")
        self.is_plain = essence(media_type) == "text/plain"
        self.root: Element | None = plan(judge, place) if is_xml(media_type) else None
        """How its values stand in XML; None where it is none, or may be any."""
        self.shape = Shape(judge, judge.at(schema_place) if self.schema_place else True)
        self.items = ItemSpec.declared(judge, media_type, place, Direction.RESPONSE)
        """What each item must look like, where the body is a sequence of items."""

    @cached_property
    def validator(self) -> jsonschema_rs.Draft202012Validator:
        """Compiled when it is first asked for: of a large document a process judges a part."""
        return self.judge.validator(self.schema_place, Direction.RESPONSE)

    @property
    def holds_values(self) -> bool:
        """Whether its bodies are values of its schema: JSON, or XML."""
        return self.is_json or self.root is not None

    def faults(self, body: bytes, media_type: str = "") -> Iterator[Fault]:
        """What is wrong with it. Of others than JSON, XML and text nothing can be said.

        `media_type` is what is sent, where the declared one is a range.
        """
        if self.root is not None:
            yield from self._faults_of_xml(self.root, body)
            return
        if self.items is not None:
            yield from self.items.written_faults(body)
            return
        is_json = self.is_json or JSON.fullmatch(media_type) is not None
        if self.schema_place is None or not (is_json or self.is_text):
            return
        value = json.loads(body) if is_json else self.shape.whole(body.decode())
        if isinstance(value, str) and not (is_json or self.is_plain or self.shape.is_scalar):
            return  # a table in text/csv, say: what it spells is not the judge's to know
        yield from faults(self.validator, value, "body")

    def _faults_of_xml(self, root: Element, body: bytes) -> Iterator[Fault]:
        violations: list[Fault] = []
        try:
            # a service may answer with more than a request may hold
            value = Reader(root, violations, inf).read(body)
        except (ValueError, RecursionError):
            violations.append(Fault("body", "", "is not well-formed XML", "xml"))
        yield from violations or faults(self.validator, value, "body")


def render(result: object, success: ResponseSpec) -> Response:
    """The response for a model, for one of the generated replies, or for nothing."""
    status, media_type = stated(result, success)
    if isinstance(result, Reply):
        body = getattr(result, "body", None)
        content = encode(body, media_type) if media_type else None
        return Response(content, status, result.headers(), media_type)
    content = encode(result, media_type) if media_type else None
    return Response(content, status, media_type=media_type)


def stated(result: object, success: ResponseSpec) -> tuple[int, str | None]:
    """The status and media type that a result is sent with."""
    if isinstance(result, Reply):
        status, media_type = STATED(result)
        return status, media_type
    return int(success.status) if success.status.isdecimal() else 200, success.media_type


STATED = attrgetter("status", "media_type")


def with_xml(result: object, content: ContentSpec | None) -> object:
    """The result with its body as XML, if that is what its content is. Raises Unwritable."""
    body = getattr(result, "body", None) if isinstance(result, Reply) else result
    if content is None or content.root is None or isinstance(body, bytes):
        return result
    written = write(content.root, json.loads(encode(body, "application/json")))
    return replace(result, body=written) if isinstance(result, Reply) else written  # type: ignore[type-var]  # each of them is a dataclass


def encode(body: object, media_type: str) -> bytes:
    if isinstance(body, bytes):
        return body
    if isinstance(body, str) and not JSON.fullmatch(essence(media_type)):
        return body.encode()
    if isinstance(body, BaseModel):
        # what was not said is not sent: an absent member is not a null
        omits = may_omit(type(body))
        return body.__pydantic_serializer__.to_json(body, by_alias=True, exclude_unset=omits)
    return to_json(body, by_alias=True)


@cache
def may_omit(model: type[BaseModel]) -> bool:
    """Whether a member may be absent in the model, or in one of those that it is made of.

    Where none may, nobody asks of each member whether it was set, which takes as long as to write
    it. A type that says too little to tell (Any, an alias) may hold such a model.
    """
    met: set[type[BaseModel]] = set()
    waiting: list[Any] = [model]
    while waiting:
        hint = waiting.pop()
        origin, parts = get_origin(hint), get_args(hint)
        if origin is Annotated:
            waiting.append(parts[0])
        elif parts:
            waiting.extend(parts if origin is not Literal else ())
        elif not isinstance(hint, type) or hint in (Any, object):
            return True
        elif issubclass(hint, BaseModel) and hint not in met:
            met.add(hint)
            if not all(field.is_required() for field in hint.model_fields.values()):
                return True
            waiting.extend(field.annotation for field in hint.model_fields.values())
    return False
