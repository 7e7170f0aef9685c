"""A resource as text: its table, its queries, and the service that keeps its promises."""

import re
import textwrap
from collections.abc import Iterable, Mapping

from charter.generate.names import pascal, snake
from charter.project.scaffold.nouns import singular
from charter.project.scaffold.resources import (
    COUNTS,
    LIMITS,
    OFFSETS,
    Call,
    Column,
    NotPlain,
    Reading,
    Resource,
)
from charter.project.scaffold.sources import (
    Field,
    Hint,
    Method,
    Promises,
    answer,
    arguments,
    qualified,
)

KEYS = {"UUID": "default=uuid4", "int": "Identity()", "str": "default=lambda: uuid4().hex"}
"""Who makes an identity that nobody has said."""
PLAIN = re.compile(r"(list|dict|str|int|float|bool|Any|[\[\], ])+")
"""Types whose values JSON writes as Python has them."""
WIDTH = 96
"""Of a docstring's lines, without their indentation."""

Lines = list[str]


class Writing:
    """Writes a resource whole. Each part raises NotPlain where it can't be."""

    def __init__(self, reading: Reading, resource: Resource) -> None:
        self.sources = reading.sources
        self.reading = reading
        self.resource = resource
        post = resource.calls["POST", False]
        members = self.sources.members(reading.taken(post))
        hidden = reading.marked(post, "readOnly", request=True)
        self.given = {n: one for n, one in members.items() if one.wire_name not in hidden}
        self.columns = {column.name: column for column in resource.columns}
        self.shown: dict[str, str] = {}
        """The functions that make a class of schemas out of a row, by the class."""

    # -- the table --------------------------------------------------------------------------------

    def model(self) -> str:
        resource = self.resource
        columns = "\n".join(map(self.column, resource.columns))
        return f'''from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    BigInteger, Boolean, Date, DateTime, Double, ForeignKey, Identity, Text, Uuid, func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from impl.db.base import Base


class {resource.row}(Base):
    """A row for each member of `{resource.collection}`."""

    __tablename__ = "{resource.module}"

{columns}
'''

    def column(self, column: Column) -> str:
        """The line of a column in the class of the table."""
        python = self.python(column) + " | None" * column.nullable
        options = [f'"{column.name}"'] * (column.attribute != column.name)
        if column.is_owner:
            options += [f'ForeignKey("{self.resource.owners}", ondelete="CASCADE")', "index=True"]
        else:
            options.append("JSONB(none_as_null=True)" if column.is_json else column.sql)
        if column.is_identity:
            options += [KEYS[column.hint], "primary_key=True"]
        if column.is_time:
            options.append("server_default=func.clock_timestamp()")
        if column.changes:
            options.append("onupdate=func.clock_timestamp()")
        return f"    {column.attribute}: Mapped[{python}] = mapped_column({', '.join(options)})"

    def python(self, column: Column) -> str:
        return column.hint if column.is_json and PLAIN.fullmatch(column.hint) else column.python

    # -- the queries ------------------------------------------------------------------------------

    def repository(self) -> str:
        resource, row, noun = self.resource, self.resource.row, self.one
        key = resource.identifier
        first = "owner_id: UUID, " if resource.owners else ""
        owned = f", {row}.owner_id == owner_id" if resource.owners else ""
        about = "Every query is limited to one owner." if resource.owners else "Named queries."
        begun = [c.attribute for c in resource.columns if c.is_time and not c.changes][:1]
        order = ", ".join(f"{row}.{name}" for name in (*begun, key.attribute))
        filters = self.filters()
        taken = "".join(f", {c.name}: {self.python(c)} | None = None" for c in filters)
        passed = "".join(f", {c.name}={c.name}" for c in filters)
        only = f".where({row}.owner_id == owner_id)" if resource.owners else ""
        wheres = "".join(
            f"        if {c.name} is not None:\n"
            f"            query = query.where({row}.{c.attribute} == {c.name})\n"
            for c in filters
        )
        narrowed = f"        return select({row}){only}\n"
        if filters:
            narrowed = f"        query = select({row}){only}\n{wheres}        return query\n"
        queries = f"""
    async def page(self, {first}*, limit: int | None = None, offset: int = 0{taken}
        ) -> Sequence[{row}]:
        query = self.matching({"owner_id" if first else ""}{passed}).order_by({order})
        return (await self.session.scalars(query.limit(limit).offset(offset))).all()

    async def count(self, {first}{"*" if filters else ""}{taken}) -> int:
        query = self.matching({"owner_id" if first else ""}{passed}).subquery()
        return await self.session.scalar(select(func.count()).select_from(query)) or 0

    def matching(self, {first}{"*" if filters else ""}{taken}) -> Select[{row}]:
{narrowed}"""
        return f'''from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Select, func, select

from impl.db.repository import Repository
from impl.models import {row}


class {resource.queries}(Repository[{row}]):
    """{about}"""

    async def get(self, {key.name}: {key.python}{", owner_id: UUID" if owned else ""}
        ) -> {row} | None:
        query = select({row}).where({row}.{key.attribute} == {key.name}{owned})
        return await self.session.scalar(query)

    async def save(self, {noun}: {row}) -> {row}:
        """Write the row now, and read back what the database made of it."""
        self.session.add({noun})
        await self.session.flush()
        await self.session.refresh({noun})
        return {noun}
{queries if ("GET", False) in resource.calls else ""}'''.replace(", *)", ")").replace(", )", ")")  # noqa: S608 - it is Python

    # -- the service ------------------------------------------------------------------------------

    def service(self, promises: Promises, name: str) -> str:
        writers = {
            ("POST", False): self.create, ("GET", False): self.listed, ("GET", True): self.get,
            ("PUT", True): self.change, ("PATCH", True): self.change, ("DELETE", True): self.delete,
        }  # fmt: skip
        bodies: dict[str, Lines] = {}
        for kind, call in self.resource.calls.items():
            bodies[call.method.name] = [*self.only_json(call), *writers[kind](call)]
        rows = self.resource.module
        methods: Lines = []
        for method in promises.methods.values():
            methods += ["", *written(promises, method, bodies.get(method.name))]
        helpers = [*self.adapters(), *self.presenters()]
        body = "\n".join(methods + helpers)
        return "\n".join(
            [
                *promises.import_lines(promises.methods.values()),
                f"from generated.operations import {promises.name}",
                *self.imports(body),
                *self.refusal(body),
                "",
                "",
                f"class {name}({promises.name}):",
                *docstring(promises.docstring, 4),
                "",
                f"    def __init__(self, {rows}: {self.resource.queries}) -> None:",
                f"        self.{rows} = {rows}",
                body,
                "",
            ]
        )

    def imports(self, body: str) -> Lines:
        known = self.sources.imports("schemas")
        adapted = {name for name in known if re.search(rf"\b{name}\b", body)} - {"Field"}
        return [
            "from http import HTTPStatus",
            *(f"from {known[name]} import {name}" for name in sorted(adapted)),
            "from pydantic import TypeAdapter",
            "from sqlalchemy.exc import IntegrityError",
            "from charter.runtime.models import omitting",
            "from generated import schemas",
            "from impl.core.problems import Conflict, NotFound, Problem",
            f"from impl.models import {self.resource.row}",
            f"from impl.repositories.{self.resource.module} import {self.resource.queries}",
        ]

    def refusal(self, body: str) -> Lines:
        if "raise OnlyJson" not in body:
            return []
        return [
            "", "", "class OnlyJson(Problem):",
            "    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE",
        ]  # fmt: skip

    @property
    def one(self) -> str:
        """One row, as a variable."""
        noun = self.resource.noun
        return noun if noun not in (self.resource.module, "body") else f"one_{noun}"

    @property
    def words(self) -> str:
        return self.resource.noun.replace("_", " ")

    @property
    def rows(self) -> str:
        return f"self.{self.resource.module}"

    def only_json(self, call: Call) -> Lines:
        if "bytes" not in arguments(call.method).get("body", Hint("", False)).text.split(" | "):
            return []
        return ["if isinstance(body, bytes):", '    raise OnlyJson("Send JSON.")']

    def create(self, call: Call) -> Lines:
        self.check(call, "body")
        said = [f"{c.attribute}={self.kept(c, one)}," for c, one in self.said(self.given)]
        owner = ["owner_id=principal.id,"] if self.resource.owners else []
        made = f"{self.one} = await {self.rows}.save({self.resource.row}("
        lines = [made, *(f"    {line}" for line in [*owner, *said]), "))"]
        if self.resource.identifier.name in self.given:
            lines = ["try:", *(f"    {line}" for line in lines),
                     "except IntegrityError as error:",
                     f'    raise Conflict("This {self.words} is there already.") from error'
                     ]  # fmt: skip
        return [*lines, self.answer(call)]

    def get(self, call: Call) -> Lines:
        self.check(call, self.resource.parameter)
        return [*self.found(), self.answer(call)]

    def found(self) -> Lines:
        owner = ", principal.id" if self.resource.owners else ""
        return [
            f"{self.one} = await {self.rows}.get({self.resource.parameter}{owner})",
            f"if {self.one} is None:",
            f'    raise NotFound("There is no such {self.words}.")',
        ]

    def change(self, call: Call) -> Lines:
        lines = [line for name in self.changed(call) for line in self.assigned(call, name)]
        return [*self.found(), *lines, self.saved, self.answer(call)]

    @property
    def saved(self) -> str:
        return f"await {self.rows}.save({self.one})"

    def assigned(self, call: Call, name: str) -> Lines:
        """A PUT says everything anew; a PATCH what its body names."""
        column, member = self.columns[name], self.changed(call)[name]
        named = [f'"{name}" in body.model_fields_set'] * (call.operation.method == "PATCH")
        if member.hint.may_be_none and not column.nullable:
            named.append(f"body.{name} is not None")
        line = f"{self.one}.{column.attribute} = {self.kept(column, member)}"
        return [f"if {' and '.join(named)}:", f"    {line}"] if named else [line]

    def changed(self, call: Call) -> dict[str, Field]:
        """What a change says; the path says which row it is, whatever the body says."""
        self.check(call, self.resource.parameter, "body")
        members = self.sources.members(self.reading.taken(call))
        hidden = self.reading.marked(call, "readOnly", request=True)
        said = {name: one for name, one in members.items() if one.wire_name not in hidden}
        for name, one in said.items():
            column = self.columns.get(name)
            if column is None or column.hint != one.hint.text or column.is_time:
                raise NotPlain(f"{call.words} changes {one.wire_name}, which is not kept like that")
        return {name: one for name, one in said.items() if not self.columns[name].is_identity}

    def said(self, members: Mapping[str, Field]) -> list[tuple[Column, Field]]:
        return [(self.columns[name], one) for name, one in members.items() if name in self.columns]

    def delete(self, call: Call) -> Lines:
        self.check(call, self.resource.parameter)
        answer = self.answer(call)
        removed = [*self.found(), f"await {self.rows}.remove({self.one})"]
        return removed if answer == "return None" else [*removed, answer]

    def check(self, call: Call, *known: str) -> None:
        given = arguments(call.method).keys()
        names = {snake(one.name): one.name for one in call.operation.parameters}
        if others := [names.get(name, name) for name in sorted(given - set(known))]:
            raise NotPlain(f"{call.words} takes {', '.join(others)}, for which there is no rule")

    # -- lists ------------------------------------------------------------------------------------

    def listed(self, call: Call) -> Lines:
        known = arguments(call.method)
        limit = next((name for name in LIMITS if name in known), None)
        offset = next((name for name in OFFSETS if name in known), None)
        page = "page" if limit and not offset and "page" in known else None
        filters = [column.name for column in self.filters()]
        self.check(call, *filter(None, (limit, offset, page)), *filters)
        passed = [f"{name}={name}" for name in filters]
        owner = ["principal.id"] if self.resource.owners else []
        given = [*owner, f"limit={limit}"] if limit else owner
        given = [*given, *([f"offset={self.number(call, offset, '0')}"] if offset else [])]
        if page:
            size = self.number(call, str(limit), "0")
            given.append(f"offset=({self.number(call, page, '1')} - 1) * {size}")
        lines = [f"rows = await {self.rows}.page({', '.join([*given, *passed])})"]
        asked = {
            **({limit: self.number(call, limit, "len(rows)")} if limit else {}),
            **({offset: self.number(call, offset, "0")} if offset else {}),
            **({page: self.number(call, page, "1")} if page else {}),
        }
        count = f"await {self.rows}.count({', '.join([*owner, *passed])})"
        hint = self.reading.shown(call)
        value = self.page(hint.text, asked, count)
        if value is None:
            raise NotPlain(f"{call.words} answers no list of what {self.resource.collection} holds")
        return [*lines, f"return {self.wrapped(call, value)}"]

    def filters(self) -> list[Column]:
        """The columns that a list can be narrowed down by, with the arguments of their names."""
        call = self.resource.calls.get(("GET", False))
        if call is None:
            return []
        return [
            self.columns[name]
            for name, hint in arguments(call.method).items()
            if name in self.columns
            and hint.text == self.columns[name].hint
            and hint.may_be_none
            and not self.columns[name].is_json
        ]

    def number(self, call: Call, name: str, otherwise: str) -> str:
        return f"({name} or {otherwise})" if arguments(call.method)[name].may_be_none else name

    def page(self, name: str, asked: Mapping[str, str], count: str) -> str | None:
        """A list of rows, in the class of its page where it has one; None where it is none."""
        if (element := Hint(name, False).element) is not None:
            if not self.sources.is_object(element):
                return None
            return f"[{self.presenter(element)}({self.one}) for {self.one} in rows]"
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
            elif member.hint.text == "int" and COUNTS.fullmatch(member.name):
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
        """A member of a body, as the row keeps it."""
        value = f"body.{member.name}"
        if not self.is_adapted(column):
            return value
        dumped = (
            f'{constant(column)}.dump_python({value}, mode="json", by_alias=True,'
            " exclude_unset=True)"
        )
        return f"None if {value} is None else {dumped}" if member.hint.may_be_none else dumped

    def told(self, column: Column) -> str:
        """A column, as the schemas have it."""
        value = f"{self.one}.{column.attribute}"
        if column.is_text_enum:
            made = f"schemas.{column.hint}({value})"
        elif self.is_adapted(column):
            made = f"{constant(column)}.validate_python({value})"
        else:
            return value
        return f"None if {value} is None else {made}" if column.nullable else made

    def is_adapted(self, column: Column) -> bool:
        return column.is_json and PLAIN.fullmatch(column.hint) is None

    def adapters(self) -> Lines:
        found: Lines = []
        for column in self.resource.columns:
            if self.is_adapted(column):
                found.append(self.adapter(column))
        return ["", "", *found] if found else []

    def adapter(self, column: Column) -> str:
        hint = qualified(column.hint, self.sources.schemas)
        return f"{constant(column)}: TypeAdapter[{hint}] = TypeAdapter({hint})"

    def answer(self, call: Call) -> str:
        hint = self.reading.shown(call)
        if hint.text == "None":
            return f"return {self.wrapped(call, None)}"
        if not self.sources.is_object(hint.text):
            raise NotPlain(f"{call.words} answers something other than what was made")
        return f"return {self.wrapped(call, f'{self.presenter(hint.text)}({self.one})')}"

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
                key = f"{self.one}.{self.resource.identifier.attribute}"
                given.append(f'location=f"{self.resource.collection}/{{{key}}}"')
            elif field.is_required:
                raise NotPlain(f"{call.words} answers with {field.wire_name}, which nothing says")
        return f"{name}({', '.join(given)})"

    def presenter(self, name: str) -> str:
        """The function that shows a row as a class of schemas. Raises NotPlain."""
        if name not in self.shown:
            members = self.sources.members(name)
            for member in members.values():
                column = self.columns.get(member.name)
                if member.is_required and (column is None or column.hint != member.hint.text):
                    raise NotPlain(f"{name} has {member.wire_name}, which nothing says")
            self.shown[name] = f"present_{snakes(name) if self.shown else self.one}"
        return self.shown[name]

    def may_be_absent(self, column: Column) -> bool:
        return column.nullable and column.name not in self.resource.required_nulls

    def presenters(self) -> Lines:
        lines: Lines = []
        for name, function in self.shown.items():
            members = self.sources.members(name)
            told = [
                (self.columns[n], one)
                for n, one in members.items()
                if n in self.columns and self.columns[n].hint == one.hint.text
            ]
            optional = [column.name for column, _ in told if self.may_be_absent(column)]
            values = [f"            {c.name}={self.told(c)}," for c, _ in told]
            made = [f"schemas.{name}(", *values, ")"]
            if optional:
                made = ["omitting(", *made, ",", *(f"{quoted(one)}," for one in optional), ")"]
            lines += ["", "", f"def {function}({self.one}: {self.resource.row}) -> schemas.{name}:"]
            lines += ["    return (", *made, "    )"]
        return lines


def unwritten(promises: Promises, name: str) -> str:
    """A service of which nothing is written yet."""
    lines = [
        *promises.import_lines(promises.methods.values()),
        f"from generated.operations import {promises.name}",
        "",
        "",
        f"class {name}({promises.name}):",
        *docstring(promises.docstring, 4),
    ]
    for method in promises.methods.values():
        lines += ["", *written(promises, method)]
    return "\n".join(lines) + "\n"


def written(promises: Promises, method: Method, body: Iterable[str] | None = None) -> Lines:
    """A method: as far as a resource tells, else what says that nobody has written it yet."""
    lines = body or ["raise NotImplementedError"]
    return [f"    {promises.signature(method)}", *(f"        {line}".rstrip() for line in lines)]


def docstring(text: str, indent: int) -> Lines:
    """Within the width of a line; what would end the string is taken out."""
    plain = " ".join(text.replace("\\", "/").replace('"""', "'''").split())
    first, *others = textwrap.wrap(plain, WIDTH - indent - 6) or [""]
    space = " " * indent
    end = " " if (others or [first])[-1].endswith('"') else ""
    if not others:
        return [f'{space}"""{first}{end}"""']
    return [f'{space}"""{first}', *(f"{space}{line}" for line in others), f'{space}"""']


def class_name(stem: str) -> str:
    return f"{pascal(singular(stem))}Service"


def constant(column: Column) -> str:
    return column.name.upper().strip("_")


def quoted(text: str) -> str:
    return f'"{text}"'


def snakes(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
