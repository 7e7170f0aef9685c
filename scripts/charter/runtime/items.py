"""The declared items of a sequential media type, and what is wrong with one of them."""

from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema_rs

from .explain import faults
from .faults import Fault
from .judge import BASE, Judge, Keywords
from .parameters import JSON
from .parts import essence
from .references import absolute, pointer
from .scalars import parse_json
from .sequences import EVENTS, FIELDS, EventData, Sequence, is_sequential, sequence
from .shapes import Shape
from .views import Direction


class ItemSpec:
    """An `itemSchema`, and how the media type writes what it describes."""

    def __init__(self, judge: Judge, media_type: str, place: str, direction: Direction) -> None:
        self.place = place
        keywords: Keywords = {}
        self.sequence: Sequence = sequence(media_type)
        if essence(media_type) == EVENTS:
            keywords = {"contentSchema": content_schema(judge, direction)}
            shape = Shape(judge, judge.at(place))
            if not shape.names & set(FIELDS):
                self.sequence = EventData(shape.whole)
        self.validator = judge.validator(place, direction, keywords)

    @classmethod
    def declared(
        cls, judge: Judge, media_type: str, content_place: str, direction: Direction
    ) -> "ItemSpec | None":
        """That of a Media Type Object; None where its body is no sequence of items."""
        place = f"{content_place}/itemSchema"
        if not is_sequential(media_type) or not judge.has(place):
            return None
        return cls(judge, media_type, place, direction)

    def faults(self, item: Any, prefix: str = "") -> Iterator[Fault]:
        """What is wrong with an item, as it is read."""
        yield from faults(self.validator, item, "body", prefix)

    def written_faults(self, body: bytes) -> Iterator[Fault]:
        """What is wrong with items as they are sent: they are read as a client would."""
        reader = self.sequence.reader()
        try:
            items = [*reader.feed(body), *reader.end()]
        except (ValueError, RecursionError):
            yield Fault("body", "", "is malformed")
            return
        for index, item in enumerate(items):
            yield from self.faults(item, pointer(index) if len(items) > 1 else "")


def content_schema(judge: Judge, direction: Direction) -> type[Any]:
    """The keyword `contentSchema`, in force for JSON: the fields of events hold it as text.

    JSON Schema takes it for an annotation (2020-12 validation section 8.2); OpenAPI 3.2 says by it
    what the data of an event are.
    """

    class ContentSchema:
        def __init__(self, parent: Mapping[str, Any], schema: Any, path: list[str | int]) -> None:
            self.is_asserted = bool(JSON.fullmatch(str(parent.get("contentMediaType"))))
            self.validator: jsonschema_rs.Draft202012Validator = judge.compiled(
                absolute(schema, BASE), direction
            )

        def validate(self, text: Any) -> None:
            for error in self.iter_errors(text):
                raise error

        def iter_errors(self, text: Any) -> Iterator[ValueError]:
            if not self.is_asserted or not isinstance(text, str):
                return
            try:
                value = parse_json(text.encode())
            except (ValueError, RecursionError):
                yield ValueError("is not JSON")
                return
            for fault in faults(self.validator, value, "body"):
                yield ValueError(f"holds JSON in which {fault.pointer or 'all'} {fault.detail}")

    return ContentSchema
