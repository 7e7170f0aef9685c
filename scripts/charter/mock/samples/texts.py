"""Strings for examples: of a format, of a pattern, or of what a name suggests."""

import contextlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from charter.mock.samples.patterns import UnsupportedPattern, strings

FORMATS: dict[str, tuple[str, ...]] = {
    "base64url": ("ZXhhbXBsZQ",),
    "binary": ("example",),
    "byte": ("ZXhhbXBsZQ==", "QQ=="),
    "char": ("a",),
    "date": ("2026-11-23",),
    "date-time": ("2026-11-23T08:30:00Z", "2026-11-23T08:30:00+00:00"),
    "decimal": ("12.50", "1"),
    "duration": ("P1D", "P1DT12H30M"),
    "email": ("ada@example.com", "ada@a.io", "a@b.io", "a@b.c"),
    "hostname": ("example.com", "a.io", "a"),
    "http-date": ("Mon, 23 Nov 2026 08:30:00 GMT",),
    "idn-email": ("ada@example.com", "a@b.io", "a@b.c"),
    "idn-hostname": ("example.com", "a.io", "a"),
    "ipv4": ("192.0.2.1", "1.1.1.1", "192.100.200.100"),
    "ipv6": ("2001:db8::1", "::1", "2001:0db8:0000:0000:0000:0000:0000:0001"),
    "iri": ("https://example.com/", "a:b"),
    "iri-reference": ("/example", "a"),
    "json-pointer": ("/example", "/a", ""),
    "password": ("correct horse battery staple",),
    "regex": ("^[a-z]+$", "a"),
    "relative-json-pointer": ("1/example", "0"),
    "time": ("08:30:00Z", "08:30:00+00:00"),
    "uri": ("https://example.com/", "a:b"),
    "uri-reference": ("/example", "a"),
    "uri-template": ("https://example.com/{id}", "{id}", "a"),
    "url": ("https://example.com/", "a:b"),
    "uuid": ("0190f2b4-6c1e-7a3d-9b5f-4e8d2c1a7b60",),
}
"""Values of a format; the later ones are for lengths and patterns that the first one breaks."""

STRETCHED = {
    "binary": ("example", "e", ""),
    "byte": ("", "QUJD", ""),
    "date-time": ("2026-11-23T08:30:00.", "0", "Z"),
    "email": ("", "ada", "@example.com"),
    "hostname": ("", "example.", "com"),
    "idn-email": ("", "ada", "@example.com"),
    "idn-hostname": ("", "example.", "com"),
    "iri": ("https://example.com/", "a", ""),
    "iri-reference": ("/", "a", ""),
    "json-pointer": ("/", "a", ""),
    "password": ("correct horse battery staple", "!", ""),
    "regex": ("^", "a", "$"),
    "time": ("08:30:00.", "0", "Z"),
    "uri": ("https://example.com/", "a", ""),
    "uri-reference": ("/", "a", ""),
    "uri-template": ("https://example.com/", "a", "/{id}"),
    "url": ("https://example.com/", "a", ""),
}
"""How a value of a format is made longer: what it begins with, is filled with, and ends with."""

PEOPLE = ("Ada Lovelace", "Grace Hopper", "Alan Turing", "Mary Somerville", "Emmy Noether")
SUGGESTED: dict[str, tuple[str, ...]] = {
    "address": ("12 Harbour Street", "7 Mill Lane", "3 Station Road"),
    "author": PEOPLE,
    "category": ("instruments", "books", "tools"),
    "city": ("London", "Utrecht", "Lisbon", "Oslo"),
    "code": ("A1", "B2", "C3"),
    "color": ("blue", "green", "amber"),
    "colour": ("blue", "green", "amber"),
    "comment": ("Well made.", "As described.", "A pleasure to use."),
    "company": ("Example Ltd", "Brass and Sons", "Harbour Works"),
    "country": ("GB", "NL", "PT", "NO"),
    "currency": ("EUR", "GBP", "NOK"),
    "description": ("Made of brass, with a leather case.", "Made of cedar.", "Nearly new."),
    "email": ("ada@example.com", "grace@example.com", "alan@example.com"),
    "first_name": ("Ada", "Grace", "Alan", "Mary", "Emmy"),
    "full_name": PEOPLE,
    "ip": ("192.0.2.1", "192.0.2.17"),
    "language": ("en", "nl", "pt"),
    "last_name": ("Lovelace", "Hopper", "Turing", "Somerville", "Noether"),
    "locale": ("en-GB", "nl-NL"),
    "message": ("All is well.", "It is done."),
    "name": ("Ada", "Grace", "Alan", "Mary", "Emmy"),
    "phone": ("+44 20 7946 0000", "+44 20 7946 0018"),
    "phone_number": ("+44 20 7946 0000", "+44 20 7946 0018"),
    "slug": ("a-brass-telescope", "a-cedar-chest"),
    "state": ("open", "closed"),
    "status": ("active", "pending"),
    "summary": ("A brass telescope.", "A cedar chest."),
    "tag": ("brass", "cedar", "leather"),
    "text": ("A brass telescope.", "A cedar chest."),
    "time_zone": ("Europe/London", "Europe/Oslo"),
    "timezone": ("Europe/London", "Europe/Oslo"),
    "title": ("A brass telescope", "A cedar chest"),
    "token": ("example-token",),
    "uri": ("https://example.com/", "https://example.com/about"),
    "url": ("https://example.com/", "https://example.com/about"),
    "username": ("ada", "grace", "alan"),
    "version": ("1.0.0", "2.3.1"),
    "zip": ("SW1A 1AA",),
}
"""What the name of a member suggests, where its schema says nothing."""

WORDS = ("amber", "brass", "cedar", "delta", "ember", "flint", "grove", "harbour", "indigo")
SEARCHED = 200
"""Values of a format that are tried, where it has a pattern, too."""


def text(schema: Mapping[str, Any], name: str, random: Random | None) -> str:
    """The first of the texts."""
    return next(texts(schema, name, random))


def texts(schema: Mapping[str, Any], name: str, random: Random | None) -> Iterator[str]:
    """Strings for a schema, the best ones first; not all of them keep all that it says."""
    shortest, longest = int(schema.get("minLength", 0)), whole(schema.get("maxLength"))
    patterns = patterns_of(schema)
    declared = schema.get("format")
    if declared is None and schema.get("contentEncoding") in ("base64", "base64url"):
        declared = "byte" if schema["contentEncoding"] == "base64" else "base64url"
    if declared in FORMATS:
        for text in of_format(declared, shortest, longest, random):
            yield text if patterns else fitted(text, shortest, longest)
    if patterns:
        # a name tells what is plausible; the pattern, if it is
        yield from suggested(name, random) if declared not in FORMATS else ()
        for pattern in patterns:
            with contextlib.suppress(UnsupportedPattern):
                yield from strings(pattern, shortest, longest, random)
    if declared in FORMATS:
        varied = random or Random(0)
        yield from (one_of_format(declared, varied) for _ in range(SEARCHED))
    yield fitted(of_name(name, random), shortest, longest)
    yield from (fitted(word, shortest, longest) for word in (*WORDS, "", "X", "0"))


def patterns_of(schema: Mapping[str, Any]) -> list[str]:
    parts = [schema, *(part for part in schema.get("allOf", ()) if isinstance(part, Mapping))]
    return [part["pattern"] for part in parts if isinstance(part.get("pattern"), str)]


def whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def fitted(text: str, shortest: int, longest: int | None) -> str:
    if text and len(text) < shortest:
        text = (text + " ") * (shortest // len(text) + 1)
        return text[: shortest - 1].ljust(shortest, "x")
    return text.ljust(shortest, "x") if longest is None else text.ljust(shortest, "x")[:longest]


def of_format(
    declared: str, shortest: int, longest: int | None, random: Random | None
) -> Iterator[str]:
    """Values of a format that are of these lengths, then any of them."""
    known = FORMATS[declared] if random is None else (one_of_format(declared, random),)
    for text in (*known, *FORMATS[declared], stretched(declared, shortest)):
        if len(text) >= shortest and (longest is None or len(text) <= longest):
            yield text


def stretched(declared: str, shortest: int) -> str:
    start, filling, end = STRETCHED.get(declared, ("", "", ""))
    if not filling:
        return FORMATS[declared][0]
    missing = max(shortest - len(start) - len(end), 1)
    return start + filling * -(-missing // len(filling)) + end


def one_of_format(declared: str, random: Random) -> str:
    """One by chance, where there is more than one to be had."""
    moment = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=random.randrange(1_900_000_000))
    word = random.choice(WORDS)
    parts = [random.randrange(60) for _ in range(3)]
    varied = {
        "byte": "".join(random.choice(("QUJD", "REVG", "R0hJ")) for _ in range(4)),
        "date": moment.date().isoformat(),
        "date-time": moment.isoformat().replace("+00:00", random.choice(("Z", ".000Z", "+00:00"))),
        "duration": f"P{parts[0] + 1}DT{parts[1]}M",
        "email": f"{word}@example.com",
        "hostname": f"{word}.example.com",
        "idn-email": f"{word}@example.com",
        "ipv4": f"192.0.2.{random.randrange(1, 255)}",
        "ipv6": f"2001:db8::{random.randrange(1, 65_535):x}",
        "password": f"{word}-{random.randrange(10_000)}",
        "time": f"{moment:%H:%M:%S}" + random.choice(("Z", ".000Z", "+00:00")),
        "uri": f"https://example.com/{word}",
        "uri-reference": f"/{word}",
        "url": f"https://example.com/{word}",
        "uuid": str(UUID(int=random.getrandbits(128), version=4)),
    }
    return varied.get(declared, FORMATS[declared][0])


def of_name(name: str, random: Random | None) -> str:
    """What the name of the member suggests, by its last word too."""
    suggestions = suggested(name, random)
    if suggestions:
        return suggestions[0]
    return "text" if random is None else f"{random.choice(WORDS)} {random.choice(WORDS)}"


def suggested(name: str, random: Random | None) -> tuple[str, ...]:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[\W_]+", "_", name).lower().strip("_")
    suggestions = SUGGESTED.get(words) or SUGGESTED.get(words.rpartition("_")[2]) or ()
    return (random.choice(suggestions),) if suggestions and random is not None else suggestions
