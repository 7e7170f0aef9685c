"""Takes values apart as their style says (OpenAPI 3.1 "Style Values", after RFC 6570)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .scalars import MOST_FIELDS
from .shapes import Raw, Shape

DEFAULT_STYLES = {
    "query": "form",
    "cookie": "form",
    "path": "simple",
    "header": "simple",
    "body": "form",
}
SEPARATORS = {
    "form": ",",
    "simple": ",",
    "label": ",",
    "matrix": ",",
    "spaceDelimited": " ",
    "pipeDelimited": "|",
    "cookie": ",",
}

DEEPEST = 20
"""Levels of the members of a deepObject."""

Values = Mapping[str, list[str]]
"""The texts of one part of the request, by name."""


class StyleError(ValueError):
    """The text is not of the style. The message is a predicate, as that of a Fault."""


@dataclass(frozen=True)
class Style:
    """How the values of one name are written."""

    name: str
    """What the values stand under."""
    style: str
    explode: bool
    shape: Shape
    wire_name: str = ""
    """The name as the style matrix writes it, where it is another."""

    def readings(self, values: Values) -> Iterator[Raw]:
        """What the values may spell, the more structured first; nothing where there is none.

        Raises StyleError.
        """
        if self.style == "deepObject":
            yield from self._deep(values)
        elif self.has_members_of_its_own:
            yield from self._members(values)
        if self.style != "deepObject" and self.name in values:
            yield from self._texts(values[self.name])

    @property
    def has_members_of_its_own(self) -> bool:
        """Whether its members stand beside the other names: `?x=1&y=2` for one object."""
        return self.shape.is_object and self.explode and self.style in ("form", "cookie")

    @property
    def claims_others(self) -> bool:
        """Whether it may claim other names than its own."""
        return self.style == "deepObject" or self.has_members_of_its_own

    def claims(self, name: str) -> bool:
        """Whether a name of the request belongs to it."""
        if self.style == "deepObject":
            return name.startswith(f"{self.name}[")
        if name == self.name:
            return not self.has_members_of_its_own or self.shape.is_scalar
        return self.has_members_of_its_own and (name in self.shape.names or self.shape.is_open)

    def _texts(self, texts: list[str]) -> Iterator[Raw]:
        if self.style in ("label", "matrix", "simple"):
            yield from self._folded(texts)
            return
        if self.shape.is_array or (not self.shape.types and len(texts) > 1):
            yield list(texts) if self.explode else self._split(one(texts))
        if self.shape.is_object and not self.has_members_of_its_own:
            yield pairs(self._split(one(texts)))
        if self.shape.types and not self.shape.is_array and len(texts) > 1:
            raise StyleError("is repeated")
        if self.shape.is_scalar and len(texts) == 1:
            yield one(texts)

    def _split(self, text: str) -> list[Raw]:
        return list(split(text, SEPARATORS[self.style]))

    def _folded(self, texts: list[str]) -> Iterator[Raw]:
        """A value of a path or a header: all of it in one text."""
        text = ",".join(texts)
        if self.style == "matrix":
            yield from self._matrix(text)
            return
        if self.style == "label":
            if not text.startswith("."):
                raise StyleError("is not of the style label")
            text = text[1:]
        separator = "." if self.style == "label" and self.explode else ","
        if self.shape.is_object:
            parts = split(text, separator)
            yield assignments(parts) if self.explode else pairs(list(parts))
        if self.shape.is_array:
            # a comma in a header may be followed by a space (RFC 9110 section 5.6.1)
            yield [part.strip(" \t") for part in split(text, separator)]
        if self.shape.is_scalar:
            yield text

    def _matrix(self, text: str) -> Iterator[Raw]:
        if not text.startswith(";"):
            raise StyleError("is not of the style matrix")
        assigned = split(text[1:], ";") or [""]
        if self.shape.is_object and self.explode:
            yield assignments(assigned)
            return
        parts = [part.partition("=") for part in assigned]
        if any(name != (self.wire_name or self.name) for name, _, _ in parts):
            raise StyleError("is not of the style matrix")
        values = [value for _, _, value in parts]
        if self.shape.is_object:
            yield pairs(self._split(one(values)))
        if self.shape.is_array:
            yield list(values) if self.explode else self._split(one(values))
        if self.shape.is_scalar:
            yield one(values)

    def _deep(self, values: Values) -> Iterator[Raw]:
        members: dict[str, Raw] = {}
        for name, texts in values.items():
            if self.claims(name):
                self._put(members, brackets(name.removeprefix(self.name)), texts)
        if members:
            yield members

    def _put(self, into: dict[str, Raw], path: list[str], texts: list[str]) -> None:
        shape = self.shape
        for token in path[:-1]:
            shape = shape.member(token)
            child = into.setdefault(token, {})
            if not isinstance(child, dict):
                raise StyleError("is a value and has members")
            into = child
        last = path[-1]
        if last in into:
            raise StyleError("is a value and has members")
        into[last] = list(texts) if shape.member(last).is_array else one(texts)

    def _members(self, values: Values) -> Iterator[Raw]:
        members: dict[str, Raw] = {}
        for name, texts in values.items():
            if name in self.shape.names or (self.shape.is_open and name != self.name):
                members[name] = list(texts) if self.shape.member(name).is_array else one(texts)
        if members:
            yield members


def split(text: str, separator: str) -> list[str]:
    """The elements of a text; an empty text has none. Raises StyleError for too many."""
    if text.count(separator) >= MOST_FIELDS:
        raise StyleError(f"has more than {MOST_FIELDS} elements")
    return text.split(separator) if text else []


def one(texts: list[str]) -> str:
    if len(texts) != 1:
        raise StyleError("is repeated")
    return texts[0]


def pairs(parts: list[Raw]) -> dict[str, Raw]:
    """`R,100,G,200` as a mapping."""
    if len(parts) % 2:
        raise StyleError("is not a list of names and values")
    return mapping((str(name), value) for name, value in zip(parts[::2], parts[1::2], strict=True))


def assignments(parts: list[str]) -> dict[str, Raw]:
    """`R=100`, `G=200` as a mapping."""
    split = [part.partition("=") for part in parts]
    if not all(equals for _, equals, _ in split):
        raise StyleError("is not a list of names and values")
    return mapping((name, value) for name, _, value in split)


def mapping(items: Iterator[tuple[str, Raw]]) -> dict[str, Raw]:
    members: dict[str, Raw] = {}
    for name, value in items:
        if name in members:
            raise StyleError("has a member twice")
        members[name] = value
    return members


def brackets(text: str) -> list[str]:
    """`[a][b]` as `a`, `b`; a last `[]` only says that there may be several."""
    if not (text.startswith("[") and text.endswith("]")):
        raise StyleError("is not of the style deepObject")
    tokens = text[1:-1].split("][", DEEPEST)
    if len(tokens) > 1 and tokens[-1] == "":
        tokens.pop()
    if any(not token or "[" in token or "]" in token for token in tokens):
        raise StyleError("is not of the style deepObject")
    return tokens
