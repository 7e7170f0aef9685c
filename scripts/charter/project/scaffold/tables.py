"""Tables that are there: what a resource has and its table lacks, and new lines for it."""

import ast
from pathlib import Path

from charter.project.scaffold import edits
from charter.project.scaffold.resources import Column, Resource
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
    """Name the columns where the service makes rows and shows them.

    Only calls whose arguments stand on lines of their own grow; what can't is told.
    """
    untouched = []
    for column in columns:
        text = path.read_text()
        made = grown(text, writing.resource.row, f"{column.attribute}=", value_of(column, writing))
        if made is None and column.name in writing.given:
            untouched.append(f"{path}: keep {column.name} where a {writing.resource.row} is made.")
        text = made or text
        for name in writing.shown:
            shown = grown(text, f"schemas.{name}", f"{column.name}=", writing.told(column))
            if shown is None:
                untouched.append(f"{path}: show {column.name} where schemas.{name} is made.")
            text = shown or text
        path.write_text(text)
    return untouched


def value_of(column: Column, writing: Writing) -> str | None:
    given = writing.given.get(column.name)
    return None if given is None else writing.kept(column, given)


def grown(text: str, function: str, keyword: str, value: str | None) -> str | None:
    """The text with an argument more in each call of a function; None where none could grow."""
    if value is None:
        return None
    calls = [
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == function and node.keywords
    ]
    found = None
    for call in sorted(calls, key=lambda node: -node.lineno):
        last = call.keywords[-1]
        rows = (found or text).splitlines()
        own_line = rows[last.lineno - 1][: last.col_offset].strip() == ""
        if own_line and int(call.end_lineno or 0) > int(last.end_lineno or 0):
            indent = " " * last.col_offset
            line = f"{indent}{keyword}{value},"
            found = edits.inserted(found or text, int(last.end_lineno or 0), [line])
    return found
