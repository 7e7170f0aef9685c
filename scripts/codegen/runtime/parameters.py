"""Takes the parameters out of a request, as their style and schema say."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema_rs
from starlette.requests import Request

from .faults import Fault
from .judge import Judge, faults, pointer
from .scalars import parse_pairs, read

SEPARATORS = {"form": ",", "simple": ",", "spaceDelimited": " ", "pipeDelimited": "|"}
DEFAULT_STYLES = {"query": "form", "cookie": "form", "path": "simple", "header": "simple"}

Values = Mapping[str, list[str]]
"""The raw values of one part of the request, by name."""


@dataclass(frozen=True)
class Parameter:
    """One declared parameter, ready to be read and judged."""

    name: str
    place: str
    required: bool
    has_default: bool
    default: Any
    types: frozenset[str]
    item_types: frozenset[str]
    separator: str | None
    """Between the elements of an array; None where each has a name of its own."""
    validator: jsonschema_rs.Draft202012Validator

    @property
    def is_array(self) -> bool:
        return "array" in self.types

    def read(self, values: Values) -> Any:
        """The value, or `ABSENT`. Raises ValueError when a single value is repeated."""
        key = self.name.lower() if self.place == "header" else self.name
        texts = values.get(key)
        if texts is None:
            return ABSENT
        if self.is_array:
            return [read(text, self.item_types) for text in self._elements(texts)]
        if len(texts) > 1:
            raise ValueError("is repeated")
        return read(texts[0], self.types)

    def _elements(self, texts: list[str]) -> list[str]:
        if self.separator is None:
            return texts
        if len(texts) > 1:
            raise ValueError("is repeated")
        return texts[0].split(self.separator) if texts[0] else []


ABSENT: Any = object()


def declare(judge: Judge, place: str) -> Parameter:
    """The parameter that stands at that place of the document."""
    place = judge.locate(place)
    node = judge.at(place)
    schema = judge.resolve(node["schema"])
    style = node.get("style", DEFAULT_STYLES[node["in"]])
    explode = node.get("explode", style == "form")
    has_default = "default" in node["schema"] or "default" in schema
    return Parameter(
        name=node["name"],
        place=node["in"],
        required=node.get("required", False),
        has_default=has_default,
        default=node["schema"].get("default", schema.get("default")),
        types=judge.types(node["schema"]),
        item_types=judge.types(schema.get("items", {})),
        separator=None if style == "form" and explode else SEPARATORS[style],
        validator=judge.validator(place + "/schema"),
    )


class ParameterReader:
    """Reads and judges all parameters of an operation, in the order of the document."""

    def __init__(self, parameters: list[Parameter]) -> None:
        self.parameters = parameters
        self.query_names = {item.name for item in parameters if item.place == "query"}
        self.places = {item.place for item in parameters} | {"query"}

    def read(self, request: Request, found: list[Fault]) -> list[Any]:
        """One value for each parameter; `found` collects what is wrong."""
        parts = {place: PARTS[place](request, found) for place in self.places}
        for name in parts["query"].keys() - self.query_names:
            found.append(Fault("query", pointer(name), "is not known to the document"))
        return [self._read(item, parts[item.place], found) for item in self.parameters]

    def _read(self, parameter: Parameter, values: Values, found: list[Fault]) -> Any:
        try:
            value = parameter.read(values)
        except ValueError as error:
            found.append(Fault(parameter.place, pointer(parameter.name), str(error)))
            return None
        if value is ABSENT:
            if parameter.required:
                fault = Fault(parameter.place, pointer(parameter.name), "is required")
                found.append(fault)
            return parameter.default
        if not parameter.validator.is_valid(value):
            found.extend(self._faults(parameter, value))
        return value

    def _faults(self, parameter: Parameter, value: Any) -> Iterator[Fault]:
        return faults(parameter.validator, value, parameter.place, pointer(parameter.name))


def query_values(request: Request, found: list[Fault]) -> Values:
    content: bytes = request.scope["query_string"]
    if not content:
        return {}
    try:
        return grouped(parse_pairs(content))
    except ValueError:
        found.append(Fault("query", "", "is not UTF-8, or has too many parameters"))
        return {}


def header_values(request: Request, found: list[Fault]) -> Values:
    pairs = [
        (name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw
    ]
    return grouped(pairs)


def path_values(request: Request, found: list[Fault]) -> Values:
    return {name: [str(value)] for name, value in request.path_params.items()}


def cookie_values(request: Request, found: list[Fault]) -> Values:
    return {name: [value] for name, value in request.cookies.items()}


def grouped(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return values


PARTS: Mapping[str, Callable[[Request, list[Fault]], Values]] = {
    "query": query_values,
    "header": header_values,
    "path": path_values,
    "cookie": cookie_values,
}
