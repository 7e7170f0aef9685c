"""What a Protocol of `generated/` promises, read from its source."""

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

Method = ast.AsyncFunctionDef


@dataclass(frozen=True)
class Promises:
    """One Protocol: its methods, and where the types in their signatures come from."""

    name: str
    docstring: str
    methods: Mapping[str, Method]
    imports: Mapping[str, str]
    """The module of each imported name."""

    @classmethod
    def read(cls, generated: Path, name: str) -> Self | None:
        """The Protocol of that name; None where `generated/` has none."""
        tree = ast.parse((generated / "operations.py").read_text())
        imports: dict[str, str] = {}
        for statement in tree.body:
            if isinstance(statement, ast.ImportFrom):
                module = f"generated.{statement.module}" if statement.level else statement.module
                imports |= {alias.name: str(module) for alias in statement.names}
            if isinstance(statement, ast.ClassDef) and statement.name == name:
                members = [node for node in statement.body if isinstance(node, Method)]
                methods = {node.name: node for node in members}
                return cls(name, ast.get_docstring(statement) or "", methods, imports)
        return None

    def import_lines(self, methods: Iterable[Method]) -> list[str]:
        """What the signatures of some methods need; schemas go by the name of their module."""
        used = {
            node.id
            for method in methods
            for node in ast.walk(method)
            if isinstance(node, ast.Name) and node.id in self.imports
        }
        lines = {
            "from generated import schemas"
            if self.imports[name] == "generated.schemas"
            else f"from {self.imports[name]} import {name}"
            for name in used
        }
        return sorted(lines)

    def signature(self, method: Method) -> str:
        """From `async def` to the colon."""
        bare = ast.parse(f"async def {method.name}(): pass").body[0]
        assert isinstance(bare, Method)
        bare.args = Qualified(self.imports).visit(method.args)
        bare.returns = Qualified(self.imports).visit(method.returns) if method.returns else None
        return ast.unparse(bare).removesuffix("pass").rstrip()


class Qualified(ast.NodeTransformer):
    """`Pet` as `schemas.Pet`, so that a model may be called the same."""

    def __init__(self, imports: Mapping[str, str]) -> None:
        self.imports = imports

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if self.imports.get(node.id) != "generated.schemas":
            return node
        return ast.Attribute(ast.Name("schemas", ast.Load()), node.id, ast.Load())


def annotation(node: ast.expr | None) -> str:
    """What a signature says, without the schemas' module and without None."""
    text = ast.unparse(node).replace("schemas.", "") if node is not None else "None"
    return text.removesuffix(" | None")


def may_be_absent(node: ast.expr | None) -> bool:
    return node is not None and ast.unparse(node).endswith(" | None")


def answer(method: Method) -> str:
    """What a method returns when all is well: nothing, where it may; else the first."""
    first, *others = (ast.unparse(method.returns) if method.returns else "None").split(" | ")
    return "None" if "None" in others else first.removeprefix("schemas.")


def arguments(method: Method) -> dict[str, ast.expr | None]:
    """The keyword arguments, and what is said of their types."""
    return {argument.arg: argument.annotation for argument in method.args.kwonlyargs}
