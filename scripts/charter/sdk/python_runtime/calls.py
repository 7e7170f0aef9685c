"""Operations, and calls of them as requests."""

import json
import os
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Generic, TypeAlias, TypeVar
from urllib.parse import quote, urlencode
from uuid import uuid4

import httpx2

from .codec import UNSET, Model, Unset, encode, etag_of, remember
from .errors import NotModified
from .response import Response
from .retry import Retry

T = TypeVar("T")

SAFE_TO_REPEAT = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "QUERY"})
"""Idempotent methods (RFC 9110 section 9.2.2)."""
OTHERWISE = "application/problem+json, */*;q=0.1"
"""Media types that every operation may answer with (RFC 9110 section 12.5.1)."""
CHUNK = 65536
"""Bytes of a file that are sent at once."""


@dataclass(frozen=True)
class Upload:
    """A file with the name and the media type that the service is told."""

    content: "bytes | IO[bytes] | Path"
    name: str = ""
    media_type: str = ""


File: TypeAlias = bytes | IO[bytes] | Path | Upload
"""The content of a file, an open one, or where it lies."""


@dataclass(frozen=True)
class Options:
    """What one call does otherwise than its client."""

    timeout: float | Unset | None = UNSET
    """Seconds for each attempt; None waits for ever."""
    retry: Retry | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Styled:
    """A value that is written in another style than its place has by default."""

    value: Any
    style: str
    explode: bool


@dataclass(frozen=True)
class Operation(Generic[T]):
    """One operation of the document; called, it gives a Call that a client sends."""

    method: str
    path: str
    result: object = None
    """The type of a success, T as a value."""
    media_type: str = ""
    """Of the body."""
    accept: str = "application/json"
    errors: Mapping[str, object] = field(default_factory=dict)
    security: tuple[tuple[str, ...], ...] = ()

    def __call__(
        self,
        *,
        path: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        header: Mapping[str, Any] | None = None,
        cookie: Mapping[str, Any] | None = None,
        body: Any = UNSET,
        idempotency_key: str | Unset | None = None,
        options: Options | None = None,
    ) -> "Call[T]":
        """`idempotency_key` is None where the operation takes none; UNSET is replaced by a key."""
        headers = dict(header or {})
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key or str(uuid4())
        return Call(
            operation=self,
            path=path or {},
            query=query or {},
            headers=headers,
            cookies=cookie or {},
            body=body,
            is_repeatable=self.method in SAFE_TO_REPEAT or idempotency_key is not None,
            options=options or Options(),
        )


@dataclass(frozen=True)
class Call(Generic[T]):
    """An operation with its arguments."""

    operation: Operation[T]
    path: Mapping[str, Any]
    query: Mapping[str, Any]
    headers: Mapping[str, Any]
    cookies: Mapping[str, Any]
    body: Any
    is_repeatable: bool
    """Whether the service does no more if it gets the request twice."""
    options: Options
    url: str = ""
    """In place of the operation's path and the query: that of the next page."""

    def with_query(self, name: str, value: Any) -> "Call[T]":
        return replace(self, query={**self.query, name: value})

    def at(self, url: str) -> "Call[T]":
        return replace(self, url=url)

    def request(self, base_url: httpx2.URL, headers: Mapping[str, str]) -> httpx2.Request:
        """The request; a new one for each attempt, since bodies are used up."""
        content = encoded_body(self.operation.media_type, self.body)
        made = httpx2.Headers(
            {"Accept": f"{self.operation.accept}, {OTHERWISE}", **headers, **content.headers}
        )
        made.update({name: text(value) for name, value in given(self.headers) if text(value)})
        if cookies := "; ".join(f"{n}={text(v)}" for n, v in given(self.cookies)):
            made["Cookie"] = cookies
        made.update(self.options.headers)
        url = httpx2.URL(self.url or str(base_url).rstrip("/") + self.target())
        if content.stream is not None:  # of which httpx2 leaves all headers to us
            made["Host"] = url.netloc.decode()
        return httpx2.Request(
            self.operation.method,
            url,
            headers=made,
            content=content.content,
            files=content.files,
            stream=content.stream,
        )

    def target(self) -> str:
        path = self.operation.path
        for name, value in self.path.items():
            path = path.replace(f"{{{name}}}", path_segment(name, value))
        pairs = [pair for name, value in given(self.query) for pair in query_pairs(name, value)]
        return f"{path}?{'&'.join(pairs)}" if pairs else path

    def kept(self, response: Response) -> T:
        """The object that the caller has, where the service says that it is still the same.

        Raises NotModified where the caller named its version only.
        """
        for name, value in self.headers.items():
            if name.lower() == "if-none-match" and isinstance(value, Model):
                remember(value, replace(response, headers=httpx2.Headers({"ETag": etag_of(value)})))
                return value  # type: ignore[return-value]  # of what this operation has returned
        raise NotModified(response)


def given(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """What is neither UNSET nor None, which text can't say."""

    def bare(value: Any) -> Any:
        return value.value if isinstance(value, Styled) else value

    return [(n, v) for n, v in values.items() if bare(v) is not UNSET and bare(v) is not None]


# -- values as text (OpenAPI 3.1 "Style Values") --------------------------------------------------


def text(value: Any) -> str:
    """A value in the style `simple`; of an object that was read, its version."""
    if isinstance(value, Styled):
        if value.style == "json":
            return json.dumps(encode(value.value))
        return ",".join(joined(value.value, value.explode, "="))
    if isinstance(value, Model) and (found := version(value)):
        return found
    return ",".join(joined(value, explode=False))


def version(model: Model) -> str:
    try:
        return etag_of(model)
    except LookupError:
        return ""


def scalar(value: Any) -> str:
    plain = encode(value)
    if plain is None or isinstance(plain, bool | dict | list):
        return json.dumps(plain)
    return str(plain)


def joined(value: Any, explode: bool, between: str = ",") -> list[str]:
    """The parts of a value: items, or names and values, which `explode` puts together."""
    plain = encode(value)
    if isinstance(plain, list):
        return [scalar(one) for one in plain]
    if isinstance(plain, dict):
        pairs = [(name, scalar(one)) for name, one in plain.items()]
        if explode:
            return [f"{name}{between}{one}" for name, one in pairs]
        return [part for pair in pairs for part in pair]
    return [scalar(value)]


def path_segment(name: str, value: Any) -> str:
    """In the styles `simple`, `label` and `matrix`; a segment is never empty, `.` or `..`."""
    styled = value if isinstance(value, Styled) else Styled(value, "simple", explode=False)
    if styled.style == "json":
        return quote(json.dumps(encode(styled.value)), safe="")
    parts = [quote(part, safe="=") for part in joined(styled.value, styled.explode, "=")]
    is_object = isinstance(encode(styled.value), dict)
    if styled.style == "label":
        return "." + ("." if styled.explode else ",").join(parts)
    if styled.style == "matrix":
        if not styled.explode:
            return f";{name}={','.join(parts)}"
        return "".join(f";{part}" if is_object else f";{name}={part}" for part in parts)
    made = ",".join(parts)
    if made in ("", ".", ".."):
        raise ValueError(f"{name} can't be {made!r}: it is a part of the URL's path.")
    return made


SEPARATORS = {"form": ",", "spaceDelimited": "%20", "pipeDelimited": "%7C"}


def query_pairs(name: str, value: Any) -> list[str]:
    styled = value if isinstance(value, Styled) else Styled(value, "form", explode=True)
    key, plain = quote(name, safe=""), encode(styled.value)
    if styled.style == "json":
        return [f"{key}={quote(json.dumps(plain), safe='')}"]
    if styled.style == "deepObject" and isinstance(plain, dict):
        return list(deep(name, plain))
    if styled.explode and isinstance(plain, dict):
        return [f"{quote(n, safe='')}={quote(scalar(v), safe='')}" for n, v in plain.items()]
    parts = [quote(part, safe="") for part in joined(plain, explode=False)]
    if styled.explode and isinstance(plain, list):
        return [f"{key}={part}" for part in parts]
    return [f"{key}={SEPARATORS.get(styled.style, ',').join(parts)}"]


def deep(name: str, value: Any) -> Iterator[str]:
    """`filter[color]=red`, and `filter[size][width]=3` for what lies deeper."""
    if isinstance(value, dict):
        for member, one in value.items():
            yield from deep(f"{name}[{member}]", one)
    elif isinstance(value, list):
        for one in value:
            yield from deep(name, one)
    else:
        yield f"{quote(name, safe='')}={quote(scalar(value), safe='')}"


# -- bodies ---------------------------------------------------------------------------------------


class Chunks(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A file as it is sent, from its beginning at each attempt."""

    def __init__(self, file: IO[bytes] | Path) -> None:
        self.file = file
        self.size: int | None = None
        if isinstance(file, Path):
            self.size = file.stat().st_size
        elif file.seekable():
            self.size = file.seek(0, os.SEEK_END)
            file.seek(0)

    def __iter__(self) -> Iterator[bytes]:
        if isinstance(self.file, Path):
            with self.file.open("rb") as file:
                yield from Chunks(file)
            return
        while chunk := self.file.read(CHUNK):
            yield chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self:
            yield chunk


@dataclass(frozen=True)
class Content:
    """A body in the terms of httpx2."""

    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    files: "Sequence[Part] | None" = None
    stream: "Chunks | None" = None


def encoded_body(media_type: str, body: Any) -> Content:
    """Raises ValueError for a value that has no place in its media type."""
    if body is UNSET or not media_type:
        return Content()
    headers = {"Content-Type": media_type}
    if media_type == "application/x-www-form-urlencoded":
        pairs = [pair for name, value in members(body) for pair in form_pairs(name, value)]
        return Content(headers, urlencode(pairs).encode())
    if media_type.startswith("multipart/"):
        parts = [part for name, value in members(body) for part in form_parts(name, value)]
        return Content(files=parts)
    if isinstance(body, bytes | Path | Upload) or hasattr(body, "read"):
        return binary(headers, body)
    if isinstance(body, str) and media_type.startswith("text/"):
        return Content(headers, body.encode())
    return Content(headers, json.dumps(encode(body), ensure_ascii=False).encode())


def members(body: Any) -> list[tuple[str, Any]]:
    """The fields of a form, each with its value as it was given."""
    plain = body if isinstance(body, Mapping) else encode(body)
    return given(plain)


def form_pairs(name: str, value: Any) -> Iterable[tuple[str, str]]:
    """In its style; without one, items have the same name, and objects are JSON (OpenAPI 3.1
    "Encoding Object")."""
    if not isinstance(value, Styled):
        plain = encode(value)
        return [(name, scalar(one)) for one in (plain if isinstance(plain, list) else [plain])]
    plain = encode(value.value)
    if value.style == "deepObject" and isinstance(plain, dict):
        return [(f"{name}[{member}]", scalar(one)) for member, one in plain.items()]
    if value.explode and isinstance(plain, dict):
        return [(member, scalar(one)) for member, one in plain.items()]
    parts = joined(plain, explode=False)
    if value.explode and isinstance(plain, list):
        return [(name, part) for part in parts]
    return [(name, {"spaceDelimited": " ", "pipeDelimited": "|"}.get(value.style, ",").join(parts))]


Part: TypeAlias = tuple[str, tuple[str | None, Any, str]]
"""A name; a file name, the content, and its media type."""


def form_parts(name: str, value: Any) -> Sequence[Part]:
    """Items of a list are parts of the same name; objects are JSON (OpenAPI 3.1 "Encoding")."""
    if isinstance(value, Styled):
        pairs = form_pairs(name, value)
        return [(part, (None, text.encode(), "text/plain")) for part, text in pairs]
    if isinstance(value, list | tuple):
        return [part for one in value for part in form_parts(name, one)]
    if isinstance(value, bytes | Path | Upload) or hasattr(value, "read"):
        return [(name, file_part(name, value))]
    plain = encode(value)
    media_type = "application/json" if isinstance(plain, dict | list) else "text/plain"
    return [(name, (None, scalar(plain).encode(), media_type))]


def file_part(name: str, file: File) -> tuple[str | None, Any, str]:
    upload = file if isinstance(file, Upload) else Upload(file)
    path = upload.content if isinstance(upload.content, Path) else None
    content = upload.content if path is None else path.read_bytes()
    known = path.name if path else getattr(content, "name", "")
    file_name = upload.name or (Path(known).name if isinstance(known, str) else "") or name
    return file_name, content, upload.media_type or "application/octet-stream"


def binary(headers: Mapping[str, str], file: File) -> Content:
    upload = file if isinstance(file, Upload) else Upload(file)
    made = {**headers, "Content-Type": upload.media_type or headers["Content-Type"]}
    if isinstance(upload.content, bytes):
        return Content(made, upload.content)
    chunks = Chunks(upload.content)
    if chunks.size is None:
        return Content({**made, "Transfer-Encoding": "chunked"}, stream=chunks)
    return Content({**made, "Content-Length": str(chunks.size)}, stream=chunks)


def unless_empty(members: Mapping[str, Any]) -> Any:
    """The members of a body that may be absent as a whole."""
    return UNSET if all(value is UNSET for value in members.values()) else members


def can_be_repeated(body: Any) -> bool:
    """Whether a body can be sent a second time: what can't be rewound can't."""
    parts = body.values() if isinstance(body, Mapping) else [body]
    contents = (part.content if isinstance(part, Upload) else part for part in parts)
    return all(one.seekable() for one in contents if hasattr(one, "seekable"))
