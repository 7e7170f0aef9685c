"""Types of values, in no language: what a schema means to whoever writes or reads a client."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """A type that needs no definition."""

    ANY = "any"
    BINARY = "binary"
    BOOLEAN = "boolean"
    DATE = "date"
    DATE_TIME = "date-time"
    INTEGER = "integer"
    NULL = "null"
    NUMBER = "number"
    STRING = "string"
    UUID = "uuid"


Value = str | int | bool


@dataclass(frozen=True)
class Literal:
    """One of these values."""

    values: tuple[Value, ...]


@dataclass(frozen=True)
class Array:
    item: "Type"


@dataclass(frozen=True)
class Map:
    """An object whose members have any name."""

    value: "Type"


@dataclass(frozen=True)
class Named:
    """A type of `Definitions`."""

    name: str


@dataclass(frozen=True)
class Discriminator:
    """The member that says which alternative an object is, and what it says for each of them."""

    member: str
    values: tuple[tuple[str, str], ...]
    """Value and name of the definition."""


@dataclass(frozen=True)
class Union:
    members: tuple["Type", ...]
    discriminator: Discriminator | None = None


Type = Kind | Literal | Array | Map | Named | Union


@dataclass(frozen=True)
class Field:
    """A member of an object."""

    name: str
    type: Type
    is_required: bool
    description: str = ""
    is_deprecated: bool = False
    is_read_only: bool = False


@dataclass(frozen=True)
class Model:
    """An object with known members."""

    name: str
    fields: tuple[Field, ...]
    rest: Type | None = None
    """The type of further members, where the document declares one."""
    description: str = ""


@dataclass(frozen=True)
class Alias:
    """Another name for a type."""

    name: str
    type: Type
    description: str = ""


Definitions = Mapping[str, Model | Alias]


def union(*members: Type) -> Type:
    """The type of what is of any of these; a flat one, without repetition."""
    flat: dict[Type, None] = {}
    for member in members:
        is_plain = isinstance(member, Union) and member.discriminator is None
        flat.update(dict.fromkeys(member.members if is_plain else [member]))  # type: ignore[union-attr]
    literals = [value for one in flat if isinstance(one, Literal) for value in one.values]
    kept: list[Type] = [one for one in flat if not isinstance(one, Literal)]
    if Kind.ANY in kept:
        return Kind.ANY
    if literals:
        kept.insert(0, Literal(tuple(dict.fromkeys(literals))))
    return kept[0] if len(kept) == 1 else Union(tuple(kept))


def simple(definitions: Definitions) -> dict[str, Type]:
    """Aliases of plain text, numbers and the like: their types say as much as their names."""
    found: dict[str, Type] = {}
    for name, definition in definitions.items():
        type_ = definition.type if isinstance(definition, Alias) else None
        members = type_.members if isinstance(type_, Union) else (type_,)
        if type_ is not None and all(isinstance(one, Kind) for one in members):
            found[name] = type_
    return found


def resolved(definitions: Definitions, type_: Type) -> Type:
    """A type behind its names, down to a model or to what is no name."""
    seen = set()
    while isinstance(type_, Named) and type_.name not in seen:
        seen.add(type_.name)
        definition = definitions.get(type_.name)
        if not isinstance(definition, Alias):
            return type_
        type_ = definition.type
    return type_


def model_of(definitions: Definitions, type_: Type) -> Model | None:
    """The object that a type is, if it is one."""
    found = resolved(definitions, type_)
    definition = definitions.get(found.name) if isinstance(found, Named) else None
    return definition if isinstance(definition, Model) else None
