"""Reads values that arrive as text: strictly, and as the document types them.

What a request may hold is counted before it is read, because parsers don't stop half-way: a
million bytes are one string or half a million numbers, and only the former costs nothing.
"""

import json
import math
import re
from binascii import a2b_qp
from collections.abc import Collection, Mapping
from itertools import islice
from typing import Any, NoReturn

INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
LITERALS = {"true": True, "false": False}
MOST_FIELDS = 1000
"""Of a query or a form, and elements of a list that is written with separators."""
MOST_VALUES = 20_000
"""Of a JSON text: objects, arrays and scalars. Reading and judging them takes some 20 ms."""
DEEPEST = 200
"""Levels of arrays and objects in a JSON text; the validator follows 255."""
STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""Linear, because nothing is tried twice."""
BROKEN_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


class TooManyValues(ValueError):
    """A JSON text holds more than `MOST_VALUES` values."""


def read(text: str, types: Collection[str]) -> Any:
    """The value that a text spells in JSON's own grammar, if its schema may mean one.

    What does not fit stays text, and the schema refuses it: ` 1`, `+5`, `1_0` are no integers
    and `yes` is no boolean.
    """
    if "boolean" in types and text in LITERALS:
        return LITERALS[text]
    if "integer" in types and len(text) < 100 and INTEGER.fullmatch(text):
        return int(text)
    if "number" in types and len(text) < 100 and NUMBER.fullmatch(text):
        return finite(text)
    if "null" in types and "string" not in types and text in ("", "null"):
        return None
    return text


def finite(text: str) -> float | str:
    number = float(text)
    return number if number not in (float("inf"), float("-inf")) else text


def parse_pairs(content: bytes) -> list[tuple[str, str]]:
    """The pairs of a query or an urlencoded form.

    Raises ValueError for what is not UTF-8, for a `%` that escapes nothing, and for more than
    `MOST_FIELDS` pairs.
    """
    if content.count(b"&") >= MOST_FIELDS:
        raise ValueError("there are too many fields")
    if not content.isascii() or BROKEN_ESCAPE.search(content):
        raise ValueError("a character is not escaped")
    pairs = (field.partition(b"=") for field in content.split(b"&") if field)
    return [(unescaped(name), unescaped(value)) for name, _, value in pairs]


def unescaped(text: bytes) -> str:
    """The text of a name or a value, by the decoder of quoted-printable, which writes `=41`.

    It takes a hundredth of the time of urllib's, which matters for a million escapes.
    """
    if b"%" in text:
        escaped = text.replace(b"+", b" ").replace(b"=", b"%3D").replace(b"%", b"=")
        return a2b_qp(escaped).decode()
    return text.replace(b"+", b" ").decode()


def parse_json(content: bytes) -> Any:
    """JSON as RFC 8259 has it: UTF-8 without a mark, no NaN, and no member twice.

    Raises ValueError, of which TooManyValues is one, or RecursionError; UnicodeEncodeError for half
    of a surrogate pair, which the grammar admits (section 8.2) and no text can hold.
    """
    check_size(content)
    return parse_json_of_any_size(content)


def parse_json_of_any_size(content: bytes) -> Any:
    """The same, for whoever trusts its sender as to its size."""
    value = json.loads(
        content.decode("utf-8"),
        object_pairs_hook=without_repetition,
        parse_constant=not_json,
        parse_float=finite_float,
    )
    if SURROGATE.search(content):
        json.dumps(value, ensure_ascii=False).encode()
    return value


def check_size(content: bytes) -> None:
    """Raises TooManyValues or RecursionError. No text holds more values than it has delimiters."""
    if is_beyond_doubt(content):
        return
    bare, strings = STRING.subn(b"", content, 2 * MOST_VALUES)
    depth = 0
    for bracket in islice(re.finditer(rb"[\[\]{}]", bare), 2 * MOST_VALUES):
        depth += 1 if bracket[0] in b"[{" else -1
        if depth > DEEPEST:
            raise RecursionError
    if strings == 2 * MOST_VALUES or sum(map(bare.count, (b",", b"[", b"{"))) >= MOST_VALUES:
        raise TooManyValues


def is_beyond_doubt(content: bytes) -> bool:
    """Whether it is small even if all that stands in its strings were JSON, too."""
    opened = content.count(b"[") + content.count(b"{")
    return opened <= DEEPEST and opened + content.count(b",") < MOST_VALUES


def without_repetition(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is repeated")
    return members


def not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def finite_float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number is beyond what can be held")
    return number
