"""Between the JSON of the service and the classes of `models`.

A member that a class doesn't know is ignored, and so is a new value of an enumeration: a service
may grow. A missing member, or one of another type, is a Mismatch.
"""

import dataclasses
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from functools import cache
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from .response import Response


class Unset(Enum):
    """The type of UNSET, which is false."""

    UNSET = "unset"

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset.UNSET
"""Of a member or an argument that is absent, which is something else than None, the JSON `null`."""


class Model:
    """What all classes of `models` have in common."""

    __slots__ = ("_response",)
    _response: Response | None


def response_of(model: Model) -> Response:
    """The response that a method returned this object from.

    Raises LookupError for one that was made here, and for what lies inside of another object.
    """
    found: Response | None = getattr(model, "_response", None)
    if found is None:
        raise LookupError(f"This {type(model).__name__} is not what a method has returned.")
    return found


def etag_of(model: Model) -> str:
    """The version of the object that was read, for `if_match` (RFC 9110 section 8.8.3).

    Raises LookupError where the response had no ETag.
    """
    etag: str | None = response_of(model).headers.get("etag")
    if etag is None:
        raise LookupError(f"The response with this {type(model).__name__} had no ETag.")
    return etag


def remember(value: object, response: Response) -> None:
    if isinstance(value, Model):
        object.__setattr__(value, "_response", response)


class Mismatch(ValueError):
    """A value is not of its declared type. The message says where."""


@dataclasses.dataclass(frozen=True)
class Name:
    """What a member is called in JSON, where Python can't have that name."""

    name: str


@dataclasses.dataclass(frozen=True)
class Rest:
    """Marks the field that holds the members without a field of their own."""


@dataclasses.dataclass(frozen=True)
class Tag:
    """Which class an object is of, by the value of one member (OpenAPI's discriminator)."""

    member: str
    classes: tuple[tuple[str, str], ...]
    """Value and name of the class."""


Decode = Callable[[Any], Any]


def decode(expected: object, value: Any) -> Any:
    """A JSON value as what is expected. Raises Mismatch."""
    return decoder(expected)(value)


@cache
def decoder(expected: Any) -> Decode:
    origin, arguments = get_origin(expected), get_args(expected)
    if origin is Annotated:
        tag = next((one for one in arguments[1:] if isinstance(one, Tag)), None)
        return decoder(arguments[0]) if tag is None else tagged(arguments[0], tag)
    if origin is Literal:
        return listed(arguments)
    if origin in (Union, types.UnionType):
        return alternatives(tuple(one for one in arguments if one is not Unset))
    if origin is list:
        return array(arguments[0])
    if origin is dict:
        return members(arguments[1])
    if dataclasses.is_dataclass(expected):
        return lambda value: object_of(expected, value)
    return SCALARS.get(expected, lambda value: checked(value, expected))


def array(item: Any) -> Decode:
    def decoded(value: Any) -> Any:
        inner = decoder(item)
        return [within(index, inner, one) for index, one in enumerate(checked(value, list))]

    return decoded


def members(item: Any) -> Decode:
    def decoded(value: Any) -> Any:
        inner = decoder(item)
        return {name: within(name, inner, one) for name, one in checked(value, dict).items()}

    return decoded


def within(place: object, inner: Decode, value: Any) -> Any:
    try:
        return inner(value)
    except Mismatch as error:
        raise Mismatch(f"/{place}{error}") from None


def checked(value: Any, expected: type) -> Any:
    if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
        raise Mismatch(f": {kind(value)} instead of {expected.__name__}")
    return value


def kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__


def listed(values: Sequence[Any]) -> Decode:
    """One of the values, or a later one of the same type."""
    kinds = {type(value) for value in values}

    def decoded(value: Any) -> Any:
        if type(value) not in kinds:
            raise Mismatch(f": {kind(value)} instead of one of {', '.join(map(repr, values))}")
        return value

    return decoded


def alternatives(expected: tuple[Any, ...]) -> Decode:
    """The alternative that says most of the value; the first one of those that say as much."""

    def decoded(value: Any) -> Any:
        best = max(expected, key=lambda one: fit(one, value))
        if fit(best, value) >= 0:
            return decoder(best)(value)
        for one in expected:  # an enumeration may have grown
            if get_origin(one) is Literal and type(value) in map(type, get_args(one)):
                return value
        raise Mismatch(f": {kind(value)} is none of the alternatives")

    return decoded


def tagged(union: Any, tag: Tag) -> Decode:
    classes = {one.__name__: one for one in get_args(union) if isinstance(one, type)}
    chosen = {value: classes[name] for value, name in tag.classes if name in classes}
    otherwise = decoder(union)

    def decoded(value: Any) -> Any:
        named = chosen.get(str(value.get(tag.member))) if isinstance(value, dict) else None
        return otherwise(value) if named is None else decoder(named)(value)

    return decoded


def fit(expected: Any, value: Any) -> int:
    """How many members of a value an alternative declares; -1 where the value isn't one."""
    origin, arguments = get_origin(expected), get_args(expected)
    if origin is Annotated:
        return fit(arguments[0], value)
    if origin in (Union, types.UnionType):
        return max(fit(one, value) for one in arguments)
    if origin is Literal:
        is_one = any(value == one and type(value) is type(one) for one in arguments)
        return 1 if is_one else -1
    if dataclasses.is_dataclass(expected):
        return fit_of_object(expected, value)
    if origin is list and isinstance(value, list):
        return min((fit(arguments[0], one) for one in value), default=0)
    try:
        decoder(expected)(value)
    except Mismatch:
        return -1
    return 0


def fit_of_object(expected: Any, value: Any) -> int:
    if not isinstance(value, dict):
        return -1
    known = 0
    for field in fields_of(expected):
        if field.name not in value:
            if field.is_required:
                return -1
        elif is_literal(field.type) and fit(field.type, value[field.name]) < 0:
            return -1
        else:
            known += 1
    return known


def is_literal(expected: Any) -> bool:
    return get_origin(expected) is Literal and len(get_args(expected)) == 1


def number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Mismatch(f": {kind(value)} instead of a number")
    return value


def whole(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return checked(value, int)


def instant(value: Any) -> datetime:
    made: datetime = parsed(datetime.fromisoformat, checked(value, str).upper(), "a date and time")
    return made


def parsed(parse: Callable[[str], Any], text: str, expected: str) -> Any:
    try:
        return parse(text)
    except ValueError:
        raise Mismatch(f": {text!r} is not {expected}") from None


def nothing(value: Any) -> None:
    if value is not None:
        raise Mismatch(f": {kind(value)} instead of null")


SCALARS: Mapping[Any, Decode] = {
    Any: lambda value: value,
    object: lambda value: value,
    None: nothing,
    type(None): nothing,
    int: whole,
    float: number,
    bytes: lambda value: checked(value, str).encode(),
    date: lambda value: parsed(date.fromisoformat, checked(value, str), "a date"),
    datetime: instant,
    UUID: lambda value: parsed(UUID, checked(value, str), "a UUID"),
}


# -- classes --------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Field:
    attribute: str
    name: str
    """In JSON."""
    type: Any
    is_required: bool
    is_rest: bool


@cache
def fields_of(model: Any) -> tuple[Field, ...]:
    hints = get_type_hints(model, vars(sys.modules[model.__module__]), include_extras=True)
    declared: tuple[dataclasses.Field[Any], ...] = dataclasses.fields(model)
    return tuple(field_of(one, hints[one.name]) for one in declared)


def field_of(declared: "dataclasses.Field[Any]", hint: Any) -> Field:
    marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    name = next((mark.name for mark in marks if isinstance(mark, Name)), declared.name)
    is_rest = any(isinstance(mark, Rest) for mark in marks)
    no_default = declared.default is dataclasses.MISSING
    is_required = no_default and declared.default_factory is dataclasses.MISSING
    return Field(declared.name, name, hint, is_required, is_rest)


def object_of(model: Any, value: Any) -> Any:
    left = dict(checked(value, dict))
    made = {}
    rest: Field | None = None
    for field in fields_of(model):
        if field.is_rest:
            rest = field
        elif field.name in left:
            made[field.attribute] = within(field.name, decoder(field.type), left.pop(field.name))
        elif field.is_required:
            raise Mismatch(f": {field.name} is missing in {model.__name__}")
    if rest is not None:
        made[rest.attribute] = decode(rest.type, left)
    return model(**made)


def encode(value: Any) -> Any:
    """A value as JSON has it, without the members that are UNSET."""
    if isinstance(value, Model):
        return encoded_object(value)
    if isinstance(value, Mapping):
        return {name: encode(one) for name, one in value.items() if one is not UNSET}
    if isinstance(value, list | tuple):
        return [encode(one) for one in value]
    if isinstance(value, datetime):
        return written(value)
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def written(instant: datetime) -> str:
    """As RFC 3339 has it, which knows no time without an offset."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant} has no time zone: give it one, for instance timezone.utc.")
    return instant.isoformat().replace("+00:00", "Z")


def encoded_object(model: Model) -> dict[str, Any]:
    made: dict[str, Any] = {}
    declared: Any = type(model)
    for field in fields_of(declared):
        value = getattr(model, field.attribute)
        if field.is_rest:
            made.update(encode(value))
        elif value is not UNSET:
            made[field.name] = encode(value)
    return made
