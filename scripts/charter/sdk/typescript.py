"""A client as a TypeScript package: interfaces, and a client over `fetch` without dependencies."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from charter.generate.names import numbered, unique
from charter.sdk.client import Body, Client, Operation, Parameter, Resource
from charter.sdk.client import Style as Styled
from charter.sdk.packages import Package, version_of_npm
from charter.sdk.reading import first_sentence
from charter.sdk.types import Alias, Array, Kind, Literal, Map, Named, Type, Union
from charter.sdk.words import camel, identifier, pascal, words
from charter.sdk.writing import Files, Writer, explained

HERE = Path(__file__).parent
TAKEN = frozenset({"Array", "Binary", "Blob", "Record"})
"""Names that `models` uses; no type of the document may hide them."""
RESOURCE_TAKEN = frozenset({"Client", "HttpClient", "Operation", "Options", "Promise", "Styled"})
RESERVED = frozenset(
    {
        "arguments", "await", "break", "case", "catch", "class", "const", "continue", "debugger",
        "default", "delete", "do", "else", "enum", "eval", "export", "extends", "false",
        "finally", "for", "function", "if", "implements", "import", "in", "instanceof",
        "interface", "let", "new", "null", "package", "private", "protected", "public", "return",
        "static", "super", "switch", "this", "throw", "true", "try", "typeof", "undefined", "var",
        "void", "while", "with", "yield", "body", "params", "options", "models", "runtime",
    }
)  # fmt: skip
"""Words that no argument may be called."""
ATTRIBUTES_TAKEN = frozenset(
    {"all", "constructor", "send", "streamBytes", "streamEvents", "streamLines"}
)
"""What the client inherits; a tag of such a name gets a number."""
IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")
MODELS = ("type Binary",)
RUNTIME = (
    "ApiError", "ClientError", "ServerError", "Styled", "hasStatus", "withStyles", "type Binary",
    "type Errors", "type HttpClient", "type Operation", "type Options", "type Pages",
    "type ServerEvent",
)  # fmt: skip
"""What modules import of the runtime, where they use it."""
KINDS = {
    Kind.ANY: "unknown",
    Kind.BINARY: "Binary",
    Kind.BOOLEAN: "boolean",
    Kind.DATE: "string",
    Kind.DATE_TIME: "string",
    Kind.INTEGER: "number",
    Kind.NULL: "null",
    Kind.NUMBER: "number",
    Kind.STRING: "string",
    Kind.UUID: "string",
}


def render(client: Client, package: Package) -> Files:
    """The sources of the package, by their paths; `tsc` makes the rest of it."""
    files = dict(TypeScriptWriter(client, package).modules())
    files["src/runtime.ts"] = (HERE / "typescript_runtime" / "runtime.ts").read_text()
    return files


@dataclass(frozen=True)
class Argument:
    """A parameter, as an argument of a method or a member of its `params`."""

    name: str
    type: str
    parameter: Parameter

    def value(self) -> str:
        of = self.name if self.parameter.place == "path" else f"params.{self.name}"
        return styled(of, self.parameter.style)


@dataclass(frozen=True)
class Method:
    operation: Operation
    name: str
    constant: str
    positional: tuple[Argument, ...]
    params: tuple[Argument, ...]
    body: str
    """The type of the body, or nothing."""
    result: str

    @property
    def places(self) -> Mapping[str, list[Argument]]:
        found: dict[str, list[Argument]] = {}
        for argument in (*self.positional, *self.params):
            found.setdefault(argument.parameter.place, []).append(argument)
        return found

    @property
    def signature(self) -> str:
        made = [f"{one.name}: {one.type}" for one in self.positional]
        body, needs = self.operation.body, any(one.parameter.is_required for one in self.params)
        if body is not None and (body.is_required or not needs):
            made.append(f"body{'' if body.is_required else '?'}: {self.body}")
        elif body is not None:
            made.append(f"body: {self.body} | undefined")
        if self.params:
            made.append(
                f"params: {block(map(member, self.params), '; ')}{'' if needs else ' = {}'}"
            )
        return ", ".join([*made, "options?: Options"])

    @property
    def call(self) -> str:
        """The arguments of the operation, as an object."""
        made = []
        for place, arguments in self.places.items():
            values = (f"{key(one.parameter.name)}: {one.value()}" for one in arguments)
            made.append(f"{place}: {block(values, ', ', 8)}")
        if self.operation.body is not None:
            made.append(body_of(self.operation.body))
        return block(made, ", ", 6) if made else "{}"


class TypeScriptWriter(Writer):
    def __init__(self, client: Client, package: Package) -> None:
        version = version_of_npm(client.version)
        super().__init__(client, package, HERE / "typescript_templates", version)
        self.templates.filters |= {"comment": comment, "js": js, "key": key}
        self.templates.globals["MODELS"] = MODELS

    def modules(self) -> Iterator[tuple[str, str]]:
        for name in ("client", "errors", "index", "models"):
            yield f"src/{name}.ts", self.render(f"{name}.ts.jinja2")
        for resource in self.client.resources:
            path = f"src/resources/{self.files[resource.name]}.ts"
            yield path, self.render("resource.ts.jinja2", resource=resource)
        for name in ("README.md", "package.json", "tsconfig.json"):
            yield name, self.render(f"{name}.jinja2")

    # -- types ------------------------------------------------------------------------------------

    def type(self, type_: Type, prefix: str = "", *, is_result: bool = False) -> str:
        match type_:
            case Kind.BINARY if is_result:
                return "Blob"
            case Kind():
                return KINDS[type_]
            case Literal(values):
                return " | ".join(map(js, values))
            case Array(item):
                made = self.type(item, prefix, is_result=is_result)
                return f"({made})[]" if " | " in made else f"{made}[]"
            case Map(value):
                return f"{{ [name: string]: {self.type(value, prefix, is_result=is_result)} }}"
            case Named(name) if name in self.simple:
                return self.type(self.simple[name], prefix, is_result=is_result)
            case Named(name):
                return prefix + name
            case Union(members, _):
                made_of = (self.type(one, prefix, is_result=is_result) for one in members)
                return " | ".join(dict.fromkeys(made_of))

    def result(self, type_: Type) -> str:
        """What a method promises; no content is nothing at all."""
        return "void" if type_ is Kind.NULL else self.type(type_, "models.", is_result=True)

    @cached_property
    def aliases(self) -> list[Alias]:
        found = (one for one in self.client.definitions.values() if isinstance(one, Alias))
        return [one for one in found if one.name not in self.simple]

    # -- operations -------------------------------------------------------------------------------

    @cached_property
    def attributes(self) -> dict[str, str]:
        """The attributes of the client, by tag."""
        return unique((one.name for one in self.client.resources), camel, ATTRIBUTES_TAKEN)

    @cached_property
    def files(self) -> dict[str, str]:
        """Of the resources, by tag; file systems may not tell upper from lower case."""
        tags = [one.name for one in self.client.resources]
        return unique(tags, lambda tag: "-".join(words(tag)))

    @cached_property
    def resource_classes(self) -> dict[str, str]:
        tags = [one.name for one in self.client.resources]
        return unique(tags, pascal, RESOURCE_TAKEN)

    def methods(self, resource: Resource) -> list[Method]:
        taken = {"constructor"}
        return [self._method(operation, taken) for operation in resource.operations]

    def _method(self, operation: Operation, taken: set[str]) -> Method:
        name = numbered(camel(operation.name), taken, "")
        taken |= {name, f"{name}All", f"{name}Stream"}
        used = set(RESERVED)
        positional: list[Argument] = []
        params: list[Argument] = []
        for parameter in operation.parameters:
            argument = self._argument(parameter, used)
            (positional if parameter.place == "path" else params).append(argument)
        body = operation.body
        return Method(
            operation=operation,
            name=name,
            constant="_".join(words(name)).upper() if not name[0].isdigit() else name,
            positional=tuple(positional),
            params=tuple(params),
            body=self.type(body.type, "models.") if body is not None else "",
            result=self.result(operation.result),
        )

    def _argument(self, parameter: Parameter, used: set[str]) -> Argument:
        name = numbered(identifier(camel(parameter.name)), used, "")
        used.add(name)
        type_ = self.type(parameter.type, "models.")
        return Argument(name, f"{type_} | object" if parameter.takes_version else type_, parameter)

    def imports(self, code: str, folder: str = "./", names: tuple[str, ...] = RUNTIME) -> str:
        """Those that the code uses: the strictest settings of `tsc` allow no others."""
        code = re.sub(r"/\*.*?\*/", "", code, flags=re.DOTALL)
        used = [name for name in names if re.search(rf"(?<![.\w]){name.split()[-1]}\b", code)]
        made = f'import {{ {", ".join(used)} }} from "{folder}runtime.js";\n' if used else ""
        if "models." in code and names is RUNTIME:
            made = f'import type * as models from "{folder}models.js";\n{made}'
        return made

    def about(self, method: Method, first: str = "") -> str:
        """What a method does, and what its arguments mean."""
        operation = method.operation
        lines = [
            f"@param {'' if one in method.positional else 'params.'}{one.name} - "
            f"{first_sentence(one.parameter.description)}"
            for one in (*method.positional, *method.params)
            if one.parameter.description
        ]
        if operation.deprecation:
            lines.append(f"@deprecated {operation.deprecation}")
        return explained(operation, first, lines)


def block(members: Iterable[str], separator: str, spaces: int = 4) -> str:
    """Members in braces: on one line, or on a line each where they are many."""
    made = list(members)
    if len(separator.join(made)) < 60:
        return f"{{ {separator.join(made)} }}"
    lines = (f"{' ' * (spaces)}{one}{separator.strip()}\n" for one in made)
    return f"{{\n{''.join(lines)}{' ' * (spaces - 2)}}}"


def member(argument: Argument) -> str:
    if argument.parameter.is_required:
        return f"{argument.name}: {argument.type}"
    return f"{argument.name}?: {argument.type} | undefined"


def styled(of: str, style: Styled | None) -> str:
    return of if style is None else f"new Styled({of}, {js(style.name)}, {js(style.explode)})"


def body_of(body: Body) -> str:
    if not body.styles:
        return "body"
    styles = ", ".join(
        f"{key(name)}: [{js(style.name)}, {js(style.explode)}]"
        for name, style in body.styles.items()
    )
    return f"body: withStyles(body ?? {{}}, {{ {styles} }})"


def js(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def key(name: str) -> str:
    return name if IDENTIFIER.fullmatch(name) else js(name)


def comment(text: str) -> str:
    """Text as it may stand in a comment: on one line, or with a star before each."""
    lines = [line.rstrip() for line in text.strip().replace("*/", r"*\/").splitlines()]
    if len(lines) < 2:
        return f"/** {''.join(lines)} */"
    return "\n".join(["/**", *(f" * {line}".rstrip() for line in lines), " */"])
