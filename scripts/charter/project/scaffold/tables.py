"""Tables that are there: what a resource has and its table lacks, and new lines for it."""

import ast
from pathlib import Path

from charter.project.scaffold import edits
from charter.project.scaffold.resources import Column, Resource
from charter.project.scaffold.writing import MODEL_IMPORTS, Writing

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


def add(table: Table, columns: list[Column], writing: Writing) -> None:
    """The columns behind the last one, and what they import."""
    path, node = table
    before = path.read_text()
    last = [one for one in node.body if isinstance(one, ast.AnnAssign)][-1]
    lines = [writing.column(column) for column in columns]
    text = edits.inserted(before, int(last.end_lineno or 0), [f"    {line}" for line in lines])
    text = edits.with_imports(text, edits.used_of("\n".join(lines), MODEL_IMPORTS))
    path.write_text(edits.tidied(before, text))
