"""Turns what a service returned into the response that the document promises."""

import json
from collections.abc import Iterator, Mapping
from typing import ClassVar

import jsonschema_rs
from pydantic import BaseModel
from pydantic_core import to_json
from starlette.responses import Response

from .faults import Fault
from .judge import Judge, faults, pointer
from .scalars import read


class Reply:
    """The base of the generated responses: a status, a media type, and typed headers."""

    status: ClassVar[int]
    media_type: ClassVar[str | None]
    header_names: ClassVar[Mapping[str, str]]
    """The field's name to the header's."""

    __slots__ = ()

    def headers(self) -> dict[str, str]:
        named = ((wire, getattr(self, name)) for name, wire in self.header_names.items())
        return {wire: str(value) for wire, value in named if value is not None}


class Promise:
    """One declared response: its status, and what body and headers must look like."""

    def __init__(self, judge: Judge, status: int, place: str) -> None:
        place = judge.locate(place)
        node = judge.at(place)
        content = node.get("content", {})
        self.status = status
        self.media_type: str | None = next(iter(content), None)
        self.body = (
            judge.validator(f"{place}/content{pointer(self.media_type)}/schema")
            if self.media_type and "schema" in content[self.media_type]
            else None
        )
        self.headers = [
            PromisedHeader(judge, name, f"{place}/headers{pointer(name)}")
            for name in node.get("headers", {})
        ]

    def faults(self, response: Response) -> Iterator[Fault]:
        """Where a response breaks the promise."""
        if self.body is not None:
            yield from faults(self.body, json.loads(bytes(response.body)), "body")
        elif response.body:
            yield Fault("body", "", "is not declared")
        for header in self.headers:
            yield from header.faults(response)


class PromisedHeader:
    def __init__(self, judge: Judge, name: str, place: str) -> None:
        place = judge.locate(place)
        node = judge.at(place)
        self.name = name
        self.required: bool = node.get("required", False)
        self.types = judge.types(node["schema"])
        self.validator: jsonschema_rs.Draft202012Validator = judge.validator(place + "/schema")

    def faults(self, response: Response) -> Iterator[Fault]:
        text = response.headers.get(self.name)
        if text is not None:
            value = read(text, self.types)
            yield from faults(self.validator, value, "header", pointer(self.name))
        elif self.required:
            yield Fault("header", pointer(self.name), "is required")


def render(result: object, success: Promise) -> Response:
    """The response for a model, for one of the generated replies, or for nothing."""
    if isinstance(result, Reply):
        body = getattr(result, "body", None)
        return Response(encode(body), result.status, result.headers(), result.media_type)
    return Response(encode(result), success.status, media_type=success.media_type)


def encode(body: object) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, BaseModel):
        # what was not said is not sent: an absent member is not a null
        return body.__pydantic_serializer__.to_json(body, by_alias=True, exclude_unset=True)
    return to_json(body, by_alias=True)
