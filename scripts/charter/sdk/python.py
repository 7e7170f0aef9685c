"""A client as a Python package: typed models, and a blocking and an async client over httpx2."""

import json
import keyword
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import indent

from charter.generate.names import numbered, unique
from charter.generate.ruff import tidy
from charter.sdk.client import Body, Client, Form, Operation, Parameter, Resource, Stream
from charter.sdk.client import Style as Styled
from charter.sdk.packages import Package, version_of_python
from charter.sdk.reading import first_sentence
from charter.sdk.types import (
    Alias,
    Array,
    Field,
    Kind,
    Literal,
    Map,
    Model,
    Named,
    Type,
    Union,
    model_of,
)
from charter.sdk.words import identifier, pascal, snake, words
from charter.sdk.writing import Files, Writer, explained, put

HERE = Path(__file__).parent
RUNTIME = HERE / "python_runtime"

TAKEN = frozenset(
    {
        "Annotated", "Any", "Date", "DateTime", "False", "File", "Literal", "Model", "Name",
        "None", "Rest", "Tag", "True", "TypeAlias", "UNSET", "UUID", "Union", "Unset", "Upload",
    }
)  # fmt: skip
"""Names that `models` imports; no class of the document may hide them."""
RESOURCE_TAKEN = frozenset(
    {
        "Any", "AsyncIterator", "AsyncioClient", "BlockingClient", "Bytes", "Date", "DateTime",
        "Event", "Events", "File", "Iterator", "Lines", "Literal", "Mapping", "Model",
        "Operation", "Options", "Pages", "Sequence", "Styled", "UNSET", "UUID", "Union", "Unset",
        "Client", "AsyncClient", "deprecated",
    }
)  # fmt: skip
SCALARS = frozenset({"bool", "bytes", "dict", "float", "int", "list", "object", "str"})
"""Types that annotations name; no field may hide them."""
METHODS_TAKEN = (SCALARS - {"list", "dict"}) | {"builtins", "deprecated", "models"}
ARGUMENTS_TAKEN = frozenset({"self", "options"})
ATTRIBUTES_TAKEN = frozenset({"all", "close", "send", "stream"})
KINDS = {
    Kind.ANY: "Any",
    Kind.BINARY: "File",
    Kind.BOOLEAN: "bool",
    Kind.DATE: "Date",
    Kind.DATE_TIME: "DateTime",
    Kind.INTEGER: "int",
    Kind.NULL: "None",
    Kind.NUMBER: "float",
    Kind.STRING: "str",
    Kind.UUID: "UUID",
}
READERS = {Stream.BYTES: "Bytes", Stream.EVENTS: "Events", Stream.LINES: "Lines"}


def render(client: Client, package: Package) -> Files:
    """All files of the package, by their paths."""
    writer = PythonWriter(client, package)
    files = dict(writer.modules())
    files |= {
        f"{package.module}/_runtime/{path.name}": path.read_text()
        for path in sorted(RUNTIME.glob("*.py"))
    }
    files[f"{package.module}/py.typed"] = ""
    return files | in_order(files)


@dataclass(frozen=True)
class Argument:
    """A parameter or a member of the body, as an argument of a method."""

    name: str
    annotation: str
    is_required: bool
    wire_name: str
    value: str
    """The expression that hands it on."""
    description: str


@dataclass(frozen=True)
class Method:
    operation: Operation
    name: str
    constant: str
    positional: tuple[Argument, ...]
    keywords: tuple[Argument, ...]
    """The required ones first."""
    places: Mapping[str, tuple[Argument, ...]]
    """Those of `path`, `query`, `header` and `cookie`."""
    body: str
    """The expression of the body, or nothing."""
    takes_key: bool
    result: str
    errors: Mapping[str, str]


class PythonWriter(Writer):
    def __init__(self, client: Client, package: Package) -> None:
        version = version_of_python(client.version)
        super().__init__(client, package, HERE / "python_templates", version)
        self.templates.filters |= {
            "docstring": docstring,
            "inline": inline,
            "python": python,
            "toml": lambda text: json.dumps(text, ensure_ascii=False),
        }
        self.templates.globals["READERS"] = READERS

    def modules(self) -> Iterator[tuple[str, str]]:
        module = self.package.module
        for name in ("__init__", "client", "errors", "models"):
            yield f"{module}/{name}.py", self.render(f"{name}.jinja2")
        yield f"{module}/resources/__init__.py", '"""The operations, by their tags."""\n'
        for resource in self.client.resources:
            path = f"{module}/resources/{self.attributes[resource.name]}.py"
            yield path, self.render("resource.jinja2", resource=resource)
        for name in ("pyproject.toml", "README.md"):
            yield name, self.render(f"{name}.jinja2")

    # -- types ------------------------------------------------------------------------------------

    def type(self, type_: Type, prefix: str = "", *, takes: bool = False) -> str:
        """An annotation; `takes` where it is enough that a value can be read like the type."""
        match type_:
            case Kind():
                return KINDS[type_]
            case Literal(values):
                return f"Literal[{', '.join(map(python, values))}]"
            case Array(item):
                array = "Sequence" if takes else f"{'builtins.' if prefix else ''}list"
                return f"{array}[{self.type(item, prefix, takes=takes)}]"
            case Map(value):
                mapping = "Mapping" if takes else f"{'builtins.' if prefix else ''}dict"
                return f"{mapping}[str, {self.type(value, prefix, takes=takes)}]"
            case Named(name) if name in self.simple:
                return self.type(self.simple[name], prefix)
            case Named(name):
                return prefix + name if name not in self.circular else "Any"
            case Union(members, discriminator):
                made = " | ".join(self.type(one, prefix, takes=takes) for one in members)
                if discriminator is None or takes:
                    return made
                tag = f"Tag({discriminator.member!r}, {discriminator.values!r})"
                return f"Annotated[{made}, {tag}]"

    def value(self, type_: Type) -> str:
        """The same as a value, which may be no union of what is no class."""
        if isinstance(type_, Named) and type_.name in self.simple:
            return self.value(self.simple[type_.name])
        if isinstance(type_, Union):
            return f"Union[{', '.join(map(self.value, type_.members))}]"
        return self.type(type_, "models.")

    @cached_property
    def circular(self) -> frozenset[str]:
        """Aliases that lead back to themselves without a class between, which Python can't say."""
        return frozenset(name for name in self.client.definitions if self._leads_back(name))

    def _leads_back(self, name: str) -> bool:
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            definition = self.client.definitions[waiting.pop()]
            if not isinstance(definition, Alias):
                continue
            for reached in named(definition.type):
                if reached == name:
                    return True
                if reached not in seen:
                    seen.add(reached)
                    waiting.append(reached)
        return False

    @cached_property
    def aliases(self) -> list[Alias]:
        """Each after those that it is made of."""
        ordered: dict[str, Alias] = {}

        def add(name: str) -> None:
            definition = self.client.definitions[name]
            if isinstance(definition, Alias) and name not in ordered and name not in self.circular:
                for reached in named(definition.type):
                    add(reached)
                ordered[name] = definition

        for name in self.client.definitions:
            add(name)
        return [one for name, one in ordered.items() if name not in self.simple]

    def fields(self, model: Model) -> list[tuple[str, Field]]:
        """With their attributes; the required ones first."""
        names = unique((one.name for one in model.fields), attribute, {"additional"})
        ordered = sorted(model.fields, key=lambda one: not one.is_required)
        return [(names[one.name], one) for one in ordered]

    def field_type(self, field: Field, name: str) -> str:
        made = self.type(field.type)
        if not field.is_required:
            made = f"{made} | Unset"
        return made if name == field.name else f"Annotated[{made}, Name({field.name!r})]"

    # -- operations -------------------------------------------------------------------------------

    @cached_property
    def attributes(self) -> dict[str, str]:
        """The attributes of the client, by tag."""
        return unique((one.name for one in self.client.resources), argument, ATTRIBUTES_TAKEN)

    @cached_property
    def resource_classes(self) -> dict[str, str]:
        taken = RESOURCE_TAKEN | {f"Async{name}" for name in RESOURCE_TAKEN}
        tags = [one.name for one in self.client.resources]
        return unique(tags, pascal, taken)

    def methods(self, resource: Resource) -> list[Method]:
        taken: set[str] = set()
        return [self._method(operation, taken) for operation in resource.operations]

    def _method(self, operation: Operation, taken: set[str]) -> Method:
        wanted = identifier("_".join(words(operation.name)))
        wanted = f"{wanted}_" if keyword.iskeyword(wanted) or wanted in METHODS_TAKEN else wanted
        name = numbered(wanted, taken)
        taken |= {name, f"{name}_all", f"{name}_stream"}
        takes_key = any(one.is_idempotency_key for one in operation.parameters)
        used = set(ARGUMENTS_TAKEN)
        if takes_key:
            used.add("idempotency_key")
        places: dict[str, list[Argument]] = {}
        keywords: list[Argument] = []
        for parameter in operation.parameters:
            if parameter.is_idempotency_key:
                continue
            made = self._argument(parameter, numbered(argument(parameter.name), used))
            used.add(made.name)
            places.setdefault(parameter.place, []).append(made)
            if parameter.place != "path":
                keywords.append(made)
        members = self._members(operation.body, used)
        whole = self._whole(operation.body, used) if members is None else []
        keywords += whole if members is None else members
        return Method(
            operation=operation,
            name=name,
            constant=f"_{name.strip('_').upper()}",
            positional=tuple(places.get("path", ())),
            keywords=tuple(sorted(keywords, key=lambda one: not one.is_required)),
            places={place: tuple(made) for place, made in places.items()},
            body=self._body(operation.body, members, whole),
            takes_key=takes_key,
            result=self.type(operation.result, "models."),
            errors=dict(self._errors(operation)),
        )

    def _argument(self, parameter: Parameter, name: str) -> Argument:
        annotation = self.type(parameter.type, "models.", takes=True)
        if parameter.takes_version:
            annotation = f"{annotation} | Model"
        return Argument(
            name,
            annotation,
            parameter.is_required,
            parameter.name,
            styled(name, parameter.style),
            parameter.description,
        )

    def _members(self, body: Body | None, used: set[str]) -> list[Argument] | None:
        """The members of the body, where it is an object whose members can be arguments."""
        model = model_of(self.client.definitions, body.type) if body is not None else None
        if body is None or model is None or model.rest is not None:
            return None
        fields = [one for one in model.fields if not one.is_read_only]
        names = unique((one.name for one in fields), argument)
        is_clash = bool(used & set(names.values()))
        is_choice = not body.is_required and any(one.is_required for one in fields)
        if is_clash or is_choice or not fields:
            return None
        return [
            Argument(
                names[one.name],
                self.type(one.type, "models.", takes=True),
                one.is_required,
                one.name,
                styled(names[one.name], body.styles.get(one.name)),
                one.description,
            )
            for one in fields
        ]

    def _whole(self, body: Body | None, used: set[str]) -> list[Argument]:
        if body is None:
            return []
        wanted = "content" if body.form in (Form.BINARY, Form.TEXT) else "body"
        name, annotation = numbered(wanted, used), self.type(body.type, "models.", takes=True)
        return [Argument(name, annotation, body.is_required, "", name, "The body of the request.")]

    def _body(
        self, body: Body | None, members: list[Argument] | None, whole: list[Argument]
    ) -> str:
        if body is None:
            return ""
        if members is None:
            return whole[0].value
        inner = "{" + ", ".join(f"{one.wire_name!r}: {one.value}" for one in members) + "}"
        return inner if body.is_required else f"unless_empty({inner})"

    def page_arguments(self, operation: Operation) -> str:
        """Where a page has its rows and the next cursor, by attributes."""
        paging, model = operation.paging, model_of(self.client.definitions, operation.result)
        if paging is None or model is None:
            return ""
        names = {field.name: name for name, field in self.fields(model)}
        arguments = {
            "rows": names.get(paging.rows or ""),
            "cursor": paging.cursor,
            "next_cursor": names.get(paging.next_cursor or ""),
        }
        return ", ".join(f"{name}={python(value)}" for name, value in arguments.items() if value)

    def about(self, method: Method, first: str = "") -> str:
        """What a method does, and what its arguments mean."""
        arguments = [one for one in (*method.positional, *method.keywords) if one.description]
        lines = [f"    {one.name}: {first_sentence(one.description)}" for one in arguments]
        made = explained(method.operation, first, ["Arguments:", *lines] if lines else [])
        return f"{method.operation.deprecation}\n\n{made}".lstrip()

    def warning(self, operation: Operation) -> str:
        """What a call of a deprecated method says; empty for any other one."""
        said = operation.deprecation.replace("Deprecated", "is deprecated", 1)
        return f"{operation.method} {operation.path} {said}" if said else ""

    def _errors(self, operation: Operation) -> Iterator[tuple[str, str]]:
        """Those that the class of the status does not say already."""
        declared = {one.key: one.type for one in self.client.statuses}
        for status, type_ in operation.errors.items():
            if declared.get(status) != type_:
                yield status, self.value(type_)


def named(type_: Type) -> Iterator[str]:
    """The names in a type."""
    match type_:
        case Named(name):
            yield name
        case Array(item):
            yield from named(item)
        case Map(value):
            yield from named(value)
        case Union(members, _):
            for member in members:
                yield from named(member)


def attribute(name: str) -> str:
    made = argument(name)
    return f"{made}_" if made in SCALARS else made


def argument(name: str) -> str:
    made = snake(name)
    return f"{made}_" if keyword.iskeyword(made) else made


def styled(name: str, style: Styled | None) -> str:
    return name if style is None else f"Styled({name}, {style.name!r}, explode={style.explode})"


def python(value: object) -> str:
    """A value as Python source, in double quotes where that is as short."""
    made = repr(value)
    is_plain = isinstance(value, str) and '"' not in made and made.startswith("'")
    return f'"{made[1:-1]}"' if is_plain and "\\'" not in made else made


def docstring(text: str, spaces: int = 0) -> str:
    """Text between three quotes, of which the last stand on a line of their own after several."""
    lines = [line.rstrip() for line in inline(text.strip()).splitlines()]
    if len(lines) > 1:
        return f'"""{indent(chr(10).join(lines), " " * spaces).lstrip()}\n{" " * spaces}"""'
    made = "".join(lines)
    return f'"""{made} """' if made.endswith('"') else f'"""{made}"""'


def inline(text: str) -> str:
    """Text as it may stand between three quotes."""
    return text.replace("\\", "\\\\").replace('"""', "'''")


FIX = (
    "--select", "I,F401", "--ignore-noqa", "--config", "lint.isort.combine-as-imports = true",
)  # fmt: skip


def in_order(files: Files) -> Files:
    """The modules without imports that nothing uses, formatted."""
    with TemporaryDirectory(prefix="charter-sdk-") as directory:
        folder = Path(directory)
        put({name: text for name, text in files.items() if is_made(name)}, folder)
        tidy(folder, FIX, "The client")
        return {
            str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*.py"))
        }


def is_made(name: str) -> bool:
    """Whether a file is a module that is written for this document."""
    return name.endswith(".py") and "/_runtime/" not in name and "__init__" not in name
