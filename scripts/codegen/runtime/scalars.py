"""Reads values that arrive as text: strictly, and as the document types them."""

import re
from collections.abc import Collection
from typing import Any
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
