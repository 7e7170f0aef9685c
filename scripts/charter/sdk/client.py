"""A client of one document, in no language: what `python` and `typescript` write down."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from charter.sdk.types import Definitions, Type


class Form(StrEnum):
    """How a body is written."""

    BINARY = "binary"
    FORM = "form"
    JSON = "json"
    MULTIPART = "multipart"
    TEXT = "text"


class Stream(StrEnum):
    """How a response is read while it arrives."""

    BYTES = "bytes"
    EVENTS = "events"
    """Server-sent events."""
    LINES = "lines"
    """A JSON text a line."""


@dataclass(frozen=True)
class Style:
    """How a value is written where a name holds more than one (OpenAPI 3.1 "Style Values")."""

    name: str
    explode: bool


JSON_STYLE = Style("json", explode=False)
"""Of a parameter that has a `content` of JSON."""


@dataclass(frozen=True)
class Parameter:
    name: str
    place: str
    """`path`, `query`, `header` or `cookie`."""
    type: Type
    is_required: bool
    style: Style | None
    """None for the default one of the place."""
    description: str = ""

    @property
    def is_idempotency_key(self) -> bool:
        return self.is_header("idempotency-key")

    @property
    def takes_version(self) -> bool:
        """Whether it takes the ETag of what was read before (RFC 9110 section 13.1)."""
        return self.is_header("if-match") or self.is_header("if-none-match")

    def is_header(self, name: str) -> bool:
        return self.place == "header" and self.name.lower() == name


@dataclass(frozen=True)
class Body:
    media_type: str
    form: Form
    type: Type
    is_required: bool
    styles: Mapping[str, Style]
    """Of the fields of a form, where they aren't written in the default one."""


@dataclass(frozen=True)
class Paging:
    """How a list goes on after its page: by a cursor, or else by the header `Link`."""

    row: Type
    rows: str | None
    """The member that holds the rows; None where the answer is the list itself."""
    cursor: str | None = None
    """The query parameter."""
    next_cursor: str | None = None
    """The member that holds the next cursor."""


@dataclass(frozen=True)
class Failure:
    """The class of errors of one status, or of one problem type."""

    name: str
    key: str
    """`404`, or the URI of the type."""
    type: Type | None
    """Of the body; None where none is declared."""
    description: str = ""


@dataclass(frozen=True)
class Operation:
    id: str
    name: str
    """In words: each language joins them in its own way."""
    method: str
    path: str
    parameters: tuple[Parameter, ...]
    body: Body | None
    result: Type
    """NULL where a success has no content."""
    stream: Stream | None
    event: Type
    """Of what a stream yields, ANY for text and bytes."""
    is_stream_only: bool
    errors: Mapping[str, Type]
    """The types of the bodies of errors, by status."""
    security: tuple[tuple[str, ...], ...]
    """Alternatives of scheme names; one without names stands for an anonymous request."""
    paging: Paging | None
    summary: str
    description: str
    deprecation: str
    """A sentence about its end; empty for an operation that is not deprecated."""


@dataclass(frozen=True)
class Resource:
    """The operations of one tag."""

    name: str
    description: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True)
class Scheme:
    """A security scheme, as far as a client can follow it."""

    name: str
    kind: str
    """`apiKey`, `basic`, `bearer` or `oauth2`."""
    place: str = ""
    key: str = ""
    """Where an API key stands, and what it is called there."""
    token_url: str = ""
    refresh_url: str = ""
    grants: tuple[str, ...] = ()
    """`password`, `client_credentials`."""


@dataclass(frozen=True)
class Client:
    title: str
    summary: str
    version: str
    licence: str
    """An SPDX expression, or nothing."""
    licence_name: str
    servers: tuple[str, ...]
    definitions: Definitions
    resources: tuple[Resource, ...]
    schemes: tuple[Scheme, ...]
    statuses: tuple[Failure, ...]
    problems: tuple[Failure, ...]
