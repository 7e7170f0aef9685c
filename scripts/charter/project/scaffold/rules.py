"""The rules of a plain resource as text: one method for each operation that is understood."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, fields
from importlib import import_module
from typing import Any, get_args, get_origin

from pydantic import BaseModel, RootModel

from charter.project.scaffold.promises import (
    Method,
    Promises,
    annotation,
    answer,
    arguments,
    may_be_absent,
)
from charter.project.scaffold.resources import (
    NotPlain,
    Resource,
    model,
    named,
    plain_type,
    reply_of,
)

schemas = import_module("generated.schemas")


LIMITS = ("limit", "per_page", "page_size", "size", "take")
OFFSETS = ("offset", "skip")
COUNTS = re.compile(r"count|total(_?(items|count|results|elements|records))?|(items|num)_count")

Lines = list[str]


@dataclass(frozen=True)
class Rules:
    resource: Resource

    def imports(self) -> Lines:
        return [
            "from typing import Any",
            "from generated import schemas",
            "from impl.core.problems import Conflict, NotFound",
            f"from impl.models import {self.resource.row}",
            f"from impl.repositories.{self.resource.module} import {self.resource.queries}",
        ]

    def constructor(self) -> Lines:
        rows = self.rows
        return [
            "",
            f"    def __init__(self, {rows}: {self.resource.queries}) -> None:",
            f"        self.{rows} = {rows}",
        ]

    def bodies(self, promises: Promises) -> dict[str, Lines]:
        """The lines of every method that can be written, by name."""
        writers: dict[tuple[str, bool], Callable[[Method], Lines]] = {
            ("POST", False): self.create,
            ("GET", False): self.list,
            ("GET", True): self.get,
            ("PUT", True): self.replace,
            ("PATCH", True): self.patch,
            ("DELETE", True): self.delete,
        }
        found = {}
        for kind, name in self.resource.calls.items():
            if kind in writers:
                try:
                    found[name] = writers[kind](promises.methods[name])
                except NotPlain as reason:
                    print(f"{name} is left to you: {reason}.")
        return found

    @property
    def rows(self) -> str:
        return self.resource.module

    @property
    def row(self) -> str:
        """One of them, as a variable."""
        noun = self.resource.noun
        return noun if noun != self.rows else f"one_{noun}"

    @property
    def words(self) -> str:
        return self.resource.noun.replace("_", " ")

    # -- the operations ---------------------------------------------------------------------------

    def create(self, method: Method) -> Lines:
        self.check(method, "body")
        return [
            f"{self.row} = await self.{self.rows}.create(values_of(body))",
            f"if {self.row} is None:",
            f'    raise Conflict("This {self.words} is there already.")',
            self.returned(method),
        ]

    def get(self, method: Method) -> Lines:
        self.check(method, self.resource.parameter)
        return self.found(f"self.{self.rows}.get({self.resource.parameter})", method)

    def replace(self, method: Method) -> Lines:
        return self.change(method, "values_of(body)")

    def patch(self, method: Method) -> Lines:
        return self.change(method, "values_of(body, patch=True)")

    def change(self, method: Method, values: str) -> Lines:
        self.check(method, self.resource.parameter, "body")
        return self.found(f"self.{self.rows}.change({self.resource.parameter}, {values})", method)

    def found(self, query: str, method: Method) -> Lines:
        return [
            f"{self.row} = await {query}",
            f"if {self.row} is None:",
            f'    raise NotFound("There is no such {self.words}.")',
            self.returned(method),
        ]

    def delete(self, method: Method) -> Lines:
        self.check(method, self.resource.parameter)
        if answer(method) != "None":
            raise NotPlain("it answers more than that it is gone")
        lines = [
            f"if not await self.{self.rows}.delete({self.resource.parameter}):",
            f'    raise NotFound("There is no such {self.words}.")',
        ]
        return lines if annotation(method.returns) == "None" else [*lines, "return None"]

    def list(self, method: Method) -> Lines:
        known = arguments(method)
        limit = next((name for name in LIMITS if name in known), None)
        offset = next((name for name in OFFSETS if name in known), None)
        pages = "page" if limit and not offset and "page" in known else None
        if others := sorted(known.keys() - {limit, offset, pages}):
            raise NotPlain(f"it takes {', '.join(others)}")
        given = [f"limit={limit}"] if limit else []
        given += [f"offset={offset} or 0"] if offset else []
        given += [f"offset=((page or 1) - 1) * ({limit} or 0)"] if pages else []
        shown = f"[present({self.row}) for {self.row} in rows]"
        asked = self.asked(method, (limit, offset, pages))
        value = self.answered(answer(method), lambda name: self.page(name, shown, asked))
        return [f"rows = await self.{self.rows}.page({', '.join(given)})", f"return {value}"]

    # -- what they take and answer ----------------------------------------------------------------

    def check(self, method: Method, *known: str) -> None:
        """Raises NotPlain for arguments that nothing here would look at."""
        given = arguments(method)
        if others := sorted(given.keys() - set(known)):
            raise NotPlain(f"it takes {', '.join(others)}")
        if missing := set(known) - given.keys():
            raise NotPlain(f"it does not take {', '.join(missing)}")
        if "body" in known:
            body = model(annotation(given["body"]))
            names = {column.name for column in self.resource.columns}
            if body is None or not names >= body.model_fields.keys():
                raise NotPlain("its body is more than a member")

    def returned(self, method: Method) -> str:
        returns = answer(method)
        if returns == "None":
            return "return None"
        shown = f"present({self.row})"
        whole = self.resource.schema
        value = self.answered(returns, lambda name: shown if name == whole else None)
        return f"return {value}"

    def answered(self, returns: str, shown: Callable[[str], str | None]) -> str:
        """The value, in the class of its response where it has one."""
        reply = reply_of(returns)
        if reply is None:
            return self.understood(returns, shown)
        given = []
        for field in fields(reply):
            if field.name == "body":
                given.append(self.understood(named(field.type), shown))
            elif field.name == "location":
                where = f"{self.resource.collection}/{{{self.row}.{self.resource.identifier.name}}}"
                given.append(f'location=f"{where}"')
            elif field.default is MISSING:
                raise NotPlain(f"it answers with {field.name}")
        return f"{returns}({', '.join(given)})"

    def understood(self, name: str, shown: Callable[[str], str | None]) -> str:
        found = shown(name)
        if found is None:
            raise NotPlain(f"it answers {name}")
        return found

    def page(self, name: str, shown: str, asked: Mapping[str, str]) -> str | None:
        """The list, in the class of its page where it has one."""
        if name == f"list[{self.resource.schema}]":
            return shown
        page: Any = getattr(schemas, name, None)
        if not (isinstance(page, type) and issubclass(page, BaseModel)):
            return None
        if issubclass(page, RootModel):
            is_list = self.is_list(page.model_fields["root"].annotation)
            return f"schemas.{name}({shown})" if is_list else None
        given = []
        for member, field in page.model_fields.items():
            kind, is_nullable = plain_type(field.annotation)
            value = self.told(member, kind, shown, asked)
            if value is None and field.is_required():
                if not is_nullable:
                    return None
                value = "None"
            given += [f"{member}={value}"] if value is not None else []
        return f"schemas.{name}({', '.join(given)})"

    def told(self, member: str, kind: Any, shown: str, asked: Mapping[str, str]) -> str | None:
        """What a page says in one of its members."""
        if self.is_list(kind):
            return shown
        if kind is int and member in asked:
            return asked[member]
        if kind is int and COUNTS.fullmatch(member):
            return f"await self.{self.rows}.count()"
        is_part = isinstance(kind, type) and issubclass(kind, BaseModel)
        return self.page(kind.__name__, shown, asked) if is_part else None

    def asked(self, method: Method, names: Iterable[str | None]) -> dict[str, str]:
        """How the page that was asked for is written, also where nobody said which."""
        known = arguments(method)
        otherwise = {"page": "1"} | dict.fromkeys(OFFSETS, "0") | dict.fromkeys(LIMITS, "len(rows)")
        return {
            name: f"{name} or {otherwise[name]}" if may_be_absent(known[name]) else name
            for name in names
            if name is not None
        }

    def is_list(self, hint: Any) -> bool:
        element = get_args(hint)[0] if get_origin(hint) is list else None
        return getattr(element, "__name__", "") == self.resource.schema

    # -- what they share --------------------------------------------------------------------------

    def helpers(self) -> Lines:
        columns = self.resource.columns
        read_only = {column.name for column in columns if column.is_read_only}
        structured = [column.name for column in columns if column.sql == "JSONB"]
        begun = [column.name for column in columns if column.begins_itself]
        renamed = {c.name: c.attribute for c in columns if c.attribute != c.name}
        nulls = [column.name for column in columns if column.is_always_shown]
        schema = f"schemas.{self.resource.schema}"
        name = "ATTRIBUTES.get(name, name)" if renamed else "name"
        attributes = f"""

ATTRIBUTES = {renamed!r}
\"\"\"What the table calls otherwise.\"\"\"
"""
        exclude = f"exclude={set_of(read_only)}, " if read_only else ""
        plain = f"""    # what is absent in there stays absent
    plain = body.model_dump(mode="json", exclude_unset=True)
    values |= {{name: plain[name] for name in {structured!r} if name in plain}}
"""
        unsaid = f"    unsaid = [name for name in {begun!r} if values.get(name) is None]\n"
        if_said = " if name not in unsaid" if begun else ""
        columns_of = f"{{{name}: value for name, value in values.items(){if_said}}}"
        or_null = f" or name in {nulls!r}" if nulls else ""
        return f'''{attributes if renamed else ""}

def values_of(body: Any, *, patch: bool = False) -> dict[str, Any]:
    """The columns; of a patch those alone that it names."""
    values: dict[str, Any] = body.model_dump({exclude}exclude_unset=patch)
{plain if structured else ""}{unsaid if begun else ""}\
    return {columns_of if renamed or begun else "values"}


def present({self.row}: {self.resource.row}) -> {schema}:
    """What is absent stays absent, unless the document asks for a null."""
    values = {{name: getattr({self.row}, {name}) for name in {schema}.model_fields}}
    shown = {{name: value for name, value in values.items() if value is not None{or_null}}}
    return {schema}.model_validate(shown)'''.splitlines()


def set_of(names: Iterable[str]) -> str:
    return f"{{{', '.join(map(repr, sorted(names)))}}}"
