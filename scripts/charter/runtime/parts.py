"""Takes a multipart body apart (RFC 7578)."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MOST_PARTS = 1000


@dataclass(slots=True)
class Part:
    """One part: a field or a file."""

    headers: dict[str, str] = field(default_factory=dict)
    """By name in lower case."""
    content: bytearray = field(default_factory=bytearray)
    name: str = ""
    filename: str | None = None

    @property
    def media_type(self) -> str | None:
        """As it is announced; None where it is not."""
        announced = self.headers.get("content-type")
        return essence(announced) if announced is not None else None


def essence(content_type: str) -> str:
    """A media type without its parameters, in lower case."""
    plain = content_type.partition(";")[0].strip().lower()
    return plain if plain.count("/") == 1 else "text/plain"  # as RFC 2045 section 5.2 has it


def parse_parts(content: bytes, content_type: str) -> list[Part]:
    """The parts of a body. Raises ValueError where it is not well-formed."""
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise ValueError("the boundary is missing")
    collector = Collector()
    try:
        parser = MultipartParser(boundary, collector.callbacks())
        parser.write(content)
        parser.finalize()
    except FormParserError as error:
        raise ValueError("the parts are not well-formed") from error
    if not collector.complete:
        raise ValueError("the last boundary is missing")
    return collector.parts


class Collector:
    """Gathers what the parser tells."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.complete = False
        self._header_name = b""
        self._header_value = b""

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_header_field": self._name,
            "on_header_value": self._value,
            "on_header_end": self._header,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        if len(self.parts) == MOST_PARTS:
            raise ValueError("there are too many parts")
        self.parts.append(Part())

    def _data(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].content += data[start:end]

    def _name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header(self) -> None:
        name = self._header_name.decode("latin-1").lower()
        self.parts[-1].headers[name] = self._header_value.decode("latin-1")
        self._header_name = self._header_value = b""

    def _end(self) -> None:
        part = self.parts[-1]
        _, options = parse_options_header(part.headers.get("content-disposition", ""))
        if b"name" not in options:
            raise ValueError("a part has no name")
        part.name = options[b"name"].decode()
        if b"filename" in options:
            part.filename = options[b"filename"].decode()

    def _finish(self) -> None:
        self.complete = True
