"""Tables that are there: what a resource has and its table lacks, and new lines for it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from charter.project.scaffold import edits
from charter.project.scaffold.resources import Column, Resource
from charter.project.scaffold.sources import Hint
from charter.project.scaffold.writing import MODEL_IMPORTS, Writing, python

UNTYPED = frozenset({("int", "float"), ("bool", "int"), ("bool", "float"), ("datetime", "date")})
"""Types in a table and in the document that mypy takes for the same, and that lose values."""
Table = tuple[Path, ast.ClassDef]
"""The class of a table, and its file."""


def find(root: Path, name: str) -> Table | None:
    for path in sorted((root / "impl" / "models").glob("*.py")):
        for node in edits.parsed(path).body:
            if isinstance(node, ast.ClassDef) and any(
                isinstance(one, ast.Assign) and ast.unparse(one) == f"__tablename__ = {name!r}"
                for one in node.body
            ):
                return path, node
    return None


def lacking(table: Table, resource: Resource) -> list[Column]:
    """The columns of a resource that a table lacks."""
    _, node = table
    there = {ast.unparse(one.target) for one in node.body if isinstance(one, ast.AnnAssign)}
    there |= {"id", "created_at"} if "Entity" in map(ast.unparse, node.bases) else set()
    return [column for column in resource.columns if column.attribute not in there]


def otherwise(table: Table, resource: Resource) -> Iterator[tuple[int, Column, str]]:
    """The columns whose type in the document is another by now: line, column, type in the table."""
    columns = {column.attribute: column for column in resource.columns}
    for node in table[1].body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.annotation, ast.Subscript):
            column = columns.get(ast.unparse(node.target))
            kept = Hint.of(node.annotation.slice).text
            if column is not None and not column.is_time and kept != python(column):
                yield node.lineno, column, kept


def add(table: Table, columns: list[Column], writing: Writing) -> None:
    """The columns behind the last one, and what they import."""
    path, node = table
    before = path.read_text()
    last = [one for one in node.body if isinstance(one, ast.AnnAssign)][-1]
    lines = [writing.column(column) for column in columns]
    text = edits.inserted(before, int(last.end_lineno or 0), [f"    {line}" for line in lines])
    text = edits.with_imports(text, edits.used_of("\n".join(lines), MODEL_IMPORTS))
    path.write_text(edits.tidied(before, text))
