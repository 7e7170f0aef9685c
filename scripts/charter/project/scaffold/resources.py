"""A plain resource: what a document shows of a collection and its members is a table.

It is plain where `POST /pets` makes what `GET /pets/{id}` shows, and where every member of that is
said by whoever makes it, or is an identity, a time, or has a value to begin with. Anything else is
somebody's to think about.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from enum import Enum
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, RootModel
from pydantic.fields import FieldInfo

from charter.generate.names import Names, pascal, snake
from charter.project.scaffold.members import Members
from charter.project.scaffold.nouns import singular
from charter.project.scaffold.promises import Promises, annotation, answer, arguments
from charter.runtime import Contract, Operation
from charter.runtime.paths import names as path_names
from charter.runtime.replies import Reply

# the project's own, which the tool does not know
responses = import_module("generated.responses")
schemas = import_module("generated.schemas")
DOCUMENT: Path = import_module("generated").DOCUMENT
Base = import_module("impl.models").Base


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
TIMES = re.compile(r"add|chang|creat|insert|modif|regist|updat")
"""Who makes or changes a row need not say when."""
HIDING = frozenset(python for python, _ in TYPES.values()) | {"func", "mapped_column", "uuid4"}
"""What the class of a table says itself."""
NAMED = frozenset(sql.partition("(")[0] for _, sql in TYPES.values()) | {
    "Any", "Base", "Conflict", "Identity", "JSONB", "Mapped", "Mapping", "NotFound", "Repository",
    "Sequence", "UUID",
}  # fmt: skip
"""What the modules of a resource import."""


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
    is_read_only: bool = False
    default: str | None = None
    """What it begins with where nobody says it, as Python."""
    is_always_shown: bool = False

    @property
    def begins_itself(self) -> bool:
        """Whether it has a value where a client says none, or null."""
        return not self.is_read_only and (
            self.is_identity or self.is_time or self.default is not None
        )

    @property
    def attribute(self) -> str:
        """Its name in the class of the table, where it may hide nothing."""
        is_taken = self.name in HIDING or hasattr(Base, self.name)
        return f"{self.name}_" if is_taken else self.name


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
        row = pascal(self.noun)
        return f"{row}Row" if row in NAMED else row

    @property
    def queries(self) -> str:
        """The class of the repository."""
        return f"{self.row}Repository"


def resource_of(module: str, promises: Promises, names: Names) -> Resource | None:
    """The plain resource of a tag; None, and the reason said, where there is none."""
    contract = Contract.load(DOCUMENT)
    own = [
        operation
        for operation in contract.operations.values()
        if names.protocols[operation.tags[0]] == promises.name
    ]
    for operation in own:
        if operation.method == "POST" and "{" not in operation.path:
            try:
                return plain(module, operation.path, own, promises, names, contract)
            except NotPlain as reason:
                print(f"{operation.path} is no plain resource: {reason}.")
    return None


def plain(
    module: str,
    collection: str,
    own: list[Operation],
    promises: Promises,
    names: Names,
    contract: Contract,
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
    made = Making(
        identity_of(parameter, member),
        said,
        Members.taken(contract, calls["POST", False]),
        Members.shown(contract, calls["GET", True]),
    )
    columns = [made.column(name, field) for name, field in member.model_fields.items()]
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


@dataclass(frozen=True)
class Making:
    """What whoever makes a member says of it, and what everybody is told."""

    identity: str
    body: type[BaseModel]
    taken: Members
    shown: Members

    def column(self, name: str, field: FieldInfo) -> Column:
        """Raises NotPlain."""
        known = field.alias or name
        kind, _ = plain_type(field.annotation)
        python, sql = TYPES.get(kind, ("Any", "JSONB"))
        told = self.taken if known in self.taken.schemas else self.shown
        is_read_only = told.is_read_only(known)
        is_said = name in self.body.model_fields and not is_read_only
        if name == self.identity:
            if python not in ("UUID", "int", "str"):
                raise NotPlain(f"its {name} is neither a number nor a text")
            return Column(name, python, sql, False, is_identity=True, is_read_only=is_read_only)
        is_promised = known in self.shown.required
        may_be_null = self.shown.may_be_null(known)
        is_needed = is_promised and not may_be_null
        is_unsaid_time = kind is datetime and not is_said
        is_time = is_unsaid_time and (is_needed or TIMES.search(name) is not None)
        always = is_time or (is_said and known in self.taken.required)
        default = self.default(known, kind) if is_needed and not always else None
        if is_needed and not (always or default):
            does = "need" if is_said else "does"
            raise NotPlain(f"whoever makes one {does} not say its {name}")
        return Column(
            name,
            python,
            sql,
            nullable=may_be_null or not (always or default),
            is_time=is_time,
            is_read_only=is_read_only,
            default=default,
            is_always_shown=is_promised and may_be_null,
        )

    def default(self, known: str, kind: Any) -> str | None:
        """What the document says; else a flag is down, and a list empty."""
        for members in (self.taken, self.shown):
            value = members.schemas.get(known, {}).get("default")
            if isinstance(value, bool | int | float | str) and kind in (bool, int, float, str):
                return repr(value)
        return "list" if get_origin(kind) is list else "False" if kind is bool else None


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
        return (str if issubclass(hint, str) else int if issubclass(hint, int) else object), False
    return (datetime if hint is AwareDatetime else hint), False
