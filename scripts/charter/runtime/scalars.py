"""Reads values that arrive as text: strictly, and as the document types them."""

import json
import math
import re
from collections.abc import Collection, Mapping
from typing import Any, NoReturn
from urllib.parse import parse_qsl

INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
LITERALS = {"true": True, "false": False}
MOST_FIELDS = 1000


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
    """The pairs of a query or an urlencoded form. Raises ValueError for what is not UTF-8."""
    return parse_qsl(
        content.decode("ascii"),
        keep_blank_values=True,
        errors="strict",
        max_num_fields=MOST_FIELDS,
    )


def parse_json(content: bytes) -> Any:
    """JSON as RFC 8259 has it: UTF-8 without a mark, no NaN, and no member twice.

    Raises ValueError or RecursionError; UnicodeEncodeError for half of a surrogate pair, which
    the grammar admits (section 8.2) and no text can hold.
    """
    value = json.loads(
        content.decode("utf-8"),
        object_pairs_hook=without_repetition,
        parse_constant=not_json,
        parse_float=finite_float,
    )
    if b"\\u" in content:
        json.dumps(value, ensure_ascii=False).encode()
    return value


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
