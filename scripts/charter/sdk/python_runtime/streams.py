"""Responses that are read while they arrive: events, lines, or bytes."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from .codec import decode

T = TypeVar("T")
Out = TypeVar("Out", covariant=True)

NEWLINE = re.compile(rb"\r\n|\r|\n")
END = "[DONE]"
"""What many services send as the last event, in the place of JSON."""


@dataclass(frozen=True)
class Event(Generic[T]):
    """A server-sent event (WHATWG HTML section 9.2)."""

    data: T
    event: str = "message"
    id: str = ""


class Reader(Protocol[Out]):
    """Makes values of chunks; `end` gives what is left after the last one. Raise Mismatch."""

    def feed(self, chunk: bytes) -> Iterator[Out]: ...

    def end(self) -> Iterator[Out]: ...


class Bytes:
    def feed(self, chunk: bytes) -> Iterator[bytes]:
        yield chunk

    def end(self) -> Iterator[bytes]:
        yield from ()


class Lines(Generic[T]):
    """A JSON text on each line (JSON Lines, and JSON text sequences, RFC 7464)."""

    def __init__(self, expected: object) -> None:
        self.expected = expected
        self.left = b""

    def feed(self, chunk: bytes) -> Iterator[T]:
        *lines, self.left = (self.left + chunk).split(b"\n")
        for line in lines:
            yield from self._value(line)

    def end(self) -> Iterator[T]:
        yield from self._value(self.left)

    def _value(self, line: bytes) -> Iterator[T]:
        plain = line.strip(b"\x1e \t\r")
        if plain:
            value: T = decode(self.expected, json.loads(plain))
            yield value


class Events(Generic[T]):
    """Server-sent events; their data is JSON, unless text is expected."""

    def __init__(self, expected: object) -> None:
        self.expected = expected
        self.left = b""
        self.data: list[str] = []
        self.event = ""
        self.id = ""
        self.is_over = False

    def feed(self, chunk: bytes) -> Iterator[Event[T]]:
        *lines, self.left = self._lines(self.left + chunk)
        for line in lines:
            yield from self._line(line.decode("utf-8", "replace").removeprefix("\ufeff"))

    def end(self) -> Iterator[Event[T]]:
        """An event that no empty line has ended is not one."""
        yield from ()

    def _lines(self, received: bytes) -> list[bytes]:
        """A carriage return at the end may be half of a line break."""
        if received.endswith(b"\r"):
            *lines, last = NEWLINE.split(received[:-1])
            return [*lines, last + b"\r"]
        return NEWLINE.split(received)

    def _line(self, line: str) -> Iterator[Event[T]]:
        if not line:
            yield from self._dispatch()
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self.data.append(value)
            case "event":
                self.event = value
            case "id" if "\0" not in value:
                self.id = value

    def _dispatch(self) -> Iterator[Event[T]]:
        text, event = "\n".join(self.data), self.event or "message"
        is_event = bool(self.data)
        self.data, self.event = [], ""
        self.is_over = self.is_over or (text == END and self.expected is not str)
        if is_event and not self.is_over:
            yield Event(self._value(text), event, self.id)

    def _value(self, text: str) -> Any:
        return text if self.expected is str else decode(self.expected, json.loads(text))
