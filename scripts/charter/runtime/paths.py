"""Templated paths: which one matches first, and what their parameters are called in a route."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice, product
from typing import Any
from urllib.parse import parse_qsl, unquote

SLASH = "\udc2f"
"""Stands in a path for a slash that is data. It is half of a pair, which no decoded text holds."""
ENCODED_SLASH = re.compile("%2f", re.IGNORECASE)
MOST_SPLITS = 1000
"""How many ways to take a segment apart are tried, for a path of several names in one."""

TEMPLATE = re.compile(r"\{([^{}]*)\}")


def address(path: str) -> str:
    """What a request's path can show of it: `/files/{id}` of `/files/{id}?full=true#copy`."""
    return re.split(r"[?#]", path, maxsplit=1)[0]


def requested(scope: Mapping[str, Any]) -> str:
    """The decoded path of a request, in which `%2F` is a SLASH: it parts no segments.

    RFC 3986 section 2.2: a reserved character that is written as its octets is data.
    """
    path: str = scope["path"]
    raw = scope.get("raw_path") or b""
    if b"%2f" not in raw.lower():
        return path
    told = SLASH.join(map(unquote, ENCODED_SLASH.split(raw.decode("latin-1"))))
    # what is in front of the path was taken away by a layer
    return told[-len(path) :] if told.replace(SLASH, "/").endswith(path) else path


def template_key(path: str) -> str:
    """The same for paths that a request can't tell apart: `/files/{}`."""
    return TEMPLATE.sub("{}", address(path))


def query(path: str) -> list[tuple[str, str]]:
    """The names and values in a path's query; a fragment's are none (RFC 3986 section 3.5)."""
    return parse_qsl(path.partition("#")[0].partition("?")[2], keep_blank_values=True)


def names(path: str) -> list[str]:
    """The template names of a path, in order."""
    return TEMPLATE.findall(path)


def specificity(path: str) -> list[tuple[int, int]]:
    """Paths sort by it as they are to be matched, a concrete part before a templated one.

    OpenAPI 3.1 "Path Templating Matching"; `{id}:cancel` goes before `{id}`, which would take it.
    """
    return [rank(part) for part in path.split("/")]


def rank(part: str) -> tuple[int, int]:
    literal = len(TEMPLATE.sub("", part))
    if not TEMPLATE.search(part):
        return (0, 0)
    return (1, -literal) if literal else (2, 0)


def keys(path: str) -> dict[str, str]:
    """What each template name is called in a route, where only Python's names may stand."""
    by_name: dict[str, str] = {}
    for name in names(path):
        key = re.sub(r"\W", "_", name, flags=re.ASCII)
        key = key if re.match(r"[A-Za-z_]", key) else f"p_{key}"
        while key in by_name.values():
            key += "_"
        by_name[name] = key
    return by_name


def route(path: str) -> str:
    """The path as Starlette's routes write it."""
    called = keys(path)
    return TEMPLATE.sub(lambda match: "{" + called[match[1]] + "}", path)


def pattern(path: str) -> re.Pattern[str]:
    """What a request's path looks like."""
    literals = TEMPLATE.split(path)[::2]
    return re.compile("[^/]+".join(map(re.escape, literals)))


def named_pattern(path: str) -> re.Pattern[str]:
    """The same, which tells the values by what they are called in a route."""
    called = keys(path)
    parts = TEMPLATE.split(path)
    written = [
        f"(?P<{called[part]}>[^/]+)" if index % 2 else re.escape(part)
        for index, part in enumerate(parts)
    ]
    return re.compile("".join(written))


def splits(path: str, found: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """All ways to read a path's values, where names share a segment: `{name}.{format}`.

    `found` are the values that one of the ways gave. The first names are the longest at first, as
    in `found`. At most MOST_SPLITS.
    """
    called = keys(path)
    segments = [part for part in address(path).split("/") if len(names(part)) > 1]
    ways = [list(islice(segment_splits(part, called, found), MOST_SPLITS)) for part in segments]
    for chosen in islice(product(*ways), MOST_SPLITS):
        yield {**found, **{name: text for part in chosen for name, text in part.items()}}


def segment_splits(
    segment: str, called: Mapping[str, str], found: Mapping[str, str]
) -> Iterator[dict[str, str]]:
    """Each way to put the literals of a segment between its values."""
    literals = TEMPLATE.split(segment)[::2]
    keyed = [called[name] for name in names(segment)]
    text = "".join(
        part for pair in zip(literals[1:-1], map(found.__getitem__, keyed[1:]), strict=True)
        for part in pair
    )  # fmt: skip
    text = found[keyed[0]] + text
    inner = literals[1:-1]
    places = [[at for at in range(len(text), -1, -1) if text.startswith(one, at)] for one in inner]
    for chosen in islice(product(*places), MOST_SPLITS):
        values, start = [], 0
        for at, literal in zip(chosen, inner, strict=True):
            values.append(text[start:at])
            start = at + len(literal)
        values.append(text[start:])
        if all(values):  # else two of the literals overlap
            yield dict(zip(keyed, values, strict=True))


def has_shared_segment(path: str) -> bool:
    return any(len(names(part)) > 1 for part in address(path).split("/"))


def ordered(paths: Iterable[str]) -> list[str]:
    return sorted(paths, key=specificity)
