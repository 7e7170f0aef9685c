"""XML bodies: values of a schema, written as its XML Objects say (OpenAPI 3.2 "XML Object")."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..judge import Judge
from ..normal import normal, operations
from ..parts import essence
from ..references import at, has, locate, objects, pointer, tokens
from .compiling import Compiler, Unsayable
from .plans import Element
from .reading import Reader
from .writing import Unwritable, write, write_anything

__all__ = [
    "Compiler",
    "Element",
    "Reader",
    "Unsayable",
    "Unwritable",
    "any_xml",
    "has_xml",
    "is_xml",
    "plan",
    "served",
    "unserved",
    "write",
    "write_anything",
]

XML = re.compile(r"(?:application|text)/xml|[^/]+/[^/]+\+xml")
"""Media types of XML (RFC 7303 sections 4.2 and 9.1)."""


def is_xml(media_type: str) -> bool:
    return XML.fullmatch(essence(media_type)) is not None


def plan(judge: Judge, place: str) -> Element | None:
    """How a body is written that has this content.

    None where its schema describes text or nothing: the body may be any XML then, as bytes.
    Raises Unsayable.
    """
    if not judge.has(f"{place}/schema"):
        return None
    return Compiler(judge.document, judge.elements).root(f"{place}/schema")


@dataclass(frozen=True)
class Unserved:
    """A body in XML that its schema can't be said in."""

    place: str
    """Of its content, whose members are the media types."""
    media_type: str
    is_alone: bool
    """Whether there is no other media type to send the body in."""
    reason: Unsayable


def unserved(document: Mapping[str, Any]) -> Iterator[Unserved]:
    """The bodies of a document in its normal form that can't be read from XML or written as it."""
    compiler = Compiler(document)
    for place, content in contents(document).items():
        reasons = {
            media_type: reason
            for media_type in filter(is_xml, content)
            if (reason := unsayable(compiler, f"{place}{pointer(media_type)}"))
        }
        for media_type, reason in reasons.items():
            yield Unserved(place, media_type, len(reasons) == len(content), reason)


def unsayable(compiler: Compiler, place: str) -> Unsayable | None:
    located = locate(compiler.document, place)
    try:
        if has(compiler.document, tokens(f"{located}/schema")):
            compiler.root(f"{located}/schema")
    except Unsayable as reason:
        return reason
    return None


def any_xml(document: Mapping[str, Any]) -> Iterator[Any]:
    """The contents in XML whose schemas describe text or nothing, of a document that is served."""
    compiler = Compiler(document)
    for place, content in contents(document).items():
        for media_type in filter(is_xml, content):
            located = locate(document, f"{place}{pointer(media_type)}")
            is_described = has(document, tokens(f"{located}/schema"))
            if not is_described or compiler.root(f"{located}/schema") is None:
                yield at(document, tokens(located))


def contents(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What the bodies of requests and responses may be, by its place."""
    if not has_xml(document):
        return {}
    found: dict[str, Mapping[str, Any]] = {}
    for path, method, node in operations(document):
        place = f"/paths{pointer(path, method)}"
        holders = [f"{place}/requestBody"] if "requestBody" in node else []
        holders += [f"{place}/responses{pointer(status)}" for status in node["responses"]]
        for holder in holders:
            located = locate(document, holder)
            found[f"{located}/content"] = at(document, tokens(located)).get("content", {})
    return found


def has_xml(document: Mapping[str, Any]) -> bool:
    """Whether any body of a document, in its normal form or not, may be XML."""
    contents = (one.get("content") for one in objects(document))
    return any(any(map(is_xml, one)) for one in contents if isinstance(one, Mapping))


def served(document: Mapping[str, Any]) -> dict[str, Any]:
    """The normal form of a document, without the bodies in XML that can't be read or written.

    A client that sends or asks for one gets what any other unknown media type gets: 415 or 406.
    """
    made = normal(document)
    for one in list(unserved(made)):
        if not one.is_alone:
            at(made, tokens(one.place)).pop(one.media_type, None)
    return made
