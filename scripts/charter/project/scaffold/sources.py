"""What `generated/` says, read from its sources: Protocols, models and replies."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

Method = ast.AsyncFunctionDef | ast.FunctionDef
"""The latter of a stream, which an async generator may begin."""


@dataclass(frozen=True)
class Hint:
    """A type as it is written, without None and without the remarks of `Annotated`."""

    text: str
    may_be_none: bool

    @classmethod
    def of(cls, node: ast.expr | None) -> "Hint":
        parts = [] if node is None else list(alternatives(unannotated(node)))
        kinds = [part for part in parts if not is_none(part)]
        return cls(" | ".join(map(ast.unparse, kinds)) or "None", len(kinds) < len(parts))

    @property
    def element(self) -> str | None:
        """Of a list, the type of its elements."""
        is_list = self.text.startswith("list[") and self.text.endswith("]")
        return self.text[5:-1] if is_list else None


@dataclass(frozen=True)
class Field:
    """A member of a model, or a field of a reply."""

    name: str
    hint: Hint
    wire_name: str
    is_required: bool


@dataclass(frozen=True)
class ServiceProtocol:
    """One Protocol: its methods, and where the types in their signatures come from."""

    name: str
    docstring: str
    methods: Mapping[str, Method]
    imports: Mapping[str, str]
    """The module of each imported name."""

    def import_lines(self, methods: Iterable[Method]) -> list[str]:
        """What the signatures of some methods need; schemas go by the name of their module."""
        names = {name for method in methods for name in used(method)}
        return sorted(
            "from generated import schemas"
            if self.imports[name] == "generated.schemas"
            else f"from {self.imports[name]} import {name}"
            for name in names & self.imports.keys()
        )

    def signature(self, method: Method) -> str:
        """From `def` to the colon; classes of schemas with the name of their module."""
        schemas = {name for name, module in self.imports.items() if module == "generated.schemas"}
        keyword = "async def" if isinstance(method, ast.AsyncFunctionDef) else "def"
        bare = ast.parse(f"{keyword} {method.name}(): pass").body[0]
        assert isinstance(bare, Method)
        copy = ast.parse(ast.unparse(method)).body[0]
        assert isinstance(copy, Method)
        bare.args = Qualified(schemas).visit(copy.args)
        bare.returns = Qualified(schemas).visit(copy.returns) if copy.returns else None
        return ast.unparse(bare).removesuffix("pass").rstrip()


class Sources:
    """The modules of `generated/`, as trees."""

    def __init__(self, generated: Path) -> None:
        self.trees = {
            name: Unaliased().visit(ast.parse((generated / f"{name}.py").read_text()))
            for name in ("operations", "responses", "schemas", "security")
        }

    def protocol(self, name: str) -> ServiceProtocol | None:
        """The Protocol of that name; None where `generated/` has none."""
        found = self.classes("operations").get(name)
        if found is None:
            return None
        methods = {node.name: node for node in found.body if isinstance(node, Method)}
        imports = self.imports("operations")
        return ServiceProtocol(name, ast.get_docstring(found) or "", methods, imports)

    def classes(self, module: str) -> dict[str, ast.ClassDef]:
        return {n.name: n for n in self.trees[module].body if isinstance(n, ast.ClassDef)}

    @cached_property
    def schemas(self) -> dict[str, ast.ClassDef]:
        return self.classes("schemas")

    def imports(self, module: str) -> dict[str, str]:
        """The module of each name that a module imports."""
        return {
            alias.name: f"generated.{node.module}" if node.level else str(node.module)
            for node in self.trees[module].body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }

    def bases(self, name: str) -> list[str]:
        return [ast.unparse(base) for base in self.schemas[name].bases]

    def is_object(self, name: str) -> bool:
        """Whether it is the class of an object with members of its own."""
        if name not in self.schemas:
            return False
        return any(base == "Model" or self.is_object(base) for base in self.bases(name))

    def is_text_enum(self, name: str) -> bool:
        return name in self.schemas and self.bases(name) == ["StrEnum"]

    def root(self, name: str) -> Hint | None:
        """The type that a RootModel wraps."""
        base = self.schemas[name].bases[0] if name in self.schemas else None
        is_root = isinstance(base, ast.Subscript) and ast.unparse(base.value) == "RootModel"
        return Hint.of(base.slice) if is_root and isinstance(base, ast.Subscript) else None

    def keeps_undeclared(self, name: str) -> bool:
        """Whether an object keeps members that the document does not name."""
        text = ast.unparse(self.schemas[name])
        inherited = any(base in self.schemas and self.keeps_undeclared(base)
                        for base in self.bases(name))  # fmt: skip
        return inherited or "extra='allow'" in text

    def members(self, name: str) -> dict[str, Field]:
        """Those of an object, with those that it inherits."""
        found: dict[str, Field] = {}
        for base in self.bases(name):
            if base in self.schemas:
                found |= self.members(base)
        return found | fields(self.schemas[name])

    def reply(self, name: str) -> dict[str, Field] | None:
        """The fields of an answer with headers; None where it is no such class."""
        found = self.classes("responses").get(name)
        return None if found is None else fields(found)


class Unaliased(ast.NodeTransformer):
    """`date_aliased` as `date`: models have members that are called as their types."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}

    def visit_alias(self, node: ast.alias) -> ast.alias:
        if node.asname is not None:
            self.names[node.asname] = node.name
        return node

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)


class Qualified(ast.NodeTransformer):
    """`Pet` as `schemas.Pet`, so that a model may be called the same."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = set(names)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id not in self.names:
            return node
        return ast.Attribute(ast.Name("schemas", ast.Load()), node.id, ast.Load())


def qualified(hint: str, names: Iterable[str]) -> str:
    return ast.unparse(Qualified(names).visit(ast.parse(hint, mode="eval")))


def used(node: ast.AST) -> set[str]:
    return {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}


def fields(node: ast.ClassDef) -> dict[str, Field]:
    found = {}
    for child in node.body:
        if isinstance(child, ast.AnnAssign) and isinstance(child.target, ast.Name):
            text = ast.unparse(child.annotation)
            if not text.startswith("ClassVar"):
                name = child.target.id
                wire = alias(child.annotation) or name
                found[name] = Field(name, Hint.of(child.annotation), wire, child.value is None)
    return found


def alias(node: ast.expr) -> str | None:
    """The name in JSON, where it differs from that of the member."""
    values = (
        keyword.value
        for call in ast.walk(node)
        if isinstance(call, ast.Call)
        for keyword in call.keywords
        if keyword.arg == "alias"
    )
    return next((str(ast.literal_eval(value)) for value in values), None)


def unannotated(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Annotated":
        assert isinstance(node.slice, ast.Tuple)
        return node.slice.elts[0]
    return node


def alternatives(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        yield from alternatives(node.left)
        yield from alternatives(node.right)
    else:
        yield node


def is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def answer(method: Method) -> Hint:
    """The type of the successful answer: None where that is allowed, else the first."""
    nothing = Hint("None", True)
    if method.returns is None:
        return nothing
    hints = [Hint.of(part) for part in alternatives(method.returns)]
    return nothing if nothing in hints else hints[0]


def arguments(method: Method) -> dict[str, Hint]:
    """The keyword arguments and their types."""
    return {argument.arg: Hint.of(argument.annotation) for argument in method.args.kwonlyargs}


def principal(method: Method) -> Hint | None:
    """The type of the principal; None where the operation is public."""
    found = [a for a in method.args.args if a.arg == "principal"]
    return Hint.of(found[0].annotation) if found else None
