"""Tables that are there: what a resource has and its table lacks, and new lines for it."""

import ast
from pathlib import Path

from charter.project.scaffold import edits
from charter.project.scaffold.resources import Call, Column, Resource
from charter.project.scaffold.sources import Method
from charter.project.scaffold.writing import Writing


def find(root: Path, table: str) -> tuple[Path, ast.ClassDef] | None:
    """The class of a table, and its file."""
    for path in sorted((root / "impl" / "models").glob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and any(
                isinstance(one, ast.Assign) and ast.unparse(one) == f"__tablename__ = {table!r}"
                for one in node.body
            ):
                return path, node
    return None


def lacking(node: ast.ClassDef, resource: Resource) -> list[Column]:
    """The columns of a resource that a table lacks."""
    there = {ast.unparse(one.target) for one in node.body if isinstance(one, ast.AnnAssign)}
    there |= {"id", "created_at"} if "Entity" in map(ast.unparse, node.bases) else set()
    return [column for column in resource.columns if column.attribute not in there]


def add(path: Path, node: ast.ClassDef, columns: list[Column], writing: Writing) -> None:
    """The columns behind the last one, and what they import."""
    text = path.read_text()
    last = [one for one in node.body if isinstance(one, ast.AnnAssign)][-1]
    lines = edits.members([writing.column(column) for column in columns])
    text = edits.inserted(text, int(last.end_lineno or 0), lines)
    wanted = set(ast.parse(writing.model()).body)
    known = {
        alias.name: str(one.module)
        for one in wanted
        if isinstance(one, ast.ImportFrom)
        for alias in one.names
    }
    used = {one.id for one in ast.walk(ast.parse("\n".join(line.strip() for line in lines)))
            if isinstance(one, ast.Name)}  # fmt: skip
    imports = [f"from {known[name]} import {name}" for name in sorted(used & known.keys())]
    path.write_text(edits.with_imports(text, imports))


def use(path: Path, columns: list[Column], writing: Writing) -> list[str]:
    """Name the columns where the service makes, changes and shows rows.

    Only what is written as scaffold writes it grows; of the rest is said what it lacks.
    """
    uses = Uses(path.read_text(), writing)
    for column in columns:
        uses.add(column)
    path.write_text(uses.text)
    return [f"{path.name}: {words}" for words in uses.undone]


class Uses:
    """The text of a service, which learns of new columns."""

    def __init__(self, text: str, writing: Writing) -> None:
        self.text = text
        self.writing = writing
        self.undone: list[str] = []

    def add(self, column: Column) -> None:
        writing = self.writing
        row = writing.resource.row
        if writing.is_adapted(column):
            self.adapt(column)
        if (given := writing.given.get(column.name)) is not None:
            line = f"{column.attribute}={writing.kept(column, given)},"
            self.grow(row, line, f"keep {column.name} where a {row} is made.")
        for name in writing.shown:
            shown = f"schemas.{name}"
            words = f"show {column.name} where {shown} is made"
            self.grow(shown, f"{column.name}={writing.told(column)},", f"{words}.")
            if writing.may_be_absent(column):
                wanted = f"{words}, and leave it out (omitting) where it is None."
                self.grow("omitting", f'"{column.name}",', wanted, around=shown)
        for kind in (("PUT", True), ("PATCH", True)):
            if kind in writing.resource.calls:
                self.change(column, writing.resource.calls[kind])

    def adapt(self, column: Column) -> None:
        node = next(one for one in ast.parse(self.text).body if isinstance(one, ast.ClassDef))
        lines = ["", "", self.writing.adapter(column)]
        self.text = edits.inserted(self.text, int(node.end_lineno or 0), lines)
        self.text = edits.with_import(self.text, "pydantic", "TypeAdapter")

    def grow(self, function: str, line: str, words: str, around: str = "") -> None:
        """An argument more in each call of a function whose arguments have lines of their own."""
        calls = [
            node
            for node in ast.walk(ast.parse(self.text))
            if isinstance(node, ast.Call)
            and ast.unparse(node.func) == function
            and (node.args or node.keywords)
            and (not around or ast.unparse(node.args[0]).startswith(f"{around}("))
        ]
        rows = self.text.splitlines()
        is_done = False
        for call in sorted(calls, key=lambda node: -node.lineno):
            last: ast.expr | ast.keyword = (call.keywords or call.args)[-1]
            end = int(last.end_lineno or 0)
            indent = rows[last.lineno - 1][: last.col_offset]
            if not indent.strip() and int(call.end_lineno or 0) > end:
                self.text = edits.inserted(self.text, end, edits.argument(line, len(indent)))
                is_done = True
        if not is_done:
            self.undone.append(words)

    def change(self, column: Column, call: Call) -> None:
        """Before the row is saved."""
        writing = self.writing
        if column.name not in writing.changed(call):
            return
        for node in ast.walk(ast.parse(self.text)):
            if isinstance(node, Method) and node.name == call.method.name:
                for statement in node.body:
                    if ast.unparse(statement) == writing.saved:
                        lines = [f"        {line}" for line in writing.assigned(call, column.name)]
                        lines = edits.members(["    def _():", *lines])[1:]
                        self.text = edits.inserted(self.text, edits.first_line(statement), lines)
                        return
        self.undone.append(f"change {column.name} in {call.method.name}.")
