"""Templated paths: which one matches first, and what their parameters are called in a route."""

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl

TEMPLATE = re.compile(r"\{([^{}]*)\}")


def address(path: str) -> str:
    """What a request's path can show of it: `/files/{id}` of `/files/{id}?full=true#copy`."""
    return re.split(r"[?#]", path, maxsplit=1)[0]


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


def ordered(paths: Iterable[str]) -> list[str]:
    return sorted(paths, key=specificity)
