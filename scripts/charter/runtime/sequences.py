"""Sequential media types: items one after the other (OpenAPI 3.2 "Sequential Media Types").

An item travels as JSON text: `Sequence.write` takes that of one item, and a `Reader` gives back the
value that a client reads, which is what the item's schema describes.
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from .parts import essence
from .scalars import parse_json

EVENTS = "text/event-stream"
LINES = frozenset(
    {"application/jsonl", "application/jsonlines", "application/ndjson", "application/x-ndjson"}
)
FIELDS = ("event", "id", "retry", "data")
"""Of a server-sent event."""
LINE_BREAK = re.compile(r"\r\n|\r|\n")
RECORD_SEPARATOR = b"\x1e"


class Reader(ABC):
    """Takes a sequence apart while it arrives. Raises ValueError for a malformed item."""

    def __init__(self, separator: bytes) -> None:
        self.separator = separator
        self.left = bytearray()

    @property
    def pending(self) -> int:
        """The bytes of the item that has begun to arrive."""
        return len(self.left)

    def feed(self, chunk: bytes) -> Iterator[Any]:
        """The items that end in this chunk."""
        start = len(self.left)  # no separator stands before, and nothing is searched twice
        self.left += chunk
        while (end := self.left.find(self.separator, start)) >= 0:
            part = bytes(self.left[:end])
            del self.left[: end + 1]
            start = 0
            yield from self.part(part)

    def end(self) -> Iterator[Any]:
        """The last item, which no separator ends."""
        part, self.left = bytes(self.left), bytearray()
        yield from self.part(part)

    @abstractmethod
    def part(self, part: bytes) -> Iterator[Any]:
        """The items that end with what stands between two separators."""


class Texts(Reader):
    """A JSON text in each part; empty parts are no items."""

    def part(self, part: bytes) -> Iterator[Any]:
        if text := part.strip():
            yield parse_json(text)


class Events(Reader):
    """The fields of each event, as HTML's "Server-sent events" interprets the lines.

    An event is an object of `FIELDS`, all of them texts but `retry`, which is an integer.
    """

    def __init__(self) -> None:
        super().__init__(b"\n")
        self.fields: dict[str, Any] = {}
        self.data: list[str] = []
        self.size = 0
        self.is_first = True
        self.after_return = False

    @property
    def pending(self) -> int:
        return len(self.left) + self.size

    def feed(self, chunk: bytes) -> Iterator[Any]:
        if self.after_return and chunk.startswith(b"\n"):  # the second half of a line break
            chunk = chunk[1:]
        self.after_return = chunk.endswith(b"\r")
        return super().feed(chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n"))

    def end(self) -> Iterator[Any]:
        """An event that no empty line has ended is none."""
        return iter(())

    def part(self, part: bytes) -> Iterator[Any]:
        line = part.decode()
        if self.is_first:
            line, self.is_first = line.removeprefix("\ufeff"), False
        if line:
            self.size += len(part)
            name, _, value = line.partition(":")
            self.field(name, value.removeprefix(" "))
            return
        if self.data:
            self.fields["data"] = "\n".join(self.data)
        if self.fields:
            yield self.fields
        self.fields, self.data, self.size = {}, [], 0

    def field(self, name: str, value: str) -> None:
        if name == "data":
            self.data.append(value)
        elif name == "event" or (name == "id" and "\0" not in value):
            self.fields[name] = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.fields[name] = int(value)


class Sequence(ABC):
    """How a medium writes items, and how they are read."""

    heartbeat = b""
    """What shows that the stream is alive and holds no item; nothing where the medium has none."""
    may_end_anywhere = False
    """Whether clients go on where the stream ended, instead of taking it for complete."""

    @abstractmethod
    def write(self, text: bytes) -> bytes:
        """An item on the wire. Raises ValueError for what the medium can't hold."""

    @abstractmethod
    def reader(self) -> Reader: ...

    def readings(self, item: Any) -> Iterator[Any]:
        """What an item that was read may be for a service."""
        yield item


class Lines(Sequence):
    """A JSON text on each line."""

    def write(self, text: bytes) -> bytes:
        return text + b"\n"

    def reader(self) -> Reader:
        return Texts(b"\n")


class Records(Sequence):
    """JSON text sequences (RFC 7464), whose readers ignore a record that is empty."""

    heartbeat = RECORD_SEPARATOR

    def write(self, text: bytes) -> bytes:
        return RECORD_SEPARATOR + text + b"\n"

    def reader(self) -> Reader:
        return Texts(RECORD_SEPARATOR)


class EventStream(Sequence):
    """Server-sent events, each of them an item."""

    heartbeat = b":\n\n"
    may_end_anywhere = True

    def write(self, text: bytes) -> bytes:
        return self.event(json.loads(text))

    def event(self, fields: Mapping[str, Any]) -> bytes:
        lines = [line for name in FIELDS for line in field_lines(name, fields.get(name))]
        return "\n".join([*lines, "", ""]).encode()

    def reader(self) -> Reader:
        return Events()

    def readings(self, item: Any) -> Iterator[Any]:
        """Also with the JSON that its data hold, of which a schema may give the type."""
        yield item
        with suppress(ValueError, RecursionError):
            yield {**item, "data": parse_json(item.get("data", "").encode())}


class EventData(EventStream):
    """Server-sent events without names, whose data are the items.

    `spelled` is the value that the text of the data spells.
    """

    def __init__(self, spelled: Callable[[str], Any]) -> None:
        self.spelled = spelled

    def write(self, text: bytes) -> bytes:
        return self.event({"data": json.loads(text)})

    def readings(self, item: Any) -> Iterator[Any]:
        yield item

    def reader(self) -> Reader:
        return DataOfEvents(self.spelled)


class DataOfEvents(Events):
    """The values of the data alone."""

    def __init__(self, spelled: Callable[[str], Any]) -> None:
        super().__init__()
        self.spelled = spelled

    def part(self, part: bytes) -> Iterator[Any]:
        for event in super().part(part):
            yield self.spelled(event.get("data", ""))


def field_lines(name: str, value: Any) -> Iterator[str]:
    """The lines of one field; data that is no text is written as JSON."""
    if value is None:
        return
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    lines = LINE_BREAK.split(text)
    if name != "data" and len(lines) > 1:
        raise ValueError(f"The field {name} of an event can't hold a line break.")
    yield from (f"{name}: {line}" for line in lines)


def is_sequential(media_type: str) -> bool:
    """Whether bodies of the media type are sequences of items."""
    plain = essence(media_type)
    return plain in LINES or plain == EVENTS or plain.endswith(("/json-seq", "+json-seq"))


def is_sequence(media_type: str, content: Mapping[str, Any]) -> bool:
    """Whether a Media Type Object describes items, one by one."""
    return "itemSchema" in content and is_sequential(media_type)


def sequence(media_type: str) -> Sequence:
    """How a media type writes items, for which `is_sequential` holds."""
    plain = essence(media_type)
    if plain == EVENTS:
        return EventStream()
    return Lines() if plain in LINES else Records()
