"""Bodies of several items, one after the other (OpenAPI 3.2 "Sequential Media Types")."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from charter.runtime.parts import essence

LINES = frozenset(
    {"application/jsonl", "application/jsonlines", "application/ndjson", "application/x-ndjson"}
)
EVENTS = "text/event-stream"
FIELDS = ("event", "id", "retry")
"""Of an event, beside its data."""


def is_sequential(media_type: str) -> bool:
    plain = essence(media_type)
    return plain in LINES or plain == EVENTS or plain.endswith(("/json-seq", "+json-seq"))


def written(items: Sequence[Any], media_type: str) -> str:
    plain = essence(media_type)
    if plain == EVENTS:
        return "".join(map(event, items))
    before = "" if plain in LINES else "\x1e"  # RFC 7464 section 2.2
    return "".join(f"{before}{spelt(item)}\n" for item in items)


def event(item: Any) -> str:
    """An event as HTML's "Server-sent events" has it: a field in each line, and an empty one."""
    fields = item if isinstance(item, Mapping) else {"data": item}
    lines = [f"{name}: {line(fields[name])}" for name in FIELDS if name in fields]
    if "data" in fields:
        data = fields["data"]
        text = data if isinstance(data, str) else spelt(data)
        lines += [f"data: {part}" for part in text.splitlines() or [""]]
    return "\n".join([*lines, "", ""])


def line(value: Any) -> str:
    return " ".join(str(value).split())


def spelt(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
