"""A resource: what a document shows of a collection and its members is a table.

`POST /pets` makes what `GET /pets/{id}` shows, and every member of that is said by whoever makes
one, or is an identity or a time that the service says. A resource is implemented whole or not at
all: half of it would leave the mock to answer for rows that it does not know.
"""

import builtins
import keyword
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from charter.document import Document
from charter.document.statuses import UNPROVOKED, refusals
from charter.errors import Refusal
from charter.generate.names import Names, pascal, snake
from charter.project import Project
from charter.project.scaffold.nouns import singular
from charter.project.scaffold.sources import (
    Field,
    Hint,
    Method,
    ServiceProtocol,
    Sources,
    answer,
    arguments,
    principal,
)
from charter.runtime import Contract, Operation
from charter.runtime.paths import names as path_names
from charter.runtime.shapes import Shape

Kind = tuple[str, bool]
"""HTTP's method, and whether it is about one member."""

SCALARS: Mapping[str, tuple[str, str]] = {
    "bool": ("bool", "Boolean"),
    "int": ("int", "BigInteger"),
    "float": ("float", "Double"),
    "str": ("str", "Text"),
    "UUID": ("UUID", "Uuid"),
    "AwareDatetime": ("datetime", "DateTime(timezone=True)"),
    "date": ("date", "Date"),
}
"""How rows and PostgreSQL write a type; anything else is JSONB."""
TIMES = re.compile(r"add|chang|creat|insert|modif|regist|updat")
"""Names of times that the service sets itself."""
CHANGED = re.compile(r"updat|modif|chang")
TAKEN = frozenset({"metadata", "registry", "type_annotation_map", "func", "mapped_column", "uuid4"})
"""Attributes and functions that the class of a table uses itself."""
BIGINT = range(-(2**63), 2**63)
NAMED = frozenset(sql.partition("(")[0] for _, sql in SCALARS.values()) | {
    "Any", "Base", "Conflict", "ForeignKey", "HTTPStatus", "Identity", "Index", "JSONB", "Mapped",
    "NotFound", "Principal", "Problem", "Repository", "Sequence", "TypeAdapter", "UUID",
    "WholeNumber",
}  # fmt: skip
"""Names that the modules of a resource import."""

LOCAL = frozenset({"body", "error", "principal", "rows", "schemas"})
"""Names in the methods of a service."""

KINDS: frozenset[Kind] = frozenset(
    {("POST", False), ("GET", False)} | {(m, True) for m in ("GET", "PUT", "PATCH", "DELETE")}
)
OWNED = re.compile(r'user_id: Mapped\[UUID\] = mapped_column\(\s*ForeignKey\("([^"]+)"')
"""How the table of sessions refers to the accounts."""


class NotPlain(Exception):
    """A table and a few queries can't implement the collection; the message says why."""


@dataclass(frozen=True)
class Column:
    """A property of a resource as a column of its table."""

    name: str
    """In the classes of schemas."""
    hint: str
    """The type there."""
    nullable: bool
    is_identity: bool = False
    is_time: bool = False
    """Whether it is a time that the service sets, not the client."""
    is_owner: bool = False
    is_text_enum: bool = False
    is_unbounded: bool = False
    """Whether it is an integer that may exceed 64 bits."""

    @property
    def attribute(self) -> str:
        """Its name in the class of the table, with an underscore where that would hide another."""
        is_taken = self.name in TAKEN or self.name in {python for python, _ in SCALARS.values()}
        return f"{self.name}_" if is_taken else self.name

    @property
    def python(self) -> str:
        return "str" if self.is_text_enum else SCALARS.get(self.hint, ("Any", ""))[0]

    @property
    def sql(self) -> str:
        if self.is_unbounded:
            return "WholeNumber"
        return "Text" if self.is_text_enum else SCALARS.get(self.hint, ("", "JSONB"))[1]

    @property
    def is_json(self) -> bool:
        return self.sql == "JSONB"

    @property
    def changes(self) -> bool:
        return self.is_time and CHANGED.search(self.name) is not None


@dataclass(frozen=True)
class Call:
    """An operation of the resource, and the method that implements it."""

    operation: Operation
    method: Method
    place: str
    """Where the document declares it."""

    @property
    def words(self) -> str:
        return f"{self.place}: {self.operation.method} {self.operation.path}"


@dataclass(frozen=True)
class Resource:
    """A table, and the operations of its tag that use it."""

    module: str
    collection: str
    """Its path."""
    columns: list[Column]
    calls: Mapping[Kind, Call]
    parameter: str
    """The argument that identifies the member."""
    owners: str | None
    """The column of the accounts that owns a row; None where rows have no owner."""
    required_nulls: frozenset[str] = frozenset()
    remarks: list[str] = field(default_factory=list)
    """Differences between the document and the service, for its author."""

    @property
    def identifier(self) -> Column:
        return next(column for column in self.columns if column.is_identity)

    @property
    def order(self) -> list[Column]:
        """That of a list: by the time of creation, where there is one, then by identity."""
        times = [column for column in self.columns if column.is_time and not column.changes]
        return [*times[:1], self.identifier]

    @property
    def index(self) -> list[str]:
        """The columns that find a page without reading the other rows, if the key doesn't."""
        owner = [column.name for column in self.columns if column.is_owner]
        names = [*owner, *(column.name for column in self.order)]
        return names if ("GET", False) in self.calls and len(names) > 1 else []

    @property
    def noun(self) -> str:
        return singular(self.module)

    @property
    def words(self) -> str:
        return self.noun.replace("_", " ")

    @property
    def one(self) -> str:
        """One row, as a variable."""
        is_named = self.noun in (self.module, self.parameter) or self.noun in LOCAL
        is_python = keyword.iskeyword(self.noun) or hasattr(builtins, self.noun)
        return f"one_{self.noun}" if is_named or is_python else self.noun

    @property
    def rows(self) -> str:
        """The repository, as an attribute of the service."""
        return f"self.{self.module}"

    @property
    def row(self) -> str:
        """The class of the table."""
        row = pascal(self.noun)
        return f"{row}Row" if row in NAMED else row

    @property
    def queries(self) -> str:
        """The class of the repository."""
        return f"{self.row}Repository"


class Description:
    """What the document and `generated/` say of the whole API.

    Raises Refusal where a file of `generated/` is missing.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        try:
            self.contract = Contract.load(project.generated / "openapi.json")
            self.sources = Sources(project.generated)
        except FileNotFoundError as error:
            missing = Path(error.filename).relative_to(project.root)
            raise Refusal(f"{missing} is missing: run `charter generate` first.") from None
        self.names = Names.of(self.contract.judge.document)

    @cached_property
    def document(self) -> Document:
        return Document(self.project.document, overlays=self.project.overlays)

    def place(self, operation: Operation) -> str:
        """Where an operation stands in the document."""
        place = self.document.place(("paths", operation.key, operation.method.lower()))
        file, root = place.file, self.project.root
        return f"{file.relative_to(root) if file.is_relative_to(root) else file}:{place.line}"


class Reading:
    """Looks for the resource of a tag."""

    def __init__(self, api: Description, module: str, protocol: ServiceProtocol) -> None:
        self.api = api
        self.sources = api.sources
        self.module = module
        self.protocol = protocol

    @cached_property
    def own(self) -> list[Call]:
        """The operations of the tag."""
        names = self.api.names
        return [
            Call(operation, self.protocol.methods[name], self.api.place(operation))
            for operation in self.api.contract.operations.values()
            if names.protocols[operation.tags[0]] == self.protocol.name
            and (name := names.methods[operation.id]) in self.protocol.methods
        ]

    def collections(self) -> list[str]:
        """The paths of what may be a resource."""
        operations = [call.operation for call in self.own]
        return [one.path for one in operations if one.method == "POST" and "{" not in one.path]

    def resource(self, collection: str) -> Resource:
        """Raises NotPlain."""
        calls = self.calls(collection)
        if ("GET", True) not in calls:
            raise NotPlain(
                f"{calls['POST', False].place}: what is POSTed is never read, there is no"
                f" GET {collection}/{{id}}"
            )
        get, post = calls["GET", True], calls["POST", False]
        parameter = snake(path_names(get.operation.path)[-1])
        owners = self.owners([call.method for call in calls.values()], self.taken(post))
        columns, remarks = self.columns(get, post, self.identity(parameter, get), owners)
        nulls = self.nulls(get)
        found = Resource(self.module, collection, columns, calls, parameter, owners, nulls, remarks)
        self.remark(found)
        return found

    def calls(self, collection: str) -> dict[Kind, Call]:
        found: dict[Kind, Call] = {}
        for call in self.own:
            path = call.operation.path
            is_member = re.fullmatch(re.escape(collection) + r"/\{[^{}/]+\}", path) is not None
            if is_member or path == collection:
                kind = (call.operation.method, is_member)
                if kind not in KINDS or kind in found:
                    raise NotPlain(f"{call.words} is none of create, list, read, change, delete")
                found[kind] = call
        return found

    # -- members ----------------------------------------------------------------------------------

    def body_of(self, call: Call) -> str:
        """The class of the object that an operation shows."""
        hint = self.shown(call)
        if not self.sources.is_object(hint.text):
            raise NotPlain(f"{call.words} answers no object with members of its own")
        return hint.text

    def shown(self, call: Call) -> Hint:
        """The schema of an operation's answer; of several media types, of the JSON."""
        first = answer(call.method)
        reply = self.sources.reply(first.text)
        if reply is not None:
            first = reply["body"].hint if "body" in reply else Hint("None", True)
        return without_bytes(first)

    def taken(self, call: Call) -> str:
        """The class of an operation's body."""
        hint = without_bytes(arguments(call.method).get("body", Hint("None", True)))
        if not self.sources.is_object(hint.text):
            raise NotPlain(f"{call.words} takes no object with members of its own")
        if self.sources.keeps_undeclared(hint.text):
            raise NotPlain(
                f"{call.words} takes members that the document does not name (additionalProperties)"
            )
        if hint.may_be_none:
            raise NotPlain(
                f"{call.words} may come without a body, unless its requestBody has `required: true`"
            )
        return hint.text

    def said(self, call: Call) -> dict[str, Field]:
        """The writable properties of an operation's body, without the `readOnly` ones."""
        parts = self.parts(self.schema_of(call, request=True))
        hidden = {
            name
            for part in parts
            for name, child in part.get("properties", {}).items()
            if any(one.get("readOnly") is True for one in (*self.parts(child), child))
        }
        members = self.sources.members(self.taken(call))
        return {name: one for name, one in members.items() if one.wire_name not in hidden}

    def identity(self, parameter: str, call: Call) -> str:
        members = self.sources.members(self.body_of(call))
        for name in (parameter, parameter.rpartition("_")[2], "id"):
            if name in members:
                return name
        raise NotPlain(f"{call.words} shows no member that is called as {parameter} in its path")

    def columns(
        self, get: Call, post: Call, identity: str, owners: str | None
    ) -> tuple[list[Column], list[str]]:
        members, given = self.sources.members(self.body_of(get)), self.said(post)
        if more := [one.wire_name for name, one in given.items() if name not in members]:
            raise NotPlain(f"{post.words} takes {', '.join(more)}, which {get.operation.path} does"
                           " not show")  # fmt: skip
        required = self.required(get)
        shape = Shape(self.api.contract.judge, self.schema_of(get, request=False))
        found, unsaid = [], []
        for name, member in members.items():
            is_required = member.wire_name in required
            column = self.column(member, given.get(name), is_required, identity, shape)
            if owners and name == "owner_id" and member.hint.text == "UUID" and name not in given:
                column = Column(name, "UUID", False, is_owner=True)
            if column is None and is_required:
                raise NotPlain(
                    f"{get.words} shows {member.wire_name}, which {post.operation.method}"
                    f" {post.operation.path} does not always say"
                )
            if column is None:
                unsaid.append(member.wire_name)
            elif name in given and given[name].hint.text != member.hint.text:
                raise NotPlain(f"{get.words} shows {member.wire_name} otherwise than it is taken")
            else:
                found.append(column)
        if owners and not any(column.is_owner for column in found):
            found.insert(0, Column("owner_id", "UUID", False, is_owner=True))
        remarks = [f"{get.words}: nothing says {', '.join(unsaid)}, which stay absent."]
        return sorted(found, key=lambda c: not c.is_identity), remarks if unsaid else []

    def column(
        self, member: Field, given: Field | None, is_required: bool, identity: str, shape: Shape
    ) -> Column | None:
        """None for a property that neither the client nor the service sets."""
        name, hint = member.name, member.hint.text
        if name == identity:
            if hint not in ("UUID", "int", "str"):
                raise NotPlain(f"its {member.wire_name} is neither a number nor a text")
            return Column(name, hint, False, is_identity=True)
        if given is None:
            is_time = hint == "AwareDatetime" and (is_required or TIMES.search(name) is not None)
            return Column(name, hint, False, is_time=True) if is_time else None
        always = not given.hint.may_be_none
        if is_required and not always and not member.hint.may_be_none:
            return None
        enum = self.sources.is_text_enum(hint)
        large = hint == "int" and is_unbounded(shape.member(member.wire_name))
        return Column(name, hint, not always, is_text_enum=enum, is_unbounded=large)

    def schema_of(self, call: Call, *, request: bool) -> object:
        """The schema of the JSON that an operation takes or answers."""
        judge = self.api.contract.judge
        content = self.node_of(call, request=request).get("content", {})
        name = next((one for one in content if "json" in one), next(iter(content), None))
        return judge.resolve(content[name]).get("schema", {}) if name else {}

    def node_of(self, call: Call, *, request: bool) -> Any:
        """The request body of an operation, or its successful response."""
        judge, operation = self.api.contract.judge, call.operation
        if request:
            return judge.resolve(judge.at(operation.place)["requestBody"])
        return judge.resolve(judge.at(operation.success.place))

    def parts(self, schema: object) -> Iterator[Mapping[str, Any]]:
        """A schema and all that it consists of."""
        resolved = self.api.contract.judge.resolve(schema)
        if isinstance(resolved, Mapping):
            yield resolved
            for part in resolved.get("allOf", ()):
                yield from self.parts(part)

    def required(self, call: Call) -> frozenset[str]:
        parts = self.parts(self.schema_of(call, request=False))
        return frozenset(name for part in parts for name in part.get("required", ()))

    def nulls(self, call: Call) -> frozenset[str]:
        """The members that are always there, as a null where they have no value."""
        members = self.sources.members(self.body_of(call)).values()
        required = self.required(call)
        return frozenset(
            one.name for one in members if one.wire_name in required and one.hint.may_be_none
        )

    # -- owners -----------------------------------------------------------------------------------

    def owners(self, methods: list[Method], said: str) -> str | None:
        """The column of the accounts, if every operation needs an authenticated caller."""
        callers = [principal(method) for method in methods]
        if any(caller is None or caller.may_be_none for caller in callers):
            return None
        if "owner_id" in self.sources.members(said):
            return None
        sessions = self.api.project.root / "impl" / "models" / "sessions.py"
        text = sessions.read_text() if sessions.exists() else ""
        found = OWNED.search(text)
        return found[1] if found else None

    def remark(self, resource: Resource) -> None:
        for call in resource.calls.values():
            if "body" in arguments(call.method) and "bytes" in arguments(call.method)["body"].text:
                resource.remarks.append(
                    f"{call.words} takes other media types than JSON too:"
                    " the service refuses those with 415, as `charter fuzz` will find."
                )
        for call in self.own:
            if call not in resource.calls.values():
                resource.remarks.append(
                    f"{call.words} is no part of {resource.collection}: the mock answers it, which"
                    " does not know the rows, until you write it."
                )
        for call in resource.calls.values():
            resource.remarks.extend(self.unanswered_words(resource, call))
        if resource.owners is None:
            resource.remarks.append(
                f"{resource.collection} belongs to nobody: not every operation of it asks for a"
                " caller, or the document says itself who the owner is."
            )

    def unanswered_words(self, resource: Resource, call: Call) -> Iterator[str]:
        """Of statuses that the operation declares and no code answers."""
        operation = call.operation
        answered = {*refusals(self.api.contract, operation)}
        answered |= {status for status, spec in operation.response_specs.items()
                     if spec is operation.success}  # fmt: skip
        answered |= {404} if operation.path != resource.collection else set()
        if not any(scopes for one in operation.security for scopes in one.values()):
            answered.discard(403)  # whoever is let in may do everything
        if operation.method == "POST" and resource.identifier.name in self.said(call):
            answered.add(409)
        if left := sorted(set(operation.response_specs) - answered - UNPROVOKED):
            statuses = " and ".join(map(str, left))
            keys = ", ".join(f'"{operation.id} {status}" = "..."' for status in left)
            yield (
                f"{call.words} declares {statuses}, which {call.method.name} never answers: write"
                " what does, or take it out of the document. `charter fuzz` asks for it, unless"
                f" pyproject.toml has a reason under [tool.charter.fuzz.unprovoked]: {keys}."
            )


def without_bytes(hint: Hint) -> Hint:
    parts = [part for part in hint.text.split(" | ") if part != "bytes"]
    return Hint(" | ".join(parts), hint.may_be_none)


def is_unbounded(shape: Shape) -> bool:
    """Whether an integer may exceed 64 bits."""
    bounds = [
        [
            part[name]
            for part in shape.parts
            for name in names
            if type(part.get(name)) in (int, float)
        ]
        for names in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum"))
    ]
    is_listed = any("enum" in part or "const" in part for part in shape.parts)
    least, most = (any(BIGINT[0] <= bound <= BIGINT[-1] for bound in found) for found in bounds)
    return not is_listed and not (least and most)
