"""A resource as text: its table, its queries, and the service of its operations."""

import re
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from charter.document.listings import counts
from charter.generate.names import pascal, snake
from charter.project.scaffold.edits import formatted
from charter.project.scaffold.identities import Identities
from charter.project.scaffold.nouns import singular
from charter.project.scaffold.resources import (
    Call,
    Column,
    Kind,
    NotPlain,
    Reading,
    Resource,
    is_unbounded,
)
from charter.project.scaffold.sources import (
    Field,
    Hint,
    ServiceProtocol,
    answer,
    arguments,
    qualified,
)
from charter.runtime.patches import MEDIA_TYPE as MERGE_PATCH
from charter.runtime.shapes import Shape

if TYPE_CHECKING:
    from jinja2 import Environment

PLAIN = re.compile(r"(list|dict|str|int|float|bool|Any|[\[\], ])+")
"""Types whose values JSON writes as Python has them."""
ACTS: Mapping[Kind, str] = {
    ("POST", False): "create",
    ("GET", False): "list",
    ("GET", True): "get",
    ("PUT", True): "change",
    ("PATCH", True): "change",
    ("DELETE", True): "delete",
}
LIMITS = ("limit", "per_page", "page_size", "size", "take")
OFFSETS = ("offset", "skip")
WIDTH = 90
"""Of a docstring's lines, without their indentation."""

MODEL_IMPORTS = (
    "from datetime import date, datetime",
    "from typing import Any",
    "from uuid import UUID, uuid4",
    "from sqlalchemy import BigInteger, Boolean, Date, DateTime, Double, ForeignKey, Identity",
    "from sqlalchemy import Index, Text, Uuid, func",
    "from sqlalchemy.dialects.postgresql import JSONB",
    "from sqlalchemy.orm import Mapped, mapped_column",
    "from charter.service.numbers import WholeNumber",
    "from impl.db.base import Base",
)
SERVICE_IMPORTS = (
    "from http import HTTPStatus",
    "from secrets import randbelow",
    "from uuid import uuid4",
    "from pydantic import TypeAdapter",
    "from sqlalchemy.exc import IntegrityError",
    "from charter.runtime.models import omitting",
    "from charter.runtime.patches import merge_patch",
    "from charter.service.outage import is_duplicate",
    "from generated import schemas",
    "from impl.core.problems import Conflict, NotFound, Problem",
)
"""The formatter removes the imports that a text doesn't use."""


@cache
def templates() -> "Environment":
    """Imported late: who only reads services need not have Jinja."""
    from charter.templates import templates as of_folder

    return of_folder(Path(__file__).with_name("templates"))


@dataclass(frozen=True)
class Assigned:
    """`name = value`, as an argument or a statement, where a condition holds if there is one."""

    name: str
    value: str
    condition: str = ""


@dataclass(frozen=True)
class Body:
    """The body of a method."""

    act: str
    answer: str
    """An expression."""
    takes_bytes: bool
    """Whether its body may be of another media type than JSON."""
    assigned: Iterable[Assigned] = ()
    says_identity: bool = False
    arguments: str = ""
    """Those of the repository's `page`."""


class Writing:
    """Writes a resource whole, as if some columns weren't there if so asked.

    Raises NotPlain, where a table and a few queries can't do what an operation says.
    """

    def __init__(
        self, reading: Reading, resource: Resource, without: frozenset[str] = frozenset()
    ) -> None:
        self.sources = reading.sources
        self.reading = reading
        self.resource = resource
        self.without = without
        self.columns = {c.name: c for c in resource.columns if c.name not in without}
        self.shown: dict[str, str] = {}
        """The functions that make a class of schemas out of a row, by the class."""
        self.identities = self.made_identities()
        column = resource.identifier
        is_said = self.says_identity
        self.key = "autoincrement=False" if is_said else self.identities.counted(column.hint)
        self.bodies = {
            call.method.name: self.body(ACTS[kind], call) for kind, call in resource.calls.items()
        }

    def made_identities(self) -> Identities:
        calls, resource = self.resource.calls, self.resource
        get, post = calls["GET", True], calls["POST", False]
        members = self.sources.members(self.reading.body_of(get))
        name = members[resource.identifier.name].wire_name
        judge = self.reading.api.contract.judge
        schemas = (self.reading.schema_of(get, request=False),
                   self.reading.schema_of(post, request=True))  # fmt: skip
        shapes = [Shape(judge, schema).member(name) for schema in schemas]
        shapes += [one.style.shape for one in get.operation.parameters
                   if one.place == "path" and snake(one.name) == resource.parameter]  # fmt: skip
        return Identities(judge, shapes, f"{post.words}: {name}")

    # -- the table and the queries ----------------------------------------------------------------

    def model(self) -> str:
        resource = self.resource
        return rendered(
            "model",
            imports=MODEL_IMPORTS,
            row=resource.row,
            collection=resource.collection,
            module=resource.module,
            index=", ".join(f'"{name}"' for name in resource.index),
            columns=[self.column(column) for column in resource.columns],
        )

    def column(self, column: Column) -> str:
        """The line of a column in the class of the table."""
        options = [f'"{column.name}"'] * (column.attribute != column.name)
        if column.is_owner:
            options.append(f'ForeignKey("{self.resource.owners}", ondelete="CASCADE")')
            options += ["index=True"] * (not self.resource.index)
        else:
            options.append("JSONB(none_as_null=True)" if column.is_json else column.sql)
        if column.is_identity:
            options += [self.key, "primary_key=True"]
        if column.is_time:
            options.append("server_default=func.clock_timestamp()")
        if column.changes:
            options.append("onupdate=func.clock_timestamp()")
        hint = python(column) + " | None" * column.nullable
        return f"{column.attribute}: Mapped[{hint}] = mapped_column({', '.join(options)})"

    def repository(self) -> str:
        resource = self.resource
        filters = [
            {
                "name": column.name,
                "attribute": column.attribute,
                "parameter": f"{column.name}: {python(column)} | None = None",
                "argument": f"{column.name}={column.name}",
                "may_exceed": column.sql == "BigInteger" and self.exceeds_bigint(column.name),
            }
            for column in self.filters()
        ]
        return rendered(
            "repository",
            row=resource.row,
            queries=resource.queries,
            key=resource.identifier,
            is_owned=resource.owners is not None,
            is_listed=("GET", False) in resource.calls,
            key_may_exceed=self.exceeds_bigint(resource.parameter),
            order=", ".join(f"{resource.row}.{column.attribute}" for column in resource.order),
            filters=filters,
        )

    def exceeds_bigint(self, argument: str) -> bool:
        """Whether a parameter of the resource's operations admits integers beyond 64 bits."""
        return any(
            "integer" in one.style.shape.types and is_unbounded(one.style.shape)
            for call in self.resource.calls.values()
            for one in call.operation.parameters
            if snake(one.name) == argument
        )

    # -- the service ------------------------------------------------------------------------------

    def service(self, protocol: ServiceProtocol, name: str) -> str:
        known = self.sources.imports("schemas")
        adapters = [self.adapter(one) for one in self.columns.values() if self.is_adapted(one)]
        used = {name for name in known if re.search(rf"\b{name}\b", "\n".join(adapters))}
        resource = self.resource
        imports = [
            *SERVICE_IMPORTS,
            *(f"from {known[name]} import {name}" for name in sorted(used - {"Field"})),
            f"from impl.models import {resource.row}",
            f"from impl.repositories.{resource.module} import {resource.queries}",
        ]
        return service(
            protocol,
            name,
            imports=imports,
            resource=resource,
            bodies=self.bodies,
            refuses=any(body.takes_bytes for body in self.bodies.values()),
            adapters=adapters,
            presenters=[self.presented(name) for name in self.shown],
        )

    def body(self, act: str, call: Call) -> Body:
        known = arguments(call.method)
        takes_bytes = "bytes" in known.get("body", Hint("", False)).text.split(" | ")
        parameter = self.resource.parameter
        if act == "list":
            passed, page = self.listed(call)
            return Body(act, self.wrapped(call, page), takes_bytes, arguments=passed)
        if act == "create":
            self.check(call, "body")
            said = self.said(call)
            if self.says_identity and 409 not in call.operation.response_specs:
                raise NotPlain(
                    f"{call.words} takes {said[self.resource.identifier.name].wire_name}, and"
                    " declares no 409 for one that is there already"
                )
            made = [
                Assigned(self.columns[name].attribute, self.kept(self.columns[name], one))
                for name, one in said.items()
                if name in self.columns
            ]
            return Body(act, self.answer(call), takes_bytes, made, self.says_identity)
        if act == "change":
            self.check(call, parameter, "body")
            changed = list(self.changed(call))
            return Body(act, self.answer(call), takes_bytes, changed)
        self.check(call, parameter)
        return Body(act, self.answer(call), takes_bytes)

    def check(self, call: Call, *known: str) -> None:
        names = {snake(one.name): one.name for one in call.operation.parameters}
        if others := sorted(arguments(call.method).keys() - set(known)):
            words = ", ".join(names.get(name, name) for name in others)
            raise NotPlain(f"{call.words} takes {words}, for which there is no rule")

    @property
    def says_identity(self) -> bool:
        """Whether whoever makes one may say what identifies it."""
        return self.resource.identifier.name in self.said(self.resource.calls["POST", False])

    def said(self, call: Call) -> dict[str, Field]:
        said = self.reading.said(call)
        return {name: one for name, one in said.items() if name not in self.without}

    def changed(self, call: Call) -> Iterable[Assigned]:
        """A PUT replaces every property, a PATCH those in its body; the path identifies the row."""
        for name, one in self.said(call).items():
            column = self.columns.get(name)
            if column is None or column.hint != one.hint.text or column.is_time:
                raise NotPlain(
                    f"{call.words} changes {one.wire_name}, whose schema is another than where it"
                    " is read"
                )
            if not column.is_identity:
                named = [f'"{name}" in body.model_fields_set'] * (call.operation.method == "PATCH")
                if one.hint.may_be_none and not column.nullable:
                    named.append(f"body.{name} is not None")
                value = self.kept(column, one)
                if column.is_json and column.hint[:5] != "list[" and self.is_merge_patch(call):
                    value = f"merge_patch({self.resource.one}.{column.attribute}, {value})"
                yield Assigned(column.attribute, value, " and ".join(named))

    def is_merge_patch(self, call: Call) -> bool:
        """Whether what an object in the body leaves out stays as it is."""
        body = self.reading.node_of(call, request=True)
        return call.operation.method == "PATCH" and MERGE_PATCH in body.get("content", {})

    # -- lists ------------------------------------------------------------------------------------

    def listed(self, call: Call) -> tuple[str, str]:
        """The arguments of the repository's `page`, and the answer made of its rows."""
        known = arguments(call.method)
        limit = next((name for name in LIMITS if name in known), None)
        offset = next((name for name in OFFSETS if name in known), None)
        page = "page" if limit and not offset and "page" in known else None
        filters = [column.name for column in self.filters()]
        self.check(call, *filter(None, (limit, offset, page)), *filters)
        owner = ["principal.id"] if self.resource.owners else []
        passed = [f"{name}={name}" for name in filters]
        asked, given = {}, list(owner)
        if limit:
            asked[limit] = number(known, limit, "len(rows)")
            given.append(f"limit={limit}")
        if offset:
            asked[offset] = number(known, offset, "0")
            given.append(f"offset={asked[offset]}")
        if page:
            asked[page] = number(known, page, "1")
            given.append(f"offset=({asked[page]} - 1) * {number(known, str(limit), '0')}")
        count = f"await {self.resource.rows}.count({', '.join([*owner, *passed])})"
        made = self.page(self.reading.shown(call).text, asked, count)
        if made is None:
            raise NotPlain(f"{call.words} answers no list of what {self.resource.collection} holds")
        return ", ".join([*given, *passed]), made

    def filters(self) -> list[Column]:
        """The columns that a list can be narrowed down by, with the arguments of their names."""
        call = self.resource.calls.get(("GET", False))
        known = arguments(call.method) if call is not None else {}
        return [
            column
            for name, hint in known.items()
            if (column := self.columns.get(name)) is not None
            and hint == Hint(column.hint, may_be_none=True)
            and not column.is_json
        ]

    def page(self, name: str, asked: Mapping[str, str], count: str) -> str | None:
        """A list of rows, in the class of its page where it has one; None where it is none."""
        if (element := Hint(name, False).element) is not None:
            if not self.sources.is_object(element):
                return None
            one = self.resource.one
            return f"[{self.presenter(element)}({one}) for {one} in rows]"
        if (root := self.sources.root(name)) is not None:
            value = self.page(root.text, asked, count)
            return value and f"schemas.{name}({value})"
        if not self.sources.is_object(name):
            return None
        given, is_list = [], False
        for member in self.sources.members(name).values():
            value = None
            if member.hint.text == "int" and member.name in asked:
                value = asked[member.name]
            elif member.hint.text == "int" and counts(member.name):
                value = count
            elif not is_list:
                value = self.page(member.hint.text, asked, count)
                is_list = value is not None
            if value is None and member.is_required:
                return None
            given += [f"{member.name}={value}"] if value is not None else []
        return f"schemas.{name}({', '.join(given)})" if is_list else None

    # -- values -----------------------------------------------------------------------------------

    def kept(self, column: Column, member: Field) -> str:
        """A property of a body as a value of the row."""
        value = f"body.{member.name}"
        if column.is_identity and member.hint.may_be_none:
            return f"{self.identities.drawn(column.hint)} if {value} is None else {value}"
        if not self.is_adapted(column):
            return value
        dumped = (
            f'{constant(column)}.dump_python({value}, mode="json", by_alias=True,'
            " exclude_unset=True)"
        )
        return f"None if {value} is None else {dumped}" if member.hint.may_be_none else dumped

    def told(self, column: Column) -> str:
        """A column, as the schemas have it."""
        value = f"{self.resource.one}.{column.attribute}"
        if column.is_text_enum:
            made = f"schemas.{column.hint}({value})"
        elif self.is_adapted(column):
            made = f"{constant(column)}.validate_python({value})"
        else:
            return value
        return f"None if {value} is None else {made}" if column.nullable else made

    def is_adapted(self, column: Column) -> bool:
        return column.is_json and PLAIN.fullmatch(column.hint) is None

    def adapter(self, column: Column) -> str:
        hint = qualified(column.hint, self.sources.schemas)
        return f"{constant(column)}: TypeAdapter[{hint}] = TypeAdapter({hint})"

    def answer(self, call: Call) -> str:
        hint = self.reading.shown(call)
        if hint.text == "None":
            return self.wrapped(call, None)
        if not self.sources.is_object(hint.text):
            raise NotPlain(f"{call.words} answers something other than what was made")
        return self.wrapped(call, f"{self.presenter(hint.text)}({self.resource.one})")

    def wrapped(self, call: Call, body: str | None) -> str:
        """The answer, in the class of its response where it has one."""
        name = answer(call.method).text
        reply = self.sources.reply(name)
        if reply is None:
            return body or "None"
        given = []
        for field in reply.values():
            if field.name == "body" and body is not None:
                given.append(f"body={body}")
            elif field.name == "media_type":
                declared = re.findall(r"'([^']+)'", field.hint.text)
                given += [f'media_type="{one}"' for one in declared if "json" in one][:1]
            elif field.name == "location" and call.operation.method == "POST":
                key = f"{self.resource.one}.{self.resource.identifier.attribute}"
                given.append(f'location=f"{self.resource.collection}/{{{key}}}"')
            elif field.is_required:
                raise NotPlain(f"{call.words} answers with {field.wire_name}, which nothing says")
        return f"{name}({', '.join(given)})"

    def presenter(self, name: str) -> str:
        """The function that shows a row as a class of schemas."""
        if name not in self.shown:
            for member in self.sources.members(name).values():
                column = self.columns.get(member.name)
                is_kept = column is not None and column.hint == member.hint.text
                if member.is_required and not is_kept and member.name not in self.without:
                    raise NotPlain(f"{name} has {member.wire_name}, which nothing says")
            words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
            self.shown[name] = f"present_{words if self.shown else self.resource.one}"
        return self.shown[name]

    def presented(self, name: str) -> dict[str, object]:
        columns = [
            self.columns[member.name]
            for member in self.sources.members(name).values()
            if member.name in self.columns and self.columns[member.name].hint == member.hint.text
        ]
        nulls = self.resource.required_nulls
        return {
            "name": name,
            "function": self.shown[name],
            "members": [Assigned(column.name, self.told(column)) for column in columns],
            "optional": [c.name for c in columns if c.nullable and c.name not in nulls],
        }


def service(
    protocol: ServiceProtocol, name: str, *, imports: Iterable[str] = (), **filled: object
) -> str:
    """The text of a service; without a resource, one of which nothing is written yet."""
    written: dict[str, object] = {
        "resource": None,
        "bodies": {},
        "refuses": False,
        "adapters": (),
        "presenters": (),
    }
    return rendered(
        "service",
        protocol=protocol,
        name=name,
        imports=[
            *protocol.import_lines(protocol.methods.values()),
            f"from generated.operations import {protocol.name}",
            *imports,
        ],
        docstring=docstring(protocol.docstring),
        **(written | filled),
    )


def rendered(template: str, **filled: object) -> str:
    text = templates().get_template(f"{template}.jinja2").render(filled)
    return formatted(text, with_imports=True)


def docstring(text: str) -> str:
    """Within the width of a line; what would end the string is taken out."""
    plain = " ".join(text.replace("\\", "/").replace('"""', "'''").split())
    lines = textwrap.wrap(plain, WIDTH) or [""]
    end = " " if plain.endswith('"') else ""
    end = '\n"""' if len(lines) > 1 else f'{end}"""'
    return textwrap.indent('"""' + "\n".join(lines) + end, "    ")


def python(column: Column) -> str:
    """The type of an attribute of the table."""
    return column.hint if column.is_json and PLAIN.fullmatch(column.hint) else column.python


def number(known: Mapping[str, Hint], name: str, otherwise: str) -> str:
    return f"({name} or {otherwise})" if known[name].may_be_none else name


def class_name(stem: str) -> str:
    return f"{pascal(singular(stem))}Service"


def constant(column: Column) -> str:
    return column.name.upper().strip("_")
