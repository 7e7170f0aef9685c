"""A plain resource: what a document shows of a collection and its members is a table.

It is plain where `POST /pets` makes what `GET /pets/{id}` shows, and where every member of that is
said by whoever makes it, or is an identity or a time. Anything else is somebody's to think about.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, RootModel

from generated import responses, schemas
from generated.runtime import Contract, Operation
from generated.runtime.paths import names as path_names
from generated.runtime.replies import Reply
from impl.models import Base
from scripts.codegen.names import Names, pascal, snake
from scripts.scaffold.nouns import singular
from scripts.scaffold.promises import Promises, annotation, answer, arguments

TYPES: Mapping[Any, tuple[str, str]] = {
    bool: ("bool", "Boolean"),
    int: ("int", "BigInteger"),
    float: ("float", "Double"),
    str: ("str", "Text"),
    UUID: ("UUID", "Uuid"),
    datetime: ("datetime", "DateTime(timezone=True)"),
    date: ("date", "Date"),
}
"""How Python and PostgreSQL write a value; anything else is JSONB."""


class NotPlain(Exception):
    """Says what is more than a plain resource."""


@dataclass(frozen=True)
class Column:
    name: str
    python: str
    sql: str
    nullable: bool
    is_identity: bool = False
    is_time: bool = False
    """Whether the service says it, and not whoever makes the row."""


@dataclass(frozen=True)
class Resource:
    """A table, and what the operations of its tag do with it."""

    module: str
    collection: str
    """Its path."""
    schema: str
    """The class of a member, in `generated.schemas`."""
    columns: list[Column]
    calls: Mapping[tuple[str, bool], str]
    """The methods of the service, by HTTP's and whether they are about one member."""
    parameter: str
    """The argument that says which member."""

    @property
    def identifier(self) -> Column:
        return next(column for column in self.columns if column.is_identity)

    @property
    def noun(self) -> str:
        return singular(self.module)

    @property
    def row(self) -> str:
        """The class of the table."""
        return pascal(self.noun)

    @property
    def queries(self) -> str:
        """The class of the repository."""
        return f"{self.row}Repository"


def resource_of(module: str, promises: Promises, names: Names) -> Resource | None:
    """The plain resource of a tag; None, and the reason said, where there is none."""
    contract = Contract.load(body_limit=1, checked_share=0, broken=lambda broken: None)
    own = [
        operation
        for operation in contract.operations.values()
        if names.protocols[operation.tags[0]] == promises.name
    ]
    for operation in own:
        if operation.method == "POST" and "{" not in operation.path:
            try:
                return plain(module, operation.path, own, promises, names)
            except NotPlain as reason:
                print(f"{operation.path} is no plain resource: {reason}.")
    return None


def plain(
    module: str, collection: str, own: list[Operation], promises: Promises, names: Names
) -> Resource:
    """Raises NotPlain."""
    calls = {}
    for operation in own:
        is_member = re.fullmatch(re.escape(collection) + r"/\{[^{}/]+\}", operation.path)
        if is_member or operation.path == collection:
            calls[operation.method, bool(is_member)] = operation
    if ("GET", True) not in calls:
        raise NotPlain(f"there is no GET {collection}/{{id}}")
    called = {kind: names.methods[operation.id] for kind, operation in calls.items()}
    member = shown(promises, called["GET", True])
    said = taken(promises, called["POST", False])
    if more := said.model_fields.keys() - member.model_fields.keys():
        raise NotPlain(f"what is POSTed has {', '.join(sorted(more))}, which nobody can read")
    if module in Base.metadata.tables:
        raise NotPlain(f"there is a table {module} already")
    parameter = snake(path_names(calls["GET", True].path)[-1])
    identity = identity_of(parameter, member)
    columns = [
        column_of(name, field, said, identity) for name, field in member.model_fields.items()
    ]
    columns.sort(key=lambda column: not column.is_identity)
    return Resource(module, collection, member.__name__, columns, called, parameter)


def shown(promises: Promises, name: str) -> type[BaseModel]:
    """The class that a method answers with, without the response's."""
    returns = answer(promises.methods[name])
    reply = reply_of(returns)
    if reply is not None:
        returns = next(
            (named(field.type) for field in fields(reply) if field.name == "body"), "None"
        )
    found = model(returns)
    if found is None:
        raise NotPlain(f"{name} answers {returns}, which is no object with members of its own")
    return found


def taken(promises: Promises, name: str) -> type[BaseModel]:
    """The class of a method's body."""
    found = model(annotation(arguments(promises.methods[name]).get("body")))
    if found is None:
        raise NotPlain(f"{name} takes no object with members of its own")
    return found


def identity_of(parameter: str, member: type[BaseModel]) -> str:
    for name in (parameter, parameter.rpartition("_")[2], "id"):
        if name in member.model_fields:
            return name
    raise NotPlain(f"no member of {member.__name__} is called as the path's {parameter}")


def column_of(name: str, field: Any, said: type[BaseModel], identity: str) -> Column:
    kind, is_nullable = plain_type(field.annotation)
    python, sql = TYPES.get(kind, ("Any", "JSONB"))
    if name == identity:
        if python not in ("UUID", "int", "str"):
            raise NotPlain(f"its {name} is neither a number nor a text")
        return Column(name, python, sql, nullable=False, is_identity=True)
    is_said = name in said.model_fields
    is_time = kind is datetime and not is_said
    if field.is_required() and not is_said and not is_time and not is_nullable:
        raise NotPlain(f"whoever makes one does not say its {name}")
    always = is_time or (is_said and said.model_fields[name].is_required())
    return Column(name, python, sql, nullable=is_nullable or not always, is_time=is_time)


def reply_of(name: str) -> Any:
    """The dataclass of an answer with headers, of that name; None where there is none."""
    found = getattr(responses, name, None)
    return found if isinstance(found, type) and issubclass(found, Reply) else None


def named(hint: Any) -> str:
    """A type as a signature would write it."""
    return hint.__name__ if isinstance(hint, type) else str(hint)


def model(name: str) -> type[BaseModel] | None:
    """The class of an object, of that name."""
    found = getattr(schemas, name, None)
    if not isinstance(found, type) or issubclass(found, RootModel):
        return None
    return found if issubclass(found, BaseModel) else None


def plain_type(hint: Any) -> tuple[Any, bool]:
    """The type that the values have, and whether None is one of them."""
    if get_origin(hint) in (Union, UnionType):
        parts = [part for part in get_args(hint) if part is not NoneType]
        kind = plain_type(parts[0])[0] if len(parts) == 1 else object
        return kind, len(parts) < len(get_args(hint))
    if get_origin(hint) is Literal:
        return type(get_args(hint)[0]), False
    if hasattr(hint, "__metadata__"):
        return plain_type(hint.__origin__)
    if isinstance(hint, type) and issubclass(hint, RootModel):
        return plain_type(hint.model_fields["root"].annotation)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return (str if issubclass(hint, str) else object), False
    return (datetime if hint is AwareDatetime else hint), False
