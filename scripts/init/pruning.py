"""Code without a part of what it speaks of: how the sample resource stays behind."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeGuard

Statements = list[ast.stmt]


def pruned(source: str, about: re.Pattern[str], *, deep: bool = False) -> str:
    """The source without every statement that speaks of something, or needs one that does.

    Statements of modules and classes go as a whole; `deep` looks into functions, too.
    """
    pruning = Pruning(source, about, deep=deep)
    pruning.run()
    return pruning.text()


@dataclass
class Pruning:
    source: str
    about: re.Pattern[str]
    deep: bool
    gone: set[str] = field(default_factory=set)
    """The names that nothing defines any more."""
    lines: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.tree = ast.parse(self.source)
        self.rows = self.source.splitlines(keepends=True)

    def run(self) -> None:
        """Until nothing else has to go: each statement that went may take others with it."""
        before = -1
        while before != len(self.gone) + len(self.lines):
            before = len(self.gone) + len(self.lines)
            self.prune(self.tree.body)

    def prune(self, statements: Statements) -> None:
        for statement in statements:
            if self.is_gone(statement):
                continue
            inner = self.inside(statement)
            if inner is not None and not self.concerns(self.head(statement)):
                self.prune(inner)
                members = list(filter(is_more_than_words, inner))
                if members and all(map(self.is_gone, members)):
                    self.remove(statement)
            elif is_export(statement):
                self.prune_export(statement)
            elif isinstance(statement, ast.Import | ast.ImportFrom):
                self.prune_import(statement)
            elif self.concerns([statement]):
                self.remove(statement)

    def inside(self, statement: ast.stmt) -> Statements | None:
        if isinstance(statement, ast.ClassDef):
            return statement.body
        if self.deep and isinstance(statement, ast.FunctionDef):
            return statement.body
        return None

    def head(self, statement: ast.stmt) -> list[ast.AST]:
        assert isinstance(statement, ast.ClassDef | ast.FunctionDef)
        named: list[ast.AST] = (
            [ast.Name(statement.name)] if self.about.search(statement.name) else []
        )
        return [*named, *statement.decorator_list, *getattr(statement, "bases", [])]

    def concerns(self, nodes: list[ast.AST] | list[ast.stmt]) -> bool:
        for root in nodes:
            if self.about.search(ast.unparse(root)):
                return True
            for node in ast.walk(root):
                if isinstance(node, ast.Name) and node.id in self.gone:
                    return True
                if isinstance(node, ast.arg) and node.arg in self.gone:
                    return True  # a fixture that is gone
        return False

    def prune_import(self, statement: ast.Import | ast.ImportFrom) -> None:
        module = getattr(statement, "module", "") or ""
        for alias in statement.names:
            if self.about.search(f"{module}.{alias.name}"):
                self.gone.add(alias.asname or alias.name)
        left = [alias for alias in statement.names if (alias.asname or alias.name) not in self.gone]
        if not left:
            self.remove(statement)
        elif len(left) < len(statement.names) and statement.lineno not in self.lines:
            names = ", ".join(ast.unparse(alias) for alias in left)
            self.rows[statement.lineno - 1] = f"from {module} import {names}\n"
            self.lines.update(range(statement.lineno + 1, (statement.end_lineno or 0) + 1))

    def prune_export(self, statement: ast.Assign) -> None:
        names = [name for name in ast.literal_eval(statement.value) if name not in self.gone]
        self.rows[statement.lineno - 1] = f"__all__ = {names!r}\n"

    def is_gone(self, statement: ast.stmt) -> bool:
        return first_line(statement) in self.lines

    def remove(self, statement: ast.stmt) -> None:
        self.gone.update(defined(statement))
        first = first_line(statement)
        while first > 1 and self.rows[first - 2].lstrip().startswith("#"):
            first -= 1
        self.lines.update(range(first, (statement.end_lineno or 0) + 1))

    def text(self) -> str:
        return "".join(
            row for number, row in enumerate(self.rows, start=1) if number not in self.lines
        )


def is_more_than_words(statement: ast.stmt) -> bool:
    """Whether it does anything: a docstring and `pass` don't."""
    words = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return not words and not isinstance(statement, ast.Pass)


def is_export(statement: ast.stmt) -> TypeGuard[ast.Assign]:
    return isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__"


def first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def defined(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement gives to something."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield statement.name
        case ast.Assign():
            yield from (target.id for target in statement.targets if isinstance(target, ast.Name))
        case ast.AnnAssign(target=ast.Name() as target):
            yield target.id
        case _:
            return
