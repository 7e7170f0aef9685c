"""Strings for examples: of a format, of a pattern, or of what a name suggests."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, Phase, find
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import HypothesisException, NoSuchExample
from hypothesis.strategies import from_regex

FORMATS = {
    "byte": "ZXhhbXBsZQ==",
    "binary": "example",
    "date": "2026-11-23",
    "date-time": "2026-11-23T08:30:00Z",
    "duration": "P1D",
    "email": "ada@example.com",
    "hostname": "example.com",
    "idn-email": "ada@example.com",
    "idn-hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "iri": "https://example.com/",
    "iri-reference": "/example",
    "json-pointer": "/example",
    "password": "correct horse battery staple",
    "regex": "^[a-z]+$",
    "relative-json-pointer": "1/example",
    "time": "08:30:00Z",
    "uri": "https://example.com/",
    "uri-reference": "/example",
    "uri-template": "https://example.com/{id}",
    "url": "https://example.com/",
    "uuid": "0190f2b4-6c1e-7a3d-9b5f-4e8d2c1a7b60",
}

SUGGESTED = {
    "address": "12 Harbour Street",
    "author": "Ada Lovelace",
    "category": "instruments",
    "city": "London",
    "code": "A1",
    "colour": "blue",
    "color": "blue",
    "comment": "Well made.",
    "company": "Example Ltd",
    "country": "GB",
    "currency": "EUR",
    "description": "Made of brass, with a leather case.",
    "email": "ada@example.com",
    "first_name": "Ada",
    "full_name": "Ada Lovelace",
    "language": "en",
    "last_name": "Lovelace",
    "message": "All is well.",
    "name": "Ada",
    "phone": "+44 20 7946 0000",
    "state": "open",
    "status": "active",
    "summary": "A brass telescope.",
    "tag": "brass",
    "text": "A brass telescope.",
    "title": "A brass telescope",
    "token": "example-token",
    "url": "https://example.com/",
    "username": "ada",
    "zip": "SW1A 1AA",
}

WORDS = ("amber", "brass", "cedar", "delta", "ember", "flint", "grove", "harbour", "indigo")
LONGEST_SEARCH = 200
"""Examples that are tried for one pattern."""


def text(schema: dict[str, Any], name: str, random: Random | None) -> str:
    """A string of the schema's pattern, format, and lengths, as far as they can be had."""
    shortest = int(schema.get("minLength", 0))
    longest = schema.get("maxLength")
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        return of_pattern(pattern, shortest, longest, random.random() if random else 0.0)
    declared = schema.get("format")
    if declared in FORMATS:
        return fitted(of_format(declared, random), shortest, longest)
    return fitted(of_name(name, random), shortest, longest)


def fitted(found: str, shortest: int, longest: int | None) -> str:
    while len(found) < shortest:
        found += found[: shortest - len(found)] or "x"
    return found if longest is None else found[: int(longest)]


def of_format(declared: str, random: Random | None) -> str:
    if random is None:
        return FORMATS[declared]
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=random.randrange(31_536_000))
    word = random.choice(WORDS)
    varied = {
        "uuid": str(UUID(int=random.getrandbits(128), version=4)),
        "date": moment.date().isoformat(),
        "date-time": moment.isoformat().replace("+00:00", "Z"),
        "time": f"{moment:%H:%M:%S}Z",
        "email": f"{word}@example.com",
        "uri": f"https://example.com/{word}",
        "url": f"https://example.com/{word}",
        "hostname": f"{word}.example.com",
        "ipv4": f"192.0.2.{random.randrange(1, 255)}",
        "ipv6": f"2001:db8::{random.randrange(1, 65_535):x}",
    }
    return varied.get(declared, FORMATS[declared])


def of_name(name: str, random: Random | None) -> str:
    """What the name of the member suggests, by its last word too."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[\W_]+", "_", name).lower().strip("_")
    if random is not None:
        return f"{random.choice(WORDS)} {random.choice(WORDS)}"
    return SUGGESTED.get(words) or SUGGESTED.get(words.rpartition("_")[2]) or "text"


@lru_cache(maxsize=10_000)
def of_pattern(pattern: str, shortest: int, longest: int | None, variant: float) -> str:
    """The simplest string of a pattern and these lengths, or with a variant any; text that may
    not fit, if none is found."""
    try:
        compiled = readable(pattern)
    except (re.error, OverflowError):
        return fitted("example", shortest, longest)

    def fits(found: str) -> bool:
        long_enough = len(found) >= shortest and (longest is None or len(found) <= longest)
        return long_enough and found.isprintable() and compiled.search(found) is not None

    for whole in (True, False):
        chosen = Chosen(variant)
        try:
            simple = chosen.of(compiled, whole, str.isprintable)
            stretched = fitted(simple or "a", shortest, longest)
            return stretched if fits(stretched) else chosen.of(compiled, whole, fits)
        except (HypothesisException, OverflowError, ValueError):
            continue
    return fitted("example", shortest, longest)


def readable(pattern: str) -> re.Pattern[str]:
    """ECMA-262's pattern as Python reads it, for digits and words of ASCII."""
    python = pattern.replace(r"\/", "/").replace(r"\p{L}", "[A-Za-z]").replace(r"\p{N}", "[0-9]")
    python = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: re.escape(chr(int(match[1], 16))), python)
    return re.compile(re.sub(r"(?<!\\)\$$", r"\\Z", python), re.ASCII)


class Chosen:
    """Searches for the simplest string, or with a variant for one of the next."""

    def __init__(self, variant: float) -> None:
        self.random = Random(variant)
        self.passed_over = int(variant * 20) + 2 if variant else 0
        """Hypothesis begins with the simplest one, each time."""
        self.settings = hypothesis_settings(
            database=None,
            deadline=None,
            max_examples=LONGEST_SEARCH,
            phases=[Phase.generate] if variant else [Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )

    def of(self, pattern: re.Pattern[str], whole: bool, fits: Callable[[str], bool]) -> str:
        """Raises HypothesisException where none was found."""
        seen: set[str] = set()

        def is_next(found: str) -> bool:
            if not fits(found):
                return False
            seen.add(found)
            return len(seen) > self.passed_over

        strategy = from_regex(pattern, fullmatch=whole)
        try:
            return find(strategy, is_next, settings=self.settings, random=self.random)
        except NoSuchExample:
            if not seen:
                raise
            return self.random.choice(sorted(seen))
