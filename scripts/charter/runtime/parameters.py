"""Takes the parameters out of a request, as their style and schema say."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from types import MappingProxyType
from typing import Any

import jsonschema_rs
from starlette.requests import Request, cookie_parser

from . import paths
from .explain import faults
from .faults import Fault
from .judge import MOST_QUADRATIC, Judge
from .references import pointer
from .scalars import parse_json, parse_pairs, read
from .shapes import Shape
from .styles import DEFAULT_STYLES, Style, StyleError, Values, one
from .views import Direction

ABSENT: Any = object()
JSON = re.compile(r"(?:application|text)/(?:[\w.!#$&^-]+\+)?json", re.IGNORECASE)


@dataclass(frozen=True)
class Parameter:
    """One declared parameter, ready to be read and judged."""

    name: str
    place: str
    required: bool
    has_default: bool
    default: Any
    style: Style
    media_type: str | None
    """Of a parameter that is described by `content`."""
    validator: jsonschema_rs.Draft202012Validator
    is_quadratic: bool
    may_be_empty: bool
    """Whether an empty text stands for no value."""

    @cached_property
    def is_simple(self) -> bool:
        """Whether it is one text that stands for itself."""
        shape = self.style.shape
        written_plainly = self.style.style not in ("deepObject", "label", "matrix")
        return self.media_type is None and written_plainly and not (shape.types & COMPOUND)

    def read(self, values: Values) -> Any:
        """The first reading that its schema admits, or else the first; or `ABSENT`.

        Raises ValueError, whose message is a predicate, as that of a Fault.
        """
        if self.may_be_empty and values.get(self.style.name) == [""]:
            return ABSENT
        if self.is_quadratic and sum(map(len, chain(*values.values()))) > MOST_QUADRATIC:
            raise StyleError(f"is not looked for among more than {MOST_QUADRATIC} characters")
        if self.is_simple:
            texts = values.get(self.style.name)
            return ABSENT if texts is None else read(one(texts), self.style.shape.types)
        if self.media_type is not None:
            return self._content(values)
        readings = [self.style.shape.value(raw) for raw in self.style.readings(values)]
        fitting = (value for value in readings if self.validator.is_valid(value))
        return next(fitting, readings[0]) if readings else ABSENT

    def _content(self, values: Values) -> Any:
        texts = values.get(self.style.name)
        if texts is None:
            return ABSENT
        text = one(texts)
        if not JSON.fullmatch(self.media_type or ""):
            return text
        try:
            return parse_json(text.encode())
        except (ValueError, RecursionError):
            raise StyleError("is not well-formed JSON") from None


COMPOUND = frozenset({"array", "object"})


def declare(
    judge: Judge,
    place: str,
    keys: Mapping[str, str] = MappingProxyType({}),
    *,
    header: str = "",
    direction: Direction = Direction.REQUEST,
) -> Parameter:
    """The parameter that stands at that place of the document.

    `keys` tells what the route calls the names of its path. What stands below `headers` is a
    parameter in all but its place and its name, which is `header`.
    """
    place = judge.locate(place)
    node = {"name": header, "in": "header", **judge.at(place)}
    media_type = next(iter(node.get("content", {})), None)
    if media_type is not None:
        schema_place = f"{place}/content{pointer(media_type)}/schema"
        schema = node["content"][media_type].get("schema", True)
    else:
        schema_place = f"{place}/schema"
        schema = node.get("schema", True)
    style = node.get("style", DEFAULT_STYLES.get(node["in"], "form"))
    explode = media_type is None and node.get("explode", style == "form")
    resolved = judge.resolve(schema)
    defaults = [part["default"] for part in (schema, resolved) if has_default(part)]
    name = node["name"].lower() if node["in"] == "header" else node["name"]
    name = keys.get(name, name) if node["in"] == "path" else name
    shape = Shape(judge, schema)
    validator = judge.validator(schema_place if judge.has(schema_place) else None, direction)
    default = next(iter(defaults), None)
    if isinstance(default, str) and not validator.is_valid(default):
        default = shape.value(default)  # a number in quotes
    return Parameter(
        name=node["name"],
        place=node["in"],
        required=node.get("required", False),
        has_default=bool(defaults),
        default=default,
        style=Style(name, style, explode, shape, node["name"]),
        media_type=media_type,
        validator=validator,
        is_quadratic=judge.has(schema_place) and judge.is_quadratic(schema_place),
        may_be_empty=may_be_empty(node, style),
    )


def may_be_empty(node: Mapping[str, Any], style: str) -> bool:
    """Whether an empty value is one that "would otherwise be omitted entirely" (OpenAPI 3.1.1
    "Parameter Object"): not of a parameter that is required, nor of a style that has none."""
    is_allowed = node["in"] == "query" and node.get("allowEmptyValue") is True
    return is_allowed and style == "form" and not node.get("required", False)


def header_faults(header: Parameter, text: str | None) -> Iterator[Fault]:
    """What is wrong with a header of a response or of a part; None where it is not there."""
    where = pointer(header.name)
    if text is None:
        if header.required:
            yield Fault("header", where, "is required")
        return
    try:
        value = header.read({header.style.name: [text]})
    except ValueError as error:
        yield Fault("header", where, str(error))
    else:
        yield from faults(header.validator, value, "header", where)


def has_default(schema: Any) -> bool:
    return isinstance(schema, Mapping) and "default" in schema


class ParameterReader:
    """Reads and judges all parameters of an operation, in the order of the document.

    `others` are names in the query that are no parameters and are known all the same; `path` is the
    operation's, by which names that share a segment are told apart.
    """

    def __init__(
        self, parameters: list[Parameter], others: Collection[str] = (), path: str = ""
    ) -> None:
        self.parameters = parameters
        self.path = path if paths.has_shared_segment(path) else None
        self.in_path = [item for item in parameters if item.place == "path"]
        self.query = [item for item in parameters if item.place == "query"]
        self.query_names = {item.name for item in self.query if item.is_simple} | set(others)
        self.spread = [item for item in self.query if not item.is_simple]
        """Those that may claim other names than their own."""
        self.header_names = {
            item.style.name.encode() for item in parameters if item.place == "header"
        }
        self.places = {item.place for item in parameters} - {"header"} | {"query"}

    def read(self, request: Request, violations: list[Fault]) -> list[Any]:
        """One value for each parameter; appends what is wrong to `violations`."""
        parts = {place: PARTS[place](request, violations) for place in self.places}
        if self.header_names:
            parts["header"] = self._header_values(request)
        if self.path is not None and "path" in parts:
            parts["path"] = self._split(self.path, parts["path"])
        for name in parts["query"].keys() - self.query_names:
            if not any(item.style.claims(name) for item in self.spread):
                violations.append(Fault("query", pointer(name), "is not an allowed parameter"))
        return [self._read(item, self._values(item, parts), violations) for item in self.parameters]

    def _header_values(self, request: Request) -> Values:
        pairs = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in request.headers.raw
            if name in self.header_names
        ]
        return grouped(pairs)

    def _split(self, path: str, found: Values) -> Values:
        """The first way to part what shares a segment that the schemas admit; else the greedy."""
        for values in paths.splits(path, {name: texts[0] for name, texts in found.items()}):
            split = {name: [text] for name, text in values.items()}
            violations: list[Fault] = []
            for item in self.in_path:
                self._read(item, split, violations)
            if not violations:
                return split
        return found

    def faults(self, request: Request) -> int:
        """The number of violations in the parameters of a request."""
        violations: list[Fault] = []
        self.read(request, violations)
        return len(violations)

    def _values(self, parameter: Parameter, parts: Mapping[str, Values]) -> Values:
        """What may be the parameter's: an object beside others takes no name of theirs."""
        values = parts[parameter.place]
        if parameter.is_simple or not parameter.style.has_members_of_its_own:
            return values
        return {name: texts for name, texts in values.items() if self._may_be_of(parameter, name)}

    def _may_be_of(self, parameter: Parameter, name: str) -> bool:
        if name == parameter.style.name or name in parameter.style.shape.names:
            return True
        return parameter.place == "query" and not self._is_of_another(parameter, name)

    def _is_of_another(self, parameter: Parameter, name: str) -> bool:
        others = (item for item in self.spread if item is not parameter)
        return name in self.query_names or any(item.style.claims(name) for item in others)

    def _read(self, parameter: Parameter, values: Values, violations: list[Fault]) -> Any:
        try:
            value = parameter.read(values)
        except ValueError as error:
            violations.append(Fault(parameter.place, pointer(parameter.name), str(error)))
            return None
        if value is ABSENT:
            if parameter.required:
                fault = Fault(parameter.place, pointer(parameter.name), "is required")
                violations.append(fault)
            return parameter.default
        if not parameter.validator.is_valid(value):
            violations.extend(self._faults(parameter, value))
        return value

    def _faults(self, parameter: Parameter, value: Any) -> Iterator[Fault]:
        return faults(parameter.validator, value, parameter.place, pointer(parameter.name))


def query_values(request: Request, violations: list[Fault]) -> Values:
    content: bytes = request.scope["query_string"]
    if not content:
        return {}
    try:
        return grouped(parse_pairs(content))
    except ValueError:
        violations.append(Fault("query", "", "is not UTF-8, or has more than 1000 parameters"))
        return {}


def path_values(request: Request, violations: list[Fault]) -> Values:
    return {
        name: [str(value).replace(paths.SLASH, "/")] for name, value in request.path_params.items()
    }


def cookie_values(request: Request, violations: list[Fault]) -> Values:
    """Those of one name stay apart: so does an exploded array write them."""
    cookies = [text for sent in request.headers.getlist("cookie") for text in sent.split(";")]
    return grouped([pair for text in cookies for pair in cookie_parser(text).items()])


def grouped(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


PARTS: Mapping[str, Callable[[Request, list[Fault]], Values]] = {
    "query": query_values,
    "path": path_values,
    "cookie": cookie_values,
}
